//! Who waits for whom, to answer a call cycle with an error instead of a
//! silence.
//!
//! A sequential actor that waits for a call to an actor that waits for a call
//! to the first would wait for ever. Every wait is announced here before it
//! begins, and one that would close a circle is refused. Owns the edges and
//! nothing else: it does not know what a wait is for, and it does not end
//! waits. Start with [`Waits::begin`].

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::slice;

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::id::{ActorId, ObjectId};
use crate::limits;

/// What can wait, and be waited for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Waiter {
    /// A sequential actor, whatever it runs: one call's wait holds up all.
    Actor(ActorId),
    /// One call, by the object it will make: of an async actor, or one that
    /// waits for its arguments and has not begun.
    Call(ObjectId),
}

/// The waits in progress. They never form a circle, which is what makes
/// following them end.
#[derive(Clone, Default, Debug)]
pub struct Waits {
    /// Only those that wait for something; no entry is empty.
    waiting: FxHashMap<Waiter, Tickets>,
    /// Tickets given out so far.
    tickets: u64,
}

/// A wait in progress, to be handed back when it is over: one that is lost
/// leaves its waiter waiting for ever.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a wait lasts until its ticket is handed to `Waits::end`"]
pub struct Ticket {
    waiter: Waiter,
    number: u64,
}

impl Ticket {
    /// The wait's number, never used again.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// The wait would never end.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Cycle {
    /// From the waiter over all that stand in between back to the waiter: its
    /// first element is also its last.
    pub path: Vec<Waiter>,
}

/// What one waiter waits for. Nearly all have one ticket with one edge, which
/// lives in the map itself.
#[derive(Clone, Debug)]
enum Tickets {
    One(u64, On),
    /// By number.
    Many(BTreeMap<u64, On>),
}

#[derive(Clone, Debug)]
enum On {
    One(Waiter),
    All(Box<[Waiter]>),
}

impl Waits {
    /// `waiter` is about to wait until all of `on` have come to pass. If that
    /// leads back to `waiter`, nothing is recorded. A waiter may have several
    /// waits at once, and `on` may name one thing twice.
    ///
    /// Costs a few hash lookups if what it waits for does not wait itself,
    /// else as many as there are waits to follow from there.
    pub fn begin(&mut self, waiter: Waiter, on: &[Waiter]) -> Result<Ticket, Cycle> {
        if self.may_lead_back(waiter, on)
            && let Some(path) = self.path_back(waiter, on)
        {
            return Err(Cycle { path });
        }
        let number = self.tickets;
        self.tickets += 1;
        if let Some(on) = On::new(on) {
            self.record(waiter, number, on);
        }
        Ok(Ticket { waiter, number })
    }

    /// The wait is over, however it ended.
    pub fn end(&mut self, ticket: Ticket) {
        let Entry::Occupied(mut entry) = self.waiting.entry(ticket.waiter) else { return };
        let none_left = match entry.get_mut() {
            Tickets::One(number, _) => *number == ticket.number,
            Tickets::Many(by_number) => {
                by_number.remove(&ticket.number);
                by_number.is_empty()
            }
        };
        if none_left {
            entry.remove();
        }
    }

    /// Whether it waits for something.
    pub fn is_waiting(&self, waiter: Waiter) -> bool {
        self.waiting.contains_key(&waiter)
    }

    /// Whether nobody waits for anything.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The waits of a waiter: their numbers, and what each is for.
    pub fn of(&self, waiter: Waiter) -> impl Iterator<Item = (u64, &[Waiter])> {
        let (one, many) = match self.waiting.get(&waiter) {
            None => (None, None),
            Some(Tickets::One(number, on)) => (Some((*number, on)), None),
            Some(Tickets::Many(by_number)) => (None, Some(by_number)),
        };
        let many = many.into_iter().flatten().map(|(number, on)| (*number, on));
        one.into_iter().chain(many).map(|(number, on)| (number, on.targets()))
    }

