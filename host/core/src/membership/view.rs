//! Which nodes there are, as one node knows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Effect;
use crate::control::{Change, Entry, Key, NodeRecord, Revision, Value};
use crate::id::NodeId;

/// The nodes at one revision. It only ever moves on: what is older than what
/// it has is ignored.
#[derive(Clone, Default, Debug)]
pub struct View {
    nodes: BTreeMap<NodeId, Arc<NodeRecord>>,
    revision: Revision,
    /// The highest id seen so far. Ids are given out in the order of
    /// revisions, so that one below it that is not here is gone.
    highest: u32,
}

/// How a node stands in a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It has a lease.
    Live,
    /// It had one, and will never have one again.
    Gone,
    /// This view is too old to know it.
    Unseen,
}

impl View {
    /// The nodes that live, by id.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<NodeRecord>> {
        self.nodes.values()
    }

    /// The node, if it lives.
    pub fn get(&self, node: NodeId) -> Option<&Arc<NodeRecord>> {
        self.nodes.get(&node)
    }

    /// How a node stands.
    pub fn standing(&self, node: NodeId) -> Standing {
        match () {
            () if self.nodes.contains_key(&node) => Standing::Live,
            () if node.0 <= self.highest => Standing::Gone,
            () => Standing::Unseen,
        }
    }

    /// What it shows.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    pub(super) fn change(&mut self, change: Change, effects: &mut Vec<Effect>) {
        if change.revision < self.revision {
            return;
        }
        self.revision = change.revision;
        match (change.key, change.value) {
            (Key::Node(_), Some(Value::Node(record))) => self.add(record, effects),
            (Key::Node(id), None) => self.remove(id, effects),
            _ => {}
        }
    }

    /// The whole of it, as read at once.
    pub(super) fn replace(
        &mut self,
        entries: &[Entry],
        revision: Revision,
        effects: &mut Vec<Effect>,
    ) {
        if revision < self.revision {
            return;
        }
        self.revision = revision;
        let records = entries.iter().filter_map(|entry| match &entry.value {
            Value::Node(record) => Some((record.id, record.clone())),
            _ => None,
        });
        let new: BTreeMap<NodeId, Arc<NodeRecord>> = records.collect();
        let left: Vec<NodeId> =
            self.nodes.keys().filter(|id| !new.contains_key(id)).copied().collect();
        for id in left {
            self.remove(id, effects);
        }
        for record in new.into_values() {
            self.add(record, effects);
        }
    }

    fn add(&mut self, record: Arc<NodeRecord>, effects: &mut Vec<Effect>) {
        let known = self.nodes.insert(record.id, record.clone());
        self.highest = self.highest.max(record.id.0);
        match known {
            None => effects.push(Effect::Joined(record)),
            Some(known) if known != record => effects.push(Effect::Changed(record)),
            Some(_) => {}
        }
    }

    fn remove(&mut self, id: NodeId, effects: &mut Vec<Effect>) {
        if let Some(record) = self.nodes.remove(&id) {
            effects.push(Effect::Left(record));
        }
    }
}
