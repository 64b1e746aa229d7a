//! What the fake host knows: objects, actors, names, and who waits for what.
//!
//! Plain data and counting; who runs next is in [`rules`](super::rules), how a
//! thread waits for its turn in [`World`](super::World).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar};

use crate::class::Class;
use crate::error::{Cause, Death, Error};
use crate::options::ActorOptions;

/// The driver, or an actor by its place in `State::actors` plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Who(pub(crate) usize);

/// The thread that the world belongs to.
pub(crate) const DRIVER: Who = Who(0);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectId(pub(crate) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallId(pub(crate) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WaitId(pub(crate) u64);

/// A value at rest. It holds its refs and handles: see [`State::hold`].
#[derive(Clone, Default)]
pub(crate) struct Stored {
    pub(crate) bytes: Vec<u8>,
    pub(crate) refs: Vec<ObjectId>,
    pub(crate) handles: Vec<Who>,
}

pub(crate) struct Object {
    pub(crate) content: Content,
    /// Refs in guests, in values and in queued calls.
    pub(crate) holders: usize,
    /// The call that makes it.
    pub(crate) maker: Option<(Who, CallId)>,
}

pub(crate) enum Content {
    Pending,
    Ready(Stored),
    Failed(Error),
}

/// The arguments of a call; it holds what is in them.
#[derive(Clone, Default)]
pub(crate) struct StoredArgs {
    pub(crate) values: Stored,
    /// Those that are objects, with their places.
    pub(crate) objects: Vec<(u32, ObjectId)>,
}

/// A call in a mailbox.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) work: Work,
    pub(crate) args: StoredArgs,
    /// None for a `tell`.
    pub(crate) result: Option<ObjectId>,
    pub(crate) deadline: Option<u64>,
    /// Tries left after a crash; -1: no bound.
    pub(crate) retries: i32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Construct,
    Method(u32),
    /// Asked for by `context::exit`.
    Exit,
}

/// A call that has begun.
pub(crate) struct Running {
    pub(crate) call: Call,
    pub(crate) cancelled: bool,
}

/// What a thread of the world does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parked {
    /// It has the turn.
    Running,
    /// An actor between calls.
    ForCall,
    /// Inside a call, until this wait is over.
    On(WaitId),
    #[cfg_attr(not(feature = "async"), expect(dead_code, reason = "only async actors poll"))]
    /// An async actor or driver: until any of its waits is over, or, if it has
    /// room for one, a call comes.
    Polling { accepts: bool },
    /// The driver, until nobody else has anything to do.
    Settling,
    /// Its thread has ended.
    Gone,
}

/// Until when a call waits.
pub(crate) struct Wait {
    pub(crate) who: Who,
    pub(crate) call: CallId,
    pub(crate) refs: Vec<ObjectId>,
    pub(crate) until: Until,
    pub(crate) deadline: Option<u64>,
    /// Set when it can never be over.
    pub(crate) broken: Option<Error>,
}

#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// All are ready, or one has failed.
    All,
    /// This many are ready or have failed.
    Count(usize),
    #[cfg_attr(not(feature = "async"), expect(dead_code, reason = "only async actors sleep"))]
    /// Nothing but the deadline.
    Deadline,
}

pub(crate) struct Actor {
    pub(crate) class: &'static Class,
    pub(crate) options: ActorOptions,
    /// With its arguments, for restarts too.
    pub(crate) constructor: Call,
    pub(crate) handles: usize,
    pub(crate) mailbox: VecDeque<Call>,
    pub(crate) running: Vec<Running>,
    pub(crate) parked: Parked,
    pub(crate) incarnation: u32,
    /// Restarts left; -1: no bound.
    pub(crate) restarts: i32,
    /// Set at its end; its thread may still have to unwind.
    pub(crate) death: Option<Death>,
    /// The next turn ends this life and begins another.
    pub(crate) restarting: bool,
}

/// A line of an actor's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The class of the actor; empty for the driver.
    pub class: String,
    /// How much it matters.
    pub level: log::Level,
    /// Where in the program it comes from.
    pub target: String,
    /// What it says.
    pub message: String,
}

pub(crate) struct State {
    pub(crate) turn: Who,
    /// Nanoseconds. Time passes only when nobody has anything to do.
    pub(crate) now: u64,
    pub(crate) closing: bool,
    pub(crate) objects: BTreeMap<ObjectId, Object>,
    pub(crate) actors: Vec<Actor>,
    pub(crate) driver: Parked,
    pub(crate) waits: BTreeMap<WaitId, Wait>,
    pub(crate) names: BTreeMap<(String, String), Who>,
    /// Placement groups that are there: what their bundles hold.
    pub(crate) groups: BTreeMap<String, Vec<BTreeMap<String, f64>>>,
    pub(crate) logs: Vec<LogLine>,
    /// One for each thread, told when it has the turn.
    pub(crate) bells: Vec<Arc<Condvar>>,
    last_id: u64,
}

