//! Placement groups: those that this node's driver asks for, and the bundles
//! that this node keeps for anybody's.
//!
//! A group is there while its record is, which is bound to the lease of its
//! owner's node, and ends when a node that keeps a bundle does. Whoever keeps bundles compares them with the
//! records now and then: what it should have been told may be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use host_core::control::{Answer, GroupRecord, Guard, Key, Request, Ticket, Value, Write};
use host_core::membership::{Standing, View};
use host_core::placement::Reserve;
use host_core::placement::group::reservation::{Effect, Event};
use host_core::placement::group::{Bundles, GroupStrategy, Holder, Plan, Reservation, plan};
use host_core::resources::Resources;
use host_core::session::Room;
use host_core::{ActorId, Cause, GroupId, JobId, NodeId, limits};

use super::{Asker, Ctx, Input, Member, Out};
use crate::counts::Fact;
use crate::flaw::Flaw;
use crate::message::Message;

/// How often a node compares its bundles with the records.
const COMPARED: Duration = Duration::from_secs(10);

/// Whose job it is makes no difference here.
const SIM_JOB: JobId = JobId { node: NodeId(0), seq: 0 };

pub(super) struct Groups {
    reserving: BTreeMap<GroupId, Reserving>,
    /// Groups of this node's driver, and where their bundles are.
    own: BTreeMap<GroupId, Vec<NodeId>>,
    bundles: Bundles,
    /// Those of the bundles here that are for good.
    committed: BTreeSet<GroupId>,
    asked: BTreeMap<Ticket, Question>,
    next_ticket: u64,
    compare_at: Duration,
}

struct Reserving {
    machine: Reservation,
    record: GroupRecord,
    strategy: GroupStrategy,
}

#[derive(Clone, Copy)]
enum Question {
    Record(GroupId),
    Compare(GroupId),
    Remove(GroupId),
}

impl Groups {
    pub(super) fn new() -> Groups {
        Groups {
            reserving: BTreeMap::new(),
            own: BTreeMap::new(),
            bundles: Bundles::default(),
            committed: BTreeSet::new(),
            asked: BTreeMap::new(),
            next_ticket: 0,
            compare_at: Duration::ZERO,
        }
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        let machines = self.reserving.values().filter_map(|group| group.machine.wake_at());
        machines.chain([self.compare_at]).min()
    }
}

impl Member {
    pub(super) fn work_group(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        if self.groups.own.len() > 1 {
            let at = ctx.rng.usize(0..self.groups.own.len());
            if let Some(group) = self.groups.own.keys().nth(at).copied() {
                return self.remove_group(ctx, group);
            }
        }
        let strategies = [
            GroupStrategy::Pack,
            GroupStrategy::Spread,
            GroupStrategy::StrictPack,
            GroupStrategy::StrictSpread,
        ];
        let strategy = ctx.rng.choice(strategies).unwrap_or(GroupStrategy::Pack);
        let planned = match (ctx.flaw, strategy) {
            (Some(Flaw::LooseGroups), GroupStrategy::StrictPack) => GroupStrategy::Spread,
            (Some(Flaw::LooseGroups), GroupStrategy::StrictSpread) => GroupStrategy::Pack,
            (_, strategy) => strategy,
        };
        let count = ctx.rng.usize(2..5);
        let some =
            |ctx: &mut Ctx<'_>| super::cpus(*ctx.rng.choice(&[0.5, 1.0, 2.0]).expect("some"));
        let bundles: Vec<Resources> = (0..count).map(|_| some(ctx)).collect();
        let Plan::Place(nodes) = plan(&bundles, planned, &ctx.shared.node_views(view)) else {
            return;
        };
        let id = GroupId { node: self.id, seq: self.next() };
        let bundles: Vec<(Resources, NodeId)> = bundles.into_iter().zip(nodes).collect();
        ctx.oracle.counts[Fact::GroupsPlanned] += 1;
        ctx.shared.note(|| format!("{} plans {id} {strategy:?} {bundles:?}", self.id));
        let record = GroupRecord { id, bundles: bundles.clone() };
        let mut effects = Vec::new();
        let machine = Reservation::new(ctx.now, id, bundles, &mut effects);
        self.groups.reserving.insert(id, Reserving { machine, record, strategy });
        self.group_effects(ctx, view, id, effects);
    }

