//! What the drivers of the model do.

use host_core::directory::{Event as DirectoryEvent, LookupId};
use host_core::lending::{Event as LendingEvent, Item};
use host_core::membership::View;
use host_core::placement::{Decision, Request, Selector, Strategy, Test, decide};
use host_core::session::Room;
use host_core::spec::Tries;
use host_core::{ActorId, NodeId, ObjectId};

use super::{Ctx, Member, cpus};
use crate::flaw::Flaw;
use crate::message::{Body, Message, Spec};

/// Few enough that they are fought for.
const NAMES: u32 = 5;

impl Member {
    /// One thing that this node's driver does.
    pub(super) fn work(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        match ctx.rng.u32(0..100) {
            0..8 => self.work_spawn(ctx, view),
            8..12 => self.work_group(ctx, view),
            12..18 => self.work_ask(ctx, view),
            18..20 => self.work_spawn_inside(ctx, view),
            20..50 => self.work_call(ctx, view, 1),
            50..65 => self.work_call(ctx, view, 8),
            65..90 => self.work_pass(ctx, view),
            90..92 => {
                if let Some(actor) = self.some_actor(ctx) {
                    self.crash(ctx, view, actor);
                }
            }
            92..93 => {
                if let Some(actor) = self.some_actor(ctx) {
                    self.kill(ctx, view, actor);
                }
            }
            _ => {
                let name = format!("name-{}", ctx.rng.u32(0..NAMES)).as_str().into();
                let id = LookupId(self.next());
                self.directory(ctx, view, DirectoryEvent::Lookup(id, "default".into(), name));
            }
        }
    }

    /// Ends the groups of this node, and the actors on it that take much room:
    /// an actor may wait for room for ever, and calls to it as long.
    pub(super) fn wind_down(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        self.remove_groups(ctx, view);
        let large: Vec<ActorId> =
            self.actors.iter().filter(|(_, actor)| actor.is_large).map(|(id, _)| *id).collect();
        for actor in large {
            self.kill(ctx, view, actor);
        }
    }

    fn driver(&self) -> ActorId {
        ActorId { node: self.id, seq: 0 }
    }

    fn some_actor(&self, ctx: &mut Ctx<'_>) -> Option<ActorId> {
        let at = ctx.rng.usize(0..self.actors.len().max(1));
        self.actors.keys().nth(at).copied()
    }

    fn work_spawn(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        let movable = ctx.rng.u32(0..3) > 0;
        let request = some_request(ctx, view);
        let asked = match ctx.flaw {
            Some(Flaw::AnyNode) => Request::of(request.resources.clone()),
            _ => request.clone(),
        };
        let Decision::Place(to) = decide(&asked, &ctx.shared.node_views(view)) else { return };
        let spec = Spec {
            request,
            bundle: None,
            max_restarts: match ctx.rng.u32(0..3) {
                0 => Tries::AtMost(1),
                1 => Tries::AtMost(4),
                _ => Tries::Unbounded,
            },
            movable,
            name: (movable && ctx.rng.u32(0..3) == 0)
                .then(|| format!("name-{}", ctx.rng.u32(0..NAMES))),
        };
        let request = self.next();
        self.send(ctx, view, to, Message::Spawn(request, spec), Room::New);
    }

    fn work_spawn_inside(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        let Some((group, bundle, to)) = self.some_bundle(ctx) else { return };
        let spec = Spec {
            request: Request::of(cpus(*ctx.rng.choice(&[0.1, 0.5, 1.0]).expect("some"))),
            bundle: Some((group, bundle)),
            max_restarts: Tries::AtMost(0),
            movable: false,
            name: None,
        };
        let request = self.next();
        self.send(ctx, view, to, Message::Spawn(request, spec), Room::New);
    }

    /// Actors that wait for each other in turn; at times in a circle.
    fn work_ask(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        let length = ctx.rng.usize(2..5);
        let some = (0..length).filter_map(|_| ctx.shared.some_actor(ctx.rng));
        let mut asks: Vec<(ActorId, bool)> = some.collect();
        if asks.is_empty() {
            return;
        }
        if ctx.rng.u32(0..4) == 0 {
            asks.push(asks[0]);
        }
        let target = asks.remove(0);
        let body = Body { refs: Vec::new(), onward: None, asks };
        let call = self.new_call();
        self.submit(ctx, view, call, self.driver(), target, Tries::AtMost(0), body);
    }

    fn work_call(&mut self, ctx: &mut Ctx<'_>, view: &View, times: u32) {
        let Some(target) = ctx.shared.some_actor(ctx.rng) else { return };
        for _ in 0..times {
            let retries = match ctx.rng.u32(0..4) {
                0 => Tries::AtMost(2),
                1 => Tries::Unbounded,
                _ => Tries::AtMost(0),
            };
            let body = Body { refs: Vec::new(), onward: None, asks: Vec::new() };
            let call = self.new_call();
            self.submit(ctx, view, call, self.driver(), target, retries, body);
        }
    }

    fn work_pass(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        let Some(target) = ctx.shared.some_actor(ctx.rng) else { return };
        let item = Item::object(ObjectId { node: self.id, seq: self.next() });
        self.lending(ctx, view, LendingEvent::Made(item));
        ctx.shared.held(item, self.id);
        *self.holds.entry(item).or_default() += 1;
        let onward = ctx.shared.some_actor(ctx.rng);
        let retries = if ctx.rng.bool() { Tries::AtMost(0) } else { Tries::AtMost(1) };
        let body = Body { refs: vec![(item, None)], onward, asks: Vec::new() };
        let call = self.new_call();
        self.submit(ctx, view, call, self.driver(), target, retries, body);
        self.unhold(ctx, view, item);
    }
}

/// What an actor asks of its node: mostly only room.
fn some_request(ctx: &mut Ctx<'_>, view: &View) -> Request {
    let resources = cpus(*ctx.rng.choice(&[0.0, 0.1, 0.5, 2.0]).expect("some"));
    let mut request = Request::of(resources);
    match ctx.rng.u32(0..10) {
        0 => request.strategy = Strategy::Spread,
        1 => {
            let nodes: Vec<NodeId> = view.nodes().map(|node| node.id).collect();
            let Some(node) = ctx.rng.choice(&nodes).copied() else { return request };
            let node = node.to_string().into();
            let rather = ctx.rng.bool();
            request.strategy = if rather { Strategy::Rather(node) } else { Strategy::Only(node) };
        }
        2..5 => request.required.push(some_selector(ctx)),
        5 => request.preferred.push(some_selector(ctx)),
        _ => {}
    }
    request
}

fn some_selector(ctx: &mut Ctx<'_>) -> Selector {
    let (label, test) = match ctx.rng.u32(0..4) {
        0 => ("zone", Test::Is("a".into())),
        1 => ("zone", Test::IsNot("b".into())),
        2 => ("zone", Test::In(vec!["b".into(), "c".into()])),
        _ => ("disk", Test::Exists),
    };
    Selector { label: label.into(), test }
}
