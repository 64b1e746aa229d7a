//! The called side.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Answer, Call, Life};
use crate::error::{Cause, Error};
use crate::id::{ActorId, CallId, NodeId};
use crate::limits;
use crate::spec::Tries;

/// What happens to the actors of a node that others call.
#[derive(Clone, Debug)]
pub enum Event<B, R> {
    /// An actor is here, in this life: [`Life::Only`] if it can move.
    Started(ActorId, Life),
    /// The actor is about to stop: it takes no more calls, and those that it
    /// has taken run on.
    Closing(ActorId),
    /// That life is over, and another follows, here or elsewhere.
    Stopped(ActorId),
    /// The actor has ended for good.
    Died(ActorId, Cause, String),
    /// Until then the node may run actors that can move.
    ValidUntil(Duration),
    /// A node sent a call.
    Arrived(NodeId, Call<B>),
    /// A call began to run.
    Begun(CallId),
    /// A call ran; its result, and how many bytes that is.
    Finished(CallId, Result<R, Error>, usize),
    /// What was under way from a node may be lost, and nothing of it comes
    /// any more.
    SessionLost(NodeId),
    /// A node has gone for good.
    NodeGone(NodeId),
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect<B, R> {
    /// Put the call into its target's mailbox.
    Run(Call<B>),
    /// Tell the node what became of the call.
    Answer(NodeId, CallId, Answer<R>),
    /// Tell the node what ended the target, which could not move and is not
    /// here any more.
    TellEnd(NodeId, CallId, ActorId),
}

/// The calls that came to the actors of one node from others.
#[derive(Clone, Debug)]
pub struct Callee<R> {
    valid_until: Duration,
    /// Never iterated.
    actors: FxHashMap<ActorId, Actor>,
    /// Never iterated where the order could be seen.
    calls: FxHashMap<CallId, Taken>,
    /// Of each node, pair of caller and target: the stint of which a call was
    /// refused.
    refused: BTreeMap<NodeId, BTreeMap<(ActorId, ActorId), u64>>,
    /// Answers to calls with retries, by call and in the order they were made.
    kept: BTreeMap<CallId, (Answer<R>, usize)>,
    kept_order: VecDeque<CallId>,
    kept_bytes: usize,
}

#[derive(Clone, Debug)]
struct Actor {
    life: Life,
    /// Whether it takes no more calls.
    closing: bool,
    calls: FxHashSet<CallId>,
}

#[derive(Clone, Copy, Debug)]
struct Taken {
    from: NodeId,
    target: ActorId,
    begun: bool,
    may_be_retried: bool,
}

impl<R: Clone> Default for Callee<R> {
    fn default() -> Callee<R> {
        Callee {
            valid_until: Duration::ZERO,
            actors: FxHashMap::default(),
            calls: FxHashMap::default(),
            refused: BTreeMap::new(),
            kept: BTreeMap::new(),
            kept_order: VecDeque::new(),
            kept_bytes: 0,
        }
    }
}

impl<R: Clone> Callee<R> {
    /// Takes an event at `now`, on the node's own clock, which never goes
    /// back, and appends what is to be done.
    pub fn handle<B>(
        &mut self,
        now: Duration,
        event: Event<B, R>,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        match event {
            Event::Started(actor, life) => {
                let new = Actor { life, closing: false, calls: FxHashSet::default() };
                let known = self.actors.insert(actor, new);
                assert!(known.is_none(), "{actor} was started while it ran");
            }
            Event::Closing(actor) => {
                if let Some(actor) = self.actors.get_mut(&actor) {
                    actor.closing = true;
                }
            }
            Event::Stopped(actor) => self.stopped(actor, None, effects),
            Event::Died(actor, cause, message) => {
                let died = Error::Died { actor: actor.to_string(), cause, message };
                self.stopped(actor, Some(&died), effects);
            }
            Event::ValidUntil(until) => self.valid_until = until,
            Event::Arrived(from, call) => self.arrived(now, from, call, effects),
            Event::Begun(id) => {
                if let Some(taken) = self.calls.get_mut(&id) {
                    taken.begun = true;
                }
            }
            Event::Finished(id, result, bytes) => {
                let answer = match result {
                    Ok(result) => Answer::Ran(result),
                    Err(error) => Answer::Failed(error),
                };
                self.finished(id, answer, bytes, effects);
            }
            Event::SessionLost(node) => drop(self.refused.remove(&node)),
            Event::NodeGone(node) => {
                self.refused.remove(&node);
                self.calls.retain(|id, taken| {
                    let gone = taken.from == node;
                    if gone && let Some(actor) = self.actors.get_mut(&taken.target) {
                        actor.calls.remove(id);
                    }
                    !gone
                });
                self.kept_order.retain(|id| {
                    let gone = id.node == node;
                    if gone && let Some((_, bytes)) = self.kept.remove(id) {
                        self.kept_bytes -= bytes;
                    }
                    !gone
                });
            }
        }
    }

