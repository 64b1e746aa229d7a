//! Who may talk to a cluster.
//!
//! A cluster has one certificate authority, [`Authority`], made by its first
//! node. It signs short-lived certificates that say who somebody is: a node of
//! this cluster by this name, or a client by this name with this [`Role`]. The
//! authority decides all of that; of a request it takes only the public key.
//!
//! * [`JoinToken`] buys the first certificate: it pins the authority, so that
//!   its owner knows the cluster before it proves anything, and the proof is
//!   good for one connection, one name and one key ([`join`]).
//! * [`Endpoint`] builds the TLS configurations of a certificate's owner, and
//!   says who is at the other end: a [`Peer`].
//! * [`Peer::may`] is the table of what each kind of peer may do.
//! * [`Revocations`] says which certificates count no longer, and which
//!   connections must be cut.
//! * [`LocalToken`] lets the owner of a host in from the same machine.
//!
//! ```
//! # use std::time::Duration;
//! # use host_identity::{Authority, ClusterId, Kind, Order, Token, Uses};
//! # use rustls_pki_types::UnixTime;
//! # fn main() -> Result<(), host_identity::Error> {
//! let now = UnixTime::now();
//! let authority = Authority::create(ClusterId::from_bytes([7; 16]), now)?;
//! let order = Order {
//!     kind: Kind::Node,
//!     uses: Uses::Once,
//!     name: None,
//!     lifetime: Duration::from_secs(60 * 60),
//!     note: "the new machine".to_owned(),
//! };
//! let (text, _record, change) = Token::issue(&authority, order, now)?;
//! // Once the change is written, the text lets one machine in.
//! assert!(change.writes[0].key.starts_with("identity/token/"));
//! assert!(text.reveal().starts_with("GR1"));
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here listens, connects, reads the clock or writes to a control
//! store. What has to be recorded is answered as a [`Change`]: records that
//! must still be as they were, and records to write, for one transaction of the
//! caller's. When it fails because somebody was faster, the caller reads the
//! records again and asks again.
//!
//! # What the records are worth
//! Everybody who can read them learns no secret and cannot join: of a token's
//! secret they hold a public key. Those that grant something are sealed with a
//! key that only the authority's host has ([`Stored`]), so that a hostile node
//! that can write to the control store cannot grant itself anything. It could
//! put an old record in place of a newer one; a store should therefore refuse
//! what nodes write under [`record::PREFIX`].

mod attempts;
mod authority;
mod ca;
mod certificate;
mod change;
mod enrolment;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod hex;
mod holding;
pub mod join;
mod key;
pub mod limits;
mod loopback;
mod name;
pub mod record;
mod renewal;
mod revocation;
mod role;
mod secret;
mod secret_file;
mod tls;
mod token;
mod wire;

pub use attempts::{Attempts, Noted};
pub use authority::Authority;
pub use ca::{CaCertificate, CaHash};
pub use certificate::{Certificate, Serial, Validity};
pub use change::{Change, Compare, Stored, Write};
pub use enrolment::Enrolment;
pub use error::{Error, Untrusted};
pub use holding::Holding;
pub use host_core::ClusterId;
pub use key::{KeyHash, PrivateKey, PublicKey};
pub use loopback::LocalToken;
pub use name::{Name, Subject};
pub use renewal::{Renewal, renew_at, renewal};
pub use revocation::{Cut, Revocation, Revocations, RevocationsHandle};
pub use role::{Operation, Peer, Role};
pub use tls::{Admitted, Denied, Endpoint, Expect, PinnedClient, server_name};
pub use token::{JoinToken, Kind, Order, Token, TokenId, TokenTextError, Uses};
