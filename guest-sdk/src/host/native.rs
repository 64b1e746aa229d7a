//! The host as a [`World`] in this process: the same types and functions as
//! the component's imports.

mod groups;
mod values;

use std::sync::Arc;

pub use values::{Arguments, Value};
pub(crate) use values::{ArgumentsCarrying, Carrying, RawHandle, RawRef};
pub(crate) use values::{Outgoing, OutgoingArguments, OutgoingArgumentsCarrying, OutgoingCarrying};
pub(crate) use values::{receive, receive_args, store};

pub(crate) use groups::{create_group, group_ready, remove_group};
use values::{kept, sent};

use super::{AfterKill, CallLimits, IfExists};
use crate::class::Class;
use crate::context::Identity;
use crate::error::{Cause, Error, Result};
use crate::fake::{
    Actor, Call, CallId, Content, DRIVER, LogLine, ObjectId, Parked, State, Stored, StoredArgs,
    Until, Wait, Who, Work, actor_id, begin_restart, here, leave_call, start,
};
use crate::options::ActorOptions;

/// Calls waiting in a mailbox where the actor does not say; as on a real host.
const PENDING_CALLS: u32 = 10_000;

/// Where names live that say nothing else; as on a real host.
const NAMESPACE: &str = "default";

pub(crate) fn spawn(
    class: &'static Class,
    args: OutgoingArguments<'_>,
    options: &ActorOptions,
    exists: IfExists,
) -> Result<RawHandle> {
    let options = options.clone().over((class.options)());
    check(class, &options, exists)?;
    let (world, _) = here();
    let mut state = world.lock();
    if let Some((group, bundle)) = &options.group {
        groups::check(&state, class, &options, group, *bundle)?;
    }
    let namespace = options.namespace.clone().unwrap_or_else(|| NAMESPACE.to_owned());
    let full_name = options.name.clone().map(|name| (namespace, name));
    if let Some(key) = &full_name {
        match (state.names.get(key).copied(), exists) {
            (Some(who), IfExists::Get) => {
                state.hold_handle(who);
                drop(state);
                return Ok(RawHandle { world, who });
            }
            (Some(_), IfExists::Refuse) => {
                let (namespace, name) = key;
                return Err(Error::Invalid(format!(
                    "the name {name} is taken in namespace {namespace}"
                )));
            }
            (None, IfExists::Get | IfExists::Refuse) => {}
        }
    }
    let who = Who(state.actors.len() + 1);
    let constructor = Call {
        id: CallId(state.next_id()),
        work: Work::Construct,
        args: kept(&mut state, &args),
        result: None,
        deadline: None,
        retries: 0,
    };
    state.actors.push(Actor {
        class,
        restarts: options.max_restarts.unwrap_or(0),
        options,
        mailbox: [constructor.clone()].into(),
        constructor,
        handles: 1,
        running: Vec::new(),
        parked: Parked::ForCall,
        incarnation: 0,
        death: None,
        restarting: false,
    });
    state.bells.push(Arc::default());
    if let Some(key) = full_name {
        state.names.insert(key, who);
    }
    drop(state);
    start(&world, who, class);
    Ok(RawHandle { world, who })
}

/// What a real host refuses too.
fn check(class: &'static Class, options: &ActorOptions, exists: IfExists) -> Result<()> {
    let amounts = [("cpus", options.cpus), ("gpus", options.gpus)];
    let resources = options.resources.iter().map(|(name, amount)| (name.as_str(), Some(*amount)));
    for (name, amount) in amounts.into_iter().chain(resources) {
        if amount.is_some_and(|amount| !amount.is_finite() || amount < 0.0) {
            return Err(Error::Invalid(format!("{name} of {} is not an amount", class.name)));
        }
    }
    let problem = if exists == IfExists::Get && options.name.is_none() {
        "get_if_exists needs a name"
    } else if options.name.as_deref() == Some("") {
        "a name cannot be empty"
    } else if options.max_concurrency == Some(0) {
        "max_concurrency is 0"
    } else if options.max_concurrency.is_some_and(|calls| calls > 1) && !class.is_concurrent() {
        "only an async class runs more than one call at once"
    } else {
        return Ok(());
    };
    Err(Error::Invalid(format!("{}: {problem}", class.name)))
}

pub(crate) fn lookup(name: &str, namespace: Option<&str>) -> Result<RawHandle> {
    let (world, _) = here();
    let namespace = namespace.unwrap_or(NAMESPACE);
    let mut state = world.lock();
    let found = state.names.get(&(namespace.to_owned(), name.to_owned())).copied();
    let Some(who) = found else {
        return Err(Error::Invalid(format!("no actor is called {name} in namespace {namespace}")));
    };
    state.hold_handle(who);
    drop(state);
    Ok(RawHandle { world, who })
}

