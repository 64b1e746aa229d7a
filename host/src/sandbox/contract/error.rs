//! Errors, both ways.

use host_core::{Cause, Error, limits};
use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

/// `types.error`.
#[derive(ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
pub(in crate::sandbox) enum WitError {
    #[component(name = "failed")]
    Failed(WitFailure),
    #[component(name = "trapped")]
    Trapped(WitTrap),
    #[component(name = "died")]
    Died(WitDeath),
    #[component(name = "unavailable")]
    Unavailable(String),
    #[component(name = "timed-out")]
    TimedOut(String),
    #[component(name = "cancelled")]
    Cancelled(String),
    #[component(name = "mailbox-full")]
    MailboxFull(String),
    #[component(name = "unplaceable")]
    Unplaceable(String),
    #[component(name = "object-lost")]
    ObjectLost(String),
    #[component(name = "out-of-memory")]
    OutOfMemory(String),
    #[component(name = "denied")]
    Denied(String),
    #[component(name = "invalid")]
    Invalid(String),
}

/// `types.failure`.
#[derive(ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
pub(in crate::sandbox) struct WitFailure {
    message: String,
    #[serde(with = "serde_bytes")]
    value: Vec<u8>,
}

/// `types.trap`.
#[derive(ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
pub(in crate::sandbox) struct WitTrap {
    method: String,
    message: String,
    backtrace: String,
}

/// `types.death`.
#[derive(ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
pub(in crate::sandbox) struct WitDeath {
    actor: String,
    cause: WitCause,
    message: String,
}

/// `types.cause`.
#[derive(ComponentType, Lift, Lower, Serialize, Deserialize, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(in crate::sandbox) enum WitCause {
    #[component(name = "killed")]
    Killed,
    #[component(name = "released")]
    Released,
    #[component(name = "exited")]
    Exited,
    #[component(name = "job-ended")]
    JobEnded,
    #[component(name = "constructor-failed")]
    ConstructorFailed,
    #[component(name = "crashed")]
    Crashed,
    #[component(name = "node-lost")]
    NodeLost,
    #[component(name = "group-removed")]
    GroupRemoved,
}

impl From<&Error> for WitError {
    fn from(error: &Error) -> WitError {
        let error = error.clone();
        match error {
            Error::Failed { message, value } => {
                WitError::Failed(WitFailure { message, value: value.to_vec() })
            }
            Error::Trapped { method, message, backtrace } => {
                WitError::Trapped(WitTrap { method, message, backtrace })
            }
            Error::Died { actor, cause, message } => {
                WitError::Died(WitDeath { actor, cause: cause.into(), message })
            }
            Error::Unavailable(text) => WitError::Unavailable(text),
            Error::TimedOut(text) => WitError::TimedOut(text),
            Error::Cancelled(text) => WitError::Cancelled(text),
            Error::MailboxFull(text) => WitError::MailboxFull(text),
            Error::Unplaceable(text) => WitError::Unplaceable(text),
            Error::ObjectLost(text) => WitError::ObjectLost(text),
            Error::OutOfMemory(text) => WitError::OutOfMemory(text),
            Error::Denied(text) => WitError::Denied(text),
            Error::Invalid(text) => WitError::Invalid(text),
        }
    }
}

impl From<WitError> for Error {
    fn from(error: WitError) -> Error {
        match error {
            WitError::Failed(WitFailure { message, value }) => {
                Error::Failed { message: cut(message), value: value.into() }
            }
            WitError::Trapped(WitTrap { method, message, backtrace }) => {
                let (method, backtrace) = (cut(method), cut(backtrace));
                Error::Trapped { method, message: cut(message), backtrace }
            }
            WitError::Died(WitDeath { actor, cause, message }) => {
                Error::Died { actor: cut(actor), cause: cause.into(), message: cut(message) }
            }
            WitError::Unavailable(text) => Error::Unavailable(cut(text)),
            WitError::TimedOut(text) => Error::TimedOut(cut(text)),
            WitError::Cancelled(text) => Error::Cancelled(cut(text)),
            WitError::MailboxFull(text) => Error::MailboxFull(cut(text)),
            WitError::Unplaceable(text) => Error::Unplaceable(cut(text)),
            WitError::ObjectLost(text) => Error::ObjectLost(cut(text)),
            WitError::OutOfMemory(text) => Error::OutOfMemory(cut(text)),
            WitError::Denied(text) => Error::Denied(cut(text)),
            WitError::Invalid(text) => Error::Invalid(cut(text)),
        }
    }
}

/// Bounds a guest's text.
pub(in crate::sandbox) fn cut(mut text: String) -> String {
    if text.len() > limits::MESSAGE_BYTES {
        let end = text.floor_char_boundary(limits::MESSAGE_BYTES);
        text.truncate(end);
        text.push('…');
    }
    text
}

impl From<Cause> for WitCause {
    fn from(cause: Cause) -> WitCause {
        match cause {
            Cause::Killed => WitCause::Killed,
            Cause::Released => WitCause::Released,
            Cause::Exited => WitCause::Exited,
            Cause::JobEnded => WitCause::JobEnded,
            Cause::ConstructorFailed => WitCause::ConstructorFailed,
            Cause::Crashed => WitCause::Crashed,
            Cause::NodeLost => WitCause::NodeLost,
            Cause::GroupRemoved => WitCause::GroupRemoved,
        }
    }
}

impl From<WitCause> for Cause {
    fn from(cause: WitCause) -> Cause {
        match cause {
            WitCause::Killed => Cause::Killed,
            WitCause::Released => Cause::Released,
            WitCause::Exited => Cause::Exited,
            WitCause::JobEnded => Cause::JobEnded,
            WitCause::ConstructorFailed => Cause::ConstructorFailed,
            WitCause::Crashed => Cause::Crashed,
            WitCause::NodeLost => Cause::NodeLost,
            WitCause::GroupRemoved => Cause::GroupRemoved,
        }
    }
}
