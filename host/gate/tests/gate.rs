//! Hosts and their clients over real sockets on loopback.
//!
//! The time of day is an argument everywhere and stands until it is moved.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

#[path = "gate/faulty.rs"]
mod faulty;
#[path = "gate/fixture.rs"]
mod fixture;

#[path = "gate/doors.rs"]
mod doors;
#[path = "gate/joining.rs"]
mod joining;
#[path = "gate/life.rs"]
mod life;
#[path = "gate/local.rs"]
mod local;
#[path = "gate/manage.rs"]
mod manage;
