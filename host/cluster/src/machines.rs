//! The machines of a member, and what lies between them.
//!
//! Each event goes to its machine; what that says is carried out in the order
//! said, and what follows from one thing comes behind the rest. Membership is
//! asked before anything else: a node that was paused learns first that its
//! time is over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use host_core::calls::{Callee, CalleeEffect, Caller, CallerEffect, CallerEvent};
use host_core::control::{Answer, Change, Prefix, Request, Revision, Ticket};
use host_core::directory::{Directory, Effect as DirectoryEffect, Event as DirectoryEvent};
use host_core::lending::{Effect as LendingEffect, Lending};
use host_core::membership::{Effect as MembershipEffect, Event as MembershipEvent, Membership};
use host_core::placement::group::GroupStrategy;
use host_core::placement::group::coordinator::Effect as GroupEffect;
use host_core::probes::{Event as ProbesEvent, Probes};
use host_core::resources::Resources;
use host_core::waits::Waiter;
use host_core::{ActorId, CallId, Cause, Error, GroupId, JobId, NodeId, ObjectId};
use host_proto::node::Message;
use host_refs::{Outcome, Value};
use tokio::sync::oneshot;

use crate::actors::{Actors, Remote};
use crate::calls::{Calls, Submitted, Work};
use crate::cycles::Cycles;
use crate::drain::{Begun, Drains};
use crate::groups::{Groups, Question, Told};
use crate::member::{Counts, Ended, Shared};
use crate::nodes::Nodes;
use crate::objects::Objects;
use crate::records::{Lookup, Recorded};
use crate::spawns::{Asked, Spawns, Wish};
use crate::taken::TakenCalls;
use crate::waiting::Waiting;

/// Which machine asked the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asker {
    Membership,
    Directory,
}

/// What comes to a member.
pub(crate) enum Event {
    /// Time has passed.
    Tick,
    /// A node said this.
    Said(NodeId, Box<Message>),
    Up(NodeId),
    Lost(NodeId),
    /// There is room again for what a session refused.
    Room(NodeId),
    /// The control store answered, or told of a change.
    Answered(Asker, Ticket, Answer),
    Changed(Asker, Change),
    WatchLost(Asker),
    /// An actor here calls one elsewhere.
    Submit(Submitted),
    /// Nobody waits for a call any more.
    Cancel(ObjectId, Error),
    /// A call that others sent began, or is over.
    Begun(CallId),
    Settled(CallId),
    Finished(CallId, Outcome),
    /// An object that others watch is settled.
    ExportSettled(ObjectId),
    /// It was on disk, and was read.
    ExportRead(ObjectId, Outcome),
    /// The last reference here is gone, of an object or an actor elsewhere.
    ObjectDropped(ObjectId),
    HandleDropped(Arc<Remote>),
    /// An actor here waits for calls that went elsewhere, and does no more.
    WaitBegan(Waiter, u64, Vec<ObjectId>),
    WaitEnded(u64),
    /// An actor is to be made somewhere.
    Spawn(Box<Asked>),
    /// A node's wish to make one here can be granted: its package is here.
    SpawnHere(Box<Wish>, Result<(), Error>),
    /// The same for an actor that the directory starts.
    StartHere(Arc<host_core::control::ActorRecord>, u32, Result<(), Error>),
    /// An actor that runs here has ended for good.
    Ended(ActorId, Cause, String),
    /// The time before an actor's restart has passed.
    Restart(ActorId),
    /// A placement group is wanted, and who is told its id.
    CreateGroup(JobId, Vec<Resources>, GroupStrategy, oneshot::Sender<Result<GroupId, Error>>),
    /// Somebody waits for a group of a job.
    GroupReady(GroupId, JobId, Told),
    /// It is not wanted any more.
    RemoveGroup(GroupId, JobId),
    /// The control store answered about groups.
    GroupAnswered(Question, Answer),
    /// And about the group that an actor is to be in.
    GroupRead(Box<Asked>, GroupId, Answer),
    /// Somebody wants a handle to a named actor.
    Lookup(Lookup),
    /// What is recorded of the actor with a name.
    RecordRead(Lookup, Answer),
    /// A job that began here is over.
    EndJob(JobId),
    /// A node is to be taken out of use.
    Drain(NodeId, Duration, oneshot::Sender<Begun>),
    /// The host leaves the cluster.
    Leave,
}

/// Something that a machine said.
pub(crate) enum Todo {
    Membership(MembershipEffect),
    /// Nodes that membership did not speak of may have gone too.
    DropPassed,
    Caller(CallerEffect<Work, Value>),
    Callee(CalleeEffect<Work, Value>),
    Lending(LendingEffect),
    Directory(DirectoryEffect),
    Group(GroupEffect),
    /// A group may be waited for.
    GroupCreated(GroupId),
    /// A call for an actor of this node itself.
    Here(host_core::calls::Call<Work>),
    /// And its answer.
    AnswerHere(CallId, host_core::calls::Answer<Value>),
}

