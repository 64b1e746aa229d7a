//! The host that unit tests of guest code run against: one process, no
//! sandbox, the same answers.
//!
//! A [`World`] belongs to the thread that first uses it, which is its driver;
//! each actor gets a thread of its own, as it gets an instance of its own on a
//! real host. Only one of these threads runs at a time, the one with the
//! *turn*, and the turn moves by rule ([`rules`]), so that a test does the same
//! every time. Time stands still while anybody has something to do.

mod actor;
#[cfg(feature = "async")]
mod executor;
mod rules;
mod state;

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
pub(crate) use actor::{begin_restart, start};
#[cfg(feature = "async")]
pub(crate) use executor::{Leaf, block_on};
pub use state::LogLine;
pub(crate) use state::{
    Actor, Call, CallId, Content, DRIVER, ObjectId, Parked, Running, State, Stored, StoredArgs,
    Until, Wait, Who, Work, actor_id,
};

/// What a thread of an actor unwinds with when its actor has ended.
pub(crate) struct Ended;

/// A host with its actors and objects.
pub(crate) struct World {
    state: Mutex<State>,
}

/// Where a thread is.
#[derive(Clone)]
struct Here {
    world: Arc<World>,
    who: Who,
}

/// The driver's hold on its world: when its thread ends, so do the actors.
struct Place(Here);

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.who == DRIVER {
            self.0.world.close();
        }
    }
}

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// Ends this thread's world; the next use begins another.
pub(crate) fn leave_world() {
    drop(PLACE.take());
}

/// The world of this thread and who the thread is in it. A thread that has
/// none becomes the driver of a new one.
pub(crate) fn here() -> (Arc<World>, Who) {
    PLACE.with_borrow_mut(|place| {
        let Place(here) =
            place.get_or_insert_with(|| Place(Here { world: Arc::new(World::new()), who: DRIVER }));
        (Arc::clone(&here.world), here.who)
    })
}

fn settle_here(world: Arc<World>, who: Who) {
    PLACE.set(Some(Place(Here { world, who })));
}

impl World {
    fn new() -> Self {
        World { state: Mutex::new(State::new()) }
    }

    /// A thread that panicked with the lock held left the state whole: the
    /// functions that change it do not run guest code.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the turn away and waits until it comes back.
    fn yield_turn<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        who: Who,
        parked: Parked,
    ) -> MutexGuard<'a, State> {
        state.set_parked(who, parked);
        state.pass_turn(who);
        let mut state = self.await_turn(state, who);
        state.set_parked(who, Parked::Running);
        state
    }

    fn await_turn<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        who: Who,
    ) -> MutexGuard<'a, State> {
        let bell = Arc::clone(&state.bells[who.0]);
        while state.turn != who {
            state = bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// Blocks the running call until `ready` has an answer.
    pub(crate) fn block<R>(
        &self,
        who: Who,
        refs: Vec<ObjectId>,
        until: Until,
        timeout: Option<u64>,
        ready: impl Fn(&State, &Wait) -> R,
    ) -> Result<R> {
        let mut state = self.lock();
        if must_end(&state, who) {
            drop(state);
            return leave_call();
        }
        let wait = state.new_wait(who, refs, until, timeout);
        if state.is_over(&wait) {
            return state.outcome(&wait, ready);
        }
        let id = state.add_wait(wait);
        loop {
            state = self.yield_turn(state, who, Parked::On(id));
            if must_end(&state, who) {
                state.waits.remove(&id);
                drop(state);
                return leave_call();
            }
            let over = state.waits.get(&id).is_none_or(|wait| state.is_over(wait));
            if over {
                return match state.waits.remove(&id) {
                    Some(wait) => state.outcome(&wait, ready),
                    None => Err(Error::Invalid("a wait was lost".to_owned())),
                };
            }
        }
    }

    /// Runs everything that can run without time passing.
    pub(crate) fn settle(&self) {
        let state = self.lock();
        drop(self.yield_turn(state, DRIVER, Parked::Settling));
    }

    /// Ends all actors and waits for their threads.
    fn close(&self) {
        let mut state = self.lock();
        state.closing = true;
        while state.actors.iter().any(|actor| actor.parked != Parked::Gone) {
            state = self.yield_turn(state, DRIVER, Parked::Settling);
        }
    }
}

/// Whether the life of the actor whose thread asks is over.
fn must_end(state: &State, who: Who) -> bool {
    state.actor(who).is_some_and(|actor| state.closing || actor.death.is_some() || actor.restarting)
}

/// Leaves a call of an actor that has ended: no code of it runs any more but
/// its destructors.
pub(crate) fn leave_call<R>() -> Result<R> {
    if std::thread::panicking() {
        return Err(Error::Cancelled("the actor has ended".to_owned()));
    }
    resume_unwind(Box::new(Ended));
}

impl State {
    /// The wait of the running call.
    pub(crate) fn new_wait(
        &self,
        who: Who,
        refs: Vec<ObjectId>,
        until: Until,
        timeout: Option<u64>,
    ) -> Wait {
        let deadline = timeout
            .and_then(|timeout| self.now.checked_add(timeout))
            .filter(|deadline| *deadline < u64::MAX);
        let call = match crate::task::current_call() {
            0 => self
                .actor(who)
                .and_then(|actor| actor.running.first())
                .map_or(CallId(0), |running| running.call.id),
            call => CallId(call),
        };
        Wait { who, call, refs, until, deadline, broken: None }
    }

    /// What a wait that is over answers.
    pub(crate) fn outcome<R>(&self, wait: &Wait, ready: impl Fn(&State, &Wait) -> R) -> Result<R> {
        if let Some(error) = &wait.broken {
            return Err(error.clone());
        }
        if self.is_cancelled(wait.who, wait.call) {
            return Err(Error::Cancelled("the call that waits was cancelled".to_owned()));
        }
        Ok(ready(self, wait))
    }
}
