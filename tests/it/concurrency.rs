//! Async actors.

use std::time::{Duration, Instant};

use host_core::spec::Options;
use host_core::{Cause, Error, limits};
use tests::{Actor, Later, Object, World, check, until};

async fn room(world: &World, options: Options) -> Actor {
    let package = world.load("concurrent").await;
    world.spawn(&package, "Room", (), options).unwrap()
}

/// Waits until this many calls are in the room.
async fn until_inside(room: &Actor, expected: u32) {
    let begun = Instant::now();
    while room.ask::<u32>("inside", ()).await != Ok(expected) {
        assert!(begun.elapsed() < Duration::from_secs(10), "waited until {expected} are inside");
    }
}

#[test]
fn calls_of_an_async_actor_interleave_where_they_await() {
    check(async |world| {
        let room = room(&world, Options::default()).await;
        let promises: Vec<Object<i64>> = (0..50).map(|_| world.promise()).collect();
        let stays: Vec<Object<i64>> =
            promises.iter().map(|promise| room.send("stay", ((promise,),)).unwrap()).collect();
        until_inside(&room, 50).await;
        for (index, promise) in promises.iter().enumerate().rev() {
            promise.fulfil(index);
            assert_eq!(stays[index].get().await, Ok(index as i64));
        }
        assert_eq!(room.ask("inside", ()).await, Ok(0));
        assert_eq!(room.ask("most", ()).await, Ok(50));
    });
}

#[test]
fn max_concurrency_bounds_the_calls_in_progress() {
    check(async |world| {
        let options = Options { max_concurrency: Some(3), ..Options::default() };
        let room = room(&world, options).await;
        let promise = world.promise::<i64>();
        let stays: Vec<Object<i64>> =
            (0..10).map(|_| room.send("stay", ((&promise,),)).unwrap()).collect();
        let full = || room.snapshot(&world).is_some_and(|seen| seen.waiting == 7);
        until("seven calls wait", full).await;
        until("three calls are in", || world.lines.len() == 3).await;
        promise.fulfil(1);
        for stay in stays {
            assert_eq!(stay.get().await, Ok(1));
        }
        assert_eq!(room.ask("most", ()).await, Ok(3));
    });
}

#[test]
fn sleeping_calls_sleep_at_the_same_time() {
    check(async |world| {
        let room = room(&world, Options::default()).await;
        let begun = Instant::now();
        let naps: Vec<Object<String>> =
            (0..100).map(|n| room.send("nap", (n.to_string(), 200)).unwrap()).collect();
        for nap in naps {
            nap.get().await.unwrap();
        }
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(200) && took < Duration::from_secs(10), "{took:?}");
        assert_eq!(room.ask::<Vec<String>>("entries", ()).await.unwrap().len(), 100);
    });
}

#[test]
fn an_async_call_takes_the_first_of_several_objects() {
    check(async |world| {
        let room = room(&world, Options::default()).await;
        let promises: Vec<Object<i64>> = (0..3).map(|_| world.promise()).collect();
        let first: Object<i64> = room.send("first_of", (&promises,)).unwrap();
        promises[1].fulfil(21);
        assert_eq!(first.get().await, Ok(21));
    });
}

#[test]
fn a_late_argument_holds_up_only_its_own_call() {
    check(async |world| {
        let room = room(&world, Options::default()).await;
        let late = world.promise::<u64>();
        let first: Object<String> = room.send("nap", ("first", Later(&late))).unwrap();
        assert_eq!(room.ask("nap", ("second", 0)).await, Ok("second".to_owned()));
        late.fulfil(0);
        assert_eq!(first.get().await, Ok("first".to_owned()));
        let entries: Vec<String> = room.ask("entries", ()).await.unwrap();
        assert_eq!(entries, ["second", "first"]);
    });
}