/// The machines of a member.
pub(crate) struct Machines {
    pub(crate) shared: Arc<Shared>,
    pub(crate) membership: Membership,
    pub(crate) directory: Directory,
    pub(crate) caller: Caller<Work>,
    pub(crate) callee: Callee<Value>,
    pub(crate) lending: Lending,
    pub(crate) probes: Probes,
    pub(crate) nodes: Nodes,
    pub(crate) calls: Calls,
    pub(crate) taken: TakenCalls,
    pub(crate) objects: Objects,
    pub(crate) actors: Actors,
    pub(crate) spawns: Spawns,
    pub(crate) recorded: Recorded,
    pub(crate) waiting: Waiting,
    pub(crate) cycles: Cycles,
    pub(crate) drains: Drains,
    pub(crate) groups: Groups,
    todo: VecDeque<Todo>,
    /// Empty, and kept for the room they have: these two speak at each call.
    pub(crate) caller_effects: Vec<CallerEffect<Work, Value>>,
    pub(crate) callee_effects: Vec<CalleeEffect<Work, Value>>,
    /// The time of the event that is being worked off.
    pub(crate) now: Duration,
    /// Whether the lease is over: nothing is done any more.
    pub(crate) over: bool,
}

impl Machines {
    pub(crate) fn new(shared: Arc<Shared>, membership: Membership) -> Machines {
        let id = shared.id;
        Machines {
            shared,
            membership,
            directory: Directory::new(id),
            caller: Caller::default(),
            callee: Callee::default(),
            lending: Lending::new(id),
            probes: Probes::new(id),
            nodes: Nodes::default(),
            calls: Calls::default(),
            taken: TakenCalls::default(),
            objects: Objects::default(),
            actors: Actors::default(),
            spawns: Spawns::default(),
            recorded: Recorded::default(),
            waiting: Waiting::default(),
            cycles: Cycles::default(),
            drains: Drains::default(),
            groups: Groups::default(),
            todo: VecDeque::new(),
            caller_effects: Vec::new(),
            callee_effects: Vec::new(),
            now: Duration::ZERO,
            over: false,
        }
    }

    /// Works off one event, and everything that follows from it.
    pub(crate) fn handle(&mut self, event: Event) {
        self.now = self.shared.now();
        if self.over {
            return self.refuse(event);
        }
        if self.membership.wake_at().is_some_and(|at| at <= self.now) {
            self.member(MembershipEvent::Tick);
            self.pump();
        }
        self.dispatch(event);
        self.pump();
        self.shared.wake_by(self.wake_at());
    }

    fn dispatch(&mut self, event: Event) {
        match event {
            Event::Tick => self.tick(),
            Event::Said(from, message) => self.said(from, *message),
            Event::Up(peer) => self.up(peer),
            Event::Lost(peer) => self.lost(peer),
            Event::Room(peer) => self.room(peer),
            Event::Answered(Asker::Membership, ticket, answer) => {
                self.member(MembershipEvent::Answered(ticket, answer));
            }
            Event::Answered(Asker::Directory, ticket, answer) => {
                self.directory(DirectoryEvent::Answered(ticket, answer));
            }
            Event::Changed(Asker::Membership, change) => {
                self.member(MembershipEvent::Changed(change));
            }
            Event::Changed(Asker::Directory, change) => {
                self.directory(DirectoryEvent::Changed(change));
            }
            Event::WatchLost(Asker::Membership) => self.member(MembershipEvent::WatchLost),
            Event::WatchLost(Asker::Directory) => self.directory(DirectoryEvent::WatchLost),
            Event::Submit(submitted) => self.submit(submitted),
            Event::Cancel(object, why) => self.cancel(object, why),
            Event::Begun(call) => self.begun(call),
            Event::Settled(call) => self.settled(call),
            Event::Finished(call, outcome) => self.finished(call, outcome),
            Event::ExportSettled(object) => self.export_settled(object),
            Event::ExportRead(object, outcome) => self.export_read(object, &outcome),
            Event::ObjectDropped(object) => self.object_dropped(object),
            Event::HandleDropped(remote) => self.handle_dropped(&remote),
            Event::WaitBegan(waiter, number, on) => self.wait_began(waiter, number, on),
            Event::WaitEnded(number) => self.wait_ended(number),
            Event::Spawn(asked) => self.place(asked),
            Event::SpawnHere(wish, package) => self.spawn_here(*wish, package),
            Event::StartHere(record, life, package) => self.start_here(record, life, package),
            Event::Ended(actor, cause, message) => self.ended(actor, cause, message),
            Event::Restart(actor) => self.directory(DirectoryEvent::Crashed(actor)),
            Event::CreateGroup(job, bundles, strategy, answer) => {
                self.create_group(job, bundles, strategy, answer);
            }
            Event::GroupReady(group, job, told) => self.group_ready(group, job, told),
            Event::RemoveGroup(group, job) => self.remove_group(group, job),
            Event::GroupAnswered(question, answer) => self.group_answered(question, answer),
            Event::GroupRead(asked, group, answer) => self.group_read(asked, group, answer),
            Event::Lookup(lookup) => self.look_up(lookup),
            Event::RecordRead(lookup, answer) => self.record_read(lookup, answer),
            Event::EndJob(job) => self.end_job(job),
            Event::Drain(node, deadline, begun) => self.drain(node, deadline, begun),
            Event::Leave => self.close(Ended::Left),
        }
    }