impl State {
    pub(crate) fn new() -> Self {
        State {
            turn: DRIVER,
            now: 0,
            closing: false,
            objects: BTreeMap::new(),
            actors: Vec::new(),
            driver: Parked::Running,
            waits: BTreeMap::new(),
            names: BTreeMap::new(),
            groups: BTreeMap::new(),
            logs: Vec::new(),
            bells: vec![Arc::new(Condvar::new())],
            last_id: 0,
        }
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The actor; none for the driver.
    pub(crate) fn actor(&self, who: Who) -> Option<&Actor> {
        self.actors.get(who.0.checked_sub(1)?)
    }

    pub(crate) fn actor_mut(&mut self, who: Who) -> Option<&mut Actor> {
        self.actors.get_mut(who.0.checked_sub(1)?)
    }

    pub(crate) fn set_parked(&mut self, who: Who, parked: Parked) {
        match self.actor_mut(who) {
            Some(actor) => actor.parked = parked,
            None => self.driver = parked,
        }
    }

    pub(crate) fn parked(&self, who: Who) -> Parked {
        self.actor(who).map_or(self.driver, |actor| actor.parked)
    }

    /// A new object with one holder.
    pub(crate) fn add_object(
        &mut self,
        content: Content,
        maker: Option<(Who, CallId)>,
    ) -> ObjectId {
        let id = ObjectId(self.next_id());
        self.objects.insert(id, Object { content, holders: 1, maker });
        id
    }

    /// Counts one more holder of everything in a value.
    pub(crate) fn hold(&mut self, value: &Stored) {
        for object in &value.refs {
            self.hold_object(*object);
        }
        for handle in &value.handles {
            self.hold_handle(*handle);
        }
    }

    pub(crate) fn hold_object(&mut self, id: ObjectId) {
        if let Some(object) = self.objects.get_mut(&id) {
            object.holders += 1;
        }
    }

    pub(crate) fn hold_handle(&mut self, who: Who) {
        if let Some(actor) = self.actor_mut(who) {
            actor.handles += 1;
        }
    }

    pub(crate) fn release(&mut self, value: Stored) {
        for object in value.refs {
            self.release_object(object);
        }
        for handle in value.handles {
            self.release_handle(handle);
        }
    }

    pub(crate) fn release_object(&mut self, id: ObjectId) {
        let Some(object) = self.objects.get_mut(&id) else { return };
        object.holders -= 1;
        if object.holders == 0 {
            if let Some(Object { content: Content::Ready(value), .. }) = self.objects.remove(&id) {
                self.release(value);
            }
        }
    }

    pub(crate) fn release_handle(&mut self, who: Who) {
        if let Some(actor) = self.actor_mut(who) {
            actor.handles -= 1;
        }
    }

    pub(crate) fn release_arguments(&mut self, args: StoredArgs) {
        self.release(args.values);
        args.objects.into_iter().for_each(|(_, object)| self.release_object(object));
    }

    /// Ends a call: its arguments are freed, its object gets its content, if
    /// it has none yet and anybody wants it.
    pub(crate) fn finish(&mut self, call: Call, outcome: Result<Stored, Error>) {
        self.release_arguments(call.args);
        let pending = call
            .result
            .and_then(|id| self.objects.get_mut(&id))
            .filter(|object| matches!(object.content, Content::Pending));
        match (pending, outcome) {
            (Some(object), Ok(value)) => object.content = Content::Ready(value),
            (Some(object), Err(error)) => object.content = Content::Failed(error),
            (None, Ok(value)) => self.release(value),
            (None, Err(_)) => {}
        }
    }

    /// Ends an actor for good: every call it has fails, its name is free.
    pub(crate) fn end(&mut self, who: Who, cause: Cause, why: &str) {
        let Some(actor) = self.actor_mut(who) else { return };
        if actor.death.is_some() {
            return;
        }
        let class = actor.class.name;
        let id = actor_id(who);
        let message = format!("{class} {id} {why}");
        let death = Death { actor: id, cause, message };
        actor.death = Some(death.clone());
        actor.restarting = false;
        let calls: Vec<Call> = std::mem::take(&mut actor.mailbox).into();
        let running = std::mem::take(&mut actor.running);
        let constructor = std::mem::take(&mut actor.constructor.args);
        self.names.retain(|_, holder| *holder != who);
        self.release_arguments(constructor);
        let running = running.into_iter().map(|running| running.call);
        // The constructor's arguments were freed above, and it has no result.
        let calls = calls.into_iter().chain(running).filter(|call| call.work != Work::Construct);
        for call in calls {
            self.finish(call, Err(Error::Died(death.clone())));
        }
    }
}

pub(crate) fn actor_id(who: Who) -> String {
    format!("actor-{}", who.0)
}
