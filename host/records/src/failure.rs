//! Why a question has no answer of its own.

use host_control::{Error, Key as Path, Revision};

/// Why a question has no answer of its own, and is answered with
/// [`Unknown`](host_core::control::Answer::Unknown).
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The store did not answer, or not what it promises.
    #[error(transparent)]
    Store(#[from] Error),
    /// The question makes no sense to any store: a mistake of this host's.
    #[error("{0}")]
    Mistake(String),
    /// What was asked for is there and cannot be read.
    #[error("the record {path} cannot be read: {why}")]
    Unreadable {
        /// Which.
        path: Path,
        /// When it was written.
        modified: Revision,
        /// What is wrong with it.
        why: Unreadable,
    },
}

/// Why bytes are no record that this version knows.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It was written by a later version.
    #[error("it has version {0}, which this host does not know; update the host")]
    Version(u32),
    /// It breaks a rule.
    #[error("it is damaged, or of something else: {0}")]
    Malformed(&'static str),
    /// Something in it is past its bound.
    #[error("it has {count} {what}, more than {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
}

impl Unreadable {
    /// Refuses more than the bound.
    pub(crate) fn bounded(
        what: &'static str,
        count: usize,
        limit: usize,
    ) -> Result<(), Unreadable> {
        if count > limit { Err(Unreadable::TooMany { what, count, limit }) } else { Ok(()) }
    }
}
