//! Where new actors go: asks one node after the other, and makes actors for
//! others.

use std::collections::{BTreeSet, VecDeque};

use host_core::calls::Life as CallLife;
use host_core::lending::{Event as LendingEvent, Item};
use host_core::placement::group::coordinator::Event as GroupEvent;
use host_core::placement::{Decision, NodeView, Request, Strategy, decide, explain};
use host_core::session::Room;
use host_core::{ActorId, Error, JobId, NodeId};
use host_proto::node as proto;
use host_proto::node::message::Kind;
use host_proto::node::spawned::Kind as How;
use host_refs::{Args, Handle};
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use crate::actors::About;
use crate::groups::Places;
use crate::machines::{Event, Machines};
use crate::nodes::{cores, encode};
use crate::ports::{Birth, Life, Refused};
use crate::records::{is_plain, is_recorded};
use crate::values::Pins;
use crate::wire::{self, Read, WireId};

/// Ended jobs that are told again when a session was lost.
const ENDED_JOBS: usize = 1_024;

/// Actors in one message after a lost session.
const OWNED_IDS: usize = 4_096;

/// Spawns under way from this node. Each waits in an actor, so that more are
/// not asked for by accident.
const SPAWNS_MAX: usize = 100_000;

/// Actors that may wait for resources on one node. Each is looked at again
/// when another node has room.
const WAITING_MAX: usize = 10_000;

/// An actor that somebody wants.
pub(crate) struct Asked {
    pub(crate) birth: Birth,
    pub(crate) args: Args,
    request: Request,
    /// A taken name answers the actor that has it.
    pub(crate) reuse: bool,
    answer: oneshot::Sender<Result<Handle, Error>>,
    /// In a placement group: its bundles, once they are known.
    pub(crate) places: Option<Places>,
    /// Nodes that had no room.
    tried: BTreeSet<NodeId>,
    /// Nodes that it may not even wait on: they leave, or cannot be asked.
    closed: BTreeSet<NodeId>,
    /// The node that was asked last.
    at: NodeId,
    /// No node has room now: it waits where it is asked next.
    pub(crate) wait: bool,
}

/// An actor that a node, perhaps this one, wants to have made here.
pub(crate) struct Wish {
    pub(crate) from: NodeId,
    pub(crate) request: u64,
    pub(crate) birth: Birth,
    pub(crate) args: Args,
    /// Waits for resources if there are none now.
    pub(crate) wait: bool,
    /// It gets a record.
    pub(crate) recorded: bool,
}

/// Actors on their way to where they live, and those made elsewhere.
#[derive(Default)]
pub(crate) struct Spawns {
    asked: FxHashMap<u64, Box<Asked>>,
    next: u64,
    /// Actors whose handles this node counts, and that are not simply here.
    owned: FxHashMap<ActorId, About>,
    ended_jobs: VecDeque<JobId>,
}

impl Asked {
    pub(crate) fn new(
        birth: Birth,
        args: Args,
        request: Request,
        reuse: bool,
        answer: oneshot::Sender<Result<Handle, Error>>,
    ) -> Asked {
        let (tried, closed, at) = (BTreeSet::new(), BTreeSet::new(), NodeId(0));
        let (places, wait) = (None, false);
        Asked { birth, args, request, reuse, answer, places, tried, closed, at, wait }
    }

    /// Whether the actor gets a record: if it may move, as it may while it
    /// waits.
    fn is_recorded(&self) -> bool {
        let stays = self.birth.spec.group.is_some();
        is_recorded(&self.birth.spec) || (self.wait && !stays && is_plain(&self.args))
    }

    /// A node, or the bundle on it, has no room.
    fn refused_by(&mut self, node: NodeId) {
        match &mut self.places {
            Some(places) if self.wait => places.closed(),
            Some(places) => places.refused(),
            None => {
                self.tried.insert(node);
                if self.wait {
                    // It may wait on any other, but not on this again.
                    self.closed.insert(node);
                }
            }
        }
        self.wait = false;
    }

    /// Tells whoever asked. A handle that nobody wants is let go.
    pub(crate) fn answer(self, result: Result<Handle, Error>) {
        let _ = self.answer.send(result);
    }
}

impl Spawns {
    /// What is known of an actor whose handles this node counts.
    pub(crate) fn owned(&self, id: ActorId) -> Option<&About> {
        self.owned.get(&id)
    }

    /// Actors elsewhere that end with this node.
    pub(crate) fn orphans(&self) -> usize {
        self.owned.len()
    }

