//! Placement groups: several bundles of resources, all or none.
//!
//! [`plan`] is the pure choice of nodes. A [`Reservation`] carries it out in
//! two phases, so that a node that has less than the plan believed takes back
//! the whole; [`Bundles`] is the part of a node that holds bundles. The
//! [`Coordinator`] is the part of a node that its actors ask for groups: it
//! plans, reserves, waits and plans again.

mod bundles;
mod choice;
pub mod coordinator;
mod plan;
pub mod reservation;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::id::{ActorId, GroupId};

pub use bundles::{Bundle, BundleView, Bundles, Doubt, Removed};
pub use choice::candidates;
pub use coordinator::{Coordinator, Fate, GroupView, Nodes, Wish};
pub use plan::{GroupStrategy, Plan, plan};
pub use reservation::Reservation;

/// Whoever holds resources of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Holder {
    /// An actor.
    Actor(ActorId),
    /// A bundle of a group, from 0.
    Bundle(GroupId, u32),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Actor(id) => id.fmt(f),
            Holder::Bundle(id, bundle) => write!(f, "{id}.{bundle}"),
        }
    }
}
