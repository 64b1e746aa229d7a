//! Actors that ask for a process of their own, and have no GPU.

use std::time::{Duration, Instant};

use host_core::Error;
use host_core::spec::{Isolation, Options};
use tests::gpu::{is_worker, kill_worker_of, workers_of};
use tests::{Actor, Object, World, check, check_apart, until};

/// Ours, but for one that waits for an actor.
fn workers() -> Vec<u32> {
    workers_of(std::process::id())
}

fn apart() -> Options {
    Options { isolation: Some(Isolation::Process), ..Options::default() }
}

async fn spawn(world: &World, package: &str, class: &str, options: Options) -> Actor {
    let package = world.load(package).await;
    world.spawn(&package, class, (), options).unwrap()
}

#[test]
fn who_asks_for_a_process_has_one_and_who_does_not_has_none() {
    check_apart(async |world| {
        until("the processes of other tests are gone", || workers().is_empty()).await;
        let shared = spawn(&world, "basic", "Counter", Options::default()).await;
        assert_eq!(shared.ask("increment", ()).await, Ok(1));
        assert!(workers().is_empty(), "nobody has asked for a process");
        let courier = world.actor("basic", "Courier", ()).await;
        let made: Result<(Actor, Actor), Error> = courier.ask("make_apart", ()).await;
        let (counter, vault) = made.unwrap();
        assert_eq!(vault.ask("increment", ()).await, Ok(1));
        for expected in 1..=100 {
            assert_eq!(counter.ask("increment", ()).await, Ok(expected));
        }
        // The counter's, and one that is started ahead for the next: the vault
        // has none, since its options overrule its class.
        until("two processes run", || workers().len() == 2).await;
        let vault = world.actor("basic", "Vault", ()).await;
        assert_eq!(vault.ask("increment", ()).await, Ok(1));
        until("three processes run", || workers().len() == 3).await;
        drop(counter);
        until("its process is gone", || workers().len() == 2).await;
    });
}

#[test]
fn its_end_is_a_crash_of_this_actor_alone() {
    check_apart(async |world| {
        let other = spawn(&world, "basic", "Counter", Options::default()).await;
        assert_eq!(other.ask("increment", ()).await, Ok(1));
        let options = Options { max_restarts: Some(1), ..apart() };
        let counter = spawn(&world, "basic", "Counter", options).await;
        assert_eq!(counter.ask("increment", ()).await, Ok(1));
        assert_eq!(counter.ask("increment", ()).await, Ok(2));
        kill_worker_of("Counter", &counter);
        until("it has restarted", || {
            counter.snapshot(&world).is_some_and(|seen| seen.restarts == 1)
        })
        .await;
        assert_eq!(counter.ask("increment", ()).await, Ok(1), "it starts anew");
        assert_eq!(other.ask("increment", ()).await, Ok(2), "it noticed nothing");
    });
}

#[test]
fn what_attackers_do_ends_as_it_does_without_a_process() {
    check_apart(async |world| {
        let other = spawn(&world, "basic", "Counter", Options::default()).await;
        for (method, text) in [("recurse", "stack"), ("double_memory", "memory")] {
            let bad = spawn(&world, "hostile", "Attacker", apart()).await;
            let crashed: Result<u64, Error> = bad.ask(method, ()).await;
            let message = crashed.unwrap_err().to_string();
            assert!(message.contains(text), "{method}: {message}");
        }
        let bad = spawn(&world, "hostile", "Attacker", apart()).await;
        let call: Object<()> = bad.send("spin", ()).unwrap();
        bad.until_running(&world).await;
        let running = workers();
        assert_eq!(other.ask("increment", ()).await, Ok(1));
        let killed = Instant::now();
        bad.kill();
        assert!(matches!(call.get().await, Err(Error::Died { .. })));
        assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
        until("its process is gone", || running.iter().any(|id| !is_worker(*id))).await;
        assert_eq!(other.ask("increment", ()).await, Ok(2));
    });
}

#[test]
fn a_node_without_processes_says_so() {
    check(async |world| {
        let package = world.load("basic").await;
        let refused = world.spawn(&package, "Vault", (), Options::default());
        let Err(Error::Unplaceable(why)) = refused else { panic!("it was made") };
        assert!(why.contains("isolation") && why.contains("no processes"), "{why}");
    });
}
