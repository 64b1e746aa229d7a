//! A control store that does not always answer as it should.

use std::sync::Arc;
use std::time::Duration;

use host_control::{
    ClusterId, ControlStore, Deadline, Error, Key, Lease, LeaseId, Outcome, Page, Prefix, Range,
    Reading, Revision, Transaction, Watch,
};
use parking_lot::Mutex;
use tonic::async_trait;

/// What is wrong with it.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    None,
    /// It cannot be reached.
    Away,
    /// It writes, and its answers are lost.
    Forgets,
}

/// A store that is reached over something faulty.
pub(crate) struct Faulty {
    fault: Mutex<Fault>,
    store: Arc<dyn ControlStore>,
}

impl Faulty {
    pub(crate) fn over(store: Arc<dyn ControlStore>, fault: Fault) -> Arc<Faulty> {
        Arc::new(Faulty { fault: Mutex::new(fault), store })
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock() = fault;
    }

    fn store(&self) -> Result<&dyn ControlStore, Error> {
        match *self.fault.lock() {
            Fault::None | Fault::Forgets => Ok(&*self.store),
            Fault::Away => {
                Err(Error::Unavailable { why: "it is away".into(), advice: "wait".into() })
            }
        }
    }
}

#[async_trait]
impl ControlStore for Faulty {
    async fn cluster(&self, deadline: Deadline) -> Result<ClusterId, Error> {
        self.store()?.cluster(deadline).await
    }

    async fn get(&self, key: &Key, deadline: Deadline) -> Result<Reading, Error> {
        self.store()?.get(key, deadline).await
    }

    async fn range(&self, range: &Range, deadline: Deadline) -> Result<Page, Error> {
        self.store()?.range(range, deadline).await
    }

    async fn transact(&self, it: &Transaction, deadline: Deadline) -> Result<Outcome, Error> {
        let outcome = self.store()?.transact(it, deadline).await;
        match *self.fault.lock() {
            Fault::Forgets => Err(Error::Uncertain { why: "the answer was lost".into() }),
            Fault::Away | Fault::None => outcome,
        }
    }

    async fn grant(&self, ttl: Duration, deadline: Deadline) -> Result<Lease, Error> {
        self.store()?.grant(ttl, deadline).await
    }

    async fn keep_alive(&self, lease: LeaseId, deadline: Deadline) -> Result<Duration, Error> {
        self.store()?.keep_alive(lease, deadline).await
    }

    async fn revoke(&self, lease: LeaseId, deadline: Deadline) -> Result<(), Error> {
        self.store()?.revoke(lease, deadline).await
    }

    async fn watch(
        &self,
        prefix: &Prefix,
        after: Revision,
        deadline: Deadline,
    ) -> Result<Watch, Error> {
        self.store()?.watch(prefix, after, deadline).await
    }
}
