//! Every way an incarnation, or an actor, can end.

use std::sync::Arc;

use host_core::restart::AfterCrash;
use host_core::{Cause, Error};
use tokio::time::Instant;

use super::life::{self, End};
use super::mail::refuse;
use super::target::{Actor, Life, Order, Phase, Role, Running, Task};
use crate::meters::Count;
use host_refs::{Target, Value, drops};

impl Actor {
    /// Carries out an order, after the life it was for is gone.
    pub(super) fn obey(self: &Arc<Self>, order: Order) {
        match order {
            Order::End(cause, None) => self.die_of(cause),
            Order::End(cause, Some(story)) => self.die(cause, story),
            Order::Crash(error) => self.crashed(error, Cause::Crashed),
            Order::Restart => self.crashed(self.restarted(), Cause::Killed),
        }
    }

    /// Draws the consequences of an incarnation's end.
    pub(super) fn conclude(self: &Arc<Self>, end: End) {
        match end {
            End::Done(cause) => self.die_of(cause),
            End::Crashed(error) => self.crashed(error, Cause::Crashed),
            End::Unborn(error) => self.die(Cause::ConstructorFailed, unborn(&error)),
            End::Driver(result) => {
                if let Role::Driver { done, .. } = &self.role {
                    done.settle(result.map(|()| Value::default()).map_err(Arc::new), None);
                }
                self.die(Cause::Exited, "the driver returned".into());
            }
        }
    }

    /// The incarnation is lost: calls that may be tried again go back to the
    /// front, others get the error, and another incarnation follows if one is
    /// left; else the actor ends with `cause`.
    fn crashed(self: &Arc<Self>, error: Error, cause: Cause) {
        let (now, meters) = (self.env.now(), self.env.meters());
        let failed = Arc::new(error.clone());
        let (lost, delay) = {
            let mut shared = self.shared.lock();
            shared.phase = Phase::New;
            shared.grace.clear();
            let running = std::mem::take(&mut shared.running);
            let AfterCrash::Restart { incarnation, delay } = shared.restarts.crashed(now) else {
                if cause != Cause::Crashed {
                    // Nothing went wrong in its calls: they share its death.
                    shared.running = running;
                    drop(shared);
                    return self.die_of(cause);
                }
                drop(shared);
                running.into_iter().for_each(|running| running.fail(failed.clone(), meters));
                return self.die(cause, error.to_string());
            };
            let (again, lost) = running.into_iter().partition::<Vec<_>, _>(Running::may_retry);
            meters.add(Count::RETRIED, again.len() as u64);
            shared.mail.put_back(again.into_iter().filter_map(|running| running.retry).collect());
            shared.life = Life::Here(life::begin(self.clone(), incarnation));
            shared.not_before = (!delay.is_zero()).then(|| Instant::now() + delay);
            (lost, delay)
        };
        lost.into_iter().for_each(|running| running.fail(failed.clone(), meters));
        self.env.restarting(self, &error, delay);
        self.wake();
    }

    fn restarted(&self) -> Error {
        let label = &self.label;
        Error::Unavailable(format!("{label} was killed, and starts anew; the call may have run"))
    }

    /// The actor's end, where the cause says all there is to say.
    pub(super) fn die_of(&self, cause: Cause) {
        self.die(cause, cause_in_words(cause));
    }

    /// The actor's end: everything that waits on it learns why.
    pub(super) fn die(&self, cause: Cause, message: String) {
        let death = Arc::new(self.died(cause, message));
        let ((running, left), task, life) = {
            let mut shared = self.shared.lock();
            if shared.death.is_some() {
                return;
            }
            shared.death = Some(death.clone());
            let running = std::mem::take(&mut shared.running);
            let left = shared.mail.drain();
            let life = std::mem::replace(&mut shared.life, Life::Gone);
            ((running, left), std::mem::replace(&mut shared.task, Task::None), life)
        };
        running.into_iter().for_each(|running| running.fail(death.clone(), self.env.meters()));
        refuse(left, &death);
        match &self.role {
            Role::Driver { done, .. } => {
                done.settle(Err(death.clone()), None);
            }
            Role::Class { args, .. } => drops::flat(std::mem::take(&mut *args.lock())),
        }
        self.finish_log();
        self.env.ended(self, &death);
        if let Task::Runs(waker) = task {
            waker.wake();
        }
        drop(life);
    }
}

fn unborn(error: &Error) -> String {
    format!("its constructor failed: {error}")
}

fn cause_in_words(cause: Cause) -> String {
    match cause {
        Cause::Killed => "it was killed",
        Cause::Released => "its last handle was dropped",
        Cause::Exited => "it ended itself",
        Cause::JobEnded => "the job that created it ended",
        Cause::ConstructorFailed => "its constructor failed",
        Cause::Crashed => "it crashed",
        Cause::NodeLost => "its node was lost",
        Cause::GroupRemoved => "the placement group that it was in has ended",
    }
    .into()
}
