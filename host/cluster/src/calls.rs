//! Calls to actors elsewhere, and calls of others to actors here.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use host_core::calls::{
    Answer, Call, CalleeEffect, CalleeEvent, CallerEffect, CallerEvent, Life, Submit,
};
use host_core::directory::Event as DirectoryEvent;
use host_core::membership::Standing;
use host_core::session::Room;
use host_core::spec::Tries;
use host_core::waits::Waiter;
use host_core::{ActorId, CallId, Cause, Error, NodeId, ObjectId};
use host_proto::node as proto;
use host_proto::node::answer::Kind as How;
use host_proto::node::call::Work as WireWork;
use host_proto::node::message::Kind;
use host_refs::{Args, ObjectRef, Outcome, Target, Value};
use rustc_hash::FxHashMap;

use crate::machines::{Event, Machines, Todo};
use crate::member::Inner;
use crate::nodes::encode;
use crate::values::Pins;
use crate::wire::{self, Read, WireId};

/// What a call asks of its target.
#[derive(Clone)]
pub(crate) enum Work {
    /// Run a method.
    Invoke { method: Arc<str>, args: Args, caller: Option<ActorId> },
    /// End.
    Kill { restart: bool },
    /// Nobody holds it any more.
    Release,
}

/// A call that is to be made.
pub(crate) struct Submitted {
    pub(crate) target: ActorId,
    pub(crate) movable: bool,
    pub(crate) caller: Option<ActorId>,
    pub(crate) retries: Tries,
    pub(crate) work: Work,
    /// What its result becomes.
    pub(crate) result: Option<ObjectRef>,
}

/// Calls on their way.
#[derive(Default)]
pub(crate) struct Calls {
    /// Made here: what becomes of the result, and where the call went last.
    made: FxHashMap<CallId, Made>,
    /// Taken from others.
    taken: FxHashMap<CallId, Taken>,
    /// What a session had no room for, in order, until it has.
    stalled: FxHashMap<NodeId, VecDeque<Call<Work>>>,
}

struct Made {
    target: ActorId,
    result: Option<ObjectRef>,
    at: Option<NodeId>,
}

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

impl Calls {
    /// Calls made here, and calls of others, that are not over.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.made.len(), self.taken.len())
    }
}

impl Submitted {
    /// Settles it without making it.
    pub(crate) fn refuse(self, error: Error) {
        if let Some(result) = self.result {
            result.settle(Err(Arc::new(error)), None);
        }
    }
}

impl Machines {
    pub(crate) fn caller(&mut self, event: CallerEvent<Work, Value>) {
        let mut effects = Vec::new();
        self.caller.handle(self.now, event, &mut effects);
        self.later(effects.into_iter().map(Todo::Caller));
    }

    pub(crate) fn callee(&mut self, event: CalleeEvent<Work, Value>) {
        let mut effects = Vec::new();
        self.callee.handle(self.now, event, &mut effects);
        self.later(effects.into_iter().map(Todo::Callee));
    }

    pub(crate) fn submit(&mut self, submitted: Submitted) {
        let Submitted { target, movable, caller, retries, work, result } = submitted;
        // A call has the number of the object that it makes.
        let object = match &result {
            Some(result) => result.id(),
            None => self.shared.local.next_object(),
        };
        let id = CallId { node: object.node, seq: object.seq };
        self.calls.made.insert(id, Made { target, result, at: None });
        let outside = ActorId { node: self.shared.id, seq: 0 };
        let caller = caller.unwrap_or(outside);
        self.caller(CallerEvent::Submit(Submit {
            id,
            caller,
            target,
            movable,
            retries,
            body: work,
        }));
    }

