//! The groups that were created on one node, from the wish to the end.

mod reserving;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::plan::{GroupStrategy, Plan, plan};
use super::reservation::{self, Reservation};
use crate::control::GroupRecord;
use crate::error::Error;
use crate::id::{GroupId, JobId, NodeId};
use crate::limits;
use crate::placement::NodeView;
use crate::resources::Resources;

/// Plans groups, reserves them, tries again while nodes are full, and ends
/// them: with their job, with any node that keeps a bundle, or when asked.
///
/// It belongs to one node, and its groups end with that node: their records
/// are bound to its lease.
#[derive(Clone, Default, Debug)]
pub struct Coordinator {
    groups: BTreeMap<GroupId, Group>,
    /// Those of them that are being reserved, and those that wait.
    reserving: BTreeSet<GroupId>,
    waiting: BTreeSet<GroupId>,
    /// The waiting one to look at next: a look has an end however many wait.
    next: Option<GroupId>,
    /// The jobs that ended last: an actor that is being ended with its job may
    /// still ask for a group, which nothing would end.
    ended_jobs: VecDeque<JobId>,
    /// Records that have to be deleted, and when to ask for that again.
    unrecorded: BTreeMap<GroupId, Duration>,
    /// When the groups that wait are looked at again, if any does.
    look_at: Option<Duration>,
    looked: Option<Duration>,
}

/// Ended jobs that are remembered: far more than end in the time that actors
/// take to be interrupted.
const ENDED_JOBS: usize = 1_024;

/// What somebody wants reserved.
#[derive(Clone, PartialEq, Debug)]
pub struct Wish {
    /// The group's id: new, and of this node.
    pub id: GroupId,
    /// The job that it ends with.
    pub job: JobId,
    /// What each bundle holds: at least one, and none empty.
    pub bundles: Vec<Resources>,
    /// How they lie to each other.
    pub strategy: GroupStrategy,
}

#[derive(Clone, Debug)]
struct Group {
    wish: Wish,
    state: State,
    /// Nodes that refused since the group was last looked at: their views are
    /// older than their answers.
    refused: BTreeSet<NodeId>,
    /// Counts reservations, so that an answer to one is not taken for an
    /// answer to the next.
    attempt: u32,
    /// It is not planned before: others may be after the same nodes.
    not_before: Duration,
}

#[derive(Clone, Debug)]
enum State {
    /// Nodes have too little free; what was said about it.
    Waiting(String),
    Reserving(Box<Reserving>),
    Reserved(Arc<GroupRecord>),
}

#[derive(Clone, Debug)]
struct Reserving {
    machine: Reservation,
    record: Arc<GroupRecord>,
    /// When to ask again whether the record is written.
    record_again: Option<Duration>,
    /// Why it ends as soon as it is known whether the record was written.
    ending: Option<Error>,
    /// Why it ends if the record was written: a node of it has gone.
    lost: Option<Error>,
}

/// What happens to groups.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// Nodes may have more room than before.
    Room,
    /// A group is wanted.
    Create(Wish),
    /// It is not wanted any more; why, for whoever waits for it.
    Remove(GroupId, Error),
    /// A job is over.
    JobEnded(JobId),
    /// A node has gone for good.
    NodeGone(NodeId),
    /// A session is lost, and with it what was asked there.
    Lost(NodeId),
    /// A node keeps a bundle of this attempt.
    Prepared(GroupId, u32, u32),
    /// It does not, and why.
    Refused(GroupId, u32, u32, String),
    /// The record is written.
    Recorded(GroupId),
    /// It is not, and never will be by that request.
    NotRecorded(GroupId, String),
    /// The control store did not say.
    MaybeRecorded(GroupId),
    /// The record is deleted.
    Unrecorded(GroupId),
}

/// What is to be done, in this order.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Ask a node to keep a bundle: its group's attempt, its place and its
    /// resources.
    Prepare(NodeId, GroupId, u32, u32, Resources),
    /// Write the record if there is none, bound to this node's lease, and only
    /// while all of its nodes are members; then bring the answer.
    Record(Arc<GroupRecord>),
    /// Delete the record, and say when that is done.
    Unrecord(GroupId),
    /// Tell a node that its bundles of the group are for good.
    Commit(NodeId, GroupId),
    /// Tell a node to let go of its bundles of the group.
    Abort(NodeId, GroupId),
    /// It waits, and why: for people. Said again when the reason changes.
    Waits(GroupId, String),
    /// The group is there.
    Reserved(Arc<GroupRecord>),
    /// The group is not there, or not any more.
    Ended(GroupId, Error),
}

/// What became of a group, as a node asks that keeps a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is there.
    There,
    /// It is not known yet.
    Open,
    /// That node should keep nothing of it.
    Gone,
}

