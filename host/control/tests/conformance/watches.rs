//! Watches: order, completeness, resuming, compaction.

use host_control::{Change, Error, Revision, Transaction, limits};

use crate::fixture::{Fixture, all, key, next, prefix, put, soon, watch};

pub(crate) async fn watch_tells_every_change_once_in_order(fixture: Fixture) {
    const WRITERS: usize = 4;
    const WRITES: usize = 50;
    let mut changes = watch(&*fixture.store(), "seen/").await;
    let tasks: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = if writer % 2 == 0 { fixture.store() } else { fixture.direct() };
            tokio::spawn(async move {
                let mut written = Vec::new();
                for number in 0..WRITES {
                    put(&*store, &format!("unseen/{writer}"), "x").await;
                    let name = format!("seen/{}", number % 3);
                    let value = format!("{writer}/{number}");
                    let outcome = put(&*store, &name, value.clone()).await;
                    written.push((outcome.revision, value));
                }
                written
            })
        })
        .collect();
    let mut told = Vec::new();
    while told.len() < WRITERS * WRITES {
        let news = next(&mut changes).await;
        let [Change::Put(record)] = news.changes.as_slice() else { panic!("{news:?}") };
        assert_eq!(record.modified, news.revision);
        told.push((news.revision, String::from_utf8(record.value.to_vec()).unwrap()));
    }
    let mut written = Vec::new();
    for task in tasks {
        written.extend(task.await.unwrap());
    }
    written.sort();
    assert_eq!(told, written);
}

pub(crate) async fn changes_of_one_transaction_come_together(fixture: Fixture) {
    let store = fixture.store();
    put(&*store, "a/0", "old").await;
    put(&*store, "b/0", "old").await;
    let mut changes = watch(&*store, "a/").await;
    // More than fits into one message of any of the stores.
    let mut transaction = Transaction::new().delete(key("a/0")).delete(key("b/0"));
    for number in 1..=40 {
        transaction = transaction.put(key(format!("a/{number:02}")), vec![5; 30 << 10]);
    }
    let outcome = store.transact(&transaction, soon()).await.unwrap();
    let news = next(&mut changes).await;
    assert_eq!((news.revision, news.changes.len()), (outcome.revision, 41));
    assert!(news.changes.contains(&Change::Deleted(key("a/0"))));
}

pub(crate) async fn watch_resumes_after_a_cut_connection(fixture: Fixture) {
    let store = fixture.store();
    let mut changes = watch(&*store, "a").await;
    for round in 0..3 {
        let direct = fixture.direct();
        let before = put(&*direct, "a", format!("{round} before")).await.revision;
        assert_eq!(next(&mut changes).await.revision, before);
        let unread = put(&*direct, "a", format!("{round} unread")).await.revision;
        if let Some(proxy) = fixture.proxy() {
            proxy.cut();
        }
        let during = put(&*direct, "a", format!("{round} during")).await.revision;
        if let Some(proxy) = fixture.proxy() {
            proxy.mend();
        }
        for revision in [unread, during] {
            assert_eq!(next(&mut changes).await.revision, revision);
        }
    }
}

pub(crate) async fn watch_of_compacted_changes_says_so_and_a_new_one_works(fixture: Fixture) {
    let store = fixture.store();
    let old = put(&*store, "a", "1").await.revision;
    for _ in 0..3 {
        put(&*store, "a", "2").await;
    }
    fixture.compact().await;
    let end = match store.watch(&prefix("a"), old, soon()).await {
        Ok(mut watch) => watch.next().await.map(drop),
        Err(error) => Err(error),
    };
    let Err(Error::Compacted { oldest }) = end else { panic!("{end:?}") };
    assert!(oldest > old);
    // What the error advises.
    let (revision, records) = all(&*store, "a", 10).await;
    assert_eq!(records.len(), 1);
    let mut changes = store.watch(&prefix("a"), revision, soon()).await.unwrap();
    let third = put(&*store, "a", "3").await.revision;
    assert_eq!(next(&mut changes).await.revision, third);
    // The store says from where on it is possible.
    let mut changes = store.watch(&prefix("a"), oldest, soon()).await.unwrap();
    assert!(next(&mut changes).await.revision > oldest);
    let future = Revision::new(third.number() + 1000);
    let end = store.watch(&prefix("a"), future, soon()).await.map(drop);
    assert!(matches!(end, Err(Error::Corrupt { .. })), "{end:?}");
}

pub(crate) async fn watcher_that_does_not_read_misses_nothing_unsaid(fixture: Fixture) {
    let store = fixture.store();
    let mut changes = watch(&*store, "a").await;
    let value = vec![6; limits::VALUE_BYTES_MAX];
    let mut written = Vec::new();
    for _ in 0..2 * limits::HISTORY_BYTES_MAX / limits::VALUE_BYTES_MAX {
        written.push(put(&*store, "a", value.clone()).await.revision);
    }
    // What was on the way is told, in order; then all the rest, or that there
    // is a gap.
    for revision in written {
        match tokio::time::timeout_at(soon().instant(), changes.next()).await.expect("soon") {
            Ok(news) => assert_eq!(news.revision, revision),
            Err(error) => {
                assert!(matches!(error, Error::Compacted { .. }), "{error:?}");
                return;
            }
        }
    }
}
