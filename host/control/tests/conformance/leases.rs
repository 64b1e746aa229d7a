//! Leases: living, ending, and what goes with them.

use std::time::{Duration, Instant};

use host_control::{Change, Error, LeaseId, Transaction};

use crate::fixture::{Fixture, get, key, next, put, soon, watch};

/// The shortest that all stores have.
const TTL: Duration = Duration::from_secs(2);

pub(crate) async fn lease_that_is_not_kept_alive_takes_its_records_along(fixture: Fixture) {
    let store = fixture.store();
    let mut changes = watch(&*store, "node/").await;
    let asked = Instant::now();
    let lease = store.grant(TTL, soon()).await.unwrap();
    assert!(lease.ttl >= TTL);
    let transaction = Transaction::new()
        .put_leased(key("node/a"), "1", lease.id)
        .put_leased(key("node/b"), "2", lease.id)
        .put(key("node/c"), "stays");
    store.transact(&transaction, soon()).await.unwrap();
    assert_eq!(get(&*store, "node/a").await.unwrap().lease, Some(lease.id));
    assert_eq!(next(&mut changes).await.changes.len(), 3);
    let ended = next(&mut changes).await;
    assert!(asked.elapsed() >= TTL, "after {:?}", asked.elapsed());
    let mut gone: Vec<_> = ended.changes.iter().map(Change::key).cloned().collect();
    gone.sort();
    assert_eq!(gone, [key("node/a"), key("node/b")]);
    assert!(ended.changes.iter().all(|change| matches!(change, Change::Deleted(_))));
    let reading = store.get(&key("node/a"), soon()).await.unwrap();
    assert_eq!((reading.revision, reading.record), (ended.revision, None));
    assert!(get(&*store, "node/c").await.is_some());
}

pub(crate) async fn lease_that_is_kept_alive_stays(fixture: Fixture) {
    let store = fixture.store();
    let mut changes = watch(&*store, "").await;
    let lease = store.grant(TTL, soon()).await.unwrap();
    let leased = Transaction::new().put_leased(key("node"), "1", lease.id);
    store.transact(&leased, soon()).await.unwrap();
    next(&mut changes).await;
    // Three of its times, with several renewals in each.
    let mut renewal = tokio::time::interval(TTL / 4);
    for _ in 0..12 {
        renewal.tick().await;
        assert!(store.keep_alive(lease.id, soon()).await.unwrap() >= TTL);
    }
    let last = Instant::now();
    assert!(get(&*store, "node").await.is_some());
    let ended = next(&mut changes).await;
    assert_eq!(ended.changes, [Change::Deleted(key("node"))]);
    assert!(last.elapsed() + TTL / 4 >= TTL, "after {:?}", last.elapsed());
}

pub(crate) async fn lease_that_is_gone_is_named(fixture: Fixture) {
    let store = fixture.store();
    let lease = store.grant(TTL, soon()).await.unwrap().id;
    let leased = Transaction::new().put_leased(key("node"), "1", lease);
    store.transact(&leased, soon()).await.unwrap();
    store.revoke(lease, soon()).await.unwrap();
    assert_eq!(get(&*store, "node").await, None);
    let gone = Error::LeaseGone { lease };
    assert_eq!(store.keep_alive(lease, soon()).await, Err(gone.clone()));
    assert_eq!(store.transact(&leased, soon()).await, Err(gone.clone()));
    // Only where it would have been used.
    let lost = leased.clone().value(key("other"), "x");
    assert!(!store.transact(&lost, soon()).await.unwrap().succeeded);
    // Ending it again is no error.
    store.revoke(lease, soon()).await.unwrap();
    let never = LeaseId::new(77).unwrap();
    store.revoke(never, soon()).await.unwrap();
    let unknown = store.keep_alive(never, soon()).await;
    assert_eq!(unknown, Err(Error::LeaseGone { lease: never }));
    let second = store.grant(TTL, soon()).await.unwrap().id;
    assert_ne!(second, lease);
}

pub(crate) async fn record_goes_with_its_last_lease_only(fixture: Fixture) {
    let store = fixture.store();
    let first = store.grant(60 * TTL, soon()).await.unwrap().id;
    let second = store.grant(60 * TTL, soon()).await.unwrap().id;
    for name in ["passed on", "kept", "deleted"] {
        let leased = Transaction::new().put_leased(key(name), "1", first);
        store.transact(&leased, soon()).await.unwrap();
    }
    let passed = Transaction::new().put_leased(key("passed on"), "2", second);
    store.transact(&passed, soon()).await.unwrap();
    put(&*store, "kept", "2").await;
    store.transact(&Transaction::new().delete(key("deleted")), soon()).await.unwrap();
    put(&*store, "deleted", "3").await;
    store.revoke(first, soon()).await.unwrap();
    assert_eq!(get(&*store, "passed on").await.unwrap().lease, Some(second));
    assert_eq!(get(&*store, "kept").await.unwrap().lease, None);
    assert!(get(&*store, "deleted").await.is_some());
    store.revoke(second, soon()).await.unwrap();
    assert_eq!(get(&*store, "passed on").await, None);
    assert!(get(&*store, "kept").await.is_some());
}