/// A group, for people.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupView<'a> {
    /// What was wanted.
    pub wish: &'a Wish,
    /// The nodes of its bundles, once it is reserved.
    pub nodes: Option<Vec<NodeId>>,
    /// Why it is not reserved yet; empty while nodes are being asked.
    pub waits: &'a str,
}

/// What the machine needs to know of the cluster.
pub type Nodes<'a> = &'a dyn Fn() -> Vec<NodeView>;

impl Coordinator {
    /// Takes an event and appends what is to be done.
    pub fn handle(
        &mut self,
        now: Duration,
        event: Event,
        nodes: Nodes<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match event {
            Event::Tick => self.tick(now, nodes, effects),
            Event::Room => self.room(now, nodes, effects),
            Event::Create(wish) => self.create(now, wish, nodes, effects),
            Event::Remove(id, why) => self.end(now, id, why, effects),
            Event::JobEnded(job) => self.job_ended(now, job, effects),
            Event::NodeGone(node) => self.node_gone(now, node, nodes, effects),
            Event::Lost(node) => self.lost(now, node, nodes, effects),
            Event::Prepared(id, attempt, bundle) => {
                let event = reservation::Event::Prepared(bundle);
                self.attempted(now, id, attempt, event, nodes, effects);
            }
            Event::Refused(id, attempt, bundle, why) => {
                self.refused(now, (id, attempt, bundle), why, nodes, effects);
            }
            Event::Recorded(id) => self.recorded(now, id, nodes, effects),
            Event::NotRecorded(id, why) => {
                let event = reservation::Event::NotRecorded(why);
                self.reservation(now, id, event, nodes, effects);
            }
            Event::MaybeRecorded(id) => {
                if let Some(reserving) = self.reserving(id) {
                    reserving.record_again = Some(now.saturating_add(limits::CONTROL_RETRY));
                }
            }
            Event::Unrecorded(id) => drop(self.unrecorded.remove(&id)),
        }
    }

    /// When [`Event::Tick`] is due.
    pub fn wake_at(&self) -> Option<Duration> {
        let reserving = self.reserving.iter().filter_map(|id| match &self.groups.get(id)?.state {
            State::Reserving(reserving) => {
                let times = [reserving.machine.wake_at(), reserving.record_again];
                times.into_iter().flatten().min()
            }
            State::Waiting(_) | State::Reserved(_) => None,
        });
        reserving.chain(self.unrecorded.values().copied()).chain(self.look_at).min()
    }

    /// What became of a group: as `node` should know that keeps a bundle.
    pub fn fate(&self, id: GroupId, node: NodeId) -> Fate {
        let keeps = |record: &GroupRecord| record.bundles.iter().any(|(_, at)| *at == node);
        match self.groups.get(&id).map(|group| &group.state) {
            Some(State::Reserved(record)) if keeps(record) => Fate::There,
            Some(State::Reserving(reserving)) if keeps(&reserving.record) => Fate::Open,
            Some(_) | None => Fate::Gone,
        }
    }

