//! Placement groups: those of a node by itself, which asks nobody, and what
//! every node does with the bundles that it keeps.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use host_core::placement::group::coordinator::{Effect, Event};
use host_core::placement::group::{Coordinator, GroupStrategy, Wish, candidates};
use host_core::placement::{Ends, Inside, NodeView};
use host_core::resources::Resources;
use host_core::spec::ActorSpec;
use host_core::{ActorId, Cause, Error, GroupId, JobId, limits};
use host_refs::{ObjectRef, Value};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::Inner;
use crate::actor::Actor;

/// MessagePack's nil: what `()` is encoded as.
const NIL: u8 = 0xc0;

/// The groups that a node by itself has, and those that somebody here waits
/// for.
#[derive(Default)]
pub(super) struct Groups {
    own: Mutex<Own>,
    /// Whether one of them waits for room.
    waits: AtomicBool,
    /// What actors here wait for: each group once for a job, until it is
    /// settled.
    ready: Mutex<HashMap<(JobId, GroupId), ObjectRef>>,
}

#[derive(Default)]
struct Own {
    coordinator: Coordinator,
    waiters: HashMap<GroupId, Vec<oneshot::Sender<Result<(), Error>>>>,
    /// Counts actors that may be in any bundle of their group.
    turn: u64,
    /// When the machine is woken.
    timer: Option<Duration>,
}

/// What is left to do once the machine has spoken.
#[derive(Default)]
struct Aftermath {
    ends: Vec<Ends>,
    ended: Option<Error>,
}

impl Inner {
    /// Asks for a group of a job.
    pub(super) async fn create_group(
        &self,
        job: JobId,
        bundles: Vec<Resources>,
        strategy: GroupStrategy,
    ) -> Result<GroupId, Error> {
        if let Some(member) = self.cluster.get() {
            return member.create_group(job, bundles, strategy).await;
        }
        let id = GroupId { node: self.id, seq: self.next_seq() };
        let wish = Wish { id, job, bundles, strategy };
        if self.groups.own.lock().coordinator.count() >= limits::NODE_GROUPS {
            let most = limits::NODE_GROUPS;
            return Err(Error::Unavailable(format!("{most} placement groups are on this node")));
        }
        match self.group(Event::Create(wish), Some(id)) {
            Some(refused) => Err(refused),
            None => Ok(id),
        }
    }

    /// An object that is settled when a group is reserved, or is not there.
    pub(super) fn ready_of(&self, job: JobId, group: GroupId) -> Result<ObjectRef, Error> {
        let mut ready = self.groups.ready.lock();
        if let Some(object) = ready.get(&(job, group)) {
            return Ok(object.clone());
        }
        if ready.len() >= limits::NODE_GROUPS {
            let most = limits::NODE_GROUPS;
            return Err(Error::Unavailable(format!("{most} placement groups are waited for")));
        }
        let object = ObjectRef::pending(self.object_id(), Weak::<Actor>::new());
        ready.insert((job, group), object.clone());
        drop(ready);
        let (settled, reserved) = (object.clone(), self.reserved(job, group));
        let node = self.me.clone();
        self.runtime.spawn(async move {
            let outcome = reserved.await.unwrap_or_else(|_| Err(not_there(group)));
            if let Some(node) = node.upgrade() {
                node.groups.ready.lock().remove(&(job, group));
            }
            settled.settle(outcome.map(|()| Value::plain(vec![NIL])).map_err(Arc::new), None);
        });
        Ok(object)
    }

    /// Told when a group of a job is reserved, or is not there.
    fn reserved(&self, job: JobId, group: GroupId) -> oneshot::Receiver<Result<(), Error>> {
        if let Some(member) = self.cluster.get() {
            return member.group_ready(group, job);
        }
        let (tell, told) = oneshot::channel();
        let mut own = self.groups.own.lock();
        match own.coordinator.get(group) {
            Some(view) if view.wish.job != job => drop(tell.send(Err(of_another_job(group)))),
            Some(view) if view.nodes.is_some() => drop(tell.send(Ok(()))),
            Some(_) => own.waiters.entry(group).or_default().push(tell),
            None => drop(tell.send(Err(not_there(group)))),
        }
        told
    }

    /// Ends a group of a job.
    pub(super) fn end_group(&self, job: JobId, group: GroupId) {
        if let Some(member) = self.cluster.get() {
            return member.remove_group(group, job);
        }
        let is_its = |view: host_core::placement::group::GroupView<'_>| view.wish.job == job;
        if self.groups.own.lock().coordinator.get(group).is_some_and(is_its) {
            let why = Error::Invalid(format!("placement group {group} was removed"));
            self.group(Event::Remove(group, why), None);
        }
    }

    /// Something was given back: groups that wait may have room.
    pub(super) fn groups_look(&self) {
        if self.groups.waits.load(Ordering::Acquire) {
            self.group(Event::Room, None);
        }
    }

