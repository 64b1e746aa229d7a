//! Actors that have a record: those with a name, detached ones, and those that
//! are restarted. They outlive their node, if their constructor's arguments
//! carry no references.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use host_core::calls::{CalleeEvent, CallerEvent, Life as CallLife};
use host_core::control::{ActorRecord, ActorState, Answer, Key, Request, Value};
use host_core::directory::{Around, Effect, Event as DirectoryEvent, LookupId};
use host_core::id::Label;
use host_core::lending::{Event as LendingEvent, Item};
use host_core::membership::Standing;
use host_core::restart::{AfterCrash, Restarts};
use host_core::spec::{ActorSpec, InGroup, Tries};
use host_core::{ActorId, Cause, Error, NodeId, limits};
use host_proto::node as proto;
use host_proto::node::message::Kind;
use host_refs::{Args, Handle};
use prost::Message as _;
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use crate::actors::About;
use crate::machines::{Asker, Event, Machines, Todo};
use crate::ports::{Birth, Life, Refused};
use crate::spawns::{Asked, Made, Wish};
use crate::values::{INLINE_BYTES, Pins};
use crate::wire::{self, Read, WireId};

/// Whether an actor has a record.
pub(crate) fn is_recorded(spec: &ActorSpec) -> bool {
    spec.name.is_some() || spec.detached || spec.max_restarts != Tries::AtMost(0)
}

/// Somebody wants a recorded actor.
pub(crate) struct Lookup {
    whom: Whom,
    answer: oneshot::Sender<Result<Handle, Error>>,
}

/// Which actor is wanted.
#[derive(Clone, Debug)]
pub(crate) enum Whom {
    /// The one with a name.
    Named { namespace: Arc<str>, name: Arc<str> },
    /// The one with an id.
    Id(ActorId),
}

impl std::fmt::Display for Whom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Whom::Named { namespace, name } => {
                write!(f, "an actor named {name:?} in namespace {namespace:?}")
            }
            Whom::Id(id) => write!(f, "actor {id}"),
        }
    }
}

/// The recorded actors that this node has to do with.
#[derive(Default)]
pub(crate) struct Recorded {
    /// Being recorded: who wants them.
    creating: FxHashMap<ActorId, (NodeId, u64)>,
    /// On this node, or about to be.
    here: FxHashMap<ActorId, Here>,
    lookups: FxHashMap<u64, Lookup>,
    /// Handles that were asked of their owners, and whom.
    sought: FxHashMap<u64, (NodeId, Lookup)>,
    next: u64,
}

struct Here {
    birth: Birth,
    owner: NodeId,
    /// The constructor's arguments; none if they ended with another node.
    args: Option<Args>,
    restarts: Restarts,
}

impl Lookup {
    pub(crate) fn new(whom: Whom, answer: oneshot::Sender<Result<Handle, Error>>) -> Lookup {
        Lookup { whom, answer }
    }

    pub(crate) fn answer(self, result: Result<Handle, Error>) {
        let _ = self.answer.send(result);
    }

    fn nobody(self) {
        let why = match &self.whom {
            Whom::Named { namespace, name } => {
                format!("no actor is named {name:?} in namespace {namespace:?}")
            }
            Whom::Id(id) => format!("no node holds {id}, and it has no record"),
        };
        self.answer(Err(Error::Invalid(why)));
    }

    fn owner_gone(self, owner: NodeId) {
        let why = format!("node {owner}, which counts the handles to {}, is lost", self.whom);
        self.answer(Err(Error::Unavailable(why)));
    }
}