    /// A group that is here, or is being reserved.
    pub fn get(&self, id: GroupId) -> Option<GroupView<'_>> {
        self.groups.get(&id).map(view)
    }

    /// Where the bundles of a group are, if it is reserved.
    pub fn record(&self, id: GroupId) -> Option<&Arc<GroupRecord>> {
        match &self.groups.get(&id)?.state {
            State::Reserved(record) => Some(record),
            State::Waiting(_) | State::Reserving(_) => None,
        }
    }

    /// Every group, in the order of creation.
    pub fn list(&self) -> impl Iterator<Item = GroupView<'_>> {
        self.groups.values().map(view)
    }

    /// Groups in the order of creation: the first `limit` of those behind
    /// `after`, and whether more follow.
    pub fn page(&self, after: Option<GroupId>, limit: usize) -> (Vec<GroupView<'_>>, bool) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut behind = self.groups.range((from, Bound::Unbounded)).map(|(_, group)| view(group));
        let page: Vec<GroupView<'_>> = behind.by_ref().take(limit).collect();
        let more = behind.next().is_some();
        (page, more)
    }

    /// How many groups there are.
    pub fn count(&self) -> usize {
        self.groups.len()
    }

    fn create(&mut self, now: Duration, wish: Wish, nodes: Nodes<'_>, effects: &mut Vec<Effect>) {
        let id = wish.id;
        if self.ended_jobs.contains(&wish.job) {
            return effects.push(Effect::Ended(id, job_is_over(wish.job)));
        }
        if let Plan::Never(reasons) = plan(&wish.bundles, wish.strategy, &nodes()) {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            let (count, strategy) = (wish.bundles.len(), wish.strategy);
            let why = format!("no room for {count} bundles ({strategy}): {}", reasons.join("; "));
            return effects.push(Effect::Ended(id, Error::Unplaceable(why)));
        }
        let (state, refused) = (State::Waiting(String::new()), BTreeSet::new());
        self.groups.insert(id, Group { wish, state, refused, attempt: 0, not_before: now });
        self.waiting.insert(id);
        self.look(now, id, nodes, effects);
    }

    fn tick(&mut self, now: Duration, nodes: Nodes<'_>, effects: &mut Vec<Effect>) {
        for id in self.reserving.clone() {
            let Some(reserving) = self.reserving(id) else { continue };
            if reserving.record_again.is_some_and(|at| at <= now) {
                reserving.record_again = None;
                effects.push(Effect::Record(reserving.record.clone()));
            } else if reserving.machine.wake_at().is_some_and(|at| at <= now) {
                self.reservation(now, id, reservation::Event::Tick, nodes, effects);
            }
        }
        for (id, again) in self.unrecorded.iter_mut().filter(|(_, at)| **at <= now) {
            *again = now.saturating_add(limits::CONTROL_RETRY);
            effects.push(Effect::Unrecord(*id));
        }
        if self.look_at.is_some_and(|at| at <= now) {
            self.look_at_some(now, nodes, effects);
        }
    }

    /// The group is not to be there any more.
    fn end(&mut self, now: Duration, id: GroupId, why: Error, effects: &mut Vec<Effect>) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        match &mut group.state {
            State::Waiting(_) => self.forget(id, why, effects),
            State::Reserved(record) => {
                let record = record.clone();
                self.undo(now, &record, why, effects);
            }
            State::Reserving(reserving) => {
                let mut said = Vec::new();
                let given_up = reservation::Event::Refused(0, String::new());
                reserving.machine.handle(now, given_up, &mut said);
                // Else the record is being written, and its fate is awaited.
                reserving.ending.get_or_insert(why);
                self.carry_out(now, id, said, &Vec::new, effects);
            }
        }
    }

    /// Takes back a group that has a record.
    fn undo(&mut self, now: Duration, record: &GroupRecord, why: Error, effects: &mut Vec<Effect>) {
        let id = record.id;
        let nodes: BTreeSet<NodeId> = record.bundles.iter().map(|(_, node)| *node).collect();
        effects.extend(nodes.into_iter().map(|node| Effect::Abort(node, id)));
        self.unrecorded.insert(id, now.saturating_add(limits::CONTROL_RETRY));
        effects.push(Effect::Unrecord(id));
        self.forget(id, why, effects);
    }

    fn forget(&mut self, id: GroupId, why: Error, effects: &mut Vec<Effect>) {
        self.groups.remove(&id);
        self.reserving.remove(&id);
        self.waiting.remove(&id);
        effects.push(Effect::Ended(id, why));
    }

    fn job_ended(&mut self, now: Duration, job: JobId, effects: &mut Vec<Effect>) {
        self.ended_jobs.push_back(job);
        if self.ended_jobs.len() > ENDED_JOBS {
            self.ended_jobs.pop_front();
        }
        self.end_all(now, effects, |group| (group.wish.job == job).then(|| job_is_over(job)));
    }

    fn end_all(
        &mut self,
        now: Duration,
        effects: &mut Vec<Effect>,
        why: impl Fn(&Group) -> Option<Error>,
    ) {
        let ends = self.groups.iter().filter_map(|(id, group)| Some((*id, why(group)?)));
        let ends: Vec<(GroupId, Error)> = ends.collect();
        ends.into_iter().for_each(|(id, why)| self.end(now, id, why, effects));
    }

    fn node_gone(
        &mut self,
        now: Duration,
        node: NodeId,
        nodes: Nodes<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let keeps = |record: &GroupRecord| record.bundles.iter().any(|(_, at)| *at == node);
        let lost = || Error::Unavailable(format!("{node}, which held a bundle of it, is lost"));
        self.end_all(now, effects, |group| match &group.state {
            _ if group.wish.job.node == node => {
                Some(Error::Invalid(format!("{node}, where its job began, is lost")))
            }
            State::Reserved(record) if keeps(record) => Some(lost()),
            _ => None,
        });
        for id in self.reserving.clone() {
            if let Some(reserving) = self.reserving(id).filter(|group| keeps(&group.record)) {
                reserving.lost = Some(lost());
            }
            self.reservation(now, id, reservation::Event::NodeGone(node), nodes, effects);
        }
    }

    fn reserving(&mut self, id: GroupId) -> Option<&mut Reserving> {
        match &mut self.groups.get_mut(&id)?.state {
            State::Reserving(reserving) => Some(reserving),
            State::Waiting(_) | State::Reserved(_) => None,
        }
    }
}

fn job_is_over(job: JobId) -> Error {
    Error::Invalid(format!("its job {job} ended"))
}

fn view(group: &Group) -> GroupView<'_> {
    let (nodes, waits) = match &group.state {
        State::Waiting(why) => (None, why.as_str()),
        State::Reserving(_) => (None, ""),
        State::Reserved(record) => {
            (Some(record.bundles.iter().map(|(_, node)| *node).collect()), "")
        }
    };
    GroupView { wish: &group.wish, nodes, waits }
}
