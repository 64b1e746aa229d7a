//! Why a call has no result: one enum for contract, SDK, host and command
//! line. Callers match on the variant; people read the message, which names
//! the thing and the number.

use std::fmt;
use std::sync::Arc;

/// Why a call, or another request of a guest, has no result.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Error {
    /// The method ran and returned an error of its own.
    #[error("{message}")]
    Failed {
        /// For people.
        message: String,
        /// The error itself, MessagePack; empty if it could not be encoded.
        value: Arc<Vec<u8>>,
    },
    /// The method panicked or trapped, and the actor's state went with it.
    #[error("{method} trapped: {message}")]
    Trapped {
        /// `Class.method`.
        method: String,
        /// What the guest or the engine said.
        message: String,
        /// The guest's stack, innermost first, one frame a line.
        backtrace: String,
    },
    /// The actor has ended for good.
    #[error("actor {actor} is dead: {message}")]
    Died {
        /// Class and id.
        actor: String,
        /// What ended it.
        cause: Cause,
        /// The whole story in a line.
        message: String,
    },
    /// For now there is no answer; the call may or may not have run.
    #[error("{0}")]
    Unavailable(String),
    /// The time given passed first.
    #[error("{0}")]
    TimedOut(String),
    /// Somebody cancelled the call.
    #[error("{0}")]
    Cancelled(String),
    /// The actor's mailbox has no room; the call has not run.
    #[error("{0}")]
    MailboxFull(String),
    /// No node can ever hold the actor.
    #[error("{0}")]
    Unplaceable(String),
    /// The object went with the node that held it.
    #[error("{0}")]
    ObjectLost(String),
    /// The actor, or the object store, is at its memory limit.
    #[error("{0}")]
    OutOfMemory(String),
    /// The operation needs a grant the operator did not give.
    #[error("{0}")]
    Denied(String),
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// The variant's name, as programs and tables show it.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::Failed { .. } => "failed",
            Error::Trapped { .. } => "trapped",
            Error::Died { .. } => "died",
            Error::Unavailable(_) => "unavailable",
            Error::TimedOut(_) => "timed-out",
            Error::Cancelled(_) => "cancelled",
            Error::MailboxFull(_) => "mailbox-full",
            Error::Unplaceable(_) => "unplaceable",
            Error::ObjectLost(_) => "object-lost",
            Error::OutOfMemory(_) => "out-of-memory",
            Error::Denied(_) => "denied",
            Error::Invalid(_) => "invalid",
        }
    }
}

/// What ended an actor for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Somebody killed it.
    Killed,
    /// Nobody held a handle to it any more.
    Released,
    /// It asked to end.
    Exited,
    /// The job that created it ended.
    JobEnded,
    /// Its constructor returned an error or trapped.
    ConstructorFailed,
    /// It trapped, ran out of memory or was interrupted, with no restart left.
    Crashed,
    /// Its node went away.
    NodeLost,
    /// The placement group that it was in was removed, or lost a node.
    GroupRemoved,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Killed => "killed",
            Cause::Released => "released",
            Cause::Exited => "exited",
            Cause::JobEnded => "job ended",
            Cause::ConstructorFailed => "constructor failed",
            Cause::Crashed => "crashed",
            Cause::NodeLost => "node lost",
            Cause::GroupRemoved => "group removed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_thing() {
        let error = Error::Trapped {
            method: "Counter.increment".into(),
            message: "unreachable".into(),
            backtrace: String::new(),
        };
        assert_eq!(error.to_string(), "Counter.increment trapped: unreachable");
        assert_eq!(error.kind(), "trapped");
    }
}
