//! Mailboxes, memory and the node's resources have bounds, and full is an
//! answer.

use host::actor::State;
use host::node::Config;
use host_core::spec::Options;
use host_core::{Cause, Error, limits};
use serde_bytes::Bytes;
use tests::{Later, Object, check, check_with, until};

#[test]
fn a_mailbox_takes_as_many_calls_as_its_actor_says() {
    check(async |world| {
        let package = world.load("basic").await;
        let options = Options { max_pending_calls: Some(3), ..Options::default() };
        let counter = world.spawn(&package, "Counter", (), options).unwrap();
        let late = world.promise::<i64>();
        let first: Object<i64> = counter.send("add", (Later(&late),)).unwrap();
        let more: Vec<Object<i64>> =
            (0..2).map(|_| counter.send("increment", ()).unwrap()).collect();
        let full = counter.send::<i64>("increment", ()).map(drop);
        let Err(Error::MailboxFull(text)) = full else { panic!("{full:?}") };
        assert!(text.contains(" 3 calls") && text.contains("Counter("), "{text}");
        late.fulfil(0);
        assert_eq!(first.get().await, Ok(0));
        assert_eq!((more[0].get().await, more[1].get().await), (Ok(1), Ok(2)));
        // The call that was refused has not run, and there is room again.
        assert_eq!(counter.ask("increment", ()).await, Ok(3));
    });
}

#[test]
fn a_mailbox_takes_only_so_many_bytes_of_arguments() {
    check(async |world| {
        const EACH: usize = 16 << 20;
        let hog = world.actor("lives", "Hog", ()).await;
        let late = world.promise::<i64>();
        // Holds up what this caller sends later; its failure harms nobody.
        let first: Object<usize> = hog.send("take", (Later(&late),)).unwrap();
        let bytes = vec![1; EACH];
        let fit = limits::MAILBOX_BYTES as usize / EACH - 1;
        let sizes: Vec<Object<usize>> =
            (0..fit).map(|_| hog.send("size", (Bytes::new(&bytes),)).unwrap()).collect();
        let full = hog.send::<usize>("size", (Bytes::new(&bytes),)).map(drop);
        let Err(Error::MailboxFull(text)) = full else { panic!("{full:?}") };
        assert!(text.contains(&limits::MAILBOX_BYTES.to_string()), "{text}");
        late.fail(Error::Cancelled("over".into()));
        assert!(first.get().await.is_err());
        for size in sizes {
            assert_eq!(size.get().await, Ok(EACH));
        }
    });
}

#[test]
fn a_large_value_goes_there_and_back() {
    check(async |world| {
        let hog = world.actor("lives", "Hog", ()).await;
        let bytes: Vec<u8> = (0..8u32 << 20).map(|n| (n % 251) as u8).collect();
        let mirrored: serde_bytes::ByteBuf =
            hog.ask("mirror", (Bytes::new(&bytes),)).await.unwrap();
        assert!(*mirrored == bytes, "the bytes are changed");
        drop(mirrored);
        until("the result is freed", || world.node.object_bytes() == 0).await;
    });
}

fn memory(mebibytes: u64) -> Options {
    Options { memory: Some(mebibytes << 20), ..Options::default() }
}

#[test]
fn the_memory_option_is_a_limit() {
    check(async |world| {
        let package = world.load("lives").await;
        let hog = world.spawn(&package, "Hog", (), memory(16)).unwrap();
        assert_eq!(hog.ask("take", (4,)).await, Ok(4));
        let answer = hog.ask::<usize>("take", (32,)).await;
        let Err(Error::OutOfMemory(text)) = answer else { panic!("{answer:?}") };
        assert!(text.contains("Hog.take") && text.contains("16 MiB"), "{text}");
        let answer = hog.ask::<usize>("take", (1,)).await;
        assert!(matches!(answer, Err(Error::Died { cause: Cause::Crashed, .. })), "{answer:?}");
        let roomy = world.spawn(&package, "Hog", (), memory(64)).unwrap();
        assert_eq!(roomy.ask("take", (32,)).await, Ok(32));
    });
}

#[test]
fn memory_that_is_too_little_is_refused() {
    check(async |world| {
        let package = world.load("lives").await;
        let refused = world.spawn(&package, "Hog", (), memory(1)).map(drop);
        let Err(Error::Invalid(text)) = refused else { panic!("{refused:?}") };
        assert!(text.contains("memory") && text.contains("1048576"), "{text}");
    });
}

fn cpus(cpus: f64) -> Options {
    Options { cpus: Some(cpus), ..Options::default() }
}

#[test]
fn what_can_never_fit_is_refused_at_once_with_the_numbers() {
    check(async |world| {
        let package = world.load("basic").await;
        let custom = Options { resources: vec![("laser".into(), 1.0)], ..Options::default() };
        for (options, numbers) in [
            (cpus(5.0), ["5 cpus", "4"]),
            (memory(2048), ["2 GiB", "1 GiB"]),
            (Options { gpus: Some(1.0), ..Options::default() }, ["1 gpu", ""]),
            (custom, ["laser", ""]),
        ] {
            let named = Options { name: Some("it".into()), ..options };
            let refused = world.spawn(&package, "Counter", (), named).map(drop);
            let Err(Error::Unplaceable(text)) = refused else { panic!("{refused:?}") };
            assert!(numbers.iter().all(|number| text.contains(number)), "{numbers:?}: {text}");
            // Nothing is left behind, not even the name.
            assert!(world.lookup("it").await.is_err() && world.live("Counter").is_empty());
        }
    });
}

