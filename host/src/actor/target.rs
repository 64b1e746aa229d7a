//! The actor as handles see it: a mailbox that takes calls and orders.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use host_core::id::Label;
use host_core::package::ClassInfo;
use host_core::placement::Labels;
use host_core::restart::Restarts;
use host_core::spec::{ActorSpec, Concurrency};
use host_core::trace::Context as TraceContext;
use host_core::{ActorId, Cause, Error, JobId, NodeId, limits};
use host_wasi::{Output, Profile};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::body::Seat;
use super::life::{self, LifeFuture};
use super::mail::{Mail, Queued};
use crate::log::{LineLog, Sink};
use crate::meters::{Count, Meters};
use crate::sandbox::{Answer, CallSlot, Package, Services};
use crate::store::Store;
use crate::trace::{self, Span};
use host_refs::{Args, Call, Handle, ObjectRef, Target, drops};

/// What actors need of the node they live on.
pub trait Env: Send + Sync {
    /// Whom its guests ask.
    fn services(&self) -> Arc<dyn Services>;

    /// What guests are granted.
    fn profile(&self) -> Arc<Profile>;

    /// Where log lines go.
    fn sink(&self) -> &dyn Sink;

    /// The node.
    fn node(&self) -> NodeId;

    /// The node's name.
    fn name(&self) -> Arc<str>;

    /// What the node is labelled with.
    fn labels(&self) -> Arc<Labels>;

    /// Time since the node started.
    fn now(&self) -> Duration;

    /// Where actors' tasks run.
    fn runtime(&self) -> &tokio::runtime::Handle;

    /// Where results are accounted for.
    fn store(&self) -> &Store;

    /// Where what it does is counted.
    fn meters(&self) -> &Meters;

    /// The process that an actor has to live in, if it is not this one.
    fn seat<'a>(&'a self, actor: &'a Actor) -> Option<Answer<'a, Result<Seat, Error>>>;

    /// Told when an incarnation crashed and another follows.
    fn restarting(&self, actor: &Actor, error: &Error, delay: Duration);

    /// Told once, when an actor has ended for good.
    fn ended(&self, actor: &Actor, death: &Error);
}

/// What an actor is for.
pub enum Role {
    /// An actor of the class at this place of its package.
    Class {
        /// The class's place.
        index: usize,
        /// The constructor's arguments, kept while there may be a restart.
        args: Mutex<Args>,
        /// Lives that it had elsewhere before.
        before: u32,
    },
    /// The driver of its package.
    Driver {
        /// Its arguments.
        args: Vec<String>,
        /// What it is done under, if its client traces it.
        trace: Option<TraceContext>,
        /// Where what it prints goes, as it is.
        output: Arc<dyn Output>,
        /// Settled with the driver's end.
        done: ObjectRef,
    },
}

/// An actor, from its creation to its end.
pub struct Actor {
    /// Class and id.
    pub label: Label,
    /// The job that created it.
    pub job: JobId,
    /// The package it is of.
    pub package: Arc<Package>,
    /// Its options, complete.
    pub spec: ActorSpec,
    pub(super) role: Role,
    pub(super) log: LineLog,
    pub(super) env: Arc<dyn Env>,
    pub(super) me: Weak<Actor>,
    /// Handles in the hands of guests and clients.
    pub(super) handles: AtomicUsize,
    /// Held for a few instructions at a time, never across a wait.
    pub(super) shared: Mutex<Shared>,
}

pub(super) struct Shared {
    pub(super) mail: Mail,
    pub(super) life: Life,
    pub(super) phase: Phase,
    /// Calls that were begun: one, or in async actors many.
    pub(super) running: Vec<Running>,
    pub(super) order: Option<Order>,
    /// The actor ends with this cause when its mailbox is empty.
    pub(super) closing: Option<Cause>,
    /// Calls that may begin before the life has to yield.
    pub(super) allowance: u32,
    pub(super) restarts: Restarts,
    /// No new life before this.
    pub(super) not_before: Option<Instant>,
    /// A cancelled call that has not stopped by then is interrupted.
    pub(super) grace: Vec<(ObjectRef, Instant)>,
    pub(super) task: Task,
    pub(super) death: Option<Arc<Error>>,
    pub(super) calls_done: u64,
}

/// Where the future of the present life is.
pub(super) enum Life {
    /// The node has not granted its resources yet; the reason, once known.
    Waiting(Option<String>),
    /// At rest or suspended.
    Here(LifeFuture),
    /// With whoever polls it right now.
    Out,
    /// Over.
    Gone,
}

/// How far the present life is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Not polled yet.
    New,
    /// Waiting for a place in the engine's pool.
    Crowded,
    /// Waiting for a process of its own.
    Unseated,
    /// Instantiating or constructing.
    Starting,
    /// Waiting for a call.
    Idle,
    /// In a call.
    Running,
}