pub(crate) fn submit(
    target: &RawHandle,
    method: &str,
    args: OutgoingArguments<'_>,
    limits: CallLimits,
) -> Result<RawRef> {
    let id = enqueue(target, method, args, limits, true)?;
    id.map(|id| RawRef { world: Arc::clone(&target.world), id })
        .ok_or_else(|| Error::Invalid("a call without a result".to_owned()))
}

pub(crate) fn tell(target: &RawHandle, method: &str, args: OutgoingArguments<'_>) -> Result<()> {
    enqueue(target, method, args, CallLimits::default(), false).map(drop)
}

fn enqueue(
    target: &RawHandle,
    method: &str,
    args: OutgoingArguments<'_>,
    limits: CallLimits,
    wants_result: bool,
) -> Result<Option<ObjectId>> {
    let who = target.who;
    let mut state = target.world.lock();
    let now = state.now;
    let Some(actor) = state.actor(who) else { return Ok(None) };
    let class = actor.class;
    let Some(index) = class.methods.iter().position(|known| known.name == method) else {
        return Err(Error::Invalid(format!("{} has no method {method}", class.name)));
    };
    if let Some(death) = actor.death.clone() {
        let failed = Content::Failed(Error::Died(death));
        return Ok(wants_result.then(|| state.add_object(failed, None)));
    }
    let pending_max = actor.options.max_pending_calls.unwrap_or(PENDING_CALLS);
    let pending = actor.mailbox.iter().filter(|call| call.work != Work::Construct).count();
    if pending >= pending_max as usize {
        return Err(Error::MailboxFull(format!(
            "the mailbox of {} {} is full ({pending_max} calls)",
            class.name,
            actor_id(who)
        )));
    }
    let retries = limits.max_retries.or(actor.options.max_retries).unwrap_or(0);
    let id = CallId(state.next_id());
    let result = wants_result.then(|| state.add_object(Content::Pending, Some((who, id))));
    let args = kept(&mut state, &args);
    let deadline = limits.timeout.and_then(|timeout| now.checked_add(timeout));
    let work = Work::Method(u32::try_from(index).unwrap_or(u32::MAX));
    let deadline = deadline.filter(|deadline| *deadline < u64::MAX);
    if let Some(actor) = state.actor_mut(who) {
        actor.mailbox.push_back(Call { id, work, args, result, deadline, retries });
    }
    Ok(result)
}

pub(crate) fn cancel(object: &RawRef) -> Result<()> {
    let mut state = object.world.lock();
    let maker = state.objects.get(&object.id).and_then(|object| object.maker);
    let Some((who, id)) = maker else { return Ok(()) };
    let error = Error::Cancelled("the call was cancelled".to_owned());
    let Some(actor) = state.actor_mut(who) else { return Ok(()) };
    let queued = actor.mailbox.iter().position(|call| call.id == id);
    let queued = queued.and_then(|place| actor.mailbox.remove(place));
    for running in actor.running.iter_mut().filter(|running| running.call.id == id) {
        running.cancelled = true;
    }
    match queued {
        Some(call) => state.finish(call, Err(error)),
        None => state.fail(object.id, error),
    }
    Ok(())
}

pub(crate) fn kill(target: &RawHandle, after: AfterKill) -> Result<()> {
    let (world, me) = here();
    let who = target.who;
    let mut state = world.lock();
    if after == AfterKill::StayDead || !begin_restart(&mut state, who) {
        state.end(who, Cause::Killed, "was killed");
    } else if let Some(actor) = state.actor_mut(who) {
        let queued = std::mem::take(&mut actor.mailbox);
        let running = std::mem::take(&mut actor.running).into_iter().map(|running| running.call);
        let calls = queued.into_iter().chain(running);
        let calls: Vec<Call> = calls.filter(|call| call.work != Work::Construct).collect();
        let error = Error::Unavailable(format!("{} was killed and restarts", actor_id(who)));
        for call in calls {
            state.finish(call, Err(error.clone()));
        }
    }
    drop(state);
    if who == me { leave_call() } else { Ok(()) }
}

pub(crate) fn put(value: Outgoing<'_>) -> Result<RawRef> {
    let (world, _) = here();
    let mut state = world.lock();
    let stored = sent(&mut state, &value);
    let id = state.add_object(Content::Ready(stored), None);
    drop(state);
    Ok(RawRef { world, id })
}

/// The values of objects that are all settled, or the first error.
fn values(state: &State, wait: &Wait) -> Result<Vec<Stored>> {
    let content = |id| match state.objects.get(id).map(|object| &object.content) {
        Some(Content::Ready(stored)) => Ok(stored.clone()),
        Some(Content::Failed(error)) => Err(error.clone()),
        // Another one has failed.
        Some(Content::Pending) | None => Ok(Stored::default()),
    };
    let mut values = Vec::with_capacity(wait.refs.len());
    let mut all_settled = true;
    for id in &wait.refs {
        values.push(content(id)?);
        all_settled &= state.is_settled(*id);
    }
    if all_settled {
        return Ok(values);
    }
    Err(Error::TimedOut(format!("{} objects were not ready in time", wait.refs.len())))
}

