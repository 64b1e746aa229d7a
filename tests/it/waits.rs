//! `get` and `wait`, with and without time-outs.

use host_core::Error;
use tests::{Object, check};

#[test]
fn many_values_come_in_the_order_of_their_refs() {
    check(async |world| {
        let waiter = world.actor("basic", "Waiter", ()).await;
        let promises: Vec<Object<i64>> = (0..20).map(|_| world.promise()).collect();
        let got: Object<Vec<i64>> = waiter.send("get_many", (&promises,)).unwrap();
        for (index, promise) in promises.iter().enumerate().rev() {
            promise.fulfil(index);
        }
        assert_eq!(got.get().await, Ok((0..20).collect()));
    });
}

#[test]
fn the_first_failure_ends_a_get_while_others_are_pending() {
    check(async |world| {
        let waiter = world.actor("basic", "Waiter", ()).await;
        let promises: Vec<Object<i64>> = (0..5).map(|_| world.promise()).collect();
        let got: Object<Vec<i64>> = waiter.send("get_many", (&promises,)).unwrap();
        waiter.until_running(&world).await;
        promises[3].fail(Error::Denied("no".into()));
        assert_eq!(got.get().await, Err(Error::Denied("no".into())));
    });
}

#[test]
fn a_get_with_a_time_out_answers_how_many_are_not_ready() {
    check(async |world| {
        let waiter = world.actor("basic", "Waiter", ()).await;
        let promise = world.promise::<i64>();
        let got = waiter.ask::<i64>("get_within", ((&promise,), 20)).await;
        let expected = "1 of 1 objects not ready after 20ms".to_owned();
        assert_eq!(got, Err(Error::TimedOut(expected)));
        promise.fulfil(4);
        assert_eq!(waiter.ask("get_within", ((&promise,), 0)).await, Ok(4));
    });
}

#[test]
fn wait_answers_as_many_as_were_asked_for_even_if_more_are_ready() {
    check(async |world| {
        let waiter = world.actor("basic", "Waiter", ()).await;
        let promises: Vec<Object<i64>> = (0..5).map(|_| world.promise()).collect();
        promises[1].fulfil(1);
        promises[4].fulfil(1);
        let now = Some(0);
        assert_eq!(waiter.ask("wait_for", (&promises, 1, now)).await, Ok((1, 4)));
        assert_eq!(waiter.ask("wait_for", (&promises, 2, None::<u64>)).await, Ok((2, 3)));
        // What failed is ready, too.
        promises[0].fail(Error::Cancelled("x".into()));
        assert_eq!(waiter.ask("wait_for", (&promises, 5, now)).await, Ok((3, 2)));
    });
}

#[test]
fn wait_answers_fewer_when_the_time_is_up() {
    check(async |world| {
        let waiter = world.actor("basic", "Waiter", ()).await;
        let promises: Vec<Object<i64>> = (0..3).map(|_| world.promise()).collect();
        assert_eq!(waiter.ask("wait_for", (&promises, 3, Some(10))).await, Ok((0, 3)));
        promises[2].fulfil(1);
        assert_eq!(waiter.ask("wait_for", (&promises, 3, Some(10))).await, Ok((1, 2)));
    });
}

#[test]
fn wait_for_more_than_there_are_is_refused() {
    check(async |world| {
        let waiter = world.actor("basic", "Waiter", ()).await;
        let promises = [world.promise::<i64>()];
        let asked = waiter.ask::<(usize, usize)>("wait_for", (&promises, 2, Some(10))).await;
        assert!(matches!(&asked, Err(Error::Invalid(text)) if text.contains('2')), "{asked:?}");
    });
}

#[test]
fn wait_yields_objects_as_they_become_ready() {
    check(async |world| {
        let waiter = world.actor("basic", "Waiter", ()).await;
        let promises: Vec<Object<i64>> = (0..4).map(|_| world.promise()).collect();
        let drained: Object<Vec<i64>> = waiter.send("drain", (&promises,)).unwrap();
        waiter.until_running(&world).await;
        let order = [2, 0, 3, 1];
        for index in order {
            promises[index as usize].fulfil(index);
        }
        let mut drained = drained.get().await.unwrap();
        // Some may become ready before the waiter looks again.
        drained.sort_unstable();
        assert_eq!(drained, [0, 1, 2, 3]);
    });
}

#[test]
fn ten_thousand_objects_are_put_and_got() {
    check(async |world| {
        let waiter = world.actor("basic", "Waiter", ()).await;
        assert_eq!(waiter.ask("put_and_get_many", (10_000,)).await, Ok(49_995_000));
    });
}
