//! Connections to other nodes, kept while they are of use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use host_core::NodeId;
use host_transport::Dial;
use parking_lot::Mutex;
use tokio::sync::{Mutex as Waiting, Semaphore};
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::limits::{CONNECTIONS, DIAL_TIME, PEERS_KEPT, STREAMS};

/// Connections to other nodes.
pub(crate) struct Channels {
    dial: Arc<dyn Dial>,
    /// The last used is the last. Locked for a moment.
    peers: Mutex<Vec<Arc<Peer>>>,
}

/// Connections to one node.
pub(crate) struct Peer {
    id: NodeId,
    /// One permit for each stream.
    pub(crate) streams: Semaphore,
    /// Each is dialled by the first who needs it, while others wait.
    slots: [Waiting<Option<Channel>>; CONNECTIONS],
    next: AtomicUsize,
}

impl Channels {
    pub(crate) fn new(dial: Arc<dyn Dial>) -> Channels {
        Channels { dial, peers: Mutex::default() }
    }

    /// A node's connections. The longest unused ones end to make room.
    pub(crate) fn peer(&self, id: NodeId) -> Arc<Peer> {
        let mut peers = self.peers.lock();
        let known = peers.iter().position(|peer| peer.id == id);
        let peer = match known {
            Some(at) => peers.remove(at),
            None => Arc::new(Peer::new(id)),
        };
        peers.push(peer.clone());
        if peers.len() > PEERS_KEPT
            && let Some(unused) = peers.iter().position(|peer| Arc::strong_count(peer) == 1)
        {
            peers.remove(unused);
        }
        peer
    }

    /// A node has gone for good.
    pub(crate) fn gone(&self, id: NodeId) {
        self.peers.lock().retain(|peer| peer.id != id);
    }

    /// One of a node's connections, made now if need be, and which.
    pub(crate) async fn channel(&self, peer: &Peer) -> Result<(usize, Channel), String> {
        let at = peer.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
        let dialling = async {
            let mut slot = peer.slots[at].lock().await;
            if let Some(channel) = &*slot {
                return Ok((at, channel.clone()));
            }
            let channel = self.dial.dial(peer.id).await?;
            *slot = Some(channel.clone());
            Ok((at, channel))
        };
        timeout(DIAL_TIME, dialling).await.unwrap_or_else(|_| Err("it was not reached".into()))
    }
}

impl Peer {
    fn new(id: NodeId) -> Peer {
        let slots = std::array::from_fn(|_| Waiting::new(None));
        Peer { id, streams: Semaphore::new(STREAMS), slots, next: AtomicUsize::new(0) }
    }

    /// A connection broke: the next who needs it makes another.
    pub(crate) async fn broken(&self, at: usize) {
        *self.slots[at].lock().await = None;
    }
}
