//! A node while it has its id.

mod calls;
mod sessions;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use host_core::calls::{Callee, CalleeEffect, CalleeEvent, Life};
use host_core::calls::{Caller, CallerEffect, CallerEvent};
use host_core::control::{LeaseId, Revision};
use host_core::directory::{Around, Directory, Effect as DirectoryEffect, Event as DirectoryEvent};
use host_core::lending::{Effect as LendingEffect, Event as LendingEvent, Item, Lending};
use host_core::membership::{Standing, View};
use host_core::placement::group::Holder;
use host_core::placement::{Labels, Ledger};
use host_core::probes::Event as ProbesEvent;
use host_core::session::{Effect as SessionEffect, Event as SessionEvent, LinkId, Room, Session};
use host_core::{ActorId, CallId, Cause, NodeId};

use super::actors::Actor;
use super::groups::Groups;
use super::waiting::Waiting;
use super::{Asker, Ctx, Input, Out};
use crate::counts::Fact;
use crate::flaw::Flaw;
use crate::message::{Body, Message};

/// The machines of a node, and its actors.
pub(crate) struct Member {
    pub(crate) id: NodeId,
    pub(super) labels: Labels,
    pub(super) lease: Option<LeaseId>,
    pub(super) directory: Directory,
    pub(crate) sessions: BTreeMap<NodeId, Session<Message>>,
    links: BTreeMap<LinkId, NodeId>,
    pub(crate) caller: Caller<Body>,
    pub(crate) callee: Callee<()>,
    pub(crate) lending: Lending,
    pub(crate) ledger: Ledger<Holder>,
    pub(super) actors: BTreeMap<ActorId, Actor>,
    pub(super) groups: Groups,
    pub(super) waiting: Waiting,
    /// Calls that are here and not over, and whom they are for.
    pub(super) taken: BTreeMap<CallId, ActorId>,
    /// What this node holds, how often.
    pub(super) holds: BTreeMap<Item, u32>,
    /// The refs of calls that are not settled.
    pub(super) passed: BTreeMap<CallId, Vec<Item>>,
    /// Who waits for an actor to be recorded: the node that spawns it.
    pub(super) spawning: BTreeMap<ActorId, (NodeId, u64)>,
    pub(super) ends: BTreeMap<ActorId, Cause>,
    /// The call that last went into a mailbox.
    pub(super) took: Option<CallId>,
    /// What the machines said and is not done yet. In this order: what one
    /// said at once must not be overtaken by what follows from the first of it.
    todo: VecDeque<Todo>,
    pumping: bool,
    /// The view that sessions were last compared with.
    seen: Revision,
    pub(super) next: u64,
}

/// Something that a machine said.
enum Todo {
    Session(NodeId, SessionEffect<Message>),
    Caller(CallerEffect<Body, ()>),
    Callee(CalleeEffect<Body, ()>),
    Lending(LendingEffect),
    Directory(DirectoryEffect),
}

impl Member {
    pub(super) fn new(id: NodeId, lease: Option<LeaseId>, labels: Labels) -> Member {
        Member {
            id,
            labels,
            lease,
            directory: Directory::new(id),
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
            caller: Caller::default(),
            callee: Callee::default(),
            lending: Lending::new(id),
            ledger: Ledger::new(super::total()),
            actors: BTreeMap::new(),
            groups: Groups::new(),
            waiting: Waiting::new(id),
            taken: BTreeMap::new(),
            holds: BTreeMap::new(),
            passed: BTreeMap::new(),
            spawning: BTreeMap::new(),
            ends: BTreeMap::new(),
            took: None,
            todo: VecDeque::new(),
            pumping: false,
            seen: Revision::default(),
            next: 0,
        }
    }

    pub(super) fn close(self, ctx: &mut Ctx<'_>) {
        ctx.out.extend(self.links.into_keys().map(Out::Close));
    }