    /// Gives an event to the machine and does what it says; why `asked` ended
    /// by it, if it did.
    pub(super) fn group(&self, event: Event, asked: Option<GroupId>) -> Option<Error> {
        let mut after = Aftermath::default();
        let mut own = self.groups.own.lock();
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let mut effects = Vec::new();
            let now = self.started.elapsed();
            own.coordinator.handle(now, event, &|| vec![self.view_of_all()], &mut effects);
            for effect in effects {
                events.extend(self.group_effect(&mut own, effect, asked, &mut after));
            }
        }
        let wake_at = own.coordinator.wake_at();
        self.groups.waits.store(wake_at.is_some(), Ordering::Release);
        self.wake_groups(&mut own, wake_at);
        drop(own);
        for Ends { end, granted } in after.ends {
            self.end_group_actors(&end);
            self.granted(&granted);
        }
        after.ended
    }

    /// One node keeps and records everything itself, at once.
    fn group_effect(
        &self,
        own: &mut Own,
        effect: Effect,
        asked: Option<GroupId>,
        after: &mut Aftermath,
    ) -> Option<Event> {
        match effect {
            Effect::Prepare(_, id, attempt, bundle, resources) => {
                let job = own.coordinator.get(id)?.wish.job;
                let now = self.started.elapsed();
                let by = (self.id, job);
                let kept = self.reservations.lock().prepare(now, by, (id, bundle), resources);
                Some(match kept {
                    Ok(()) => Event::Prepared(id, attempt, bundle),
                    Err(why) => Event::Refused(id, attempt, bundle, why),
                })
            }
            Effect::Record(record) => Some(Event::Recorded(record.id)),
            Effect::Unrecord(id) => Some(Event::Unrecorded(id)),
            Effect::Commit(_, id) => {
                self.reservations.lock().commit(id);
                None
            }
            Effect::Abort(_, id) => {
                after.ends.push(self.reservations.lock().remove(id));
                None
            }
            Effect::Waits(id, reason) => {
                tracing::info!(group = %id, reason, "placement group waits for resources");
                None
            }
            Effect::Reserved(record) => {
                tell(own, record.id, &Ok(()));
                None
            }
            Effect::Ended(id, why) => {
                tell(own, id, &Err(why.clone()));
                if asked == Some(id) {
                    after.ended = Some(why);
                }
                None
            }
        }
    }

    fn wake_groups(&self, own: &mut Own, wake_at: Option<Duration>) {
        let Some(at) = wake_at.filter(|at| own.timer.is_none_or(|timer| *at < timer)) else {
            return;
        };
        own.timer = Some(at);
        let (node, in_time) = (self.me.clone(), at.saturating_sub(self.started.elapsed()));
        self.runtime.spawn(async move {
            tokio::time::sleep(in_time).await;
            let Some(node) = node.upgrade() else { return };
            node.groups.own.lock().timer = None;
            node.group(Event::Tick, None);
        });
    }

    /// These were in bundles of a group that has ended.
    pub(super) fn end_group_actors(&self, ids: &[ActorId]) {
        let actors = self.actors.lock();
        let inside: Vec<_> = ids.iter().filter_map(|id| actors.get(id).cloned()).collect();
        drop(actors);
        inside.iter().for_each(|actor| actor.end(Cause::GroupRemoved));
    }

    /// Chooses the bundle of a group of this node by itself: one that has
    /// room, or else the first that can ever have.
    pub(super) fn choose_bundle(&self, spec: &mut ActorSpec) -> Result<(), Error> {
        let Some(place) = &mut spec.group else { return Ok(()) };
        let mut own = self.groups.own.lock();
        own.turn = own.turn.wrapping_add(1);
        let turn = own.turn;
        let Some(view) = own.coordinator.get(place.group) else {
            return Err(not_there(place.group));
        };
        if view.nodes.is_none() {
            return Err(Error::Unavailable(format!(
                "placement group {} is not reserved yet: wait for `ready` before its actors",
                place.group
            )));
        }
        let bundles = view.wish.bundles.iter();
        let fit = candidates(place.group, bundles, place.bundle, &spec.resources, turn)?;
        drop(own);
        let all = self.reservations.lock();
        let has_room = |at: &&u32| all.has_room((place.group, **at), &spec.resources);
        place.bundle = fit.iter().find(has_room).or_else(|| fit.first()).copied();
        Ok(())
    }

    /// Where in a bundle an actor's reservation is.
    pub(super) fn inside(job: JobId, spec: &ActorSpec) -> Option<Inside> {
        let place = spec.group?;
        Some(Inside { group: place.group, bundle: place.bundle.unwrap_or_default(), job })
    }

    /// Looks at the groups that were created on this node.
    pub(super) fn look_at_groups<T>(&self, look: impl FnOnce(&Coordinator) -> T) -> T {
        match self.cluster.get() {
            Some(member) => member.groups(look),
            None => look(&self.groups.own.lock().coordinator),
        }
    }

    /// This node, as the rules of placement see it.
    pub(super) fn view_of_all(&self) -> NodeView {
        let all = self.reservations.lock();
        NodeView {
            id: self.id,
            name: self.config.name.to_string(),
            total: all.total().clone(),
            free: all.spare().clone(),
            labels: (*self.config.labels).clone(),
            actors: 0,
            draining: false,
        }
    }
}

fn tell(own: &mut Own, group: GroupId, outcome: &Result<(), Error>) {
    for waiter in own.waiters.remove(&group).unwrap_or_default() {
        let _ = waiter.send(outcome.clone());
    }
}

fn not_there(group: GroupId) -> Error {
    Error::Invalid(format!("placement group {group} is not there any more"))
}

fn of_another_job(group: GroupId) -> Error {
    Error::Denied(format!("placement group {group} is of another job"))
}
