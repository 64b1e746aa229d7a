//! Placement groups of several nodes.
//!
//! The node that a group was created on is its coordinator: it plans it, has
//! its bundles prepared and writes its record, which is bound to this node's
//! lease. Every node keeps bundles for others, and sees now and then whether
//! they are still wanted, since what it should have been told may be lost.
//! Whoever wants to put an actor into a group of another node reads the record.

mod bundles;
mod choosing;

pub(crate) use choosing::Places;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use host_core::control::{Answer, GroupRecord, Guard, Key, Request, Value, Write};
use host_core::placement::group::coordinator::{Effect, Event as GroupEvent};
use host_core::placement::group::{Coordinator, GroupStrategy, Wish};
use host_core::resources::Resources;
use host_core::session::Room;
use host_core::{Error, GroupId, JobId, NodeId, limits};
use host_proto::node as proto;
use host_proto::node::message::Kind;
use tokio::sync::oneshot;

use crate::machines::{Event, Machines, Todo};
use crate::nodes::encode;
use crate::wire::{self, Read, WireId};

/// Told once: that a group is reserved, or why it is not there.
pub(crate) type Told = oneshot::Sender<Result<(), Error>>;

/// The groups that this node has to do with.
#[derive(Default)]
pub(crate) struct Groups {
    coordinator: Coordinator,
    /// Who wants a group to be reserved that is not yet.
    waiters: BTreeMap<GroupId, Waiters>,
    /// Who was promised the id of a group, until it is known that it can be.
    creating: BTreeMap<GroupId, oneshot::Sender<Result<GroupId, Error>>>,
    /// Groups of other nodes that somebody here waits for.
    asked: BTreeMap<u64, AskedFor>,
    next: u64,
    /// Whether bundles may be kept here, and when they are looked at.
    compare_at: Option<Duration>,
    /// Counts actors that may be in any bundle of their group.
    turn: u64,
}

#[derive(Default)]
struct Waiters {
    here: Vec<Told>,
    /// Each node asks once: by its number for the question.
    elsewhere: BTreeMap<NodeId, u64>,
}

struct AskedFor {
    group: GroupId,
    job: JobId,
    told: Told,
}

/// What the control store was asked about groups.
pub(crate) enum Question {
    /// To write the record.
    Record(GroupId),
    /// To delete it.
    Unrecord(GroupId),
    /// Whether these are still recorded.
    Compare(Vec<GroupId>),
}

impl Groups {
    pub(crate) fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    pub(crate) fn wake_at(&self) -> Option<Duration> {
        [self.coordinator.wake_at(), self.compare_at].into_iter().flatten().min()
    }
}

impl Machines {
    /// Somebody here wants a group.
    pub(crate) fn create_group(
        &mut self,
        job: JobId,
        bundles: Vec<Resources>,
        strategy: GroupStrategy,
        answer: oneshot::Sender<Result<GroupId, Error>>,
    ) {
        if self.groups.coordinator.count() >= limits::NODE_GROUPS {
            let most = limits::NODE_GROUPS;
            let why = format!("{most} placement groups were created on this node");
            return drop(answer.send(Err(Error::Unavailable(why))));
        }
        if self.view().get(job.node).is_none() {
            let why = format!("{}, where its job began, is lost", job.node);
            return drop(answer.send(Err(Error::Invalid(why))));
        }
        let id = GroupId { node: self.shared.id, seq: self.shared.local.next_actor() };
        self.groups.creating.insert(id, answer);
        self.group(GroupEvent::Create(Wish { id, job, bundles, strategy }));
        // If it cannot be, that is the first thing that the machine says.
        self.later([Todo::GroupCreated(id)]);
    }

    /// Nothing stands in its way for ever.
    pub(crate) fn group_created(&mut self, id: GroupId) {
        if let Some(answer) = self.groups.creating.remove(&id) {
            let _ = answer.send(Ok(id));
        }
    }

    /// Somebody here waits for a group of a job.
    pub(crate) fn group_ready(&mut self, group: GroupId, job: JobId, told: Told) {
        if group.node == self.shared.id {
            let Some(settled) = self.readiness(group, job) else {
                return self.groups.waiters.entry(group).or_default().here.push(told);
            };
            return drop(told.send(settled));
        }
        if self.view().get(group.node).is_none() {
            return drop(told.send(Err(not_there(group))));
        }
        self.groups.next += 1;
        let request = self.groups.next;
        self.groups.asked.insert(request, AskedFor { group, job, told });
        self.ask_ready(request);
    }

    fn ask_ready(&mut self, request: u64) {
        let Some(asked) = self.groups.asked.get(&request) else { return };
        let (group, job) = (asked.group, asked.job);
        let ask = proto::AskGroup { request, group: Some(group.id()), job: Some(job.id()) };
        self.answer(group.node, Kind::AskGroup(ask));
    }

    /// Whether a group of this node is reserved; none if that is open.
    fn readiness(&self, group: GroupId, job: JobId) -> Option<Result<(), Error>> {
        match self.groups.coordinator.get(group) {
            Some(view) if view.wish.job != job => Some(Err(of_another_job(group))),
            Some(view) if view.nodes.is_some() => Some(Ok(())),
            Some(_) => None,
            None => Some(Err(not_there(group))),
        }
    }

