//! What guests ask their node for.

use std::sync::Arc;
use std::time::Duration;

use host_core::placement::group::GroupStrategy;
use host_core::resources::Resources;
use host_core::spec::Options;
use host_core::waits::{Ticket, Waiter, Waits};
use host_core::{ActorId, Cause, Error, GroupId, Level, ObjectId, limits};

use super::Inner;
use crate::sandbox::{Answer, Caller, Services};
use crate::store::small;
use host_refs::{Args, Handle, ObjectRef, Producer, Value};

impl Services for Inner {
    fn spawn<'a>(
        &'a self,
        caller: &'a Caller,
        class: String,
        args: Args,
        options: Options,
        reuse: bool,
    ) -> Answer<'a, Result<Handle, Error>> {
        let job = caller.identity.job;
        Box::pin(
            async move { self.place(job, &caller.package, &class, args, options, reuse).await },
        )
    }

    fn lookup<'a>(
        &'a self,
        caller: &'a Caller,
        name: String,
        namespace: Option<String>,
    ) -> Answer<'a, Result<Handle, Error>> {
        Box::pin(async move {
            let namespace = namespace.as_deref().unwrap_or(&caller.identity.namespace);
            self.find(&name, namespace).await
        })
    }

    fn create_group<'a>(
        &'a self,
        caller: &'a Caller,
        bundles: Vec<Resources>,
        strategy: GroupStrategy,
    ) -> Answer<'a, Result<GroupId, Error>> {
        Box::pin(Inner::create_group(self, caller.identity.job, bundles, strategy))
    }

    fn group_ready(&self, caller: &Caller, group: GroupId) -> Result<ObjectRef, Error> {
        self.ready_of(caller.identity.job, group)
    }

    fn remove_group(&self, caller: &Caller, group: GroupId) {
        self.end_group(caller.identity.job, group);
    }

    fn pending(&self, producer: Producer) -> ObjectRef {
        ObjectRef::pending(self.object_id(), producer)
    }

    fn put(&self, value: Value) -> Answer<'_, Result<ObjectRef, Error>> {
        Box::pin(async move {
            let (id, weight) = (self.object_id(), value.weight());
            if small(weight) {
                return Ok(ObjectRef::ready(id, value, None));
            }
            let held = self.store.admit(id, weight).await?;
            let object = ObjectRef::ready(id, value, Some(held));
            self.store.track(&object, weight);
            Ok(object)
        })
    }

    fn cancel_after(&self, object: &ObjectRef, timeout: Duration) {
        let object = object.clone();
        self.runtime.spawn(async move {
            let settled = tokio::time::timeout(timeout, object.outcome()).await;
            if settled.is_ok() {
                return;
            }
            let why = Error::TimedOut(format!("the call was not done after {timeout:?}"));
            match object.producer() {
                Some(producer) => producer.cancel(&object, why),
                None => {
                    object.settle(Err(Arc::new(why)), None);
                }
            }
        });
    }

    fn waiting(
        &self,
        caller: &Caller,
        call: Option<&ObjectRef>,
        on: &[ObjectRef],
    ) -> Result<Box<dyn Send>, Error> {
        let waiter = match call {
            Some(call) => Waiter::Call(call.id()),
            None => Waiter::Actor(caller.identity.label.id),
        };
        let calls = pending(on.iter());
        let mut waits = self.waits.lock();
        let makers = makers(&waits, &calls);
        let begun = waits.begin(waiter, &makers);
        drop(waits);
        match begun {
            Ok(ticket) => {
                let elsewhere = self.tell_wait(waiter, &ticket, on);
                Ok(Box::new(Wait { node: self.this(), ticket: Some(ticket), elsewhere }))
            }
            Err(cycle) => Err(self.cycle(&cycle.path)),
        }
    }

    fn held_up(&self, object: &ObjectRef, args: &Args) -> Option<Arc<dyn Send + Sync>> {
        let calls = pending(args.awaited());
        if calls.is_empty() {
            return None;
        }
        let mut waits = self.waits.lock();
        let makers = makers(&waits, &calls);
        // Nobody waits for the call yet: it cannot close a circle.
        let ticket = waits.begin(Waiter::Call(object.id()), &makers).ok();
        drop(waits);
        Some(Arc::new(Wait { node: self.this(), ticket, elsewhere: false }))
    }

    fn exit(&self, caller: &Caller) {
        let actor = self.actors.lock().get(&caller.identity.label.id).cloned();
        if let Some(actor) = actor {
            actor.close(Cause::Exited);
        }
    }

    fn max_level(&self) -> Level {
        self.config.log_level
    }

    fn log(&self, caller: &Caller, level: Level, target: &str, message: &str) {
        let actor = self.actors.lock().get(&caller.identity.label.id).cloned();
        let Some(actor) = actor else { return };
        actor.log(level, target, message);
    }
}

