//! The one port of a host, and its way to others.
//!
//! `host-identity` decides who may talk to a cluster; this crate carries it
//! out. It listens and connects, writes the records that the decisions ask
//! for, and keeps what a member has in order:
//!
//! * [`Identity`] is who this process is: the founder of a cluster, somebody
//!   who joined with a token, or a member that comes back.
//! * [`Registrar`] is the authority at work over a control store: it lets
//!   joiners in, renews, and manages tokens and identities. [`JoinService`]
//!   serves it, or says where it is.
//! * [`Gate`] serves everything on one port: TLS for all, and plaintext for
//!   the owner on the same machine. Each request that reaches a service says
//!   who sent it ([`host_identity::Admitted`] in its extensions).
//! * [`Dialler`] makes channels to other members; [`local`] makes one to the
//!   host on the same machine.
//! * [`Keeper`] renews the certificate and follows the revocations.
//! * [`Guarded`] is the control store as other nodes may use it.
//!
//! It knows no service but that of joining: what a host serves is the caller's
//! [`Routes`](tonic::service::Routes), and what a peer may do there is asked
//! by each service ([`host_identity::Admitted::check`]). Only one thing is
//! decided here: whoever has no certificate can join, and nothing else.

mod connection;
mod dialler;
mod error;
mod founding;
mod gate;
mod guarded;
mod identity;
mod joining;
mod keeper;
pub mod limits;
mod member;
mod reception;
mod records;
mod refusals;
mod registrar;
mod seats;
mod service;
mod stream;

pub use dialler::{Client, Dialler, local};
pub use error::Error;
pub use gate::{Bounds, Config, Gate};
pub use guarded::Guarded;
pub use identity::{Clock, Identity, system_clock};
pub use joining::Joining;
pub use keeper::Keeper;
pub use member::Membership;
pub use registrar::Registrar;
pub use service::JoinService;