    pub(super) fn remove_groups(&mut self, ctx: &mut Ctx<'_>) {
        let own: Vec<GroupId> = self.groups.own.keys().copied().collect();
        own.into_iter().for_each(|group| self.remove_group(ctx, group));
    }

    /// A bundle of an own group, and its node.
    pub(super) fn some_bundle(&self, ctx: &mut Ctx<'_>) -> Option<(GroupId, u32, NodeId)> {
        let at = ctx.rng.usize(0..self.groups.own.len().max(1));
        let (group, nodes) = self.groups.own.iter().nth(at)?;
        let bundle = ctx.rng.usize(0..nodes.len());
        Some((*group, bundle as u32, nodes[bundle]))
    }

    fn group(&mut self, ctx: &mut Ctx<'_>, view: &View, id: GroupId, event: Event) {
        let Some(group) = self.groups.reserving.get_mut(&id) else { return };
        let event = match event {
            Event::Refused(bundle, _) if ctx.flaw == Some(Flaw::HalfGroups) => {
                Event::Prepared(bundle)
            }
            event => event,
        };
        let mut effects = Vec::new();
        group.machine.handle(ctx.now, event, &mut effects);
        self.group_effects(ctx, view, id, effects);
    }

    fn group_effects(&mut self, ctx: &mut Ctx<'_>, view: &View, id: GroupId, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Prepare(to, bundle, resources) => {
                    let message = Message::Prepare(id, bundle, resources);
                    if !self.send(ctx, view, to, message, Room::New) {
                        let why = format!("{to} is not reached");
                        self.group(ctx, view, id, Event::Refused(bundle, why));
                    }
                }
                Effect::Record(_) => self.record_group(ctx, id),
                Effect::Commit(to) => {
                    self.send(ctx, view, to, Message::Commit(id), Room::Answer);
                }
                Effect::Abort(to) => {
                    self.send(ctx, view, to, Message::Abort(id), Room::Answer);
                }
                Effect::Reserved => {
                    let Some(group) = self.groups.reserving.remove(&id) else { continue };
                    ctx.oracle.group_reserved(&group.record, group.strategy);
                    let nodes: Vec<NodeId> =
                        group.record.bundles.iter().map(|(_, node)| *node).collect();
                    let lost = nodes.iter().any(|node| view.standing(*node) == Standing::Gone);
                    self.groups.own.insert(id, nodes);
                    if lost {
                        self.remove_group(ctx, id);
                    }
                }
                Effect::Failed(why) => {
                    ctx.shared.note(|| format!("{id} failed: {why}"));
                    ctx.oracle.counts[Fact::GroupsFailed] += 1;
                    self.groups.reserving.remove(&id);
                }
            }
        }
    }

    /// The record is written at most by one try, since each says that there is
    /// none; and never once a node of the group, or its owner, has gone.
    fn record_group(&mut self, ctx: &mut Ctx<'_>, id: GroupId) {
        let Some(group) = self.groups.reserving.get(&id) else { return };
        let record = group.record.clone();
        let nodes: BTreeSet<NodeId> = record.bundles.iter().map(|(_, node)| *node).collect();
        let mut guards = vec![Guard::Absent(Key::Group(id))];
        guards.push(Guard::Present(Key::Node(self.id)));
        guards.extend(nodes.into_iter().map(|node| Guard::Present(Key::Node(node))));
        let writes = vec![Write::Put(Key::Group(id), Value::Group(record.into()), self.lease)];
        self.ask_of_group(ctx, Question::Record(id), Request::Commit { guards, writes });
    }

    fn remove_group(&mut self, ctx: &mut Ctx<'_>, id: GroupId) {
        ctx.oracle.group_ends(id);
        let writes = vec![Write::Delete(Key::Group(id))];
        let request = Request::Commit { guards: Vec::new(), writes };
        self.ask_of_group(ctx, Question::Remove(id), request);
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
        match (question, answer) {
            (Question::Record(id), Answer::Committed(_)) => {
                self.group(ctx, view, id, Event::Recorded);
            }
            (Question::Record(id), Answer::Refused { entries, .. }) => {
                let there = entries.iter().any(|entry| entry.key == Key::Group(id));
                let event = if there {
                    Event::Recorded
                } else {
                    Event::NotRecorded("a node of it has gone".into())
                };
                self.group(ctx, view, id, event);
            }
            (Question::Compare(id), Answer::Entries { entries, .. }) => {
                self.compared(ctx, view, id, entries.is_empty());
            }
            (Question::Remove(id), Answer::Committed(_)) => {
                for node in self.groups.own.remove(&id).unwrap_or_default() {
                    self.send(ctx, view, node, Message::Abort(id), Room::Answer);
                }
            }
            (Question::Compare(_), _) => {}
            (Question::Record(id) | Question::Remove(id), _) => {
                let again = matches!(question, Question::Remove(_));
                let retry = Input::GroupAgain(self.id, id, again);
                ctx.out.push(Out::Later(limits::CONTROL_RETRY, retry));
            }
        }
    }

    pub(super) fn group_again(&mut self, ctx: &mut Ctx<'_>, id: GroupId, remove: bool) {
        if remove { self.remove_group(ctx, id) } else { self.record_group(ctx, id) }
    }

    /// What another node says of a group.
    pub(super) fn group_message(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        from: NodeId,
        message: Message,
    ) {
        match message {
            Message::Prepare(id, bundle, resources) => {
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
                let message = Message::Prepared(id, bundle, kept);
                self.send(ctx, view, from, message, Room::Answer);
            }
            Message::Prepared(id, bundle, Ok(())) => {
                self.group(ctx, view, id, Event::Prepared(bundle));
            }
            Message::Prepared(id, bundle, Err(why)) => {
                self.group(ctx, view, id, Event::Refused(bundle, why));
            }
            Message::Commit(id) => self.commit(id),
            Message::Abort(id) => self.let_go(ctx, view, id),
            Message::Doubt(id) => self.take_doubt(ctx, view, from, id),
            _ => {}
        }
    }

    fn commit(&mut self, id: GroupId) {
        self.groups.bundles.commit(id);
        self.groups.committed.insert(id);
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
        self.groups.committed.remove(&id);
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
        let due = self
            .groups
            .reserving
            .iter()
            .filter(|(_, group)| group.machine.wake_at().is_some_and(|at| at <= ctx.now));
        let due: Vec<GroupId> = due.map(|(id, _)| *id).collect();
        for id in due {
            self.group(ctx, view, id, Event::Tick);
        }
        if self.groups.compare_at <= ctx.now {
            self.groups.compare_at = ctx.now + COMPARED;
            for doubt in self.groups.bundles.doubts(ctx.now) {
                self.in_doubt(ctx, view, doubt.0);
            }
            let committed: Vec<GroupId> = self.groups.committed.iter().copied().collect();
            for id in committed {
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
        if self.groups.own.contains_key(&id) {
            self.send(ctx, view, from, Message::Commit(id), Room::Answer);
        } else if !self.groups.reserving.contains_key(&id) {
            self.send(ctx, view, from, Message::Abort(id), Room::Answer);
        }
    }

    fn compare(&mut self, ctx: &mut Ctx<'_>, id: GroupId) {
        self.ask_of_group(ctx, Question::Compare(id), Request::Get(vec![Key::Group(id)]));
    }

    fn compared(&mut self, ctx: &mut Ctx<'_>, view: &View, id: GroupId, gone: bool) {
        if gone && self.groups.committed.contains(&id) {
            self.let_go(ctx, view, id);
        }
    }

    /// A session is lost, and with it what was under way: a bundle that was
    /// asked for there counts as refused.
    pub(super) fn groups_lost(&mut self, ctx: &mut Ctx<'_>, view: &View, peer: NodeId) {
        let mut refused = Vec::new();
        for (id, group) in &self.groups.reserving {
            let there = group.record.bundles.iter().zip(0..).filter(|((_, node), _)| *node == peer);
            refused.extend(there.map(|(_, bundle)| (*id, bundle)));
        }
        for (id, bundle) in refused {
            let event = Event::Refused(bundle, format!("{peer} was not reached"));
            self.group(ctx, view, id, event);
        }
    }

    pub(super) fn groups_of_gone(&mut self, ctx: &mut Ctx<'_>, view: &View, node: NodeId) {
        let reserving: Vec<GroupId> = self.groups.reserving.keys().copied().collect();
        for id in reserving {
            self.group(ctx, view, id, Event::NodeGone(node));
        }
        let own = self.groups.own.iter().filter(|(_, nodes)| nodes.contains(&node));
        let own: Vec<GroupId> = own.map(|(id, _)| *id).collect();
        for id in own {
            self.remove_group(ctx, id);
        }
        for doubt in self.groups.bundles.node_gone(node) {
            self.in_doubt(ctx, view, doubt.0);
        }
    }
}
