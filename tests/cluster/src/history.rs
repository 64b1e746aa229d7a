//! What callers saw, held against what may happen.
//!
//! The actors under load are logs: a call appends its caller's name and a
//! sequence number, and answers where it stands. So everything an actor did is
//! in its answers and, as long as it lives, in its log. A restart begins an
//! empty log: a [`Place`] is therefore the actor's incarnation, then the
//! position.
//!
//! [`History::violations`] checks the promises:
//! - what was acknowledged is in the log, at the place that was answered, as
//!   long as that incarnation can be asked;
//! - no call runs twice, in whatever incarnation;
//! - the calls of one caller run in the order sent;
//! - calls take effect between being sent and being answered (so all of them
//!   stand in one order that everybody agrees on: the history of each actor
//!   is linearizable), and no incarnation answers after a later one has;
//! - a call that was refused did not run, and none runs that nobody sent;
//! - every call ends: with an answer or with an error.

mod check;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which call: sequence numbers of a caller count its calls to all actors.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Call {
    /// Who called; a name that no two callers have.
    pub caller: String,
    /// The caller's how many-th call.
    pub sequence: u64,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.caller, self.sequence)
    }
}

/// Where in the life of an actor a call took effect.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Place {
    /// The actor's how many-th life.
    pub incarnation: u32,
    /// How many calls this life had before.
    pub position: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "place {} of life {}", self.position, self.incarnation)
    }
}

/// What a caller knows about its call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It took effect here.
    Done(Place),
    /// It did not run.
    Refused,
    /// It failed in a way that leaves open whether it ran.
    Unknown,
    /// The caller never heard of it again.
    Open,
}

/// One call, as its caller saw it. Times are of one clock that all share.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The actor that was called.
    pub actor: String,
    /// The call.
    pub call: Call,
    /// When it was about to be sent.
    pub invoked: Duration,
    /// When its outcome was known; meaningless for [`Outcome::Open`].
    pub ended: Duration,
    /// What came of it.
    pub outcome: Outcome,
}

/// The log of one life of an actor, as it answered it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The actor.
    pub actor: String,
    /// Which life.
    pub incarnation: u32,
    /// When it was about to be asked for.
    pub invoked: Duration,
    /// The calls that ran, in order.
    pub entries: Vec<Call>,
}

/// Everything that was seen in a test.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// All calls, in any order.
    pub operations: Vec<Operation>,
    /// The logs that could be read.
    pub snapshots: Vec<Snapshot>,
    /// The callers that ended by themselves: none of their calls may be open.
    pub finished: BTreeSet<String>,
    /// The callers that a fault ended: their last calls may have run without
    /// having been told of here.
    pub cut_off: BTreeSet<String>,
}

impl History {
    /// How many calls were answered.
    pub fn done(&self) -> usize {
        let is_done = |operation: &&Operation| matches!(operation.outcome, Outcome::Done(_));
        self.operations.iter().filter(is_done).count()
    }

    /// Everything in which a promise was broken, actor by actor.
    pub fn violations(&self) -> Vec<Violation> {
        check::violations(self)
    }

    /// # Panics
    /// With all violations, if there is one.
    pub fn assert_holds(&self) {
        const SHOWN_MAX: usize = 20;
        let found = self.violations();
        let shown: String =
            found.iter().take(SHOWN_MAX).map(|violation| format!("\n  {violation}")).collect();
        assert!(found.is_empty(), "{} promises were broken:{shown}", found.len());
    }
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{actor}: {what}")]
pub struct Violation {
    /// The actor.
    pub actor: String,
    /// What happened to it.
    pub what: Fault,
}

/// How a promise can be broken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// An acknowledged call is not where it was said to be.
    #[error("call {call} was acknowledged at {place}, but a later look finds only {length} calls")]
    Lost {
        /// The call.
        call: Call,
        /// Where it was said to be.
        place: Place,
        /// How many calls the log has.
        length: u64,
    },
    /// A call took effect at two places.
    #[error("call {call} ran twice, at {first} and {second}")]
    Twice {
        /// The call.
        call: Call,
        /// The first place.
        first: Place,
        /// The other.
        second: Place,
    },
    /// Two calls took effect at one place: two instances took themselves for
    /// the same life.
    #[error("calls {one} and {other} both ran at {place}")]
    Split {
        /// A call.
        one: Call,
        /// Another.
        other: Call,
        /// Where both say they are.
        place: Place,
    },
    /// The calls of a caller ran in another order than they were sent.
    #[error("call {later}, which was sent later, ran before call {earlier}")]
    Reordered {
        /// The call that was sent first.
        earlier: Call,
        /// The call that ran first.
        later: Call,
    },
    /// A call took effect before others that had been answered before it was
    /// sent.
    #[error("call {call} was sent after {before} had been answered, but stands before it")]
    Stale {
        /// The call that came too early.
        call: Call,
        /// One that it should have seen.
        before: Call,
    },
    /// A life answered a look after calls of a later life had been answered.
    #[error(
        "life {incarnation} answered a look sent after call {call} had been answered at {place}"
    )]
    Zombie {
        /// The life that should be over.
        incarnation: u32,
        /// The call.
        call: Call,
        /// Its place, in a later life.
        place: Place,
    },
    /// A call that was refused ran.
    #[error("call {call} was refused, but ran at {place}")]
    RefusedRan {
        /// The call.
        call: Call,
        /// Where.
        place: Place,
    },
    /// A call ran that nobody sent to this actor.
    #[error("call {call} ran at {place}, but nobody sent it")]
    Invented {
        /// The call.
        call: Call,
        /// Where.
        place: Place,
    },
    /// A call neither was answered nor failed, though its caller waited.
    #[error("call {call} never ended")]
    Hung {
        /// The call.
        call: Call,
    },
}
