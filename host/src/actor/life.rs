//! An incarnation: instantiate, construct, then call after call.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use host_core::spec::{Concurrency, Tries};
use host_core::{Cause, Error, limits};
use parking_lot::Mutex;

use super::body::Body;
use super::target::{Actor, Phase, Role, Running};
use crate::meters::Count;
use crate::sandbox::{Answer, Birth, CallSlot, Caller, Identity, Instance, Job, Place, Stop};
use crate::store::small;
use crate::trace::{self, Span};
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
    let mut body = match body(&actor, incarnation).await {
        Ok(body) => body,
        Err(end) => return end,
    };
    let concurrency = match &actor.role {
        Role::Driver { args, trace: parent, .. } => {
            actor.shared.lock().phase = Phase::Running;
            let Body::Here(instance) = &mut body else { unreachable!("drivers have no seat") };
            let mut span = trace::is_on().then(|| actor.span(0, *parent)).flatten();
            instance.slot().begin(None, span.as_ref().map(Span::context));
            let done = run(instance, args.clone()).await;
            if let (Some(span), Err(error)) = (&mut span, &done) {
                span.failed(error.kind());
            }
            return End::Driver(done);
        }
        Role::Class { args, .. } => {
            if let Err(error) = construct(&actor, &mut body, birth_args(&actor, args)).await {
                return End::Unborn(error);
            }
            actor.class_info().map_or(Concurrency::Sequential, |class| class.concurrency)
        }
    };
    match concurrency {
        Concurrency::Sequential => one_by_one(actor, body).await,
        Concurrency::Concurrent => many_at_once(actor, body).await,
    }
}

/// Its instance, in this process or in another.
async fn body(actor: &Arc<Actor>, incarnation: u32) -> Result<Body, End> {
    if let Some(seat) = actor.env.seat(actor) {
        let seat = until_let_go(actor, seat, Phase::Unseated).await.map_err(End::Done)?;
        // Boxed, so that the common way needs little room. A process that
        // fails is a crash, which the next may not share.
        let begun = Box::pin(async { seat?.begin(actor, caller(actor, incarnation)).await });
        return begun.await.map_err(End::Crashed);
    }
    let place = place(actor).await.map_err(End::Done)?;
    let instance = Instance::new(birth(actor, incarnation, place)).await.map_err(End::Unborn)?;
    Ok(Body::Here(instance))
}

/// A place for its instance; or why it needs none any more. Most have one at
/// once.
async fn place(actor: &Actor) -> Result<Place, Cause> {
    let room = &actor.package.code.room;
    if let Some(place) = room.enter_now() {
        return Ok(place);
    }
    until_let_go(actor, Box::pin(room.enter()), Phase::Crowded).await
}

/// What has to be there before an actor can start; or why it needs it no more.
/// An actor waits visibly, in `phase`, and is let go like one that waits for a
/// call.
async fn until_let_go<T>(
    actor: &Actor,
    mut coming: impl Future<Output = T> + Unpin,
    phase: Phase,
) -> Result<T, Cause> {
    poll_fn(|cx| {
        let mut shared = actor.shared.lock();
        if let Some(cause) = shared.closing.filter(|_| shared.mail.is_empty()) {
            return Poll::Ready(Err(cause));
        }
        shared.phase = phase;
        drop(shared);
        let came = Pin::new(&mut coming).poll(cx);
        if came.is_ready() {
            actor.shared.lock().phase = Phase::Starting;
        }
        came.map(Ok)
    })
    .await
}

fn caller(actor: &Actor, incarnation: u32) -> Caller {
    let identity = Identity {
        label: actor.label.clone(),
        job: actor.job,
        node: actor.env.node(),
        node_name: actor.env.name(),
        node_labels: actor.env.labels(),
        namespace: actor.spec.namespace.clone(),
        name: actor.spec.name.clone(),
        incarnation,
        is_driver: actor.is_driver(),
    };
    Caller { identity, package: actor.package.clone(), me: actor.me.clone() }
}

fn birth(actor: &Arc<Actor>, incarnation: u32, place: Place) -> Birth {
    Birth {
        code: actor.package.code.clone(),
        place,
        services: actor.env.services(),
        caller: Arc::new(caller(actor, incarnation)),
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

async fn construct(actor: &Actor, body: &mut Body, args: Args) -> Result<(), Error> {
    let args = values(args).await.map_err(|error| (*error).clone())?;
    let constructed = body.construct(&actor.label.class, args);
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
async fn one_by_one(actor: Arc<Actor>, mut body: Body) -> End {
    let slot = body.slot().clone();
    loop {
        let next = next(&actor, &slot);
        let next = match &mut body {
            Body::Here(_) => next.await,
            // Both arms only wait: nothing is lost when the other wins.
            Body::Apart(apart) => tokio::select! {
                biased;
                next = next => next,
                error = Box::pin(apart.gone()) => return End::Crashed(error),
            },
        };
        let call = match next {
            Ok(call) => call,
            Err(cause) => return End::Done(cause),
        };
        // The arguments are settled, but some may have to be fetched.
        let outcome = match values(call.args).await {
            Err(error) => Err(error),
            Ok(args) => {
                let name = actor.method_label(call.method);
                match body.invoke(call.method, name, args).await {
                    Ok(value) => Ok(value),
                    Err(Stop::Answered(error)) => Err(error),
                    Err(Stop::Crashed(error)) => return End::Crashed(*error),
                }
            }
        };
        actor.settle(call.result, call.method, &slot, outcome).await;
    }
}

/// The next call, noted as running; or why there will be none.
async fn next(actor: &Actor, slot: &Arc<CallSlot>) -> Result<Call, Cause> {
    poll_fn(|cx| {
        let mut shared = actor.shared.lock();
        if shared.phase == Phase::Running {
            shared.calls_done += 1;
            shared.running.drain(..).for_each(|running| running.finish(actor.env.meters()));
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
        let (running, call) = Running::begin(queued, slot.clone(), actor);
        shared.running.push(running);
        Poll::Ready(Ok(call))
    })
    .await
}

/// The life of an async actor.
async fn many_at_once(actor: Arc<Actor>, mut body: Body) -> End {
    let most = actor.spec.max_concurrency;
    let jobs = actor.clone();
    match body.serve(most, async move || next_job(&jobs).await).await {
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
        let (running, call) = Running::begin(queued, slot.clone(), actor);
        shared.running.push(running);
        Poll::Ready(Some((call, slot, held_up)))
    })
    .await?;
    let Call { method, args, result, .. } = call;
    let name = actor.method_label(method).to_string();
    let (actor, mine) = (actor.clone(), slot.clone());
    let done = move |outcome| -> Answer<'static, ()> {
        Box::pin(async move {
            actor.settle(result, method, &mine, outcome).await;
            let mut shared = actor.shared.lock();
            shared.calls_done += 1;
            let at = shared.running.iter().position(|running| Arc::ptr_eq(&running.slot, &mine));
            if let Some(at) = at {
                shared.running.swap_remove(at).finish(actor.env.meters());
            }
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
    async fn settle(
        &self,
        result: Option<ObjectRef>,
        method: u32,
        slot: &Arc<CallSlot>,
        outcome: Outcome,
    ) {
        if let Err(error) = &outcome
            && trace::is_on()
        {
            let mut shared = self.shared.lock();
            let running = &mut shared.running.iter_mut();
            if let Some(running) = running.find(|running| Arc::ptr_eq(&running.slot, slot)) {
                running.note_failed(error);
            }
        }
        let finished = outcome.as_ref().map_err(|error| &**error);
        self.env.meters().count(Count::finished(finished));
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
