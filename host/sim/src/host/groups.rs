//! Placement groups: those that this node's driver asks for, and the bundles
//! that this node keeps for anybody's.
//!
//! A group is there while its record is, which is bound to the lease of its
//! owner's node, and ends when a node that keeps a bundle does. Whoever keeps bundles compares them with the
//! records now and then: what it should have been told may be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use host_core::control::{Answer, GroupRecord, Guard, Key, Request, Ticket, Value, Write};
use host_core::membership::{Standing, View};
use host_core::placement::Reserve;
use host_core::placement::group::coordinator::{Effect, Event};
use host_core::placement::group::{Bundles, Coordinator, Fate, GroupStrategy, Holder, Wish};
use host_core::resources::Resources;
use host_core::session::Room;
use host_core::{ActorId, Cause, Error, GroupId, JobId, NodeId, limits};

use super::{Asker, Ctx, Member, Out};
use crate::counts::Fact;
use crate::flaw::Flaw;
use crate::message::Message;

/// Whose job it is makes no difference here.
const SIM_JOB: JobId = JobId { node: NodeId(0), seq: 0 };

pub(super) struct Groups {
    /// Groups of this node's driver.
    coordinator: Coordinator,
    /// What the driver asked for, where a flaw makes it something else.
    wanted: BTreeMap<GroupId, GroupStrategy>,
    bundles: Bundles,
    asked: BTreeMap<Ticket, Question>,
    next_ticket: u64,
    compare_at: Duration,
}

#[derive(Clone, Copy)]
enum Question {
    Record(GroupId),
    Compare(GroupId),
    Unrecord(GroupId),
}

impl Groups {
    pub(super) fn new() -> Groups {
        Groups {
            coordinator: Coordinator::default(),
            wanted: BTreeMap::new(),
            bundles: Bundles::default(),
            asked: BTreeMap::new(),
            next_ticket: 0,
            compare_at: Duration::ZERO,
        }
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.coordinator.wake_at().into_iter().chain([self.compare_at]).min()
    }
}

impl Member {
    pub(super) fn work_group(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        let own: Vec<GroupId> = self.groups.coordinator.list().map(|group| group.wish.id).collect();
        if own.len() > 1 {
            let at = ctx.rng.usize(0..own.len());
            return self.remove_group(ctx, view, own[at]);
        }
        let strategies = [
            GroupStrategy::Pack,
            GroupStrategy::Spread,
            GroupStrategy::StrictPack,
            GroupStrategy::StrictSpread,
        ];
        let wanted = ctx.rng.choice(strategies).unwrap_or(GroupStrategy::Pack);
        let strategy = match (ctx.flaw, wanted) {
            (Some(Flaw::LooseGroups), GroupStrategy::StrictPack) => GroupStrategy::Spread,
            (Some(Flaw::LooseGroups), GroupStrategy::StrictSpread) => GroupStrategy::Pack,
            (_, strategy) => strategy,
        };
        let count = ctx.rng.usize(2..5);
        let some =
            |ctx: &mut Ctx<'_>| super::cpus(*ctx.rng.choice(&[0.5, 1.0, 2.0]).expect("some"));
        let bundles: Vec<Resources> = (0..count).map(|_| some(ctx)).collect();
        let id = GroupId { node: self.id, seq: self.next() };
        ctx.oracle.counts[Fact::GroupsPlanned] += 1;
        ctx.shared.note(|| format!("{} wants {id} {wanted:?} {bundles:?}", self.id));
        self.groups.wanted.insert(id, wanted);
        let job = JobId { node: self.id, seq: 0 };
        self.group(ctx, view, Event::Create(Wish { id, job, bundles, strategy }));
    }

    pub(super) fn remove_groups(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        let own: Vec<GroupId> = self.groups.coordinator.list().map(|group| group.wish.id).collect();
        own.into_iter().for_each(|group| self.remove_group(ctx, view, group));
    }

    fn remove_group(&mut self, ctx: &mut Ctx<'_>, view: &View, id: GroupId) {
        self.group(ctx, view, Event::Remove(id, Error::Invalid("removed".into())));
    }

    /// A bundle of an own group, and its node.
    pub(super) fn some_bundle(&self, ctx: &mut Ctx<'_>) -> Option<(GroupId, u32, NodeId)> {
        let own = self.groups.coordinator.list();
        let own: Vec<_> = own.filter_map(|group| Some((group.wish.id, group.nodes?))).collect();
        let at = ctx.rng.usize(0..own.len().max(1));
        let (group, nodes) = own.get(at)?;
        let bundle = ctx.rng.usize(0..nodes.len());
        Some((*group, bundle as u32, nodes[bundle]))
    }

