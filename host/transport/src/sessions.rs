//! All the peers of a node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use host_core::session::{Event, Full, LinkId, Room};
use host_core::{ClusterId, NodeId};
use host_proto::session as proto;
use host_proto::session::sessions_client::SessionsClient;
use host_proto::session::sessions_server::{Sessions as Contract, SessionsServer};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::time::{Instant, timeout};
use tonic::{Status, Streaming};

use crate::link::{Batches, Link};
use crate::peer::Peer;
use crate::service::Service;
use crate::traffic::{Counts, Traffic};
use crate::wire::{self, BATCH_PACKETS, MESSAGE_BYTES_MAX};
use crate::{Dial, Inbound};

/// How long making a connection may take. Longer than a session's grace: a
/// peer that answers late is reached late, in the next epoch.
const DIAL_TIME: Duration = Duration::from_secs(3);

/// Who this node is.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The node's id.
    pub local: NodeId,
    /// The cluster's id.
    pub cluster: ClusterId,
}

/// The sessions of one node with others. Cloning is cheap. Runs on the runtime
/// it is used on.
#[derive(Clone)]
pub struct Sessions(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) started: Instant,
    pub(crate) inbound: Arc<dyn Inbound>,
    dialler: Arc<dyn Dial>,
    peers: Mutex<FxHashMap<NodeId, Arc<Peer>>>,
    links: AtomicU64,
    pub(crate) counts: Counts,
}

impl Sessions {
    /// Sessions that nobody has used yet.
    pub fn new(config: Config, dialler: Arc<dyn Dial>, inbound: Arc<dyn Inbound>) -> Sessions {
        Sessions(Arc::new(Shared {
            config,
            started: Instant::now(),
            inbound,
            dialler,
            peers: Mutex::default(),
            links: AtomicU64::new(0),
            counts: Counts::default(),
        }))
    }

    /// Takes other nodes' connections: a service for tonic's router.
    pub fn server(&self) -> SessionsServer<impl Contract> {
        SessionsServer::new(Service::new(self.0.clone()))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Sends a payload of at most 1 MiB to a node, in order, now or when it
    /// is reached. [`Full`] gives it back if the node is too far behind;
    /// [`Inbound::room`] tells when to try again.
    ///
    /// # Panics
    /// If the payload is larger: who sends it has to know.
    pub fn send(&self, to: NodeId, payload: Bytes, room: Room) -> Result<(), Full<Bytes>> {
        assert!(payload.len() <= wire::PAYLOAD_BYTES_MAX, "{} bytes in a frame", payload.len());
        self.0.peer(to).send(payload, room)
    }

    /// A node has gone for good: what was under way to it is lost, and its
    /// connections end.
    pub fn gone(&self, node: NodeId) {
        let peer = self.0.peers.lock().remove(&node);
        if let Some(peer) = peer {
            peer.end();
        }
    }

    /// Ends every session, as if all peers had gone. What is not ended keeps
    /// its memory: sessions and their connections hold each other.
    pub fn end(&self) {
        let peers = std::mem::take(&mut *self.0.peers.lock());
        peers.into_values().for_each(|peer| peer.end());
    }

    /// The nodes there is a session with.
    pub fn peers(&self) -> Vec<NodeId> {
        self.0.peers.lock().keys().copied().collect()
    }

    /// What has gone between this node and the others so far.
    pub fn traffic(&self) -> Traffic {
        self.0.counts.now()
    }
}

impl Shared {
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn peer(self: &Arc<Self>, id: NodeId) -> Arc<Peer> {
        let mut peers = self.peers.lock();
        peers.entry(id).or_insert_with(|| Peer::new(id, self.clone())).clone()
    }

    /// A connection that nothing is known of yet, and what it will write.
    pub(crate) fn new_link(&self) -> (Link, Batches) {
        let id = LinkId(self.links.fetch_add(1, Ordering::Relaxed) + 1);
        Link::new(id, self.config.cluster)
    }

    /// Makes a connection and reads from it until it ends.
    pub(crate) async fn dial(&self, peer: Arc<Peer>) {
        let (link, batches) = self.new_link();
        match timeout(DIAL_TIME, self.open(&peer, batches)).await {
            Ok(Ok(stream)) => {
                peer.connected(link.clone());
                read(&peer, &link, None, stream, self.config.cluster).await;
            }
            Ok(Err(why)) => failed(&peer, &link, &why),
            Err(_) => failed(&peer, &link, "it took too long"),
        }
    }

    async fn open(&self, peer: &Peer, batches: Batches) -> Result<Streaming<proto::Batch>, String> {
        let channel = self.dialler.dial(peer.id).await?;
        let mut client = SessionsClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let batches = batches.filter_map(|batch| std::future::ready(batch.ok()));
        let opened = client.open(batches).await;
        opened.map(tonic::Response::into_inner).map_err(|status| status.message().to_owned())
    }
}

fn failed(peer: &Peer, link: &Link, why: &str) {
    tracing::debug!(peer = %peer.id, why, "a node was not reached");
    link.close();
    peer.handle(Event::DialFailed);
}

/// Hands on what comes over a connection until it ends, `first` before all
/// else: what was read to learn who it is.
pub(crate) async fn read(
    peer: &Peer,
    link: &Link,
    mut first: Option<proto::Batch>,
    mut stream: Streaming<proto::Batch>,
    cluster: ClusterId,
) {
    let ended = loop {
        let next = match first.take() {
            Some(batch) => Ok(Some(batch)),
            None => tokio::select! {
                biased;
                () = link.closed.cancelled() => break Ok(()),
                next = stream.message() => next,
            },
        };
        match next {
            Ok(Some(batch)) => {
                if let Err(why) = take(peer, link, batch, cluster) {
                    break Err(Status::invalid_argument(why));
                }
            }
            Ok(None) => break Ok(()),
            Err(status) => break Err(status),
        }
    };
    if let Err(status) = ended {
        tracing::debug!(peer = %peer.id, %status, "a connection broke");
        link.refuse(status);
    }
    peer.handle(Event::Disconnected(link.id));
}

/// Hands a batch to the session; or says what is wrong with it.
fn take(peer: &Peer, link: &Link, batch: proto::Batch, cluster: ClusterId) -> Result<(), String> {
    if batch.packets.len() > BATCH_PACKETS {
        return Err(format!("a batch of {} packets", batch.packets.len()));
    }
    let packets: Result<Vec<_>, _> =
        batch.packets.into_iter().map(|packet| wire::decode(cluster, packet)).collect();
    peer.received(link.id, packets?.into_iter());
    Ok(())
}
