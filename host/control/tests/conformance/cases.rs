//! Records: reading, comparing, writing.

use host_control::{
    Answer, Compare, Error, Key, LeaseId, Prefix, Range, Revision, Seen, Test, Transaction, limits,
};

use crate::fixture::{Fixture, all, get, key, put, soon};

pub(crate) async fn exactly_one_writer_wins_each_round(fixture: Fixture) {
    const WRITERS: usize = 8;
    const ROUNDS: usize = 20;
    let mut last = put(&*fixture.store(), "round", "begin").await.revision;
    for round in 0..ROUNDS {
        let tasks: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let store = if writer % 2 == 0 { fixture.store() } else { fixture.direct() };
                let mine = format!("{round}/{writer}");
                let transaction =
                    Transaction::new().modified(key("round"), last).put(key("round"), mine.clone());
                tokio::spawn(
                    async move { (mine, store.transact(&transaction, soon()).await.unwrap()) },
                )
            })
            .collect();
        let mut winners = Vec::new();
        let mut losers = Vec::new();
        for task in tasks {
            let (mine, outcome) = task.await.unwrap();
            if outcome.succeeded { winners.push((mine, outcome)) } else { losers.push(outcome) }
        }
        assert_eq!((winners.len(), losers.len()), (1, WRITERS - 1));
        let (mine, won) = winners.remove(0);
        for lost in losers {
            assert_eq!(lost.seen[0].as_ref().unwrap().modified, won.revision);
        }
        let record = get(&*fixture.store(), "round").await.unwrap();
        assert_eq!((record.value, record.modified), (mine.into(), won.revision));
        last = won.revision;
    }
}

pub(crate) async fn revision_grows_with_every_change_and_never_goes_back(fixture: Fixture) {
    let store = fixture.store();
    let mut last = store.get(&key("a"), soon()).await.unwrap().revision;
    for round in 0..10 {
        let outcome = put(&*store, "a", format!("{round}")).await;
        assert!(outcome.revision > last);
        last = outcome.revision;
        // Nothing of this changes anything.
        let lost = Transaction::new().absent(key("a")).put(key("a"), "x");
        let nothing = Transaction::new().delete(key("b"));
        for transaction in [lost, nothing] {
            let outcome = store.transact(&transaction, soon()).await.unwrap();
            assert_eq!(outcome.revision, last);
        }
        let reading = fixture.direct().get(&key("a"), soon()).await.unwrap();
        assert_eq!((reading.revision, reading.record.unwrap().modified), (last, last));
    }
    let deleted = store.transact(&Transaction::new().delete(key("a")), soon()).await.unwrap();
    assert!(deleted.revision > last);
    assert_eq!(get(&*store, "a").await, None);
}

pub(crate) async fn comparisons_hold_or_tell_what_they_saw(fixture: Fixture) {
    let store = fixture.store();
    let created = put(&*store, "a", "1").await.revision;
    let modified = put(&*store, "a", "2").await.revision;
    let other = Revision::new(modified.number() + 100);
    let tests = [
        ("a", Test::Absent, false),
        ("b", Test::Absent, true),
        ("a", Test::Present, true),
        ("b", Test::Present, false),
        ("a", Test::Created(created), true),
        ("a", Test::Created(modified), false),
        ("a", Test::Modified(modified), true),
        ("a", Test::Modified(created), false),
        ("a", Test::Modified(other), false),
        ("a", Test::Value("2".into()), true),
        ("a", Test::Value("1".into()), false),
        ("b", Test::Value("".into()), false),
        ("b", Test::Created(created), false),
        ("b", Test::Modified(created), false),
    ];
    for (name, test, holds) in tests {
        for answer in [Answer::Revisions, Answer::Value] {
            let compare = Compare { key: key(name), test: test.clone(), answer };
            let transaction = Transaction::new().compare(compare);
            let outcome = store.transact(&transaction, soon()).await.unwrap();
            assert_eq!((outcome.succeeded, outcome.revision), (holds, modified), "{test:?}");
            let value = (answer == Answer::Value).then(|| "2".into());
            let seen = Seen { created, modified, lease: None, value };
            assert_eq!(outcome.seen, [(name == "a").then_some(seen)], "{test:?}");
        }
    }
    let zero = Transaction::new().modified(key("b"), Revision::ZERO);
    assert!(matches!(store.transact(&zero, soon()).await, Err(Error::Invalid { .. })));
}

pub(crate) async fn transaction_that_fails_changes_nothing(fixture: Fixture) {
    let store = fixture.store();
    let before = put(&*store, "a", "1").await.revision;
    let some = Transaction::new()
        .absent(key("c"))
        .absent(key("a"))
        .value(key("a"), "1")
        .put(key("b"), "x")
        .delete(key("a"));
    let outcome = store.transact(&some, soon()).await.unwrap();
    assert!(!outcome.succeeded && outcome.seen[0].is_none() && outcome.seen[2].is_some());
    let gone = LeaseId::new(12345).unwrap();
    let leased = Transaction::new().put(key("b"), "x").put_leased(key("c"), "x", gone);
    let refused = store.transact(&leased, soon()).await;
    assert_eq!(refused, Err(Error::LeaseGone { lease: gone }));
    let twice = Transaction::new().put(key("b"), "x").delete(key("b"));
    assert!(matches!(store.transact(&twice, soon()).await, Err(Error::Invalid { .. })));
    let (revision, records) = all(&*store, "", 10).await;
    assert_eq!(revision, before);
    assert_eq!(records.len(), 1);
}

