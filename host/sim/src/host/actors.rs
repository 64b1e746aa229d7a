//! The actors of a node of the model: a mailbox, and time that passes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use host_core::calls::{Call, CalleeEvent, Life};
use host_core::control::{ActorRecord, ActorState};
use host_core::directory::{Effect as DirectoryEffect, Event as DirectoryEvent};
use host_core::membership::View;
use host_core::placement::Request;
use host_core::resources::Resources;
use host_core::session::Room;
use host_core::{ActorId, CallId, Cause, NodeId, PackageId};

use super::{Ctx, Input, Member, Out};
use crate::flaw::Flaw;
use crate::message::{Body, Message, Spec};

/// A life of an actor.
pub(crate) struct Actor {
    pub(super) life: Life,
    queue: VecDeque<Call<Body>>,
    running: Option<Call<Body>>,
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
        let resources = spec.resources.clone();
        if ctx.flaw != Some(Flaw::OverReserve)
            && let Err(reason) = self.ledger.reserve_now(id, resources.clone())
        {
            self.send(ctx, view, from, Message::Spawned(request, Err(reason)), Room::Answer);
            return;
        }
        if !spec.movable {
            self.begin(ctx, view, id, Life::Any, &resources);
            ctx.shared.know(id, false);
            self.send(ctx, view, from, Message::Spawned(request, Ok(id)), Room::Answer);
            return;
        }
        self.spawning.insert(id, (from, request));
        let record = ActorRecord {
            id,
            class: "Model".into(),
            package: PackageId([0; 32]),
            request: Request::of(resources),
            max_restarts: spec.max_restarts,
            detached: true,
            owner: from,
            birth: Default::default(),
            name: spec.name.map(|name| ("default".into(), name.into())),
            restarts: 0,
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
                self.ledger.release(actor);
                answer(self, ctx, actor, Ok(holder));
            }
            DirectoryEffect::NotCreated(actor, error) => {
                self.ledger.release(actor);
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
        let (id, resources) = (record.id, &record.request.resources);
        // A first life has reserved before it was recorded.
        if life > 0 && ctx.flaw != Some(Flaw::OverReserve) {
            self.ledger.release(id);
            if self.ledger.reserve_now(id, resources.clone()).is_err() {
                return self.directory(ctx, view, DirectoryEvent::NoRoom(id));
            }
        }
        self.begin(ctx, view, id, Life::Only(life), resources);
    }

    fn begin(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        id: ActorId,
        life: Life,
        resources: &Resources,
    ) {
        let number = Member::life(life).unwrap_or(0);
        ctx.oracle.started(self.id, id, number, resources, self.ledger.total());
        self.actors.insert(id, Actor { life, queue: VecDeque::new(), running: None });
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
        self.ledger.release(id);
        let Some(actor) = self.actors.remove(&id) else { return };
        ctx.oracle.stopped(self.id, id);
        ctx.shared.free.insert(self.id, self.ledger.free().clone());
        for call in actor.queue.into_iter().chain(actor.running) {
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
        let Some(call) = actor.running.take_if(|running| running.id == call) else { return };
        if let Some(onward) = call.body.onward {
            let body = Body { refs: call.body.refs.clone(), onward: None };
            self.submit(ctx, view, id, onward, host_core::spec::Tries::AtMost(0), body);
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
