//! One life of an actor: a thread that constructs it and runs its calls.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard};

use super::rules::method_name;
use super::{Call, Content, Ended, Parked, Running, State, Stored, Who, Work, World, must_end};
use crate::class::Class;
use crate::entry;
use crate::error::{Cause, Error, Trap};
use crate::host::{Arguments, receive_args, store};

/// How a call ended.
pub(super) enum Outcome {
    Answered(Result<Stored, Error>),
    /// With what it said.
    Panicked(String),
    /// Its actor has ended; there is nobody to tell.
    Unwound,
}

/// Begins a life. The thread waits for its first turn.
pub(crate) fn start(world: &Arc<World>, who: Who, class: &'static Class) {
    let world = Arc::clone(world);
    let live = move || {
        super::settle_here(Arc::clone(&world), who);
        {
            let state = world.lock();
            drop(world.await_turn(state, who));
        }
        run(&world, who, class);
        drop(catch_unwind(entry::forget));
        leave(&world, who, class);
    };
    let spawned = std::thread::Builder::new().name(class.name.to_owned()).spawn(live);
    spawned.expect("the machine has a thread for each actor of a test");
}

fn run(world: &Arc<World>, who: Who, class: &'static Class) {
    #[cfg(feature = "async")]
    if class.is_concurrent() {
        return super::executor::run_actor(world, who, class);
    }
    while let Some(call) = next(world, who, Parked::ForCall) {
        let outcome = execute(&call, class);
        if finish(world, who, class, call, outcome) {
            return;
        }
        // One call a turn: others go on meanwhile, as on a real host.
        let state = world.lock();
        drop(world.yield_turn(state, who, Parked::ForCall));
    }
}

/// Waits for a call and marks it running; none when the life is over.
fn next(world: &World, who: Who, parked: Parked) -> Option<Call> {
    let mut state = world.lock();
    loop {
        state.end_released(who);
        if must_end(&state, who) {
            return None;
        }
        if let Some(call) = take_call(&mut state, who) {
            return Some(call);
        }
        state = world.yield_turn(state, who, parked);
    }
}

/// Takes the next call out of the mailbox.
///
/// A call whose argument has failed fails with it and does not run; an `exit`
/// ends the actor.
pub(super) fn take_call(state: &mut State, who: Who) -> Option<Call> {
    loop {
        let place = state.next_call(who)?;
        let call = state.actor_mut(who)?.mailbox.remove(place)?;
        if call.work == Work::Exit {
            state.end(who, Cause::Exited, "ended: it asked to");
            return None;
        }
        let Some(error) = failed_argument(state, &call) else {
            let running = Running { call: call.clone(), cancelled: false };
            state.actor_mut(who)?.running.push(running);
            return Some(call);
        };
        if call.work == Work::Construct {
            state.end(who, Cause::ConstructorFailed, &format!("was not constructed: {error}"));
            return None;
        }
        state.finish(call, Err(error));
    }
}

fn failed_argument(state: &State, call: &Call) -> Option<Error> {
    call.args.objects.iter().find_map(|(_, id)| match &state.objects.get(id)?.content {
        Content::Failed(error) => Some(error.clone()),
        Content::Ready(_) | Content::Pending => None,
    })
}

/// Runs one call of a sequential actor, or the constructor.
fn execute(call: &Call, class: &'static Class) -> Outcome {
    let caught = catch_unwind(AssertUnwindSafe(|| match call.work {
        Work::Construct => entry::construct(class, arguments(call)).map(|()| Stored::default()),
        Work::Method(method) => entry::invoke(method, arguments(call)).map(store),
        Work::Exit => Ok(Stored::default()),
    }));
    match caught {
        Ok(answer) => Outcome::Answered(answer),
        Err(payload) => panicked(&*payload),
    }
}

/// The arguments as a guest gets them.
pub(super) fn arguments(call: &Call) -> Arguments {
    let (world, _) = super::here();
    let objects: Vec<(u32, Stored)> = {
        let state = world.lock();
        let value = |id| match &state.objects.get(id)?.content {
            Content::Ready(value) => Some(value.clone()),
            Content::Failed(_) | Content::Pending => None,
        };
        let objects = call.args.objects.iter();
        objects.filter_map(|(place, id)| Some((*place, value(id)?))).collect()
    };
    receive_args(&world, call.args.values.clone(), objects)
}

