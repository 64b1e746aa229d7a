//! The rules of Greenroom, without any way to carry them out.
//!
//! Everything here is pure and deterministic: no clock, no randomness, no
//! threads, no I/O. Time and chance come in as arguments, and what is to be
//! done comes out as values, so that the simulator can drive the same rules
//! as the host. Nothing here is serialized as it stands: wire forms live at
//! the borders.
//!
//! Start with [`spec`] (what an actor asks for) and [`error`] (what can go
//! wrong); [`limits`] has every bound and its reason.

pub mod calls;
pub mod control;
pub mod directory;
pub mod error;
pub mod id;
pub mod lending;
mod level;
pub mod limits;
pub mod membership;
pub mod names;
pub mod package;
pub mod placement;
pub mod probes;
pub mod rate;
pub mod resources;
pub mod restart;
pub mod session;
pub mod spec;
pub mod spill;
pub mod trace;
pub mod waits;

pub use error::{Cause, Error};
pub use id::{ActorId, CallId, ClusterId, GroupId, JobId, NodeId, ObjectId, PackageId};
pub use level::Level;
