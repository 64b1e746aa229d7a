//! What etcd's refusals mean.
//!
//! etcd tells errors apart by their texts, which its own clients compare too
//! (`api/v3rpc/rpctypes/error.go` in its source); codes are shared by several.

use tonic::{Code, Status};

use crate::retry::Fault;
use crate::{Error, LeaseId, limits};

/// What [`answer_too_large`] calls it.
const ANSWER: &str = "the bytes of an answer";

/// What a refusal means to the attempt that met it.
pub(super) fn of(status: &Status) -> Fault {
    let text = status.message();
    let says = |what: &str| text.contains(what);
    let denied = || Fault::Final(Error::Denied { why: text.to_owned() });
    match status.code() {
        Code::NotFound if is_lease_gone(status) => Fault::Final(unnamed_lease_gone()),
        Code::OutOfRange if says("message length too large") => answer_too_large(),
        Code::ResourceExhausted if says("space exceeded") => Fault::Final(Error::Unavailable {
            why: format!("etcd's space is used up ({text})"),
            advice: "compact and defragment etcd, then disarm its alarm".into(),
        }),
        Code::ResourceExhausted if says("too many requests") => Fault::NotDone(text.to_owned()),
        Code::InvalidArgument if says("too large") || says("too many operations") => {
            Fault::Final(Error::TooLarge {
                what: "etcd is set to take less than this host sends: a request".into(),
                size: limits::TRANSACTION_BYTES_MAX as u64,
                limit: 0,
            })
        }
        // A wrong password; no name where one is needed.
        Code::InvalidArgument if says("authentication failed") || says("user name is empty") => {
            denied()
        }
        Code::InvalidArgument => Fault::Final(Error::Invalid { why: text.to_owned().into() }),
        Code::PermissionDenied | Code::Unauthenticated => denied(),
        Code::DataLoss => Fault::Final(Error::corrupt(text)),
        Code::Unimplemented => {
            Fault::Final(Error::Denied { why: format!("what answers is no etcd: {text}") })
        }
        // Said before the request is looked at, or when nothing took it.
        _ if says("no leader") || says("proposal dropped") || says("unhealthy cluster") => {
            Fault::NotDone(text.to_owned())
        }
        _ => Fault::of_transport(status),
    }
}

/// The same for a request that only comes before another.
pub(super) fn not_begun(status: &Status) -> Fault {
    match of(status) {
        Fault::Unknown(why) => Fault::NotDone(why),
        other => other,
    }
}

/// Whether the token that was shown is no longer worth anything.
pub(super) fn is_token_over(status: &Status) -> bool {
    let text = status.message();
    text.contains("invalid auth token") || text.contains("revision of auth store is old")
}

/// Whether etcd refuses a password because it knows no users.
pub(super) fn is_without_users(status: &Status) -> bool {
    status.message().contains("authentication is not enabled")
}

/// Whether a lease is not there.
pub(super) fn is_lease_gone(status: &Status) -> bool {
    status.message().contains("requested lease not found")
}

/// Whether a lease is there already.
pub(super) fn is_lease_there(status: &Status) -> bool {
    status.message().contains("lease already exists")
}

/// Whether an answer was larger than is read.
pub(super) fn is_answer_too_large(error: &Error) -> bool {
    matches!(error, Error::TooLarge { what, .. } if what == ANSWER)
}

/// etcd does not say which lease of a transaction's it is; the caller knows.
fn unnamed_lease_gone() -> Error {
    Error::LeaseGone { lease: LeaseId::new(u64::MAX).expect("it is not 0") }
}

fn answer_too_large() -> Fault {
    let limit = limits::MESSAGE_BYTES_MAX;
    Fault::Final(Error::too_large(ANSWER, limit + 1, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: Code, text: &str) -> Fault {
        of(&Status::new(code, text))
    }

    #[test]
    fn only_what_etcd_surely_did_not_do_is_safe_to_repeat() {
        assert!(matches!(check(Code::Unavailable, "etcdserver: no leader"), Fault::NotDone(_)));
        for text in ["etcdserver: request timed out", "etcdserver: leader changed", "cut"] {
            assert!(matches!(check(Code::Unavailable, text), Fault::Unknown(_)), "{text}");
        }
    }

    #[test]
    fn refusals_have_names() {
        let named = |code, text| match check(code, text) {
            Fault::Final(error) => error,
            other => panic!("{other:?}"),
        };
        let gone = named(Code::NotFound, "etcdserver: requested lease not found");
        assert!(matches!(gone, Error::LeaseGone { .. }));
        let full = named(Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded");
        assert!(full.to_string().contains("defragment"), "{full}");
        for (code, text) in [
            (Code::PermissionDenied, "etcdserver: permission denied"),
            (
                Code::InvalidArgument,
                "etcdserver: authentication failed, invalid user ID or password",
            ),
            (Code::InvalidArgument, "etcdserver: user name is empty"),
        ] {
            assert!(matches!(named(code, text), Error::Denied { .. }), "{text}");
        }
        let large = named(Code::InvalidArgument, "etcdserver: request is too large");
        assert!(matches!(large, Error::TooLarge { .. }));
        assert!(matches!(named(Code::DataLoss, "corrupt"), Error::Corrupt { .. }));
    }
}
