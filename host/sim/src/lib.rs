//! A whole cluster in one thread, by the rules of `host-core`, from a seed.
//!
//! The machines are the ones that the host runs; everything around them is a
//! model: clocks that drift, connections that stall and break, processes that
//! crash and pause, a control store that is slow or away, and actors that do
//! nothing but call each other. After every step the `oracle` compares what
//! happened with what is promised. A seed always gives the same run.
//!
//! Start with [`run`]; `world` has the loop, `host` one node.

mod counts;
pub mod flaw;
mod host;
mod message;
mod oracle;
mod plan;
pub mod scale;
pub mod sweep;
mod world;

pub use counts::{Counts, Fact};
pub use flaw::Flaw;
pub use oracle::{Promise, Violation};
pub use world::{Outcome, Trace, run};
