//! Calls of other nodes to actors here.

use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use host_core::calls::{Answer, Call, CalleeEffect, CalleeEvent, Life};
use host_core::spec::Tries;
use host_core::waits::Waiter;
use host_core::{ActorId, CallId, Cause, Error, NodeId};
use host_proto::node as proto;
use host_proto::node::answer::Kind as How;
use host_proto::node::call::Work as WireWork;
use host_proto::node::message::Kind;
use host_refs::{ObjectRef, Outcome, Target, Value};
use rustc_hash::FxHashMap;

use crate::calls::Work;
use crate::machines::{Event, Machines, Todo};
use crate::member::Inner;
use crate::values::Pins;
use crate::wire::{self, Read, WireId};

/// Calls that others sent and that are not over.
#[derive(Default)]
pub(crate) struct TakenCalls(FxHashMap<CallId, Taken>);

/// A call that was taken, until it is over.
struct Taken {
    target: Arc<dyn Target>,
    /// The end of its target's life says what becomes of it; and whether it
    /// may then be tried again.
    movable: bool,
    may_be_retried: bool,
    result: ObjectRef,
}

/// Told when a call that was taken is over.
struct Over {
    call: CallId,
    member: Weak<Inner>,
}

impl Wake for Over {
    fn wake(self: Arc<Self>) {
        if let Some(member) = self.member.upgrade() {
            member.leave(Event::Settled(self.call));
        }
    }
}

/// Dropped by the actor when it takes the call out of its mailbox.
struct Waiting {
    call: CallId,
    member: Weak<Inner>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(member) = self.member.upgrade() {
            member.leave(Event::Begun(self.call));
        }
    }
}

