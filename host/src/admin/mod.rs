//! The admin service: what clients of a cluster see of it through any of its
//! nodes.
//!
//! [`Admin`] answers for its own node from [`Node`] and for
//! the cluster by asking the other nodes' services ([`Peers`]). What changes
//! the cluster goes to the port [`Operator`]. Who asks stands in the extensions
//! of each request, as [`Admitted`](host_identity::Admitted): whoever listens
//! has put it there, and every operation asks it.
//!
//! `service` is the contract, one operation after the other; `answers` is what
//! a node knows of itself; `find` says where an actor is; `jobs` runs what
//! clients submit; `pages` is what plain HTTP sees: `metrics` and `health`. Nothing here listens or connects.

mod answers;
mod cluster;
mod explain;
mod find;
mod health;
mod jobs;
pub mod limits;
pub mod lines;
mod logs;
mod metrics;
mod operate;
mod output;
mod packages;
mod pages;
mod ports;
mod service;
pub mod wire;
mod work;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use host_core::ClusterId;
use host_proto::admin::admin_server::AdminServer;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use find::ELSEWHERE;
pub use ports::{NodeSummary, Numbers, Operator, Peers, Refusal, Vitals};
pub use service::TRACEPARENT;

use crate::node::{Job, Node};
use jobs::Jobs;
use lines::Lines;
use packages::Packages;

/// The admin service of a node. Clones are the same service.
#[derive(Clone)]
pub struct Admin(Arc<Inner>);

/// What the service is made of.
pub struct Parts {
    /// The node it speaks for. Its lines have to go to `lines`.
    pub node: Node,
    /// The lines of the node's actors.
    pub lines: Arc<Lines>,
    /// How others know the node.
    pub about: NodeSummary,
    /// The cluster, if the node is in one.
    pub cluster: Option<ClusterId>,
    /// The folder that packages of clients are kept in; made if need be.
    pub packages: PathBuf,
    /// The other nodes.
    pub peers: Arc<dyn Peers>,
    /// What changes the cluster.
    pub operator: Arc<dyn Operator>,
    /// What is known of its part in the cluster.
    pub vitals: Arc<dyn Vitals>,
}

struct Inner {
    node: Node,
    lines: Arc<Lines>,
    about: NodeSummary,
    cluster: Option<ClusterId>,
    packages: Packages,
    peers: Arc<dyn Peers>,
    operator: Arc<dyn Operator>,
    vitals: Arc<dyn Vitals>,
    /// What was found of its health last.
    checked: health::Checked,
    /// Held by whoever has the metrics written.
    scrapes: tokio::sync::Mutex<()>,
    jobs: Jobs,
    /// Single calls of clients belong to it.
    calls: Job,
    followers: Arc<Semaphore>,
    /// Cancelled when nobody is served any more.
    ended: CancellationToken,
}

impl Admin {
    /// The service of a node.
    ///
    /// # Errors
    /// If the folder of packages cannot be made or read.
    pub fn new(parts: Parts) -> io::Result<Admin> {
        let Parts { node, lines, about, cluster, packages, peers, operator, vitals } = parts;
        Ok(Admin(Arc::new(Inner {
            packages: Packages::open(node.clone(), packages)?,
            jobs: Jobs::default(),
            calls: node.begin_job(),
            followers: Arc::new(Semaphore::new(limits::FOLLOWERS)),
            ended: CancellationToken::new(),
            node,
            lines,
            about,
            cluster,
            peers,
            operator,
            vitals,
            checked: health::Checked::default(),
            scrapes: tokio::sync::Mutex::default(),
        })))
    }

    /// The service for tonic's router.
    pub fn server(&self) -> AdminServer<Admin> {
        AdminServer::new(self.clone())
            .max_decoding_message_size(limits::REQUEST_BYTES)
            .max_encoding_message_size(limits::ANSWER_BYTES)
    }

    /// Ends every job that clients run here, and what they follow: before the
    /// node stops.
    pub fn end(&self) {
        self.0.ended.cancel();
        self.0.jobs.stop_all();
    }
}
