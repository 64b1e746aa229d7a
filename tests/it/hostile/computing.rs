//! Guests that take the processor.

use std::time::{Duration, Instant};

use host_core::spec::Options;
use host_core::{Cause, Error};
use tests::{Actor, Object};

use super::{Arena, attack, check_died, trapped};

#[test]
fn endless_loops_on_more_actors_than_cores() {
    attack(async |arena| {
        let attackers: Vec<Actor> = (0..6).map(|_| arena.attacker()).collect();
        let calls: Vec<Object<()>> =
            attackers.iter().map(|attacker| attacker.send("spin", ()).unwrap()).collect();
        for attacker in &attackers {
            attacker.until_running(&arena.world).await;
        }
        arena.check_serving().await;
        let begun = Instant::now();
        attackers.iter().for_each(Actor::kill);
        for call in calls {
            check_died(call.get().await, Cause::Killed);
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "killed after {:?}", begun.elapsed());
    });
}

#[test]
fn endless_recursion() {
    attack(async |arena| {
        for _ in 0..20 {
            let attacker = arena.attacker();
            let (method, message) = trapped(attacker.ask::<u64>("recurse", ()).await);
            assert_eq!((&*method, &*message), ("Attacker.recurse", "call stack exhausted"));
        }
    });
}

#[test]
fn an_endless_constructor() {
    attack(async |arena| {
        let stillborn: Vec<Actor> =
            (0..4).map(|_| arena.spawn("Stillborn", ("loop",), Options::default())).collect();
        let pings: Vec<Object<bool>> =
            stillborn.iter().map(|actor| actor.send("ping", ()).unwrap()).collect();
        arena.check_serving().await;
        stillborn.iter().for_each(Actor::kill);
        for ping in pings {
            check_died(ping.get().await, Cause::Killed);
        }
    });
}

#[test]
fn a_constructor_that_traps_exits_or_takes_all_memory() {
    attack(async |arena| {
        for how in ["trap", "exit", "memory"] {
            let options = Options { max_restarts: Some(-1), ..Options::default() };
            let stillborn = arena.spawn("Stillborn", (how,), options);
            let message =
                check_died(stillborn.ask::<bool>("ping", ()).await, Cause::ConstructorFailed);
            assert!(message.starts_with("its constructor failed: "), "{how}: {message}");
        }
    });
}

#[test]
fn an_actor_that_kills_itself_and_goes_on() {
    attack(async |arena| {
        let attacker = arena.attacker();
        check_died(attacker.ask::<()>("kill_itself", ()).await, Cause::Killed);
    });
}

#[test]
fn a_crash_loop() {
    attack(async |arena| {
        let options =
            Options { max_restarts: Some(-1), max_retries: Some(-1), ..Options::default() };
        let attacker = arena.attacker_with(options);
        let call: Object<u64> = attacker.send("recurse", ()).unwrap();
        tests::until("it was restarted a few times", || {
            arena.world.live("Attacker").iter().any(|seen| seen.restarts >= 3)
        })
        .await;
        attacker.kill();
        check_died(call.get().await, Cause::Killed);
    });
}

#[test]
fn floods_of_clocks_and_random_numbers() {
    attack(async |arena| {
        let attackers = [arena.attacker(), arena.attacker()];
        let clocks: Object<bool> = attackers[0].send("flood_clocks", (100_000,)).unwrap();
        let random: Object<u64> = attackers[1].send("flood_random", (100_000,)).unwrap();
        assert_eq!(clocks.get().await, Ok(true));
        assert!(random.get().await.is_ok());
    });
}

#[test]
fn a_call_to_itself() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let answer = attacker.ask::<bool>("call_itself", ()).await;
        let Err(Error::Invalid(text)) = answer else { panic!("{answer:?}") };
        assert!(text.contains("call cycle"), "{text}");
        assert_eq!(attacker.ask("ping", ()).await, Ok(true));
    });
}

/// Whatever runs when the world goes must go with it.
#[test]
fn a_job_that_ends_while_its_actors_spin() {
    attack(async |arena: Arena| {
        let attacker = arena.attacker();
        let spin: Object<()> = attacker.send("spin", ()).unwrap();
        attacker.until_running(&arena.world).await;
        let job = arena.world.other_job();
        let doomed = tests::spawn_in(&job, &arena.package, "Attacker", (), Options::default());
        let doomed = doomed.unwrap().in_job(&arena.world.job);
        let call: Object<()> = doomed.send("spin", ()).unwrap();
        doomed.until_running(&arena.world).await;
        drop(job);
        check_died(call.get().await, Cause::JobEnded);
        attacker.kill();
        check_died(spin.get().await, Cause::Killed);
    });
}
