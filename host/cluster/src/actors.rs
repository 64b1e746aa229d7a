//! Actors of this node that others hold handles to, and actors elsewhere.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::Context;

use host_core::calls::{CalleeEvent, Life};
use host_core::lending::{Event as LendingEvent, Item, PinId};
use host_core::spec::Tries;
use host_core::{ActorId, Cause, Error, NodeId, limits};
use host_proto::node as proto;
use host_refs::{Call, Handle, ObjectRef, Target};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::calls::{Submitted, Work};
use crate::machines::{Event, Machines, Todo};
use crate::member::Inner;
use crate::values::Pins;
use crate::wire::{self, Read, WireId};

/// Different methods that one handle is asked for. More than any class has.
const METHODS_MAX: usize = 4_096;

/// What a handle says of its actor.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct About {
    pub(crate) id: ActorId,
    /// The node of its creator, which counts its handles.
    pub(crate) owner: NodeId,
    pub(crate) class: Arc<str>,
    pub(crate) sequential: bool,
    /// It has a record, and is found through the directory.
    pub(crate) movable: bool,
    /// Further tries of its calls.
    pub(crate) retries: Tries,
    /// Whether its handles keep it alive.
    pub(crate) counted: bool,
}

/// An actor that is called through the cluster: it is elsewhere, or may be.
pub(crate) struct Remote {
    pub(crate) about: About,
    handles: AtomicUsize,
    /// The methods that were asked for, by their places here: which the class
    /// has is known where the actor is.
    methods: Mutex<Vec<Arc<str>>>,
    member: Weak<Inner>,
}

/// Actors that more than one node knows.
#[derive(Default)]
pub(crate) struct Actors {
    /// Called through the cluster.
    remote: FxHashMap<ActorId, Weak<Remote>>,
    /// Handles of this node's own actors that others hold.
    lent: FxHashMap<ActorId, Handle>,
    /// Actors that run here for the node that counts their handles; the
    /// handle is let go when that node says so.
    pub(crate) guests: FxHashMap<ActorId, Guest>,
    /// Actors here that others may call: the callee knows them.
    known: FxHashSet<ActorId>,
    /// How actors that ran here ended, for those who come too late.
    ends: FxHashMap<ActorId, (Cause, String)>,
    ends_order: VecDeque<ActorId>,
}

/// An actor that runs here.
pub(crate) struct Guest {
    pub(crate) owner: NodeId,
    pub(crate) life: Life,
    /// None once its owner let go of it.
    pub(crate) handle: Option<Handle>,
    /// The session with its owner was lost since: it ends unless it is named.
    pub(crate) doubtful: bool,
}

impl Target for Remote {
    fn id(&self) -> ActorId {
        self.about.id
    }

    fn class(&self) -> &str {
        &self.about.class
    }

    fn is_sequential(&self) -> bool {
        self.about.sequential
    }

    fn is_elsewhere(&self) -> bool {
        true
    }

    fn method_index(&self, name: &str) -> Result<u32, Error> {
        let mut methods = self.methods.lock();
        if let Some(known) = methods.iter().position(|known| &**known == name) {
            return Ok(known as u32);
        }
        if methods.len() >= METHODS_MAX {
            return Err(Error::Invalid(format!(
                "{} was called by {METHODS_MAX} names of methods",
                self.about.class
            )));
        }
        methods.push(name.into());
        Ok((methods.len() - 1) as u32)
    }

    fn send(&self, call: Call, _quietly: bool) -> Result<(), Error> {
        let method = self.methods.lock().get(call.method as usize).cloned();
        let method = method.ok_or_else(|| Error::Invalid("no such method".into()))?;
        let Call { args, result, caller, retries, trace, .. } = call;
        let work = Work::Invoke { method, args, caller, trace };
        let retries = retries.unwrap_or(self.about.retries);
        self.submit(work, caller, result, retries);
        Ok(())
    }

    /// A call that was sent is on its way already.
    fn wake(&self) {}

