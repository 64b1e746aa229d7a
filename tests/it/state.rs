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

/// Waits until this many calls wait in the actor's mailbox.
async fn until_waiting(world: &tests::World, actor: &Actor, calls: usize) {
    let waiting = || actor.snapshot(world).is_some_and(|seen| seen.waiting == calls);
    until(&format!("{calls} calls wait"), waiting).await;
}

#[test]
fn a_call_whose_argument_is_late_holds_up_later_calls_of_its_caller() {
    check(async |world| {
        let late = world.promise::<i64>();
        let counter = world.actor("basic", "Counter", ()).await;
        let first: Object<i64> = counter.send("add", (Later(&late),)).unwrap();
        let second: Object<i64> = counter.send("increment", ()).unwrap();
        until_waiting(&world, &counter, 2).await;
        assert!(!first.is_settled() && !second.is_settled());
        late.fulfil(10);
        assert_eq!(first.get().await, Ok(10));
        assert_eq!(second.get().await, Ok(11));
    });
}

#[test]
fn a_call_whose_argument_is_late_holds_up_nobody_else() {
    check(async |world| {
        let late = world.promise::<String>();
        let journal = world.actor("basic", "Journal", ()).await;
        let slow = world.actor("basic", "Courier", ()).await;
        let quick = world.actor("basic", "Courier", ()).await;
        let told: Result<(), _> = slow.ask("write_in_order", (&journal, "slow", (&late,), 3)).await;
        assert_eq!(told, Ok(()));
        until_waiting(&world, &journal, 3).await;
        assert_eq!(quick.ask("write_one", (&journal, "quick")).await, Ok(1));
        late.fulfil("slow0");
        until_waiting(&world, &journal, 0).await;
        let read: Vec<String> = journal.ask("read", ()).await.unwrap();
        assert_eq!(read, ["quick", "slow0", "slow1", "slow2"]);
    });
}

#[test]
fn each_of_many_callers_keeps_its_own_order() {
    check(async |world| {
        let journal = world.actor("basic", "Journal", ()).await;
        let mut callers = Vec::new();
        let mut told = Vec::new();
        for caller in 0..8 {
            let courier = world.actor("basic", "Courier", ()).await;
            let first = world.promise::<String>();
            first.fulfil(format!("{caller}:0"));
            let args = (&journal, format!("{caller}:"), (&first,), 50);
            told.push(courier.send::<()>("write_in_order", args).unwrap());
            callers.push(courier);
        }
        for object in &told {
            object.get().await.unwrap();
        }
        until_waiting(&world, &journal, 0).await;
        let read: Vec<String> = journal.ask("read", ()).await.unwrap();
        for caller in 0..8 {
            let prefix = format!("{caller}:");
            let own: Vec<_> = read.iter().filter(|entry| entry.starts_with(&prefix)).collect();
            let expected: Vec<_> = (0..50).map(|index| format!("{caller}:{index}")).collect();
            assert_eq!(own, expected.iter().collect::<Vec<_>>());
        }
    });
}
