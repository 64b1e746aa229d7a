//! What a node says of itself to people: its actors, packages and objects, a
//! page at a time.

use std::sync::Arc;
use std::time::Duration;

use host_core::id::Label;
use host_core::resources::Resources;
use host_core::waits::Waiter;
use host_core::{ActorId, JobId, NodeId, ObjectId, PackageId, limits};

use super::Node;
use crate::actor::Actor;
use crate::sandbox::Package;

/// A part of a list, in the order of ids.
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether more follow.
    pub more: bool,
}

impl Node {
    /// Its id.
    pub fn id(&self) -> NodeId {
        self.0.id
    }

    /// How long it has been running.
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// A live actor.
    pub fn actor(&self, id: ActorId) -> Option<Arc<Actor>> {
        self.0.actors.lock().get(&id).cloned()
    }

    /// The live actor of this node with a name.
    pub fn actor_named(&self, name: &str, namespace: &str) -> Option<Arc<Actor>> {
        let named = |actor: &&Arc<Actor>| {
            actor.spec.name.as_deref() == Some(name) && actor.spec.namespace == namespace
        };
        self.0.actors.lock().values().find(named).cloned()
    }

    /// How many actors live, drivers included.
    pub fn actor_count(&self) -> usize {
        self.0.actors.lock().len()
    }

    /// How many live actors belong to a job.
    pub fn actors_of(&self, job: JobId) -> usize {
        self.0.actors.lock().values().filter(|actor| actor.job == job).count()
    }

    /// Live actors in the order of their ids: the first `limit` of those
    /// behind `after`.
    pub fn actors_after(&self, after: Option<ActorId>, limit: usize) -> Page<Arc<Actor>> {
        let actors = self.0.actors.lock();
        let behind = |id: &&ActorId| after.is_none_or(|after| **id > after);
        let mut ids: Vec<ActorId> = actors.keys().filter(behind).copied().collect();
        ids.sort_unstable();
        let more = ids.len() > limit;
        let items = ids.iter().take(limit).filter_map(|id| actors.get(id).cloned()).collect();
        Page { items, more }
    }

    /// Who had an id and what ended it; only of the last to end.
    pub fn ended(&self, id: ActorId) -> Option<(Label, String)> {
        self.0.ended.lock().find(id)
    }

    /// What an actor waits for at this moment, each in a few words; at most
    /// [`limits::EXPLAINED_ITEMS`].
    pub fn waits_of(&self, id: ActorId) -> Vec<String> {
        let waits = self.0.waits.lock();
        let on = waits.of(Waiter::Actor(id)).flat_map(|(_, on)| on);
        let mut shown: Vec<Waiter> = on.take(limits::EXPLAINED_ITEMS).copied().collect();
        drop(waits);
        shown.sort_unstable();
        shown.dedup();
        let words = |waiter| match waiter {
            Waiter::Actor(id) => {
                self.actor(id).map_or_else(|| id.to_string(), |actor| actor.label.to_string())
            }
            Waiter::Call(object) => format!("the call for {object}"),
        };
        shown.into_iter().map(words).collect()
    }

    /// A package that is loaded.
    pub fn package(&self, id: PackageId) -> Option<Arc<Package>> {
        self.0.packages.lock().get(&id).cloned()
    }

    /// The packages that are loaded, in the order of their ids.
    pub fn packages(&self) -> Vec<Arc<Package>> {
        let mut all: Vec<_> = self.0.packages.lock().values().cloned().collect();
        all.sort_unstable_by_key(|package| package.code.id);
        all
    }

    /// How many packages are loaded.
    pub fn package_count(&self) -> usize {
        self.0.packages.lock().len()
    }

    /// Objects in memory that are large enough to go to disk, with their bytes,
    /// in the order of their ids: the first `limit` behind `after`. Others are
    /// in no table.
    pub fn objects_after(&self, after: Option<ObjectId>, limit: usize) -> Page<(ObjectId, u64)> {
        let mut items = self.0.store.tracked();
        items.retain(|(id, _)| after.is_none_or(|after| *id > after));
        items.sort_unstable();
        let more = items.len() > limit;
        items.truncate(limit);
        Page { items, more }
    }

    /// Bytes of objects that memory may hold.
    pub fn object_bytes_max(&self) -> u64 {
        self.0.config.object_store_bytes
    }

    /// What actors can reserve: all of it, and what is free now.
    pub fn resources(&self) -> (Resources, Resources) {
        let ledger = self.0.ledger.lock();
        (ledger.total().clone(), ledger.free().clone())
    }
}