/// A call that was begun.
pub(super) struct Running {
    pub(super) method: u32,
    pub(super) result: Option<ObjectRef>,
    /// The call, kept to be tried again after a crash, if it may be.
    pub(super) retry: Option<Queued>,
    pub(super) slot: Arc<CallSlot>,
    /// When it began, if it is timed.
    since: Option<std::time::Instant>,
    /// If it is traced.
    span: Option<Box<Span>>,
}

impl Running {
    /// Notes a call as begun, and takes out what running it needs.
    pub(super) fn begin(mut queued: Queued, slot: Arc<CallSlot>, actor: &Actor) -> (Running, Call) {
        let meters = actor.env.meters();
        meters.count(Count::CallStarted);
        let since = meters.begin_timed();
        let span = trace::is_on().then(|| actor.span(queued.call.method, queued.call.trace));
        let span = span.flatten().map(Box::new);
        queued.call.held_up = None;
        let method = queued.call.method;
        let result = queued.call.result.clone();
        slot.begin(result.clone(), span.as_ref().map(|span| span.context()));
        let tries = queued.call.retries.unwrap_or(actor.spec.max_retries);
        if !tries.allow(queued.attempts) {
            return (Running { method, result, retry: None, slot, since, span }, queued.call);
        }
        let call = queued.call.clone();
        queued.attempts += 1;
        (Running { method, result, retry: Some(queued), slot, since, span }, call)
    }

    /// Whether it is to be tried again after a crash.
    pub(super) fn may_retry(&self) -> bool {
        let settled = self.result.as_ref().is_some_and(|result| result.is_settled());
        self.retry.is_some() && !settled
    }

    /// Whether it makes this object.
    pub(super) fn makes(&self, object: &ObjectRef) -> bool {
        self.result.as_ref().is_some_and(|result| result.is(object))
    }

    /// Its trace is to show that it went wrong.
    pub(super) fn note_failed(&mut self, error: &Error) {
        if let Some(span) = &mut self.span {
            span.failed(error.kind());
        }
    }

    /// It is over, and what came of it is told.
    pub(super) fn finish(self, meters: &Meters) {
        meters.end_timed(self.since);
    }

    /// Settles it with an error, unless it is settled already.
    pub(super) fn fail(mut self, error: Arc<Error>, meters: &Meters) {
        self.note_failed(&error);
        meters.count(Count::finished::<()>(Err(&error)));
        if let Some(result) = self.result {
            result.settle(Err(error), None);
        }
    }
}

/// What somebody wants of an actor besides its calls.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// End, for good, with this cause; and the story, if the cause does not
    /// say all.
    End(Cause, Option<String>),
    /// End this incarnation, as if it had crashed with this error.
    Crash(Error),
    /// End this incarnation; the next follows if one is left.
    Restart,
}

/// The actor's own task.
pub(super) enum Task {
    /// Not needed so far.
    None,
    /// Spawned; it has not run yet, so it needs no waking.
    Spawned,
    /// Woken through this.
    Runs(Waker),
}

impl Actor {
    /// A new actor. It does nothing before its resources are
    /// [granted](Actor::grant).
    pub fn new(
        label: Label,
        job: JobId,
        package: Arc<Package>,
        spec: ActorSpec,
        role: Role,
        env: Arc<dyn Env>,
    ) -> Arc<Actor> {
        let shared = Shared {
            mail: Mail::new(spec.max_pending_calls),
            life: Life::Waiting(None),
            phase: Phase::New,
            running: Vec::new(),
            order: None,
            closing: None,
            allowance: 0,
            restarts: Restarts::new(spec.max_restarts),
            not_before: None,
            grace: Vec::new(),
            task: Task::None,
            death: None,
            calls_done: 0,
        };
        Arc::new_cyclic(|me| Actor {
            label,
            job,
            package,
            spec,
            role,
            log: LineLog::default(),
            env,
            me: me.clone(),
            handles: AtomicUsize::new(0),
            shared: Mutex::new(shared),
        })
    }

    /// The node has reserved what it asked for: it can live, once it is woken.
    pub fn grant(&self) {
        let Some(me) = self.me.upgrade() else { return };
        let mut shared = self.shared.lock();
        if matches!(shared.life, Life::Waiting(_)) {
            let before = me.lives_before();
            shared.life = Life::Here(life::begin(me, before));
        }
    }

    /// Why it has to wait for its resources, for people.
    pub fn waits_because(&self, reason: String) {
        let mut shared = self.shared.lock();
        if let Life::Waiting(known) = &mut shared.life {
            *known = Some(reason);
        }
    }

    /// Ends it once the calls that are queued now are done.
    pub fn close(&self, cause: Cause) {
        self.shared.lock().closing.get_or_insert(cause);
        self.wake();
    }

    /// Ends it now.
    pub fn end(&self, cause: Cause) {
        self.give_order(Order::End(cause, None));
    }

    /// Ends it now, with the story of its end.
    pub fn end_because(&self, cause: Cause, story: String) {
        self.give_order(Order::End(cause, Some(story)));
    }

    /// Whether the node has granted what it asks for.
    pub fn is_granted(&self) -> bool {
        !matches!(self.shared.lock().life, Life::Waiting(_))
    }

