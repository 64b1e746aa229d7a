//! Actors in processes of their own.
//!
//! A worker process holds one instance, and nothing of the node: what the
//! guest imports from `greenroom:actor` it asks the node for, message by
//! message, and the node answers with the same functions as a guest in its own
//! process gets (`super::imports`), on a table of refs and handles that stays
//! with the node. So the boundary between the processes is the guest contract
//! itself: a guest that has broken out of its sandbox, and speaks for the whole
//! worker, can ask for what it could ask for before, and hold what it was given.
//! Everything else of an actor (mailbox, order, names, restarts) is the node's
//! as for any other.
//!
//! `wire` has the messages, `instance` and `answers` are the node's side,
//! `worker`, `line` and `imports` the worker's.

mod answers;
mod imports;
mod instance;
mod line;
mod wire;
mod worker;

pub use instance::{Apart, Birth as ApartBirth, Process, Worker};
pub use wire::{Gpu, GpuShare, Start};
pub use worker::serve;

pub(super) use imports::add_to_linker;
pub(super) use line::Line;
