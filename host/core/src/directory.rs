//! Where actors that can move are, by the records in the control store.
//!
//! One node's part of it, for as long as the node has its id:
//!
//! - The records of the actors on this node are written by this node alone:
//!   when they are created, restarted, moved on, or end (`own`).
//! - When a node is lost, each live node knows from the actor's id in which
//!   order they try to take it over; the first decides where it goes and
//!   writes that; the next tries if the first does not (`takeover`).
//! - Whoever finds itself in a record starts that life, and nobody else does:
//!   a life is started only when the store has said that the record is so.
//!
//! Every write names the revision it replaces, and that the writer's own lease
//! still holds: what a node writes that was thought dead is refused. A write
//! without an answer is asked again until its fate is known.

mod own;
mod rendezvous;
mod takeover;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::calls::{Life, Place};
use crate::control::{
    ActorRecord, ActorState, Answer, Change, Key, Prefix, Request, Revision, Ticket, Value,
};
use crate::error::{Cause, Error};
use crate::id::{ActorId, NodeId};
use crate::limits;
use crate::membership::View;
use crate::placement::NodeView;

use own::{Own, Todo};
use takeover::Found;

/// What a node knows of the cluster when something happens.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Which nodes there are.
    pub view: &'a View,
    /// The same with what is free on them, as far as known. Asked for only when
    /// a place is looked for: a view of all nodes costs as much as there are.
    pub nodes: &'a dyn Fn() -> Vec<NodeView>,
}

/// Names one lookup.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LookupId(pub u64);

/// What happens to the directory.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time has passed; also to be given at the start, and at
    /// [`Directory::wake_at`].
    Tick,
    /// The store answered. Every question is answered, if need be with
    /// [`Answer::Unknown`].
    Answered(Ticket, Answer),
    /// The watch told of a change.
    Changed(Change),
    /// The watch broke.
    WatchLost,
    /// Until then the node may run actors that can move.
    ValidUntil(Duration),
    /// An actor is to be recorded as new on this node; it has room.
    Create(Arc<ActorRecord>),
    /// The life of an actor on this node is over and it should have another.
    Crashed(ActorId),
    /// An actor on this node has ended for good.
    Ended(ActorId, Cause, Arc<str>),
    /// The life of an actor on this node is over, since the node is drained:
    /// it is moved on, or [`Effect::Start`] comes again. It counts as no
    /// restart.
    Drained(ActorId),
    /// An actor that was to start here finds no room. It must not start any
    /// more: it is moved on, or [`Effect::Start`] comes again.
    NoRoom(ActorId),
    /// Who has a name?
    Lookup(LookupId, Arc<str>, Arc<str>),
    /// Where is an actor?
    Locate(ActorId),
    /// A node has gone for good.
    NodeGone(NodeId),
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Ask the store.
    Ask(Ticket, Request),
    /// Watch the keys for changes after the revision, in place of any watch
    /// there is.
    Watch(Prefix, Revision),
    /// The actor is recorded, and its name is its own. [`Effect::Start`]
    /// follows.
    Created(ActorId),
    /// Its name belongs to another, which is the answer of get-if-exists.
    /// Nothing was recorded.
    NameTaken(ActorId, ActorId),
    /// The actor was not recorded, and why.
    NotCreated(ActorId, Error),
    /// Begin this life of an actor, here.
    Start(Arc<ActorRecord>, u32),
    /// An actor here is not this node's any more: stop it.
    Stop(ActorId),
    /// The end of an actor is recorded, and its name is free.
    EndRecorded(ActorId),
    /// The answer to a lookup; none if nobody has the name.
    Found(LookupId, Option<ActorId>),
    /// No answer to a lookup for now.
    NotFound(LookupId, Error),
    /// The answer to `Locate`.
    Located(ActorId, Place),
    /// No answer to `Locate` for now.
    NotLocated(ActorId),
}

