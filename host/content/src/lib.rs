//! Bulk bytes between the nodes of a cluster: large objects, and packages.
//!
//! They go over connections of their own, never over a session: a small call
//! must not wait behind a gigabyte. [`server`] gives what a node has, which is
//! the port [`Source`]; a [`Puller`] brings what others have here, in several
//! ranges at once, each thing once at a time, and within a bound for the
//! whole process.
//!
//! What is pulled is checked: its length always, and a package by its id,
//! which is its hash.

mod pull;
mod serve;

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use host_core::{NodeId, ObjectId, PackageId};

pub use pull::Puller;
pub use serve::server;

/// The most bytes of one chunk: large enough that its overhead is nothing,
/// small enough that HTTP/2 flow control can act.
const CHUNK_BYTES: usize = 256 << 10;

/// A future that a port answers with.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that is pulled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum What {
    /// An object.
    Object(ObjectId),
    /// A package.
    Package(PackageId),
}

/// What a node has.
pub trait Source: Send + Sync {
    /// Whether whoever asks may pull. `Err` is what it is told.
    fn admit(&self, extensions: &tonic::Extensions) -> Result<(), String>;

    /// All its bytes, once they are there; none if the node does not have it.
    fn open(&self, what: What) -> Answer<'_, Option<Bytes>>;
}

/// Why something was not pulled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Nobody who was asked has it.
    #[error("{what} is on none of {from:?}")]
    NotThere {
        /// What was asked for.
        what: What,
        /// Who was asked.
        from: Vec<NodeId>,
    },
    /// Nobody could give it.
    #[error("{what} could not be brought here: {why}")]
    Failed {
        /// What was asked for.
        what: What,
        /// What went wrong last, and with whom.
        why: String,
    },
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            What::Object(id) => id.fmt(f),
            What::Package(id) => write!(f, "package {id}"),
        }
    }
}
