//! The records of a cluster, typed, in its control store.
//!
//! The rules in [`host_core`] ask typed questions about nodes, names, actors
//! and groups ([`host_core::control`]); a [`host_control::ControlStore`] keeps
//! bytes under keys. [`Records`] stands between the two: it puts each question
//! to the store, within a time limit, and makes an answer of whatever came of
//! it. What the rules hear is what their model of a store,
//! [`host_core::control::Store`], would have said.
//!
//! It decides nothing, remembers nothing of what it read, and asks nothing
//! twice: who asked decides whether to ask again. Other records of the same
//! store, such as those of identities, are under keys that no question here
//! is about.
//!
//! Where a record is: `key.rs`. What it is in bytes: `value`, and
//! `host/proto/proto/records.proto`.

mod failure;
#[doc(hidden)]
pub mod fuzzing;
mod key;
mod limits;
mod records;
mod told;
mod value;
mod watch;

pub use records::Records;
