//! Calls on their way out.

use std::time::Duration;

use super::{Asked, Caller, Effect, Flow, Found};
use crate::calls::flow::Sent;
use crate::calls::{Call, Life};
use crate::error::{Cause, Error};
use crate::id::{ActorId, CallId, NodeId};
use crate::spec::Tries;

impl<B: Clone> Caller<B> {
    /// Something changed in one flow only, so that nothing of another can be
    /// sent now that could not before: its length, not that of all.
    pub(super) fn advance_flow<R>(
        &mut self,
        now: Duration,
        found: Found,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let Found { target: id, caller, .. } = found;
        let Some(target) = self.targets.get_mut(&id) else { return };
        let Some(flow) = target.flows.get_mut(&caller) else { return };
        if flow.is_idle() {
            target.flows.remove(&caller);
            return self.tidy_target(id);
        }
        if flow.waiting.is_empty() {
            return;
        }
        match target.place {
            Some((node, life))
                if !self.gone.contains_key(&node) && !self.unreached.contains(&node) =>
            {
                target.asked = Asked::Nothing;
                flow.send_waiting(&mut self.next_stint, (caller, id), node, life, effects);
            }
            _ => {
                self.advance(now, id, effects);
                self.tidy(id);
            }
        }
    }

    /// Sends what can be sent to a target, or sees to it that it will be.
    pub(super) fn advance<R>(
        &mut self,
        now: Duration,
        id: ActorId,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        if target.flows.values().all(|flow| flow.waiting.is_empty()) {
            return;
        }
        let Some((node, life)) = target.place else {
            if !target.movable {
                let name = self.gone.get(&id.node).cloned().unwrap_or_else(|| id.node.to_string());
                let message = format!("node {name} lost");
                let died = Error::Died { actor: id.to_string(), cause: Cause::NodeLost, message };
                self.fail_all(id, &died, effects);
            } else if target.asked == Asked::Nothing {
                target.asked = Asked::Directory;
                effects.push(Effect::Locate(id));
            }
            return;
        };
        if self.gone.contains_key(&node) {
            target.place = None;
            return self.advance(now, id, effects);
        }
        if self.unreached.contains(&node) {
            self.fail_once_only(id, node, effects);
            return self.wait_for(now, id, effects);
        }
        target.asked = Asked::Nothing;
        self.send_waiting(id, node, life, effects);
    }

    /// Whatever waits and is not held up goes out.
    pub(super) fn send_waiting<R>(
        &mut self,
        id: ActorId,
        node: NodeId,
        life: Life,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        for (caller, flow) in &mut target.flows {
            flow.send_waiting(&mut self.next_stint, (*caller, id), node, life, effects);
        }
    }

    /// Nobody can say when a node is reached again: a call that is tried once
    /// fails now, and has not run.
    pub(super) fn fail_once_only<R>(
        &mut self,
        target: ActorId,
        node: NodeId,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let flows = self.targets[&target].flows.values();
        let waiting = flows.flat_map(|flow| &flow.waiting);
        let once = waiting.filter(|call| call.retries == Tries::AtMost(0));
        let ids: Vec<CallId> = once.map(|call| call.id).collect();
        for id in ids {
            let message = format!("{node} is not reached; the call has not run");
            self.end(id, Err(Error::Unavailable(message)), effects);
        }
    }

    /// What waits for a node that is not reached does not wait for ever, and
    /// the target may have moved.
    pub(super) fn wait_for<R>(
        &mut self,
        now: Duration,
        id: ActorId,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let target = &self.targets[&id];
        let waits = target.flows.values().any(|flow| !flow.waiting.is_empty());
        if waits && !matches!(target.asked, Asked::Later(..)) {
            self.ask_later(now, id, effects);
        }
    }
}

impl<B: Clone> Flow<B> {
    /// Whatever waits and is not held up goes out.
    fn send_waiting<R>(
        &mut self,
        next_stint: &mut u64,
        (caller, target): (ActorId, ActorId),
        node: NodeId,
        life: Life,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        if self.is_held_up(node, life) {
            return;
        }
        while let Some(call) = self.waiting.pop_front() {
            let stint = *self.stint.get_or_insert_with(|| {
                *next_stint += 1;
                *next_stint
            });
            effects.push(Effect::Send(
                node,
                Call {
                    id: call.id,
                    caller,
                    target,
                    life,
                    stint,
                    retries: call.retries.less(call.tried),
                    body: call.body.clone(),
                },
            ));
            self.went(Sent { node, life, call });
        }
    }
}
