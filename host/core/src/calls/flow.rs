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
    pub(super) sent: BTreeMap<u64, Sent<B>>,
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
        Flow { waiting: VecDeque::new(), sent: BTreeMap::new(), next_seq: 1, stint: None }
    }
}

impl<B> Flow<B> {
    /// A call that was sent is to be sent again, before all later ones.
    pub(super) fn take_back(&mut self, seq: u64) {
        if let Some(sent) = self.sent.remove(&seq) {
            self.stint = None;
            let at = self.waiting.partition_point(|call| call.seq < seq);
            self.waiting.insert(at, sent.call);
        }
    }

    /// Whether what waits has to wait on: something is under way elsewhere and
    /// may come back, or was sent after what came back.
    pub(super) fn is_held_up(&self, node: NodeId, life: Life) -> bool {
        let Some(first) = self.waiting.front() else { return false };
        self.sent
            .values()
            .any(|sent| sent.node != node || sent.life != life || sent.call.seq > first.seq)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.sent.is_empty()
    }
}
