//! What a node borrows.

use super::PinId;

/// An item of another node.
#[derive(Clone, Default, Debug)]
pub(super) struct Borrowed {
    /// Whether something on this node holds it.
    pub(super) held: bool,
    /// Passings on by this node that have not arrived.
    pub(super) pins: u32,
    /// Whether the owner knows.
    pub(super) confirmed: bool,
    /// The borrow that the owner has not answered.
    pub(super) asked: Option<u64>,
    /// The pins it came with, to be released when the owner knows.
    pub(super) to_release: Vec<PinId>,
}

impl Borrowed {
    pub(super) fn is_unheld(&self) -> bool {
        !self.held && self.pins == 0
    }
}
