//! Calls on their way out.

use std::time::Duration;

use super::{Asked, Caller, Effect};
use crate::calls::flow::Sent;
use crate::calls::{Call, Life};
use crate::error::{Cause, Error};
use crate::id::{ActorId, CallId, NodeId};
use crate::spec::Tries;

impl<B: Clone> Caller<B> {
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
        let mut sent = Vec::new();
        for (caller, flow) in &mut target.flows {
            if flow.is_held_up(node, life) {
                continue;
            }
            let stint = *flow.stint.get_or_insert_with(|| {
                self.next_stint += 1;
                self.next_stint
            });
            for call in flow.waiting.drain(..) {
                sent.push(Call {
                    id: call.id,
                    caller: *caller,
                    target: id,
                    life,
                    stint,
                    retries: call.retries.less(call.tried),
                    body: call.body.clone(),
                });
                flow.sent.insert(call.seq, Sent { node, life, call });
            }
        }
        let there = self.at_node.entry(node).or_default();
        there.extend(sent.iter().map(|call| call.id));
        effects.extend(sent.into_iter().map(|call| Effect::Send(node, call)));
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
