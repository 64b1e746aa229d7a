//! Cancelling calls, and calls whose time is up.

use std::time::{Duration, Instant};

use host_core::spec::Options;
use host_core::{Cause, Error, limits};
use tests::{Later, Object, check};

fn is_cancelled<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Cancelled(_)))
}

#[test]
fn a_queued_call_that_is_cancelled_never_runs() {
    check(async |world| {
        let late = world.promise::<i64>();
        let counter = world.actor("basic", "Counter", ()).await;
        let first: Object<i64> = counter.send("add", (Later(&late),)).unwrap();
        let second: Object<i64> = counter.send("increment", ()).unwrap();
        second.cancel();
        assert!(is_cancelled(second.get().await));
        late.fulfil(10);
        assert_eq!(first.get().await, Ok(10));
        assert_eq!(counter.ask("get_value", ()).await, Ok(10));
    });
}

#[test]
fn a_running_call_notices_that_it_is_cancelled_and_its_actor_lives_on() {
    check(async |world| {
        let gate = world.actor("basic", "Gate", ()).await;
        let call: Object<u64> = gate.send("until_cancelled", ()).unwrap();
        gate.until_running(&world).await;
        call.cancel();
        assert!(is_cancelled(call.get().await));
        assert_eq!(gate.ask("echo", (1,)).await, Ok(1));
        assert!(world.lines.has("noticed"));
        assert_eq!(world.only("Gate").restarts, 0);
    });
}

#[test]
fn a_call_that_waits_is_woken_by_its_cancellation() {
    check(async |world| {
        let gate = world.actor("basic", "Gate", ()).await;
        let never = world.promise::<i64>();
        for method in ["pass", "wait_for"] {
            let call: Object<i64> = gate.send(method, ((&never,),)).unwrap();
            gate.until_running(&world).await;
            call.cancel();
            assert!(is_cancelled(call.get().await));
            assert_eq!(gate.ask("echo", (1,)).await, Ok(1));
        }
    });
}

#[test]
fn a_call_that_ignores_its_cancellation_is_interrupted() {
    check(async |world| {
        let gate = world.actor("basic", "Gate", ()).await;
        let other = world.actor("basic", "Gate", ()).await;
        let call: Object<()> = gate.send("forever", ()).unwrap();
        let queued: Object<i64> = gate.send("echo", (1,)).unwrap();
        gate.until_running(&world).await;
        let begun = Instant::now();
        call.cancel();
        // Its caller need not wait for it.
        assert!(is_cancelled(call.get().await));
        assert_eq!(other.ask("echo", (2,)).await, Ok(2));
        gate.until_dead(&world).await;
        let took = begun.elapsed();
        assert!(took >= limits::CANCEL_GRACE, "interrupted after {took:?}");
        assert!(took < limits::CANCEL_GRACE + Duration::from_secs(2), "after {took:?}");
        let Err(Error::Died { cause, message, .. }) = queued.get().await else {
            panic!("the queued call is answered with the death");
        };
        assert_eq!(cause, Cause::Crashed);
        assert!(message.contains("Gate.forever was cancelled"), "{message}");
        assert_eq!(other.ask("echo", (3,)).await, Ok(3));
    });
}

#[test]
fn an_interrupted_actor_with_a_restart_left_lives_again() {
    check(async |world| {
        let package = world.load("basic").await;
        let options = Options { max_restarts: Some(1), ..Options::default() };
        let gate = world.spawn(&package, "Gate", (), options).unwrap();
        let call: Object<()> = gate.send("forever", ()).unwrap();
        let queued: Object<i64> = gate.send("echo", (1,)).unwrap();
        gate.until_running(&world).await;
        call.cancel();
        assert!(is_cancelled(call.get().await));
        assert_eq!(queued.get().await, Ok(1));
        assert_eq!(world.only("Gate").restarts, 1);
    });
}

#[test]
fn cancelling_a_ready_object_has_no_effect() {
    check(async |world| {
        let gate = world.actor("basic", "Gate", ()).await;
        let call: Object<i64> = gate.send("echo", (5,)).unwrap();
        assert_eq!(call.get().await, Ok(5));
        call.cancel();
        assert_eq!(call.get().await, Ok(5));
        assert_eq!(gate.ask("echo", (6,)).await, Ok(6));
    });
}

#[test]
fn a_guest_cancels_its_own_calls() {
    check(async |world| {
        let gate = world.actor("basic", "Gate", ()).await;
        let waiter = world.actor("basic", "Waiter", ()).await;
        assert_eq!(waiter.ask("cancels", (&gate,)).await, Ok(7));
    });
}

#[test]
fn a_call_whose_time_is_up_answers_so_and_is_stopped() {
    check(async |world| {
        let gate = world.actor("basic", "Gate", ()).await;
        let waiter = world.actor("basic", "Waiter", ()).await;
        let begun = Instant::now();
        let answer = waiter.ask::<()>("times_out", (&gate, 50)).await;
        let took = begun.elapsed();
        let expected = "the call was not done after 50ms";
        assert!(matches!(&answer, Err(Error::TimedOut(text)) if text == expected), "{answer:?}");
        assert!(took < limits::CANCEL_GRACE, "answered after {took:?}");
        gate.until_dead(&world).await;
    });
}