    fn run_inline(self: Arc<Self>, _object: &ObjectRef, _cx: &mut Context<'_>) {}

    fn cancel(&self, object: &ObjectRef, why: Error) {
        if let Some(member) = self.member.upgrade() {
            member.bring(Event::Cancel(object.id(), why.clone()));
        }
        object.settle(Err(Arc::new(why)), None);
    }

    fn kill(&self, restart: bool) {
        self.submit(Work::Kill { restart }, None, None, Tries::Unbounded);
    }

    fn retain(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    fn release(self: Arc<Self>) {
        // Like an Arc's count: the last release must see all before it.
        if self.handles.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        if let Some(member) = self.member.upgrade() {
            // The event keeps it: what it says of itself is needed there.
            member.leave(Event::HandleDropped(self));
        }
    }
}

impl Remote {
    fn submit(
        &self,
        work: Work,
        caller: Option<ActorId>,
        result: Option<ObjectRef>,
        retries: Tries,
    ) {
        let (target, movable) = (self.about.id, self.about.movable);
        let submitted = Submitted { target, movable, caller, retries, work, result };
        match self.member.upgrade() {
            Some(member) => member.bring(Event::Submit(submitted)),
            None => submitted.refuse(Error::Unavailable("this node has left the cluster".into())),
        }
    }
}

impl Actors {
    /// Handles of this node's actors that others hold, actors elsewhere that
    /// are held here, and actors that run here for others.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        (self.lent.len(), self.remote.len(), self.guests.len())
    }
}

impl Machines {
    /// The actor as it is called through the cluster.
    pub(crate) fn remote(&mut self, about: About) -> Arc<Remote> {
        let id = about.id;
        if let Some(known) = self.actors.remote.get(&id).and_then(Weak::upgrade) {
            return known;
        }
        let (handles, methods) = (AtomicUsize::new(0), Mutex::default());
        let remote = Arc::new(Remote { about, handles, methods, member: self.shared.weak() });
        self.actors.remote.insert(id, Arc::downgrade(&remote));
        remote
    }

    /// A handle for a node.
    pub(crate) fn send_handle(
        &mut self,
        handle: &Handle,
        to: NodeId,
        pins: &mut Pins,
    ) -> proto::Handle {
        let target = handle.target();
        let id = target.id();
        let remote = self.actors.remote.get(&id).and_then(Weak::upgrade);
        let about = match remote {
            Some(remote) => remote.about.clone(),
            None => self.guest(handle).unwrap_or_else(|| self.lend(handle)),
        };
        let pin = about.counted.then(|| self.lending.pass_on(Item::actor(id, about.owner), to));
        pins.extend(pin.map(|pin| pin.seq));
        proto::Handle {
            actor: Some(id.id()),
            owner: about.owner.0,
            class: about.class.to_string(),
            sequential: about.sequential,
            movable: about.movable,
            retries: wire::tries(about.retries),
            pin: pin.map(WireId::id),
        }
    }

    /// What is known of an actor that runs here for another node: of one that
    /// passes on a handle to itself.
    fn guest(&self, handle: &Handle) -> Option<About> {
        let target = handle.target();
        let id = target.id();
        let guest = self.actors.guests.get(&id)?;
        Some(About {
            id,
            owner: guest.owner,
            class: target.class().into(),
            sequential: target.is_sequential(),
            movable: guest.life != Life::Any,
            retries: Tries::AtMost(0),
            counted: !self.recorded.is_detached(id),
        })
    }

    /// An actor of this node itself is passed on: others may call it.
    fn lend(&mut self, handle: &Handle) -> About {
        let target = handle.target();
        let id = target.id();
        self.actors.lent.entry(id).or_insert_with(|| handle.clone());
        if !self.actors.ends.contains_key(&id) && self.actors.known.insert(id) {
            self.callee(CalleeEvent::Started(id, Life::Any));
        }
        About {
            id,
            owner: self.shared.id,
            class: target.class().into(),
            sequential: target.is_sequential(),
            movable: false,
            // A crash on its own node is retried there; this is for a lost
            // connection.
            retries: Tries::AtMost(0),
            counted: true,
        }
    }

    /// A handle that a node passed on.
    pub(crate) fn take_handle(&mut self, sent: proto::Handle) -> Read<Handle> {
        let about = About {
            id: ActorId::read(sent.actor)?,
            owner: NodeId(sent.owner),
            class: sent.class.into(),
            sequential: sent.sequential,
            movable: sent.movable,
            retries: wire::read_tries(sent.retries),
            counted: sent.pin.is_some(),
        };
        if let Some(pin) = sent.pin {
            let item = Item::actor(about.id, about.owner);
            let mut effects = Vec::new();
            self.lending.arrived(item, PinId::read(Some(pin))?, &mut effects);
            self.later(effects.into_iter().map(Todo::Lending));
            if about.owner == self.shared.id
                && let Some(own) = self.own_handle(about.id)
            {
                // Its handles here count by themselves.
                self.lending(LendingEvent::Dropped(item));
                return Ok(own);
            }
        }
        Ok(Handle::new(self.remote(about)))
    }