    pub(super) fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        let sessions = self.sessions.values().filter_map(Session::wake_at);
        let others = [
            self.directory.wake_at(),
            self.caller.wake_at(),
            self.waiting.wake_at(),
            self.groups.wake_at(),
        ];
        others.into_iter().flatten().chain(sessions).min()
    }

    pub(super) fn tick(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        // Nodes that came and went between two views: nobody says so.
        if self.seen != view.revision() {
            self.seen = view.revision();
            let peers = self.sessions.keys();
            let passed = peers.filter(|peer| view.standing(**peer) == Standing::Gone);
            let passed: Vec<NodeId> = passed.copied().collect();
            for peer in passed {
                self.node_gone(ctx, view, peer, &peer.to_string());
            }
        }
        let now = ctx.now;
        let due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        let sessions: Vec<NodeId> = self
            .sessions
            .iter()
            .filter(|(_, session)| due(session.wake_at()))
            .map(|(peer, _)| *peer)
            .collect();
        let (directory, caller) = (due(self.directory.wake_at()), due(self.caller.wake_at()));
        for peer in sessions {
            self.session(ctx, view, peer, SessionEvent::Tick);
        }
        if directory {
            self.directory(ctx, view, DirectoryEvent::Tick);
        }
        if caller {
            self.caller(ctx, view, CallerEvent::Tick);
        }
        if due(self.waiting.wake_at()) {
            self.probe(ctx, view, ProbesEvent::Tick);
        }
        if due(self.groups.wake_at()) {
            self.groups_tick(ctx, view);
        }
    }

    pub(super) fn input(&mut self, ctx: &mut Ctx<'_>, view: &View, input: Input) {
        match input {
            Input::Answered(Asker::Directory(id), ticket, answer) if id == self.id => {
                self.directory(ctx, view, DirectoryEvent::Answered(ticket, answer));
            }
            Input::Changed(Asker::Directory(id), change) if id == self.id => {
                self.directory(ctx, view, DirectoryEvent::Changed(change));
            }
            Input::WatchLost(Asker::Directory(id)) if id == self.id => {
                self.directory(ctx, view, DirectoryEvent::WatchLost);
            }
            Input::Answered(Asker::Groups(id), ticket, answer) if id == self.id => {
                self.group_answered(ctx, view, ticket, answer);
            }
            Input::Connected(id, link, peer) => {
                if id == self.id && view.standing(peer) != Standing::Gone {
                    self.links.insert(link, peer);
                    self.session(ctx, view, peer, SessionEvent::Connected(link));
                } else {
                    ctx.out.push(Out::Close(link));
                }
            }
            Input::DialFailed(id, peer) if id == self.id => {
                self.session(ctx, view, peer, SessionEvent::DialFailed);
            }
            Input::Disconnected(id, link) if id == self.id => {
                if let Some(peer) = self.links.remove(&link) {
                    self.session(ctx, view, peer, SessionEvent::Disconnected(link));
                }
            }
            Input::Packet(id, link, packet) if id == self.id => {
                if let Some(peer) = self.links.get(&link).copied() {
                    self.session(ctx, view, peer, SessionEvent::Received(link, packet));
                }
            }
            Input::Finish(id, actor, call) if id == self.id => {
                self.finish(ctx, view, actor, call);
            }
            Input::DropHold(id, item) if id == self.id => self.unhold(ctx, view, item),
            Input::Work => self.work(ctx, view),
            Input::WindDown => self.wind_down(ctx, view),
            _ => {}
        }
    }

    pub(super) fn valid_until(&mut self, ctx: &mut Ctx<'_>, view: &View, until: Duration) {
        self.callee(ctx, view, CalleeEvent::ValidUntil(until));
        self.directory(ctx, view, DirectoryEvent::ValidUntil(until));
    }

    pub(super) fn node_gone(&mut self, ctx: &mut Ctx<'_>, view: &View, node: NodeId, name: &str) {
        if self.sessions.contains_key(&node) {
            self.session(ctx, view, node, SessionEvent::PeerGone);
            self.sessions.remove(&node);
        }
        self.lending(ctx, view, LendingEvent::NodeGone(node));
        self.caller(ctx, view, CallerEvent::NodeGone(node, name.into()));
        self.callee(ctx, view, CalleeEvent::NodeGone(node));
        self.directory(ctx, view, DirectoryEvent::NodeGone(node));
        self.groups_of_gone(ctx, view, node);
    }

    /// Does what the machines said, in order, until nothing is left.
    fn pump(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        if std::mem::replace(&mut self.pumping, true) {
            return;
        }
        while let Some(todo) = self.todo.pop_front() {
            match todo {
                Todo::Session(peer, effect) => self.session_effect(ctx, view, peer, effect),
                Todo::Caller(effect) => self.caller_effect(ctx, view, effect),
                Todo::Callee(effect) => self.callee_effect(ctx, view, effect),
                Todo::Lending(effect) => self.lending_effect(ctx, view, effect),
                Todo::Directory(effect) => self.any_directory_effect(ctx, view, effect),
            }
        }
        self.pumping = false;
    }

    fn deliver(&mut self, ctx: &mut Ctx<'_>, view: &View, from: NodeId, message: Message) {
        match message {
            Message::Call(mut call) => {
                for (item, pin) in &mut call.body.refs {
                    *self.holds.entry(*item).or_default() += 1;
                    if let Some(pin) = pin.take() {
                        ctx.oracle.counts[Fact::Refs] += 1;
                        ctx.shared.held(*item, self.id);
                        let mut effects = Vec::new();
                        self.lending.arrived(*item, pin, &mut effects);
                        self.lending_effects(ctx, view, effects);
                    }
                }
                let items: Vec<Item> = call.body.refs.iter().map(|(item, _)| *item).collect();
                let id = call.id;
                self.took = None;
                self.callee(ctx, view, CalleeEvent::Arrived(from, call));
                // What did not go into a mailbox holds nothing.
                if self.took.take() != Some(id) {
                    for item in items {
                        self.unhold(ctx, view, item);
                    }
                }
            }
            Message::Answer(id, answer) => {
                self.caller(ctx, view, CallerEvent::Answered(from, id, answer));
            }
            Message::Loan(loan) => self.lending(ctx, view, LendingEvent::Received(from, loan)),
            Message::Spawn(request, spec) => self.spawn(ctx, view, from, request, spec),
            Message::Spawned(request, result) => {
                ctx.shared.note(|| format!("{} spawn {request}: {result:?}", self.id));
            }
            Message::Probe(probe) => self.take_probe(ctx, view, probe),
            message => self.group_message(ctx, view, from, message),
        }
    }

    pub(super) fn lending(&mut self, ctx: &mut Ctx<'_>, view: &View, event: LendingEvent) {
        if let LendingEvent::Received(_, host_core::lending::Message::Release(_)) = &event
            && ctx.flaw == Some(Flaw::KeepPin)
        {
            return;
        }
        let mut effects = Vec::new();
        self.lending.handle(event, &mut effects);
        self.lending_effects(ctx, view, effects);
    }

    fn lending_effects(&mut self, ctx: &mut Ctx<'_>, view: &View, effects: Vec<LendingEffect>) {
        self.todo.extend(effects.into_iter().map(Todo::Lending));
        self.pump(ctx, view);
    }

    fn lending_effect(&mut self, ctx: &mut Ctx<'_>, view: &View, effect: LendingEffect) {
        match effect {
            LendingEffect::Send(to, loan) => {
                self.send(ctx, view, to, Message::Loan(loan), Room::Answer);
            }
            LendingEffect::Free(item) => ctx.shared.note(|| format!("{item:?} is freed")),
            LendingEffect::Lost(item) => {
                ctx.shared.note(|| format!("{} lost {item:?}", self.id));
                let explained = ctx.shared.holder_gone(item);
                ctx.oracle.lost(item, explained);
            }
        }
    }

    pub(super) fn directory(&mut self, ctx: &mut Ctx<'_>, view: &View, event: DirectoryEvent) {
        let nodes = || ctx.shared.node_views(view);
        let around = Around { view, nodes: &nodes };
        let mut effects = Vec::new();
        self.directory.handle(ctx.now, event, around, &mut effects);
        self.todo.extend(effects.into_iter().map(Todo::Directory));
        self.pump(ctx, view);
    }

    fn any_directory_effect(&mut self, ctx: &mut Ctx<'_>, view: &View, effect: DirectoryEffect) {
        match effect {
            DirectoryEffect::Ask(ticket, request) => {
                ctx.out.push(Out::Ask(Asker::Directory(self.id), ticket, request));
            }
            DirectoryEffect::Watch(prefix, revision) => {
                ctx.out.push(Out::Watch(Asker::Directory(self.id), prefix, revision));
            }
            DirectoryEffect::Located(actor, place) => {
                ctx.shared.note(|| format!("{} located {actor}: {place:?}", self.id));
                self.caller(ctx, view, CallerEvent::Located(actor, place));
            }
            DirectoryEffect::NotLocated(actor) => {
                self.caller(ctx, view, CallerEvent::NotLocated(actor));
            }
            effect => {
                ctx.shared.note(|| format!("{} {effect:?}", self.id));
                self.directory_effect(ctx, view, effect);
            }
        }
    }

    /// One hold of an item less.
    pub(super) fn unhold(&mut self, ctx: &mut Ctx<'_>, view: &View, item: Item) {
        let Some(count) = self.holds.get_mut(&item) else { return };
        *count -= 1;
        if *count == 0 {
            self.holds.remove(&item);
            self.lending(ctx, view, LendingEvent::Dropped(item));
        }
    }

    /// Whether the life is one that can move on.
    pub(super) fn life(life: Life) -> Option<u32> {
        match life {
            Life::Any => None,
            Life::Only(life) => Some(life),
        }
    }
}
