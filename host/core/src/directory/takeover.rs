//! What becomes of the actors of a node that was lost.

use std::sync::Arc;
use std::time::Duration;

use super::rendezvous::rank;
use super::{Around, Directory, Due, Effect, Question};
use crate::control::{ActorRecord, ActorState, Answer, Entry, Guard, Key, Request, Value, Write};
use crate::error::Cause;
use crate::id::{ActorId, NodeId};
use crate::limits;
use crate::membership::Standing;
use crate::placement::{Decision, Strategy, decide};

/// How actors of a lost node were found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// When it was lost, by every node.
    WithNode,
    /// By the one that looks for what others left.
    BySweep,
}

impl Directory {
    /// Actors that are placed on nodes: those on nodes that have gone are to
    /// be taken over, by this node now or, if others do not, later.
    pub(super) fn found_lost(
        &mut self,
        now: Duration,
        entries: &[Entry],
        found: Found,
        around: Around<'_>,
    ) {
        for entry in entries {
            let Key::Placed(node, actor) = entry.key else { continue };
            if around.view.standing(node) != Standing::Gone || self.lost.contains_key(&actor) {
                continue;
            }
            let live = around.view.nodes().map(|node| node.id);
            let before = rank(actor, self.local, live);
            if before >= limits::TAKEOVER_RANKS && found == Found::WithNode {
                continue;
            }
            self.lost.insert(actor, node);
            let before = before.min(limits::TAKEOVER_RANKS);
            let at = now.saturating_add(limits::TAKEOVER_DELAY.saturating_mul(before));
            self.due.insert((at, Due::TakeOver(actor)));
        }
    }

    pub(super) fn examine(&mut self, now: Duration, actor: ActorId, effects: &mut Vec<Effect>) {
        let Some(node) = self.lost.get(&actor).copied() else { return };
        if self.taking_over >= limits::TAKEOVERS {
            self.due.insert((now.saturating_add(limits::CONTROL_RETRY), Due::TakeOver(actor)));
            return;
        }
        self.taking_over += 1;
        let request = Request::Get(vec![Key::Actor(actor)]);
        self.ask(Question::Examine(actor, node), request, effects);
    }

    pub(super) fn examined(
        &mut self,
        now: Duration,
        actor: ActorId,
        lost: NodeId,
        answer: Answer,
        around: Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Answer::Entries { entries, .. } = answer else {
            return self.try_later(now, actor, limits::CONTROL_RETRY);
        };
        let found = entries.iter().find_map(|entry| Some((entry.value.actor()?, entry.modified)));
        let still_lost = |record: &&Arc<ActorRecord>| matches!(record.state, ActorState::On { node, .. } if node == lost);
        let Some((record, modified)) = found.filter(|(record, _)| still_lost(record)) else {
            // Somebody else was faster, or it had ended.
            self.lost.remove(&actor);
            self.taking_over -= 1;
            return;
        };
        let Some(next) = moved(record, lost, around) else {
            return self.try_later(now, actor, limits::TAKEOVER_RETRY);
        };
        let mut guards = vec![
            Guard::At(Key::Actor(actor), modified),
            Guard::Absent(Key::Node(lost)),
            Guard::Present(Key::Node(self.local)),
        ];
        let mut writes = vec![Write::Delete(Key::Placed(lost, actor))];
        match next.state {
            ActorState::On { node, incarnation } => {
                guards.push(Guard::Present(Key::Node(node)));
                let placed = Value::Placed(incarnation);
                writes.push(Write::Put(Key::Placed(node, actor), placed, None));
            }
            ActorState::Dead { .. } => {
                let name = next.name.clone();
                let name = name.map(|(namespace, name)| Key::Name { namespace, name });
                writes.extend(name.map(Write::Delete));
            }
        }
        writes.push(Write::Put(Key::Actor(actor), Value::Actor(Arc::new(next)), None));
        self.ask(Question::Claim(actor), Request::Commit { guards, writes }, effects);
    }

    pub(super) fn claimed(&mut self, now: Duration, actor: ActorId, answer: &Answer) {
        match answer {
            Answer::Committed(_) => {
                self.lost.remove(&actor);
                self.taking_over -= 1;
            }
            // Whether it was written, or what stood against it, is seen when
            // the record is read again.
            _ => self.try_later(now, actor, limits::CONTROL_RETRY),
        }
    }

    fn try_later(&mut self, now: Duration, actor: ActorId, delay: Duration) {
        self.taking_over -= 1;
        self.due.insert((now.saturating_add(delay), Due::TakeOver(actor)));
    }
}

/// The record of an actor whose node was lost, as it should be; none if there
/// is no room for it anywhere yet.
fn moved(record: &ActorRecord, lost: NodeId, around: Around<'_>) -> Option<ActorRecord> {
    let ActorState::On { incarnation, .. } = record.state else { return None };
    let mut next = record.clone();
    let nodes = (around.nodes)();
    // Its id is never used again: to wait for it would be to wait for ever.
    if let Strategy::Only(node) = &record.request.strategy
        && !nodes.iter().any(|known| known.is(node))
    {
        let message = format!("node {node} lost, and it may run on no other").into();
        next.state = ActorState::Dead { cause: Cause::NodeLost, message };
    } else if record.max_restarts.allow(record.restarts) {
        let Decision::Place(node) = decide(&record.request, &nodes) else { return None };
        next.restarts = record.restarts.saturating_add(1);
        next.state = ActorState::On { node, incarnation: incarnation.saturating_add(1) };
    } else {
        let message = format!("node {lost} lost, after {} restarts", record.restarts).into();
        next.state = ActorState::Dead { cause: Cause::NodeLost, message };
    }
    Some(next)
}
