//! Serving a store.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use host_proto::PROTOCOL_VERSION;
use host_proto::control as proto;
use host_proto::control::control_store_server::{ControlStore as Contract, ControlStoreServer};
use host_proto::control::watch_answer::News;
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Request, Response, Status, async_trait};

use super::{QUIET, REQUEST_BYTES_MAX};
use crate::{
    Changes, ClusterId, ControlStore, Deadline, Error, Key, LeaseId, Prefix, Range, Revision,
    Watch, limits, wire,
};

/// The longest that a request is worked on, whatever its caller says.
const WORK_MAX: Duration = Duration::from_secs(60);

/// Bytes of a part of a revision, besides the change that passes them.
const PART_BYTES: usize = 1 << 20;

/// Serves a store: a service for tonic's router. Who may call it is the
/// router's business.
pub fn server(store: Arc<dyn ControlStore>) -> ControlStoreServer<impl Contract> {
    let watches = Arc::new(Semaphore::new(limits::WATCHES_MAX));
    ControlStoreServer::new(Service { store, watches })
        .max_decoding_message_size(REQUEST_BYTES_MAX)
        .max_encoding_message_size(limits::MESSAGE_BYTES_MAX)
}

struct Service {
    store: Arc<dyn ControlStore>,
    watches: Arc<Semaphore>,
}

impl Service {
    /// Checks that a caller means this store; until when it waits.
    async fn admit(&self, caller: Option<proto::Caller>) -> Result<Deadline, Status> {
        let (deadline, _, named) = self.identify_to(caller).await?;
        if !named {
            let why = "the request names no cluster".into();
            return Err(wire::to_status(&Error::Invalid { why }));
        }
        Ok(deadline)
    }

    /// The same for one who may not know the cluster; also which it is, and
    /// whether it was named.
    async fn identify_to(
        &self,
        caller: Option<proto::Caller>,
    ) -> Result<(Deadline, ClusterId, bool), Status> {
        let proto::Caller { protocol, cluster, timeout_ms } = caller.unwrap_or_default();
        if protocol != PROTOCOL_VERSION {
            let why = format!(
                "the caller speaks protocol version {protocol} and this host {PROTOCOL_VERSION}: \
                 upgrade the older of the two"
            );
            return Err(wire::to_status(&Error::Denied { why }));
        }
        let deadline = Deadline::after(Duration::from_millis(timeout_ms).min(WORK_MAX));
        let found = self.store.cluster(deadline).await.map_err(|error| wire::to_status(&error))?;
        if cluster.is_empty() {
            return Ok((deadline, found, false));
        }
        match ClusterId::from_slice(&cluster) {
            Some(expected) if expected == found => Ok((deadline, found, true)),
            Some(expected) => {
                let found = Some(found);
                Err(wire::to_status(&Error::WrongCluster { expected, found }))
            }
            None => {
                let why = "a cluster id has 16 bytes".into();
                Err(wire::to_status(&Error::Invalid { why }))
            }
        }
    }
}

/// The answer or the refusal.
fn respond<T>(result: Result<T, Error>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|error| wire::to_status(&error))
}

fn lease(number: u64) -> Result<LeaseId, Error> {
    LeaseId::new(number).ok_or_else(|| Error::Invalid { why: "there is no lease 0".into() })
}

#[async_trait]
impl Contract for Service {
    async fn identify(
        &self,
        request: Request<proto::IdentifyRequest>,
    ) -> Result<Response<proto::IdentifyAnswer>, Status> {
        let (_, cluster, _) = self.identify_to(request.into_inner().caller).await?;
        let cluster = cluster.bytes().to_vec().into();
        Ok(Response::new(proto::IdentifyAnswer { cluster }))
    }

    async fn get(
        &self,
        request: Request<proto::GetRequest>,
    ) -> Result<Response<proto::GetAnswer>, Status> {
        let proto::GetRequest { caller, key } = request.into_inner();
        let deadline = self.admit(caller).await?;
        let work = async { self.store.get(&Key::new(key)?, deadline).await };
        respond(work.await.map(wire::reading_to))
    }

    async fn range(
        &self,
        request: Request<proto::RangeRequest>,
    ) -> Result<Response<proto::RangeAnswer>, Status> {
        let proto::RangeRequest { caller, prefix, after, limit } = request.into_inner();
        let deadline = self.admit(caller).await?;
        let work = async {
            let after = if after.is_empty() { None } else { Some(Key::new(after)?) };
            let range = Range { prefix: Prefix::new(prefix)?, after, limit: limit as usize };
            self.store.range(&range, deadline).await
        };
        respond(work.await.map(wire::page_to))
    }