#[test]
fn one_calls_trap_ends_all_with_its_error() {
    check(async |world| {
        let room = room(&world, Options::default()).await;
        let never = world.promise::<i64>();
        let stay: Object<i64> = room.send("stay", ((&never,),)).unwrap();
        let wake = world.promise::<i64>();
        let panics: Object<i64> = room.send("panics", ((&wake,),)).unwrap();
        until_inside(&room, 1).await;
        wake.fulfil(8);
        for call in [panics, stay] {
            let answer = call.get().await;
            let Err(Error::Trapped { method, message, .. }) = answer else {
                panic!("{answer:?}");
            };
            // Of the calls in progress nobody knows which it was.
            assert_eq!(method, format!("Room({})", room.id()));
            assert!(message.starts_with("woken with 8"), "{message}");
        }
        let answer = room.ask::<u32>("inside", ()).await;
        assert!(matches!(answer, Err(Error::Died { cause: Cause::Crashed, .. })), "{answer:?}");
    });
}

#[test]
fn a_waiting_call_is_cancelled_and_the_others_go_on() {
    check(async |world| {
        let room = room(&world, Options::default()).await;
        let never = world.promise::<i64>();
        let stay: Object<i64> = room.send("stay", ((&never,),)).unwrap();
        let nap: Object<String> = room.send("nap", ("long", 600_000)).unwrap();
        until_inside(&room, 1).await;
        stay.cancel();
        nap.cancel();
        assert!(matches!(stay.get().await, Err(Error::Cancelled(_))));
        assert!(matches!(nap.get().await, Err(Error::Cancelled(_))));
        until_inside(&room, 0).await;
        assert_eq!(room.ask("entries", ()).await, Ok(Vec::<String>::new()));
    });
}

#[test]
fn a_call_that_is_cancelled_before_its_argument_is_there_harms_nobody() {
    check(async |world| {
        let room = room(&world, Options::default()).await;
        let never = world.promise::<u64>();
        let nap: Object<String> = room.send("nap", ("never", Later(&never))).unwrap();
        until("the call was begun", || world.only("Room").waiting == 0).await;
        nap.cancel();
        assert!(matches!(nap.get().await, Err(Error::Cancelled(_))));
        let after = limits::CANCEL_GRACE + Duration::from_millis(100);
        let slept = room.ask::<String>("nap", ("later", after.as_millis() as u64)).await;
        assert_eq!(slept, Ok("later".to_owned()));
    });
}

#[test]
fn an_async_call_that_ignores_its_cancellation_takes_its_actor_along() {
    check(async |world| {
        let room = room(&world, Options::default()).await;
        let other = room_of_its_own(&world).await;
        let spins: Object<()> = room.send("spins", ()).unwrap();
        room.until_running(&world).await;
        let begun = Instant::now();
        spins.cancel();
        assert!(matches!(spins.get().await, Err(Error::Cancelled(_))));
        room.until_dead(&world).await;
        let took = begun.elapsed();
        assert!(took < limits::CANCEL_GRACE + Duration::from_secs(2), "after {took:?}");
        assert_eq!(other.ask("most", ()).await, Ok(0));
    });
}

async fn room_of_its_own(world: &World) -> Actor {
    room(world, Options::default()).await
}

#[test]
fn a_sequential_class_lives_in_the_async_world() {
    check(async |world| {
        let plain = world.actor("concurrent", "Plain", ()).await;
        let sums: Vec<Object<i64>> = (1..=10).map(|n| plain.send("add", (n,)).unwrap()).collect();
        for (index, sum) in sums.iter().enumerate() {
            let n = index as i64 + 1;
            assert_eq!(sum.get().await, Ok(n * (n + 1) / 2));
        }
    });
}

#[test]
fn an_async_driver_awaits_its_calls() {
    check(async |world| {
        let package = world.load("concurrent").await;
        world.job.run(&package, Vec::new()).await.unwrap();
        assert_eq!(world.lines.stdout(), "a b c\n");
    });
}

#[test]
fn an_async_actor_ends_with_its_last_handle_after_its_calls() {
    check(async |world| {
        let room = room(&world, Options::default()).await;
        let promise = world.promise::<i64>();
        let stay: Object<i64> = room.send("stay", ((&promise,),)).unwrap();
        until_inside(&room, 1).await;
        drop(room);
        promise.fulfil(6);
        assert_eq!(stay.get().await, Ok(6));
        world.until_gone("Room").await;
    });
}
