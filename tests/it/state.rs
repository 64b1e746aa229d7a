//! State is kept, and calls come in order.

use tests::{Actor, Later, Object, check, until};

#[test]
fn state_is_kept_between_calls() {
    check(async |world| {
        let counter = world.actor("basic", "Counter", ()).await;
        for expected in 1..=100 {
            assert_eq!(counter.ask("increment", ()).await, Ok(expected));
        }
        assert_eq!(counter.ask("get_value", ()).await, Ok(100));
    });
}

#[test]
fn two_actors_of_a_class_share_nothing() {
    check(async |world| {
        let one = world.actor("basic", "Counter", ()).await;
        let two = world.actor("basic", "Counter", ()).await;
        assert_eq!(one.ask("add", (5,)).await, Ok(5));
        assert_eq!(two.ask("increment", ()).await, Ok(1));
        assert_eq!(one.ask("get_value", ()).await, Ok(5));
    });
}

#[test]
fn calls_of_one_caller_run_in_the_order_they_were_sent() {
    check(async |world| {
        let counter = world.actor("basic", "Counter", ()).await;
        let sent: Vec<Object<i64>> =
            (0..1_000).map(|_| counter.send("increment", ()).unwrap()).collect();
        for (index, object) in sent.iter().enumerate() {
            assert_eq!(object.get().await, Ok(index as i64 + 1));
        }
    });
}

/// A pending object, and the gate that makes it when `key` is there.
async fn pending(world: &tests::World) -> (Actor, Object<i64>, Object<i64>) {
    let gate = world.actor("basic", "Gate", ()).await;
    let key_gate = world.actor("basic", "Gate", ()).await;
    let key: Object<i64> = key_gate.send("until_cancelled", ()).unwrap();
    let object = gate.send("pass", (&key,)).unwrap();
    (gate, key, object)
}

#[test]
fn a_call_whose_argument_is_late_holds_up_later_calls_of_its_caller() {
    check(async |world| {
        let (_gate, key, late) = pending(&world).await;
        let counter = world.actor("basic", "Counter", ()).await;
        let first: Object<i64> = counter.send("add", (Later(&late),)).unwrap();
        let second: Object<i64> = counter.send("increment", ()).unwrap();
        until("the counter has both calls", || {
            counter.snapshot(&world).is_some_and(|seen| seen.waiting == 2)
        })
        .await;
        assert!(!second.is_settled());
        key.cancel();
        // The argument's failure is the call's.
        assert!(first.get().await.is_err());
        assert_eq!(second.get().await, Ok(1));
    });
}
