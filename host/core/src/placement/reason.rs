//! What stands in the way of a placement.

use std::fmt;
use std::sync::Arc;

use super::Selector;
use crate::resources::{Amount, Shortage, shown};

/// One thing that stands in an actor's way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// There is no node at all.
    NoNodes,
    /// The only node that may be taken is not there.
    NoSuchNode(Arc<str>),
    /// No node has so much of this; `has` is the most that one has.
    Nowhere(Shortage),
    /// This node is not the only one that may be taken.
    NotAsked {
        /// The node's name.
        node: String,
        /// The one that may be.
        wanted: Arc<str>,
    },
    /// This node is about to leave.
    Draining {
        /// The node's name.
        node: String,
    },
    /// This node has not the labels it must have.
    Unlike {
        /// The node's name.
        node: String,
        /// The first condition that fails.
        selector: Selector,
    },
    /// This node has too little in all.
    TooSmall {
        /// The node's name.
        node: String,
        /// Of what, and how much it has in all.
        shortage: Shortage,
    },
    /// This node has too little free.
    Busy {
        /// The node's name.
        node: String,
        /// Of what, and how much is free.
        shortage: Shortage,
        /// How much of it the node has in all.
        total: Amount,
    },
    /// The bundles cannot all be on nodes of their own.
    TooFewNodes {
        /// Bundles of the group.
        bundles: usize,
        /// How many of them find a node of their own.
        placed: usize,
    },
    /// A bundle of a group finds no room beside the others.
    NoRoomBeside {
        /// Which, from 0.
        bundle: usize,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoNodes => f.write_str("there is no node"),
            Reason::NoSuchNode(wanted) => write!(f, "there is no node {wanted}"),
            Reason::Nowhere(shortage) => {
                let (asked, has) = shortage.shown();
                write!(f, "no node has {asked} (largest has {has})")
            }
            Reason::NotAsked { node, wanted } => write!(f, "{node} is not {wanted}"),
            Reason::Draining { node } => write!(f, "{node} is being drained"),
            Reason::Unlike { node, selector } => write!(f, "{node} does not match {selector}"),
            Reason::TooSmall { node, shortage } => {
                let (asked, has) = shortage.shown();
                write!(f, "{node} cannot hold {asked} (has {has})")
            }
            Reason::Busy { node, shortage, total } => {
                let (asked, free) = shortage.shown();
                let total = shown(&shortage.name, *total);
                write!(f, "{node} cannot hold {asked} now ({free} of {total} free)")
            }
            Reason::TooFewNodes { bundles, placed } => {
                write!(f, "{placed} of {bundles} bundles find a node of their own")
            }
            Reason::NoRoomBeside { bundle } => {
                write!(f, "bundle {bundle} finds no room beside the others")
            }
        }
    }
}
