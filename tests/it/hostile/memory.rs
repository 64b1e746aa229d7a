//! Guests that take memory: their own, and the host's.

use host_core::spec::Options;
use host_core::{Cause, Error, limits};
use tests::Object;

use super::{attack, attack_with, check_died, memory_option};

#[track_caller]
fn check_out_of_memory<T: std::fmt::Debug>(answer: Result<T, Error>, names: &str) {
    match answer {
        Err(Error::OutOfMemory(text)) if text.contains(names) => {}
        other => panic!("not out of memory with {names:?}: {other:?}"),
    }
}

#[test]
fn a_memory_bomb() {
    attack(async |arena| {
        let attacker = arena.attacker();
        check_out_of_memory(attacker.ask::<()>("double_memory", ()).await, "256 MiB");
        check_died(attacker.ask::<bool>("ping", ()).await, Cause::Crashed);
    });
}

#[test]
fn memory_bombs_in_many_actors() {
    attack(async |arena| {
        let attackers: Vec<_> = (0..10).map(|_| arena.attacker_with(memory_option(32))).collect();
        let calls: Vec<Object<()>> =
            attackers.iter().map(|attacker| attacker.send("double_memory", ()).unwrap()).collect();
        for call in calls {
            check_out_of_memory(call.get().await, "32 MiB");
        }
    });
}

#[test]
fn memory_that_grows_in_small_steps() {
    attack(async |arena| {
        let attacker = arena.attacker_with(memory_option(64));
        check_out_of_memory(attacker.ask::<()>("creep", ()).await, "Attacker.creep");
    });
}

#[test]
fn a_giant_argument() {
    attack(async |arena| {
        let sender = arena.attacker();
        let small = arena.attacker_with(memory_option(16));
        check_out_of_memory(sender.ask::<usize>("send_large", (&small, 60)).await, "16 MiB");
        check_died(small.ask::<bool>("ping", ()).await, Cause::Crashed);
        let large = arena.attacker();
        assert_eq!(sender.ask("send_large", (&large, 60)).await, Ok(60 << 20));
    });
}

#[test]
fn a_giant_result() {
    attack_with(
        |config| config.object_store_bytes = 32 << 20,
        async |arena| {
            let attacker = arena.attacker();
            // More than the store holds: it may go to disk, or be refused,
            // and in both cases the actor lives on.
            let answer = attacker.ask::<serde_bytes::ByteBuf>("answer_large", (80,)).await;
            match answer {
                Ok(bytes) => assert_eq!(bytes.len(), 80 << 20),
                Err(Error::OutOfMemory(text)) => assert!(text.contains("32 MiB"), "{text}"),
                Err(other) => panic!("{other:?}"),
            }
            assert_eq!(attacker.ask("ping", ()).await, Ok(true));
        },
    );
}

#[test]
fn as_many_refs_as_there_can_be() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let (count, error): (usize, String) = attacker.ask("hoard_refs", ()).await.unwrap();
        assert_eq!(count, limits::ACTOR_RESOURCES);
        assert!(error.starts_with("OutOfMemory(") && error.contains("1000000"), "{error}");
        // It let them go, and goes on.
        assert_eq!(attacker.ask("ping", ()).await, Ok(true));
    });
}

#[test]
fn a_host_of_actors_that_nobody_calls() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let count = 10_000;
        assert_eq!(attacker.ask("hoard_actors", (count,)).await, Ok(count));
        arena.check_serving().await;
    });
}

#[test]
fn more_actors_than_there_is_room_for() {
    attack(async |arena| {
        let attacker = arena.attacker();
        let (answered, waiting): (usize, usize) =
            attacker.ask("fill_the_pool", (400,)).await.unwrap();
        assert!((150..200).contains(&answered), "{answered} of 400 in a pool of 200");
        assert_eq!(waiting, 400 - answered);
        arena.check_serving().await;
        // Those that waited never run, once nobody holds them.
        arena.world.until_gone("Idler").await;
    });
}

#[test]
fn handles_that_are_never_dropped() {
    attack(async |arena| {
        let attacker = arena.attacker();
        assert_eq!(attacker.ask("leak_handles", (100,)).await, Ok(()));
        assert_eq!(arena.world.live("Idler").len(), 100);
        drop(attacker);
        // They end with the actor that had them.
        arena.world.until_gone("Idler").await;
    });
}

#[test]
fn handles_in_a_circle() {
    attack(async |arena| {
        let job = arena.world.other_job();
        let holder = |held: Option<()>| {
            tests::spawn_in(&job, &arena.package, "Holder", (held,), Options::default())
                .expect("the actor can be created")
        };
        let (one, two, own) = (holder(None), holder(None), holder(None));
        assert_eq!(one.ask("hold", (&two,)).await, Ok(()));
        assert_eq!(two.ask("hold", (&one,)).await, Ok(()));
        assert_eq!(own.ask("hold_itself", ()).await, Ok(()));
        assert_eq!(own.ask("ping", ()).await, Ok(true));
        drop((one, two, own));
        // Their job's end is theirs.
        drop(job);
        arena.world.until_gone("Holder").await;
    });
}
