//! One node's part in a cluster: calls, objects and actors of other nodes.
//!
//! The rules are `host-core`'s: who is a member, in which order calls run, who
//! still holds what, where an actor goes. This crate drives them for one node,
//! from the time it gets its id to the time it loses it, and turns what they
//! say into messages, settled objects and started actors. It knows no
//! WebAssembly: the host around it is the port [`Local`], the control store
//! the port [`Control`].
//!
//! Start with [`Member`].

mod actors;
mod calls;
mod cycles;
mod drain;
#[doc(hidden)]
pub mod fuzzing;
mod groups;
mod inbox;
mod machines;
mod member;
mod nodes;
mod objects;
mod ports;
mod records;
mod spawns;
mod taken;
mod values;
mod waiting;
mod wire;

pub use drain::{Drain, Listed};
pub use member::{Admit, Config, Counts, Ended, Member, NodeSummary};
pub use nodes::{Registered, register};
pub use ports::{Answer, Birth, Control, Life, Local, Reach, Refused};