impl Recorded {
    /// Whether a recorded actor of this node outlives its owner.
    pub(crate) fn is_detached(&self, id: ActorId) -> bool {
        self.here.get(&id).is_some_and(|here| here.birth.spec.detached)
    }

    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Machines {
    pub(crate) fn directory(&mut self, event: DirectoryEvent) {
        let view = self.membership.view();
        let nodes = || self.nodes.views(&self.shared, view, self.drains.is_own());
        let around = Around { view, nodes: &nodes };
        let mut effects = Vec::new();
        self.directory.handle(self.now, event, around, &mut effects);
        self.later(effects.into_iter().map(Todo::Directory));
    }

    pub(crate) fn directory_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Ask(ticket, request) => self.ask(Asker::Directory, ticket, request),
            Effect::Watch(prefix, after) => self.watch(Asker::Directory, prefix, after),
            Effect::Created(id) => self.created(id, Made::Actor(id)),
            Effect::NameTaken(id, holder) => {
                self.recorded.here.remove(&id);
                self.created(id, Made::Taken(holder));
            }
            Effect::NotCreated(id, error) => {
                self.recorded.here.remove(&id);
                self.created(id, Made::Failed(error));
            }
            Effect::Start(record, life) => self.start(record, life),
            Effect::Stop(id) => {
                self.stop_life(id);
                self.drains.moved(id);
            }
            Effect::EndRecorded(id) => {
                self.recorded.here.remove(&id);
                self.drains.ended(id);
            }
            Effect::Found(lookup, holder) => self.found(lookup, holder),
            Effect::NotFound(lookup, error) => {
                if let Some(lookup) = self.recorded.lookups.remove(&lookup.0) {
                    lookup.answer(Err(error));
                }
            }
            Effect::Located(actor, place) => self.caller(CallerEvent::Located(actor, place)),
            Effect::NotLocated(actor) => self.caller(CallerEvent::NotLocated(actor)),
        }
    }

    /// Records a new actor, which then starts here.
    pub(crate) fn make_recorded(&mut self, wish: Wish) {
        let Wish { from, request, birth, args, wait, recorded: _ } = wish;
        if !wait && let Err(why) = self.room_for(&birth) {
            return self.tell_spawned(from, request, Made::Full(why));
        }
        let id = ActorId { node: self.shared.id, seq: self.shared.local.next_actor() };
        let spec = &birth.spec;
        let name = spec.name.as_deref().map(|name| (spec.namespace.as_str().into(), name.into()));
        let record = ActorRecord {
            id,
            class: birth.class.clone(),
            package: birth.package,
            request: spec.request(),
            max_restarts: spec.max_restarts,
            detached: spec.detached,
            name,
            restarts: 0,
            moves: 0,
            owner: from,
            birth: recorded_birth(&birth, &args),
            state: ActorState::On { node: self.shared.id, incarnation: 0 },
        };
        let restarts = Restarts::new(spec.max_restarts);
        let here = Here { birth, owner: from, args: Some(args), restarts };
        self.recorded.here.insert(id, here);
        self.recorded.creating.insert(id, (from, request));
        self.directory(DirectoryEvent::Create(Arc::new(record)));
    }

    /// Whether an actor would have its resources at once.
    fn room_for(&self, birth: &Birth) -> Result<(), String> {
        let asked = &birth.spec.resources;
        let name = &self.shared.name;
        if let Some(InGroup { group, bundle }) = birth.spec.group {
            let key = (group, bundle.unwrap_or_default());
            return match self.look_at_bundles(|all| all.has_room(key, asked)) {
                Some(true) => Ok(()),
                _ => Err(format!("the bundle on {name} has no room")),
            };
        }
        let (free, _) = self.shared.local.load();
        match asked.first_shortage(&free) {
            None => Ok(()),
            Some(short) => Err(format!("{name} has too little {}", short.name)),
        }
    }

    fn created(&mut self, id: ActorId, made: Made) {
        if let Some((from, request)) = self.recorded.creating.remove(&id) {
            self.tell_spawned(from, request, made);
        }
    }

    /// The directory says that a life of an actor begins here.
    fn start(&mut self, record: Arc<ActorRecord>, life: u32) {
        self.owe_load();
        if self.shared.local.has_package(record.package) {
            return self.start_here(record, life, Ok(()));
        }
        let others = self.view().nodes().map(|node| node.id).filter(|id| *id != self.shared.id);
        // The node where it was made, and then any: nodes keep packages.
        let from: Vec<NodeId> = [record.owner, record.id.node].into_iter().chain(others).collect();
        let seen = &mut BTreeSet::new();
        let live = |id: &NodeId| self.view().get(*id).is_some() && seen.insert(*id);
        let from = from.into_iter().filter(live).collect();
        let loaded = self.shared.local.package(record.package, from);
        let shared = self.shared.clone();
        self.shared.runtime.spawn(async move {
            let loaded = loaded.await;
            shared.bring(Event::StartHere(record, life, loaded));
        });
    }

    /// Begins a life here, now that its package is here.
    pub(crate) fn start_here(
        &mut self,
        record: Arc<ActorRecord>,
        life: u32,
        package: Result<(), Error>,
    ) {
        let id = record.id;
        if self.drains.is_own() {
            self.drains.moves(id, || Label { class: record.class.clone(), id }.to_string());
            return self.directory(DirectoryEvent::NoRoom(id));
        }
        // It may have been stopped, or moved on, while the package came.
        if !self.directory.own().any(|own| own == (id, life)) {
            return;
        }
        let ends = |machines: &mut Machines, cause, why: String| {
            machines.recorded.here.remove(&id);
            machines.remember_end(id, cause, why.clone());
            machines.directory(DirectoryEvent::Ended(id, cause, why.into()));
        };
        if let Err(error) = package {
            return ends(self, Cause::NodeLost, format!("its package is not found: {error}"));
        }
        if let std::collections::hash_map::Entry::Vacant(entry) = self.recorded.here.entry(id) {
            match read_birth(&record) {
                Ok((birth, args)) => {
                    let restarts = Restarts::new(Tries::Unbounded);
                    entry.insert(Here { birth, owner: record.owner, args, restarts });
                }
                Err(why) => return ends(self, Cause::NodeLost, why),
            }
        }
        let here = &self.recorded.here[&id];
        let Some(args) = here.args.clone() else {
            let why = "its node is lost, and its constructor's arguments held references that \
                       went with it";
            return ends(self, Cause::NodeLost, why.into());
        };
        let owner = here.owner;
        if !here.birth.spec.detached && self.view().get(owner).is_none() {
            return ends(self, Cause::NodeLost, format!("{owner}, where it was created, is lost"));
        }
        let restarts = record.restarts.saturating_add(record.moves);
        let how = Life { actor: id, restarts, movable: true, wait: false };
        let birth = here.birth.clone();
        let in_group = birth.spec.group.is_some();
        let mut made = self.shared.local.spawn(&birth, args.clone(), how);
        let waits = matches!(made, Err(Refused::Full(_)));
        if waits {
            made = self.shared.local.spawn(&birth, args, Life { wait: true, ..how });
        }
        match made {
            Ok(target) => {
                self.began(id, owner, CallLife::Only(life), Handle::new(target));
                if waits {
                    self.waits_here(&record, life);
                }
            }
            Err(Refused::Full(_)) => self.directory(DirectoryEvent::NoRoom(id)),
            // Its group ended while it was between two lives.
            Err(Refused::Failed(error @ Error::Unplaceable(_))) if in_group => {
                ends(self, Cause::GroupRemoved, error.to_string());
            }
            Err(Refused::Failed(error)) => ends(self, Cause::ConstructorFailed, error.to_string()),
        }
    }

    /// A life of a recorded actor has ended here.
    pub(crate) fn life_ended(&mut self, id: ActorId, cause: Cause, message: String) {
        if cause == Cause::NodeLost && self.drains.is_moving(id) {
            self.callee(CalleeEvent::Stopped(id));
            return self.directory(DirectoryEvent::Drained(id));
        }
        if cause != Cause::Crashed {
            self.drains.forget(id);
            self.remember_end(id, cause, message.clone());
            self.callee(CalleeEvent::Died(id, cause, message.clone()));
            self.directory(DirectoryEvent::Ended(id, cause, message.into()));
            return;
        }
        self.callee(CalleeEvent::Stopped(id));
        let Some(here) = self.recorded.here.get_mut(&id) else { return };
        match here.restarts.crashed(self.now) {
            AfterCrash::Restart { delay, .. } if !delay.is_zero() => {
                let shared = self.shared.clone();
                self.shared.runtime.spawn(async move {
                    tokio::time::sleep(delay).await;
                    shared.bring(Event::Restart(id));
                });
            }
            // The record decides whether one is left.
            _ => self.directory(DirectoryEvent::Crashed(id)),
        }
    }

    /// Actors that run here and may restart on another node, for people:
    /// those that last or may restart, whose constructor's arguments are known
    /// elsewhere, and that do not end with this node.
    pub(crate) fn movable_here(&self) -> Vec<(ActorId, String)> {
        let runs = |id: &ActorId| self.actors.guests.contains_key(id);
        let here = self.recorded.here.iter().filter(|(id, here)| runs(id) && self.can_move(here));
        let label = |(id, here): (&ActorId, &Here)| {
            let label = Label { class: here.birth.class.clone(), id: *id };
            (*id, label.to_string())
        };
        here.map(label).collect()
    }

    fn can_move(&self, here: &Here) -> bool {
        let spec = &here.birth.spec;
        let lasts = spec.detached || spec.max_restarts != Tries::AtMost(0);
        let outlives = spec.detached || here.owner != self.shared.id;
        lasts && outlives && spec.group.is_none() && here.args.as_ref().is_some_and(is_plain)
    }

    /// An actor is not this node's any more.
    fn stop_life(&mut self, id: ActorId) {
        self.recorded.here.remove(&id);
        if self.actors.guests.remove(&id).is_some() {
            self.shared.local.end(id, Cause::NodeLost);
            self.callee(CalleeEvent::Stopped(id));
        }
    }

    /// The lease may be over soon: whatever may start elsewhere stops.
    pub(crate) fn stop_movable(&mut self) {
        let movable = self.actors.guests.iter();
        let movable = movable.filter(|(_, guest)| guest.life != CallLife::Any);
        let movable: Vec<ActorId> = movable.map(|(id, _)| *id).collect();
        for id in movable {
            self.actors.guests.remove(&id);
            self.shared.local.end(id, Cause::NodeLost);
            self.callee(CalleeEvent::Stopped(id));
            self.directory(DirectoryEvent::Crashed(id));
        }
    }

    pub(crate) fn look_up(&mut self, lookup: Lookup) {
        let (namespace, name) = match &lookup.whom {
            Whom::Named { namespace, name } => (namespace.clone(), name.clone()),
            Whom::Id(id) => return self.find(*id, lookup),
        };
        let id = LookupId(self.recorded.next());
        self.recorded.lookups.insert(id.0, lookup);
        self.directory(DirectoryEvent::Lookup(id, namespace, name));
    }

    /// An actor that this node holds or counts, or that has a record.
    fn find(&mut self, id: ActorId, lookup: Lookup) {
        match self.owned_handle(id).or_else(|| self.held_handle(id)) {
            Some(handle) => lookup.answer(Ok(handle)),
            None => self.read_record(lookup, id),
        }
    }

    /// The name that an actor was to get belongs to another.
    pub(crate) fn name_is_taken(&mut self, asked: Box<Asked>, holder: ActorId) {
        let spec = &asked.birth.spec;
        let (namespace, name) = (spec.namespace.clone(), spec.name.clone().unwrap_or_default());
        if !asked.reuse {
            let why = format!("the name {name:?} is taken in namespace {namespace:?} by {holder}");
            return asked.answer(Err(Error::Invalid(why)));
        }
        let (answer, answered) = oneshot::channel();
        let whom = Whom::Named { namespace: namespace.into(), name: name.into() };
        self.read_record(Lookup::new(whom, answer), holder);
        self.shared.runtime.spawn(async move {
            let found = answered.await;
            asked.answer(found.unwrap_or_else(|_| Err(Error::Unavailable("it ended".into()))));
        });
    }

    fn found(&mut self, id: LookupId, holder: Option<ActorId>) {
        let Some(lookup) = self.recorded.lookups.remove(&id.0) else { return };
        match holder {
            Some(holder) => self.read_record(lookup, holder),
            None => lookup.nobody(),
        }
    }

    /// Reads what is recorded of the actor with a name.
    fn read_record(&self, lookup: Lookup, holder: ActorId) {
        let asked = self.shared.control.ask(Request::Get(vec![Key::Actor(holder)]));
        let shared = self.shared.clone();
        self.shared.runtime.spawn(async move {
            let answer = asked.await;
            shared.bring(Event::RecordRead(lookup, answer));
        });
    }

    /// The record of the actor with a name: from it, or from whoever counts
    /// its handles, comes the handle.
    pub(crate) fn record_read(&mut self, lookup: Lookup, answer: Answer) {
        let Answer::Entries { entries, .. } = answer else {
            let why = format!("the control store did not answer about {}", lookup.whom);
            return lookup.answer(Err(Error::Unavailable(why)));
        };
        let record = entries.iter().find_map(|entry| match &entry.value {
            Value::Actor(record) if matches!(record.state, ActorState::On { .. }) => Some(record),
            _ => None,
        });
        let Some(record) = record else { return lookup.nobody() };
        if record.detached {
            let about = match read_birth(record) {
                Ok((birth, _)) => about(record, &birth),
                Err(why) => return lookup.answer(Err(Error::Invalid(why))),
            };
            let handle = Handle::new(self.remote(about));
            return lookup.answer(Ok(handle));
        }
        if record.owner == self.shared.id {
            return match self.owned_handle(record.id) {
                Some(handle) => lookup.answer(Ok(handle)),
                None => lookup.nobody(),
            };
        }
        let request = self.recorded.next();
        if self.view().standing(record.owner) == Standing::Gone {
            return lookup.owner_gone(record.owner);
        }
        self.recorded.sought.insert(request, (record.owner, lookup));
        let seek = proto::Seek { request, actor: Some(record.id.id()) };
        self.answer(record.owner, Kind::Seek(seek));
    }

    /// One more handle to an actor whose handles this node counts.
    fn owned_handle(&mut self, id: ActorId) -> Option<Handle> {
        let about = self.spawns.owned(id)?.clone();
        self.lending(LendingEvent::Made(Item::actor(id, self.shared.id)));
        Some(Handle::new(self.remote(about)))
    }

    pub(crate) fn take_seek(&mut self, from: NodeId, seek: proto::Seek) -> Read<()> {
        let id = ActorId::read(seek.actor)?;
        let handle = self.owned_handle(id);
        let mut pins = Pins::new();
        let handle = handle.map(|handle| self.send_handle(&handle, from, &mut pins));
        self.answer(from, Kind::Sought(proto::Sought { request: seek.request, handle }));
        Ok(())
    }

    pub(crate) fn take_sought(&mut self, from: NodeId, sought: proto::Sought) -> Read<()> {
        let handle = sought.handle.map(|handle| self.take_handle(handle)).transpose()?;
        // Only who was asked has an answer.
        let Entry::Occupied(asked) = self.recorded.sought.entry(sought.request) else {
            return Ok(());
        };
        if asked.get().0 != from {
            return Ok(());
        }
        let (_, lookup) = asked.remove();
        match handle {
            Some(handle) => lookup.answer(Ok(handle)),
            None => lookup.nobody(),
        }
        Ok(())
    }

    /// What was asked of a node that is gone.
    pub(crate) fn sought_gone(&mut self, node: NodeId) {
        for (_, (owner, lookup)) in self.recorded.sought.extract_if(|_, (owner, _)| *owner == node)
        {
            lookup.owner_gone(owner);
        }
    }
}

