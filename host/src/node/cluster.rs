//! What a node's membership of a cluster asks of it.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use host_cluster::{Answer, Birth, Life, Local, Member, Refused};
use host_core::placement::{Ends, Reservations};
use host_core::resources::Resources;
use host_core::waits::Waits;
use host_core::{ActorId, Cause, Error, JobId, NodeId, ObjectId, PackageId};
use host_refs::{Args, ObjectRef, Target, Value};

use super::{Inner, Node};
use crate::actor::Actor;
use crate::meters::Count;
use crate::store::small;

/// Brings bytes that are on other nodes here: what the network below does.
pub trait Bulk: Send + Sync {
    /// A package, from one of these nodes; checked against its id.
    fn package(&self, id: PackageId, from: Vec<NodeId>) -> Answer<'static, Result<Bytes, Error>>;

    /// An object of so many bytes, from its owner.
    fn object(
        &self,
        id: ObjectId,
        size: u64,
        from: NodeId,
    ) -> Answer<'static, Result<Bytes, Error>>;
}

/// The node as its membership sees it. Does not keep it alive.
pub(super) struct Here {
    node: Weak<Inner>,
    bulk: Arc<dyn Bulk>,
}

impl Node {
    /// The port that a member of a cluster needs; then give the member to
    /// [`Node::belong`].
    pub fn local(&self, bulk: Arc<dyn Bulk>) -> Arc<dyn Local> {
        Arc::new(Here { node: Arc::downgrade(&self.0), bulk })
    }

    /// From now on actors are placed, and names are looked up, in the cluster.
    /// A node belongs to one, once.
    pub fn belong(&self, member: Member) {
        let _ = self.0.cluster.set(member);
    }

    /// The bytes of a package that is loaded here: for other nodes.
    pub fn package_bytes(&self, id: PackageId) -> Option<Bytes> {
        self.0.packages.lock().get(&id).map(|package| package.bytes.clone())
    }
}

impl Here {
    fn node(&self) -> Result<Arc<Inner>, Error> {
        self.node.upgrade().ok_or_else(|| Error::Unavailable("the node has ended".into()))
    }
}

impl Local for Here {
    fn next_actor(&self) -> u64 {
        self.node().map_or(0, |node| node.next_seq())
    }

    fn next_object(&self) -> ObjectId {
        let nowhere = ObjectId { node: NodeId(0), seq: 0 };
        self.node().map_or(nowhere, |node| node.object_id())
    }

    fn spawn(&self, birth: &Birth, args: Args, life: Life) -> Result<Arc<dyn Target>, Refused> {
        let node = self.node().map_err(Refused::Failed)?;
        node.spawn_placed(birth, args, &life).map(|actor| actor as Arc<dyn Target>)
    }

    fn actor(&self, id: ActorId) -> Option<Arc<dyn Target>> {
        let node = self.node().ok()?;
        let actor = node.actors.lock().get(&id).cloned();
        actor.map(|actor| actor as Arc<dyn Target>)
    }

    fn end(&self, id: ActorId, cause: Cause) {
        let Ok(node) = self.node() else { return };
        let actor = node.actors.lock().get(&id).cloned();
        if let Some(actor) = actor {
            actor.end(cause);
        }
    }

    fn withdraw(&self, id: ActorId) -> bool {
        let Ok(node) = self.node() else { return false };
        let granted = {
            let mut all = node.reservations.lock();
            if !all.is_waiting(id) {
                return false;
            }
            all.release(id)
        };
        node.granted(&granted);
        self.end(id, Cause::NodeLost);
        true
    }

    fn waiting(&self) -> usize {
        self.node().map_or(0, |node| node.reservations.lock().waiting_count())
    }

    fn retire(&self, id: ActorId, cause: Cause) {
        let Ok(node) = self.node() else { return };
        let actor = node.actors.lock().get(&id).cloned();
        match actor {
            Some(actor) if actor.is_granted() => actor.close(cause),
            Some(actor) => actor.end(cause),
            None => {}
        }
    }