impl TakenCalls {
    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Machines {
    pub(crate) fn callee(&mut self, event: CalleeEvent<Work, Value>) {
        let mut effects = std::mem::take(&mut self.callee_effects);
        self.callee.handle(self.now, event, &mut effects);
        self.later(effects.drain(..).map(Todo::Callee));
        self.callee_effects = effects;
    }

    pub(crate) fn take_call(&mut self, from: NodeId, call: proto::Call) -> Read<()> {
        let sender = call.caller.map(|id| ActorId::read(Some(id))).transpose()?;
        let id = CallId::read(call.id)?;
        let target = ActorId::read(call.target)?;
        let body = match call.work.ok_or("a call for nothing")? {
            WireWork::Invoke(invoke) => Work::Invoke {
                method: invoke.method.into(),
                args: self.take_args(invoke.args)?,
                caller: sender,
                // What makes no sense is as good as none: it changes nothing.
                trace: call.traceparent.parse().ok(),
            },
            WireWork::Kill(kill) => Work::Kill { restart: kill.restart },
            WireWork::Release(_) => Work::Release,
        };
        if id.node != from {
            return Err(format!("{from} makes {id}, which is not its own"));
        }
        let caller = sender.unwrap_or(ActorId { node: from, seq: 0 });
        let life = call.life.map_or(Life::Any, Life::Only);
        let retries = wire::read_tries(call.retries);
        self.arrived(from, Call { id, caller, target, life, stint: call.stint, retries, body });
        Ok(())
    }

    pub(crate) fn arrived(&mut self, from: NodeId, call: Call<Work>) {
        self.callee(CalleeEvent::Arrived(from, call));
    }

    pub(crate) fn callee_effect(&mut self, effect: CalleeEffect<Work, Value>) {
        match effect {
            CalleeEffect::Run(call) => self.run(call),
            CalleeEffect::Answer(to, id, answer) => self.send_answer(to, id, answer),
            CalleeEffect::TellEnd(to, id, actor) => {
                let answer = Answer::Failed(self.end_of(actor));
                self.send_answer(to, id, answer);
            }
        }
    }

    fn send_answer(&mut self, to: NodeId, id: CallId, answer: Answer<Value>) {
        if to == self.shared.id {
            return self.later([Todo::AnswerHere(id, answer)]);
        }
        let mut pins = Pins::new();
        let how = match answer {
            Answer::Ran(value) => How::Ran(self.send_carried(&value, to, &mut pins)),
            Answer::Failed(error) => How::Failed(wire::error(&error)),
            Answer::Stopped => How::Stopped(proto::Stopped {}),
            Answer::NotHere => How::NotHere(proto::NotHere {}),
        };
        self.answer(to, Kind::Answer(proto::Answer { id: Some(id.id()), kind: Some(how) }));
    }

    /// Puts a call into its target's mailbox.
    fn run(&mut self, call: Call<Work>) {
        let id = call.id;
        let Some(target) = self.shared.local.actor(call.target) else {
            // It ended just now, and says so next.
            return;
        };
        match call.body {
            Work::Kill { restart } => {
                match call.life {
                    // Its next life is the cluster's to begin.
                    Life::Only(_) if restart => self.shared.local.end(call.target, Cause::Crashed),
                    _ => target.kill(restart),
                }
                self.finish(id, Ok(Value::default()));
            }
            Work::Release => {
                let guest = self.actors.guests.get_mut(&call.target);
                drop(guest.and_then(|guest| guest.handle.take()));
                self.finish(id, Ok(Value::default()));
            }
            Work::Invoke { method, args, caller, trace } => {
                let method = match target.method_index(&method) {
                    Ok(method) => method,
                    Err(error) => return self.finish(id, Err(error)),
                };
                let movable = matches!(call.life, Life::Only(_));
                let retries = Some(if movable { Tries::AtMost(0) } else { call.retries });
                // The mailbox settles it even if nobody wants the result: so
                // its end is known.
                let object = self.shared.local.next_object();
                let result = ObjectRef::pending(object, Arc::downgrade(&target));
                let over = Over { call: id, member: self.shared.weak() };
                result.wake_when_settled(&Waker::from(Arc::new(over)));
                let waiting = movable.then(|| {
                    let waiting = Waiting { call: id, member: self.shared.weak() };
                    Arc::new(waiting) as Arc<dyn Send + Sync>
                });
                let may_be_retried = call.retries != Tries::AtMost(0);
                let taken = Taken {
                    target: target.clone(),
                    movable,
                    may_be_retried,
                    result: result.clone(),
                };
                self.taken.0.insert(id, taken);
                let result = Some(result);
                let held_up = waiting;
                let sent =
                    host_refs::Call { method, args, result, caller, retries, trace, held_up };
                if let Err(error) = target.send(sent, false) {
                    self.taken.0.remove(&id);
                    self.finish(id, Err(error));
                }
            }
        }
    }

    /// Whoever sent a call wants it no more.
    pub(crate) fn cancel_taken(&mut self, id: CallId, why: Error) {
        if let Some(Taken { target, result, .. }) = self.taken.0.get(&id) {
            target.cancel(result, why);
        }
    }

    /// What has to go on here before a call of others is done.
    pub(crate) fn taken_as(&self, id: CallId) -> Option<Vec<Waiter>> {
        let taken = self.taken.0.get(&id)?;
        let actor = taken.target.is_sequential().then(|| Waiter::Actor(taken.target.id()));
        Some(actor.into_iter().chain([Waiter::Call(taken.result.id())]).collect())
    }

    pub(crate) fn begun(&mut self, call: CallId) {
        self.callee(CalleeEvent::Begun(call));
    }

    /// A call that others sent is over: its outcome is there, or on disk.
    pub(crate) fn settled(&mut self, id: CallId) {
        let Some(taken) = self.taken.0.remove(&id) else { return };
        match taken.result.into_outcome() {
            Ok(outcome) => {
                // The end of a life is told by itself, and says what becomes
                // of each call.
                let left_to_it = matches!(&outcome, Err(error) if match **error {
                    Error::Died { .. } => taken.movable,
                    Error::Trapped { .. } => taken.movable && taken.may_be_retried,
                    _ => false,
                });
                if !left_to_it {
                    self.finished(id, outcome);
                }
            }
            Err(away) => {
                let shared = self.shared.clone();
                self.shared.runtime.spawn(async move {
                    let outcome = away.outcome().await;
                    shared.bring(Event::Finished(id, outcome));
                });
            }
        }
    }

    pub(crate) fn finished(&mut self, id: CallId, outcome: Outcome) {
        self.finish(id, outcome.map_err(|error| (*error).clone()));
    }

    fn finish(&mut self, id: CallId, outcome: Result<Value, Error>) {
        let bytes = outcome.as_ref().map_or(0, Value::weight);
        self.callee(CalleeEvent::Finished(id, outcome, bytes));
    }
}
