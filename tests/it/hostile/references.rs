//! Chains of references, long enough to overflow a stack that follows them.

use host_core::spec::Options;
use tests::{Actor, Object, until};

use super::{attack, memory_option};

#[test]
fn an_object_in_an_object_in_an_object() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let chain: Object<()> = attacker.ask("chain_objects", (200_000,)).await.unwrap();
        drop(chain);
        assert_eq!(attacker.ask("ping", ()).await, Ok(true));
    });
}

#[test]
fn an_actor_that_holds_an_actor_that_holds_an_actor() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let chain: Actor = attacker.ask("chain_actors", (150, true)).await.unwrap();
        assert_eq!(arena.world.live("Holder").len(), 150);
        drop(chain);
        arena.world.until_gone("Holder").await;
    });
}

#[test]
fn constructor_arguments_that_hold_actors_that_never_ran() {
    attack(async |arena| {
        let attacker = arena.attacker_with(memory_option(64));
        let chain: Actor = attacker.ask("chain_actors", (5_000, false)).await.unwrap();
        drop(chain);
        arena.world.until_gone("Holder").await;
    });
}

#[test]
fn calls_that_each_wait_for_the_one_before() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let target = arena.attacker();
        assert_eq!(attacker.ask("chain_calls", (&target, 9_000)).await, Ok(9_000));
    });
}

#[test]
fn a_chain_whose_first_link_is_killed() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let holder = arena.spawn("Holder", (None::<()>,), Options::default());
        assert_eq!(holder.ask("ping", ()).await, Ok(false));
        let chain: Actor = attacker.ask("chain_actors", (100, true)).await.unwrap();
        chain.kill();
        until("all but one are gone", || arena.world.live("Holder").len() == 1).await;
        assert_eq!(holder.ask("ping", ()).await, Ok(false));
    });
}
