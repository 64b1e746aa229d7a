//! What the service needs of those who wire a node up.

use std::time::Duration;

use host_cluster::Drain;
use host_core::{ActorId, NodeId};
use host_identity::{Enrolment, JoinToken, Order, Subject, Token, TokenId};
use host_refs::Handle;
use host_transport::Traffic;
use tokio::sync::watch;
use tonic::async_trait;
use tonic::transport::Channel;

use crate::meters::Seen;

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

    /// An actor elsewhere, if guests of this node could hold it: an id gives
    /// a node no right to an actor. The service waits
    /// [`limits::PEER_TIME`](super::limits::PEER_TIME) at most.
    async fn actor(&self, id: ActorId) -> Option<Handle>;
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

    /// Takes a node out of use: its actors go elsewhere, end by themselves, or
    /// are ended at the deadline. Answers how far it is; a sender that is gone
    /// before it is over means that the node was lost.
    async fn drain(
        &self,
        node: NodeId,
        deadline: Duration,
    ) -> Result<watch::Receiver<Drain>, Refusal>;

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

/// What is known of a node's part in its cluster, for those who watch it.
#[async_trait]
pub trait Vitals: Send + Sync {
    /// Asks the control store for something. `Err` is what is wrong. The
    /// service waits [`limits::HEALTH_STORE_TIME`](super::limits::HEALTH_STORE_TIME)
    /// at most.
    async fn reach_store(&self) -> Result<(), String>;

    /// How long the node's lease surely lasts; none if it is over.
    fn lease_left(&self) -> Option<Duration>;

    /// What the node counts of its part in the cluster.
    fn numbers(&self) -> Numbers;
}

/// What a node counts of its part in its cluster.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// Nodes that are members, this one included.
    pub members: usize,
    /// How long the lease surely lasts; zero if it is over.
    pub lease_left: Duration,
    /// What this node keeps for others, and they for it: kind and how many.
    pub references: Vec<(&'static str, usize)>,
    /// Nodes that there is a session with.
    pub peers: usize,
    /// What has gone between this node and the others.
    pub traffic: Traffic,
    /// Requests to the control store: operation, outcome and how many.
    pub store: Vec<(&'static str, &'static str, u64)>,
    /// How long these took.
    pub store_times: Seen,
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
