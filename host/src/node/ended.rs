//! The actors that ended last, so that people can ask why.

use std::collections::VecDeque;

use host_core::id::Label;
use host_core::{ActorId, Error};

/// Actors that are remembered. A message is some 100 bytes: 200 KB.
const ENDED_MAX: usize = 1_000;

/// The last actors to end, oldest first.
#[derive(Default)]
pub(super) struct Ended(VecDeque<(Label, String)>);

impl Ended {
    pub(super) fn push(&mut self, label: Label, death: &Error) {
        if self.0.len() == ENDED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((label, death.to_string()));
    }

    /// Whose id it was and what ended it, if that is remembered.
    pub(super) fn find(&self, id: ActorId) -> Option<(Label, String)> {
        self.0.iter().rev().find(|(label, _)| label.id == id).cloned()
    }
}