    /// Somebody here wants a group to end.
    pub(crate) fn remove_group(&mut self, group: GroupId, job: JobId) {
        if group.node != self.shared.id {
            let remove = proto::RemoveGroup { group: Some(group.id()), job: Some(job.id()) };
            return self.answer(group.node, Kind::RemoveGroup(remove));
        }
        if self.groups.coordinator.get(group).is_some_and(|view| view.wish.job == job) {
            let why = Error::Invalid(format!("placement group {group} was removed"));
            self.group(GroupEvent::Remove(group, why));
        }
    }

    /// Gives an event to the machine of this node's own groups.
    pub(crate) fn group(&mut self, event: GroupEvent) {
        let mut effects = Vec::new();
        let view = self.membership.view();
        let nodes = || self.nodes.views(&self.shared, view, self.drains.is_own());
        self.groups.coordinator.handle(self.now, event, &nodes, &mut effects);
        self.later(effects.into_iter().map(Todo::Group));
    }

    pub(crate) fn group_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Prepare(node, id, attempt, bundle, resources) => {
                self.ask_to_prepare(node, id, attempt, bundle, resources);
            }
            Effect::Record(record) => self.record_group(&record),
            Effect::Unrecord(id) => {
                let writes = vec![Write::Delete(Key::Group(id))];
                let request = Request::Commit { guards: Vec::new(), writes };
                self.ask_of_group(Question::Unrecord(id), request);
            }
            Effect::Commit(node, id) if node == self.shared.id => self.commit_group(id),
            Effect::Commit(node, id) => {
                let group = Some(id.id());
                self.answer(node, Kind::CommitGroup(proto::CommitGroup { group }));
            }
            Effect::Abort(node, id) if node == self.shared.id => self.let_group_go(id),
            Effect::Abort(node, id) => {
                let group = Some(id.id());
                self.answer(node, Kind::AbortGroup(proto::AbortGroup { group }));
            }
            Effect::Waits(id, reason) => {
                tracing::info!(group = %id, reason, "placement group waits for resources");
            }
            Effect::Reserved(record) => {
                tracing::info!(group = %record.id, "placement group is reserved");
                self.tell_group(record.id, &Ok(()));
            }
            Effect::Ended(id, why) => {
                tracing::info!(group = %id, %why, "placement group has ended");
                if let Some(answer) = self.groups.creating.remove(&id) {
                    let _ = answer.send(Err(why.clone()));
                }
                self.tell_group(id, &Err(why));
            }
        }
    }

    fn ask_to_prepare(
        &mut self,
        node: NodeId,
        id: GroupId,
        attempt: u32,
        bundle: u32,
        resources: Resources,
    ) {
        let Some(job) = self.groups.coordinator.get(id).map(|view| view.wish.job) else { return };
        self.placed(node, &resources);
        let kept = if node == self.shared.id {
            self.prepare(node, job, (id, bundle), resources)
        } else {
            let prepare = proto::PrepareBundle {
                group: Some(id.id()),
                attempt,
                bundle,
                job: Some(job.id()),
                resources: wire::amounts(&resources),
            };
            let payload = encode(Kind::PrepareBundle(prepare));
            match self.shared.sessions.send(node, payload, Room::New) {
                Ok(()) => return,
                Err(full) => Err(format!("{node} is not reached: {full}")),
            }
        };
        self.group(match kept {
            Ok(()) => GroupEvent::Prepared(id, attempt, bundle),
            Err(why) => GroupEvent::Refused(id, attempt, bundle, why),
        });
    }

    /// The record is written at most by one try, since each says that there is
    /// none; and never once a node of the group, or this one, has gone.
    fn record_group(&mut self, record: &std::sync::Arc<GroupRecord>) {
        let nodes: BTreeSet<NodeId> = record.bundles.iter().map(|(_, node)| *node).collect();
        let mut guards = vec![Guard::Absent(Key::Group(record.id))];
        let present = nodes.into_iter().chain([self.shared.id]).map(Key::Node);
        guards.extend(present.map(Guard::Present));
        let lease = self.membership.lease();
        let writes = vec![Write::Put(Key::Group(record.id), Value::Group(record.clone()), lease)];
        self.ask_of_group(Question::Record(record.id), Request::Commit { guards, writes });
    }

    fn ask_of_group(&self, question: Question, request: Request) {
        let asked = self.shared.control.ask(request);
        let shared = self.shared.clone();
        self.shared.runtime.spawn(async move {
            let answer = asked.await;
            shared.bring(Event::GroupAnswered(question, answer));
        });
    }

    pub(crate) fn group_answered(&mut self, question: Question, answer: Answer) {
        match (question, answer) {
            (Question::Record(id), Answer::Committed(_)) => self.group(GroupEvent::Recorded(id)),
            (Question::Record(id), Answer::Refused { entries, .. }) => {
                let there = entries.iter().any(|entry| entry.key == Key::Group(id));
                let why = || "a node of it has gone".into();
                self.group(match there {
                    true => GroupEvent::Recorded(id),
                    false => GroupEvent::NotRecorded(id, why()),
                });
            }
            (Question::Record(id), _) => self.group(GroupEvent::MaybeRecorded(id)),
            (Question::Unrecord(id), Answer::Committed(_)) => {
                self.group(GroupEvent::Unrecorded(id));
            }
            (Question::Compare(ids), Answer::Entries { entries, .. }) => {
                let recorded = |id: &GroupId| entries.iter().any(|e| e.key == Key::Group(*id));
                let gone: Vec<GroupId> = ids.into_iter().filter(|id| !recorded(id)).collect();
                gone.into_iter().for_each(|id| self.let_group_go(id));
            }
            // They are asked again.
            (Question::Unrecord(_) | Question::Compare(_), _) => {}
        }
    }

    fn tell_group(&mut self, id: GroupId, outcome: &Result<(), Error>) {
        let Some(waiters) = self.groups.waiters.remove(&id) else { return };
        for told in waiters.here {
            let _ = told.send(outcome.clone());
        }
        for (node, request) in waiters.elsewhere {
            self.tell_asker(node, request, outcome);
        }
    }

    fn tell_asker(&mut self, node: NodeId, request: u64, outcome: &Result<(), Error>) {
        let error = outcome.as_ref().err().map(wire::error);
        self.answer(node, Kind::GroupSaid(proto::GroupSaid { request, error }));
    }

    pub(crate) fn take_ask_group(&mut self, from: NodeId, ask: proto::AskGroup) -> Read<()> {
        let (group, job) = (GroupId::read(ask.group)?, JobId::read(ask.job)?);
        match self.readiness(group, job) {
            Some(settled) => self.tell_asker(from, ask.request, &settled),
            None => {
                let waiters = self.groups.waiters.entry(group).or_default();
                if let Some(before) = waiters.elsewhere.insert(from, ask.request)
                    && before != ask.request
                {
                    let why = Error::Unavailable("it was asked again".into());
                    self.tell_asker(from, before, &Err(why));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn take_group_said(&mut self, from: NodeId, said: proto::GroupSaid) -> Read<()> {
        let asked = self.groups.asked.get(&said.request);
        if asked.is_some_and(|asked| asked.group.node == from)
            && let Some(asked) = self.groups.asked.remove(&said.request)
        {
            let outcome = said.error.map_or(Ok(()), |error| Err(wire::read_error(error)));
            let _ = asked.told.send(outcome);
        }
        Ok(())
    }

    pub(crate) fn take_remove_group(&mut self, remove: proto::RemoveGroup) -> Read<()> {
        let group = GroupId::read(remove.group)?;
        if group.node == self.shared.id {
            self.remove_group(group, JobId::read(remove.job)?);
        }
        Ok(())
    }

    pub(crate) fn take_prepared(
        &mut self,
        from: NodeId,
        prepared: proto::BundlePrepared,
    ) -> Read<()> {
        let proto::BundlePrepared { group, attempt, bundle, refused } = prepared;
        let id = GroupId::read(group)?;
        let view = self.groups.coordinator.get(id);
        if view.is_none_or(|view| bundle as usize >= view.wish.bundles.len()) {
            return Ok(());
        }
        self.group(match refused {
            None => GroupEvent::Prepared(id, attempt, bundle),
            Some(why) => GroupEvent::Refused(id, attempt, bundle, format!("{from}: {why}")),
        });
        Ok(())
    }

    /// A session is lost, and with it what was under way.
    pub(crate) fn groups_lost(&mut self, peer: NodeId) {
        self.group(GroupEvent::Lost(peer));
        let asked = self.groups.asked.iter().filter(|(_, asked)| asked.group.node == peer);
        let asked: Vec<u64> = asked.map(|(request, _)| *request).collect();
        asked.into_iter().for_each(|request| self.ask_ready(request));
    }

    /// A node has gone: its groups, and those that it kept bundles of.
    pub(crate) fn groups_of_gone(&mut self, node: NodeId) {
        self.group(GroupEvent::NodeGone(node));
        self.bundles_of_gone(node);
        for waiters in self.groups.waiters.values_mut() {
            waiters.elsewhere.remove(&node);
        }
        let gone = self.groups.asked.extract_if(.., |_, asked| asked.group.node == node);
        for (_, asked) in gone {
            let _ = asked.told.send(Err(not_there(asked.group)));
        }
    }

    pub(crate) fn groups_tick(&mut self) {
        if self.groups.coordinator.wake_at().is_some_and(|at| at <= self.now) {
            self.group(GroupEvent::Tick);
        }
        if self.groups.compare_at.is_some_and(|at| at <= self.now) {
            self.compare_bundles();
        }
    }
}

pub(crate) fn not_there(group: GroupId) -> Error {
    Error::Invalid(format!("placement group {group} is not there any more"))
}

fn of_another_job(group: GroupId) -> Error {
    Error::Denied(format!("placement group {group} is of another job"))
}