/// One node's part of the directory.
#[derive(Clone, Debug)]
pub struct Directory {
    local: NodeId,
    valid_until: Duration,
    asked: BTreeMap<Ticket, Question>,
    next_ticket: u64,
    /// The open questions of [`Question::Mine`], by actor.
    reading: BTreeSet<(ActorId, Ticket)>,
    own: BTreeMap<ActorId, Own>,
    /// What is due, and when.
    due: BTreeSet<(Duration, Due)>,
    /// Actors of lost nodes that are looked at or written right now.
    taking_over: usize,
    /// Actors of lost nodes, and the nodes.
    lost: BTreeMap<ActorId, NodeId>,
    /// Actors whose end this node has recorded, the oldest first: past
    /// [`limits::DEAD_ACTORS`] the record of the oldest is forgotten with the
    /// next end.
    ends: VecDeque<ActorId>,
    watching: bool,
}

#[derive(Clone, Debug)]
enum Question {
    /// The actors placed here.
    Placed,
    /// Whether this record says that it runs here.
    Mine(ActorId),
    /// The write of an own actor's record.
    Write(ActorId),
    Locate(ActorId),
    Lookup(LookupId, Key),
    /// The actors of a node that has gone.
    Lost(NodeId),
    /// All actors.
    Sweep,
    /// The record of an actor of a lost node.
    Examine(ActorId, NodeId),
    /// Its new record.
    Claim(ActorId),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    Watch,
    Sweep,
    Lost(NodeId),
    TakeOver(ActorId),
    Write(ActorId),
    Start(ActorId),
    Mine(ActorId),
}

impl Directory {
    /// The part of a node that has just got its id: nothing is recorded on it.
    pub fn new(local: NodeId) -> Directory {
        let due = [(Duration::ZERO, Due::Watch), (Duration::ZERO, Due::Sweep)];
        Directory {
            local,
            valid_until: Duration::ZERO,
            asked: BTreeMap::new(),
            next_ticket: 0,
            reading: BTreeSet::new(),
            own: BTreeMap::new(),
            due: BTreeSet::from(due),
            taking_over: 0,
            lost: BTreeMap::new(),
            ends: VecDeque::new(),
            watching: false,
        }
    }

    /// Takes an event at `now`, on the node's own clock, which never goes
    /// back, and appends what is to be done.
    pub fn handle(
        &mut self,
        now: Duration,
        event: Event,
        around: Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match event {
            Event::Tick => {}
            Event::Answered(ticket, answer) => {
                if let Some(question) = self.asked.remove(&ticket) {
                    if let Question::Mine(actor) = question {
                        self.reading.remove(&(actor, ticket));
                    }
                    self.answered(now, question, answer, around, effects);
                }
            }
            Event::Changed(change) => {
                if let Key::Placed(node, actor) = change.key
                    && node == self.local
                    && change.value.is_some()
                {
                    self.placed_here(actor, effects);
                }
            }
            Event::WatchLost => {
                self.watching = false;
                self.due.insert((now, Due::Watch));
            }
            Event::ValidUntil(until) => {
                self.valid_until = until;
                self.start_held_back(effects);
            }
            Event::Create(record) => self.create(record, effects),
            Event::Crashed(actor) => self.change(now, actor, Todo::Restart, around, effects),
            Event::Ended(actor, cause, message) => {
                self.change(now, actor, Todo::End(cause, message), around, effects);
            }
            Event::Drained(actor) => {
                self.count_move(actor);
                self.change(now, actor, Todo::Move, around, effects);
            }
            Event::NoRoom(actor) => self.change(now, actor, Todo::Move, around, effects),
            Event::Lookup(id, namespace, name) => {
                let key = Key::Name { namespace, name };
                self.ask(Question::Lookup(id, key.clone()), Request::Get(vec![key]), effects);
            }
            Event::Locate(actor) => {
                let request = Request::Get(vec![Key::Actor(actor)]);
                self.ask(Question::Locate(actor), request, effects);
            }
            Event::NodeGone(node) => {
                self.due.insert((now, Due::Lost(node)));
            }
        }
        self.act(now, around, effects);
    }

