//! The control store as this host asks it, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use host_control::{
    ControlStore, Deadline, Error, Key, Lease, LeaseId, Outcome, Page, Prefix, Range, Reading,
    Revision, Transaction, Watch,
};
use host_core::ClusterId;
use tokio::time::Instant;
use tonic::async_trait;

use crate::meters::{Histogram, Seen};

/// The operations of a store, in the order in which they are counted.
const OPERATIONS: [&str; 8] =
    ["cluster", "get", "range", "transact", "grant", "keep-alive", "revoke", "watch"];

/// How a request ended.
const OUTCOMES: [&str; 11] = [
    "ok",
    "unavailable",
    "timed-out",
    "uncertain",
    "compacted",
    "too-large",
    "lease-gone",
    "denied",
    "wrong-cluster",
    "corrupt",
    "invalid",
];

/// A store whose requests are counted.
pub(super) struct Counted {
    store: Arc<dyn ControlStore>,
    counts: [[AtomicU64; OUTCOMES.len()]; OPERATIONS.len()],
    times: Histogram,
}

impl Counted {
    pub(super) fn new(store: Arc<dyn ControlStore>) -> Counted {
        Counted { store, counts: Default::default(), times: Histogram::default() }
    }

    /// How many requests there were, by operation and outcome; those that
    /// never were are left out.
    pub(super) fn counts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let rows = OPERATIONS.iter().zip(&self.counts);
        let cells = rows.flat_map(|(operation, row)| {
            let cell = |(outcome, count): (&&'static str, &AtomicU64)| {
                (*operation, *outcome, count.load(Ordering::Relaxed))
            };
            OUTCOMES.iter().zip(row).map(cell).collect::<Vec<_>>()
        });
        cells.filter(|(_, _, count)| *count > 0).collect()
    }

    /// How long they took.
    pub(super) fn times(&self) -> Seen {
        self.times.seen()
    }

    async fn count<T>(
        &self,
        operation: usize,
        asking: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let since = Instant::now();
        let answer = asking.await;
        self.note(operation, answer.as_ref().err(), since.elapsed());
        answer
    }

    fn note(&self, operation: usize, error: Option<&Error>, time: Duration) {
        let outcome = error.map_or(0, |error| match error {
            Error::Unavailable { .. } => 1,
            Error::TimedOut { .. } => 2,
            Error::Uncertain { .. } => 3,
            Error::Compacted { .. } => 4,
            Error::TooLarge { .. } => 5,
            Error::LeaseGone { .. } => 6,
            Error::Denied { .. } => 7,
            Error::WrongCluster { .. } => 8,
            Error::Corrupt { .. } => 9,
            Error::Invalid { .. } => 10,
        });
        self.counts[operation][outcome].fetch_add(1, Ordering::Relaxed);
        self.times.record(time);
    }
}

#[async_trait]
impl ControlStore for Counted {
    async fn cluster(&self, deadline: Deadline) -> Result<ClusterId, Error> {
        self.count(0, self.store.cluster(deadline)).await
    }

    async fn get(&self, key: &Key, deadline: Deadline) -> Result<Reading, Error> {
        self.count(1, self.store.get(key, deadline)).await
    }

    async fn range(&self, range: &Range, deadline: Deadline) -> Result<Page, Error> {
        self.count(2, self.store.range(range, deadline)).await
    }

    async fn transact(
        &self,
        transaction: &Transaction,
        deadline: Deadline,
    ) -> Result<Outcome, Error> {
        self.count(3, self.store.transact(transaction, deadline)).await
    }

    async fn grant(&self, ttl: Duration, deadline: Deadline) -> Result<Lease, Error> {
        self.count(4, self.store.grant(ttl, deadline)).await
    }

    async fn keep_alive(&self, lease: LeaseId, deadline: Deadline) -> Result<Duration, Error> {
        self.count(5, self.store.keep_alive(lease, deadline)).await
    }

    async fn revoke(&self, lease: LeaseId, deadline: Deadline) -> Result<(), Error> {
        self.count(6, self.store.revoke(lease, deadline)).await
    }

    async fn watch(
        &self,
        prefix: &Prefix,
        after: Revision,
        deadline: Deadline,
    ) -> Result<Watch, Error> {
        self.count(7, self.store.watch(prefix, after, deadline)).await
    }
}

#[cfg(test)]
mod tests {
    use host_control::{Embedded, limits};

    use super::*;

    #[tokio::test]
    async fn each_request_is_counted_by_how_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path(), None).await.unwrap();
        let counted = Counted::new(Arc::new(store));
        let deadline = || Deadline::after(Duration::from_secs(10));
        counted.cluster(deadline()).await.unwrap();
        counted.cluster(deadline()).await.unwrap();
        let never = limits::LEASE_TTL_MAX * 2;
        assert!(counted.grant(never, deadline()).await.is_err());
        let counts = counted.counts();
        assert_eq!(counts, [("cluster", "ok", 2), ("grant", "too-large", 1)]);
        assert_eq!(counted.times().count, 3);
    }
}