    fn group(&mut self, ctx: &mut Ctx<'_>, view: &View, event: Event) {
        let event = match event {
            Event::Refused(id, attempt, bundle, _) if ctx.flaw == Some(Flaw::HalfGroups) => {
                Event::Prepared(id, attempt, bundle)
            }
            event => event,
        };
        let mut effects = Vec::new();
        let nodes = ctx.shared.node_views(view);
        self.groups.coordinator.handle(ctx.now, event, &|| nodes.clone(), &mut effects);
        // Nodes are told to let go in the same breath.
        for effect in &effects {
            if let Effect::Ended(id, _) = effect {
                ctx.oracle.group_ends(*id);
            }
        }
        for effect in effects {
            self.group_effect(ctx, view, effect);
        }
    }

    fn group_effect(&mut self, ctx: &mut Ctx<'_>, view: &View, effect: Effect) {
        match effect {
            Effect::Prepare(to, id, attempt, bundle, resources) => {
                let message = Message::Prepare(id, attempt, bundle, resources);
                if !self.send(ctx, view, to, message, Room::New) {
                    let why = format!("{to} is not reached");
                    self.group(ctx, view, Event::Refused(id, attempt, bundle, why));
                }
            }
            Effect::Record(record) => self.record_group(ctx, record),
            Effect::Unrecord(id) => {
                let writes = vec![Write::Delete(Key::Group(id))];
                let request = Request::Commit { guards: Vec::new(), writes };
                self.ask_of_group(ctx, Question::Unrecord(id), request);
            }
            Effect::Commit(to, id) => {
                self.send(ctx, view, to, Message::Commit(id), Room::Answer);
            }
            Effect::Abort(to, id) => {
                ctx.oracle.counts[Fact::GroupsFailed] +=
                    u64::from(self.groups.coordinator.get(id).is_some());
                self.send(ctx, view, to, Message::Abort(id), Room::Answer);
            }
            Effect::Waits(id, why) => ctx.shared.note(|| format!("{id} waits: {why}")),
            Effect::Reserved(record) => {
                let strategy = self.groups.wanted[&record.id];
                ctx.oracle.group_reserved(&record, strategy);
            }
            Effect::Ended(id, why) => {
                ctx.shared.note(|| format!("{id} ended: {why}"));
                self.groups.wanted.remove(&id);
            }
        }
    }

    /// The record is written at most by one try, since each says that there is
    /// none; and never once a node of the group, or its owner, has gone.
    fn record_group(&mut self, ctx: &mut Ctx<'_>, record: Arc<GroupRecord>) {
        let id = record.id;
        let nodes: BTreeSet<NodeId> = record.bundles.iter().map(|(_, node)| *node).collect();
        let mut guards = vec![Guard::Absent(Key::Group(id))];
        guards.push(Guard::Present(Key::Node(self.id)));
        guards.extend(nodes.into_iter().map(|node| Guard::Present(Key::Node(node))));
        let writes = vec![Write::Put(Key::Group(id), Value::Group(record), self.lease)];
        self.ask_of_group(ctx, Question::Record(id), Request::Commit { guards, writes });
    }

    fn ask_of_group(&mut self, ctx: &mut Ctx<'_>, question: Question, request: Request) {
        self.groups.next_ticket += 1;
        let ticket = Ticket(self.groups.next_ticket);
        self.groups.asked.insert(ticket, question);
        ctx.out.push(Out::Ask(Asker::Groups(self.id), ticket, request));
    }

    pub(super) fn group_answered(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        ticket: Ticket,
        answer: Answer,
    ) {
        let Some(question) = self.groups.asked.remove(&ticket) else { return };
        let event = match (question, answer) {
            (Question::Record(id), Answer::Committed(_)) => Event::Recorded(id),
            (Question::Record(id), Answer::Refused { entries, .. }) => {
                if entries.iter().any(|entry| entry.key == Key::Group(id)) {
                    Event::Recorded(id)
                } else {
                    Event::NotRecorded(id, "a node of it has gone".into())
                }
            }
            (Question::Record(id), _) => Event::MaybeRecorded(id),
            (Question::Unrecord(id), Answer::Committed(_)) => Event::Unrecorded(id),
            (Question::Compare(id), Answer::Entries { entries, .. }) => {
                return self.compared(ctx, view, id, entries.is_empty());
            }
            // They are asked again.
            (Question::Unrecord(_) | Question::Compare(_), _) => return,
        };
        self.group(ctx, view, event);
    }

