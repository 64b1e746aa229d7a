//! Stores that tests need.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_control::{
    ClusterId, ControlStore, Deadline, Embedded, Error, Key, Lease, LeaseId, Outcome, Page, Prefix,
    Range, Reading, Revision, Transaction, Watch, limits,
};
use tonic::async_trait;

/// An embedded store whose leases do not end by themselves: a slow machine is
/// not what is tested.
pub(crate) struct Patient {
    inner: Embedded,
    /// Records on a page.
    page_len: usize,
    /// Done by somebody else once a page has been read.
    pub(crate) meanwhile: Mutex<Option<Transaction>>,
}

impl Patient {
    pub(crate) async fn open(folder: &Path) -> Arc<Patient> {
        Patient::with_pages(folder, limits::PAGE_RECORDS_MAX).await
    }

    pub(crate) async fn with_pages(folder: &Path, page_len: usize) -> Arc<Patient> {
        let inner = Embedded::open(folder, None).await.unwrap();
        Arc::new(Patient { inner, page_len, meanwhile: Mutex::default() })
    }

    pub(crate) async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl ControlStore for Patient {
    async fn cluster(&self, deadline: Deadline) -> Result<ClusterId, Error> {
        self.inner.cluster(deadline).await
    }

    async fn get(&self, key: &Key, deadline: Deadline) -> Result<Reading, Error> {
        self.inner.get(key, deadline).await
    }

    async fn range(&self, range: &Range, deadline: Deadline) -> Result<Page, Error> {
        let range = Range { limit: range.limit.min(self.page_len), ..range.clone() };
        let page = self.inner.range(&range, deadline).await;
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(transaction) = meanwhile {
            self.inner.transact(&transaction, deadline).await?;
        }
        page
    }

    async fn transact(&self, what: &Transaction, deadline: Deadline) -> Result<Outcome, Error> {
        self.inner.transact(what, deadline).await
    }

    async fn grant(&self, ttl: Duration, deadline: Deadline) -> Result<Lease, Error> {
        assert_eq!(ttl, host_core::limits::LEASE_TTL);
        self.inner.grant(limits::LEASE_TTL_MAX, deadline).await
    }

    async fn keep_alive(&self, lease: LeaseId, deadline: Deadline) -> Result<Duration, Error> {
        self.inner.keep_alive(lease, deadline).await
    }

    async fn revoke(&self, lease: LeaseId, deadline: Deadline) -> Result<(), Error> {
        self.inner.revoke(lease, deadline).await
    }

    async fn watch(
        &self,
        prefix: &Prefix,
        after: Revision,
        deadline: Deadline,
    ) -> Result<Watch, Error> {
        self.inner.watch(prefix, after, deadline).await
    }
}

/// A store that answers what it was told to; by default nothing, ever.
#[derive(Default)]
pub(crate) struct Scripted {
    /// To everything else.
    pub(crate) error: Option<Error>,
    /// To every range.
    pub(crate) page: Option<Page>,
    /// To every transaction.
    pub(crate) outcome: Option<Outcome>,
}

impl Scripted {
    async fn say<T>(&self, answer: Option<T>) -> Result<T, Error> {
        match (answer, &self.error) {
            (Some(answer), _) => Ok(answer),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => std::future::pending().await,
        }
    }
}

#[async_trait]
impl ControlStore for Scripted {
    async fn cluster(&self, _: Deadline) -> Result<ClusterId, Error> {
        self.say(None).await
    }

    async fn get(&self, _: &Key, _: Deadline) -> Result<Reading, Error> {
        self.say(None).await
    }

    async fn range(&self, _: &Range, _: Deadline) -> Result<Page, Error> {
        self.say(self.page.clone()).await
    }

    async fn transact(&self, _: &Transaction, _: Deadline) -> Result<Outcome, Error> {
        self.say(self.outcome.clone()).await
    }

    async fn grant(&self, _: Duration, _: Deadline) -> Result<Lease, Error> {
        self.say(None).await
    }

    async fn keep_alive(&self, _: LeaseId, _: Deadline) -> Result<Duration, Error> {
        self.say(None).await
    }

    async fn revoke(&self, _: LeaseId, _: Deadline) -> Result<(), Error> {
        self.say(None).await
    }

    async fn watch(&self, _: &Prefix, _: Revision, _: Deadline) -> Result<Watch, Error> {
        self.say(None).await
    }
}