/// The indices of at most so many objects that are settled.
fn settled(count: usize) -> impl Fn(&State, &Wait) -> Vec<u32> {
    move |state, wait| {
        let indices = (0u32..).zip(&wait.refs).filter(|(_, id)| state.is_settled(**id));
        indices.map(|(index, _)| index).take(count).collect()
    }
}

fn ids(refs: &[&RawRef]) -> Vec<ObjectId> {
    refs.iter().map(|raw| raw.id).collect()
}

pub(crate) fn get(refs: &[&RawRef], timeout: Option<u64>) -> Result<Vec<Value>> {
    let (world, who) = here();
    let stored = world.block(who, ids(refs), Until::All, timeout, values)??;
    Ok(stored.into_iter().map(|stored| receive(&world, stored)).collect())
}

pub(crate) fn take(object: RawRef, timeout: Option<u64>) -> Result<Value> {
    let mut values = get(&[&object], timeout)?;
    values.pop().ok_or_else(|| Error::Invalid("an object without a value".to_owned()))
}

pub(crate) fn wait(refs: &[&RawRef], count: u32, timeout: Option<u64>) -> Result<Vec<u32>> {
    let (world, who) = here();
    let count = count as usize;
    world.block(who, ids(refs), Until::Count(count), timeout, settled(count))
}

#[cfg(feature = "async")]
pub(crate) async fn get_async(
    _call: u64,
    refs: Vec<&RawRef>,
    timeout: Option<u64>,
) -> Result<Vec<Value>> {
    let (world, _) = here();
    let stored = crate::fake::Leaf::new(ids(&refs), Until::All, timeout, values).await??;
    Ok(stored.into_iter().map(|stored| receive(&world, stored)).collect())
}

#[cfg(feature = "async")]
pub(crate) async fn wait_async(
    _call: u64,
    refs: Vec<&RawRef>,
    count: u32,
    timeout: Option<u64>,
) -> Result<Vec<u32>> {
    let count = count as usize;
    crate::fake::Leaf::new(ids(&refs), Until::Count(count), timeout, settled(count)).await
}

#[cfg(feature = "async")]
pub(crate) async fn sleep(_call: u64, duration: u64) -> Result<()> {
    fn nothing(_: &State, _: &Wait) {}
    crate::fake::Leaf::new(Vec::new(), Until::Deadline, Some(duration), nothing).await
}

pub(crate) fn current() -> Identity {
    let (world, who) = here();
    let state = world.lock();
    let actor = state.actor(who);
    let options = actor.map(|actor| actor.options.clone()).unwrap_or_default();
    Identity {
        actor: if who == DRIVER { "driver".to_owned() } else { actor_id(who) },
        class: actor.map(|actor| actor.class.name.to_owned()).unwrap_or_default(),
        job: "job-1".to_owned(),
        node: "fake-node".to_owned(),
        node_name: "fake-node".to_owned(),
        node_labels: Vec::new(),
        namespace: options.namespace.unwrap_or_else(|| NAMESPACE.to_owned()),
        name: options.name,
        incarnation: actor.map_or(0, |actor| actor.incarnation),
    }
}

pub(crate) fn me() -> Option<RawHandle> {
    let (world, who) = here();
    if who == DRIVER {
        return None;
    }
    world.lock().hold_handle(who);
    Some(RawHandle { world, who })
}

pub(crate) fn is_cancelled(call: u64) -> bool {
    let (world, who) = here();
    let state = world.lock();
    let first = state.actor(who).and_then(|actor| actor.running.first());
    let call = if call == 0 { first.map(|first| first.call.id) } else { Some(CallId(call)) };
    call.is_some_and(|call| state.is_cancelled(who, call))
}

pub(crate) fn exit() {
    let (world, who) = here();
    let mut state = world.lock();
    let id = CallId(state.next_id());
    if let Some(actor) = state.actor_mut(who) {
        let args = StoredArgs::default();
        let work = Work::Exit;
        actor.mailbox.push_back(Call { id, work, args, result: None, deadline: None, retries: 0 });
    }
}

pub(crate) fn max_level() -> log::LevelFilter {
    log::LevelFilter::Trace
}

pub(crate) fn log(level: log::Level, target: &str, message: &str) {
    let (world, who) = here();
    let mut state = world.lock();
    let class = state.actor(who).map(|actor| actor.class.name.to_owned()).unwrap_or_default();
    let (target, message) = (target.to_owned(), message.to_owned());
    state.logs.push(LogLine { class, level, target, message });
}
