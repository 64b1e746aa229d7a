//! Taking a node out of use.
//!
//! A node that drains says so in its record, and nothing more is placed on
//! it. Its actors that may restart elsewhere end the calls they have taken,
//! take no more, and move on; calls that come meanwhile find them there. The
//! others live on until they end by themselves, or until the deadline. Then
//! the node says farewell, so that all it has answered has arrived, and
//! leaves.

mod progress;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use host_core::calls::CalleeEvent;
use host_core::directory::Event as DirectoryEvent;
use host_core::membership::Event as MembershipEvent;
use host_core::{ActorId, Cause, Error, NodeId};
use host_proto::node as proto;
use host_proto::node::drain_said::Said;
use host_proto::node::message::Kind;
use rustc_hash::FxHashMap;
use tokio::sync::{oneshot, watch};

use crate::machines::Machines;
use crate::wire::Read;

pub use progress::{Drain, Listed};

/// How often a node that drains looks at what is left.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How long after the deadline actors may still find a place elsewhere: a few
/// writes to the control store.
const MOVE_TIME: Duration = Duration::from_secs(5);

/// How long a node that leaves waits for the others' farewell. They answer at
/// once; one that does not is slow or lost.
const FAREWELL_TIME: Duration = Duration::from_secs(2);

/// Drains of other nodes that are watched from here at once.
const WATCHED_MAX: usize = 1_000;

/// Drains that this node has to do with.
#[derive(Default)]
pub(crate) struct Drains {
    /// Its own.
    own: Option<Own>,
    /// Those of other nodes that somebody asked for here.
    watched: FxHashMap<u64, Watched>,
    next: u64,
}

/// What becomes of an order to drain a node.
pub(crate) type Begun = Result<watch::Receiver<Drain>, Error>;

/// The drain of this node.
struct Own {
    until: Duration,
    next_look: Duration,
    /// Whether the deadline has passed, and what could not move was ended.
    is_cut: bool,
    /// Actors that are to go elsewhere, and have not yet.
    moving: BTreeMap<ActorId, String>,
    moved: Listed,
    ended: Listed,
    told: watch::Sender<Drain>,
    /// The node that asked for it, if another did, and the number of its
    /// request.
    watcher: Option<(NodeId, u64)>,
    /// Nodes whose farewell is missing, and until when it is waited for.
    leaving: Option<(BTreeSet<NodeId>, Duration)>,
}

struct Watched {
    node: NodeId,
    begun: Option<oneshot::Sender<Begun>>,
    told: watch::Sender<Drain>,
}

impl Drains {
    /// Whether this node is being drained.
    pub(crate) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Whether an actor of this node ends only to go elsewhere.
    pub(crate) fn is_moving(&self, id: ActorId) -> bool {
        self.own.as_ref().is_some_and(|own| own.moving.contains_key(&id))
    }

    /// An actor is to go elsewhere.
    pub(crate) fn moves(&mut self, id: ActorId, label: impl FnOnce() -> String) {
        if let Some(own) = &mut self.own {
            own.moving.entry(id).or_insert_with(label);
        }
    }

    /// An actor is another node's now.
    pub(crate) fn moved(&mut self, id: ActorId) {
        if let Some(own) = &mut self.own
            && let Some(label) = own.moving.remove(&id)
        {
            own.moved.add(label);
        }
    }

    /// An actor that found no place has ended.
    pub(crate) fn ended(&mut self, id: ActorId) {
        if let Some(own) = &mut self.own
            && let Some(label) = own.moving.remove(&id)
        {
            own.ended.add(label);
        }
    }

    /// An actor ended by itself.
    pub(crate) fn forget(&mut self, id: ActorId) {
        if let Some(own) = &mut self.own {
            own.moving.remove(&id);
        }
    }

    pub(crate) fn wake_at(&self) -> Option<Duration> {
        self.own.as_ref().filter(|own| !own.told.borrow().over).map(|own| own.next_look)
    }
}

