//! Hosts under test: real processes in networks of their own, and the faults
//! that befall them.

pub mod history;
pub mod namespace;
mod network;
mod output;
mod process;
mod until;

pub use network::{Link, Network, Node, Quality};
pub use process::Process;
pub use until::{throughout, until};
