//! What the service needs of those who wire a node up.

use std::time::Duration;

use host_core::NodeId;
use host_identity::{Enrolment, JoinToken, Order, Subject, Token, TokenId};
use tonic::async_trait;
use tonic::transport::Channel;

/// What is known of a node without asking it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeSummary {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Where it listens: `HOST:PORT`.
    pub address: String,
    /// Whether nothing more is placed on it.
    pub draining: bool,
}

/// The other nodes of the cluster.
#[async_trait]
pub trait Peers: Send + Sync {
    /// All other nodes that are members now.
    fn nodes(&self) -> Vec<NodeSummary>;

    /// A channel to the admin service of a node, over which this node is known
    /// as one. `Err` is why there is none, in a few words. The service waits
    /// [`limits::PEER_TIME`](super::limits::PEER_TIME) at most.
    async fn channel(&self, node: NodeId) -> Result<Channel, String>;
}

/// What changes the cluster, or ends this node. The service has checked that
/// whoever asks may do it.
#[async_trait]
pub trait Operator: Send + Sync {
    /// Begins to stop this node. It returns at once, so that the answer can
    /// still be sent.
    fn stop(&self);

    /// Whether this node is being drained.
    fn is_draining(&self) -> bool;

    /// Takes a node out of use and waits until its actors are elsewhere, or
    /// the deadline has passed and they were ended.
    async fn drain(&self, node: NodeId, deadline: Duration) -> Result<Drained, Refusal>;

    /// Makes a token. Its text is not kept.
    async fn create_token(&self, order: Order) -> Result<(JoinToken, Token), Refusal>;

    /// All tokens that are not forgotten.
    async fn tokens(&self) -> Result<Vec<Token>, Refusal>;

    /// From now on nobody joins with this token.
    async fn revoke_token(&self, id: TokenId) -> Result<(), Refusal>;

    /// All nodes and clients that were let in and not forgotten.
    async fn identities(&self) -> Result<Vec<Enrolment>, Refusal>;

    /// Puts somebody out of the cluster.
    async fn revoke_identity(&self, subject: Subject) -> Result<(), Refusal>;

    /// Frees a name for another key, and puts out whoever had it.
    async fn forget_identity(&self, subject: Subject) -> Result<(), Refusal>;
}

/// How a drain went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drained {
    /// Actors that are elsewhere now.
    pub moved: u64,
    /// Actors that were ended.
    pub ended: u64,
}

/// Why something was not done, for people: what, and what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// It makes no sense, here or at all.
    #[error("{0}")]
    Invalid(String),
    /// What it is about is not there.
    #[error("{0}")]
    NotFound(String),
    /// It may work later.
    #[error("{0}")]
    Unavailable(String),
}
