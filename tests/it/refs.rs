//! Refs and handles, as arguments, inside values and in results.

use host_core::Error;
use tests::{Actor, Later, Object, check, until};

#[test]
fn a_ref_as_an_argument_arrives_as_its_value_and_a_nested_one_as_a_ref() {
    check(async |world| {
        let courier = world.actor("basic", "Courier", ()).await;
        let (one, two) = (world.promise::<i64>(), world.promise::<i64>());
        let sum: Object<i64> = courier.send("sum", (Later(&one), [&two, &two])).unwrap();
        one.fulfil(1);
        courier.until_running(&world).await;
        assert!(!sum.is_settled(), "the nested refs are still pending");
        two.fulfil(20);
        assert_eq!(sum.get().await, Ok(41));
    });
}

#[test]
fn a_failed_argument_fails_the_call_with_its_own_error() {
    check(async |world| {
        let counter = world.actor("basic", "Counter", ()).await;
        let late = world.promise::<i64>();
        let call: Object<i64> = counter.send("add", (Later(&late),)).unwrap();
        let error = Error::ObjectLost("gone with its node".into());
        late.fail(error.clone());
        assert_eq!(call.get().await, Err(error));
        assert_eq!(counter.ask("increment", ()).await, Ok(1));
    });
}

#[test]
fn refs_come_out_of_results() {
    check(async |world| {
        let courier = world.actor("basic", "Courier", ()).await;
        let number: Object<i64> = courier.ask("put_number", (5,)).await.unwrap();
        assert_eq!(number.get().await, Ok(5));
        let (one, two): (Object<i64>, Object<i64>) = courier.ask("put_pair", (7,)).await.unwrap();
        assert_eq!((one.get().await, two.get().await), (Ok(7), Ok(8)));
    });
}

#[test]
fn an_actor_can_keep_a_ref_and_give_it_away() {
    check(async |world| {
        let courier = world.actor("basic", "Courier", ()).await;
        let object = world.promise::<i64>();
        object.fulfil(3);
        let given: Object<i64> = courier.ask("keep", ((&object,),)).await.unwrap();
        let again: Object<i64> = courier.ask("keep", ((&given,),)).await.unwrap();
        assert_eq!(again.get().await, Ok(3));
        assert_eq!(courier.ask("kept_sum", ()).await, Ok(6));
        assert_eq!(courier.ask("drop_kept", ()).await, Ok(()));
        assert_eq!(courier.ask("kept_sum", ()).await, Ok(0));
    });
}

#[test]
fn the_ref_of_a_call_can_be_passed_on_before_it_is_ready() {
    check(async |world| {
        let courier = world.actor("basic", "Courier", ()).await;
        let counter = world.actor("basic", "Counter", ()).await;
        let late = world.promise::<i64>();
        let held: Object<i64> = counter.send("add", (Later(&late),)).unwrap();
        // Another caller's call is not held up, so this one is first.
        let object: Object<i64> = courier.ask("delegate", (&counter,)).await.unwrap();
        assert_eq!(object.get().await, Ok(1));
        late.fulfil(1);
        assert_eq!(held.get().await, Ok(2));
    });
}

#[test]
fn handles_pass_between_actors_and_out_of_results() {
    check(async |world| {
        let one = world.actor("basic", "Courier", ()).await;
        let two = world.actor("basic", "Courier", ()).await;
        let counter: Actor = one.ask("make_counter", ()).await.unwrap();
        for courier in [&one, &two] {
            assert_eq!(courier.ask("keep_counter", (&counter,)).await, Ok(()));
            assert_eq!(courier.ask("keep_counter", (&counter,)).await, Ok(()));
        }
        assert_eq!(one.ask("increment_all", ()).await, Ok(vec![1, 2]));
        assert_eq!(two.ask("increment_all", ()).await, Ok(vec![3, 4]));
        assert_eq!(counter.ask("get_value", ()).await, Ok(4));
    });
}

#[test]
fn an_actor_lives_as_long_as_somebody_holds_a_handle_to_it() {
    check(async |world| {
        let courier = world.actor("basic", "Courier", ()).await;
        let counter: Actor = courier.ask("make_counter", ()).await.unwrap();
        assert_eq!(courier.ask("keep_counter", (&counter,)).await, Ok(()));
        drop(counter);
        assert_eq!(courier.ask("increment_all", ()).await, Ok(vec![1]));
        assert_eq!(world.only("Counter").handles, 1);
        assert_eq!(courier.ask("drop_counters", ()).await, Ok(()));
        world.until_gone("Counter").await;
    });
}

#[test]
fn an_object_is_freed_with_its_last_ref() {
    check(async |world| {
        let courier = world.actor("basic", "Courier", ()).await;
        let size = 256 << 10;
        let object: Object<serde_bytes::ByteBuf> = courier.ask("put_bytes", (size,)).await.unwrap();
        assert!(world.node.object_bytes() >= size);
        assert_eq!(object.get().await.unwrap().len() as u64, size);
        drop(object);
        until("the object is freed", || world.node.object_bytes() == 0).await;
    });
}

#[test]
fn an_actor_knows_who_it_is() {
    check(async |world| {
        let courier = world.actor("basic", "Courier", ()).await;
        let (id, class, name, incarnation): (String, String, Option<String>, u32) =
            courier.ask("identity", ()).await.unwrap();
        assert_eq!(id, courier.id().to_string());
        assert_eq!((class.as_str(), name, incarnation), ("Courier", None, 0));
        assert_eq!(courier.ask("own_handle_is_itself", ()).await, Ok(true));
    });
}
