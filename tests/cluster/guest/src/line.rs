//! What the driver prints: one of these a line, as JSON. Times are
//! microseconds since 1970.

use greenroom::prelude::*;

/// Something that the driver did or saw.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Line {
    /// A call is about to be sent.
    Invoked {
        /// The id of the actor.
        actor: String,
        /// The driver's name.
        caller: String,
        /// The driver's how many-th call.
        sequence: u64,
        /// Now.
        at_us: u64,
    },
    /// Its outcome is known.
    Ended {
        /// The driver's name.
        caller: String,
        /// Which call.
        sequence: u64,
        /// Now.
        at_us: u64,
        /// What came of it.
        outcome: Outcome,
    },
    /// The driver will send no more calls, and no call is open.
    Finished {
        /// The driver's name.
        caller: String,
    },
    /// What an actor has logged.
    Log {
        /// The id of the actor.
        actor: String,
        /// Its incarnation.
        incarnation: u32,
        /// When it was about to be asked.
        at_us: u64,
        /// The calls: caller and sequence number.
        entries: Vec<(String, u64)>,
    },
    /// An actor cannot be had.
    Unreachable {
        /// Its name.
        name: String,
        /// Why.
        error: String,
    },
    /// Actors were created and answered.
    Spread {
        /// How many are on each node.
        nodes: Vec<(String, u64)>,
    },
}

/// What came of a call.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It ran.
    Done {
        /// The actor's incarnation.
        incarnation: u32,
        /// How many calls it had run before.
        position: u64,
    },
    /// It has not run.
    Refused {
        /// Why.
        error: String,
    },
    /// It may have run.
    Unknown {
        /// Why.
        error: String,
    },
}
