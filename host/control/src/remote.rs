//! The store of another host, over gRPC.
//!
//! [`server()`] serves any store; [`Remote`] is its client. What errors the
//! store answers reach the caller as they are. A watch is resumed from where it
//! was whenever its connection breaks, or is silent although the server says
//! every few seconds that it is there.

mod service;
mod watch;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use host_proto::PROTOCOL_VERSION;
use host_proto::control as proto;
use host_proto::control::control_store_client::ControlStoreClient;
use tonic::transport::Channel;
use tonic::{Code, Response, Status, async_trait};

pub use self::service::server;
use crate::reached::Reached;
use crate::retry::{Fault, Repeat, retry};
use crate::{
    ClusterId, ControlStore, Deadline, Error, Key, Lease, LeaseId, Outcome, Page, Prefix, Range,
    Reading, Revision, Transaction, Watch, limits, record, wire,
};

/// Bytes of a request: a transaction of the largest size and its form.
const REQUEST_BYTES_MAX: usize = limits::TRANSACTION_BYTES_MAX + (128 << 10);

/// Between two signs of life on a quiet watch.
const QUIET: Duration = Duration::from_secs(2);

/// A watch that is silent for so long has lost its server: four signs of life.
const SILENCE_MAX: Duration = Duration::from_secs(8);

/// The client of a store that another host serves. Clones share what they know.
#[derive(Clone, Debug)]
pub struct Remote {
    client: ControlStoreClient<Channel>,
    /// The cluster that the store has to be of, once it is known.
    cluster: Arc<OnceLock<ClusterId>>,
    reached: Arc<Reached>,
}

impl Remote {
    /// A client over a channel, which is the caller's business: its address,
    /// TLS, limits on connecting, and keep-alive. A lazy channel need not have
    /// connected yet. Without an expected cluster, that of the first answer
    /// counts from then on.
    pub fn new(channel: Channel, expected: Option<ClusterId>) -> Remote {
        let client = ControlStoreClient::new(channel)
            .max_decoding_message_size(limits::MESSAGE_BYTES_MAX)
            .max_encoding_message_size(REQUEST_BYTES_MAX);
        let cluster = OnceLock::new();
        if let Some(expected) = expected {
            cluster.set(expected).expect("it was just made");
        }
        Remote { client, cluster: Arc::new(cluster), reached: Arc::default() }
    }

    /// The cluster that requests name: asked for if it is not known.
    async fn expected(&self, deadline: Deadline) -> Result<ClusterId, Error> {
        match self.cluster.get() {
            Some(cluster) => Ok(*cluster),
            None => self.identify(deadline).await,
        }
    }

    /// Asks the server who it is, and checks it.
    async fn identify(&self, deadline: Deadline) -> Result<ClusterId, Error> {
        let attempt = || self.identify_once(deadline);
        retry("identifying the store", Repeat::Harmless, deadline, attempt).await
    }

    async fn identify_once(&self, deadline: Deadline) -> Result<ClusterId, Fault> {
        let expected = self.cluster.get();
        let cluster = expected.map(|id| Bytes::copy_from_slice(&id.bytes())).unwrap_or_default();
        let caller = Some(caller(cluster, deadline));
        let answer = self.client.clone().identify(proto::IdentifyRequest { caller }).await;
        let bytes = answer.map_err(fault)?.into_inner().cluster;
        let found =
            ClusterId::from_slice(&bytes).ok_or_else(|| Error::corrupt("it says no cluster id"))?;
        // Another answer may have come first.
        let expected = *self.cluster.get_or_init(|| found);
        if expected == found {
            Ok(found)
        } else {
            Err(Fault::Final(Error::WrongCluster { expected, found: Some(found) }))
        }
    }

    /// Asks the server something, again if need be and harmless.
    async fn call<T, F>(
        &self,
        what: &'static str,
        repeat: Repeat,
        deadline: Deadline,
        call: impl Fn(ControlStoreClient<Channel>, Option<proto::Caller>) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let cluster = self.expected(deadline).await?;
        let cluster = Bytes::copy_from_slice(&cluster.bytes());
        let attempt = || {
            let calling = call(self.client.clone(), Some(caller(cluster.clone(), deadline)));
            async { Ok(calling.await.map_err(fault)?.into_inner()) }
        };
        retry(what, repeat, deadline, attempt).await
    }
}

#[async_trait]
impl ControlStore for Remote {
    async fn cluster(&self, deadline: Deadline) -> Result<ClusterId, Error> {
        self.identify(deadline).await
    }

