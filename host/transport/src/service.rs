//! Connections that other nodes open.

use std::sync::Arc;
use std::time::Duration;

use host_core::NodeId;
use host_core::session::Packet;
use host_proto::session as proto;
use host_proto::session::sessions_server::Sessions as Contract;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tonic::{Extensions, Request, Response, Status, Streaming, async_trait};

use crate::link::{Batches, Link};
use crate::sessions::{Shared, read};
use crate::{Caller, wire};

/// How long a new connection may be silent before its hello.
const HELLO_TIME: Duration = Duration::from_secs(5);

/// Connections that have not said hello, at once: no more are taken, so that
/// whoever opens them in masses costs little.
const STRANGERS_MAX: usize = 64;

/// The service behind [`Sessions::server`](crate::Sessions::server).
pub(crate) struct Service {
    shared: Arc<Shared>,
    strangers: Arc<Semaphore>,
}

impl Service {
    pub(crate) fn new(shared: Arc<Shared>) -> Service {
        Service { shared, strangers: Arc::new(Semaphore::new(STRANGERS_MAX)) }
    }
}

#[async_trait]
impl Contract for Service {
    type OpenStream = Batches;

    async fn open(
        &self,
        request: Request<Streaming<proto::Batch>>,
    ) -> Result<Response<Batches>, Status> {
        let Ok(stranger) = self.strangers.clone().try_acquire_owned() else {
            return Err(Status::resource_exhausted("too many connections at once; try again"));
        };
        let address = request.remote_addr();
        let (_, extensions, stream) = request.into_parts();
        let (link, batches) = self.shared.new_link();
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let opened = Opened { shared, link, extensions, address };
            opened.run(stream, stranger).await;
        });
        Ok(Response::new(batches))
    }
}

/// A connection that somebody opened.
struct Opened {
    shared: Arc<Shared>,
    link: Link,
    extensions: Extensions,
    address: Option<std::net::SocketAddr>,
}

impl Opened {
    async fn run(self, mut stream: Streaming<proto::Batch>, stranger: OwnedSemaphorePermit) {
        let cluster = self.shared.config.cluster;
        let first = match timeout(HELLO_TIME, stream.message()).await {
            Ok(Ok(Some(batch))) => batch,
            Ok(Ok(None)) => return self.link.close(),
            Ok(Err(status)) => return self.link.refuse(status),
            Err(_) => return self.link.refuse(Status::deadline_exceeded("no hello came")),
        };
        let from = match self.greeting(&first) {
            Ok(from) => from,
            Err(status) => {
                let address = self.address;
                tracing::warn!(?address, why = status.message(), "a connection was refused");
                return self.link.refuse(status);
            }
        };
        drop(stranger);
        let peer = self.shared.peer(from);
        peer.connected(self.link.clone());
        read(&peer, &self.link, Some(first), stream, cluster).await;
    }

    /// Who says hello, if it may.
    fn greeting(&self, first: &proto::Batch) -> Result<NodeId, Status> {
        let hello = first.packets.first().cloned();
        let hello = hello.ok_or_else(|| Status::invalid_argument("an empty batch"))?;
        let hello = wire::decode(self.shared.config.cluster, hello);
        let (from, to) = match hello.map_err(Status::failed_precondition)? {
            Packet::Hello { from, to, .. } => (from, to),
            _ => return Err(Status::invalid_argument("the first packet is no hello")),
        };
        let local = self.shared.config.local;
        if to != local || from == local {
            let why = format!("this is {local}, and {from} wants {to}");
            return Err(Status::failed_precondition(why));
        }
        let caller = Caller { address: self.address, extensions: &self.extensions };
        self.shared.inbound.admit(from, &caller).map_err(Status::permission_denied)?;
        Ok(from)
    }
}
