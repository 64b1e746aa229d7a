//! Calls that a node makes and takes.

use std::time::Duration;

use host_core::calls::{
    Answer, Call, CalleeEffect, CalleeEvent, CallerEffect, CallerEvent, Submit,
};
use host_core::directory::Event as DirectoryEvent;
use host_core::membership::{Standing, View};
use host_core::session::Room;
use host_core::spec::Tries;
use host_core::{ActorId, CallId, Cause, Error, NodeId};

use super::{Member, Todo};
use crate::flaw::Flaw;
use crate::host::Ctx;
use crate::message::{Body, Message};

impl Member {
    pub(in crate::host) fn caller(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        event: CallerEvent<Body, ()>,
    ) {
        let mut effects = Vec::new();
        self.caller.handle(ctx.now, event, &mut effects);
        self.todo.extend(effects.into_iter().map(Todo::Caller));
        self.pump(ctx, view);
    }

    pub(in crate::host) fn caller_effect(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        effect: CallerEffect<Body, ()>,
    ) {
        match effect {
            CallerEffect::Send(to, call) => {
                let id = call.id;
                self.send_call(ctx, view, to, call);
                self.wait_goes_to(ctx, view, id, to);
            }
            CallerEffect::Locate(actor) => {
                self.directory(ctx, view, DirectoryEvent::Locate(actor));
            }
            CallerEffect::Settle(id, result) => {
                ctx.shared.note(|| match &result {
                    Ok(()) => format!("{id} ok"),
                    Err(error) => format!("{id} {}: {error}", error.kind()),
                });
                self.settled(ctx, view, id, result.is_ok());
            }
        }
    }

    /// A call of this node is over.
    pub(in crate::host) fn settled(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        id: CallId,
        ok: bool,
    ) {
        ctx.oracle.settled(id, ok);
        for item in self.passed.remove(&id).unwrap_or_default() {
            self.unhold(ctx, view, item);
        }
        self.wait_over(ctx, view, id);
    }

    pub(in crate::host) fn send_call(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        to: NodeId,
        mut call: Call<Body>,
    ) {
        let id = call.id;
        if to != self.id {
            for (item, pin) in &mut call.body.refs {
                *pin = Some(self.lending.pass_on(*item, to));
            }
        }
        let pins: Vec<u64> =
            call.body.refs.iter().filter_map(|(_, pin)| Some(pin.as_ref()?.seq)).collect();
        let sent = self.send(ctx, view, to, Message::Call(call), Room::New);
        if !sent || ctx.flaw == Some(Flaw::DropPin) {
            let mut effects = Vec::new();
            pins.into_iter().for_each(|pin| self.lending.unpin(pin, &mut effects));
            self.lending_effects(ctx, view, effects);
        }
        if !sent && view.standing(to) == Standing::Gone {
            self.caller(ctx, view, CallerEvent::NodeGone(to, to.to_string()));
        } else if !sent {
            self.caller(ctx, view, CallerEvent::Full(id, format!("{to} is behind")));
        }
    }

    pub(in crate::host) fn callee(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        event: CalleeEvent<Body, ()>,
    ) {
        let event = match event {
            CalleeEvent::ValidUntil(_) if ctx.flaw == Some(Flaw::SkipSelfStop) => {
                CalleeEvent::ValidUntil(Duration::MAX)
            }
            CalleeEvent::Arrived(from, mut call) if ctx.flaw == Some(Flaw::NoFencing) => {
                call.stint = u64::MAX;
                if let Some(actor) = self.actors.get(&call.target) {
                    call.life = actor.life;
                }
                CalleeEvent::Arrived(from, call)
            }
            event => event,
        };
        let mut effects = Vec::new();
        self.callee.handle(ctx.now, event, &mut effects);
        if let Some(CalleeEffect::Run(call)) = effects.first() {
            self.took = Some(call.id);
            self.taken.insert(call.id, call.target);
            ctx.oracle.wait_again(call.id);
        }
        self.todo.extend(effects.into_iter().map(Todo::Callee));
        self.pump(ctx, view);
    }

    pub(in crate::host) fn callee_effect(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        effect: CalleeEffect<Body, ()>,
    ) {
        match effect {
            CalleeEffect::Run(call) => self.run(ctx, view, self.id, call),
            CalleeEffect::Answer(to, id, answer) => {
                self.taken.remove(&id);
                if matches!(answer, Answer::Ran(_) | Answer::Failed(_)) {
                    ctx.oracle.wait_over(id);
                }
                self.send(ctx, view, to, Message::Answer(id, answer), Room::Answer);
            }
            CalleeEffect::TellEnd(to, id, actor) => {
                ctx.oracle.wait_over(id);
                let cause = self.ends.get(&actor).copied().unwrap_or(Cause::Released);
                let (actor, message) = (actor.to_string(), cause.to_string());
                let answer = Answer::Failed(Error::Died { actor, cause, message });
                self.send(ctx, view, to, Message::Answer(id, answer), Room::Answer);
            }
        }
    }

    /// The id of a new call.
    pub(in crate::host) fn new_call(&mut self) -> CallId {
        CallId { node: self.id, seq: self.next() }
    }

    /// Calls an actor.
    #[expect(clippy::too_many_arguments, reason = "a call has so many parts")]
    pub(in crate::host) fn submit(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        id: CallId,
        caller: ActorId,
        target: (ActorId, bool),
        retries: Tries,
        body: Body,
    ) {
        ctx.shared.note(|| format!("{id}: {caller} calls {} retries {retries:?}", target.0));
        ctx.oracle.submitted(id, retries);
        for (item, _) in &body.refs {
            *self.holds.entry(*item).or_default() += 1;
        }
        self.passed.insert(id, body.refs.iter().map(|(item, _)| *item).collect());
        let retries = match ctx.flaw {
            Some(Flaw::RetryAll) => Tries::Unbounded,
            _ => retries,
        };
        let (target, movable) = target;
        let submit = Submit { id, caller, target, movable, retries, body };
        self.caller(ctx, view, CallerEvent::Submit(submit));
    }
}
