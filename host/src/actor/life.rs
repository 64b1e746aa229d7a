//! An incarnation: instantiate, construct, then call after call.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use host_core::spec::{Concurrency, Tries};
use host_core::{Cause, Error, limits};
use parking_lot::Mutex;

use super::target::{Actor, Phase, Role, Running};
use crate::sandbox::{Answer, Birth, CallSlot, Caller, Identity, Instance, Job, Place, Stop};
use crate::store::small;
use host_refs::{ArgValues, Args, Call, ObjectRef, Outcome};

/// The future of one incarnation.
pub(super) type LifeFuture = Pin<Box<dyn Future<Output = End> + Send>>;

/// How an incarnation ended.
#[derive(Debug)]
pub(super) enum End {
    /// All it was to do is done.
    Done(Cause),
    /// The driver returned.
    Driver(Result<(), Error>),
    /// Its constructor failed, or it could not even be instantiated.
    Unborn(Error),
    /// It crashed in the call that is noted as running.
    Crashed(Error),
}

/// The future of an incarnation; nothing happens before it is polled.
pub(super) fn begin(actor: Arc<Actor>, incarnation: u32) -> LifeFuture {
    Box::pin(live(actor, incarnation))
}

async fn live(actor: Arc<Actor>, incarnation: u32) -> End {
    actor.shared.lock().phase = Phase::Starting;
    let place = match place(&actor).await {
        Ok(place) => place,
        Err(cause) => return End::Done(cause),
    };
    let mut instance = match Instance::new(birth(&actor, incarnation, place)).await {
        Ok(instance) => instance,
        Err(error) => return End::Unborn(error),
    };
    let concurrency = match &actor.role {
        Role::Driver { args, .. } => {
            actor.shared.lock().phase = Phase::Running;
            return End::Driver(run(&mut instance, args.clone()).await);
        }
        Role::Class { args, .. } => {
            if let Err(error) = construct(&actor, &mut instance, birth_args(&actor, args)).await {
                return End::Unborn(error);
            }
            actor.class_info().map_or(Concurrency::Sequential, |class| class.concurrency)
        }
    };
    match concurrency {
        Concurrency::Sequential => one_by_one(actor, instance).await,
        Concurrency::Concurrent => many_at_once(actor, instance).await,
    }
}

/// A place for its instance; or why it needs none any more. Most have one at
/// once; others wait, visibly, and are let go like those that wait for a call.
async fn place(actor: &Actor) -> Result<Place, Cause> {
    let room = &actor.package.code.room;
    if let Some(place) = room.enter_now() {
        return Ok(place);
    }
    let mut entering = Box::pin(room.enter());
    poll_fn(|cx| {
        let mut shared = actor.shared.lock();
        if let Some(cause) = shared.closing.filter(|_| shared.mail.is_empty()) {
            return Poll::Ready(Err(cause));
        }
        let entered = entering.as_mut().poll(cx);
        shared.phase = if entered.is_ready() { Phase::Starting } else { Phase::Crowded };
        entered.map(Ok)
    })
    .await
}

fn birth(actor: &Arc<Actor>, incarnation: u32, place: Place) -> Birth {
    let identity = Identity {
        label: actor.label.clone(),
        job: actor.job,
        node: actor.env.node(),
        namespace: actor.spec.namespace.clone(),
        name: actor.spec.name.clone(),
        incarnation,
        is_driver: actor.is_driver(),
    };
    let me = actor.me.clone();
    Birth {
        code: actor.package.code.clone(),
        place,
        services: actor.env.services(),
        caller: Arc::new(Caller { identity, package: actor.package.clone(), me }),
        memory_bytes_max: actor.spec.memory_bytes_max,
        profile: actor.env.profile(),
        output: actor.output(),
    }
}

async fn run(instance: &mut Instance, args: Vec<String>) -> Result<(), Error> {
    match instance.run(args).await {
        Ok(()) => Ok(()),
        Err(stop) => Err(stop.into_error()),
    }
}

async fn construct(actor: &Actor, instance: &mut Instance, args: Args) -> Result<(), Error> {
    let args = values(args).await.map_err(|error| (*error).clone())?;
    let constructed = instance.construct(&actor.label.class, args);
    match tokio::time::timeout(limits::CONSTRUCT_TIME, constructed).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(stop)) => Err(stop.into_error()),
        Err(_) => Err(Error::TimedOut(format!(
            "the constructor was not done after {:?}",
            limits::CONSTRUCT_TIME
        ))),
    }
}

/// The constructor's arguments: given away if this is the only life.
fn birth_args(actor: &Actor, args: &Mutex<Args>) -> Args {
    let mut args = args.lock();
    if actor.spec.max_restarts == Tries::AtMost(0) {
        std::mem::take(&mut *args)
    } else {
        args.clone()
    }
}

