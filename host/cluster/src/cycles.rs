//! Call cycles that go over several nodes.

use host_core::probes::{Effect, Event, Hop, Message};
use host_core::waits::Waiter;
use host_core::{CallId, Error, NodeId, ObjectId, limits};
use host_proto::node as proto;
use host_proto::node::message::Kind;
use rustc_hash::FxHashMap;

use crate::machines::Machines;
use crate::wire::{self, Read};

/// The waits of this node's actors for calls elsewhere.
#[derive(Default)]
pub(crate) struct Cycles {
    /// By the wait's number.
    waits: FxHashMap<u64, Wait>,
    /// By the object: the waits for it.
    by_object: FxHashMap<ObjectId, Vec<u64>>,
}

struct Wait {
    waiter: Waiter,
    /// What the calls make.
    objects: Vec<ObjectId>,
}

impl Machines {
    /// An actor here waits, among others, for calls that were sent elsewhere.
    pub(crate) fn wait_began(&mut self, waiter: Waiter, number: u64, objects: Vec<ObjectId>) {
        for object in &objects {
            self.cycles.by_object.entry(*object).or_default().push(number);
            let call = CallId { node: object.node, seq: object.seq };
            if let Some(node) = self.call_at(call) {
                self.probe(Event::Began(waiter, number, Waiter::Call(*object), node));
            }
        }
        self.cycles.waits.insert(number, Wait { waiter, objects });
    }

    /// A call goes to a node, at first or because its target is now there: who
    /// waits for it looks there.
    pub(crate) fn wait_goes_to(&mut self, call: CallId, node: NodeId) {
        let object = ObjectId { node: call.node, seq: call.seq };
        for number in self.cycles.by_object.get(&object).cloned().unwrap_or_default() {
            if let Some(waiter) = self.cycles.waits.get(&number).map(|wait| wait.waiter) {
                self.probe(Event::Began(waiter, number, Waiter::Call(object), node));
            }
        }
    }

    pub(crate) fn wait_ended(&mut self, number: u64) {
        let Some(wait) = self.cycles.waits.remove(&number) else { return };
        for object in wait.objects {
            if let Some(numbers) = self.cycles.by_object.get_mut(&object) {
                numbers.retain(|known| *known != number);
                if numbers.is_empty() {
                    self.cycles.by_object.remove(&object);
                }
            }
        }
        self.probe(Event::Ended(number));
    }

    pub(crate) fn probe(&mut self, event: Event) {
        let mut effects = Vec::new();
        let (now, probes, local) = (self.now, &mut self.probes, &self.shared.local);
        let mut event = Some(event);
        local.waits(&mut |waits| {
            if let Some(event) = event.take() {
                probes.handle(now, event, waits, &mut effects);
            }
        });
        for effect in effects {
            match effect {
                Effect::Send(to, message) if to == self.shared.id => self.probed(message),
                Effect::Send(to, message) => self.answer(to, Kind::Probe(wire::probe(message))),
                Effect::Cycle(wait, path) => self.break_cycle(wait, &path),
            }
        }
    }

    pub(crate) fn take_probe(&mut self, from: NodeId, probe: proto::Probe) -> Read<()> {
        let message = wire::read_probe(probe)?;
        tracing::trace!(%from, ?message, "a probe");
        self.probed(message);
        Ok(())
    }

    /// What holds up a call that came from elsewhere: the object of its own
    /// that it makes here, and its actor if that runs one call at a time. A
    /// call that is over, whose answer may be on its way, holds up nobody.
    fn probed(&mut self, message: Message) {
        let event = match message {
            Message::Probe { path, target: Waiter::Call(object) } => {
                let call = CallId { node: object.node, seq: object.seq };
                let Some(here) = self.taken_as(call) else { return };
                Event::Probed(path, here)
            }
            other => Event::Received(other),
        };
        self.probe(event);
    }

    /// The calls that a wait is for fail, and with them the wait.
    fn break_cycle(&mut self, wait: u64, path: &[Hop]) {
        let Some(objects) = self.cycles.waits.get(&wait).map(|wait| wait.objects.clone()) else {
            return;
        };
        let shown = path.iter().take(limits::EXPLAINED_ITEMS).map(|hop| match hop.waiter {
            Waiter::Actor(id) => id.to_string(),
            Waiter::Call(object) => format!("the call for {object}"),
        });
        let mut names: Vec<String> = shown.collect();
        let left_out = path.len().saturating_sub(limits::EXPLAINED_ITEMS);
        if left_out > 0 {
            names.push(format!("{left_out} more"));
        }
        names.extend(names.first().cloned());
        let why = format!("call cycle, nobody could go on: {}", names.join(" waits for "));
        for object in objects {
            self.fail_call(object, &Error::Invalid(why.clone()));
        }
    }
}
