//! Guests that wait, and that let others wait.

use host_core::{Cause, Error};
use tests::{Actor, Object};

use super::{attack, check_died, trapped};

#[test]
fn a_trap_while_others_wait_for_it() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let signal = arena.world.promise::<u64>();
        let bystanders: Vec<Actor> =
            (0..20).map(|_| arena.spawn("Bystander", (), Default::default())).collect();
        let waits: Vec<Object<()>> = bystanders
            .iter()
            .map(|bystander| bystander.send("wait_on", (&attacker, (&signal,))).unwrap())
            .collect();
        tests::until("all calls are there", || {
            attacker.snapshot(&arena.world).is_some_and(|seen| seen.waiting == 19)
        })
        .await;
        signal.fulfil(1);
        let (mut traps, mut deaths) = (0, 0);
        for wait in waits {
            match wait.get().await {
                Err(Error::Trapped { method, .. }) if method == "Attacker.trap" => traps += 1,
                Err(Error::Died { cause: Cause::Crashed, .. }) => deaths += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((traps, deaths), (1, 19));
    });
}

#[test]
fn a_get_that_never_ends() {
    attack(async |arena| {
        let never = arena.world.promise::<u64>();
        let attackers: Vec<Actor> = (0..20).map(|_| arena.attacker()).collect();
        let waits: Vec<Object<u64>> = attackers
            .iter()
            .map(|attacker| attacker.send("wait_forever", ((&never,),)).unwrap())
            .collect();
        for attacker in &attackers {
            attacker.until_running(&arena.world).await;
        }
        attackers.iter().for_each(Actor::kill);
        for wait in waits {
            check_died(wait.get().await, Cause::Killed);
        }
        assert!(!never.is_settled());
    });
}

#[test]
fn a_get_with_the_longest_time_out_there_is() {
    attack(async |arena| {
        let never = arena.world.promise::<u64>();
        let attacker = arena.attacker();
        let wait: Object<u64> = attacker.send("wait_for_ages", ((&never,),)).unwrap();
        attacker.until_running(&arena.world).await;
        never.fulfil(5);
        assert_eq!(wait.get().await, Ok(5));
    });
}

#[test]
fn waits_on_one_object_many_times_over() {
    attack(async |arena| {
        let never = arena.world.promise::<u64>();
        let attackers: Vec<Actor> = (0..4).map(|_| arena.attacker()).collect();
        let waits: Vec<Object<usize>> = attackers
            .iter()
            .map(|attacker| attacker.send("wait_on_many", ((&never,), 20_000, 10)).unwrap())
            .collect();
        for wait in waits {
            assert_eq!(wait.get().await, Ok(0));
        }
    });
}

#[test]
fn a_trap_in_the_middle_of_a_wait_for_others() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let signal = arena.world.promise::<u64>();
        let trap: Object<()> = attacker.send("trap", ((&signal,),)).unwrap();
        attacker.until_running(&arena.world).await;
        signal.fulfil(1);
        assert_eq!(trapped(trap.get().await).0, "Attacker.trap");
    });
}