    async fn get(&self, key: &Key, deadline: Deadline) -> Result<Reading, Error> {
        let before = self.reached.now();
        let call = |mut client: ControlStoreClient<Channel>, caller| {
            let request = proto::GetRequest { caller, key: key.bytes().clone() };
            async move { client.get(request).await }
        };
        let answer = self.call("a get", Repeat::Harmless, deadline, call).await?;
        let reading = wire::reading_from(answer)?;
        self.reached.check(before, reading.revision)?;
        Ok(reading)
    }

    async fn range(&self, range: &Range, deadline: Deadline) -> Result<Page, Error> {
        range.check()?;
        let before = self.reached.now();
        let Range { prefix, after, limit } = range;
        let after = after.as_ref().map(|key| key.bytes().clone()).unwrap_or_default();
        let call = |mut client: ControlStoreClient<Channel>, caller| {
            let (prefix, after) = (prefix.bytes().clone(), after.clone());
            let request = proto::RangeRequest { caller, prefix, after, limit: *limit as u32 };
            async move { client.range(request).await }
        };
        let answer = self.call("a range", Repeat::Harmless, deadline, call).await?;
        let page = wire::page_from(answer)?;
        self.reached.check(before, page.revision)?;
        Ok(page)
    }

    async fn transact(
        &self,
        transaction: &Transaction,
        deadline: Deadline,
    ) -> Result<Outcome, Error> {
        transaction.check()?;
        let before = self.reached.now();
        let call = |mut client: ControlStoreClient<Channel>, caller| {
            let (compares, writes) = wire::transaction_to(transaction);
            let request = proto::TransactRequest { caller, compares, writes };
            async move { client.transact(request).await }
        };
        let answer = self.call("a transaction", Repeat::Never, deadline, call).await?;
        let outcome = wire::outcome_from(answer);
        self.reached.check(before, outcome.revision)?;
        Ok(outcome)
    }

    async fn grant(&self, ttl: Duration, deadline: Deadline) -> Result<Lease, Error> {
        let ttl = record::check_ttl(ttl)?;
        let call = |mut client: ControlStoreClient<Channel>, caller| {
            let request = proto::GrantRequest { caller, ttl_ms: ttl.as_millis() as u64 };
            async move { client.grant(request).await }
        };
        // A lease that was granted and never answered ends by itself.
        let answer = self.call("granting a lease", Repeat::Harmless, deadline, call).await?;
        let proto::GrantAnswer { lease, ttl_ms } = answer;
        let id = LeaseId::new(lease).ok_or_else(|| Error::corrupt("it granted no lease"))?;
        Ok(Lease { id, ttl: Duration::from_millis(ttl_ms) })
    }

    async fn keep_alive(&self, lease: LeaseId, deadline: Deadline) -> Result<Duration, Error> {
        let call = |mut client: ControlStoreClient<Channel>, caller| {
            let request = proto::KeepAliveRequest { caller, lease: lease.number() };
            async move { client.keep_alive(request).await }
        };
        let answer = self.call("keeping a lease alive", Repeat::Harmless, deadline, call).await?;
        Ok(Duration::from_millis(answer.ttl_ms))
    }

    async fn revoke(&self, lease: LeaseId, deadline: Deadline) -> Result<(), Error> {
        let call = |mut client: ControlStoreClient<Channel>, caller| {
            let request = proto::RevokeRequest { caller, lease: lease.number() };
            async move { client.revoke(request).await }
        };
        self.call("revoking a lease", Repeat::Harmless, deadline, call).await.map(drop)
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

fn caller(cluster: Bytes, deadline: Deadline) -> proto::Caller {
    let timeout_ms = deadline.remaining().as_millis().try_into().unwrap_or(u64::MAX);
    proto::Caller { protocol: PROTOCOL_VERSION, cluster, timeout_ms }
}

/// What a refusal means to the attempt that met it.
fn fault(status: Status) -> Fault {
    match wire::from_status(&status) {
        // Said by a store: it did nothing.
        Some(Error::Unavailable { why, advice: _ }) => Fault::NotDone(why),
        Some(error) => Fault::Final(error),
        None => match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => {
                Fault::Final(Error::Denied { why: status.message().to_owned() })
            }
            Code::Unimplemented => Fault::Final(Error::Denied {
                why: format!("what answers is no control store: {}", status.message()),
            }),
            _ => Fault::of_transport(&status),
        },
    }
}
