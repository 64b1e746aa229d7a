//! The nodes of the cluster: this one's membership, and what the others have
//! free.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use host_core::calls::{CalleeEvent, CallerEvent};
use host_core::control::{Answer, NodeRecord};
use host_core::directory::Event as DirectoryEvent;
use host_core::lending::Event as LendingEvent;
use host_core::membership::{Config, Effect, Event, Membership, Standing, View};
use host_core::placement::NodeView;
use host_core::placement::group::coordinator::Event as GroupEvent;
use host_core::resources::{Amount, Resources};
use host_core::session::Room;
use host_core::{Cause, ClusterId, NodeId};
use host_proto::node as proto;
use host_proto::node::message::Kind;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::groups::Groups;
use crate::machines::{Asker, Machines, Todo};
use crate::member::{Ended, NodeSummary, Shared};
use crate::ports::Control;
use crate::wire;

/// How often a node says what it has free, at most: a spawn that meets an old
/// view is refused by the node and tried elsewhere, so this only saves tries.
const LOAD_INTERVAL: Duration = Duration::from_millis(100);

/// A node that has just got its id.
pub struct Registered {
    pub(crate) membership: Membership,
    pub(crate) id: NodeId,
    pub(crate) name: Arc<str>,
    pub(crate) cluster: ClusterId,
    pub(crate) started: Instant,
    pub(crate) effects: Vec<Effect>,
}

impl Registered {
    /// Its id.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Its cluster's.
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }
}

/// Registers a node in the control store: waits, for as long as it takes, for
/// a store that does not answer.
///
/// # Errors
/// [`Ended::Foreign`] if the store is another cluster's.
pub async fn register(config: Config, control: &dyn Control) -> Result<Registered, Ended> {
    let started = Instant::now();
    let name = config.record.name.clone();
    let mut membership = Membership::new(config);
    let mut effects = Vec::new();
    membership.handle(Duration::ZERO, Event::Tick, &mut effects);
    loop {
        let mut asked = None;
        let mut rest = std::mem::take(&mut effects).into_iter();
        while let Some(effect) = rest.next() {
            match effect {
                Effect::Ask(ticket, request) => asked = Some((ticket, request)),
                Effect::Foreign(found) => return Err(Ended::Foreign(found)),
                Effect::Registered(id, cluster, _) => {
                    let effects = [effect].into_iter().chain(rest).collect();
                    return Ok(Registered { membership, id, name, cluster, started, effects });
                }
                _ => {}
            }
        }
        let event = match asked {
            Some((ticket, request)) => Event::Answered(ticket, control.ask(request).await),
            None => {
                let wake_at = membership.wake_at().unwrap_or_default();
                tokio::time::sleep_until(started + wake_at).await;
                Event::Tick
            }
        };
        if let Event::Answered(_, Answer::Unknown) = &event {
            tracing::warn!("the control store does not answer; trying again");
        }
        membership.handle(started.elapsed(), event, &mut effects);
    }
}

/// What a member knows of the others.
#[derive(Default)]
pub(crate) struct Nodes {
    /// What each last said is free, less what was placed there since.
    loads: BTreeMap<NodeId, Load>,
    /// What this node last said, and when.
    said: Option<(Load, Duration)>,
    /// Another node has counted an actor as placed here, and must hear what is
    /// free even if that is what it was before: the actor may have ended since.
    owed: bool,
    watches: BTreeMap<u8, AbortHandle>,
    /// The revision of the view that sessions were last compared with.
    seen: host_core::control::Revision,
}

#[derive(Clone, PartialEq, Debug)]
struct Load {
    free: Resources,
    actors: u32,
}

impl Nodes {
    /// When this node has to say again what it has free.
    pub(crate) fn wake_at(&self) -> Option<Duration> {
        Some(self.said.as_ref().map_or(Duration::ZERO, |(_, at)| *at + LOAD_INTERVAL))
    }

    /// The cluster as placement sees it. `is_draining`: this node is.
    pub(crate) fn views(&self, shared: &Shared, view: &View, is_draining: bool) -> Vec<NodeView> {
        let (own_free, own_actors) = shared.local.load();
        let one = |record: &Arc<NodeRecord>| {
            let (free, actors) = if record.id == shared.id {
                (own_free.clone(), own_actors)
            } else {
                let load = self.loads.get(&record.id);
                load.map_or_else(
                    || (record.total.clone(), 0),
                    |load| (load.free.clone(), load.actors),
                )
            };
            NodeView {
                id: record.id,
                name: record.name.to_string(),
                total: record.total.clone(),
                free,
                labels: record.labels.clone(),
                actors,
                // Known here before it is recorded.
                draining: record.draining || (record.id == shared.id && is_draining),
            }
        };
        view.nodes().map(one).collect()
    }

