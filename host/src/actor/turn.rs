//! Who makes an actor go on: its own task, or a caller that would only wait.
//!
//! The life's future is with at most one of them at a time. A caller polls it
//! once, for one call; if that call has to wait for something, the actor's
//! task takes over, so a caller that gives up never takes the callee along.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use host_core::{Error, limits};
use tokio::time::{Instant, Sleep, sleep_until};

use super::life::{End, LifeFuture};
use super::target::{Actor, Life, Order, Phase, Shared, Task};
use host_refs::{ObjectRef, Target, drops};

thread_local! {
    /// Calls in place that this thread is in the middle of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

impl Actor {
    /// Runs the call that makes `object` here, if it is next and the actor is
    /// at rest; else wakes the actor.
    pub(super) fn turn_for(self: &Arc<Self>, object: &ObjectRef, cx: &mut Context<'_>) {
        let depth = DEPTH.get();
        let life = (depth < limits::INLINE_DEPTH).then(|| self.take_for(object)).flatten();
        let Some(life) = life else { return self.wake() };
        DEPTH.set(depth + 1);
        let ended = self.poll_life(life, cx);
        DEPTH.set(depth);
        if let Some(end) = ended {
            self.conclude(end);
            return;
        }
        let unfinished = {
            let shared = self.shared.lock();
            shared.phase != Phase::Idle || !shared.mail.is_empty() || shared.is_called_for()
        };
        if unfinished {
            self.wake();
        }
    }

    fn take_for(&self, object: &ObjectRef) -> Option<LifeFuture> {
        if !self.is_sequential() {
            return None;
        }
        let mut shared = self.shared.lock();
        let at_rest = matches!(shared.phase, Phase::Idle | Phase::New);
        if !at_rest || shared.is_called_for() || shared.not_before.is_some() {
            return None;
        }
        if !shared.mail.is_next(object) {
            return None;
        }
        shared.take_life(1)
    }

    /// Polls the life once and puts it back; or the end it came to.
    fn poll_life(&self, mut life: LifeFuture, cx: &mut Context<'_>) -> Option<End> {
        let polled = catch_unwind(AssertUnwindSafe(|| life.as_mut().poll(cx)));
        let end = match polled {
            Ok(Poll::Pending) => {
                self.shared.lock().life = Life::Here(life);
                return None;
            }
            Ok(Poll::Ready(end)) => end,
            Err(panic) => End::Crashed(self.host_panicked(panic.as_ref())),
        };
        self.shared.lock().life = Life::Gone;
        drops::flat(life);
        Some(end)
    }

    fn host_panicked(&self, panic: &(dyn std::any::Any + Send)) -> Error {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        tracing::error!(actor = %self.label, message, "a host function panicked: a bug in the host");
        Error::Trapped {
            method: self.label.to_string(),
            message: format!("a host function panicked: {message}"),
            backtrace: String::new(),
        }
    }

    pub(super) fn spawn_task(&self) {
        let Some(actor) = self.me.upgrade() else { return };
        let runtime = self.env.runtime().clone();
        runtime.spawn(ActorTask { actor, timer: None });
    }
}

impl Shared {
    /// Whether something besides calls waits to be done.
    fn is_called_for(&self) -> bool {
        self.order.is_some() || self.closing.is_some() || !self.grace.is_empty()
    }

    /// Takes the life out to be polled, for at most `allowance` calls.
    fn take_life(&mut self, allowance: u32) -> Option<LifeFuture> {
        if !matches!(self.life, Life::Here(_)) {
            return None;
        }
        let Life::Here(life) = std::mem::replace(&mut self.life, Life::Out) else {
            unreachable!("just looked")
        };
        self.allowance = allowance;
        Some(life)
    }
}

/// The actor's own task: lives until the actor ends.
struct ActorTask {
    actor: Arc<Actor>,
    /// For what is to happen at a time: a restart, the end of a grace.
    timer: Option<Pin<Box<Sleep>>>,
}

/// What the task does next.
enum Step {
    /// The actor is dead.
    Finish,
    /// Somebody else has the life, or it waits for resources.
    Rest,
    /// An order is to be carried out; the life, if it was there, goes.
    Obey(Order, Life),
    /// Nothing before this moment.
    Sleep(Instant),
    /// The life is to be polled.
    Turn(LifeFuture),
}

impl Future for ActorTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let actor = self.actor.clone();
        loop {
            match actor.next_step(cx) {
                Step::Finish => return Poll::Ready(()),
                Step::Rest => return Poll::Pending,
                Step::Sleep(until) => {
                    if self.poll_timer(until, cx).is_pending() {
                        return Poll::Pending;
                    }
                    actor.shared.lock().not_before = None;
                }
                Step::Obey(order, life) => {
                    drops::flat(life);
                    actor.obey(order);
                }
                Step::Turn(life) => {
                    if let Some(end) = actor.poll_life(life, cx) {
                        actor.conclude(end);
                        continue;
                    }
                    return self.after_turn(cx);
                }
            }
        }
    }
}

impl ActorTask {
    /// The life is suspended or at rest; what wakes this task again?
    fn after_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (more, grace) = {
            let shared = self.actor.shared.lock();
            let spent = shared.allowance == 0 && !shared.mail.is_empty();
            let more = spent || shared.order.is_some();
            (more, shared.grace.first().map(|(_, until)| *until))
        };
        if more {
            // To the back of the queue: others have their turn first.
            cx.waker().wake_by_ref();
        }
        match grace {
            Some(until) if self.poll_timer(until, cx).is_ready() => cx.waker().wake_by_ref(),
            Some(_) => {}
            None => self.timer = None,
        }
        Poll::Pending
    }

    fn poll_timer(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(cx)
    }
}

impl Actor {
    /// The control lane comes first: orders, then times, then calls.
    fn next_step(&self, cx: &mut Context<'_>) -> Step {
        let mut shared = self.shared.lock();
        if shared.death.is_some() {
            return Step::Finish;
        }
        match &shared.task {
            Task::Runs(waker) if waker.will_wake(cx.waker()) => {}
            _ => shared.task = Task::Runs(cx.waker().clone()),
        }
        if matches!(shared.life, Life::Out) {
            // Whoever has it looks for orders before it puts it back, and
            // wakes this task.
            return Step::Rest;
        }
        self.check_grace(&mut shared);
        if let Some(order) = shared.order.take() {
            let life = std::mem::replace(&mut shared.life, Life::Gone);
            return Step::Obey(order, life);
        }
        if let Some(until) = shared.not_before {
            return Step::Sleep(until);
        }
        if let (Life::Waiting(_), Some(cause), true) =
            (&shared.life, shared.closing, shared.mail.is_empty())
        {
            shared.life = Life::Gone;
            return Step::Obey(Order::End(cause, None), Life::Gone);
        }
        shared.take_life(limits::CALLS_PER_TURN).map_or(Step::Rest, Step::Turn)
    }

    /// A cancelled call that is still running when its grace is over takes
    /// its incarnation along.
    fn check_grace(&self, shared: &mut Shared) {
        let Shared { grace, running, .. } = shared;
        grace.retain(|(object, _)| running.iter().any(|running| running.makes(object)));
        let Some((object, until)) = grace.first() else { return };
        if Instant::now() < *until {
            return;
        }
        let Some(running) = running.iter().find(|running| running.makes(object)) else { return };
        let method = self.method_label(running.method);
        let message =
            format!("{method} was cancelled, and did not stop within {:?}", limits::CANCEL_GRACE);
        shared.grace.clear();
        shared.order.get_or_insert(Order::Crash(Error::Cancelled(message)));
    }
}
