//! How calls end, and what is forgotten then.

use std::time::Duration;

use super::{Asked, Caller, Effect, Flow, Found};
use crate::error::Error;
use crate::id::{ActorId, CallId};
use crate::limits;

impl<B: Clone> Caller<B> {
    /// Whatever waits fails; what is under way has its own answers.
    pub(super) fn fail_waiting<R>(
        &mut self,
        target_id: ActorId,
        error: &Error,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let Some(target) = self.targets.get_mut(&target_id) else { return };
        target.asked = Asked::Nothing;
        let waiting = target.flows.values().flat_map(|flow| &flow.waiting);
        let ids: Vec<CallId> = waiting.map(|call| call.id).collect();
        for id in ids {
            self.end(id, Err(error.clone()), effects);
        }
        self.tidy(target_id);
    }

    /// The target is dead: what waits fails, and what is under way too.
    pub(super) fn fail_all<R>(
        &mut self,
        target_id: ActorId,
        error: &Error,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let Some(target) = self.targets.get(&target_id) else { return };
        let sent = target.flows.values().flat_map(Flow::sent);
        let ids: Vec<CallId> = sent.map(|sent| sent.call.id).collect();
        for id in ids {
            self.end(id, Err(error.clone()), effects);
        }
        self.fail_waiting(target_id, error, effects);
    }

    /// One call is over, and what waited for it goes on.
    pub(super) fn settle<R>(
        &mut self,
        now: Duration,
        id: CallId,
        result: Result<R, Error>,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        if let Some(found) = self.end(id, result, effects) {
            self.advance_flow(now, found, effects);
        }
    }

    /// One call is over.
    pub(super) fn end<R>(
        &mut self,
        id: CallId,
        result: Result<R, Error>,
        effects: &mut Vec<Effect<B, R>>,
    ) -> Option<Found> {
        let found = self.take(id)?;
        effects.push(Effect::Settle(id, result));
        Some(found)
    }

    /// Takes a call out, wherever it is.
    pub(super) fn take(&mut self, id: CallId) -> Option<Found> {
        let found = self.calls.remove(&id)?;
        let flow = self.flow(found);
        if flow.came(found.seq).is_none() {
            flow.waiting.retain(|call| call.id != id);
        }
        Some(found)
    }

    /// What is empty goes away. A flow that ends forgets its numbers, which
    /// only have to go up while something is under way; of a target that can
    /// move, the place is remembered.
    pub(super) fn tidy(&mut self, target_id: ActorId) {
        if let Some(target) = self.targets.get_mut(&target_id) {
            target.flows.retain(|_, flow| !flow.is_idle());
            self.tidy_target(target_id);
        }
    }

    /// A target whose flows are tidy.
    pub(super) fn tidy_target(&mut self, target_id: ActorId) {
        let many = self.targets.len() > limits::PLACES;
        if let Some(target) = self.targets.get_mut(&target_id) {
            if target.flows.is_empty() {
                target.astray_since = None;
            }
            if target.flows.is_empty() && (many || !target.movable || target.place.is_none()) {
                self.targets.remove(&target_id);
            }
        }
    }
}
