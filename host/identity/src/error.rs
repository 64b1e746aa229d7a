//! Why something was not done, and why a certificate is not believed.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::{CaHash, ClusterId, Name, Serial};

/// Why something was not done.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// A file cannot be used: it is damaged, others can read it, or it belongs
    /// to somebody else.
    #[error("{} cannot be used: {why}; {advice}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
        /// What a person can do.
        advice: Cow<'static, str>,
    },
    /// Bytes or a text that are not what they should be.
    #[error("{what} is malformed: {why}")]
    Malformed {
        /// What it should be.
        what: &'static str,
        /// What is wrong, without any of its content that could be secret.
        why: Cow<'static, str>,
    },
    /// A record was not made by this cluster's authority.
    #[error("the record {key} was not sealed by this cluster's authority")]
    Unsealed {
        /// Its key in the control store.
        key: String,
    },
    /// A certificate is not believed.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// A certificate that does not belong to its key, or is not for whom it
    /// should be.
    #[error("the certificate is not ours: {why}")]
    NotOurs {
        /// How it differs.
        why: &'static str,
    },
    /// The authority has ended, or will end at once.
    #[error("the cluster's certificate authority has expired; make a new cluster")]
    AuthorityExpired,
    /// Something is past its bound in [`limits`](crate::limits).
    #[error("{what} is {size}, more than {limit}")]
    TooLarge {
        /// What it is, with its unit.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The system or a library failed at something that should not fail.
    #[error("{what} failed: {why}")]
    Failed {
        /// What was done.
        what: &'static str,
        /// What was said.
        why: String,
    },
}

/// Why a certificate is not believed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Untrusted {
    /// Nobody showed a certificate where one is needed.
    #[error("no certificate was shown")]
    Missing,
    /// It was not signed by the cluster's authority.
    #[error("the certificate was not signed by this cluster's authority")]
    ForeignIssuer,
    /// The other side belongs to a cluster that is not the token's.
    #[error("the server does not belong to the token's cluster, whose authority is {pinned}")]
    NotPinned {
        /// The hash that the token has.
        pinned: CaHash,
    },
    /// It has ended.
    #[error("the certificate has expired")]
    Expired,
    /// It does not count yet: a clock is wrong.
    #[error("the certificate is not yet valid; is this machine's clock right?")]
    NotYetValid,
    /// It was revoked.
    #[error("the certificate {serial} was revoked")]
    Revoked {
        /// Which.
        serial: Serial,
    },
    /// It is not for this: a client's shown by a server, or an authority's.
    #[error("the certificate is not for this use")]
    WrongUse,
    /// It is of another node than was expected.
    #[error("the server is node {found}, not node {expected}")]
    WrongName {
        /// Who should be there.
        expected: Name,
        /// Who is.
        found: Name,
    },
    /// It is of another cluster.
    #[error("the certificate is of cluster {found}, not of cluster {expected}")]
    WrongCluster {
        /// Ours.
        expected: ClusterId,
        /// The certificate's.
        found: ClusterId,
    },
    /// It is none, or none of ours.
    #[error("the certificate is malformed: {why}")]
    Malformed {
        /// What is wrong.
        why: &'static str,
    },
}

impl Error {
    pub(crate) fn malformed(what: &'static str, why: impl Into<Cow<'static, str>>) -> Error {
        Error::Malformed { what, why: why.into() }
    }

    pub(crate) fn file(path: &Path, why: impl ToString, advice: &'static str) -> Error {
        Error::File { path: path.to_owned(), why: why.to_string(), advice: advice.into() }
    }

    pub(crate) fn failed(what: &'static str, why: impl ToString) -> Error {
        Error::Failed { what, why: why.to_string() }
    }
}

/// Refuses what is longer than its bound.
pub(crate) fn bounded(what: &'static str, size: usize, limit: usize) -> Result<(), Error> {
    if size > limit {
        return Err(Error::TooLarge { what, size, limit });
    }
    Ok(())
}
