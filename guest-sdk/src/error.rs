//! Why a call has no result: [`Error`], its parts, and how a method's own
//! error becomes one.
//!
//! The variants are the contract's (`wit/types.wit`); nothing here knows how
//! they travel.

use std::any::Any;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec;

/// A result whose error is Greenroom's, unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call has no result. A program can match on it.
///
/// ```
/// use greenroom::prelude::*;
///
/// fn describe(error: &Error) -> &'static str {
///     match error {
///         Error::Failed(_) => "the method said no",
///         Error::Unavailable(_) => "try again, if doing it twice is harmless",
///         Error::MailboxFull(_) => "try again later; it has not run",
///         _ => "give up",
///     }
/// }
/// # assert_eq!(describe(&Error::MailboxFull("full".into())), "try again later; it has not run");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Error {
    /// The method ran and returned an error of its own.
    Failed(Failure),
    /// The method panicked or trapped; the actor's state is gone.
    Trapped(Trap),
    /// The actor has ended for good.
    Died(Death),
    /// For now there is no answer; the call may or may not have run.
    Unavailable(String),
    /// The time given passed first.
    TimedOut(String),
    /// Somebody cancelled the call.
    Cancelled(String),
    /// The actor's mailbox has no room for the call, which has not run.
    MailboxFull(String),
    /// No node can ever hold the actor: what was asked, and what each has.
    Unplaceable(String),
    /// The object went with the node that held it.
    ObjectLost(String),
    /// The actor, or the object store, is at its memory limit.
    OutOfMemory(String),
    /// The operation needs a grant the operator did not give.
    Denied(String),
    /// The request makes no sense: unknown class or method, bad arguments.
    Invalid(String),
}

impl Error {
    /// An application error with nothing but a message, for a method or a
    /// driver that has no error type of its own.
    ///
    /// ```
    /// use greenroom::prelude::*;
    ///
    /// fn parse(text: &str) -> Result<i64> {
    ///     text.parse().map_err(Error::failed)
    /// }
    /// assert_eq!(parse("x").unwrap_err().to_string(), "invalid digit found in string");
    /// ```
    pub fn failed(message: impl fmt::Display) -> Self {
        Error::Failed(Failure { message: message.to_string(), value: Vec::new() })
    }

    /// An application error that callers can take out again with
    /// [`application`](Error::application).
    pub fn from_application<E: Serialize + fmt::Display>(error: &E) -> Self {
        // An error that cannot be encoded still has its message.
        let value = codec::to_vec(error).unwrap_or_default();
        Error::Failed(Failure { message: error.to_string(), value })
    }

    /// The error the method returned, if this is one and it is an `E`.
    ///
    /// ```
    /// use greenroom::prelude::*;
    /// # #[derive(Debug, PartialEq, Serialize, Deserialize)]
    /// # enum BankError { Overdrawn { missing: u64 } }
    /// # impl std::fmt::Display for BankError {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("overdrawn") }
    /// # }
    /// let error = Error::from_application(&BankError::Overdrawn { missing: 5 });
    /// assert_eq!(error.application(), Some(BankError::Overdrawn { missing: 5 }));
    /// assert_eq!(Error::failed("overdrawn").application::<BankError>(), None);
    /// ```
    pub fn application<E: DeserializeOwned>(&self) -> Option<E> {
        match self {
            Error::Failed(failure) => failure.downcast(),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Failed(failure) => f.write_str(&failure.message),
            Error::Trapped(trap) => write!(f, "{}: {}", trap.method, trap.message),
            Error::Died(death) => f.write_str(&death.message),
            Error::Unavailable(message)
            | Error::TimedOut(message)
            | Error::Cancelled(message)
            | Error::MailboxFull(message)
            | Error::Unplaceable(message)
            | Error::ObjectLost(message)
            | Error::OutOfMemory(message)
            | Error::Denied(message)
            | Error::Invalid(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Error::failed(message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Self {
        Error::failed(message)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::failed(error)
    }
}

/// An error that a method returned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// For people.
    pub message: String,
    /// The error itself, MessagePack; empty if it cannot be encoded.
    #[serde(with = "serde_bytes")]
    pub value: Vec<u8>,
}

impl Failure {
    /// The error itself, if it is an `E`.
    ///
    /// Values carry no type name: an `E` of the same shape as the real one is
    /// taken for it.
    pub fn downcast<E: DeserializeOwned>(&self) -> Option<E> {
        if self.value.is_empty() {
            return None;
        }
        codec::from_slice(&self.value).ok()
    }
}

/// A panic or trap inside a guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trap {
    /// `Class.method`.
    pub method: String,
    /// What the guest or the engine said.
    pub message: String,
    /// The guest's stack, innermost first, one frame a line; may be empty.
    pub backtrace: String,
}

/// The end of an actor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Death {
    /// The actor's id.
    pub actor: String,
    /// What ended it.
    pub cause: Cause,
    /// For people: the whole story in a line.
    pub message: String,
}

/// What ended an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// `kill`.
    Killed,
    /// Nobody held a handle to it any more.
    Released,
    /// It asked to.
    Exited,
    /// The job that created it ended.
    JobEnded,
    /// Its constructor returned an error or trapped.
    ConstructorFailed,
    /// It trapped, ran out of memory or was interrupted, and had no restart
    /// left.
    Crashed,
    /// Its node went away.
    NodeLost,
    /// The placement group that it was in was removed, or lost a node.
    GroupRemoved,
}

/// A method's own error on its way to the caller.
///
/// The macros call `Outcome(error).into_error()`, and method resolution takes
/// the first of these that the error's type allows: the inherent method, which
/// keeps a typed error (and passes a Greenroom error on as it is), then
/// [`MessageOnly`].
#[doc(hidden)]
pub struct Outcome<E>(pub E);

impl<E: Serialize + fmt::Display + 'static> Outcome<E> {
    pub fn into_error(self) -> Error {
        let mut slot = Some(self.0);
        if let Some(own) = (&mut slot as &mut dyn Any).downcast_mut::<Option<Error>>() {
            if let Some(own) = own.take() {
                return own;
            }
        }
        match slot {
            Some(error) => Error::from_application(&error),
            None => Error::failed("no error"),
        }
    }
}

/// The way out for errors that serde does not know, such as `io::Error` or
/// `anyhow::Error`: their message, with the causes if they print them.
#[doc(hidden)]
pub trait MessageOnly {
    fn into_error(self) -> Error;
}

impl<E: fmt::Display> MessageOnly for Outcome<E> {
    fn into_error(self) -> Error {
        Error::failed(format_args!("{:#}", self.0))
    }
}

/// What a method's error must be.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a method's error must implement `Display`, and `{Self}` does not",
    label = "this error has no message for the caller",
    note = "derive `serde::Serialize` and implement `Display` to let callers take `{Self}` out of the error again"
)]
pub trait MethodError {}

impl<E: fmt::Display> MethodError for E {}
