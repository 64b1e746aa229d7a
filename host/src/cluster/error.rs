//! Why a host does not start, or does not go on.

use std::net::SocketAddr;
use std::path::PathBuf;

use host_core::ClusterId;

/// Why a host does not start, or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another with --listen")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the data directory.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Who it is.
    #[error(transparent)]
    Gate(host_gate::Error),
    /// The files of its identity.
    #[error(transparent)]
    Identity(host_identity::Error),
    /// The control store.
    #[error("the control store: {0}")]
    Store(host_control::Error),
    /// The control store is not this cluster's any more.
    #[error(
        "the control store belongs to {}, and this host to cluster {cluster}: it was wiped or \
         replaced; start the host with the right one, or with an empty --data-dir to begin anew",
        found.map_or_else(|| "no cluster".into(), |found| format!("cluster {found}"))
    )]
    Foreign {
        /// This host's.
        cluster: ClusterId,
        /// The store's.
        found: Option<ClusterId>,
    },
    /// The node.
    #[error("{0:#}")]
    Node(anyhow::Error),
}