    /// A handle to an actor that this node made for itself, here.
    fn own_handle(&self, id: ActorId) -> Option<Handle> {
        let lent = self.actors.lent.get(&id).cloned();
        let made_here = || !self.actors.guests.contains_key(&id);
        lent.or_else(|| self.shared.local.actor(id).filter(|_| made_here()).map(Handle::new))
    }

    /// One more handle to an actor elsewhere that is held here.
    pub(crate) fn held_handle(&self, id: ActorId) -> Option<Handle> {
        let remote = self.actors.remote.get(&id).and_then(Weak::upgrade)?;
        // What is just being dropped is held no more.
        (remote.handles.load(Ordering::Acquire) > 0).then(|| Handle::new(remote))
    }

    /// The last handle here is gone, unless a new one came meanwhile.
    pub(crate) fn handle_dropped(&mut self, remote: &Arc<Remote>) {
        let About { id, owner, counted, .. } = remote.about;
        let known =
            self.actors.remote.get(&id).is_some_and(|it| it.as_ptr() == Arc::as_ptr(remote));
        if !known || remote.handles.load(Ordering::Acquire) > 0 {
            return;
        }
        self.actors.remote.remove(&id);
        if counted {
            self.lending(LendingEvent::Dropped(Item::actor(id, owner)));
        }
    }

    /// No node holds a handle any more to an actor that this node counts.
    pub(crate) fn actor_freed(&mut self, id: ActorId) {
        if self.actors.lent.remove(&id).is_some() {
            return;
        }
        let movable = self.spawns.forget_owned(id);
        if let Some(movable) = movable {
            let (work, retries) = (Work::Release, Tries::Unbounded);
            let (caller, result) = (None, None);
            self.submit(Submitted { target: id, movable, caller, retries, work, result });
        }
    }

    /// An actor runs here, for whoever made it.
    pub(crate) fn began(&mut self, id: ActorId, owner: NodeId, life: Life, handle: Handle) {
        let handle = Some(handle);
        self.actors.guests.insert(id, Guest { owner, life, handle, doubtful: false });
        self.actors.known.insert(id);
        self.callee(CalleeEvent::Started(id, life));
    }

    /// An actor of this node has ended, or, if it can move, its life here.
    pub(crate) fn ended(&mut self, id: ActorId, cause: Cause, message: String) {
        self.actors.known.remove(&id);
        self.waiting.remove(id);
        let guest = self.actors.guests.remove(&id);
        if let Some(Guest { life: Life::Only(_), .. }) = guest {
            return self.life_ended(id, cause, message);
        }
        self.remember_end(id, cause, message.clone());
        self.callee(CalleeEvent::Died(id, cause, message));
    }

    pub(crate) fn remember_end(&mut self, id: ActorId, cause: Cause, message: String) {
        if self.actors.ends.insert(id, (cause, message)).is_none() {
            self.actors.ends_order.push_back(id);
        }
        if self.actors.ends_order.len() > limits::DEAD_ACTORS
            && let Some(oldest) = self.actors.ends_order.pop_front()
        {
            self.actors.ends.remove(&oldest);
        }
    }

    /// Why an actor that is not here any more ended.
    pub(crate) fn end_of(&self, id: ActorId) -> Error {
        let ended = self.actors.ends.get(&id).cloned();
        let (cause, message) = ended.unwrap_or_else(|| {
            (Cause::Released, format!("it is not on {} any more", self.shared.name))
        });
        Error::Died { actor: id.to_string(), cause, message }
    }

    /// The actors that run here for a node that has gone end with it, unless
    /// they are detached or belong to a job elsewhere.
    pub(crate) fn actors_of_gone(&mut self, node: NodeId) {
        let gone = self.actors.guests.iter().filter(|(_, guest)| guest.owner == node);
        let gone: Vec<ActorId> = gone.map(|(id, _)| *id).collect();
        for id in gone {
            let counted = self.actors.guests.get(&id).is_some_and(|guest| guest.handle.is_some());
            if counted && !self.recorded.is_detached(id) {
                self.shared.local.end(id, Cause::NodeLost);
            }
        }
    }
}