fn about(record: &ActorRecord, birth: &Birth) -> About {
    About {
        id: record.id,
        owner: record.owner,
        class: record.class.clone(),
        sequential: birth.sequential,
        movable: true,
        retries: birth.spec.max_retries,
        counted: !record.detached,
    }
}

/// What is recorded to make an actor again: without arguments if these carry
/// references, or are large.
fn recorded_birth(birth: &Birth, args: &Args) -> bytes::Bytes {
    let args = is_plain(args).then(|| args.values.bytes.clone());
    proto::Birth { args, ..wire::birth(birth) }.encode_to_vec().into()
}

/// Whether arguments can be recorded.
pub(crate) fn is_plain(args: &Args) -> bool {
    let plain = args.objects.is_empty() && args.far.is_none() && args.values.attached.is_none();
    plain && args.values.bytes.len() <= INLINE_BYTES
}

/// The reverse; a record is written by nodes, and may be of another version.
fn read_birth(record: &ActorRecord) -> Result<(Birth, Option<Args>), String> {
    if record.birth.len() > limits::BIRTH_BYTES {
        return Err("its record is too large".into());
    }
    let wire = proto::Birth::decode(record.birth.clone());
    let wire = wire.map_err(|error| format!("its record cannot be read: {error}"))?;
    let args = wire.args.clone().map(Args::plain);
    Ok((wire::read_birth(wire)?, args))
}