    fn end_all(&self, message: &str) -> Vec<(ActorId, String)> {
        let Ok(node) = self.node() else { return Vec::new() };
        let actors: Vec<_> = node.actors.lock().values().cloned().collect();
        actors.iter().for_each(|actor| actor.end_because(Cause::NodeLost, message.to_owned()));
        actors.iter().map(|actor| (actor.label.id, actor.label.to_string())).collect()
    }

    fn end_job(&self, job: JobId, cause: Cause) {
        let Ok(node) = self.node() else { return };
        node.ends_with(job).iter().for_each(|actor| actor.end(cause));
    }

    fn end_jobs_of(&self, lost: NodeId, cause: Cause) {
        let Ok(node) = self.node() else { return };
        let ends = |actor: &&Arc<Actor>| actor.job.node == lost && !actor.spec.detached;
        let actors: Vec<_> = node.actors.lock().values().filter(ends).cloned().collect();
        actors.iter().for_each(|actor| actor.end(cause));
    }

    fn has_package(&self, id: PackageId) -> bool {
        self.node().is_ok_and(|node| node.packages.lock().contains_key(&id))
    }

    fn package(&self, id: PackageId, from: Vec<NodeId>) -> Answer<'static, Result<(), Error>> {
        let (node, bulk) = (self.node(), self.bulk.clone());
        Box::pin(async move {
            let node = Node(node?);
            let bytes = bulk.package(id, from).await?;
            let loaded = node.load(bytes.into()).await;
            loaded.map(drop).map_err(|error| {
                Error::Unavailable(format!("package {id} cannot be loaded here: {error}"))
            })
        })
    }

    fn pull(
        &self,
        object: ObjectId,
        size: u64,
        from: NodeId,
    ) -> Answer<'static, Result<Bytes, Error>> {
        let (node, pulling) = (self.node.clone(), self.bulk.object(object, size, from));
        Box::pin(async move {
            let bytes = pulling.await?;
            if let Some(node) = node.upgrade() {
                node.meters.count(Count::Pulled);
                node.meters.add(Count::PulledBytes, bytes.len() as u64);
            }
            Ok(bytes)
        })
    }

    fn put(&self, value: Value) -> ObjectRef {
        let Ok(node) = self.node() else {
            return ObjectRef::ready(self.next_object(), value, None);
        };
        let (id, weight) = (node.object_id(), value.weight());
        let held = self.admit(id, weight);
        let tracked = held.is_some();
        let object = ObjectRef::ready(id, value, held);
        if tracked {
            node.store.track(&object, weight);
        }
        object
    }

    fn settle(&self, object: &ObjectRef, value: Value) {
        let weight = value.weight();
        let node = match self.node() {
            Ok(node) if !small(weight) => node,
            _ => {
                object.settle(Ok(value), None);
                return;
            }
        };
        if let Some(held) = node.store.admit_now(object.id(), weight) {
            object.settle(Ok(value), Some(held));
            node.store.track(object, weight);
            return;
        }
        let (object, store) = (object.clone(), node.store.clone());
        node.runtime.spawn(async move {
            match store.admit(object.id(), weight).await {
                Ok(held) => {
                    object.settle(Ok(value), Some(held));
                    store.track(&object, weight);
                }
                Err(error) => {
                    object.settle(Err(Arc::new(error)), None);
                }
            }
        });
    }

    fn admit(&self, object: ObjectId, bytes: usize) -> Option<Box<dyn Send>> {
        let node = self.node().ok().filter(|_| !small(bytes))?;
        node.store.admit_now(object, bytes)
    }

    fn load(&self) -> (Resources, u32) {
        let Ok(node) = self.node() else { return (Resources::default(), 0) };
        let free = node.reservations.lock().spare().clone();
        let actors = node.actors.lock().len();
        (free, u32::try_from(actors).unwrap_or(u32::MAX))
    }

    fn reservations(&self, work: &mut dyn FnMut(&mut Reservations) -> Ends) {
        let Ok(node) = self.node() else { return };
        let Ends { end, granted } = work(&mut node.reservations.lock());
        node.end_group_actors(&end);
        node.granted(&granted);
    }

    fn waits(&self, look: &mut dyn FnMut(&Waits)) {
        if let Ok(node) = self.node() {
            look(&node.waits.lock());
        }
    }
}
