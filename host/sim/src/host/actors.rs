//! The actors of a node of the model: a mailbox, and time that passes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use host_core::calls::{Call, CalleeEvent, Life};
use host_core::control::{ActorRecord, ActorState};
use host_core::directory::{Effect as DirectoryEffect, Event as DirectoryEvent};
use host_core::membership::View;
use host_core::placement::Request;
use host_core::placement::group::Holder;
use host_core::session::Room;
use host_core::{ActorId, CallId, Cause, GroupId, NodeId, PackageId};

use super::{Ctx, Input, Member, Out};
use crate::flaw::Flaw;
use crate::message::{Body, Message, Spec};

/// A life of an actor.
pub(crate) struct Actor {
    pub(super) life: Life,
    queue: VecDeque<Call<Body>>,
    running: Option<Call<Body>>,
    /// Where its room is, if that is a bundle.
    pub(super) bundle: Option<(GroupId, u32)>,
    /// It takes a good part of its node.
    pub(super) is_large: bool,
}

impl Member {
    pub(super) fn spawn(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        from: NodeId,
        request: u64,
        spec: Spec,
    ) {
        let id = ActorId { node: self.id, seq: self.next() };
        let resources = spec.request.resources.clone();
        let reserved = match spec.bundle {
            _ if ctx.flaw == Some(Flaw::OverReserve) => Ok(()),
            None => self.ledger.reserve_now(Holder::Actor(id), resources),
            Some(bundle) => self.reserve_inside(bundle, id, resources),
        };
        if let Err(reason) = reserved {
            self.send(ctx, view, from, Message::Spawned(request, Err(reason)), Room::Answer);
            return;
        }
        if !spec.movable {
            self.begin(ctx, view, id, Life::Any, &spec.request, spec.bundle);
            ctx.shared.know(id, false);
            self.send(ctx, view, from, Message::Spawned(request, Ok(id)), Room::Answer);
            return;
        }
        self.spawning.insert(id, (from, request));
        let record = ActorRecord {
            id,
            class: "Model".into(),
            package: PackageId([0; 32]),
            request: spec.request,
            max_restarts: spec.max_restarts,
            detached: true,
            owner: from,
            birth: Default::default(),
            name: spec.name.map(|name| ("default".into(), name.into())),
            restarts: 0,
            moves: 0,
            state: ActorState::On { node: self.id, incarnation: 0 },
        };
        self.directory(ctx, view, DirectoryEvent::Create(Arc::new(record)));
    }

