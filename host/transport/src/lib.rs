//! Sessions between the nodes of a cluster.
//!
//! The rules are [`host_core::session`]'s: frames are numbered, kept until
//! acknowledged, sent again on the next connection, and handed on in order and
//! once. This crate carries them out over gRPC streams: it makes connections
//! and takes them, writes what is ready as one batch, keeps the time, and
//! hands on what arrived through the port [`Inbound`].
//!
//! It does not know what frames say, and does not decide who may connect:
//! whoever accepts a connection asks [`Inbound::admit`], and [`Dial`] makes
//! the channel, with whatever security it has. Start with [`Sessions`].

#[doc(hidden)]
pub mod fuzzing;
mod link;
mod peer;
mod service;
mod sessions;
mod traffic;
mod wire;

use std::net::SocketAddr;
use std::pin::Pin;

use bytes::Bytes;
use host_core::NodeId;
use tonic::transport::Channel;

pub use sessions::{Config, Sessions};
pub use traffic::Traffic;
pub use wire::PAYLOAD_BYTES_MAX;

/// A future that a port answers with.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes channels to other nodes.
pub trait Dial: Send + Sync {
    /// A channel to the node, connected; or why there is none, for the log.
    fn dial(&self, peer: NodeId) -> Answer<'_, Result<Channel, String>>;
}

/// What comes from other nodes. Calls about one peer come one after the
/// other, in order, and must not block: they are made where frames are read.
pub trait Inbound: Send + Sync {
    /// Whether whoever is at the other end may speak for this node. `Err` is
    /// what it is told.
    fn admit(&self, from: NodeId, caller: &Caller<'_>) -> Result<(), String>;

    /// A node said this.
    fn deliver(&self, from: NodeId, payload: Bytes);

    /// A node is reached.
    fn up(&self, peer: NodeId, epoch: u64);

    /// The epoch is over: what was under way to and from the node may be lost.
    fn lost(&self, peer: NodeId, epoch: u64);

    /// There is room again for what [`Sessions::send`] refused.
    fn room(&self, peer: NodeId);
}

/// Who opened a connection, as the transport below knows it.
pub struct Caller<'a> {
    /// Its address, if it has one.
    pub address: Option<SocketAddr>,
    /// What the layers below left about it, such as its certificate.
    pub extensions: &'a tonic::Extensions,
}