    /// A watch takes the place of the one before.
    pub(crate) fn watching(&mut self, asker: Asker, task: AbortHandle) {
        if let Some(before) = self.watches.insert(asker as u8, task) {
            before.abort();
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.watches.values().for_each(AbortHandle::abort);
    }
}

impl Machines {
    pub(crate) fn member(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.membership.handle(self.now, event, &mut effects);
        let said = effects.into_iter().map(Todo::Membership);
        self.later(said.chain([Todo::DropPassed]));
    }

    pub(crate) fn member_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Ask(ticket, request) => self.ask(Asker::Membership, ticket, request),
            Effect::Watch(after) => {
                self.watch(Asker::Membership, host_core::control::Prefix::Nodes, after);
            }
            Effect::Registered(_, _, until) | Effect::Renewed(until) => {
                self.callee(CalleeEvent::ValidUntil(until));
                self.directory(DirectoryEvent::ValidUntil(until));
            }
            Effect::StopMovable => {
                tracing::warn!("the lease could not be renewed: actors that may move are stopped");
                self.stop_movable();
            }
            Effect::Ended(id) => {
                tracing::warn!(%id, "the lease is over; this node registers anew");
                self.close(Ended::LeaseLost);
            }
            Effect::Foreign(found) => self.close(Ended::Foreign(found)),
            Effect::Joined(record) => {
                tracing::info!(node = %record.id, name = %record.name, "a node is there");
                if record.id != self.shared.id {
                    let load = Load { free: record.total.clone(), actors: 0 };
                    self.nodes.loads.entry(record.id).or_insert(load);
                    self.nodes.said = None;
                    self.look_elsewhere();
                    self.group(GroupEvent::Room);
                }
            }
            Effect::Changed(record) => {
                if record.draining {
                    tracing::info!(node = %record.id, name = %record.name, "a node is drained");
                }
            }
            Effect::Left(record) => {
                tracing::warn!(node = %record.id, name = %record.name, "a node has gone");
                self.node_gone(record.id, &record.name);
            }
        }
    }

    /// Ends everything that bears this node's id.
    pub(crate) fn close(&mut self, why: Ended) {
        self.over = true;
        // Whoever waits for one is told.
        self.groups = Groups::default();
        self.shared.end(why);
    }

    /// Nodes that came and went between two views: nobody says so.
    pub(crate) fn drop_passed(&mut self) {
        let revision = self.membership.view().revision();
        if self.nodes.seen == revision {
            return;
        }
        self.nodes.seen = revision;
        let gone = |peer: &NodeId| self.membership.view().standing(*peer) == Standing::Gone;
        let passed: Vec<NodeId> = self.shared.sessions.peers().into_iter().filter(gone).collect();
        for peer in passed {
            self.node_gone(peer, &peer.to_string());
        }
    }

    fn node_gone(&mut self, node: NodeId, name: &str) {
        self.nodes.loads.remove(&node);
        self.shared.sessions.gone(node);
        self.lending(LendingEvent::NodeGone(node));
        self.caller(CallerEvent::NodeGone(node, name.into()));
        self.callee(CalleeEvent::NodeGone(node));
        self.directory(DirectoryEvent::NodeGone(node));
        self.drains_gone(node);
        self.spawns_lost(node);
        self.groups_of_gone(node);
        self.objects_lost(node);
        self.actors_of_gone(node);
        self.sought_gone(node);
        self.shared.local.end_jobs_of(node, Cause::NodeLost);
    }

    /// Sends a message; an answer always has room.
    pub(crate) fn answer(&mut self, to: NodeId, kind: Kind) {
        let payload = encode(kind);
        if self.membership.view().standing(to) == Standing::Gone || to == self.shared.id {
            return;
        }
        if payload.len() > host_transport::PAYLOAD_BYTES_MAX {
            tracing::error!(%to, bytes = payload.len(), "a message is too large and was not sent");
            return;
        }
        if let Err(full) = self.shared.sessions.send(to, payload, Room::Answer) {
            // The peer is far behind on everything: it is as good as lost.
            tracing::warn!(%to, %full, "a message was not sent");
        }
    }

    pub(crate) fn said(&mut self, from: NodeId, message: proto::Message) {
        let Some(kind) = message.kind else {
            tracing::warn!(%from, "a message of an unknown kind was left out");
            return;
        };
        if let Err(why) = self.take(from, kind) {
            tracing::warn!(%from, why, "a message that makes no sense was left out");
        }
    }

    fn take(&mut self, from: NodeId, kind: Kind) -> wire::Read<()> {
        match kind {
            Kind::Call(call) => self.take_call(from, call)?,
            Kind::Answer(answer) => self.take_answer(from, answer)?,
            Kind::Cancel(cancel) => self.take_cancel(from, cancel)?,
            Kind::Loan(loan) => {
                self.lending(LendingEvent::Received(from, wire::read_loan(loan)?));
            }
            Kind::Watch(watch) => self.take_watch(from, watch)?,
            Kind::Settled(settled) => self.take_settled(from, settled)?,
            Kind::Spawn(spawn) => self.take_spawn(from, spawn)?,
            Kind::Spawned(spawned) => self.take_spawned(from, spawned)?,
            Kind::Owns(owns) => self.take_owns(from, owns)?,
            Kind::Load(load) => {
                let free = wire::read_amounts(&load.free)?;
                self.nodes.loads.insert(from, Load { free, actors: load.actors });
                self.look_elsewhere();
                self.group(GroupEvent::Room);
            }
            Kind::EndJob(end) => {
                let job: host_core::JobId = wire::WireId::read(end.job)?;
                if job.node != from {
                    return Err(format!("{from} ends {job}, which is not its own"));
                }
                self.shared.local.end_job(job, Cause::JobEnded);
                self.group(GroupEvent::JobEnded(job));
            }
            Kind::Seek(seek) => self.take_seek(from, seek)?,
            Kind::Sought(sought) => self.take_sought(from, sought)?,
            Kind::Probe(probe) => self.take_probe(from, probe)?,
            Kind::Drain(drain) => self.take_drain(from, &drain),
            Kind::DrainSaid(said) => self.take_drain_said(from, said)?,
            Kind::Leaving(_) => self.take_leaving(from),
            Kind::Farewell(_) => self.take_farewell(from),
            Kind::PrepareBundle(prepare) => self.take_prepare(from, prepare)?,
            Kind::BundlePrepared(prepared) => self.take_prepared(from, prepared)?,
            Kind::CommitGroup(commit) => self.take_commit(from, commit)?,
            Kind::AbortGroup(abort) => self.take_abort(from, abort)?,
            Kind::DoubtGroup(doubt) => self.take_doubt(from, doubt)?,
            Kind::AskGroup(ask) => self.take_ask_group(from, ask)?,
            Kind::GroupSaid(said) => self.take_group_said(from, said)?,
            Kind::RemoveGroup(remove) => self.take_remove_group(remove)?,
        }
        Ok(())
    }

    pub(crate) fn up(&mut self, peer: NodeId) {
        self.caller(CallerEvent::SessionUp(peer));
        self.nodes.said = None;
    }

    pub(crate) fn lost(&mut self, peer: NodeId) {
        self.lending(LendingEvent::SessionLost(peer));
        self.callee(CalleeEvent::SessionLost(peer));
        self.calls_lost(peer);
        self.caller(CallerEvent::SessionLost(peer));
        self.spawns_lost(peer);
        self.groups_lost(peer);
        self.say_owned(peer);
        self.watch_again(peer);
        self.say_ended_jobs(peer);
    }

    /// Tells the others what is free here, if it is something else than
    /// before, and not too often.
    pub(crate) fn tell_load(&mut self) {
        let due = self.nodes.wake_at().is_none_or(|at| at <= self.now);
        if !due {
            return;
        }
        let (free, actors) = self.shared.local.load();
        let load = Load { free, actors };
        let known = self.nodes.said.as_ref().is_some_and(|(said, _)| *said == load);
        let owed = std::mem::take(&mut self.nodes.owed);
        if !known || owed {
            let amounts = wire::amounts(&load.free);
            let others = self.membership.view().nodes().map(|node| node.id);
            let others: Vec<NodeId> = others.filter(|id| *id != self.shared.id).collect();
            for node in others {
                let free = amounts.clone();
                self.answer(node, Kind::Load(proto::Load { free, actors }));
            }
        }
        self.nodes.said = Some((load, self.now));
    }

    /// The cluster as placement sees it.
    pub(crate) fn node_views(&self) -> Vec<NodeView> {
        self.nodes.views(&self.shared, self.membership.view(), self.drains.is_own())
    }

    /// Another node has placed an actor here.
    pub(crate) fn owe_load(&mut self) {
        self.nodes.owed = true;
    }

    /// What was placed on a node counts at once, before it says so itself.
    pub(crate) fn placed(&mut self, node: NodeId, resources: &Resources) {
        if let Some(load) = self.nodes.loads.get_mut(&node) {
            load.free = load.free.saturating_sub(resources);
            load.actors = load.actors.saturating_add(1);
        }
    }

    pub(crate) fn summaries(&self) -> Vec<NodeSummary> {
        let views = self.node_views();
        let nodes = self.membership.view().nodes().zip(views);
        let summary = |(record, view): (&Arc<NodeRecord>, NodeView)| NodeSummary {
            record: record.clone(),
            free: view.free,
            actors: view.actors,
        };
        nodes.map(summary).collect()
    }

    pub(crate) fn view(&self) -> &View {
        self.membership.view()
    }
}

/// A node's cores, for spreading what asks for nothing.
pub(crate) fn cores(node: &NodeView) -> u64 {
    node.total.get("cpus").max(Amount::whole(1).unwrap_or_default()).floor()
}

/// A message as a frame's payload.
pub(crate) fn encode(kind: Kind) -> bytes::Bytes {
    use prost::Message as _;
    proto::Message { kind: Some(kind) }.encode_to_vec().into()
}