    /// It is nobody's any more; whether it can move, if it was known.
    pub(crate) fn forget_owned(&mut self, id: ActorId) -> Option<bool> {
        self.owned.remove(&id).map(|about| about.movable)
    }
}

impl Machines {
    /// Finds a node for an actor, and asks it.
    pub(crate) fn place(&mut self, mut asked: Box<Asked>) {
        if self.spawns.asked.len() >= SPAWNS_MAX {
            let why = format!("{SPAWNS_MAX} actors are being made from this node");
            return asked.answer(Err(Error::Unavailable(why)));
        }
        if let (Some(place), None) = (asked.birth.spec.group, &asked.places) {
            return self.locate_group(asked, place.group);
        }
        loop {
            let node = match self.choose(&mut asked) {
                Ok(node) => node,
                Err(why) => return asked.answer(Err(why)),
            };
            asked.at = node;
            if node != self.shared.id || asked.is_recorded() {
                return self.ask_node(node, asked);
            }
            if asked.wait
                && let Err(why) = self.room_to_wait()
            {
                return asked.answer(Err(why));
            }
            let life = self.new_life(asked.wait);
            let made = self.shared.local.spawn(&asked.birth, asked.args.clone(), life);
            match made {
                Ok(target) => return asked.answer(Ok(Handle::new(target))),
                Err(Refused::Failed(error)) => return asked.answer(Err(error)),
                Err(Refused::Full(_)) => asked.refused_by(node),
            }
        }
    }

    /// Whether one more may wait here.
    fn room_to_wait(&self) -> Result<(), Error> {
        if self.shared.local.waiting() < WAITING_MAX {
            return Ok(());
        }
        let name = &self.shared.name;
        Err(Error::Unavailable(format!("{WAITING_MAX} actors wait for resources on {name}")))
    }

    fn new_life(&self, wait: bool) -> Life {
        let actor = ActorId { node: self.shared.id, seq: self.shared.local.next_actor() };
        Life { actor, restarts: 0, movable: false, wait }
    }

    /// The node to ask next.
    fn choose(&self, asked: &mut Asked) -> Result<NodeId, Error> {
        if let Some(chosen) = Machines::choose_bundle(asked) {
            return chosen;
        }
        let mut views = self.node_views();
        views.retain(|node| !asked.closed.contains(&node.id));
        let open: Vec<NodeView> =
            views.iter().filter(|node| !asked.tried.contains(&node.id)).cloned().collect();
        if asked.request.resources.is_empty()
            && asked.request.strategy == Strategy::Pack
            && let Some(node) = self.least_crowded(&asked.request, &open)
        {
            return Ok(node);
        }
        if !asked.wait
            && let Decision::Place(node) = decide(&asked.request, &open)
        {
            return Ok(node);
        }
        // Where it could be if nothing else were there.
        let emptied =
            views.iter().cloned().map(|node| NodeView { free: node.total.clone(), ..node });
        let emptied: Vec<NodeView> = emptied.collect();
        match decide(&asked.request, &emptied) {
            Decision::Place(node) => {
                asked.wait = true;
                Ok(node)
            }
            Decision::Wait(_) | Decision::Never(_) => {
                match decide(&asked.request, &self.node_views()) {
                    // What it was refused by is not in the view yet.
                    Decision::Place(_) => Err(Error::Unavailable(
                        "the nodes that could hold it take no more actors now; try again".into(),
                    )),
                    decision => Err(Error::Unplaceable(explain(&asked.request, &decision))),
                }
            }
        }
    }

    /// For what asks for nothing: the node with the fewest actors for its
    /// cores, of those that may be taken; of several this one.
    fn least_crowded(&self, request: &Request, views: &[NodeView]) -> Option<NodeId> {
        let local = self.shared.id;
        let crowding = |node: &&NodeView| {
            (u64::from(node.actors) * 1_000 / cores(node), node.id != local, node.id)
        };
        let open = views.iter().filter(|node| request.admits(node));
        open.min_by_key(crowding).map(|node| node.id)
    }

