//! What a node says of itself to people: its actors, packages and objects, a
//! page at a time.

use std::sync::Arc;
use std::time::Duration;

use host_core::id::Label;
use host_core::placement::group::{GroupView, Holder};
use host_core::resources::{Amount, Resources};
use host_core::waits::Waiter;
use host_core::{ActorId, GroupId, JobId, NodeId, ObjectId, PackageId, limits};

use super::Node;
use crate::actor::Actor;
use crate::meters::Meters;
use crate::sandbox::{Gpu, Package, Room};

/// A part of a list, in the order of ids.
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether more follow.
    pub more: bool,
}

/// A GPU of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GpuView {
    /// What it is.
    pub gpu: Gpu,
    /// Who has reserved how much of it, in the order of their ids.
    pub holders: Vec<(GpuHolder, Amount)>,
}

/// Somebody who has reserved a GPU, or a part of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GpuHolder {
    /// An actor.
    Actor(Label),
    /// A bundle of a placement group, whoever is in it.
    Bundle(GroupId, u32),
}

/// What objects there are on a node.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ObjectTotals {
    /// In memory and accounted for: those from
    /// [`limits::ACCOUNTED_OBJECT_BYTES`] on.
    pub count: u64,
    /// The bytes of these.
    pub bytes: u64,
    /// Others: smaller, not made yet, failed, or still elsewhere. Counted for
    /// the whole process.
    pub small: u64,
    /// On disk.
    pub on_disk: u64,
    /// The bytes of these.
    pub on_disk_bytes: u64,
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

    /// Of each node of the cluster, why an actor that waits for its resources
    /// cannot go there; none of one by itself, or of an actor that has them.
    pub fn why_not(&self, actor: &Actor) -> Vec<String> {
        match self.0.cluster.get() {
            Some(member) if !actor.is_granted() => member.why_not(&actor.spec.request()),
            _ => Vec::new(),
        }
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

    /// The node's GPUs, and who has reserved them.
    pub fn gpus(&self) -> Vec<GpuView> {
        let Some(workers) = &self.0.config.workers else { return Vec::new() };
        let view = |gpu: &Gpu| GpuView { gpu: gpu.clone(), holders: Vec::new() };
        let mut gpus: Vec<GpuView> = workers.gpus().iter().map(view).collect();
        let mut held: Vec<_> = self.0.reservations.lock().gpu_holders().collect();
        held.sort_unstable();
        for (holder, index, share) in held {
            let holder = match holder {
                // One that has just ended is none any more.
                Holder::Actor(id) => self.actor(id).map(|a| GpuHolder::Actor(a.label.clone())),
                Holder::Bundle(group, bundle) => Some(GpuHolder::Bundle(group, bundle)),
            };
            if let (Some(gpu), Some(holder)) = (gpus.get_mut(index), holder) {
                gpu.holders.push((holder, share));
            }
        }
        gpus
    }

    /// Placement groups that were created on this node, in the order of their
    /// ids: of the first `limit` behind `after` what `see` makes of them.
    pub fn groups_after<T>(
        &self,
        after: Option<GroupId>,
        limit: usize,
        see: impl Fn(&GroupView<'_>) -> T,
    ) -> Page<T> {
        self.0.look_at_groups(|groups| {
            let (page, more) = groups.page(after, limit);
            Page { items: page.iter().map(see).collect(), more }
        })
    }

    /// A package that is loaded.
    pub fn package(&self, id: PackageId) -> Option<Arc<Package>> {
        self.0.packages.lock().get(&id).cloned()
    }

    /// Whether an actor that lives here is of a package.
    pub fn is_package_used(&self, id: PackageId) -> bool {
        self.0.actors.lock().values().any(|actor| actor.package.code.id == id)
    }

    /// Forgets a package, unless an actor here is of it: it is loaded again
    /// when it is asked for, if it is kept anywhere.
    pub fn unload(&self, id: PackageId) {
        let mut packages = self.0.packages.lock();
        if !self.is_package_used(id) {
            packages.remove(&id);
        }
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

    /// The largest objects in memory, with their bytes, at most `limit`; and
    /// what there is in all.
    pub fn largest_objects(&self, limit: usize) -> (Vec<(ObjectId, u64)>, ObjectTotals) {
        let mut items = self.0.store.tracked();
        let bytes = items.iter().map(|(_, bytes)| bytes).sum();
        let (count, (on_disk, on_disk_bytes, _)) = (items.len() as u64, self.0.store.spilled());
        let all = host_refs::live_objects();
        let small = all.saturating_sub(count + on_disk);
        items.sort_unstable_by_key(|(id, bytes)| (std::cmp::Reverse(*bytes), *id));
        items.truncate(limit);
        (items, ObjectTotals { count, bytes, small, on_disk, on_disk_bytes })
    }

    /// The bytes of an object in memory; none if it is not here, or too small
    /// to be accounted for.
    pub fn object_size(&self, id: ObjectId) -> Option<u64> {
        self.0.store.size_of(id)
    }

    /// What it has counted.
    pub fn meters(&self) -> &Meters {
        &self.0.meters
    }

    /// The places for instances, by engine.
    pub fn rooms(&self) -> Vec<(&'static str, Arc<Room>)> {
        self.0.engines.rooms()
    }

    /// Objects in memory that are accounted for.
    pub fn object_count(&self) -> usize {
        self.0.store.count()
    }

    /// Objects on disk now, how many bytes they take, and how many ever went
    /// there.
    pub fn spilled(&self) -> (u64, u64, u64) {
        self.0.store.spilled()
    }

    /// Bytes of objects that memory may hold.
    pub fn object_bytes_max(&self) -> u64 {
        self.0.config.object_store_bytes
    }

    /// What actors can reserve: all of it, and what is free now.
    pub fn resources(&self) -> (Resources, Resources) {
        let all = self.0.reservations.lock();
        (all.total().clone(), all.free().clone())
    }
}

#[cfg(test)]
mod tests {
    use host_refs::Value;
    use host_wasi::{Output, Stream};

    use super::*;
    use crate::log::{Record, Sink};
    use crate::node::Config;
    use crate::sandbox::{Pool, Services};

    struct Silent;

    impl Sink for Silent {
        fn line(&self, _: &Record<'_>) {}
    }

    impl Output for Silent {
        fn write(&self, _: Stream, _: &[u8]) {}
    }

    #[tokio::test]
    async fn the_largest_objects_are_listed_and_all_are_counted() {
        let config = Config::for_this_machine(Arc::new(Silent), Arc::new(Silent));
        let pool = Pool::for_actors(Some(1)).unwrap();
        let node = Node::start(Config { pool, ..config.unwrap() }).unwrap();
        let mut held = Vec::new();
        for size in [5_000, 300_000, 20_000, 10] {
            held.push(node.0.put(Value::plain(vec![0; size])).await.unwrap());
        }
        let (items, totals) = node.largest_objects(2);
        let ids: Vec<_> = items.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [held[1].id(), held[2].id()]);
        assert!(items[0].1 >= 300_000 && items[1].1 >= 20_000, "{items:?}");
        assert_eq!((totals.count, totals.on_disk), (3, 0));
        assert!(totals.bytes >= 325_000 && totals.small >= 1, "{totals:?}");
        assert!(node.object_size(held[0].id()).is_some_and(|bytes| bytes >= 5_000));
        assert_eq!(node.object_size(held[3].id()), None);
        drop(held);
        assert_eq!(node.largest_objects(2).0, []);
    }
}