impl Machines {
    /// Somebody wants a node to be drained.
    pub(crate) fn drain(
        &mut self,
        node: NodeId,
        deadline: Duration,
        begun: oneshot::Sender<Begun>,
    ) {
        if node == self.shared.id {
            let _ = begun.send(self.begin_drain(deadline, None));
            return;
        }
        let refused = match () {
            () if self.view().get(node).is_none() => {
                Some(Error::Invalid(format!("there is no node {node}")))
            }
            () if self.drains.watched.len() >= WATCHED_MAX => {
                Some(Error::Unavailable(format!("{WATCHED_MAX} drains are watched from here")))
            }
            () => None,
        };
        if let Some(why) = refused {
            let _ = begun.send(Err(why));
            return;
        }
        self.drains.next += 1;
        let request = self.drains.next;
        let told = watch::Sender::new(Drain::default());
        self.drains.watched.insert(request, Watched { node, begun: Some(begun), told });
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        self.answer(node, Kind::Drain(proto::Drain { request, deadline_ms }));
    }

    /// Begins to drain this node; `watcher` is told how far it is.
    fn begin_drain(&mut self, deadline: Duration, watcher: Option<(NodeId, u64)>) -> Begun {
        let name = format!("{} ({})", self.shared.name, self.shared.id);
        if let Some(own) = &self.drains.own {
            let rest = own.until.saturating_sub(self.now).as_secs();
            return Err(Error::Invalid(format!(
                "{name} is being drained already; its deadline is in {rest} s"
            )));
        }
        let others = self.node_views();
        if !others.iter().any(|node| node.id != self.shared.id && !node.draining) {
            return Err(Error::Invalid(format!(
                "{name} is the last node that takes actors: they have nowhere to go; \
                 `host stop` ends it and them"
            )));
        }
        if let Some(why) = &self.shared.stays {
            return Err(Error::Invalid(format!(
                "{name} cannot be drained: {why}; `host stop` ends it at once"
            )));
        }
        tracing::info!(?deadline, "this node is drained");
        let (told, drain) = watch::channel(Drain::default());
        self.drains.own = Some(Own {
            until: self.now.saturating_add(deadline),
            next_look: self.now,
            is_cut: false,
            moving: BTreeMap::new(),
            moved: Listed::default(),
            ended: Listed::default(),
            told,
            watcher,
            leaving: None,
        });
        self.shared.draining.store(true, Ordering::Release);
        self.member(MembershipEvent::Drain);
        self.look_at_drain();
        Ok(drain)
    }

    pub(crate) fn take_drain(&mut self, from: NodeId, drain: &proto::Drain) {
        let request = drain.request;
        tracing::info!(%from, "another node was asked to drain this one");
        let deadline = Duration::from_millis(drain.deadline_ms);
        if let Err(why) = self.begin_drain(deadline, Some((from, request))) {
            let said = Some(Said::Refused(why.to_string()));
            self.answer(from, Kind::DrainSaid(proto::DrainSaid { request, said }));
        }
    }

    pub(crate) fn take_drain_said(&mut self, from: NodeId, said: proto::DrainSaid) -> Read<()> {
        let watched = self.drains.watched.get_mut(&said.request);
        let Some(watched) = watched.filter(|watched| watched.node == from) else { return Ok(()) };
        match said.said.ok_or("a drain of which nothing is said")? {
            Said::Refused(why) => {
                let begun = watched.begun.take();
                self.drains.watched.remove(&said.request);
                if let Some(begun) = begun {
                    let _ = begun.send(Err(Error::Invalid(why)));
                }
            }
            Said::Progress(progress) => {
                let drain = Drain::read(progress);
                let over = drain.over;
                watched.told.send_replace(drain);
                if let Some(begun) = watched.begun.take() {
                    let _ = begun.send(Ok(watched.told.subscribe()));
                }
                if over {
                    self.drains.watched.remove(&said.request);
                }
            }
        }
        Ok(())
    }

    /// A node has gone: whoever watched its drain sees no more of it.
    pub(crate) fn drains_gone(&mut self, node: NodeId) {
        self.drains.watched.retain(|_, watched| watched.node != node);
        if let Some(Own { leaving: Some((missing, _)), .. }) = &mut self.drains.own {
            missing.remove(&node);
        }
    }

    /// What is due of this node's own drain.
    pub(crate) fn look_at_drain(&mut self) {
        let now = self.now;
        let Some(own) = &mut self.drains.own else { return };
        if own.told.borrow().over || own.next_look > now {
            return;
        }
        own.next_look = now.saturating_add(LOOK_INTERVAL);
        if let Some((missing, until)) = &own.leaving {
            if missing.is_empty() || *until <= now {
                own.told.send_modify(|drain| drain.over = true);
                self.shared.drained.send_replace(true);
            }
            return;
        }
        self.move_on();
        self.cut();
        self.tell_drain();
        self.leave_if_empty();
    }