    pub(crate) fn caller_effect(&mut self, effect: CallerEffect<Work, Value>) {
        match effect {
            CallerEffect::Send(to, call) => {
                if let Some(made) = self.calls.made.get_mut(&call.id) {
                    made.at = Some(to);
                }
                if to == self.shared.id {
                    self.later([Todo::Here(call)]);
                } else if let Some(stalled) = self.calls.stalled.get_mut(&to) {
                    stalled.push_back(call);
                } else if !self.send_call(to, &call) {
                    self.calls.stalled.entry(to).or_default().push_back(call);
                }
            }
            CallerEffect::Locate(actor) => self.directory(DirectoryEvent::Locate(actor)),
            CallerEffect::Settle(id, outcome) => self.settle(id, outcome),
        }
    }

    /// Sends a call; false if the session has no room.
    fn send_call(&mut self, to: NodeId, call: &Call<Work>) -> bool {
        if self.view().standing(to) == Standing::Gone {
            let event = CallerEvent::NodeGone(to, to.to_string());
            self.caller(event);
            return true;
        }
        let mut pins = Pins::new();
        let payload = encode(Kind::Call(self.wire_call(to, call, &mut pins)));
        if payload.len() > host_transport::PAYLOAD_BYTES_MAX {
            self.unpin(pins);
            let why = format!(
                "its arguments carry more references than fit into {} KiB",
                payload.len() >> 10
            );
            self.caller(CallerEvent::Full(call.id, why));
            return true;
        }
        let sent = self.shared.sessions.send(to, payload, Room::New).is_ok();
        if !sent {
            self.unpin(pins);
        }
        sent
    }

    pub(crate) fn unpin(&mut self, pins: Pins) {
        let mut effects = Vec::new();
        pins.into_iter().for_each(|pin| self.lending.unpin(pin, &mut effects));
        self.later(effects.into_iter().map(Todo::Lending));
    }

    fn wire_call(&mut self, to: NodeId, call: &Call<Work>, pins: &mut Pins) -> proto::Call {
        let mut sender = None;
        let work = match &call.body {
            Work::Invoke { method, args, caller } => {
                sender = *caller;
                let args = Some(self.send_args(args, to, pins));
                WireWork::Invoke(proto::Invoke { method: method.to_string(), args })
            }
            Work::Kill { restart } => WireWork::Kill(proto::Kill { restart: *restart }),
            Work::Release => WireWork::Release(proto::Release {}),
        };
        let life = match call.life {
            Life::Any => None,
            Life::Only(life) => Some(life),
        };
        proto::Call {
            id: Some(call.id.id()),
            caller: sender.map(WireId::id),
            target: Some(call.target.id()),
            life,
            stint: call.stint,
            retries: wire::tries(call.retries),
            work: Some(work),
        }
    }

    /// There is room again: what waits for it goes first.
    pub(crate) fn room(&mut self, node: NodeId) {
        let Some(mut stalled) = self.calls.stalled.remove(&node) else { return };
        while let Some(call) = stalled.pop_front() {
            // One that was given up meanwhile is not sent.
            if !self.calls.made.contains_key(&call.id) {
                continue;
            }
            if !self.send_call(node, &call) {
                stalled.push_front(call);
                self.calls.stalled.insert(node, stalled);
                return;
            }
        }
    }

    /// What waits for room in a lost epoch is told lost with the rest.
    pub(crate) fn calls_lost(&mut self, node: NodeId) {
        self.calls.stalled.remove(&node);
    }

    /// A call made here is over.
    fn settle(&mut self, id: CallId, outcome: Result<Value, Error>) {
        let Some(Made { result: Some(result), .. }) = self.calls.made.remove(&id) else { return };
        match outcome {
            Ok(value) => self.shared.local.settle(&result, value),
            Err(error) => {
                result.settle(Err(Arc::new(error)), None);
            }
        }
    }

    pub(crate) fn take_answer(&mut self, from: NodeId, answer: proto::Answer) -> Read<()> {
        let id = CallId::read(answer.id)?;
        let answer = match answer.kind.ok_or("an answer of an unknown kind")? {
            How::Failed(error) => Answer::Failed(wire::read_error(error)),
            How::Stopped(_) => Answer::Stopped,
            How::NotHere(_) => Answer::NotHere,
            How::Ran(carried) => {
                let value = carried.value.unwrap_or_default();
                match carried.far {
                    None => Answer::Ran(self.take_value(value)?),
                    Some(far) => return self.take_far_result(from, id, far, value),
                }
            }
        };
        self.caller(CallerEvent::Answered(from, id, answer));
        Ok(())
    }

