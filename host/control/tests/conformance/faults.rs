//! A store that is slow, away, restarted, or not the right one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use host_control::{ControlStore, Deadline, Error, Transaction, draw_cluster};

use crate::fixture::{Fixture, all, get, key, next, prefix, put, soon, watch};

pub(crate) async fn operation_ends_at_its_deadline(fixture: Fixture) {
    let store = fixture.store();
    put(&*store, "a", "1").await;
    let over = Deadline::after(Duration::ZERO);
    let write = Transaction::new().put(key("a"), "2");
    let timed_out = |error| matches!(error, Error::TimedOut { .. } | Error::Unavailable { .. });
    assert!(timed_out(store.transact(&write, over).await.unwrap_err()));
    assert!(timed_out(store.get(&key("a"), over).await.unwrap_err()));
    assert!(timed_out(store.grant(Duration::from_secs(5), over).await.unwrap_err()));
    assert!(timed_out(store.watch(&prefix(""), over_revision(), over).await.unwrap_err()));
    assert_eq!(get(&*store, "a").await.unwrap().value, "1");
    let Some(proxy) = fixture.proxy() else { return };
    let lease = store.grant(Duration::from_secs(60), soon()).await.unwrap().id;
    proxy.freeze();
    let limit = Duration::from_millis(300);
    let begin = Instant::now();
    // Sent and not answered: it may have been done.
    let error = store.transact(&write, Deadline::after(limit)).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(timed_out(store.get(&key("a"), Deadline::after(limit)).await.unwrap_err()));
    assert!(timed_out(store.keep_alive(lease, Deadline::after(limit)).await.unwrap_err()));
    let time = begin.elapsed();
    assert!(time >= 3 * limit && time < 3 * limit + Duration::from_secs(5), "{time:?}");
    proxy.mend();
    assert!(get(&*store, "a").await.is_some());
}

fn over_revision() -> host_control::Revision {
    host_control::Revision::ZERO
}

pub(crate) async fn unreachable_store_is_waited_for(fixture: Fixture) {
    let store = fixture.store();
    put(&*store, "a", "1").await;
    let Some(proxy) = fixture.proxy() else { return };
    proxy.cut();
    let short = Deadline::after(Duration::from_millis(500));
    let error = store.get(&key("a"), short).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(short.passed(), "it gave up early");
    let waiting = tokio::spawn(async move { get(&*store, "a").await });
    proxy.mend();
    assert_eq!(waiting.await.unwrap().unwrap().value, "1");
}

pub(crate) async fn restart_loses_no_acknowledged_write(mut fixture: Fixture) {
    for round in 0..3 {
        let enough = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let name = format!("{round}/{writer}");
                tokio::spawn(write_until(fixture.store(), name, enough.clone()))
            })
            .collect();
        // Stopped in the middle of their writing.
        let begun = fixture.store();
        for writer in 0..4 {
            while get(&*begun, &format!("{round}/{writer}")).await.is_none() {
                tokio::task::yield_now().await;
            }
        }
        fixture.stop().await;
        enough.store(true, Ordering::Relaxed);
        fixture.resume().await;
        for (writer, task) in writers.into_iter().enumerate() {
            let acknowledged = task.await.unwrap();
            let record = get(&*fixture.store(), &format!("{round}/{writer}")).await.unwrap();
            let found: u64 = String::from_utf8(record.value.to_vec()).unwrap().parse().unwrap();
            assert!(found >= acknowledged, "{found} found, {acknowledged} acknowledged");
        }
    }
}

/// Counts up in a record until it fails or is told that it is enough; the
/// highest count that was acknowledged.
async fn write_until(store: Arc<dyn ControlStore>, name: String, enough: Arc<AtomicBool>) -> u64 {
    let mut last = 0;
    while !enough.load(Ordering::Relaxed) {
        let write = Transaction::new().put(key(name.clone()), format!("{}", last + 1));
        match store.transact(&write, soon()).await {
            Ok(_) => last += 1,
            Err(Error::Uncertain { .. } | Error::Unavailable { .. }) => return last,
            Err(error) => panic!("{error}"),
        }
    }
    last
}