    /// Actors that may restart elsewhere end what they have taken, and those
    /// that wait for resources do so elsewhere.
    fn move_on(&mut self) {
        for id in self.waiting.actors() {
            self.drains.moves(id, || id.to_string());
            if !self.move_waiting(id) {
                self.drains.forget(id);
            }
        }
        for (id, label) in self.movable_here() {
            if self.drains.is_moving(id) {
                continue;
            }
            self.drains.moves(id, || label);
            self.callee(CalleeEvent::Closing(id));
            self.shared.local.retire(id, Cause::NodeLost);
        }
    }

    /// Past the deadline whatever is left is ended, and what found no place.
    fn cut(&mut self) {
        let now = self.now;
        let why = format!("node {} drained", self.shared.name);
        let Some(own) = &mut self.drains.own else { return };
        if now < own.until {
            return;
        }
        if !own.is_cut {
            own.is_cut = true;
            for (id, label) in self.shared.local.end_all(&why) {
                if !own.moving.contains_key(&id) {
                    own.ended.add(label);
                }
            }
            return;
        }
        if now >= own.until.saturating_add(MOVE_TIME) {
            let why: Arc<str> = format!("{why}, and no other node had room").into();
            let stuck: Vec<ActorId> = own.moving.keys().copied().collect();
            for id in stuck {
                self.directory(DirectoryEvent::Ended(id, Cause::NodeLost, why.clone()));
            }
        }
    }

    fn progress(&self, own: &Own) -> Drain {
        let (_, actors) = self.shared.local.load();
        let waiting = own.moving.keys().filter(|id| !self.actors.guests.contains_key(id)).count();
        let rest = own.until.saturating_sub(self.now);
        Drain {
            moved: own.moved.clone(),
            ended: own.ended.clone(),
            left: actors.saturating_add(u32::try_from(waiting).unwrap_or(u32::MAX)),
            rest_ms: u64::try_from(rest.as_millis()).unwrap_or(u64::MAX),
            objects_lent: self.objects.counts().0 as u64,
            orphans: self.spawns.orphans() as u64,
            over: false,
        }
    }

    /// Tells whoever asked how far it is.
    fn tell_drain(&mut self) {
        let Some(own) = &self.drains.own else { return };
        let (drain, watcher) = (self.progress(own), own.watcher);
        own.told.send_replace(drain.clone());
        self.tell_watcher(watcher, &drain);
    }

    fn tell_watcher(&mut self, watcher: Option<(NodeId, u64)>, drain: &Drain) {
        let Some((node, request)) = watcher else { return };
        let said = Some(Said::Progress(drain.wire()));
        self.answer(node, Kind::DrainSaid(proto::DrainSaid { request, said }));
    }

    /// With nothing left, the node says farewell to all.
    fn leave_if_empty(&mut self) {
        let Some(own) = &self.drains.own else { return };
        let drain = self.progress(own);
        let is_empty = drain.left == 0 && own.moving.is_empty() && self.taken.is_empty();
        // A store that does not answer must not keep it: the others find the
        // records of what is left, as those of any node that is gone.
        let is_late = self.now >= own.until.saturating_add(2 * MOVE_TIME);
        if !is_empty && !is_late {
            return;
        }
        let watcher = own.watcher;
        self.tell_watcher(watcher, &Drain { over: true, ..drain });
        let others = self.view().nodes().map(|node| node.id);
        let others: BTreeSet<NodeId> = others.filter(|id| *id != self.shared.id).collect();
        for node in &others {
            self.answer(*node, Kind::Leaving(proto::Leaving {}));
        }
        if let Some(own) = &mut self.drains.own {
            own.leaving = Some((others, self.now.saturating_add(FAREWELL_TIME)));
        }
    }

    /// A node leaves: what it said before has arrived.
    pub(crate) fn take_leaving(&mut self, from: NodeId) {
        self.answer(from, Kind::Farewell(proto::Farewell {}));
    }

    pub(crate) fn take_farewell(&mut self, from: NodeId) {
        if let Some(Own { leaving: Some((missing, _)), .. }) = &mut self.drains.own {
            missing.remove(&from);
        }
    }
}
