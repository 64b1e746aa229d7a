//! How somebody gets a certificate: by a token first, then by the one it has.
//!
//! 1. The joiner connects with a [`PinnedClient`](crate::PinnedClient): it
//!    goes on only if the server is a node of the cluster whose authority's
//!    hash is in the token.
//! 2. It sends a [`Request`]: its name, its public key, and a signature with
//!    the token's secret over all of it *and this connection*
//!    ([`Binding`]). The secret itself stays where it is.
//! 3. The host that has the authority looks up the records and calls
//!    [`admit`], writes the [`Change`](crate::Change), and sends the [`Answer`].
//! 4. The joiner checks the answer ([`Joiner::accept`]).
//!
//! Whoever hears, keeps or passes on a request has nothing: in another
//! connection its signature is wrong, and with another key or name too. A node
//! that is not the authority's host cannot pass a request on either; it says
//! [`Refused::Elsewhere`] and where.
//!
//! A certificate is renewed over a connection that it authenticated:
//! [`renew`]. No token is needed, and the name and role stay as they are.

mod admit;
mod joiner;
mod proof;

use bytes::Bytes;
use rustls_pki_types::CertificateDer;

pub use self::admit::{Admission, Records, admit, enrolment_key, renew};
pub use self::joiner::Joiner;
pub use self::proof::Binding;
use crate::{Error, Name, TokenId};

/// What a joiner sends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The version of the contract that it speaks.
    pub protocol: u32,
    /// The token.
    pub token: TokenId,
    /// The name it wants to have.
    pub name: Name,
    /// Its public key, as PKCS #10.
    pub csr: Bytes,
    /// A signature with the token's secret over all this and the connection.
    pub proof: [u8; 64],
}

/// What somebody sends who has a certificate and wants the next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RenewRequest {
    /// The version of the contract that it speaks.
    pub protocol: u32,
    /// Its public key, as PKCS #10: a new one or that of before.
    pub csr: Bytes,
}

/// What they get.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// The authority's.
    pub ca: CertificateDer<'static>,
}

/// Why somebody gets no certificate. Up to the proof nothing is said about
/// whether there is such a token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    /// The other side is of a version that this host does not know.
    #[error("this host speaks protocol {ours}, and the other side {theirs}: use one version")]
    Protocol {
        /// What this host speaks.
        ours: u32,
        /// What was sent.
        theirs: u32,
    },
    /// There is no such token, or the proof of its secret is wrong: another
    /// secret, another connection, or a message that was changed on its way.
    #[error("the join token is not known, or its secret is wrong")]
    Token,
    /// The token's time is over.
    #[error("the join token has expired; make another")]
    TokenExpired,
    /// The token was revoked.
    #[error("the join token was revoked; make another")]
    TokenRevoked,
    /// The token can be used once, and somebody did.
    #[error("the join token was used already; make another")]
    TokenUsed,
    /// The token is for another name.
    #[error("the join token is for another name")]
    TokenForAnother,
    /// The name is that of somebody else's key.
    #[error(
        "the name belongs to another key; choose another, or forget the old owner first (`host identity forget`)"
    )]
    NameTaken,
    /// The name was revoked.
    #[error(
        "the name was revoked; choose another, or forget the old owner first (`host identity forget`)"
    )]
    Revoked,
    /// It has as many certificates as it may.
    #[error("too many certificates that have not ended")]
    TooManyCertificates,
    /// The peer may not ask for this.
    #[error("only who has a certificate can renew it")]
    NotAllowed,
    /// The request makes no sense.
    #[error("the request makes no sense: {why}")]
    Malformed {
        /// The mistake.
        why: String,
    },
    /// This node does not have the authority.
    #[error("this node cannot let anybody in; ask the one at {address}")]
    Elsewhere {
        /// The address of the one that has; empty if it is not known.
        address: String,
    },
    /// The authority's host cannot do it now.
    #[error("the host cannot do it now: {why}")]
    Unavailable {
        /// What is wrong.
        why: String,
    },
}

impl Refused {
    /// Whether the peer made a bad attempt, to be counted and logged
    /// ([`Attempts`](crate::Attempts)).
    pub fn is_bad_attempt(&self) -> bool {
        match self {
            Refused::Token
            | Refused::TokenExpired
            | Refused::TokenRevoked
            | Refused::TokenUsed
            | Refused::TokenForAnother
            | Refused::NameTaken
            | Refused::Revoked
            | Refused::NotAllowed
            | Refused::Malformed { .. }
            | Refused::Protocol { .. } => true,
            Refused::TooManyCertificates
            | Refused::Elsewhere { .. }
            | Refused::Unavailable { .. } => false,
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        match error {
            Error::Malformed { .. } | Error::TooLarge { .. } => {
                Refused::Malformed { why: error.to_string() }
            }
            // Ours to repair; what it says may be about files of ours.
            Error::AuthorityExpired => Refused::Unavailable { why: error.to_string() },
            Error::File { .. }
            | Error::Unsealed { .. }
            | Error::Untrusted(_)
            | Error::NotOurs { .. }
            | Error::Failed { .. } => Refused::Unavailable { why: "an internal error".into() },
        }
    }
}
