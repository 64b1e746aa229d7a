//! Whether the store still has what it acknowledged.
//!
//! Looked at whenever a record, or what was promised of it, changes: an actor
//! of which neither changed stands as it stood.

use std::collections::{BTreeMap, BTreeSet};

use host_core::ActorId;
use host_core::control::{ActorState, Change, Key, Store, Value};

use super::{Oracle, Promise};

/// What was acknowledged.
#[derive(Clone, Default, Debug)]
pub(super) struct Records {
    recorded: BTreeSet<ActorId>,
    ended: BTreeSet<ActorId>,
    /// Which actors ever had a name.
    named: BTreeMap<Key, BTreeSet<ActorId>>,
    /// To be looked at after this step.
    touched: BTreeSet<ActorId>,
}

impl Oracle {
    /// Somebody was told that the actor is recorded.
    pub(crate) fn recorded(&mut self, actor: ActorId) {
        self.records.recorded.insert(actor);
        self.records.touched.insert(actor);
    }

    /// Somebody was told that its end is recorded.
    pub(crate) fn end_recorded(&mut self, actor: ActorId) {
        self.records.ended.insert(actor);
        self.records.touched.insert(actor);
    }

    pub(super) fn has_ended(&self, actor: ActorId) -> bool {
        self.records.ended.contains(&actor)
    }

    /// The store changed.
    pub(crate) fn changed(&mut self, change: &Change) {
        let records = &mut self.records;
        match (&change.key, &change.value) {
            (Key::Actor(actor), value) => {
                if let Some(Value::Actor(record)) = value
                    && let Some((namespace, name)) = record.name.clone()
                {
                    records.named.entry(Key::Name { namespace, name }).or_default().insert(*actor);
                }
                records.touched.insert(*actor);
            }
            (Key::Name { .. }, _) => {
                let holders = records.named.get(&change.key);
                records.touched.extend(holders.into_iter().flatten());
            }
            (Key::Node(node), None) => {
                self.over.insert(*node);
            }
            (Key::Group(group), None) => self.group_ends(*group),
            _ => {}
        }
    }

    /// Looks at what this step changed.
    pub(super) fn check_touched(&mut self, store: &Store) {
        while let Some(actor) = self.records.touched.pop_first() {
            self.check_record(actor, store);
        }
    }

    /// Looks at everything.
    pub(crate) fn check_records(&mut self, store: &Store) {
        self.records.touched.extend(&self.records.recorded);
        self.check_touched(store);
    }

    fn check_record(&mut self, actor: ActorId, store: &Store) {
        if !self.records.recorded.contains(&actor) {
            return;
        }
        let record = match store.get(&Key::Actor(actor)).map(|entry| &entry.value) {
            Some(Value::Actor(record)) => record,
            _ => return self.broken(Promise::Records, format!("the record of {actor} is gone")),
        };
        let dead = matches!(record.state, ActorState::Dead { .. });
        if self.records.ended.contains(&actor) && !dead {
            self.broken(Promise::Records, format!("{actor} lives after its end"));
        }
        if let (false, Some((namespace, name))) = (dead, record.name.clone()) {
            let text = name.clone();
            let holder = store.get(&Key::Name { namespace, name }).map(|entry| &entry.value);
            if holder != Some(&Value::Name(actor)) {
                self.broken(Promise::Records, format!("name {text} of {actor} is {holder:?}"));
            }
        }
    }
}
