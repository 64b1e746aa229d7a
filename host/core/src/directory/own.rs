//! The records of the actors on this node.

use std::sync::Arc;
use std::time::Duration;

use super::{Around, Directory, Due, Effect, Question, unanswered};
use crate::control::{
    ActorRecord, ActorState, Answer, Entry, Guard, Key, Request, Revision, Ticket, Value, Write,
};
use crate::error::{Cause, Error};
use crate::id::ActorId;
use crate::limits;
use crate::placement::{Decision, decide};

/// An actor whose record says that it is here, or is about to.
#[derive(Clone, Debug)]
pub(super) struct Own {
    /// As last known to be recorded, or to be created.
    pub(super) record: Arc<ActorRecord>,
    /// None until it is created.
    pub(super) modified: Option<Revision>,
    /// The life that was started here.
    pub(super) running: Option<u32>,
    /// Recorded as here, while the node may not run it: to be started later.
    pub(super) held_back: bool,
    /// The write in progress and what it comes to.
    pub(super) doing: Option<(Todo, Arc<ActorRecord>)>,
    /// The write after that; the end of the actor displaces everything.
    pub(super) then: Option<Todo>,
}

/// A change to a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Todo {
    Create,
    Restart,
    Move,
    End(Cause, Arc<str>),
}

impl Directory {
    pub(super) fn create(&mut self, record: Arc<ActorRecord>, effects: &mut Vec<Effect>) {
        let here = ActorState::On { node: self.local, incarnation: 0 };
        assert!(record.state == here, "an actor is created where it is, in its first life");
        let id = record.id;
        let doing = Some((Todo::Create, record.clone()));
        let own =
            Own { record, modified: None, running: None, held_back: false, doing, then: None };
        let known = self.own.insert(id, own);
        assert!(known.is_none(), "{id} was created before");
        self.commit(id, effects);
    }

    /// Something is to be written about an own actor, after what is being
    /// written. One that is not this node's any more is left alone.
    pub(super) fn change(
        &mut self,
        now: Duration,
        id: ActorId,
        todo: Todo,
        around: Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(own) = self.own.get_mut(&id) else { return };
        own.running = None;
        own.held_back = false;
        if !matches!(own.then, Some(Todo::End(..))) {
            own.then = Some(todo);
        }
        if own.doing.is_none() {
            self.next(now, id, around, effects);
        }
    }

    /// A life ended that had begun, and is to be followed elsewhere.
    pub(super) fn count_move(&mut self, id: ActorId) {
        if let Some(own) = self.own.get_mut(&id) {
            let record = Arc::make_mut(&mut own.record);
            record.moves = record.moves.saturating_add(1);
        }
    }

    /// Begins the next write, if there is one.
    fn next(&mut self, now: Duration, id: ActorId, around: Around<'_>, effects: &mut Vec<Effect>) {
        let local = self.local;
        let Some(own) = self.own.get_mut(&id) else { return };
        let Some(todo) = own.then.take() else { return };
        let restarts = own.record.restarts;
        let ActorState::On { incarnation, .. } = own.record.state else { return };
        let mut record = (*own.record).clone();
        let next = incarnation.saturating_add(1);
        match &todo {
            Todo::Create => unreachable!("an actor is created once"),
            Todo::Restart if record.max_restarts.allow(restarts) => {
                record.restarts = restarts.saturating_add(1);
                record.state = ActorState::On { node: local, incarnation: next };
            }
            Todo::Restart => {
                let message = format!("it crashed, after {restarts} restarts").into();
                record.state = ActorState::Dead { cause: Cause::Crashed, message };
            }
            Todo::End(cause, message) => {
                record.state = ActorState::Dead { cause: *cause, message: message.clone() };
            }
            Todo::Move => {
                let mut others = (around.nodes)();
                others.retain(|node| node.id != local);
                let Decision::Place(node) = decide(&record.request, &others) else {
                    // Nowhere better: it tries here again.
                    let at = now.saturating_add(limits::TAKEOVER_RETRY);
                    self.due.insert((at, Due::Start(id)));
                    return;
                };
                record.state = ActorState::On { node, incarnation: next };
            }
        }
        own.doing = Some((todo, Arc::new(record)));
        self.commit(id, effects);
    }