    /// What another node says of a group.
    pub(super) fn group_message(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        from: NodeId,
        message: Message,
    ) {
        ctx.shared.note(|| format!("{} hears from {from}: {message:?}", self.id));
        match message {
            Message::Prepare(id, attempt, bundle, resources) => {
                let asked = resources.clone();
                let kept = self.groups.bundles.prepare(
                    ctx.now,
                    &mut self.ledger,
                    (from, SIM_JOB),
                    (id, bundle),
                    resources,
                );
                if kept.is_ok() {
                    let holder = Holder::Bundle(id, bundle);
                    ctx.oracle.took(self.id, holder, &asked, self.ledger.total());
                    ctx.shared.free.insert(self.id, self.ledger.free().clone());
                }
                let message = Message::Prepared(id, attempt, bundle, kept);
                self.send(ctx, view, from, message, Room::Answer);
            }
            Message::Prepared(id, attempt, bundle, Ok(())) => {
                self.group(ctx, view, Event::Prepared(id, attempt, bundle));
            }
            Message::Prepared(id, attempt, bundle, Err(why)) => {
                self.group(ctx, view, Event::Refused(id, attempt, bundle, why));
            }
            Message::Commit(id) => self.groups.bundles.commit(id),
            Message::Abort(id) => self.let_go(ctx, view, id),
            Message::Doubt(id) => self.take_doubt(ctx, view, from, id),
            _ => {}
        }
    }

    /// The bundles of a group are no more, and what was in them ends.
    fn let_go(&mut self, ctx: &mut Ctx<'_>, view: &View, id: GroupId) {
        if ctx.flaw == Some(Flaw::KeepBundles) {
            return;
        }
        let inside = self
            .actors
            .iter()
            .filter(|(_, actor)| actor.bundle.is_some_and(|(group, _)| group == id));
        let inside: Vec<ActorId> = inside.map(|(actor, _)| *actor).collect();
        for actor in inside {
            self.stop(ctx, view, actor, Some(Cause::Released));
        }
        self.groups.bundles.remove(&mut self.ledger, id);
        ctx.oracle.bundles_left(self.id, id);
        ctx.shared.free.insert(self.id, self.ledger.free().clone());
    }

    /// Room in a bundle for an actor; an error says why there is none.
    pub(super) fn reserve_inside(
        &mut self,
        (group, bundle): (GroupId, u32),
        actor: ActorId,
        asked: Resources,
    ) -> Result<(), String> {
        match self.groups.bundles.reserve((group, bundle), (actor, SIM_JOB), asked)? {
            Reserve::Granted => Ok(()),
            Reserve::Waiting(why) | Reserve::Never(why) => {
                self.release_inside((group, bundle), actor);
                Err(why)
            }
        }
    }

    pub(super) fn release_inside(&mut self, bundle: (GroupId, u32), actor: ActorId) {
        self.groups.bundles.release(&mut self.ledger, bundle, actor);
    }

    pub(super) fn groups_tick(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        if self.groups.coordinator.wake_at().is_some_and(|at| at <= ctx.now) {
            self.group(ctx, view, Event::Tick);
        }
        if self.groups.compare_at <= ctx.now {
            self.groups.compare_at = ctx.now + limits::GROUP_COMPARE_TIME;
            for doubt in self.groups.bundles.doubts(ctx.now) {
                self.in_doubt(ctx, view, doubt.0);
            }
            for id in self.groups.bundles.committed() {
                self.compare(ctx, id);
            }
        }
    }

    /// While the owner lives it knows, and may be about to write the record;
    /// once it has gone, nobody can.
    fn in_doubt(&mut self, ctx: &mut Ctx<'_>, view: &View, id: GroupId) {
        if view.standing(id.node) == Standing::Gone {
            self.let_go(ctx, view, id);
        } else {
            self.send(ctx, view, id.node, Message::Doubt(id), Room::Answer);
        }
    }

    /// A node asks what became of a group of this node.
    fn take_doubt(&mut self, ctx: &mut Ctx<'_>, view: &View, from: NodeId, id: GroupId) {
        let message = match self.groups.coordinator.fate(id, from) {
            Fate::There => Message::Commit(id),
            Fate::Gone => Message::Abort(id),
            Fate::Open => return,
        };
        self.send(ctx, view, from, message, Room::Answer);
    }

    fn compare(&mut self, ctx: &mut Ctx<'_>, id: GroupId) {
        self.ask_of_group(ctx, Question::Compare(id), Request::Get(vec![Key::Group(id)]));
    }

    fn compared(&mut self, ctx: &mut Ctx<'_>, view: &View, id: GroupId, gone: bool) {
        if gone {
            self.let_go(ctx, view, id);
        }
    }

    /// A session is lost, and with it what was under way.
    pub(super) fn groups_lost(&mut self, ctx: &mut Ctx<'_>, view: &View, peer: NodeId) {
        self.group(ctx, view, Event::Lost(peer));
    }

    /// A node has gone: its groups, and those that it kept bundles of.
    pub(super) fn groups_of_gone(&mut self, ctx: &mut Ctx<'_>, view: &View, node: NodeId) {
        self.group(ctx, view, Event::NodeGone(node));
        for doubt in self.groups.bundles.node_gone(node) {
            self.in_doubt(ctx, view, doubt.0);
        }
        let groups = self.groups.bundles.list().map(|((id, _), _)| id);
        let of_node: BTreeSet<GroupId> = groups.filter(|id| id.node == node).collect();
        of_node.into_iter().for_each(|id| self.let_go(ctx, view, id));
    }
}