    async fn transact(
        &self,
        request: Request<proto::TransactRequest>,
    ) -> Result<Response<proto::TransactAnswer>, Status> {
        let proto::TransactRequest { caller, compares, writes } = request.into_inner();
        let deadline = self.admit(caller).await?;
        let work = async {
            let transaction = wire::transaction_from(compares, writes)?;
            self.store.transact(&transaction, deadline).await
        };
        respond(work.await.map(wire::outcome_to))
    }

    async fn grant(
        &self,
        request: Request<proto::GrantRequest>,
    ) -> Result<Response<proto::GrantAnswer>, Status> {
        let proto::GrantRequest { caller, ttl_ms } = request.into_inner();
        let deadline = self.admit(caller).await?;
        let granted = self.store.grant(Duration::from_millis(ttl_ms), deadline).await;
        respond(granted.map(|lease| proto::GrantAnswer {
            lease: lease.id.number(),
            ttl_ms: lease.ttl.as_millis() as u64,
        }))
    }

    async fn keep_alive(
        &self,
        request: Request<proto::KeepAliveRequest>,
    ) -> Result<Response<proto::KeepAliveAnswer>, Status> {
        let proto::KeepAliveRequest { caller, lease: number } = request.into_inner();
        let deadline = self.admit(caller).await?;
        let work = async { self.store.keep_alive(lease(number)?, deadline).await };
        let answer = |ttl: Duration| proto::KeepAliveAnswer { ttl_ms: ttl.as_millis() as u64 };
        respond(work.await.map(answer))
    }

    async fn revoke(
        &self,
        request: Request<proto::RevokeRequest>,
    ) -> Result<Response<proto::RevokeAnswer>, Status> {
        let proto::RevokeRequest { caller, lease: number } = request.into_inner();
        let deadline = self.admit(caller).await?;
        let work = async { self.store.revoke(lease(number)?, deadline).await };
        respond(work.await.map(|()| proto::RevokeAnswer {}))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<proto::WatchAnswer, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let proto::WatchRequest { caller, prefix, after } = request.into_inner();
        let deadline = self.admit(caller).await?;
        let place = self.watches.clone().try_acquire_owned().map_err(|_| {
            wire::to_status(&Error::Unavailable {
                why: format!("{} watches are open already", limits::WATCHES_MAX),
                advice: "look for what opens so many".into(),
            })
        })?;
        let beginning =
            async { self.store.watch(&Prefix::new(prefix)?, Revision::new(after), deadline).await };
        respond(beginning.await.map(|watch| answers(watch, place)))
    }
}

/// A watch as a stream of answers. Asked for the next only when the last was
/// taken, so a slow caller holds back nothing but its own watch.
fn answers(
    watch: Watch,
    place: OwnedSemaphorePermit,
) -> Pin<Box<dyn Stream<Item = Result<proto::WatchAnswer, Status>> + Send>> {
    let start = Some((watch, place, Vec::new()));
    Box::pin(stream::unfold(start, |state| async move {
        let (mut watch, place, mut parts) = state?;
        if parts.is_empty() {
            match tokio::time::timeout(QUIET, watch.next()).await {
                Ok(Ok(changes)) => parts = split(changes),
                Ok(Err(error)) => return Some((Err(wire::to_status(&error)), None)),
                Err(_) => parts.push(News::Quiet(true)),
            }
        }
        let news = parts.pop();
        Some((Ok(proto::WatchAnswer { news }), Some((watch, place, parts))))
    }))
}

/// A revision in parts that each fit into a message; the last comes first.
fn split(changes: Changes) -> Vec<News> {
    let proto::Changes { revision, changes, more: _ } = wire::changes_to(changes);
    let mut parts = vec![proto::Changes { revision, changes: Vec::new(), more: false }];
    let mut bytes = 0;
    for change in changes {
        if bytes > PART_BYTES {
            parts.last_mut().expect("it begins with one").more = true;
            parts.push(proto::Changes { revision, changes: Vec::new(), more: false });
            bytes = 0;
        }
        bytes += change.encoded_len();
        parts.last_mut().expect("it begins with one").changes.push(change);
    }
    parts.into_iter().rev().map(News::Changes).collect()
}
