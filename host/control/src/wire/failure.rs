//! Errors as gRPC statuses and back.

use bytes::Bytes;
use host_proto::control::{self as proto, failure::Reason};
use prost::Message as _;
use tonic::{Code, Status};

use crate::{ClusterId, Error, LeaseId, Revision};

/// The status that tells a caller an error, all of it.
pub(crate) fn to_status(error: &Error) -> Status {
    let code = match error {
        Error::Unavailable { .. } => Code::Unavailable,
        Error::TimedOut { .. } => Code::DeadlineExceeded,
        Error::Uncertain { .. } => Code::Aborted,
        Error::Compacted { .. } => Code::OutOfRange,
        Error::TooLarge { .. } | Error::Invalid { .. } => Code::InvalidArgument,
        Error::LeaseGone { .. } => Code::NotFound,
        Error::Denied { .. } => Code::PermissionDenied,
        Error::WrongCluster { .. } => Code::FailedPrecondition,
        Error::Corrupt { .. } => Code::DataLoss,
    };
    let details = proto::Failure { reason: Some(reason_to(error.clone())) }.encode_to_vec();
    Status::with_details(code, error.to_string(), details.into())
}

fn reason_to(error: Error) -> Reason {
    let id_bytes = |id: ClusterId| Bytes::copy_from_slice(&id.bytes());
    match error {
        Error::Unavailable { why, advice } => {
            Reason::Unavailable(proto::Unavailable { why, advice: advice.into_owned() })
        }
        Error::TimedOut { what } => Reason::TimedOut(proto::TimedOut { what: what.into_owned() }),
        Error::Uncertain { why } => Reason::Uncertain(why),
        Error::Compacted { oldest } => Reason::Compacted(oldest.number()),
        Error::TooLarge { what, size, limit } => {
            Reason::TooLarge(proto::TooLarge { what: what.into_owned(), size, limit })
        }
        Error::LeaseGone { lease } => Reason::LeaseGone(lease.number()),
        Error::Denied { why } => Reason::Denied(why),
        Error::WrongCluster { expected, found } => Reason::WrongCluster(proto::WrongCluster {
            expected: id_bytes(expected),
            found: found.map(id_bytes).unwrap_or_default(),
        }),
        Error::Corrupt { why } => Reason::Corrupt(why),
        Error::Invalid { why } => Reason::Invalid(why.into_owned()),
    }
}

/// The error that a status tells; none if it does not come from a control
/// store but from something on the way to it.
pub(crate) fn from_status(status: &Status) -> Option<Error> {
    let reason = proto::Failure::decode(status.details()).ok()?.reason?;
    Some(match reason {
        Reason::Unavailable(proto::Unavailable { why, advice }) => {
            Error::Unavailable { why, advice: advice.into() }
        }
        Reason::TimedOut(proto::TimedOut { what }) => Error::TimedOut { what: what.into() },
        Reason::Uncertain(why) => Error::Uncertain { why },
        Reason::Compacted(oldest) => Error::Compacted { oldest: Revision::new(oldest) },
        Reason::TooLarge(proto::TooLarge { what, size, limit }) => {
            Error::TooLarge { what: what.into(), size, limit }
        }
        Reason::LeaseGone(lease) => Error::LeaseGone { lease: LeaseId::new(lease)? },
        Reason::Denied(why) => Error::Denied { why },
        Reason::WrongCluster(proto::WrongCluster { expected, found }) => Error::WrongCluster {
            expected: ClusterId::from_slice(&expected)?,
            found: ClusterId::from_slice(&found),
        },
        Reason::Corrupt(why) => Error::Corrupt { why },
        Reason::Invalid(why) => Error::Invalid { why: why.into() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_crosses_the_wire_unchanged() {
        let id = ClusterId::from_slice(&[1; 16]).unwrap();
        for error in [
            Error::Unavailable { why: "a".to_owned(), advice: "b".into() },
            Error::TimedOut { what: "a get".into() },
            Error::Uncertain { why: "cut".to_owned() },
            Error::Compacted { oldest: Revision::new(4) },
            Error::too_large("a value", 2, 1),
            Error::LeaseGone { lease: LeaseId::new(9).unwrap() },
            Error::Denied { why: "no".to_owned() },
            Error::WrongCluster { expected: id, found: None },
            Error::WrongCluster { expected: id, found: Some(id) },
            Error::corrupt("bad"),
            Error::Invalid { why: "empty".into() },
        ] {
            assert_eq!(from_status(&to_status(&error)), Some(error));
        }
    }

    #[test]
    fn status_of_something_else_is_no_error_of_a_store() {
        assert_eq!(from_status(&Status::unavailable("proxy")), None);
        let noise = Status::with_details(Code::Unknown, "x", Bytes::from_static(&[0xff; 9]));
        assert_eq!(from_status(&noise), None);
    }
}
