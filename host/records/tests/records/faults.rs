//! Stores that fail, lie, or hold what is no record.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use host_control::{
    ClusterId as Cluster, ControlStore as _, Deadline, Error, Key as Path, LeaseId as StoreLease,
    Outcome, Page, Revision as StoreRevision, Transaction,
};
use host_core::control::{Answer, Guard, Key, LeaseId, Prefix, Request, Revision, Value, Write};
use host_core::limits::{CONTROL_RETRY, CONTROL_TIME};
use host_core::{ActorId, ClusterId, NodeId};
use host_records::Records;
use tokio::time::Instant;

use crate::stores::{Patient, Scripted};

const LONG: Duration = Duration::from_secs(30);

fn put(key: Key, value: Value) -> Request {
    Request::Commit { guards: vec![], writes: vec![Write::Put(key, value, None)] }
}

fn next_node(next: u32) -> Request {
    put(Key::NextNode, Value::NextNode(next))
}

/// One question of every kind.
fn questions() -> [Request; 7] {
    [
        Request::Lease,
        Request::KeepAlive(LeaseId(1)),
        Request::Revoke(LeaseId(1)),
        Request::Get(vec![Key::NextNode]),
        Request::Get(vec![Key::NextNode, Key::Cluster]),
        Request::Range(Prefix::Nodes),
        next_node(1),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_store_that_says_nothing_is_waited_for_so_long_and_no_longer() {
    let records = Records::new(Arc::new(Scripted::default()));
    for question in questions() {
        let begun = Instant::now();
        assert_eq!(records.ask(question).await, Answer::Unknown);
        assert_eq!(begun.elapsed().as_millis(), CONTROL_TIME.as_millis());
        assert!(matches!(records.trouble(), Some(Error::TimedOut { .. })));
    }
    let begun = Instant::now();
    assert_eq!(records.watch(Prefix::Nodes, Revision(0)).next().await, None);
    let whole = CONTROL_TIME + CONTROL_RETRY;
    assert_eq!(begun.elapsed().as_millis(), whole.as_millis());
}

#[tokio::test]
async fn whatever_fails_leaves_open_what_is_so_but_for_a_lease_that_is_gone() {
    let why = || "a reason".to_owned();
    let expected = Cluster(1);
    for error in [
        Error::Unavailable { why: why(), advice: "wait".into() },
        Error::TimedOut { what: "it".into() },
        Error::Uncertain { why: why() },
        Error::Denied { why: why() },
        Error::WrongCluster { expected, found: None },
        Error::Corrupt { why: why() },
    ] {
        let store = Scripted { error: Some(error.clone()), ..Scripted::default() };
        let records = Records::new(Arc::new(store));
        for question in questions() {
            assert_eq!(records.ask(question).await, Answer::Unknown, "{error}");
            assert_eq!(records.trouble().as_ref(), Some(&error));
        }
    }
    let gone = Error::LeaseGone { lease: StoreLease::new(1).unwrap() };
    let store = Scripted { error: Some(gone), ..Scripted::default() };
    let records = Records::new(Arc::new(store));
    let alive = Request::KeepAlive(LeaseId(1));
    for question in [alive, next_node(1)] {
        assert_eq!(records.ask(question).await, Answer::LeaseGone);
    }
    assert_eq!(records.trouble(), None);
}

#[tokio::test]
async fn a_store_that_breaks_its_promises_is_not_believed() {
    let revision = StoreRevision::new(7);
    let page = Page { revision, records: vec![], more: true };
    let outcome = Outcome { revision, succeeded: false, seen: vec![None; 3] };
    let store = Scripted { page: Some(page), outcome: Some(outcome), error: None };
    let records = Records::new(Arc::new(store));
    let pair = Request::Get(vec![Key::NextNode, Key::Cluster]);
    for question in [Request::Range(Prefix::Nodes), pair, next_node(1)] {
        assert_eq!(records.ask(question).await, Answer::Unknown);
        assert!(matches!(records.trouble(), Some(Error::Corrupt { .. })));
    }
}

#[tokio::test]
async fn a_store_that_goes_away_ends_watches_and_one_that_comes_back_answers() {
    let folder = tempfile::tempdir().unwrap();
    let store = Patient::open(folder.path()).await;
    let records = Records::new(store.clone());
    assert!(matches!(records.ask(next_node(1)).await, Answer::Committed(_)));
    let mut watch = records.watch(Prefix::Nodes, Revision(0));
    let watching = tokio::spawn(async move { (watch.next().await, watch.next().await) });
    store.close().await;
    let ended = tokio::time::timeout(LONG, watching).await.expect("the watch ends");
    assert_eq!(ended.unwrap(), (None, None));
    for question in questions() {
        assert_eq!(records.ask(question).await, Answer::Unknown);
    }
    drop((records, store));
    let records = Records::new(Patient::open(folder.path()).await);
    let Answer::Entries { entries, .. } = records.ask(Request::Get(vec![Key::NextNode])).await
    else {
        panic!("the store is back");
    };
    assert_eq!(entries[0].value, Value::NextNode(1));
}

#[tokio::test]
async fn questions_that_make_no_sense_change_nothing_and_are_no_trouble_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let records = Records::new(Patient::open(folder.path()).await);
    let name = Key::Name { namespace: "".into(), name: "hits".into() };
    let actor = ActorId { node: NodeId(1), seq: 1 };
    let with_guard = |guards| Request::Commit {
        guards,
        writes: vec![Write::Put(Key::NextNode, Value::NextNode(1), None)],
    };
    for question in [
        put(Key::NextNode, Value::Placed(1)),
        put(name.clone(), Value::Name(actor)),
        Request::Get(vec![name.clone()]),
        Request::Get(vec![Key::NextNode; 9]),
        with_guard(vec![Guard::Absent(Key::NextNode); 9]),
        with_guard(vec![Guard::At(Key::NextNode, Revision(0))]),
        with_guard(vec![Guard::Absent(name)]),
        Request::Commit {
            guards: vec![],
            writes: vec![Write::Put(Key::NextNode, Value::NextNode(1), Some(LeaseId(0)))],
        },
    ] {
        assert_eq!(records.ask(question.clone()).await, Answer::Unknown, "{question:?}");
        assert_eq!(records.trouble(), None);
    }
    let found = records.ask(Request::Get(vec![Key::NextNode])).await;
    assert!(matches!(found, Answer::Entries { entries, .. } if entries.is_empty()));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_left_out_and_not_taken_for_absent() {
    let folder = tempfile::tempdir().unwrap();
    let store = Patient::open(folder.path()).await;
    let records = Records::new(store.clone());
    let placed = |seq| Key::Placed(NodeId(1), ActorId { node: NodeId(1), seq });
    let mut garbage = Transaction::new();
    for path in ["placed/n1/a1@n1", "placed/n1/a01@n1", "placed/n1/", "cluster"] {
        garbage = garbage.put(Path::new(path).unwrap(), Bytes::from_static(b"\xffgarbage"));
    }
    store.transact(&garbage, Deadline::after(LONG)).await.unwrap();
    let Answer::Committed(_) = records.ask(put(placed(2), Value::Placed(4))).await else {
        panic!("a good record is written beside bad ones");
    };
    // In several: left out.
    let Answer::Entries { entries, .. } = records.ask(Request::Range(Prefix::AllPlaced)).await
    else {
        panic!("a range is read");
    };
    let found: Vec<_> = entries.iter().map(|entry| (&entry.key, &entry.value)).collect();
    assert_eq!(found, [(&placed(2), &Value::Placed(4))]);
    let changes = records.watch(Prefix::AllPlaced, Revision(0)).take(1).collect::<Vec<_>>().await;
    assert_eq!((&changes[0].key, &changes[0].value), (&placed(2), &Some(Value::Placed(4))));
    // By itself: nobody knows.
    for keys in [vec![placed(1)], vec![placed(1), placed(2)]] {
        assert_eq!(records.ask(Request::Get(keys)).await, Answer::Unknown);
    }
    // As a guard: it is there.
    let founding = Request::Commit {
        guards: vec![Guard::Present(placed(2)), Guard::Absent(Key::Cluster)],
        writes: vec![Write::Put(Key::Cluster, Value::Cluster(ClusterId(1)), None)],
    };
    let Answer::Refused { entries, .. } = records.ask(founding).await else {
        panic!("what cannot be read was taken for absent");
    };
    assert_eq!(entries.len(), 1);
}

#[tokio::test]
async fn what_is_made_between_two_pages_is_told_by_the_watch_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = Patient::with_pages(folder.path(), 1).await;
    let records = Records::new(store.clone());
    let placed = |seq| Key::Placed(NodeId(1), ActorId { node: NodeId(1), seq });
    for seq in [2, 4] {
        let Answer::Committed(_) = records.ask(put(placed(seq), Value::Placed(0))).await else {
            panic!("it is written");
        };
    }
    let Answer::Entries { entries, .. } = records.ask(Request::Get(vec![placed(2)])).await else {
        panic!("it is read");
    };
    let path = |seq| Path::new(format!("placed/n1/a{seq}@n1")).unwrap();
    let raw = store.get(&path(2), Deadline::after(LONG)).await.unwrap().record.unwrap();
    assert_eq!(entries[0].modified.0, raw.modified.number());
    let made = Transaction::new().put(path(1), raw.value.clone()).put(path(3), raw.value);
    *store.meanwhile.lock().unwrap() = Some(made);
    let answer = records.ask(Request::Range(Prefix::AllPlaced)).await;
    let Answer::Entries { entries, revision } = answer else { panic!("a range is read") };
    let found: Vec<_> = entries.iter().map(|entry| entry.key.clone()).collect();
    assert_eq!(found, [placed(2), placed(4)]);
    let changes = records.watch(Prefix::AllPlaced, revision).take(2).collect::<Vec<_>>().await;
    let told: Vec<_> = changes.into_iter().map(|change| change.key).collect();
    assert_eq!(told, [placed(1), placed(3)]);
}