    /// Asks the store again for the write in progress.
    pub(super) fn write(&mut self, id: ActorId, effects: &mut Vec<Effect>) {
        if self.own.contains_key(&id) {
            self.commit(id, effects);
        }
    }

    /// An actor that found no room tries again, if nothing else happened to it.
    pub(super) fn start_again(&mut self, now: Duration, id: ActorId, effects: &mut Vec<Effect>) {
        let idle = |own: &Own| own.doing.is_none() && own.running.is_none() && !own.held_back;
        if self.own.get(&id).is_some_and(idle) {
            self.start(now, id, effects);
        }
    }

    fn commit(&mut self, id: ActorId, effects: &mut Vec<Effect>) {
        let own = &self.own[&id];
        let Some((_, record)) = &own.doing else { return };
        let mut guards = vec![Guard::Present(Key::Node(self.local))];
        let mut writes = vec![Write::Put(Key::Actor(id), Value::Actor(record.clone()), None)];
        match own.modified {
            Some(modified) => guards.push(Guard::At(Key::Actor(id), modified)),
            None => guards.push(Guard::Absent(Key::Actor(id))),
        }
        let name = record.name.clone().map(|(namespace, name)| Key::Name { namespace, name });
        match (&record.state, name) {
            (ActorState::On { node, incarnation }, name) => {
                if *node != self.local {
                    guards.push(Guard::Present(Key::Node(*node)));
                    writes.push(Write::Delete(Key::Placed(self.local, id)));
                }
                writes.push(Write::Put(Key::Placed(*node, id), Value::Placed(*incarnation), None));
                if let (None, Some(name)) = (own.modified, name) {
                    guards.push(Guard::Absent(name.clone()));
                    writes.push(Write::Put(name, Value::Name(id), None));
                }
            }
            (ActorState::Dead { .. }, name) => {
                writes.push(Write::Delete(Key::Placed(self.local, id)));
                writes.extend(name.map(Write::Delete));
                if self.ends.len() >= limits::DEAD_ACTORS {
                    let oldest = self.ends.front().copied().map(Key::Actor);
                    writes.extend(oldest.map(Write::Delete));
                }
            }
        }
        self.ask(Question::Write(id), Request::Commit { guards, writes }, effects);
    }

    pub(super) fn written(
        &mut self,
        now: Duration,
        id: ActorId,
        answer: Answer,
        around: Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match answer {
            Answer::Committed(revision) => self.done(now, id, revision, around, effects),
            Answer::Refused { entries, .. } => {
                self.refused(now, id, &entries, around, effects);
            }
            _ => {
                let at = now.saturating_add(limits::CONTROL_RETRY);
                self.due.insert((at, Due::Write(id)));
            }
        }
    }

    /// The write in progress is in the store.
    fn done(
        &mut self,
        now: Duration,
        id: ActorId,
        revision: Revision,
        around: Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let own = self.own.get_mut(&id).expect("a write is about an own actor");
        let (todo, record) = own.doing.take().expect("it was in progress");
        own.modified = Some(revision);
        own.record = record;
        if todo == Todo::Create {
            effects.push(Effect::Created(id));
        }
        match &own.record.state {
            ActorState::Dead { .. } => {
                self.disown(id);
                self.ends.push_back(id);
                if self.ends.len() > limits::DEAD_ACTORS {
                    self.ends.pop_front();
                }
                effects.push(Effect::EndRecorded(id));
            }
            ActorState::On { node, .. } if *node != self.local => {
                self.disown(id);
                effects.push(Effect::Stop(id));
            }
            ActorState::On { .. } if own.then.is_some() => self.next(now, id, around, effects),
            ActorState::On { .. } => self.start(now, id, effects),
        }
    }