pub(crate) async fn pages_have_every_record_once_in_order(fixture: Fixture) {
    let store = fixture.store();
    let mut transaction = Transaction::new().put(key("m"), "").put(key("o"), "");
    for number in (0..25).rev() {
        transaction = transaction.put(key(format!("n/{number:02}")), format!("{number}"));
    }
    store.transact(&transaction, soon()).await.unwrap();
    for limit in [1, 7, 25, 26, limits::PAGE_RECORDS_MAX] {
        let (_, records) = all(&*store, "n/", limit).await;
        let names: Vec<Key> = records.into_iter().map(|record| record.key).collect();
        let expected: Vec<Key> = (0..25).map(|number| key(format!("n/{number:02}"))).collect();
        assert_eq!(names, expected, "pages of {limit}");
    }
    assert_eq!(all(&*store, "", 10).await.1.len(), 27);
    assert!(all(&*store, "x", 10).await.1.is_empty());
    // A key that is not there, before the prefix, behind it.
    for (after, count) in [("n/04x", 20), ("a", 25), ("z", 0)] {
        let range = Range { after: Some(key(after)), ..Range::of(Prefix::new("n/").unwrap()) };
        assert_eq!(store.range(&range, soon()).await.unwrap().records.len(), count, "{after}");
    }
}

pub(crate) async fn page_ends_before_it_is_too_large(fixture: Fixture) {
    let store = fixture.store();
    for number in 0..18 {
        put(&*store, &format!("large/{number:02}"), vec![1; limits::VALUE_BYTES_MAX]).await;
    }
    let range = Range::of(Prefix::new("large/").unwrap());
    let page = store.range(&range, soon()).await.unwrap();
    let bytes: usize = page.records.iter().map(|record| record.value.len()).sum();
    assert!(page.more && bytes <= limits::PAGE_BYTES_MAX, "{bytes} bytes");
    assert_eq!(all(&*store, "large/", limits::PAGE_RECORDS_MAX).await.1.len(), 18);
}

pub(crate) async fn keys_are_any_bytes(fixture: Fixture) {
    let store = fixture.store();
    let names: [&'static [u8]; 5] = [b"\0", b"\0\0", b"a\xffb", b"\xff", b"\xff\xff"];
    for name in names {
        let transaction = Transaction::new().put(Key::new(name).unwrap(), name);
        store.transact(&transaction, soon()).await.unwrap();
    }
    let found = async |prefix: &'static [u8]| {
        let range = Range::of(Prefix::new(prefix).unwrap());
        let page = store.range(&range, soon()).await.unwrap();
        assert!(page.records.iter().all(|record| record.key.bytes() == &record.value));
        page.records.into_iter().map(|record| record.value.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(found(b"").await, names);
    assert_eq!(found(b"\0").await, names[..2]);
    assert_eq!(found(b"a\xff").await, names[2..3]);
    assert_eq!(found(b"\xff").await, names[3..]);
}

pub(crate) async fn what_is_past_a_limit_is_refused_and_what_is_at_it_is_taken(fixture: Fixture) {
    let store = fixture.store();
    let name = |number: usize| key(format!("{number:0width$}", width = limits::KEY_BYTES_MAX));
    let mut full = Transaction::new();
    for number in 0..limits::OPERATIONS_MAX - 60 {
        full = full.put(name(number), vec![2; 1024]);
    }
    for number in 0..60 {
        full = full.absent(name(number));
    }
    assert!(store.transact(&full, soon()).await.unwrap().succeeded);
    let over = full.clone().absent(key("one more"));
    let large = Transaction::new().put(key("a"), vec![3; limits::VALUE_BYTES_MAX]);
    assert!(store.transact(&large, soon()).await.unwrap().succeeded);
    let larger = Transaction::new().put(key("a"), vec![3; limits::VALUE_BYTES_MAX + 1]);
    let room = limits::TRANSACTION_BYTES_MAX - limits::VALUE_BYTES_MAX - 2;
    let largest = large.clone().put(key("b"), vec![4; room]);
    assert_eq!(largest.size(), limits::TRANSACTION_BYTES_MAX);
    assert!(store.transact(&largest, soon()).await.unwrap().succeeded);
    let heavy = large.put(key("b"), vec![4; room + 1]);
    let mut answers = Transaction::new();
    for number in 0..=limits::VALUES_ANSWERED_MAX {
        let (test, answer) = (Test::Absent, Answer::Value);
        answers = answers.compare(Compare { key: name(number), test, answer });
    }
    for refused in [over, larger, heavy, answers] {
        let answer = store.transact(&refused, soon()).await;
        assert!(matches!(answer, Err(Error::TooLarge { .. })), "{answer:?}");
    }
    assert!(Key::new(vec![1; limits::KEY_BYTES_MAX + 1]).is_err() && Key::new("").is_err());
    let values: [Compare; limits::VALUES_ANSWERED_MAX] = std::array::from_fn(|_| Compare {
        key: key("a"),
        test: Test::Absent,
        answer: Answer::Value,
    });
    let values = Transaction { compares: values.into(), writes: Vec::new() };
    assert_eq!(store.transact(&values, soon()).await.unwrap().seen.len(), 8);
    let range = |limit| Range { limit, ..Range::of(Prefix::new("").unwrap()) };
    let page = store.range(&range(limits::PAGE_RECORDS_MAX + 1), soon()).await;
    assert!(matches!(page, Err(Error::TooLarge { .. })));
    assert!(matches!(store.range(&range(0), soon()).await, Err(Error::Invalid { .. })));
    let ttl = limits::LEASE_TTL_MAX;
    assert!(store.grant(ttl, soon()).await.unwrap().ttl >= ttl);
    assert!(store.grant(2 * ttl, soon()).await.is_err());
    assert!(store.grant(std::time::Duration::ZERO, soon()).await.is_err());
}
