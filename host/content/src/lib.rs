//! Bulk bytes between nodes: objects and packages.
//!
//! A node that has something serves ranges of it ([`server`]), which it gets
//! from the port [`Source`]; a node that lacks it pulls it ([`Puller`]): several
//! ranges at once, from several nodes if more than one has it, each thing once
//! however many ask, and with a bound on the bytes that are under way. What
//! arrives is checked: its length always, and a package by its hash, which is
//! its name.
//!
//! The connections are its own, made by [`host_transport::Dial`] and served
//! beside the sessions, so that bulk never stands before small calls. It does
//! not know where things are, keeps nothing, and does not decide who may read:
//! [`Source::admit`] does.

mod channels;
mod error;
mod fetch;
#[doc(hidden)]
pub mod fuzzing;
pub mod limits;
mod pull;
mod puller;
mod service;
mod wire;

use std::fmt;

use bytes::Bytes;
use host_core::{ClusterId, NodeId, ObjectId, PackageId};
use tonic::Extensions;

pub use error::Error;
pub use host_transport::Answer;
pub use puller::Puller;
pub use service::server;

/// What can be pulled. Its bytes never change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum What {
    /// An object's value.
    Object(ObjectId),
    /// A package's file.
    Package(PackageId),
}

/// Who this node is, and what it can spare.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The node's id.
    pub local: NodeId,
    /// The cluster's id.
    pub cluster: ClusterId,
    /// Bytes that may be under way to this node at one time; as a rule
    /// [`UNDER_WAY_BYTES`](limits::UNDER_WAY_BYTES). Pulls past it wait.
    pub under_way_bytes_max: u64,
}

/// What a node has, for others to read.
pub trait Source: Send + Sync {
    /// Whether whoever is at the other end may read as this node. `Err` is
    /// what it is told. The extensions are what the layers below left about
    /// it, such as its certificate.
    fn admit(&self, from: NodeId, extensions: &Extensions) -> Result<(), String>;

    /// Something's bytes; none if this node lacks it. `Err` says, for people,
    /// why they cannot be read now.
    fn open(&self, what: What) -> Answer<'_, Result<Option<Box<dyn Content>>, String>>;
}

/// Bytes to read.
pub trait Content: Send + Sync {
    /// How many there are.
    fn size(&self) -> u64;

    /// So many of them from there, all within the size. `Err` says, for
    /// people, why they cannot be read.
    fn read(&self, at: u64, len: usize) -> Answer<'_, Result<Bytes, String>>;
}

/// Where a pull puts what is too large to be in memory.
pub trait Sink: Send {
    /// So many bytes will come. What came before, if anything, was not right
    /// and counts no longer.
    fn begin(&mut self, size: u64) -> Answer<'_, Result<(), String>>;

    /// The next bytes, in order.
    fn write(&mut self, bytes: Bytes) -> Answer<'_, Result<(), String>>;
}

/// Bytes in memory are handed out as slices of themselves.
impl Content for Bytes {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, at: u64, len: usize) -> Answer<'_, Result<Bytes, String>> {
        let slice = self.slice(at as usize..at as usize + len);
        Box::pin(std::future::ready(Ok(slice)))
    }
}

impl What {
    /// The most bytes that a thing of this kind has.
    pub(crate) fn bytes_max(self) -> u64 {
        match self {
            What::Object(_) => host_core::limits::VALUE_BYTES as u64,
            What::Package(_) => host_core::limits::PACKAGE_BYTES,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Object(object) => write!(f, "object {object}"),
            What::Package(package) => write!(f, "package {package}"),
        }
    }
}
