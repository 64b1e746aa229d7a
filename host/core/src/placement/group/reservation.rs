//! One group's reservation, on the node that was asked for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::control::GroupRecord;
use crate::id::{GroupId, NodeId};
use crate::limits;
use crate::resources::Resources;

/// Prepares every bundle, records the group, commits; or takes all back.
///
/// The record in the control store is the moment of truth: before it, every
/// failure aborts; after it, whoever is in doubt finds it there.
#[derive(Clone, Debug)]
pub struct Reservation {
    record: GroupRecord,
    /// Bundles that are not prepared yet.
    open: BTreeSet<u32>,
    until: Duration,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Preparing,
    Recording,
    Over,
}

/// What happens to a reservation.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// A node keeps the bundle.
    Prepared(u32),
    /// A node cannot keep the bundle, or was lost before it said so; why.
    Refused(u32, String),
    /// A node has gone for good.
    NodeGone(NodeId),
    /// The record was written.
    Recorded,
    /// The record was not written, and never will be.
    NotRecorded(String),
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Ask the node to keep the bundle.
    Prepare(NodeId, u32, Resources),
    /// Write the record, if there is none.
    Record(Arc<GroupRecord>),
    /// Tell the node that its bundles of the group are for good.
    Commit(NodeId),
    /// Tell the node to let go of its bundles of the group.
    Abort(NodeId),
    /// The group is there.
    Reserved,
    /// The group is not there, and why; another plan may be tried.
    Failed(String),
}

impl Reservation {
    /// Begins to carry out a plan.
    pub fn new(
        now: Duration,
        id: GroupId,
        bundles: Vec<(Resources, NodeId)>,
        effects: &mut Vec<Effect>,
    ) -> Reservation {
        for ((resources, node), at) in bundles.iter().zip(0..) {
            effects.push(Effect::Prepare(*node, at, resources.clone()));
        }
        let open = (0..).zip(&bundles).map(|(at, _)| at).collect();
        let record = GroupRecord { id, bundles };
        let until = now.saturating_add(limits::PREPARE_TIME);
        let mut reservation = Reservation { record, open, until, state: State::Preparing };
        reservation.record_if_ready(effects);
        reservation
    }

    /// Takes an event and appends what is to be done.
    pub fn handle(&mut self, now: Duration, event: Event, effects: &mut Vec<Effect>) {
        match (self.state, event) {
            (State::Over, _) => {}
            (State::Preparing, Event::Prepared(bundle)) => {
                self.open.remove(&bundle);
                self.record_if_ready(effects);
            }
            (State::Preparing, Event::Refused(_, reason)) => self.abort(reason, effects),
            (State::Preparing, Event::NodeGone(node)) if self.nodes().contains_key(&node) => {
                self.abort(format!("node {node} was lost"), effects);
            }
            (State::Preparing, Event::Tick) if now >= self.until => {
                let bundle = self.open.first().copied().unwrap_or_default();
                let (_, node) = &self.record.bundles[bundle as usize];
                self.abort(format!("{node} did not answer"), effects);
            }
            (State::Recording, Event::Recorded) => {
                self.state = State::Over;
                effects.extend(self.nodes().into_keys().map(Effect::Commit));
                effects.push(Effect::Reserved);
            }
            (State::Recording, Event::NotRecorded(reason)) => self.abort(reason, effects),
            _ => {}
        }
    }

    /// When [`Event::Tick`] is due.
    pub fn wake_at(&self) -> Option<Duration> {
        (self.state == State::Preparing).then_some(self.until)
    }

    fn record_if_ready(&mut self, effects: &mut Vec<Effect>) {
        if self.open.is_empty() {
            self.state = State::Recording;
            effects.push(Effect::Record(Arc::new(self.record.clone())));
        }
    }

    fn abort(&mut self, reason: String, effects: &mut Vec<Effect>) {
        self.state = State::Over;
        effects.extend(self.nodes().into_keys().map(Effect::Abort));
        effects.push(Effect::Failed(reason));
    }

    fn nodes(&self) -> BTreeMap<NodeId, usize> {
        let mut nodes = BTreeMap::new();
        for (_, node) in &self.record.bundles {
            *nodes.entry(*node).or_default() += 1;
        }
        nodes
    }
}
