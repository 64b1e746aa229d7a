//! What the drivers of the model do.

use host_core::directory::{Event as DirectoryEvent, LookupId};
use host_core::lending::{Event as LendingEvent, Item};
use host_core::membership::View;
use host_core::resources::{Amount, Resources};
use host_core::session::Room;
use host_core::spec::Tries;
use host_core::{ActorId, NodeId, ObjectId};

use super::{Ctx, Member};
use crate::message::{Body, Message, Spec};

/// Few enough that they are fought for.
const NAMES: u32 = 5;

impl Member {
    /// One thing that this node's driver does.
    pub(super) fn work(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        match ctx.rng.u32(0..100) {
            0..8 => self.work_spawn(ctx, view),
            8..50 => self.work_call(ctx, view, 1),
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

    fn driver(&self) -> ActorId {
        ActorId { node: self.id, seq: 0 }
    }

    fn some_actor(&self, ctx: &mut Ctx<'_>) -> Option<ActorId> {
        let at = ctx.rng.usize(0..self.actors.len().max(1));
        self.actors.keys().nth(at).copied()
    }

    fn work_spawn(&mut self, ctx: &mut Ctx<'_>, view: &View) {
        let nodes: Vec<NodeId> = view.nodes().map(|node| node.id).collect();
        let Some(to) = ctx.rng.choice(&nodes).copied() else { return };
        let movable = ctx.rng.u32(0..3) > 0;
        let cpus = Amount::from_f64(*ctx.rng.choice(&[0.0, 0.1, 0.5, 2.0]).expect("some"));
        let resources: Resources = [("cpus", cpus.expect("an amount"))].into_iter().collect();
        let spec = Spec {
            resources,
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

    fn work_call(&mut self, ctx: &mut Ctx<'_>, view: &View, times: u32) {
        let Some(target) = ctx.shared.some_actor(ctx.rng) else { return };
        for _ in 0..times {
            let retries = match ctx.rng.u32(0..4) {
                0 => Tries::AtMost(2),
                1 => Tries::Unbounded,
                _ => Tries::AtMost(0),
            };
            let body = Body { refs: Vec::new(), onward: None };
            self.submit(ctx, view, self.driver(), target, retries, body);
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
        let body = Body { refs: vec![(item, None)], onward };
        self.submit(ctx, view, self.driver(), target, retries, body);
        self.unhold(ctx, view, item);
    }
}