    pub(super) fn directory_effect(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        effect: DirectoryEffect,
    ) {
        let answer = |member: &mut Member, ctx: &mut Ctx<'_>, actor, result| {
            if let Some((from, request)) = member.spawning.remove(&actor) {
                let spawned = Message::Spawned(request, result);
                member.send(ctx, view, from, spawned, Room::Answer);
            }
        };
        match effect {
            DirectoryEffect::Created(actor) => {
                ctx.oracle.recorded(actor);
                ctx.shared.know(actor, true);
                answer(self, ctx, actor, Ok(actor));
            }
            DirectoryEffect::NameTaken(actor, holder) => {
                self.ledger.release(Holder::Actor(actor));
                answer(self, ctx, actor, Ok(holder));
            }
            DirectoryEffect::NotCreated(actor, error) => {
                self.ledger.release(Holder::Actor(actor));
                answer(self, ctx, actor, Err(error.to_string()));
            }
            DirectoryEffect::Start(record, life) => self.start(ctx, view, &record, life),
            DirectoryEffect::Stop(actor) => self.stop(ctx, view, actor, None),
            DirectoryEffect::EndRecorded(actor) => {
                ctx.shared.forget(actor);
                ctx.oracle.end_recorded(actor);
            }
            DirectoryEffect::Found(..) | DirectoryEffect::NotFound(..) => {}
            DirectoryEffect::Ask(..)
            | DirectoryEffect::Watch(..)
            | DirectoryEffect::Located(..)
            | DirectoryEffect::NotLocated(_) => unreachable!("handled before"),
        }
    }

    /// Begins a life if there is room for it.
    fn start(&mut self, ctx: &mut Ctx<'_>, view: &View, record: &ActorRecord, life: u32) {
        let (id, request) = (record.id, &record.request);
        // A first life has reserved before it was recorded.
        if life > 0 && ctx.flaw != Some(Flaw::OverReserve) {
            let holder = Holder::Actor(id);
            self.ledger.release(holder);
            if self.ledger.reserve_now(holder, request.resources.clone()).is_err() {
                return self.directory(ctx, view, DirectoryEvent::NoRoom(id));
            }
        }
        self.begin(ctx, view, id, Life::Only(life), request, None);
    }

    fn begin(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        id: ActorId,
        life: Life,
        request: &Request,
        bundle: Option<(GroupId, u32)>,
    ) {
        ctx.oracle.started(id, Member::life(life).unwrap_or(0));
        let resources = &request.resources;
        match bundle {
            None => {
                ctx.oracle.placed(self.id, request, &self.labels);
                ctx.oracle.took(self.id, Holder::Actor(id), resources, self.ledger.total());
            }
            Some((group, at)) => ctx.oracle.took_inside((self.id, group, at), id, resources),
        }
        let is_large = !resources.fits(&super::cpus(0.2));
        self.actors
            .insert(id, Actor { life, queue: VecDeque::new(), running: None, bundle, is_large });
        ctx.shared.free.insert(self.id, self.ledger.free().clone());
        self.callee(ctx, view, CalleeEvent::Started(id, life));
    }

    /// A life is over; with a cause, the actor is.
    pub(super) fn stop(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        id: ActorId,
        cause: Option<Cause>,
    ) {
        if ctx.flaw != Some(Flaw::KeepReservation) {
            self.ledger.release(Holder::Actor(id));
        }
        let Some(actor) = self.actors.remove(&id) else { return };
        if let Some(bundle) = actor.bundle {
            self.release_inside(bundle, id);
        }
        ctx.oracle.actor_left(self.id, id);
        self.waits_of_over(ctx, view, id);
        ctx.shared.free.insert(self.id, self.ledger.free().clone());
        for call in actor.queue.into_iter().chain(actor.running) {
            self.taken.remove(&call.id);
            for (item, _) in call.body.refs {
                self.unhold(ctx, view, item);
            }
        }
        match cause {
            None => self.callee(ctx, view, CalleeEvent::Stopped(id)),
            Some(cause) => {
                self.ends.insert(id, cause);
                ctx.shared.forget(id);
                self.callee(ctx, view, CalleeEvent::Died(id, cause, cause.to_string()));
            }
        }
    }

    pub(super) fn stop_movable(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        let movable = self.actors.iter().filter(|(_, actor)| actor.life != Life::Any);
        let movable: Vec<ActorId> = movable.map(|(id, _)| *id).collect();
        for id in movable {
            self.crash(ctx, view, id);
        }
    }

    pub(super) fn crash(&mut self, ctx: &mut Ctx<'_>, view: &View, id: ActorId) {
        let Some(actor) = self.actors.get(&id) else { return };
        if actor.life == Life::Any {
            self.stop(ctx, view, id, Some(Cause::Crashed));
        } else {
            self.stop(ctx, view, id, None);
            self.directory(ctx, view, DirectoryEvent::Crashed(id));
        }
    }

    pub(super) fn kill(&mut self, ctx: &mut Ctx<'_>, view: &View, id: ActorId) {
        let Some(actor) = self.actors.get(&id) else { return };
        let movable = actor.life != Life::Any;
        self.stop(ctx, view, id, Some(Cause::Killed));
        if movable {
            self.directory(ctx, view, DirectoryEvent::Ended(id, Cause::Killed, "killed".into()));
        }
    }

    /// A call goes into its target's mailbox.
    pub(super) fn run(&mut self, ctx: &mut Ctx<'_>, view: &View, _from: NodeId, call: Call<Body>) {
        let target = call.target;
        let Some(actor) = self.actors.get_mut(&target) else { return };
        if ctx.flaw == Some(Flaw::LastFirst) {
            actor.queue.push_front(call);
        } else {
            actor.queue.push_back(call);
        }
        self.run_next(ctx, view, target);
    }

    fn run_next(&mut self, ctx: &mut Ctx<'_>, view: &View, id: ActorId) {
        let Some(actor) = self.actors.get_mut(&id) else { return };
        if actor.running.is_some() {
            return;
        }
        let Some(call) = actor.queue.pop_front() else { return };
        let (call_id, life) = (call.id, actor.life);
        ctx.oracle.begun(call_id, call.caller, id, Member::life(life));
        ctx.shared.note(|| format!("{call_id} begins on {} in {life:?}", self.id));
        actor.running = Some(call);
        let micros = ctx.rng.u64(0..30_000);
        let finish = Input::Finish(self.id, id, call_id);
        ctx.out.push(Out::Later(Duration::from_micros(micros), finish));
        self.callee(ctx, view, CalleeEvent::Begun(call_id));
    }

    pub(super) fn finish(&mut self, ctx: &mut Ctx<'_>, view: &View, id: ActorId, call: CallId) {
        let Some(actor) = self.actors.get_mut(&id) else { return };
        let Some(running) = actor.running.as_mut().filter(|running| running.id == call) else {
            return;
        };
        let asks = std::mem::take(&mut running.body.asks);
        if !asks.is_empty() && self.ask(ctx, view, id, call, asks) {
            return;
        }
        if self.is_waiting(id) {
            return;
        }
        let Some(actor) = self.actors.get_mut(&id) else { return };
        let Some(call) = actor.running.take() else { return };
        if let Some(onward) = call.body.onward {
            let body = Body { refs: call.body.refs.clone(), onward: None, asks: Vec::new() };
            let onward_call = self.new_call();
            self.submit(
                ctx,
                view,
                onward_call,
                id,
                onward,
                host_core::spec::Tries::AtMost(0),
                body,
            );
        }
        self.callee(ctx, view, CalleeEvent::Finished(call.id, Ok(()), 8));
        for (item, _) in call.body.refs {
            // Some are kept for a while.
            let millis = if ctx.rng.bool() { 0 } else { ctx.rng.u64(0..2_000) };
            let drop = Input::DropHold(self.id, item);
            ctx.out.push(Out::Later(Duration::from_millis(millis), drop));
        }
        self.run_next(ctx, view, id);
    }
}
