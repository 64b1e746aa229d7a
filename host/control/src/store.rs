//! What every control store promises.

use std::time::Duration;

use tonic::async_trait;

use crate::{
    ClusterId, Deadline, Error, Key, Lease, LeaseId, Outcome, Page, Prefix, Range, Reading,
    Revision, Transaction, Watch,
};

/// A store of records that all hosts of a cluster agree on.
///
/// **Linearizable**: every answer is as of a moment between question and
/// answer, so whoever is told of a write finds it in the store. **Durable**: an
/// acknowledged write outlives crashes. **Bounded**: everything has a limit in
/// [`limits`](crate::limits), and every operation a deadline, up to which it
/// waits for a store that cannot be reached.
///
/// Errors that any operation may answer, besides those it names:
/// [`Unavailable`](Error::Unavailable), [`TimedOut`](Error::TimedOut),
/// [`Denied`](Error::Denied), [`WrongCluster`](Error::WrongCluster) and
/// [`Corrupt`](Error::Corrupt).
///
/// Dropping the future of a write does not take the write back.
#[async_trait]
pub trait ControlStore: Send + Sync {
    /// The cluster that the store belongs to.
    async fn cluster(&self, deadline: Deadline) -> Result<ClusterId, Error>;

    /// Reads one record.
    async fn get(&self, key: &Key, deadline: Deadline) -> Result<Reading, Error>;

    /// Reads a page of records.
    ///
    /// # Errors
    /// [`Error::TooLarge`] and [`Error::Invalid`] for its limit.
    async fn range(&self, range: &Range, deadline: Deadline) -> Result<Page, Error>;

    /// Writes, if all comparisons hold. That they do not is no error, but an
    /// [`Outcome`].
    ///
    /// # Errors
    /// [`Error::TooLarge`] and [`Error::Invalid`] for its form;
    /// [`Error::LeaseGone`] if it would have written a record with a lease that
    /// is gone. After [`Error::TimedOut`] and [`Error::Uncertain`] it may have
    /// been done: it is never sent twice on its own account.
    async fn transact(
        &self,
        transaction: &Transaction,
        deadline: Deadline,
    ) -> Result<Outcome, Error>;

    /// Grants a lease. Records can be written with it, and are deleted, all in
    /// one revision, when it ends: when it was not kept alive for its time to
    /// live, or is revoked. It never ends early, and as a rule within a second
    /// of its time; when the store was away or restarted, it lives again for
    /// its whole time. A holder that needs to be sure counts the time from
    /// before it asked.
    ///
    /// The time is rounded up to seconds, and the store may grant more.
    ///
    /// # Errors
    /// [`Error::TooLarge`] and [`Error::Invalid`] for a time past
    /// [`LEASE_TTL_MAX`](crate::limits::LEASE_TTL_MAX) or below
    /// [`LEASE_TTL_MIN`](crate::limits::LEASE_TTL_MIN).
    async fn grant(&self, ttl: Duration, deadline: Deadline) -> Result<Lease, Error>;

    /// Starts a lease's time again; the time it has now.
    ///
    /// # Errors
    /// [`Error::LeaseGone`] if it ended.
    async fn keep_alive(&self, lease: LeaseId, deadline: Deadline) -> Result<Duration, Error>;

    /// Ends a lease and deletes its records. One that has ended is left so.
    async fn revoke(&self, lease: LeaseId, deadline: Deadline) -> Result<(), Error>;

    /// Tells every change under a prefix behind a revision, as a rule that of
    /// the page which was read before.
    ///
    /// The deadline is for the beginning; the watch has none. A watcher that is
    /// slow costs the store no memory: it gets [`Error::Compacted`] once what
    /// it has yet to see is no longer kept.
    ///
    /// # Errors
    /// [`Error::Compacted`], here or from [`Watch::next`], if changes behind
    /// the revision are no longer kept. [`Error::Corrupt`] if the store has not
    /// reached it: an old copy of it was put in place.
    async fn watch(
        &self,
        prefix: &Prefix,
        after: Revision,
        deadline: Deadline,
    ) -> Result<Watch, Error>;
}