    /// When [`Event::Tick`] is due.
    pub fn wake_at(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The actors that this node's records say it runs, and their lives.
    pub fn own(&self) -> impl Iterator<Item = (ActorId, u32)> {
        self.own.iter().filter_map(|(id, own)| Some((*id, own.running?)))
    }

    /// What is due by now.
    fn act(&mut self, now: Duration, around: Around<'_>, effects: &mut Vec<Effect>) {
        while let Some((at, due)) = self.due.first().copied() {
            if at > now {
                return;
            }
            self.due.pop_first();
            match due {
                Due::Watch if self.watching => {}
                Due::Watch => {
                    self.watching = true;
                    let request = Request::Range(Prefix::Placed(self.local));
                    self.ask(Question::Placed, request, effects);
                }
                Due::Sweep => {
                    self.due.insert((now.saturating_add(limits::SWEEP_INTERVAL), Due::Sweep));
                    let lowest = around.view.nodes().next().map(|node| node.id);
                    if lowest.is_none_or(|lowest| lowest == self.local) {
                        self.ask(Question::Sweep, Request::Range(Prefix::AllPlaced), effects);
                    }
                }
                Due::Lost(node) => {
                    let request = Request::Range(Prefix::Placed(node));
                    self.ask(Question::Lost(node), request, effects);
                }
                Due::TakeOver(actor) => self.examine(now, actor, effects),
                Due::Write(actor) => self.write(actor, effects),
                Due::Start(actor) => self.start_again(now, actor, effects),
                Due::Mine(actor) => self.placed_here(actor, effects),
            }
        }
    }

    fn answered(
        &mut self,
        now: Duration,
        question: Question,
        answer: Answer,
        around: Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let later = now.saturating_add(limits::CONTROL_RETRY);
        match question {
            Question::Placed => match answer {
                Answer::Entries { entries, revision } => {
                    effects.push(Effect::Watch(Prefix::Placed(self.local), revision));
                    for entry in entries {
                        if let Key::Placed(_, actor) = entry.key {
                            self.placed_here(actor, effects);
                        }
                    }
                }
                _ => {
                    self.watching = false;
                    self.due.insert((later, Due::Watch));
                }
            },
            Question::Mine(actor) => match answer {
                Answer::Entries { entries, .. } => self.read_own(now, actor, &entries, effects),
                _ => {
                    self.due.insert((later, Due::Mine(actor)));
                }
            },
            Question::Write(actor) => self.written(now, actor, answer, around, effects),
            Question::Locate(actor) => effects.push(located(actor, answer)),
            Question::Lookup(id, key) => effects.push(match answer {
                Answer::Entries { entries, .. } => {
                    Effect::Found(id, entries.iter().find_map(|entry| entry.value.holder()))
                }
                _ => Effect::NotFound(id, unanswered(&key)),
            }),
            Question::Lost(node) => match answer {
                Answer::Entries { entries, .. } => {
                    self.found_lost(now, &entries, Found::WithNode, around);
                }
                _ => {
                    self.due.insert((later, Due::Lost(node)));
                }
            },
            Question::Sweep => match answer {
                Answer::Entries { entries, .. } => {
                    self.found_lost(now, &entries, Found::BySweep, around);
                }
                _ => {
                    self.due.insert((later, Due::Sweep));
                }
            },
            Question::Examine(actor, node) => {
                self.examined(now, actor, node, answer, around, effects);
            }
            Question::Claim(actor) => self.claimed(now, actor, &answer),
        }
    }

    fn ask(&mut self, question: Question, request: Request, effects: &mut Vec<Effect>) -> Ticket {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.asked.insert(ticket, question);
        effects.push(Effect::Ask(ticket, request));
        ticket
    }
}

fn located(actor: ActorId, answer: Answer) -> Effect {
    let Answer::Entries { entries, .. } = answer else { return Effect::NotLocated(actor) };
    let record = entries.iter().find_map(|entry| entry.value.actor());
    let place = match record.map(|record| &record.state) {
        Some(ActorState::On { node, incarnation }) => Place::At(*node, Life::Only(*incarnation)),
        Some(ActorState::Dead { cause, message }) => Place::Dead(*cause, message.to_string()),
        None => Place::Dead(Cause::Released, "it is not known any more".into()),
    };
    Effect::Located(actor, place)
}

fn unanswered(key: &Key) -> Error {
    let what = match key {
        Key::Name { namespace, name } => format!("name {namespace}/{name}"),
        _ => "the record".into(),
    };
    Error::Unavailable(format!("the control store did not answer about {what}"))
}

impl Value {
    /// Who has the name.
    fn holder(&self) -> Option<ActorId> {
        match self {
            Value::Name(actor) => Some(*actor),
            _ => None,
        }
    }

    fn actor(&self) -> Option<&Arc<ActorRecord>> {
        match self {
            Value::Actor(record) => Some(record),
            _ => None,
        }
    }
}
