//! A store in etcd, for clusters that have to survive the loss of any node.
//!
//! Everything lies under a namespace of its own: the cluster's id at `id`,
//! records at `r/KEY`. Every read and write is an etcd transaction that first
//! compares the id, so that an etcd that was wiped, or is that of another
//! cluster, is recognised by the very operation that would else trust it.
//!
//! etcd's own contract is spoken, compiled with the others in host-proto, and
//! not the crate `etcd-client`: building that needs protoc on the machine of
//! everyone who builds a host, and most of it (locks, elections, users) would
//! go unused.
//!
//! Where it differs from the other stores within what the trait promises: a
//! lease's least time is what etcd makes of its election time-out, two seconds
//! by default; how far back a watch can begin is for etcd's operator to say
//! (`--auto-compaction-retention`).

mod connection;
mod convert;
mod fault;
mod options;
mod watch;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use host_proto::etcd as proto;
use tonic::{Status, async_trait};

use self::connection::Connection;
use self::convert::Space;
pub use self::options::{EtcdOptions, EtcdTls, EtcdUser};
use crate::reached::Reached;
use crate::retry::{Repeat, retry};
use crate::{
    ClusterId, ControlStore, Deadline, Error, Key, Lease, LeaseId, Outcome, Page, Prefix, Range,
    Reading, Revision, Transaction, Watch, record,
};

/// The client of an etcd. Clones are the same client.
#[derive(Clone)]
pub struct Etcd {
    shared: Arc<Shared>,
}

struct Shared {
    connection: Connection,
    space: Space,
    /// The cluster that the namespace has to be of, once it is known.
    cluster: OnceLock<ClusterId>,
    reached: Reached,
}

impl Etcd {
    /// A client; connects when it is first asked something. To be called
    /// within a tokio runtime, which its connections belong to.
    ///
    /// # Errors
    /// [`Error::Invalid`] for endpoints, a namespace or TLS settings that make
    /// no sense.
    pub fn new(options: &EtcdOptions) -> Result<Etcd, Error> {
        let cluster = OnceLock::new();
        if let Some(expected) = options.cluster {
            cluster.set(expected).expect("it was just made");
        }
        let shared = Shared {
            connection: Connection::new(options)?,
            space: Space::new(&options.namespace)?,
            cluster,
            reached: Reached::default(),
        };
        Ok(Etcd { shared: Arc::new(shared) })
    }

    /// The cluster of the namespace. If none was expected and there is none,
    /// the namespace becomes that of a new cluster.
    async fn expected(&self, deadline: Deadline) -> Result<ClusterId, Error> {
        if let Some(cluster) = self.shared.cluster.get() {
            return Ok(*cluster);
        }
        let drawn = crate::draw_cluster()?;
        // Only if there is none, so doing it again changes nothing.
        let request = self.shared.space.claim(drawn);
        let claim = "identifying the store";
        let answer = self.transact_raw(claim, request, Repeat::Harmless, deadline).await?;
        let found = match answer.succeeded {
            true => drawn,
            false => self.shared.space.found(&answer)?.ok_or_else(|| {
                Error::corrupt("the namespace's cluster id is there and cannot be read")
            })?,
        };
        Ok(*self.shared.cluster.get_or_init(|| found))
    }

    /// Sends a transaction as it is.
    async fn transact_raw(
        &self,
        what: &'static str,
        request: proto::TxnRequest,
        repeat: Repeat,
        deadline: Deadline,
    ) -> Result<proto::TxnResponse, Error> {
        let attempt = || {
            let request = request.clone();
            self.shared.connection.attempt(repeat, |link| async move {
                let request = link.request(request);
                Ok(link.kv().txn(request).await?.into_inner())
            })
        };
        retry(what, repeat, deadline, attempt).await
    }

    /// Reads, if the namespace is that of the right cluster.
    async fn read(
        &self,
        what: &'static str,
        range: proto::RangeRequest,
        deadline: Deadline,
    ) -> Result<(Revision, proto::RangeResponse), Error> {
        let cluster = self.expected(deadline).await?;
        let before = self.shared.reached.now();
        let request = self.shared.space.read(cluster, range);
        let answer = self.transact_raw(what, request, Repeat::Harmless, deadline).await?;
        if !answer.succeeded {
            let found = self.shared.space.found(&answer)?;
            return Err(Error::WrongCluster { expected: cluster, found });
        }
        let revision = convert::revision(answer.header.as_ref())?;
        // Only now: a wiped one begins anew with its revisions too.
        self.shared.reached.check(before, revision)?;
        let mut ranges = convert::ranges(answer)?;
        let range = ranges.pop().ok_or_else(|| Error::corrupt("etcd left out a range"))?;
        Ok((revision, range))
    }
}

