//! The admin service over loopback, in this process: who may ask for what, the
//! answers of several nodes together, and uploads that break. What needs guests
//! is in `tests/cli/node.rs`.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod cluster;
mod fixture;
mod pages;
mod roles;
mod uploads;