    /// Whether that very wait is in progress.
    pub fn waits(&self, waiter: Waiter, number: u64) -> bool {
        self.of(waiter).any(|(known, _)| known == number)
    }

    fn record(&mut self, waiter: Waiter, number: u64, on: On) {
        match self.waiting.entry(waiter) {
            Entry::Vacant(entry) => {
                entry.insert(Tickets::One(number, on));
            }
            Entry::Occupied(mut entry) => entry.get_mut().add(number, on),
        }
    }

    /// False if a look without any memory of where it has been shows that
    /// there is no way back: from one thing along a chain to its end, from
    /// several things only as far as themselves.
    fn may_lead_back(&self, waiter: Waiter, on: &[Waiter]) -> bool {
        let [first] = on else {
            return on.iter().any(|on| *on == waiter || self.waiting.contains_key(on));
        };
        let mut at = *first;
        while at != waiter {
            match self.waiting.get(&at) {
                None => return false,
                Some(Tickets::One(_, On::One(next))) => at = *next,
                Some(_) => return true,
            }
        }
        true
    }

    /// The way from `waiter` over `on` back to it, if there is one. Everything
    /// that waits is visited once.
    fn path_back(&self, waiter: Waiter, on: &[Waiter]) -> Option<Vec<Waiter>> {
        let mut came_from: FxHashMap<Waiter, Waiter> = FxHashMap::with_hasher(FxBuildHasher);
        let mut to_visit = Vec::new();
        let mut edges: Vec<&[Waiter]> = vec![on];
        let mut at = waiter;
        loop {
            for next in edges.drain(..).flatten() {
                if *next == waiter {
                    return Some(way(&came_from, waiter, at));
                }
                if self.waiting.contains_key(next) && !came_from.contains_key(next) {
                    came_from.insert(*next, at);
                    to_visit.push(*next);
                }
            }
            at = to_visit.pop()?;
            match &self.waiting[&at] {
                Tickets::One(_, on) => edges.push(on.targets()),
                Tickets::Many(by_number) => edges.extend(by_number.values().map(On::targets)),
            }
        }
    }
}

/// From `waiter` to `last` along the steps that were taken, and back to
/// `waiter`.
fn way(came_from: &FxHashMap<Waiter, Waiter>, waiter: Waiter, last: Waiter) -> Vec<Waiter> {
    let mut backwards = vec![waiter];
    let mut at = last;
    while at != waiter {
        backwards.push(at);
        at = came_from[&at];
    }
    backwards.push(waiter);
    backwards.reverse();
    backwards
}

impl Tickets {
    fn add(&mut self, number: u64, on: On) {
        match std::mem::replace(self, Tickets::Many(BTreeMap::new())) {
            Tickets::One(old_number, old_on) => {
                *self = Tickets::Many(BTreeMap::from([(old_number, old_on), (number, on)]));
            }
            Tickets::Many(mut by_number) => {
                by_number.insert(number, on);
                *self = Tickets::Many(by_number);
            }
        }
    }
}

impl On {
    /// None for nothing.
    fn new(on: &[Waiter]) -> Option<On> {
        match on {
            [] => None,
            [one] => Some(On::One(*one)),
            all => Some(On::All(all.into())),
        }
    }

    fn targets(&self) -> &[Waiter] {
        match self {
            On::One(on) => slice::from_ref(on),
            On::All(on) => on,
        }
    }
}

impl fmt::Display for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiter::Actor(id) => id.fmt(f),
            Waiter::Call(id) => id.fmt(f),
        }
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (last, before) = self.path.split_last().expect("a cycle has a waiter");
        f.write_str("a call cycle: ")?;
        for waiter in before.iter().take(limits::EXPLAINED_ITEMS) {
            write!(f, "{waiter} waits for ")?;
        }
        match before.len().saturating_sub(limits::EXPLAINED_ITEMS) {
            0 => write!(f, "{last}"),
            more => write!(f, "{more} more, which wait for {last}"),
        }
    }
}
