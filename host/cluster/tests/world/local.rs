//! The host around a member: actors, and numbers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use host_cluster::{Answer, Birth, Life, Local, Member, Refused};
use host_core::placement::{Ends, Inside, Reservations, Reserve};
use host_core::resources::Resources;
use host_core::waits::Waits;
use host_core::{ActorId, Cause, Error, JobId, NodeId, ObjectId, PackageId};
use host_refs::{Args, Attached, Handle, ObjectRef, Target, Value};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::actor::Actor;
use super::control::Control;

pub(crate) struct Host {
    id: NodeId,
    control: Arc<Control>,
    me: Weak<Host>,
    next: AtomicU64,
    actors: Mutex<HashMap<ActorId, Arc<Actor>>>,
    reservations: Mutex<Reservations>,
    /// Told when an actor that waits has got its resources.
    grants: Mutex<HashMap<ActorId, oneshot::Sender<()>>>,
    pub(crate) waits: Mutex<Waits>,
    member: OnceLock<Member>,
}

impl Host {
    pub(crate) fn new(control: &Arc<Control>, id: NodeId, total: Resources) -> Arc<Host> {
        let host = Arc::new_cyclic(|me| Host {
            id,
            control: control.clone(),
            me: me.clone(),
            next: AtomicU64::new(1),
            actors: Mutex::default(),
            reservations: Mutex::new(Reservations::new(total)),
            grants: Mutex::default(),
            waits: Mutex::default(),
            member: OnceLock::new(),
        });
        control.has(id, &host);
        host
    }

    pub(crate) fn belongs_to(&self, member: &Member) {
        let _ = self.member.set(member.clone());
    }

    pub(crate) fn actors(&self) -> usize {
        self.actors.lock().len()
    }

    /// A handle to an actor that runs here.
    pub(crate) fn handle(&self, id: ActorId) -> Option<Handle> {
        self.actor(id).map(Handle::new)
    }

    /// The references that an actor which runs here keeps.
    pub(crate) fn kept(&self, id: ActorId) -> Option<Attached> {
        let actor = self.actors.lock().get(&id).cloned()?;
        let kept = actor.kept.lock().clone();
        kept.attached.map(|all| *all)
    }

    /// An actor ends: its calls, then whoever is told.
    pub(crate) fn over(&self, id: ActorId, cause: Cause) {
        self.over_because(id, cause, &cause.to_string());
    }

    fn over_because(&self, id: ActorId, cause: Cause, message: &str) {
        let Some(actor) = self.actors.lock().remove(&id) else { return };
        let granted = self.reservations.lock().release(id);
        self.granted(&granted);
        actor.die(cause, message);
        let member = self.member.get().expect("set at the start");
        member.actor_ended(id, cause, message.to_owned());
    }

    /// Actors that wait for resources.
    pub(crate) fn waiting(&self) -> usize {
        self.reservations.lock().waiting_count()
    }

    fn granted(&self, ids: &[ActorId]) {
        for id in ids {
            let grant = self.grants.lock().remove(id);
            if let Some(grant) = grant {
                let _ = grant.send(());
            }
        }
    }

    fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

impl Local for Host {
    fn next_actor(&self) -> u64 {
        self.next()
    }

    fn next_object(&self) -> ObjectId {
        ObjectId { node: self.id, seq: self.next() }
    }

    fn spawn(&self, birth: &Birth, args: Args, life: Life) -> Result<Arc<dyn Target>, Refused> {
        let resources = birth.spec.resources.clone();
        let inside = birth.spec.group.map(|place| Inside {
            group: place.group,
            bundle: place.bundle.unwrap_or_default(),
            job: birth.job,
        });
        let (grant, granted) = oneshot::channel();
        if life.wait {
            match self.reservations.lock().reserve(life.actor, resources, inside) {
                Reserve::Granted => grant.send(()).unwrap_or_default(),
                Reserve::Waiting(_) => drop(self.grants.lock().insert(life.actor, grant)),
                Reserve::Never(why) => return Err(Refused::Failed(Error::Unplaceable(why))),
            }
        } else {
            match self.reservations.lock().reserve_now(life.actor, resources, inside) {
                Reserve::Granted => grant.send(()).unwrap_or_default(),
                Reserve::Never(why) if inside.is_some() => {
                    return Err(Refused::Failed(Error::Unplaceable(why)));
                }
                Reserve::Waiting(why) | Reserve::Never(why) => return Err(Refused::Full(why)),
            }
        }
        let kind = (birth.job, birth.spec.detached);
        let actor = Actor::start(self.me.clone(), life.actor, kind, args, life.restarts, granted);
        self.actors.lock().insert(life.actor, actor.clone());
        Ok(actor)
    }

