//! What a host of a cluster is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use host_control::EtcdOptions;
use host_identity::{JoinToken, Name};

use crate::admin::lines::Lines;

/// What a host of a cluster is started with.
pub struct Config {
    /// The node's.
    pub node: crate::node::Config,
    /// The lines of its actors, which the node's sink is.
    pub lines: Arc<Lines>,
    /// Who it is, across its starts.
    pub name: Name,
    /// Its identity, and on the first node the control store.
    pub data_dir: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where others reach it, `HOST:PORT`, if that is not where it listens.
    pub advertise: Option<String>,
    /// A host of the cluster to join, and what lets it in; needed once.
    pub join: Option<(String, JoinToken)>,
    /// An etcd, in place of the first node's store.
    pub etcd: Option<EtcdOptions>,
}