pub(crate) async fn leases_and_watches_outlive_a_restart(mut fixture: Fixture) {
    let store = fixture.store();
    let cluster = store.cluster(soon()).await.unwrap();
    let ttl = Duration::from_secs(3);
    let mut before = watch(&*store, "node").await;
    let lease = store.grant(ttl, soon()).await.unwrap();
    let leased = Transaction::new().put_leased(key("node"), "1", lease.id);
    let written = store.transact(&leased, soon()).await.unwrap().revision;
    assert_eq!(next(&mut before).await.revision, written);
    put(&*store, "other", "1").await;
    fixture.stop().await;
    let resumed = Instant::now();
    fixture.resume().await;
    let store = fixture.store();
    assert_eq!(store.cluster(soon()).await.unwrap(), cluster);
    assert!(store.keep_alive(lease.id, soon()).await.unwrap() >= ttl);
    // One that was open, over a network, goes on; one can always be resumed.
    let mut again = store.watch(&prefix("node"), written, soon()).await.unwrap();
    let ended = next(&mut again).await;
    assert!(resumed.elapsed() >= ttl, "after {:?}", resumed.elapsed());
    assert_eq!(ended.changes, [host_control::Change::Deleted(key("node"))]);
    if fixture.proxy().is_some() {
        assert_eq!(next(&mut before).await, ended);
    } else {
        assert!(matches!(before.next().await, Err(Error::Unavailable { .. })));
    }
    let (_, records) = all(&*store, "", 10).await;
    assert_eq!(records.len(), 1);
}

pub(crate) async fn store_of_another_cluster_is_refused(mut fixture: Fixture) {
    let found = fixture.store().cluster(soon()).await.unwrap();
    let expected = draw_cluster().unwrap();
    let refused = Error::WrongCluster { expected, found: Some(found) };
    if fixture.proxy().is_none() {
        fixture.stop().await;
        assert_eq!(fixture.reopen(Some(expected)).await, Err(refused));
        assert_eq!(fixture.reopen(Some(found)).await, Ok(()));
        return;
    }
    let stranger = fixture.direct_expecting(Some(expected));
    let write = Transaction::new().put(key("a"), "stranger");
    assert_eq!(stranger.cluster(soon()).await, Err(refused.clone()));
    assert_eq!(stranger.transact(&write, soon()).await, Err(refused.clone()));
    assert_eq!(stranger.get(&key("a"), soon()).await, Err(refused.clone()));
    let watching = stranger.watch(&prefix(""), over_revision(), soon()).await;
    assert_eq!(watching.map(drop), Err(refused));
    assert_eq!(get(&*fixture.store(), "a").await, None);
}

pub(crate) async fn store_that_was_wiped_is_refused(mut fixture: Fixture) {
    let store = fixture.store();
    let expected = store.cluster(soon()).await.unwrap();
    put(&*store, "a", "1").await;
    let mut changes = watch(&*store, "a").await;
    fixture.wipe().await;
    if fixture.proxy().is_none() {
        let refused = Error::WrongCluster { expected, found: None };
        assert_eq!(fixture.reopen(Some(expected)).await, Err(refused));
        return;
    }
    let write = Transaction::new().put(key("a"), "2");
    // Whatever it is asked, by a client that knew it before.
    let wrong = |error: Error| matches!(error, Error::WrongCluster { found, .. } if found != Some(expected));
    assert!(wrong(store.get(&key("a"), soon()).await.unwrap_err()));
    let refused = store.transact(&write, soon()).await.unwrap_err();
    assert!(wrong(refused.clone()), "{refused}");
    assert!(wrong(store.cluster(soon()).await.unwrap_err()));
    assert!(wrong(changes.next().await.unwrap_err()));
}