    /// The id is gone: whoever waits for something is told so.
    fn refuse(&mut self, event: Event) {
        let why = || Error::Unavailable(format!("{} is no member any more", self.shared.id));
        match event {
            Event::Submit(submitted) => submitted.refuse(why()),
            Event::Spawn(asked) | Event::GroupRead(asked, ..) => asked.answer(Err(why())),
            Event::CreateGroup(.., answer) => drop(answer.send(Err(why()))),
            Event::GroupReady(.., told) => drop(told.send(Err(why()))),
            Event::Lookup(lookup) => lookup.answer(Err(why())),
            Event::Drain(_, _, begun) => drop(begun.send(Err(why()))),
            _ => {}
        }
    }

    /// Notes what machines said, to be carried out behind what they said
    /// before.
    pub(crate) fn later(&mut self, todo: impl IntoIterator<Item = Todo>) {
        self.todo.extend(todo);
    }

    fn pump(&mut self) {
        while let Some(todo) = self.todo.pop_front() {
            match todo {
                Todo::Membership(effect) => self.member_effect(effect),
                Todo::DropPassed => self.drop_passed(),
                Todo::Caller(effect) => self.caller_effect(effect),
                Todo::Callee(effect) => self.callee_effect(effect),
                Todo::Lending(effect) => self.lending_effect(effect),
                Todo::Directory(effect) => self.directory_effect(effect),
                Todo::Group(effect) => self.group_effect(effect),
                Todo::GroupCreated(id) => self.group_created(id),
                Todo::Here(call) => self.arrived(self.shared.id, call),
                Todo::AnswerHere(id, answer) => {
                    self.caller(CallerEvent::Answered(self.shared.id, id, answer));
                }
            }
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        let times = [
            self.membership.wake_at(),
            self.directory.wake_at(),
            self.caller.wake_at(),
            self.probes.wake_at(),
            self.nodes.wake_at(),
            self.drains.wake_at(),
            self.waiting.wake_at(),
            self.groups.wake_at(),
        ];
        times.into_iter().flatten().min()
    }

    fn tick(&mut self) {
        let now = self.now;
        let due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        let (directory, caller) = (due(self.directory.wake_at()), due(self.caller.wake_at()));
        if directory {
            self.directory(DirectoryEvent::Tick);
        }
        if caller {
            self.caller(CallerEvent::Tick);
        }
        if due(self.probes.wake_at()) {
            self.probe(ProbesEvent::Tick);
        }
        self.groups_tick();
        self.look_at_drain();
        self.look_elsewhere();
        self.tell_load();
    }

    pub(crate) fn counts(&self) -> Counts {
        let (objects_lent, objects_borrowed) = self.objects.counts();
        let (actors_lent, actors_borrowed, guests) = self.actors.counts();
        let (owned, borrowed, pins) = self.lending.counts();
        Counts {
            objects_lent,
            objects_borrowed,
            actors_lent,
            actors_borrowed,
            guests,
            loans: owned + borrowed + pins,
            calls: self.calls.len() + self.taken.len(),
        }
    }

    /// Asks the store, and brings the answer as an event.
    pub(crate) fn ask(&self, asker: Asker, ticket: Ticket, request: Request) {
        let asked = self.shared.control.ask(request);
        let member = self.shared.weak();
        self.shared.runtime.spawn(async move {
            let answer = asked.await;
            if let Some(member) = member.upgrade() {
                member.bring(Event::Answered(asker, ticket, answer));
            }
        });
    }

    /// Watches the store in place of any watch that this machine has.
    pub(crate) fn watch(&mut self, asker: Asker, prefix: Prefix, after: Revision) {
        let member = self.shared.weak();
        let told = member.clone();
        let tell = move |change| match told.upgrade() {
            Some(member) => {
                member.bring(Event::Changed(asker, change));
                true
            }
            None => false,
        };
        let watched = self.shared.control.watch(prefix, after, Box::new(tell));
        let task = self.shared.runtime.spawn(async move {
            watched.await;
            if let Some(member) = member.upgrade() {
                member.bring(Event::WatchLost(asker));
            }
        });
        self.nodes.watching(asker, task.abort_handle());
    }
}