    fn actor(&self, id: ActorId) -> Option<Arc<dyn Target>> {
        self.actors.lock().get(&id).cloned().map(|actor| actor as Arc<dyn Target>)
    }

    fn end(&self, id: ActorId, cause: Cause) {
        self.over(id, cause);
    }

    fn withdraw(&self, id: ActorId) -> bool {
        let mut all = self.reservations.lock();
        if !all.is_waiting(id) {
            return false;
        }
        let granted = all.release(id);
        drop(all);
        self.granted(&granted);
        self.grants.lock().remove(&id);
        self.over(id, Cause::NodeLost);
        true
    }

    fn waiting(&self) -> usize {
        Host::waiting(self)
    }

    fn retire(&self, id: ActorId, cause: Cause) {
        let actor = self.actors.lock().get(&id).cloned();
        if let Some(actor) = actor {
            actor.retire(cause);
        }
    }

    fn end_all(&self, message: &str) -> Vec<(ActorId, String)> {
        let all: Vec<ActorId> = self.actors.lock().keys().copied().collect();
        all.iter().for_each(|id| self.over_because(*id, Cause::NodeLost, message));
        all.into_iter().map(|id| (id, id.to_string())).collect()
    }

    fn end_job(&self, job: JobId, cause: Cause) {
        self.end_all(cause, |actor| actor.job == job);
    }

    fn end_jobs_of(&self, node: NodeId, cause: Cause) {
        self.end_all(cause, |actor| actor.job.node == node);
    }

    fn has_package(&self, _: PackageId) -> bool {
        true
    }

    fn package(&self, _: PackageId, _: Vec<NodeId>) -> Answer<'static, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn pull(&self, object: ObjectId, _: u64, _: NodeId) -> Answer<'static, Result<Bytes, Error>> {
        let owner = self.control.host(object.node);
        Box::pin(async move {
            let member = owner.and_then(|host| host.member.get().cloned());
            let exported = member.and_then(|member| member.exported(object));
            let lost = || Error::ObjectLost(format!("{object} is not there"));
            let value = exported.ok_or_else(lost)?.outcome().await;
            value.map(|value| value.bytes).map_err(|error| (*error).clone())
        })
    }

    fn put(&self, value: Value) -> ObjectRef {
        ObjectRef::ready(self.next_object(), value, None)
    }

    fn settle(&self, object: &ObjectRef, value: Value) {
        object.settle(Ok(value), None);
    }

    fn admit(&self, _: ObjectId, _: usize) -> Option<Box<dyn Send>> {
        Some(Box::new(()))
    }

    fn load(&self) -> (Resources, u32) {
        let actors = self.actors.lock().len() as u32;
        (self.reservations.lock().spare().clone(), actors)
    }

    fn reservations(&self, work: &mut dyn FnMut(&mut Reservations) -> Ends) {
        let Ends { end, granted } = work(&mut self.reservations.lock());
        end.into_iter().for_each(|id| self.over(id, Cause::GroupRemoved));
        self.granted(&granted);
    }

    fn waits(&self, look: &mut dyn FnMut(&Waits)) {
        look(&self.waits.lock());
    }
}

impl Host {
    fn end_all(&self, cause: Cause, which: impl Fn(&Actor) -> bool) {
        let actors = self.actors.lock();
        let ends = actors.iter().filter(|(_, actor)| !actor.detached && which(actor));
        let ends: Vec<ActorId> = ends.map(|(id, _)| *id).collect();
        drop(actors);
        ends.into_iter().for_each(|id| self.over(id, cause));
    }
}