    /// Calls that were taken and are not answered.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether every call is answered.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    fn arrived<B>(
        &mut self,
        now: Duration,
        from: NodeId,
        call: Call<B>,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let id = call.id;
        if self.calls.contains_key(&id) {
            // A further try of what is here already: it has one answer.
            return;
        }
        if let Some((answer, _)) = self.kept.get(&id) {
            effects.push(Effect::Answer(from, id, answer.clone()));
            return;
        }
        let expired = matches!(call.life, Life::Only(_)) && now >= self.valid_until;
        let pair = (call.caller, call.target);
        let refused = self.refused.get(&from).and_then(|pairs| pairs.get(&pair));
        let refused = refused.is_some_and(|stint| *stint >= call.stint);
        let actor = self.actors.get_mut(&call.target);
        match actor
            .filter(|actor| actor.life == call.life && !actor.closing && !expired && !refused)
        {
            Some(actor) => {
                actor.calls.insert(id);
                if let Some(pairs) = self.refused.get_mut(&from) {
                    pairs.remove(&pair);
                }
                let may_be_retried = call.retries != Tries::AtMost(0);
                let target = call.target;
                self.calls.insert(id, Taken { from, target, begun: false, may_be_retried });
                effects.push(Effect::Run(call));
            }
            None if call.life == Life::Any => {
                effects.push(Effect::TellEnd(from, id, call.target));
            }
            None => {
                self.refused.entry(from).or_default().insert(pair, call.stint);
                effects.push(Effect::Answer(from, id, Answer::NotHere));
            }
        }
    }

    /// An actor stopped: what had begun may have had effects, the rest has
    /// not run and can be sent again.
    fn stopped<B>(
        &mut self,
        actor_id: ActorId,
        died: Option<&Error>,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let Some(actor) = self.actors.remove(&actor_id) else { return };
        let mut calls: Vec<CallId> = actor.calls.into_iter().collect();
        calls.sort_unstable();
        for id in calls {
            let taken = self.calls.remove(&id).expect("an actor's calls are known");
            let answer = match died {
                Some(error) => Answer::Failed(error.clone()),
                None if taken.begun && taken.may_be_retried && actor.life != Life::Any => {
                    Answer::Stopped
                }
                None if taken.begun || actor.life == Life::Any => Answer::Failed(
                    Error::Unavailable(format!("{actor_id} stopped; the call may have run")),
                ),
                None => Answer::NotHere,
            };
            effects.push(Effect::Answer(taken.from, id, answer));
        }
    }

    fn finished<B>(
        &mut self,
        id: CallId,
        answer: Answer<R>,
        bytes: usize,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let Some(taken) = self.calls.remove(&id) else { return };
        if let Some(actor) = self.actors.get_mut(&taken.target) {
            actor.calls.remove(&id);
        }
        if taken.may_be_retried {
            self.keep(id, answer.clone(), bytes);
        }
        effects.push(Effect::Answer(taken.from, id, answer));
    }

    fn keep(&mut self, id: CallId, answer: Answer<R>, bytes: usize) {
        self.kept.insert(id, (answer, bytes));
        self.kept_order.push_back(id);
        self.kept_bytes += bytes;
        while self.kept.len() > limits::KEPT_ANSWERS || self.kept_bytes > limits::KEPT_ANSWER_BYTES
        {
            let Some(oldest) = self.kept_order.pop_front() else { return };
            if let Some((_, bytes)) = self.kept.remove(&oldest) {
                self.kept_bytes -= bytes;
            }
        }
    }
}
