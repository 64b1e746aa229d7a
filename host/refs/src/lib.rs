//! What guests hold: values, object refs and actor handles.
//!
//! These are live, counted things, and every layer above the rules passes
//! them on. They know nothing of wasmtime, of mailboxes or of the network:
//! what an actor is, and where an object's bytes are when they are not here,
//! stands behind the traits [`Target`] and [`Fetch`], which the layers above
//! implement.

mod args;
pub mod drops;
mod handle;
mod live;
mod object;
mod value;
mod wait;

pub use args::{ArgValues, Args};
pub use handle::{Call, Handle, Target};
pub use live::live_objects;
pub use object::{Fetch, Fetching, ObjectRef, Outcome, Producer, WeakObjectRef};
pub use value::{Attached, Value};
pub use wait::{all_ready, some_ready};
