//! The calling side.

mod ending;
mod sending;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::flow::{Flow, Pending};
use super::{Answer, Call, Life, Place};
use crate::error::Error;
use crate::id::{ActorId, CallId, NodeId};
use crate::limits;
use crate::spec::Tries;

/// A call that an actor of this node makes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Submit<B> {
    /// Which; never used before.
    pub id: CallId,
    /// Who calls.
    pub caller: ActorId,
    /// Who is called.
    pub target: ActorId,
    /// Whether the target can move: it then has a record in the directory.
    pub movable: bool,
    /// Further tries, if it may have run and has no result.
    pub retries: Tries,
    /// What is called, and with what.
    pub body: B,
}

/// What happens to a node's calls.
#[derive(Clone, Debug)]
pub enum Event<B, R> {
    /// Time has passed; to be given at [`Caller::wake_at`].
    Tick,
    /// An actor calls another.
    Submit(Submit<B>),
    /// A node answered a call.
    Answered(NodeId, CallId, Answer<R>),
    /// The session had no room for a call, which was not sent.
    Full(CallId, String),
    /// The caller gives up waiting; the call may still run.
    Forget(CallId),
    /// The directory found an actor.
    Located(ActorId, Place),
    /// The directory has no answer for now.
    NotLocated(ActorId),
    /// What was under way to a node may have arrived or not.
    SessionLost(NodeId),
    /// A node is reached, first or again.
    SessionUp(NodeId),
    /// A node has gone for good; its name.
    NodeGone(NodeId, String),
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect<B, R> {
    /// Send a call to a node; answer [`Event::Full`] if there is no room.
    Send(NodeId, Call<B>),
    /// Ask the directory where an actor is.
    Locate(ActorId),
    /// The call is over.
    Settle(CallId, Result<R, Error>),
}

/// The calls that the actors of one node make to actors of others.
#[derive(Clone, Debug)]
pub struct Caller<B> {
    targets: BTreeMap<ActorId, Target<B>>,
    /// Where to find each call that is not settled. Never iterated.
    calls: FxHashMap<CallId, Found>,
    /// Nodes whose session was lost and is not up again.
    unreached: BTreeSet<NodeId>,
    /// Nodes that have gone, by name.
    gone: BTreeMap<NodeId, String>,
    /// When something is due, by target.
    due: BTreeSet<(Duration, ActorId)>,
    next_stint: u64,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    target: ActorId,
    caller: ActorId,
    seq: u64,
}

#[derive(Clone, Debug)]
struct Target<B> {
    movable: bool,
    /// None while the directory is asked.
    place: Option<(NodeId, Life)>,
    asked: Asked,
    /// Whether the directory named the place, and did not only once.
    located: bool,
    /// Since when it has not been where it was believed to be.
    astray_since: Option<Duration>,
    flows: BTreeMap<ActorId, Flow<B>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Nothing,
    /// An answer is due.
    Directory,
    /// To be asked again then.
    Later(Duration),
}

impl<B: Clone> Default for Caller<B> {
    fn default() -> Caller<B> {
        Caller {
            targets: BTreeMap::new(),
            calls: FxHashMap::default(),
            unreached: BTreeSet::new(),
            gone: BTreeMap::new(),
            due: BTreeSet::new(),
            next_stint: 0,
        }
    }
}

impl<B: Clone> Caller<B> {
    /// Takes an event at `now`, on the node's own clock, which never goes
    /// back, and appends what is to be done.
    pub fn handle<R>(
        &mut self,
        now: Duration,
        event: Event<B, R>,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        match event {
            Event::Tick => self.tick(now, effects),
            Event::Submit(submit) => self.submit(now, submit, effects),
            Event::Answered(node, id, answer) => self.answered(now, node, id, answer, effects),
            Event::Full(id, message) => {
                self.settle(now, id, Err(Error::MailboxFull(message)), effects);
            }
            Event::Forget(id) => {
                if let Some(found) = self.take(id) {
                    self.advance_flow(now, found, effects);
                }
            }
            Event::Located(actor, place) => self.located(now, actor, place, effects),
            Event::NotLocated(actor) => self.ask_later(now, actor, effects),
            Event::SessionLost(node) => {
                self.unreached.insert(node);
                self.lost(now, node, effects);
                self.resume(now, node, effects);
            }
            Event::SessionUp(node) => {
                self.unreached.remove(&node);
                self.resume(now, node, effects);
            }
            Event::NodeGone(node, name) => {
                self.unreached.remove(&node);
                self.gone.insert(node, name);
                if self.gone.len() > limits::GONE_NODES {
                    self.gone.pop_first();
                }
                self.node_gone(now, node, effects);
            }
        }
    }

