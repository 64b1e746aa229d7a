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
    /// By the wait's number: the objects that the calls make.
    waits: FxHashMap<u64, Vec<ObjectId>>,
}

impl Machines {
    /// An actor here waits, among others, for calls that were sent elsewhere.
    pub(crate) fn wait_began(&mut self, waiter: Waiter, number: u64, objects: Vec<ObjectId>) {
        for object in &objects {
            let call = CallId { node: object.node, seq: object.seq };
            let Some((node, target)) = self.call_at(call) else { continue };
            self.probe(Event::Began(waiter, number, target, node));
        }
        self.cycles.waits.insert(number, objects);
    }

    pub(crate) fn wait_ended(&mut self, number: u64) {
        if self.cycles.waits.remove(&number).is_some() {
            self.probe(Event::Ended(number));
        }
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

    /// A call that came from elsewhere makes an object of its own here, which
    /// is what waits.
    fn probed(&mut self, message: Message) {
        let message = match message {
            Message::Probe { path, target: Waiter::Call(object) } => {
                let here = self.taken_as(CallId { node: object.node, seq: object.seq });
                Message::Probe { path, target: Waiter::Call(here.unwrap_or(object)) }
            }
            other => other,
        };
        self.probe(Event::Received(message));
    }

    /// The calls that a wait is for fail, and with them the wait.
    fn break_cycle(&mut self, wait: u64, path: &[Hop]) {
        let Some(objects) = self.cycles.waits.get(&wait).cloned() else { return };
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
