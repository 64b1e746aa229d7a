//! Greenroom: a WebAssembly-sandboxed actor host.
//!
//! The layers, lowest first: [`host_core`] (the rules), [`host_refs`] (what guests
//! hold), [`sandbox`] (the only code that knows wasmtime) and [`store`]
//! (objects beyond memory), [`worker`] (processes of their own), [`actor`] (mailboxes and lives), [`node`]
//! (wiring), [`admin`] (what clients see of a node), [`cli`] (the command line). ARCHITECTURE.md at the project's root is the map.

pub mod actor;
pub mod admin;
pub mod cli;
pub mod cluster;
pub mod log;
pub mod meters;
pub mod node;
pub mod sandbox;
pub mod store;
pub mod trace;
pub mod worker;
