//! The crate as its users see it, over real TLS handshakes in memory.
//!
//! Clocks are arguments everywhere, so nothing here waits.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

#[path = "identity/fixture.rs"]
mod fixture;

#[path = "identity/authority.rs"]
mod authority;
#[path = "identity/decoders.rs"]
mod decoders;
#[path = "identity/handshakes.rs"]
mod handshakes;
#[path = "identity/join.rs"]
mod join;
#[path = "identity/life.rs"]
mod life;
#[path = "identity/loopback.rs"]
mod loopback;
#[path = "identity/revocation.rs"]
mod revocation;
#[path = "identity/secrets.rs"]
mod secrets;
#[path = "identity/tokens.rs"]
mod tokens;