#[async_trait]
impl ControlStore for Etcd {
    async fn cluster(&self, deadline: Deadline) -> Result<ClusterId, Error> {
        let cluster = self.expected(deadline).await?;
        // It may have been known for long: a read proves that it still holds.
        let range = self.shared.space.id_range();
        self.read("identifying the store", range, deadline).await?;
        Ok(cluster)
    }

    async fn get(&self, key: &Key, deadline: Deadline) -> Result<Reading, Error> {
        let range = self.shared.space.record_range(key, false);
        let (revision, mut range) = self.read("a get", range, deadline).await?;
        let record = range.kvs.pop().map(|found| self.shared.space.record(found)).transpose()?;
        Ok(Reading { revision, record })
    }

    async fn range(&self, range: &Range, deadline: Deadline) -> Result<Page, Error> {
        range.check()?;
        let mut limit = range.limit;
        loop {
            let request = self.shared.space.page_range(range, limit);
            match self.read("a range", request, deadline).await {
                Ok((revision, answer)) => return self.shared.space.page(revision, answer),
                // etcd counts records only: with fewer it fits.
                Err(error) if fault::is_answer_too_large(&error) && limit > 1 => limit /= 2,
                Err(error) => return Err(error),
            }
        }
    }

    async fn transact(
        &self,
        transaction: &Transaction,
        deadline: Deadline,
    ) -> Result<Outcome, Error> {
        transaction.check()?;
        let cluster = self.expected(deadline).await?;
        let before = self.shared.reached.now();
        let request = self.shared.space.transaction(cluster, transaction);
        let sent = self.transact_raw("a transaction", request, Repeat::Never, deadline).await;
        let answer = sent.map_err(|error| convert::name_lease(error, transaction))?;
        let found =
            if answer.succeeded { Some(cluster) } else { self.shared.space.found(&answer)? };
        if found != Some(cluster) {
            return Err(Error::WrongCluster { expected: cluster, found });
        }
        let outcome = self.shared.space.outcome(answer, transaction)?;
        self.shared.reached.check(before, outcome.revision)?;
        Ok(outcome)
    }

    async fn grant(&self, ttl: Duration, deadline: Deadline) -> Result<Lease, Error> {
        let ttl = record::check_ttl(ttl)?;
        // Named here, so that asking again after a broken connection cannot
        // leave a second one behind.
        let id = convert::draw_lease()?;
        let attempt = || {
            self.shared.connection.attempt(Repeat::Harmless, |link| async move {
                let message = proto::LeaseGrantRequest {
                    id: convert::lease_to(id),
                    ttl: ttl.as_secs() as i64,
                };
                match link.lease().lease_grant(link.request(message)).await {
                    Ok(answer) => Ok(answer.into_inner().ttl),
                    Err(status) if fault::is_lease_there(&status) => Ok(ttl.as_secs() as i64),
                    Err(status) => Err(status),
                }
            })
        };
        let granted = retry("granting a lease", Repeat::Harmless, deadline, attempt).await?;
        Ok(Lease { id, ttl: Duration::from_secs(granted.max(0) as u64) })
    }

    async fn keep_alive(&self, lease: LeaseId, deadline: Deadline) -> Result<Duration, Error> {
        let attempt = || {
            self.shared.connection.attempt(Repeat::Harmless, |link| async move {
                let message = proto::LeaseKeepAliveRequest { id: convert::lease_to(lease) };
                let messages = link.request(convert::one_and_open(message));
                let mut answers = link.lease().lease_keep_alive(messages).await?.into_inner();
                let answer = answers.message().await?;
                answer.ok_or_else(|| Status::unavailable("etcd ended the stream"))
            })
        };
        let what = "keeping a lease alive";
        let answer = retry(what, Repeat::Harmless, deadline, attempt).await?;
        match u64::try_from(answer.ttl) {
            Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
            _ => Err(Error::LeaseGone { lease }),
        }
    }

    async fn revoke(&self, lease: LeaseId, deadline: Deadline) -> Result<(), Error> {
        let attempt = || {
            self.shared.connection.attempt(Repeat::Harmless, |link| async move {
                let message = proto::LeaseRevokeRequest { id: convert::lease_to(lease) };
                match link.lease().lease_revoke(link.request(message)).await {
                    Err(status) if !fault::is_lease_gone(&status) => Err(status),
                    Ok(_) | Err(_) => Ok(()),
                }
            })
        };
        retry("revoking a lease", Repeat::Harmless, deadline, attempt).await
    }

    async fn watch(
        &self,
        prefix: &Prefix,
        after: Revision,
        deadline: Deadline,
    ) -> Result<Watch, Error> {
        watch::begin(self, prefix, after, deadline).await
    }
}