    fn ask_node(&mut self, node: NodeId, asked: Box<Asked>) {
        self.spawns.next += 1;
        let request = self.spawns.next;
        self.placed(node, &asked.request.resources);
        if node == self.shared.id {
            let (birth, args) = (asked.birth.clone(), asked.args.clone());
            let (wait, recorded) = (asked.wait, asked.is_recorded());
            let wish = Wish { from: node, request, birth, args, wait, recorded };
            self.spawns.asked.insert(request, asked);
            return self.make_recorded(wish);
        }
        let mut pins = Pins::new();
        let args = Some(self.send_args(&asked.args, node, &mut pins));
        let birth = Some(wire::birth(&asked.birth));
        let (wait, recorded) = (asked.wait, asked.is_recorded());
        let spawn = proto::Spawn { request, birth, args, wait, recorded };
        let payload = encode(Kind::Spawn(spawn));
        if payload.len() > host_transport::PAYLOAD_BYTES_MAX {
            self.unpin(pins);
            let why = "the constructor's arguments carry too many references".into();
            return asked.answer(Err(Error::Invalid(why)));
        }
        if self.shared.sessions.send(node, payload, Room::New).is_err() {
            self.unpin(pins);
            // There is no end to it while the session is full.
            let mut asked = asked;
            asked.refused_by(node);
            return self.place(asked);
        }
        self.spawns.asked.insert(request, asked);
    }

    pub(crate) fn take_spawn(&mut self, from: NodeId, spawn: proto::Spawn) -> Read<()> {
        self.owe_load();
        // Taken in any case: what they carry is pinned.
        let args = self.take_args(spawn.args);
        let birth = wire::read_birth(spawn.birth.ok_or("a spawn of nothing")?)?;
        if birth.job.node.0 == 0 {
            return Err("an actor of no job".into());
        }
        let (request, package) = (spawn.request, birth.package);
        let args = match args {
            Ok(args) => args,
            Err(why) => {
                self.tell_spawned(from, request, Made::Failed(Error::Invalid(why)));
                return Ok(());
            }
        };
        let recorded = spawn.recorded || is_recorded(&birth.spec);
        let wish = Wish { from, request, birth, args, wait: spawn.wait, recorded };
        if self.drains.is_own() {
            let why = format!("{} is being drained", self.shared.name);
            self.tell_spawned(from, request, Made::Full(why));
            return Ok(());
        }
        if self.shared.local.has_package(package) {
            self.spawn_here(wish, Ok(()));
            return Ok(());
        }
        let loaded = self.shared.local.package(package, vec![from]);
        let shared = self.shared.clone();
        self.shared.runtime.spawn(async move {
            let loaded = loaded.await;
            shared.bring(Event::SpawnHere(Box::new(wish), loaded));
        });
        Ok(())
    }

    /// Makes an actor for a node, now that its package is here.
    pub(crate) fn spawn_here(&mut self, wish: Wish, package: Result<(), Error>) {
        let (from, request) = (wish.from, wish.request);
        if let Err(error) = package {
            return self.tell_spawned(from, request, Made::Failed(error));
        }
        if self.drains.is_own() {
            // It began to while the package came.
            let why = format!("{} is being drained", self.shared.name);
            return self.tell_spawned(from, request, Made::Full(why));
        }
        if wish.wait
            && let Err(why) = self.room_to_wait()
        {
            return self.tell_spawned(from, request, Made::Failed(why));
        }
        if wish.recorded {
            return self.make_recorded(wish);
        }
        let life = self.new_life(wish.wait);
        match self.shared.local.spawn(&wish.birth, wish.args, life) {
            Ok(target) => {
                let handle = Handle::new(target);
                self.began(life.actor, from, CallLife::Any, handle);
                self.tell_spawned(from, request, Made::Actor(life.actor));
            }
            Err(Refused::Full(why)) => self.tell_spawned(from, request, Made::Full(why)),
            Err(Refused::Failed(error)) => self.tell_spawned(from, request, Made::Failed(error)),
        }
    }

    /// Tells a node what became of its wish.
    pub(crate) fn tell_spawned(&mut self, to: NodeId, request: u64, made: Made) {
        if to == self.shared.id {
            return self.spawned(to, request, made);
        }
        let kind = match made {
            Made::Actor(actor) => How::Actor(actor.id()),
            Made::Full(why) => How::Full(why),
            Made::Failed(error) => How::Failed(wire::error(&error)),
            Made::Taken(holder) => How::Taken(holder.id()),
        };
        self.answer(to, Kind::Spawned(proto::Spawned { request, kind: Some(kind) }));
    }

    pub(crate) fn take_spawned(&mut self, from: NodeId, spawned: proto::Spawned) -> Read<()> {
        let made = match spawned.kind.ok_or("a spawn that came to nothing known")? {
            How::Actor(id) => {
                let id = ActorId::read(Some(id))?;
                if id.node != from {
                    return Err(format!("{from} made {id}, which is not its own"));
                }
                Made::Actor(id)
            }
            How::Full(why) => Made::Full(why),
            How::Failed(error) => Made::Failed(wire::read_error(error)),
            How::Taken(id) => Made::Taken(ActorId::read(Some(id))?),
        };
        self.spawned(from, spawned.request, made);
        Ok(())
    }

