//! A node while it has its id.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use host_core::calls::{Answer, Call, Callee, CalleeEffect, CalleeEvent, Life};
use host_core::calls::{Caller, CallerEffect, CallerEvent, Submit};
use host_core::control::Revision;
use host_core::directory::{Around, Directory, Effect as DirectoryEffect, Event as DirectoryEvent};
use host_core::lending::{Effect as LendingEffect, Event as LendingEvent, Item, Lending};
use host_core::membership::{Standing, View};
use host_core::placement::{Ledger, NodeView};
use host_core::session::{Effect as SessionEffect, Event as SessionEvent, LinkId, Room, Session};
use host_core::spec::Tries;
use host_core::{ActorId, CallId, Cause, Error, NodeId};

use super::actors::Actor;
use super::{Asker, Ctx, Input, Out};
use crate::flaw::Flaw;
use crate::message::{Body, Message};

/// The machines of a node, and its actors.
pub(crate) struct Member {
    pub(crate) id: NodeId,
    pub(super) directory: Directory,
    pub(crate) sessions: BTreeMap<NodeId, Session<Message>>,
    links: BTreeMap<LinkId, NodeId>,
    pub(crate) caller: Caller<Body>,
    pub(crate) callee: Callee<()>,
    pub(crate) lending: Lending,
    pub(super) ledger: Ledger<ActorId>,
    pub(super) actors: BTreeMap<ActorId, Actor>,
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
    pub(super) fn new(id: NodeId) -> Member {
        Member {
            id,
            directory: Directory::new(id),
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
            caller: Caller::default(),
            callee: Callee::default(),
            lending: Lending::new(id),
            ledger: Ledger::new(super::total()),
            actors: BTreeMap::new(),
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
        let others = [self.directory.wake_at(), self.caller.wake_at()];
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
        let due = |at: Option<Duration>| at.is_some_and(|at| at <= ctx.now);
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
    }

    /// Sends to a node, or hands it over here. False if there is no room, or
    /// no such node any more.
    pub(super) fn send(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        to: NodeId,
        message: Message,
        room: Room,
    ) -> bool {
        if to == self.id {
            self.deliver(ctx, view, to, message);
            return true;
        }
        if view.standing(to) == Standing::Gone {
            return false;
        }
        let local = self.id;
        let session = self.sessions.entry(to).or_insert_with(|| Session::new(local, to));
        let mut effects = Vec::new();
        let sent = session.send(ctx.now, message, 100, room, &mut effects).is_ok();
        self.session_effects(ctx, view, to, effects);
        sent
    }

    fn session(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        peer: NodeId,
        event: SessionEvent<Message>,
    ) {
        let local = self.id;
        let session = self.sessions.entry(peer).or_insert_with(|| Session::new(local, peer));
        let mut effects = Vec::new();
        session.handle(ctx.now, event, &mut effects);
        self.session_effects(ctx, view, peer, effects);
    }

    fn session_effects(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        peer: NodeId,
        effects: Vec<SessionEffect<Message>>,
    ) {
        let todo = effects.into_iter().map(|effect| Todo::Session(peer, effect));
        self.todo.extend(todo);
        self.pump(ctx, view);
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

    fn session_effect(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        peer: NodeId,
        effect: SessionEffect<Message>,
    ) {
        match effect {
            SessionEffect::Dial => {
                let address = view.get(peer).map(|record| &record.addresses[0]);
                let address = address.and_then(|address| address.parse().ok());
                ctx.out.push(Out::Dial(self.id, peer, address));
            }
            SessionEffect::Transmit(link, packet) => ctx.out.push(Out::Packet(link, packet)),
            SessionEffect::Close(link) => {
                ctx.shared.note(|| format!("{} closes {link:?} with {peer}", self.id));
                self.links.remove(&link);
                ctx.out.push(Out::Close(link));
            }
            SessionEffect::Deliver(message) => {
                if ctx.flaw == Some(Flaw::TakeTwice)
                    && let Message::Call(call) = &message
                {
                    let again = Call { id: call.id, ..call.clone() };
                    self.run(ctx, view, peer, again);
                }
                self.deliver(ctx, view, peer, message);
            }
            SessionEffect::Up(epoch) => {
                ctx.shared.note(|| format!("{} up with {peer} in epoch {epoch}", self.id));
                self.caller(ctx, view, CallerEvent::SessionUp(peer));
            }
            SessionEffect::Lost(epoch) => {
                ctx.shared.note(|| format!("{} lost {peer} in epoch {epoch}", self.id));
                self.lending(ctx, view, LendingEvent::SessionLost(peer));
                self.callee(ctx, view, CalleeEvent::SessionLost(peer));
                if ctx.flaw != Some(Flaw::ForgetLost) {
                    self.caller(ctx, view, CallerEvent::SessionLost(peer));
                }
            }
            SessionEffect::Room => {}
        }
    }

    fn deliver(&mut self, ctx: &mut Ctx<'_>, view: &View, from: NodeId, message: Message) {
        match message {
            Message::Call(mut call) => {
                for (item, pin) in &mut call.body.refs {
                    *self.holds.entry(*item).or_default() += 1;
                    if let Some(pin) = pin.take() {
                        ctx.oracle.counts.refs += 1;
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
        }
    }

    pub(super) fn caller(&mut self, ctx: &mut Ctx<'_>, view: &View, event: CallerEvent<Body, ()>) {
        let mut effects = Vec::new();
        self.caller.handle(ctx.now, event, &mut effects);
        self.todo.extend(effects.into_iter().map(Todo::Caller));
        self.pump(ctx, view);
    }

    fn caller_effect(&mut self, ctx: &mut Ctx<'_>, view: &View, effect: CallerEffect<Body, ()>) {
        match effect {
            CallerEffect::Send(to, call) => self.send_call(ctx, view, to, call),
            CallerEffect::Locate(actor) => {
                self.directory(ctx, view, DirectoryEvent::Locate(actor));
            }
            CallerEffect::Settle(id, result) => {
                ctx.shared.note(|| match &result {
                    Ok(()) => format!("{id} ok"),
                    Err(error) => format!("{id} {}: {error}", error.kind()),
                });
                ctx.oracle.settled(id, result.is_ok());
                for item in self.passed.remove(&id).unwrap_or_default() {
                    self.unhold(ctx, view, item);
                }
            }
        }
    }

    fn send_call(&mut self, ctx: &mut Ctx<'_>, view: &View, to: NodeId, mut call: Call<Body>) {
        let id = call.id;
        if to != self.id {
            for (item, pin) in &mut call.body.refs {
                *pin = Some(self.lending.pass_on(*item, to));
            }
        }
        let pins: Vec<u64> =
            call.body.refs.iter().filter_map(|(_, pin)| Some(pin.as_ref()?.seq)).collect();
        let sent = self.send(ctx, view, to, Message::Call(call), Room::New);
        if !sent || ctx.flaw == Some(Flaw::DropPin) {
            let mut effects = Vec::new();
            pins.into_iter().for_each(|pin| self.lending.unpin(pin, &mut effects));
            self.lending_effects(ctx, view, effects);
        }
        if !sent && view.standing(to) == Standing::Gone {
            self.caller(ctx, view, CallerEvent::NodeGone(to, to.to_string()));
        } else if !sent {
            self.caller(ctx, view, CallerEvent::Full(id, format!("{to} is behind")));
        }
    }

    pub(super) fn callee(&mut self, ctx: &mut Ctx<'_>, view: &View, event: CalleeEvent<Body, ()>) {
        let event = match event {
            CalleeEvent::ValidUntil(_) if ctx.flaw == Some(Flaw::SkipSelfStop) => {
                CalleeEvent::ValidUntil(Duration::MAX)
            }
            CalleeEvent::Arrived(from, mut call) if ctx.flaw == Some(Flaw::NoFencing) => {
                call.stint = u64::MAX;
                if let Some(actor) = self.actors.get(&call.target) {
                    call.life = actor.life;
                }
                CalleeEvent::Arrived(from, call)
            }
            event => event,
        };
        let mut effects = Vec::new();
        self.callee.handle(ctx.now, event, &mut effects);
        if let Some(CalleeEffect::Run(call)) = effects.first() {
            self.took = Some(call.id);
        }
        self.todo.extend(effects.into_iter().map(Todo::Callee));
        self.pump(ctx, view);
    }

    fn callee_effect(&mut self, ctx: &mut Ctx<'_>, view: &View, effect: CalleeEffect<Body, ()>) {
        match effect {
            CalleeEffect::Run(call) => self.run(ctx, view, self.id, call),
            CalleeEffect::Answer(to, id, answer) => {
                self.send(ctx, view, to, Message::Answer(id, answer), Room::Answer);
            }
            CalleeEffect::TellEnd(to, id, actor) => {
                let cause = self.ends.get(&actor).copied().unwrap_or(Cause::Released);
                let (actor, message) = (actor.to_string(), cause.to_string());
                let answer = Answer::Failed(Error::Died { actor, cause, message });
                self.send(ctx, view, to, Message::Answer(id, answer), Room::Answer);
            }
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
        let nodes: Vec<NodeView> = ctx.shared.node_views(view);
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

    /// Calls an actor.
    pub(super) fn submit(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        caller: ActorId,
        target: (ActorId, bool),
        retries: Tries,
        body: Body,
    ) {
        let id = CallId { node: self.id, seq: self.next() };
        ctx.shared.note(|| format!("{id}: {caller} calls {} retries {retries:?}", target.0));
        ctx.oracle.submitted(id, retries);
        for (item, _) in &body.refs {
            *self.holds.entry(*item).or_default() += 1;
        }
        self.passed.insert(id, body.refs.iter().map(|(item, _)| *item).collect());
        let retries = match ctx.flaw {
            Some(Flaw::RetryAll) => Tries::Unbounded,
            _ => retries,
        };
        let (target, movable) = target;
        let submit = Submit { id, caller, target, movable, retries, body };
        self.caller(ctx, view, CallerEvent::Submit(submit));
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