    /// Why it is dead, if it is.
    pub fn death(&self) -> Option<Arc<Error>> {
        self.shared.lock().death.clone()
    }

    /// Its class; a driver has none.
    pub(super) fn class_info(&self) -> Option<&ClassInfo> {
        match &self.role {
            Role::Class { index, .. } => self.package.info.classes.get(*index),
            Role::Driver { .. } => None,
        }
    }

    /// `Class.method`.
    pub(super) fn method_label(&self, method: u32) -> &str {
        match &self.role {
            Role::Class { index, .. } => self.package.method_label(*index, method),
            Role::Driver { .. } => "driver",
        }
    }

    /// The span of a call to it, or of its run as a driver.
    pub(super) fn span(&self, method: u32, parent: Option<TraceContext>) -> Option<Span> {
        let name = self.method_label(method);
        trace::begin(parent, &trace::About { name, actor: &self.label, node: self.env.node() })
    }

    pub(super) fn lives_before(&self) -> u32 {
        match &self.role {
            Role::Class { before, .. } => *before,
            Role::Driver { .. } => 0,
        }
    }

    /// Whether it is a driver, not an actor of a class.
    pub fn is_driver(&self) -> bool {
        matches!(self.role, Role::Driver { .. })
    }

    pub(super) fn is_detached(&self) -> bool {
        self.spec.detached || self.is_driver()
    }

    /// The error a call gets that comes too late.
    pub(super) fn died(&self, cause: Cause, message: String) -> Error {
        Error::Died { actor: self.label.to_string(), cause, message }
    }

    fn give_order(&self, order: Order) {
        {
            let mut shared = self.shared.lock();
            // The first end stands; an end outdoes a crash.
            if shared.death.is_some() || matches!(shared.order, Some(Order::End(..))) {
                return;
            }
            shared.order = Some(order);
        }
        self.wake();
    }
}

impl Target for Actor {
    fn id(&self) -> ActorId {
        self.label.id
    }

    fn class(&self) -> &str {
        &self.label.class
    }

    fn is_sequential(&self) -> bool {
        self.class_info().is_none_or(|class| class.concurrency == Concurrency::Sequential)
    }

    fn method_index(&self, name: &str) -> Result<u32, Error> {
        let class =
            self.class_info().ok_or_else(|| Error::Invalid("a driver has no methods".into()))?;
        class.method_index(name).ok_or_else(|| class.no_method(name))
    }

    fn send(&self, call: Call, quietly: bool) -> Result<(), Error> {
        {
            let mut shared = self.shared.lock();
            if let Some(death) = &shared.death {
                // Settled, not refused: a call to a dead actor fails like one
                // that died on its way.
                let death = death.clone();
                drop(shared);
                call.refuse(death);
                return Ok(());
            }
            shared.mail.push(call, || self.label.to_string())?;
        }
        if !quietly {
            self.wake();
        }
        Ok(())
    }

    fn wake(&self) {
        {
            let mut shared = self.shared.lock();
            match &shared.task {
                Task::Runs(waker) => return waker.wake_by_ref(),
                Task::Spawned => return,
                Task::None if shared.death.is_some() => return,
                Task::None => shared.task = Task::Spawned,
            }
        }
        self.spawn_task();
    }

    fn run_inline(self: Arc<Self>, object: &ObjectRef, cx: &mut Context<'_>) {
        self.turn_for(object, cx);
    }

    fn cancel(&self, object: &ObjectRef, why: Error) {
        let mut shared = self.shared.lock();
        if let Some(queued) = shared.mail.remove(object) {
            drop(shared);
            queued.call.refuse(Arc::new(why));
            return;
        }
        let running = shared.running.iter().find(|running| running.makes(object));
        let Some(running) = running else { return };
        let slot = running.slot.clone();
        shared.grace.push((object.clone(), Instant::now() + limits::CANCEL_GRACE));
        drop(shared);
        slot.cancel(why.clone());
        // The caller need not wait until the callee has noticed.
        object.settle(Err(Arc::new(why)), None);
        self.wake();
    }

    fn kill(&self, restart: bool) {
        self.give_order(if restart { Order::Restart } else { Order::End(Cause::Killed, None) });
    }

    fn retain(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    fn release(self: Arc<Self>) {
        // Like an Arc's count: the last release must see all before it.
        if self.handles.fetch_sub(1, Ordering::AcqRel) > 1 || self.is_detached() {
            return;
        }
        let life = {
            let mut shared = self.shared.lock();
            shared.closing.get_or_insert(Cause::Released);
            let at_rest = shared.phase == Phase::Idle
                && shared.mail.is_empty()
                && shared.order.is_none()
                && matches!(shared.life, Life::Here(_));
            at_rest.then(|| std::mem::replace(&mut shared.life, Life::Gone))
        };
        match life {
            Some(life) => {
                self.die_of(Cause::Released);
                drops::flat(life);
            }
            None => self.wake(),
        }
    }
}

impl Actor {
    /// A handle to it.
    pub fn handle(self: &Arc<Self>) -> Handle {
        Handle::new(self.clone())
    }
}