    fn spawned(&mut self, from: NodeId, request: u64, made: Made) {
        let answers = self.spawns.asked.get(&request).is_some_and(|asked| asked.at == from);
        let asked = answers.then(|| self.spawns.asked.remove(&request)).flatten();
        let Some(mut asked) = asked else { return };
        match made {
            Made::Actor(id) => {
                let handle = self.own(id, &asked.birth, asked.is_recorded());
                asked.answer(Ok(handle));
            }
            Made::Full(_) => {
                // Who lets it not even wait leaves.
                asked.refused_by(from);
                self.place(asked);
            }
            Made::Failed(error) => asked.answer(Err(error)),
            Made::Taken(holder) => self.name_is_taken(asked, holder),
        }
    }

    /// This node counts the handles of an actor that it had made.
    fn own(&mut self, id: ActorId, birth: &Birth, movable: bool) -> Handle {
        let about = About {
            id,
            owner: self.shared.id,
            class: birth.class.clone(),
            sequential: birth.sequential,
            movable,
            retries: birth.spec.max_retries,
            counted: !birth.spec.detached,
        };
        if about.counted {
            self.spawns.owned.insert(id, about.clone());
            self.lending(LendingEvent::Made(Item::actor(id, self.shared.id)));
        }
        Handle::new(self.remote(about))
    }

    /// What was asked of a node may be lost; what it made nevertheless ends
    /// when it hears what this node owns. A recorded one may have been made,
    /// and its name be taken by itself.
    pub(crate) fn spawns_lost(&mut self, node: NodeId) {
        let lost = self.spawns.asked.iter().filter(|(_, asked)| asked.at == node);
        let lost: Vec<u64> = lost.map(|(request, _)| *request).collect();
        for request in lost {
            let Some(mut asked) = self.spawns.asked.remove(&request) else { continue };
            if asked.is_recorded() {
                let why =
                    format!("{node} is not reached; {} may have been made", asked.birth.class);
                asked.answer(Err(Error::Unavailable(why)));
            } else {
                asked.refused_by(node);
                self.place(asked);
            }
        }
    }

    /// After a lost epoch: tells the node which of its actors are still this
    /// one's, and waits to hear the same.
    pub(crate) fn say_owned(&mut self, node: NodeId) {
        for guest in self.actors.guests.values_mut().filter(|guest| guest.owner == node) {
            guest.doubtful = true;
        }
        let owned = self.spawns.owned.iter();
        let there = owned.filter(|(id, about)| about.movable || id.node == node);
        let there: Vec<proto::Id> = there.map(|(id, _)| id.id()).collect();
        for actors in there.chunks(OWNED_IDS) {
            let owns = proto::Owns { actors: actors.to_vec(), last: false };
            self.answer(node, Kind::Owns(owns));
        }
        self.answer(node, Kind::Owns(proto::Owns { actors: Vec::new(), last: true }));
    }

    pub(crate) fn take_owns(&mut self, from: NodeId, owns: proto::Owns) -> Read<()> {
        for id in owns.actors {
            let id = ActorId::read(Some(id))?;
            if let Some(guest) = self.actors.guests.get_mut(&id)
                && guest.owner == from
            {
                guest.doubtful = false;
            }
        }
        if owns.last {
            let over = |guest: &&mut crate::actors::Guest| guest.owner == from && guest.doubtful;
            for guest in self.actors.guests.values_mut().filter(over) {
                drop(guest.handle.take());
            }
        }
        Ok(())
    }

    /// A job of this node is over: its actors end on all nodes.
    pub(crate) fn end_job(&mut self, job: JobId) {
        self.group(GroupEvent::JobEnded(job));
        self.spawns.ended_jobs.push_back(job);
        if self.spawns.ended_jobs.len() > ENDED_JOBS {
            self.spawns.ended_jobs.pop_front();
        }
        let others = self.view().nodes().map(|node| node.id).filter(|id| *id != self.shared.id);
        for node in others.collect::<Vec<_>>() {
            self.answer(node, Kind::EndJob(proto::EndJob { job: Some(job.id()) }));
        }
    }

    /// After a lost epoch: jobs whose end the node may not have heard of.
    pub(crate) fn say_ended_jobs(&mut self, node: NodeId) {
        for job in self.spawns.ended_jobs.clone() {
            self.answer(node, Kind::EndJob(proto::EndJob { job: Some(job.id()) }));
        }
    }
}

/// What became of a wish.
pub(crate) enum Made {
    Actor(ActorId),
    Full(String),
    Failed(Error),
    Taken(ActorId),
}
