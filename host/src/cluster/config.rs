//! What a host of a cluster is started with.

use std::net::SocketAddr;
use std::path::PathBuf;

use host_control::EtcdOptions;
use host_core::placement::Labels;
use host_identity::{JoinToken, Name};

/// What a host of a cluster is started with.
pub struct Config {
    /// The node's.
    pub node: crate::node::Config,
    /// Who it is, across its starts.
    pub name: Name,
    /// Its identity, and on the first node the control store.
    pub data_dir: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where others reach it, `HOST:PORT`, if that is not where it listens.
    pub advertise: Option<String>,
    /// What its node is labelled with.
    pub labels: Labels,
    /// A host of the cluster to join, and what lets it in; needed once.
    pub join: Option<(String, JoinToken)>,
    /// An etcd, in place of the first node's store.
    pub etcd: Option<EtcdOptions>,
}
