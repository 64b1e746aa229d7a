//! What a node lends.

use std::collections::BTreeSet;

use crate::id::NodeId;

/// An item of this node.
#[derive(Clone, Default, Debug)]
pub(super) struct Owned {
    /// Whether this node itself holds it.
    pub(super) held: bool,
    /// Passings on by this node that have not arrived.
    pub(super) pins: u32,
    /// The nodes that hold it.
    pub(super) borrowers: BTreeSet<NodeId>,
}

impl Owned {
    pub(super) fn is_unheld(&self) -> bool {
        !self.held && self.pins == 0 && self.borrowers.is_empty()
    }
}
