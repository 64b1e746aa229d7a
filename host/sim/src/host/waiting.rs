//! Actors that wait for others, and the circles they may wait in.

use std::collections::BTreeMap;
use std::time::Duration;

use host_core::calls::{CallerEvent, Life};
use host_core::membership::View;
use host_core::probes::{Effect, Event, Message as Probe, Probes};
use host_core::session::Room;
use host_core::spec::Tries;
use host_core::waits::{Ticket, Waiter, Waits};
use host_core::{ActorId, CallId, NodeId, ObjectId};

use super::{Ctx, Input, Member, Out};
use crate::flaw::Flaw;
use crate::message::{Body, Message};

/// The waits of a node's actors.
pub(super) struct Waiting {
    waits: Waits,
    probes: Probes,
    /// By the call that is waited for.
    open: BTreeMap<CallId, Wait>,
    by_number: BTreeMap<u64, CallId>,
}

struct Wait {
    ticket: Ticket,
    waiter: ActorId,
    /// What the waiter runs.
    running: CallId,
}

impl Waiting {
    pub(super) fn new(local: NodeId) -> Waiting {
        let (waits, probes) = (Waits::default(), Probes::new(local));
        Waiting { waits, probes, open: BTreeMap::new(), by_number: BTreeMap::new() }
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.probes.wake_at()
    }
}

impl Member {
    /// An actor calls the first of `asks` in what it runs, and waits for it.
    /// False if it does not, since that would never end.
    pub(super) fn ask(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        waiter: ActorId,
        running: CallId,
        mut asks: Vec<(ActorId, bool)>,
    ) -> bool {
        let target = asks.remove(0);
        let call = self.new_call();
        // What is surely here is known here; where anything else is, and
        // whether it still has the call, only probes find out.
        let here = self.actors.get(&target.0).is_some_and(|actor| actor.life == Life::Any);
        let on = if here { Waiter::Actor(target.0) } else { Waiter::Call(object(call)) };
        let ticket = match self.waiting.waits.begin(Waiter::Actor(waiter), &[on]) {
            Ok(ticket) => ticket,
            Err(cycle) => {
                ctx.shared.note(|| format!("{waiter}: {cycle}"));
                ctx.oracle.cycle_refused(&cycle.path);
                return false;
            }
        };
        let number = ticket.number();
        ctx.shared.note(|| format!("{waiter} waits for {call} to {}", target.0));
        ctx.oracle.wait_began(call, number, waiter, target.0);
        self.waiting.open.insert(call, Wait { ticket, waiter, running });
        self.waiting.by_number.insert(number, call);
        let retries = if ctx.rng.bool() { Tries::AtMost(0) } else { Tries::AtMost(2) };
        let body = Body { refs: Vec::new(), onward: None, asks };
        self.submit(ctx, view, call, waiter, target, retries, body);
        true
    }

    /// A call goes to a node: who waits for it looks there.
    pub(super) fn wait_goes_to(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        call: CallId,
        to: NodeId,
    ) {
        let Some(wait) = self.waiting.open.get(&call) else { return };
        let (waiter, number) = (Waiter::Actor(wait.waiter), wait.ticket.number());
        let target = Waiter::Call(object(call));
        self.probe(ctx, view, Event::Began(waiter, number, target, to));
    }

    /// A call that may be waited for is settled, or nobody waits any more.
    pub(super) fn wait_over(&mut self, ctx: &mut Ctx<'_>, view: &View, call: CallId) {
        let Some(wait) = self.waiting.open.remove(&call) else { return };
        let number = wait.ticket.number();
        self.waiting.by_number.remove(&number);
        ctx.oracle.wait_ended(call);
        if ctx.flaw != Some(Flaw::StaleWaits) {
            self.waiting.waits.end(wait.ticket);
            self.probe(ctx, view, Event::Ended(number));
        }
        let goes_on = Input::Finish(self.id, wait.waiter, wait.running);
        ctx.out.push(Out::Later(Duration::ZERO, goes_on));
    }

    /// An actor is gone, and waits for nothing.
    pub(super) fn waits_of_over(&mut self, ctx: &mut Ctx<'_>, view: &View, actor: ActorId) {
        let of = self.waiting.open.iter().find(|(_, wait)| wait.waiter == actor);
        if let Some(call) = of.map(|(call, _)| *call) {
            self.wait_over(ctx, view, call);
        }
    }

    pub(super) fn is_waiting(&self, actor: ActorId) -> bool {
        self.waiting.open.values().any(|wait| wait.waiter == actor)
    }

    pub(super) fn probe(&mut self, ctx: &mut Ctx<'_>, view: &View, event: Event) {
        let mut effects = Vec::new();
        let Waiting { waits, probes, .. } = &mut self.waiting;
        probes.handle(ctx.now, event, waits, &mut effects);
        for effect in effects {
            match effect {
                Effect::Send(..) if ctx.flaw == Some(Flaw::DropProbes) => {}
                Effect::Send(to, probe) => {
                    self.send(ctx, view, to, Message::Probe(probe), Room::Answer);
                }
                // Told twice at once: the first time ended the wait.
                Effect::Cycle(number, _) if !self.waiting.by_number.contains_key(&number) => {}
                Effect::Cycle(number, path) => {
                    ctx.shared.note(|| format!("{} tells of {path:?}", self.id));
                    ctx.oracle.cycle_told(&path);
                    self.break_cycle(ctx, view, number);
                }
            }
        }
    }

    pub(super) fn take_probe(&mut self, ctx: &mut Ctx<'_>, view: &View, probe: Probe) {
        let event = match probe {
            Probe::Probe { path, target: Waiter::Call(object) } => {
                let call = CallId { node: object.node, seq: object.seq };
                let Some(actor) = self.taken.get(&call).copied() else { return };
                Event::Probed(path, vec![Waiter::Actor(actor)])
            }
            other => Event::Received(other),
        };
        self.probe(ctx, view, event);
    }

    /// The call that the wait is for fails, and with it the wait.
    fn break_cycle(&mut self, ctx: &mut Ctx<'_>, view: &View, number: u64) {
        let Some(call) = self.waiting.by_number.get(&number).copied() else { return };
        self.caller(ctx, view, CallerEvent::Forget(call));
        self.settled(ctx, view, call, false);
    }
}

fn object(call: CallId) -> ObjectId {
    ObjectId { node: call.node, seq: call.seq }
}
