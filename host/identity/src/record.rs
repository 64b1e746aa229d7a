//! Where the records are in a control store.
//!
//! | key | record | sealed |
//! |---|---|---|
//! | `identity/ca` | the authority's certificate, in DER | signs itself |
//! | `identity/token/ID` | a [`Token`](crate::Token) | yes |
//! | `identity/node/NAME`, `identity/client/NAME` | an [`Enrolment`](crate::Enrolment) | yes |
//! | `identity/revoked/SERIAL` | a [`Revocation`] | no: it takes, and grants nothing |

use crate::{Name, Revocation, Serial, TokenId};

/// What all keys begin with. Only the authority's host writes under it: a
/// store that nodes reach through a host should refuse their writes there.
pub const PREFIX: &str = "identity/";

/// The authority's certificate.
pub const CA_KEY: &str = "identity/ca";

/// What the keys of tokens begin with.
pub const TOKENS: &str = "identity/token/";

/// What the keys of nodes' enrolments begin with.
pub const NODES: &str = "identity/node/";

/// What the keys of clients' enrolments begin with.
pub const CLIENTS: &str = "identity/client/";

/// What the keys of revocations begin with.
pub const REVOCATIONS: &str = "identity/revoked/";

/// The key of a token.
pub fn token_key(id: TokenId) -> String {
    format!("{TOKENS}{id}")
}

/// The key of a node's enrolment.
pub fn node_key(name: &Name) -> String {
    format!("{NODES}{name}")
}

/// The key of a client's enrolment; its role is not part of it, so that a name
/// has one.
pub fn client_key(name: &Name) -> String {
    format!("{CLIENTS}{name}")
}

/// The key of a revocation.
pub fn revocation_key(serial: Serial) -> String {
    format!("{REVOCATIONS}{serial}")
}

/// A record that grants something, and is therefore sealed.
pub trait Sealed: private::Form {
    /// Its key.
    fn key(&self) -> String;
}

pub(crate) mod private {
    use crate::Error;

    /// The form of a record in bytes.
    pub trait Form: Sized {
        fn to_bytes(&self) -> Vec<u8>;
        fn from_bytes(bytes: &[u8]) -> Result<Self, Error>;
    }
}

impl Revocation {
    /// Its key.
    pub fn key(&self) -> String {
        revocation_key(self.serial)
    }
}
