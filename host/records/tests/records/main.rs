//! The records in a store, against the model of a store that the rules are
//! proven with; and stores that fail.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod against_the_model;
mod draw;
mod faults;
mod stores;
