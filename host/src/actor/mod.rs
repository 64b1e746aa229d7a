//! Actors: a mailbox, a life, and the rules of both.
//!
//! An [`Actor`] is what handles point to. It owns a mailbox and the future of
//! its present life (an *incarnation*): instantiate, construct, then one call
//! after the other. Whoever polls that future runs the actor: mostly the
//! actor's own task, which is spawned when it is first needed, but also a
//! caller that would otherwise only wait for the answer (`run_inline`).
//!
//! Start with `life.rs` for what an incarnation does, then `turn.rs` for who
//! makes it go on; `ending.rs` has every way an actor can end.

mod body;
mod ending;
mod life;
mod mail;
mod output;
mod snapshot;
mod target;
mod turn;

pub use body::Seat;
pub use snapshot::{Snapshot, State};
pub use target::{Actor, Env, Role};
