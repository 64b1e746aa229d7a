//! Nodes that pull from each other over loopback.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bounds;
mod fixture;
mod liars;
mod pulls;
mod refusals;