    /// When [`Event::Tick`] is due.
    pub fn wake_at(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Calls that are not settled.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether every call is settled.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    fn submit<R>(&mut self, now: Duration, submit: Submit<B>, effects: &mut Vec<Effect<B, R>>) {
        let Submit { id, caller, target: target_id, movable, retries, body } = submit;
        if self.calls.len() >= limits::CALLS_UNDER_WAY {
            let message = format!("{} calls are under way from this node", self.calls.len());
            effects.push(Effect::Settle(id, Err(Error::MailboxFull(message))));
            return;
        }
        let target =
            self.targets.entry(target_id).or_insert_with(|| Target::new(target_id, movable));
        let flow = target.flows.entry(caller).or_default();
        let seq = flow.next_seq;
        flow.next_seq += 1;
        flow.waiting.push_back(Pending { id, seq, tried: 0, retries, body });
        let found = Found { target: target_id, caller, seq };
        let known = self.calls.insert(id, found);
        assert!(known.is_none(), "{id} was submitted before");
        self.advance_flow(now, found, effects);
    }

    fn answered<R>(
        &mut self,
        now: Duration,
        node: NodeId,
        id: CallId,
        answer: Answer<R>,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let Some(found) = self.calls.get(&id).copied() else { return };
        let flow = self.flow(found);
        // A late answer of a try that was given up.
        if flow.under_way(found.seq).is_none_or(|sent| sent.node != node) {
            return;
        }
        match answer {
            Answer::Ran(result) => self.arrived(now, id, Ok(result), effects),
            Answer::Failed(error) => self.arrived(now, id, Err(error), effects),
            Answer::Stopped => {
                if !self.try_again(found) {
                    let message = format!("{} stopped; the call may have run", found.target);
                    return self.settle(now, id, Err(Error::Unavailable(message)), effects);
                }
                self.misplaced(now, found.target, node, effects);
                self.advance(now, found.target, effects);
            }
            Answer::NotHere => {
                self.flow(found).take_back(found.seq);
                self.misplaced(now, found.target, node, effects);
                self.advance(now, found.target, effects);
            }
        }
    }

    /// A call got to its target.
    fn arrived<R>(
        &mut self,
        now: Duration,
        id: CallId,
        result: Result<R, Error>,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        if let Some(found) = self.calls.get(&id)
            && let Some(target) = self.targets.get_mut(&found.target)
        {
            target.astray_since = None;
        }
        self.settle(now, id, result, effects);
    }

    /// The target is not where it is believed to be. If it was the directory
    /// that said so, it is about to start there, or to move again: there is no
    /// use in asking at once.
    fn misplaced<R>(
        &mut self,
        now: Duration,
        target_id: ActorId,
        node: NodeId,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let Some(target) = self.targets.get_mut(&target_id) else { return };
        if target.place.is_none_or(|(believed, _)| believed != node) {
            return;
        }
        target.place = None;
        target.astray_since.get_or_insert(now);
        if std::mem::take(&mut target.located) {
            self.ask_later(now, target_id, effects);
        }
    }

    fn located<R>(
        &mut self,
        now: Duration,
        actor: ActorId,
        place: Place,
        effects: &mut Vec<Effect<B, R>>,
    ) {
        let Some(target) = self.targets.get_mut(&actor) else { return };
        match place {
            Place::Dead(cause, message) => {
                let died = Error::Died { actor: actor.to_string(), cause, message };
                self.fail_all(actor, &died, effects);
            }
            // The directory has not moved it yet.
            Place::At(node, _) if self.gone.contains_key(&node) => {
                self.ask_later(now, actor, effects);
            }
            Place::At(node, life) => {
                target.place = Some((node, life));
                target.located = true;
                target.asked = Asked::Nothing;
                self.advance(now, actor, effects);
            }
        }
    }

    fn ask_later<R>(&mut self, now: Duration, actor: ActorId, effects: &mut Vec<Effect<B, R>>) {
        let Some(target) = self.targets.get_mut(&actor) else { return };
        let since = *target.astray_since.get_or_insert(now);
        if now >= since.saturating_add(limits::LOCATE_TIME) {
            let message = format!("{actor} was not found in {:?}", limits::LOCATE_TIME);
            self.fail_waiting(actor, &Error::Unavailable(message), effects);
            return;
        }
        let at = now.saturating_add(limits::LOCATE_RETRY);
        target.asked = Asked::Later(at);
        self.due.insert((at, actor));
    }

    fn tick<R>(&mut self, now: Duration, effects: &mut Vec<Effect<B, R>>) {
        while let Some((at, actor)) = self.due.first().copied() {
            if at > now {
                return;
            }
            self.due.pop_first();
            if let Some(target) = self.targets.get_mut(&actor)
                && target.asked == Asked::Later(at)
            {
                target.asked = Asked::Directory;
                if target.movable {
                    effects.push(Effect::Locate(actor));
                } else {
                    self.ask_later(now, actor, effects);
                }
            }
        }
    }

    /// The session with a node was lost: what was under way there may have
    /// run. What may be tried again is, once the node or another is reached.
    fn lost<R>(&mut self, now: Duration, node: NodeId, effects: &mut Vec<Effect<B, R>>) {
        let mut touched = BTreeSet::new();
        let flows = self.targets.values().flat_map(|target| target.flows.values());
        let there = flows.flat_map(Flow::sent).filter(|sent| sent.node == node);
        let mut there: Vec<CallId> = there.map(|sent| sent.call.id).collect();
        there.sort_unstable();
        for id in there {
            let found = self.calls[&id];
            touched.insert(found.target);
            if !self.try_again(found) {
                let message = format!("{node} is not reached; the call may have run");
                self.end(id, Err(Error::Unavailable(message)), effects);
            }
        }
        for target in touched {
            self.advance(now, target, effects);
            self.tidy(target);
        }
    }

    /// Takes a call back that may have run, if it may be tried again.
    fn try_again(&mut self, found: Found) -> bool {
        let flow = self.flow(found);
        let sent = flow.under_way(found.seq).expect("what is at a node was sent");
        let may = sent.call.retries.allow(sent.call.tried);
        if may {
            sent.call.tried += 1;
            flow.take_back(found.seq);
        }
        may
    }

    /// A node is reached again or not any more: its targets go on.
    fn resume<R>(&mut self, now: Duration, node: NodeId, effects: &mut Vec<Effect<B, R>>) {
        let there = self
            .targets
            .iter()
            .filter(|(_, target)| target.place.is_some_and(|(place, _)| place == node));
        let there: Vec<ActorId> = there.map(|(id, _)| *id).collect();
        for target in there {
            self.advance(now, target, effects);
        }
    }

    fn node_gone<R>(&mut self, now: Duration, node: NodeId, effects: &mut Vec<Effect<B, R>>) {
        self.lost(now, node, effects);
        let there = self.targets.iter().filter(|(id, target)| match target.place {
            Some((place, _)) => place == node,
            None => !target.movable && id.node == node,
        });
        let there: Vec<ActorId> = there.map(|(id, _)| *id).collect();
        for id in there {
            if let Some(target) = self.targets.get_mut(&id) {
                target.place = None;
            }
            self.advance(now, id, effects);
        }
    }

    fn flow(&mut self, found: Found) -> &mut Flow<B> {
        let target = self.targets.get_mut(&found.target).expect("a call's target is known");
        target.flows.get_mut(&found.caller).expect("a call's flow is known")
    }
}

impl<B> Target<B> {
    /// An actor is first believed to be where it was born, in its first life.
    fn new(id: ActorId, movable: bool) -> Target<B> {
        let life = if movable { Life::Only(0) } else { Life::Any };
        Target {
            movable,
            place: Some((id.node, life)),
            asked: Asked::Nothing,
            located: false,
            astray_since: None,
            flows: BTreeMap::new(),
        }
    }
}
