//! Calls between actors on different nodes.
//!
//! The [`Caller`] is the side of a node's own actors: it finds the target,
//! keeps the order of each pair of caller and target, and knows what a lost
//! session means for each call. The [`Callee`] is the side of the actors that
//! run here: it refuses what is not here, and does not run one call twice.
//! Neither carries anything: sessions do, in order and once in an epoch.
//!
//! Order and moving targets: what is sent to a target that can move names the
//! life it is meant for, and a node takes it only for that life. Calls of a
//! pair that are sent one after the other are a *stint*: once one of a stint
//! was refused, the node refuses all that come after it, even if that life
//! has begun there meanwhile. The caller waits until nothing of the pair is
//! under way, and sends what is left, in order, in a new stint, to where the
//! target is now.

mod callee;
mod caller;
mod flow;

use crate::error::{Cause, Error};
use crate::id::{ActorId, CallId, NodeId};
use crate::spec::Tries;

pub use callee::{Callee, Effect as CalleeEffect, Event as CalleeEvent};
pub use caller::{Caller, Effect as CallerEffect, Event as CallerEvent, Submit};

/// Which life of its target a call is meant for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Life {
    /// Whichever runs: the target cannot move, and has one.
    Any,
    /// This incarnation, and no other.
    Only(u32),
}

/// A call on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call<B> {
    /// Which; the same at each try.
    pub id: CallId,
    /// Who calls.
    pub caller: ActorId,
    /// Who is called.
    pub target: ActorId,
    /// Which life of the target.
    pub life: Life,
    /// Goes up on the caller's node; all calls of a stint stand or fall
    /// together.
    pub stint: u64,
    /// Further tries that are allowed after this one.
    pub retries: Tries,
    /// What is called, and with what.
    pub body: B,
}

/// What became of a call at the node it was sent to.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer<R> {
    /// It ran.
    Ran(R),
    /// It will not run, or has run and has no result.
    Failed(Error),
    /// It had begun when that life of the target ended, and may have run. Only
    /// of a call that may be tried again.
    Stopped,
    /// It has not run: that life of the target is not here.
    NotHere,
}

/// Where an actor is.
#[derive(Clone, PartialEq, Debug)]
pub enum Place {
    /// On this node, in this life.
    At(NodeId, Life),
    /// It has ended for good.
    Dead(Cause, String),
}
