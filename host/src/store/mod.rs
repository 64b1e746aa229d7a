//! The object store: what objects may take in memory, and what goes to disk
//! when that is not enough.
//!
//! Objects themselves are [`ObjectRef`](host_refs::ObjectRef)s, counted by
//! those who hold them; the store keeps the account. [`Store`] is where to
//! start; [`budget`] counts, [`spill`] writes and reads, and which objects go
//! is a rule of `host_core::spill`.

mod account;
pub mod budget;
pub mod spill;

pub use account::{Store, small};