pub(super) fn panicked(payload: &(dyn std::any::Any + Send)) -> Outcome {
    if payload.is::<Ended>() {
        return Outcome::Unwound;
    }
    let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(message), _) => (*message).to_owned(),
        (None, Some(message)) => message.clone(),
        (None, None) => "a panic without a message".to_owned(),
    };
    Outcome::Panicked(message)
}

/// Takes note of how a call ended; whether the life is over.
pub(super) fn finish(
    world: &World,
    who: Who,
    class: &'static Class,
    call: Call,
    outcome: Outcome,
) -> bool {
    let mut state = world.lock();
    let known = state.actor_mut(who).and_then(|actor| {
        let place = actor.running.iter().position(|running| running.call.id == call.id)?;
        Some(actor.running.remove(place))
    });
    // Killed meanwhile: its callers know.
    if known.is_none() {
        return true;
    }
    match outcome {
        Outcome::Answered(answer) => answered(&mut state, who, call, answer),
        Outcome::Panicked(message) => crashed(&mut state, who, class, call, message),
        Outcome::Unwound => state.finish(call, Err(Error::Cancelled("its actor ended".into()))),
    }
    must_end(&state, who)
}

fn answered(state: &mut State, who: Who, call: Call, answer: Result<Stored, Error>) {
    match (call.work, answer) {
        (Work::Construct, Ok(_)) => {}
        (Work::Construct, Err(error)) => {
            let why = format!("was not constructed: {error}");
            state.end(who, Cause::ConstructorFailed, &why);
        }
        (Work::Method(_) | Work::Exit, answer) => state.finish(call, answer),
    }
}

/// A panic ends this life; another begins if there is a restart left.
fn crashed(state: &mut State, who: Who, class: &'static Class, call: Call, message: String) {
    let method = format!("{}.{}", class.name, method_name(call.work, class));
    if call.work == Work::Construct {
        let why = format!("was not constructed: {message}");
        return state.end(who, Cause::ConstructorFailed, &why);
    }
    let trap = Error::Trapped(Trap { method, message: message.clone(), backtrace: String::new() });
    if !begin_restart(state, who) {
        state.finish(call, Err(trap.clone()));
        fail_running(state, who, &trap);
        return state.end(who, Cause::Crashed, &format!("crashed: {message}"));
    }
    retry_or_fail(state, who, call, trap.clone());
    let others = state.actor_mut(who).map(|actor| std::mem::take(&mut actor.running));
    for running in others.into_iter().flatten().rev() {
        retry_or_fail(state, who, running.call, trap.clone());
    }
}

/// The other calls of an async actor go with it.
fn fail_running(state: &mut State, who: Who, error: &Error) {
    let others = state.actor_mut(who).map(|actor| std::mem::take(&mut actor.running));
    for running in others.into_iter().flatten() {
        state.finish(running.call, Err(error.clone()));
    }
}

/// Uses up a restart, if there is one.
pub(crate) fn begin_restart(state: &mut State, who: Who) -> bool {
    match state.actor_mut(who) {
        Some(actor) if actor.restarts != 0 => {
            actor.restarts -= i32::from(actor.restarts > 0);
            actor.restarting = true;
            true
        }
        _ => false,
    }
}

/// A call with a try left runs again, before those behind it.
fn retry_or_fail(state: &mut State, who: Who, mut call: Call, error: Error) {
    if call.retries == 0 {
        return state.finish(call, Err(error));
    }
    call.retries -= i32::from(call.retries > 0);
    if let Some(actor) = state.actor_mut(who) {
        actor.mailbox.push_front(call);
    }
}

/// The end of a life: another begins, or the thread is gone.
fn leave(world: &Arc<World>, who: Who, class: &'static Class) {
    let mut state = world.lock();
    state.waits.retain(|_, wait| wait.who != who);
    let again = !state.closing && state.actor(who).is_some_and(|actor| actor.restarting);
    if again {
        begin_life(&mut state, who);
        start(world, who, class);
    } else {
        state.set_parked(who, Parked::Gone);
    }
    pass(state, who);
}

fn begin_life(state: &mut State, who: Who) {
    if let Some(actor) = state.actor_mut(who) {
        actor.restarting = false;
        actor.incarnation += 1;
        actor.parked = Parked::ForCall;
        let constructor = actor.constructor.clone();
        actor.mailbox.push_front(constructor);
    }
}

fn pass(mut state: MutexGuard<'_, State>, who: Who) {
    state.pass_turn(who);
}