#[test]
fn an_actor_waits_visibly_for_resources_and_runs_when_they_are_free() {
    check(async |world| {
        let package = world.load("basic").await;
        let first = world.spawn(&package, "Counter", (), cpus(3.0)).unwrap();
        assert_eq!(first.ask("increment", ()).await, Ok(1));
        let second = world.spawn(&package, "Counter", (), cpus(2.0)).unwrap();
        let waiting: Object<i64> = second.send("increment", ()).unwrap();
        let Some(State::Pending(reason)) = second.snapshot(&world).map(|seen| seen.state) else {
            panic!("the second waits: {:?}", second.snapshot(&world));
        };
        assert!(reason.contains("2 cpus"), "{reason}");
        // Those that ask for something else are not held up.
        let third = world.spawn(&package, "Counter", (), memory(64)).unwrap();
        assert_eq!(third.ask("increment", ()).await, Ok(1));
        assert!(!waiting.is_settled());
        first.kill();
        assert_eq!(waiting.get().await, Ok(1));
    });
}

#[test]
fn an_actor_waits_visibly_for_a_place_in_the_pool() {
    let two = |config: &mut Config| config.pool.actors = 2;
    check_with(two, async |world| {
        let package = world.load("basic").await;
        let spawn = || world.spawn(&package, "Counter", (), Options::default()).unwrap();
        let (first, second) = (spawn(), spawn());
        for counter in [&first, &second] {
            assert_eq!(counter.ask("increment", ()).await, Ok(1));
        }
        let third = spawn();
        let waiting: Object<i64> = third.send("increment", ()).unwrap();
        let reason = loop {
            match third.snapshot(&world).map(|seen| seen.state) {
                Some(State::Pending(reason)) => break reason,
                Some(State::Starting) => tokio::task::yield_now().await,
                other => panic!("the third waits: {other:?}"),
            }
        };
        assert!(reason.contains("2 actors") && reason.contains("--max-actors"), "{reason}");
        assert_eq!(first.ask("increment", ()).await, Ok(2));
        assert!(!waiting.is_settled());
        drop(first);
        assert_eq!(waiting.get().await, Ok(1));
        // One that is killed while it waits never runs, and leaves no trace.
        let (fourth, fifth) = (spawn(), spawn());
        let never: Object<i64> = fourth.send("increment", ()).unwrap();
        let later: Object<i64> = fifth.send("increment", ()).unwrap();
        fourth.kill();
        assert!(matches!(never.get().await, Err(Error::Died { cause: Cause::Killed, .. })));
        second.kill();
        assert_eq!(later.get().await, Ok(1));
    });
}

#[test]
fn resources_come_back_with_the_last_handle_and_with_a_crash() {
    check(async |world| {
        let package = world.load("lives").await;
        for _ in 0..5 {
            let critic = world.spawn(&package, "Critic", (), cpus(4.0)).unwrap();
            assert_eq!(critic.ask("typed", (0,)).await, Ok(1));
        }
        for _ in 0..5 {
            let critic = world.spawn(&package, "Critic", (), cpus(4.0)).unwrap();
            let crash = critic.ask::<()>("panics", ("x",)).await;
            assert!(matches!(crash, Err(Error::Trapped { .. })), "{crash:?}");
        }
    });
}

#[test]
fn a_waiting_actor_that_is_let_go_never_runs() {
    check(async |world| {
        let package = world.load("basic").await;
        let first = world.spawn(&package, "Counter", (), cpus(4.0)).unwrap();
        let second = world.spawn(&package, "Counter", (), cpus(4.0)).unwrap();
        drop(second);
        until("only the first is left", || world.live("Counter").len() == 1).await;
        assert_eq!(first.ask("increment", ()).await, Ok(1));
    });
}

#[test]
fn objects_past_the_cap_go_to_disk_and_come_back() {
    let small = |config: &mut host::node::Config| config.object_store_bytes = 8 << 20;
    check_with(small, async |world| {
        const EACH: usize = 1 << 20;
        let courier = world.actor("basic", "Courier", ()).await;
        let mut objects: Vec<Object<serde_bytes::ByteBuf>> = Vec::new();
        for _ in 0..24 {
            objects.push(courier.ask("put_bytes", (EACH,)).await.unwrap());
            assert!(world.node.object_bytes() <= 8 << 20);
        }
        for object in &objects {
            let bytes = object.get().await.unwrap();
            assert!(bytes.len() == EACH && bytes.iter().all(|byte| *byte == 7));
        }
        objects.clear();
        until("all are freed", || world.node.object_bytes() == 0).await;
    });
}
