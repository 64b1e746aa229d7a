//! Why a store did not do what it was asked.

use std::borrow::Cow;

use crate::{ClusterId, LeaseId, Revision};

/// Why a store did not do what it was asked.
///
/// Except for [`TimedOut`](Error::TimedOut) and
/// [`Uncertain`](Error::Uncertain), nothing was written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The store could not be reached up to the deadline, or cannot work.
    /// Nothing was done; trying later may help.
    #[error("the control store is unavailable: {why}; {advice}")]
    Unavailable {
        /// What is wrong.
        why: String,
        /// What a person can do.
        advice: Cow<'static, str>,
    },
    /// There was no answer up to the deadline. What was asked may have been
    /// done, or may still be done: read before asking again.
    #[error("{what} did not end in its time; it may have been done")]
    TimedOut {
        /// The operation.
        what: Cow<'static, str>,
    },
    /// The connection broke while a transaction was under way. It may have
    /// been done: read before asking again.
    #[error("a transaction was begun and its outcome is not known: {why}")]
    Uncertain {
        /// How the connection broke.
        why: String,
    },
    /// A watch asked for changes that the store no longer has, or fell behind
    /// by so many. Read anew and watch from there.
    #[error("changes up to revision {oldest} are no longer kept: read anew")]
    Compacted {
        /// The first revision behind which a watch could begin now.
        oldest: Revision,
    },
    /// Something is past its bound in [`limits`](crate::limits).
    #[error("{what} is {size}, more than {limit}")]
    TooLarge {
        /// What it is, with its unit.
        what: Cow<'static, str>,
        /// How large it is.
        size: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The lease ended or never was, and its records are gone.
    #[error("lease {lease} is gone")]
    LeaseGone {
        /// The lease.
        lease: LeaseId,
    },
    /// The store does not let this caller in.
    #[error("the control store refuses: {why}")]
    Denied {
        /// What it says.
        why: String,
    },
    /// The store is that of another cluster, or was wiped.
    #[error("the control store is not that of cluster {expected}: {}", found_text(*found))]
    WrongCluster {
        /// The cluster that the caller belongs to.
        expected: ClusterId,
        /// The cluster the store belongs to; none if it is empty.
        found: Option<ClusterId>,
    },
    /// What the store holds or says cannot be right.
    #[error("the control store is damaged: {why}")]
    Corrupt {
        /// What is wrong.
        why: String,
    },
    /// The request makes no sense, whatever the store holds: a mistake of the
    /// caller's.
    #[error("the request makes no sense: {why}")]
    Invalid {
        /// The mistake.
        why: Cow<'static, str>,
    },
}

impl Error {
    pub(crate) fn too_large(what: &'static str, size: usize, limit: usize) -> Error {
        Error::TooLarge { what: what.into(), size: size as u64, limit: limit as u64 }
    }

    pub(crate) fn corrupt(why: impl Into<String>) -> Error {
        Error::Corrupt { why: why.into() }
    }
}

fn found_text(found: Option<ClusterId>) -> String {
    match found {
        Some(id) => format!("it belongs to cluster {id}"),
        None => "it belongs to none, as if it had been wiped".to_owned(),
    }
}