    /// The record has just been written so that the actor is not this node's
    /// any more: whatever of it was asked before may be answered as it was.
    fn disown(&mut self, id: ActorId) {
        self.own.remove(&id);
        let reads = self.reading.range((id, Ticket(0))..=(id, Ticket(u64::MAX)));
        for read in reads.copied().collect::<Vec<_>>() {
            self.reading.remove(&read);
            self.asked.remove(&read.1);
        }
    }

    /// Something was otherwise than the write in progress believed.
    fn refused(
        &mut self,
        now: Duration,
        id: ActorId,
        entries: &[Entry],
        around: Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let own = self.own.get_mut(&id).expect("a write is about an own actor");
        let (todo, record) = own.doing.clone().expect("it was in progress");
        let found = entries.iter().find(|entry| entry.key == Key::Actor(id));
        if let Some(found) = found
            && found.value.actor() == Some(&record)
        {
            // An earlier try of the same write did it.
            return self.done(now, id, found.modified, around, effects);
        }
        let present = |key: &Key| entries.iter().any(|entry| entry.key == *key);
        if !present(&Key::Node(self.local)) {
            // This node's time is over; its membership says so soon.
            self.own.remove(&id);
            effects.push(match todo {
                Todo::Create => Effect::NotCreated(id, unanswered(&Key::Actor(id))),
                _ => Effect::Stop(id),
            });
            return;
        }
        if todo == Todo::Create {
            self.own.remove(&id);
            let holder = entries.iter().find_map(|entry| entry.value.holder());
            effects.push(match holder {
                Some(holder) => Effect::NameTaken(id, holder),
                None => Effect::NotCreated(id, Error::Invalid(format!("{id} was there already"))),
            });
            return;
        }
        match found.and_then(|found| Some((found.value.actor()?, found.modified))) {
            Some((record, modified)) if record.state == own.record.state => {
                own.modified = Some(modified);
                if todo == Todo::Move {
                    // The node it was to go to has gone.
                    own.doing = None;
                    self.due.insert((now.saturating_add(limits::TAKEOVER_RETRY), Due::Start(id)));
                    self.next(now, id, around, effects);
                } else {
                    self.commit(id, effects);
                }
            }
            _ => {
                self.own.remove(&id);
                effects.push(Effect::Stop(id));
            }
        }
    }

    /// A record says that an actor is placed on this node.
    pub(super) fn placed_here(&mut self, id: ActorId, effects: &mut Vec<Effect>) {
        if !self.own.contains_key(&id) {
            let request = Request::Get(vec![Key::Actor(id)]);
            let ticket = self.ask(Question::Mine(id), request, effects);
            self.reading.insert((id, ticket));
        }
    }

    pub(super) fn read_own(
        &mut self,
        now: Duration,
        id: ActorId,
        entries: &[Entry],
        effects: &mut Vec<Effect>,
    ) {
        let found = entries.iter().find_map(|entry| Some((entry.value.actor()?, entry.modified)));
        let Some((record, modified)) = found else { return };
        let here = matches!(record.state, ActorState::On { node, .. } if node == self.local);
        if !here || self.own.contains_key(&id) {
            return;
        }
        let own = Own {
            record: record.clone(),
            modified: Some(modified),
            running: None,
            held_back: false,
            doing: None,
            then: None,
        };
        self.own.insert(id, own);
        self.start(now, id, effects);
    }

    /// The store has said that this life is this node's.
    fn start(&mut self, now: Duration, id: ActorId, effects: &mut Vec<Effect>) {
        let own = self.own.get_mut(&id).expect("what is started is this node's");
        let ActorState::On { incarnation, .. } = own.record.state else { return };
        if now >= self.valid_until {
            own.held_back = true;
            return;
        }
        own.running = Some(incarnation);
        effects.push(Effect::Start(own.record.clone(), incarnation));
    }

    /// The lease was renewed: what was to start meanwhile does, if it is still
    /// this node's.
    pub(super) fn start_held_back(&mut self, effects: &mut Vec<Effect>) {
        let held = self.own.iter().filter(|(_, own)| own.held_back);
        let held: Vec<ActorId> = held.map(|(id, _)| *id).collect();
        for id in held {
            self.own.remove(&id);
            self.placed_here(id, effects);
        }
    }
}