/// The calls that make these, as far as they are not settled: each with the
/// object it makes, and its actor if that runs one call at a time.
fn pending<'a>(objects: impl Iterator<Item = &'a ObjectRef>) -> Vec<(ObjectId, Option<ActorId>)> {
    let calls = objects.filter(|object| !object.is_settled()).filter_map(|object| {
        let producer = object.producer()?;
        Some((object.id(), producer.is_sequential().then(|| producer.id())))
    });
    calls.collect()
}

/// What has to go on before these calls are done: an actor that runs one call
/// at a time, and a call that itself waits for something.
fn makers(waits: &Waits, calls: &[(ObjectId, Option<ActorId>)]) -> Vec<Waiter> {
    let mut makers = Vec::with_capacity(calls.len());
    for (object, actor) in calls {
        let call = Waiter::Call(*object);
        if actor.is_none() || waits.is_waiting(call) {
            makers.push(call);
        }
        makers.extend(actor.map(Waiter::Actor));
    }
    makers.sort_unstable();
    makers.dedup();
    makers
}

impl Inner {
    /// Tells the cluster of a wait for calls elsewhere; whether it is one.
    fn tell_wait(&self, waiter: Waiter, ticket: &Ticket, on: &[ObjectRef]) -> bool {
        let Some(member) = self.cluster.get() else { return false };
        let elsewhere = |object: &&ObjectRef| {
            let producer = object.producer();
            !object.is_settled() && producer.is_some_and(|producer| producer.is_elsewhere())
        };
        let objects: Vec<ObjectId> = on.iter().filter(elsewhere).map(ObjectRef::id).collect();
        if objects.is_empty() {
            return false;
        }
        member.wait_began(waiter, ticket.number(), objects);
        true
    }

    fn cycle(&self, path: &[Waiter]) -> Error {
        let actors = self.actors.lock();
        let left_out = path.len().saturating_sub(limits::EXPLAINED_ITEMS);
        let mut names: Vec<_> = path
            .iter()
            .take(limits::EXPLAINED_ITEMS)
            .map(|waiter| match waiter {
                Waiter::Actor(id) => {
                    actors.get(id).map_or_else(|| id.to_string(), |actor| actor.label.to_string())
                }
                Waiter::Call(object) => format!("the call for {object}"),
            })
            .collect();
        if left_out > 0 {
            names.push(format!("{left_out} more"));
        }
        Error::Invalid(format!("call cycle, nobody could go on: {}", names.join(" waits for ")))
    }
}

/// A wait in the graph of waits, for as long as it lasts.
struct Wait {
    node: Arc<Inner>,
    ticket: Option<Ticket>,
    /// Whether the cluster was told of it.
    elsewhere: bool,
}

impl Drop for Wait {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        let number = ticket.number();
        self.node.waits.lock().end(ticket);
        if let Some(member) = self.node.cluster.get().filter(|_| self.elsewhere) {
            member.wait_ended(number);
        }
    }
}
