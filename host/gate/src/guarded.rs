//! The control store as other nodes may use it.

use std::sync::Arc;
use std::time::Duration;

use host_control::{
    ClusterId, ControlStore, Deadline, Error, Key, Lease, LeaseId, Outcome, Page, Prefix, Range,
    Reading, Revision, Transaction, Watch,
};
use host_identity::record;
use tonic::async_trait;

/// A control store that refuses writes to the records about identities. To be
/// served to other nodes: these records are sealed, but a hostile node could
/// put an old one in place of a newer, or take a revocation away.
pub struct Guarded(Arc<dyn ControlStore>);

impl Guarded {
    /// Guards a store.
    pub fn new(store: Arc<dyn ControlStore>) -> Guarded {
        Guarded(store)
    }
}

#[async_trait]
impl ControlStore for Guarded {
    async fn cluster(&self, deadline: Deadline) -> Result<ClusterId, Error> {
        self.0.cluster(deadline).await
    }

    async fn get(&self, key: &Key, deadline: Deadline) -> Result<Reading, Error> {
        self.0.get(key, deadline).await
    }

    async fn range(&self, range: &Range, deadline: Deadline) -> Result<Page, Error> {
        self.0.range(range, deadline).await
    }

    async fn transact(
        &self,
        transaction: &Transaction,
        deadline: Deadline,
    ) -> Result<Outcome, Error> {
        let guarded = |key: &Key| key.bytes().starts_with(record::PREFIX.as_bytes());
        if let Some(write) = transaction.writes.iter().find(|write| guarded(&write.key)) {
            let why = format!("{} is for the host of the authority to write", write.key);
            return Err(Error::Denied { why });
        }
        self.0.transact(transaction, deadline).await
    }

    async fn grant(&self, ttl: Duration, deadline: Deadline) -> Result<Lease, Error> {
        self.0.grant(ttl, deadline).await
    }

    async fn keep_alive(&self, lease: LeaseId, deadline: Deadline) -> Result<Duration, Error> {
        self.0.keep_alive(lease, deadline).await
    }

    async fn revoke(&self, lease: LeaseId, deadline: Deadline) -> Result<(), Error> {
        self.0.revoke(lease, deadline).await
    }

    async fn watch(
        &self,
        prefix: &Prefix,
        after: Revision,
        deadline: Deadline,
    ) -> Result<Watch, Error> {
        self.0.watch(prefix, after, deadline).await
    }
}
