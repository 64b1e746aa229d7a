//! Calls to actors elsewhere.

use std::collections::VecDeque;
use std::sync::Arc;

use host_core::calls::{Answer, Call, CallerEffect, CallerEvent, Life, Submit};
use host_core::directory::Event as DirectoryEvent;
use host_core::membership::Standing;
use host_core::session::Room;
use host_core::spec::Tries;
use host_core::trace::Context;
use host_core::{ActorId, CallId, Error, NodeId, ObjectId};
use host_proto::node as proto;
use host_proto::node::answer::Kind as How;
use host_proto::node::call::Work as WireWork;
use host_proto::node::message::Kind;
use host_refs::{Args, ObjectRef, Value};
use rustc_hash::FxHashMap;

use crate::machines::{Machines, Todo};
use crate::nodes::encode;
use crate::values::Pins;
use crate::wire::{self, Read, WireId};

/// What a call asks of its target.
#[derive(Clone)]
pub(crate) enum Work {
    /// Run a method.
    Invoke { method: Arc<str>, args: Args, caller: Option<ActorId>, trace: Option<Context> },
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

/// Calls that this node makes.
#[derive(Default)]
pub(crate) struct Calls {
    /// Made here: what becomes of the result, and where the call went last.
    made: FxHashMap<CallId, Made>,
    /// What a session had no room for, in order, until it has.
    stalled: FxHashMap<NodeId, VecDeque<Call<Work>>>,
}

struct Made {
    result: Option<ObjectRef>,
    at: Option<NodeId>,
}

impl Calls {
    /// Calls made here that are not over.
    pub(crate) fn len(&self) -> usize {
        self.made.len()
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
        let mut effects = std::mem::take(&mut self.caller_effects);
        self.caller.handle(self.now, event, &mut effects);
        self.later(effects.drain(..).map(Todo::Caller));
        self.caller_effects = effects;
    }

    pub(crate) fn submit(&mut self, submitted: Submitted) {
        let Submitted { target, movable, caller, retries, work, result } = submitted;
        // A call has the number of the object that it makes.
        let object = match &result {
            Some(result) => result.id(),
            None => self.shared.local.next_object(),
        };
        let id = CallId { node: object.node, seq: object.seq };
        self.calls.made.insert(id, Made { result, at: None });
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
                self.wait_goes_to(call.id, to);
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
        let (mut sender, mut traceparent) = (None, String::new());
        let work = match &call.body {
            Work::Invoke { method, args, caller, trace } => {
                sender = *caller;
                let args = Some(self.send_args(args, to, pins));
                let method = method.to_string();
                traceparent = trace.map(|trace| trace.to_string()).unwrap_or_default();
                WireWork::Invoke(proto::Invoke { method, args })
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
            traceparent,
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

    /// The node that a call of this node went to.
    pub(crate) fn call_at(&self, id: CallId) -> Option<NodeId> {
        self.calls.made.get(&id)?.at
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
}
