//! The calls of one caller to one target.

use std::collections::{BTreeMap, VecDeque};

use super::Life;
use crate::id::{CallId, NodeId};
use crate::spec::Tries;

/// Calls that wait to be sent, and calls that are under way, each in order.
/// While some wait, nothing is sent past them.
#[derive(Clone, Debug)]
pub(super) struct Flow<B> {
    /// In the order of their sequence numbers.
    pub(super) waiting: VecDeque<Pending<B>>,
    sent: BTreeMap<u64, Sent<B>>,
    /// Where those are, and how many: one place, unless the target moves.
    places: Vec<((NodeId, Life), usize)>,
    pub(super) next_seq: u64,
    /// None when the next call to be sent begins a new one.
    pub(super) stint: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Pending<B> {
    pub(super) id: CallId,
    pub(super) seq: u64,
    /// Tries so far that may have run.
    pub(super) tried: u32,
    pub(super) retries: Tries,
    pub(super) body: B,
}

#[derive(Clone, Debug)]
pub(super) struct Sent<B> {
    pub(super) node: NodeId,
    pub(super) life: Life,
    pub(super) call: Pending<B>,
}

impl<B> Default for Flow<B> {
    fn default() -> Flow<B> {
        let (waiting, sent, places) = (VecDeque::new(), BTreeMap::new(), Vec::new());
        Flow { waiting, sent, places, next_seq: 1, stint: None }
    }
}

impl<B> Flow<B> {
    /// A call is under way.
    pub(super) fn went(&mut self, sent: Sent<B>) {
        let place = (sent.node, sent.life);
        match self.places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, count)) => *count += 1,
            None => self.places.push((place, 1)),
        }
        self.sent.insert(sent.call.seq, sent);
    }

    /// A call is not under way any more; it, if it was.
    pub(super) fn came(&mut self, seq: u64) -> Option<Sent<B>> {
        let sent = self.sent.remove(&seq)?;
        let place = (sent.node, sent.life);
        let at = self.places.iter().position(|(known, _)| *known == place);
        let at = at.expect("what is under way is counted");
        self.places[at].1 -= 1;
        if self.places[at].1 == 0 {
            self.places.swap_remove(at);
        }
        Some(sent)
    }

    /// Calls under way, in order.
    pub(super) fn sent(&self) -> impl Iterator<Item = &Sent<B>> {
        self.sent.values()
    }

    /// The call with this number, if it is under way.
    pub(super) fn under_way(&mut self, seq: u64) -> Option<&mut Sent<B>> {
        self.sent.get_mut(&seq)
    }

    /// A call that was sent is to be sent again, before all later ones.
    pub(super) fn take_back(&mut self, seq: u64) {
        if let Some(sent) = self.came(seq) {
            self.stint = None;
            let at = self.waiting.partition_point(|call| call.seq < seq);
            self.waiting.insert(at, sent.call);
        }
    }

    /// Whether what waits has to wait on: something is under way elsewhere and
    /// may come back, or was sent after what came back.
    pub(super) fn is_held_up(&self, node: NodeId, life: Life) -> bool {
        let Some(first) = self.waiting.front() else { return false };
        let is_elsewhere = self.places.iter().any(|(place, _)| *place != (node, life));
        is_elsewhere || self.sent.last_key_value().is_some_and(|(seq, _)| *seq > first.seq)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.sent.is_empty()
    }
}