/// The arguments' values, once they are there.
async fn values(args: Args) -> Result<ArgValues, Arc<Error>> {
    match args.into_values() {
        Ok(values) => Ok(values),
        // Boxed, so that the common way needs little room.
        Err(args) => Box::pin(args.resolve()).await,
    }
}

/// The life of a sequential actor.
async fn one_by_one(actor: Arc<Actor>, mut instance: Instance) -> End {
    let slot = instance.slot().clone();
    loop {
        let call = match next(&actor, &slot).await {
            Ok(call) => call,
            Err(cause) => return End::Done(cause),
        };
        // The arguments are settled, but some may have to be fetched.
        let outcome = match values(call.args).await {
            Err(error) => Err(error),
            Ok(args) => {
                let name = actor.method_label(call.method);
                match instance.invoke(call.method, name, args).await {
                    Ok(value) => Ok(value),
                    Err(Stop::Answered(error)) => Err(error),
                    Err(Stop::Crashed(error)) => return End::Crashed(*error),
                }
            }
        };
        actor.settle(call.result, call.method, outcome).await;
    }
}

/// The next call, noted as running; or why there will be none.
async fn next(actor: &Actor, slot: &Arc<CallSlot>) -> Result<Call, Cause> {
    poll_fn(|cx| {
        let mut shared = actor.shared.lock();
        if shared.phase == Phase::Running {
            shared.calls_done += 1;
            shared.running.clear();
            slot.end();
        }
        shared.phase = Phase::Idle;
        // The control lane comes first: what was ordered before a call was
        // sent happens before it runs.
        if shared.allowance == 0 || shared.order.is_some() {
            return Poll::Pending;
        }
        let Some(queued) = shared.mail.pop(cx.waker()) else {
            return match shared.closing {
                Some(cause) if shared.mail.is_empty() => Poll::Ready(Err(cause)),
                _ => Poll::Pending,
            };
        };
        shared.allowance -= 1;
        shared.phase = Phase::Running;
        let (running, call) = Running::begin(queued, slot.clone(), actor.spec.max_retries);
        shared.running.push(running);
        Poll::Ready(Ok(call))
    })
    .await
}

/// The life of an async actor.
async fn many_at_once(actor: Arc<Actor>, mut instance: Instance) -> End {
    let most = actor.spec.max_concurrency;
    let jobs = actor.clone();
    match instance.serve(most, async move || next_job(&jobs).await).await {
        Ok(()) => End::Done(actor.shared.lock().closing.unwrap_or(Cause::Exited)),
        Err(error) => End::Crashed(error),
    }
}

async fn next_job(actor: &Arc<Actor>) -> Option<Job> {
    let (call, slot, held_up) = poll_fn(|_| {
        let mut shared = actor.shared.lock();
        if shared.running.is_empty() {
            shared.phase = Phase::Idle;
        }
        if shared.allowance == 0 || shared.order.is_some() {
            return Poll::Pending;
        }
        let Some(mut queued) = shared.mail.pop_front() else {
            return match shared.closing {
                Some(_) => Poll::Ready(None),
                None => Poll::Pending,
            };
        };
        shared.allowance -= 1;
        shared.phase = Phase::Running;
        let slot = Arc::new(CallSlot::default());
        // It has begun, and still waits for its arguments.
        let held_up = queued.call.held_up.take();
        let (running, call) = Running::begin(queued, slot.clone(), actor.spec.max_retries);
        shared.running.push(running);
        Poll::Ready(Some((call, slot, held_up)))
    })
    .await?;
    let Call { method, args, result, .. } = call;
    let name = actor.method_label(method).to_string();
    let (actor, mine) = (actor.clone(), slot.clone());
    let done = move |outcome| -> Answer<'static, ()> {
        Box::pin(async move {
            actor.settle(result, method, outcome).await;
            let mut shared = actor.shared.lock();
            shared.calls_done += 1;
            shared.running.retain(|running| !Arc::ptr_eq(&running.slot, &mine));
        })
    };
    let args = async move {
        let values = values(args).await;
        drop(held_up);
        values
    };
    Some(Job { method, name, args: Box::pin(args), slot, done: Box::new(done) })
}

impl Actor {
    /// Settles a call that has run.
    async fn settle(&self, result: Option<ObjectRef>, method: u32, outcome: Outcome) {
        let Some(object) = result else {
            if let Err(error) = outcome {
                let method = self.method_label(method);
                tracing::warn!(actor = %self.label, method, %error, "a call that was told failed");
            }
            return;
        };
        let value = match outcome {
            Ok(value) if small(value.weight()) => {
                object.settle(Ok(value), None);
                return;
            }
            Ok(value) => value,
            Err(error) => {
                object.settle(Err(error), None);
                return;
            }
        };
        let (store, weight) = (self.env.store(), value.weight());
        match store.admit(object.id(), weight).await {
            Ok(held) => {
                object.settle(Ok(value), Some(held));
                store.track(&object, weight);
            }
            Err(error) => {
                object.settle(Err(Arc::new(error)), None);
            }
        }
    }
}
