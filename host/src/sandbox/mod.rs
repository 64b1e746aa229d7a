//! The sandbox: the only code that knows wasmtime.
//!
//! It turns a package file into a [`Package`] (compiled once, checked, its
//! classes known) and a package into [`Instance`]s, each of which holds one
//! actor. What a guest asks for goes to the [`Services`] it was given; no
//! policy lives here.
//!
//! Start with `engine.rs` for how guests are bounded and made to yield, and
//! with `instance.rs` for the way a call takes.

mod apart;
mod cache;
mod code;
mod contract;
mod crash;
mod describe;
mod engine;
mod imports;
mod instance;
mod package;
mod room;
mod serve;
mod state;
mod table;

pub use apart::{Apart, ApartBirth, Gpu, GpuShare, Process, Start, Worker, serve};
pub use engine::{Engines, Pool, PoolError};
pub use imports::VERSION as CONTRACT_VERSION;
pub use instance::{Birth, Instance, Stop};
pub use package::{Code, LoadError, Package, World, uses_gpu};
pub use room::{Place, Room};
pub use serve::Job;
pub use state::{Answer, CallSlot, Caller, Identity, Services};