    /// A result that is large: the object that it becomes is ready, and its
    /// bytes are pulled when they are needed.
    fn take_far_result(
        &mut self,
        from: NodeId,
        id: CallId,
        far: proto::Ref,
        value: proto::Value,
    ) -> Read<()> {
        let object = self.take_ref(Some(far))?;
        let attached = self.take_attached(value.refs, value.handles)?;
        let fetch = self.far(object.id(), value.size, attached, Some(object));
        if let Some(result) = self.calls.made.get(&id).and_then(|made| made.result.as_ref()) {
            result.settle_away(fetch);
        }
        self.caller(CallerEvent::Answered(from, id, Answer::Ran(Value::default())));
        Ok(())
    }

    /// Nobody waits for a call any more: it is forgotten here, and cancelled
    /// where it is.
    pub(crate) fn cancel(&mut self, object: ObjectId, why: Error) {
        let id = CallId { node: object.node, seq: object.seq };
        let Some(made) = self.calls.made.remove(&id) else { return };
        self.caller(CallerEvent::Forget(id));
        match made.at {
            Some(at) if at == self.shared.id => self.cancel_taken(id, why),
            Some(at) => {
                let why = Some(wire::error(&why));
                self.answer(at, Kind::Cancel(proto::Cancel { id: Some(id.id()), why }));
            }
            None => {}
        }
    }

    pub(crate) fn take_cancel(&mut self, from: NodeId, cancel: proto::Cancel) -> Read<()> {
        let id = CallId::read(cancel.id)?;
        if id.node != from {
            return Err(format!("{from} cancels {id}, which is not its own"));
        }
        let why = cancel.why.ok_or("cancelled without a reason")?;
        self.cancel_taken(id, wire::read_error(why));
        Ok(())
    }

    fn cancel_taken(&mut self, id: CallId, why: Error) {
        if let Some(Taken { target, result, .. }) = self.calls.taken.get(&id) {
            target.cancel(result, why);
        }
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
            Work::Invoke { method, args, caller } => {
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
                self.calls.taken.insert(id, taken);
                let result = Some(result);
                let sent =
                    host_refs::Call { method, args, result, caller, retries, held_up: waiting };
                if let Err(error) = target.send(sent, false) {
                    self.calls.taken.remove(&id);
                    self.finish(id, Err(error));
                }
            }
        }
    }

    /// Where a call of this node is, and what there has to go on before it is
    /// done.
    pub(crate) fn call_at(&self, id: CallId) -> Option<(NodeId, Waiter)> {
        let made = self.calls.made.get(&id)?;
        let sequential = self.is_sequential(made.target);
        let object = ObjectId { node: id.node, seq: id.seq };
        let waiter = if sequential { Waiter::Actor(made.target) } else { Waiter::Call(object) };
        Some((made.at?, waiter))
    }

    /// The object that a call of others makes here.
    pub(crate) fn taken_as(&self, id: CallId) -> Option<ObjectId> {
        self.calls.taken.get(&id).map(|taken| taken.result.id())
    }

    /// A call of this node fails here, and is cancelled where it is.
    pub(crate) fn fail_call(&mut self, object: ObjectId, why: &Error) {
        let id = CallId { node: object.node, seq: object.seq };
        let result = self.calls.made.get(&id).and_then(|made| made.result.clone());
        self.cancel(object, why.clone());
        if let Some(result) = result {
            result.settle(Err(Arc::new(why.clone())), None);
        }
    }

    pub(crate) fn begun(&mut self, call: CallId) {
        self.callee(CalleeEvent::Begun(call));
    }

    /// A call that others sent is over: its outcome is there, or on disk.
    pub(crate) fn settled(&mut self, id: CallId) {
        let Some(taken) = self.calls.taken.remove(&id) else { return };
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
