//! Errors on the wire: the variant by its name, and its parts.

use std::sync::Arc;

use host_core::{Cause, Error};
use host_proto::node as proto;

/// The longest text of an error that is sent; the rest is cut off.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// Causes by their names.
const CAUSES: [(Cause, &str); 8] = [
    (Cause::Killed, "killed"),
    (Cause::Released, "released"),
    (Cause::Exited, "exited"),
    (Cause::JobEnded, "job-ended"),
    (Cause::ConstructorFailed, "constructor-failed"),
    (Cause::Crashed, "crashed"),
    (Cause::NodeLost, "node-lost"),
    (Cause::GroupRemoved, "group-removed"),
];

/// An error for the wire.
pub(crate) fn error(error: &Error) -> proto::Error {
    let kind = error.kind().into();
    let with =
        |message: &str| proto::Error { kind, message: cut(message), ..proto::Error::default() };
    match error {
        Error::Failed { message, value } => {
            proto::Error { value: value.to_vec().into(), ..with(message) }
        }
        Error::Trapped { method, message, backtrace } => {
            proto::Error { method: cut(method), backtrace: cut(backtrace), ..with(message) }
        }
        Error::Died { actor, cause, message } => {
            proto::Error { actor: cut(actor), cause: name_of(*cause).into(), ..with(message) }
        }
        Error::Unavailable(message)
        | Error::TimedOut(message)
        | Error::Cancelled(message)
        | Error::MailboxFull(message)
        | Error::Unplaceable(message)
        | Error::ObjectLost(message)
        | Error::OutOfMemory(message)
        | Error::Denied(message)
        | Error::Invalid(message) => with(message),
    }
}

/// An error from the wire. One of a kind that is not known here is
/// `Unavailable`, with its text.
pub(crate) fn read_error(error: proto::Error) -> Error {
    let proto::Error { kind, message, value, method, backtrace, actor, cause } = error;
    match kind.as_str() {
        "failed" => Error::Failed { message, value: Arc::new(value.into()) },
        "trapped" => Error::Trapped { method, message, backtrace },
        "died" => Error::Died { actor, cause: cause_of(&cause), message },
        "timed-out" => Error::TimedOut(message),
        "cancelled" => Error::Cancelled(message),
        "mailbox-full" => Error::MailboxFull(message),
        "unplaceable" => Error::Unplaceable(message),
        "object-lost" => Error::ObjectLost(message),
        "out-of-memory" => Error::OutOfMemory(message),
        "denied" => Error::Denied(message),
        "invalid" => Error::Invalid(message),
        _ => Error::Unavailable(message),
    }
}

fn name_of(cause: Cause) -> &'static str {
    CAUSES.iter().find(|(known, _)| *known == cause).map_or("killed", |(_, name)| name)
}

fn cause_of(name: &str) -> Cause {
    let known = CAUSES.iter().find(|(_, known)| *known == name);
    known.map_or(Cause::Killed, |(cause, _)| *cause)
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_comes_back_as_it_was() {
        let text = || "what happened".to_owned();
        let mut errors = vec![
            Error::Failed { message: text(), value: Arc::new(vec![1, 2]) },
            Error::Trapped { method: "A.b".into(), message: text(), backtrace: "at c".into() },
            Error::Unavailable(text()),
            Error::TimedOut(text()),
            Error::Cancelled(text()),
            Error::MailboxFull(text()),
            Error::Unplaceable(text()),
            Error::ObjectLost(text()),
            Error::OutOfMemory(text()),
            Error::Denied(text()),
            Error::Invalid(text()),
        ];
        let died = |(cause, _): &(Cause, &str)| Error::Died {
            actor: "A(a1@n2)".into(),
            cause: *cause,
            message: text(),
        };
        errors.extend(CAUSES.iter().map(died));
        for known in errors {
            assert_eq!(read_error(error(&known)), known);
        }
    }

    #[test]
    fn a_text_without_end_is_cut_between_characters() {
        let sent = error(&Error::Invalid("é".repeat(TEXT_BYTES_MAX)));
        assert_eq!(sent.message.len(), TEXT_BYTES_MAX);
    }
}
