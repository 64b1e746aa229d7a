//! One node's reservations: who holds what, and who waits for how much.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::devices::{Devices, GPUS};
use crate::id::ActorId;
use crate::resources::{Amount, Resources, Shortage, shown};

/// What a node has, who holds it, and who waits for it.
///
/// A request that the node could never grant is refused at once; one that
/// does not fit now waits in the order it came. The earliest waiting request
/// that is short of a resource is *first in line* for it, and all that it asks
/// for is kept: a later request is granted only what leaves enough for it,
/// which is nothing where it is short itself.
///
/// So what the oldest request asks for only gathers, and it is granted at
/// the latest when everything held now has been released: no stream of small
/// requests starves a large one. A request that waits behind another is owed
/// nothing yet, so that a long queue for GPUs keeps back the CPUs of one
/// request and not those of all.
///
/// GPUs are devices: a part of one has to be free on one of them.
///
/// An actor, or whatever else `H` names, has one reservation at a time. One
/// that asks for nothing is granted without being recorded.
#[derive(Clone, Debug)]
pub struct Ledger<H = ActorId> {
    total: Resources,
    /// Total less everything held.
    free: Resources,
    held: FxHashMap<H, Resources>,
    devices: Devices<H>,
    /// By ticket: in the order they came.
    waiting: BTreeMap<u64, Waiting<H>>,
    /// The tickets of those who wait.
    tickets: FxHashMap<H, u64>,
    /// Tickets of those who wait, by the set of resources they ask for. Only
    /// the first of each set can be next, so that a release costs as much as
    /// there are sets, however many wait.
    lines: BTreeMap<Vec<Arc<str>>, BTreeSet<u64>>,
    next_ticket: u64,
    front: Front<H>,
}

/// The answer to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reserve {
    /// It is the actor's until released.
    Granted,
    /// Not yet, and why; a later release names the actor when it is granted.
    Waiting(String),
    /// More than the node has in all, and of what. Nothing was recorded.
    Never(String),
}

#[derive(Clone, Debug)]
struct Waiting<H> {
    actor: H,
    asked: Resources,
}

/// Who is first in line for what, and what that leaves for others.
#[derive(Clone, Debug)]
struct Front<H> {
    /// Free less what is kept for the first in line.
    spare: Resources,
    /// In the order they came. Each is short of something that none before it
    /// is short of: there are no more of them than resources.
    first_in_line: Vec<First<H>>,
}

#[derive(Clone, Debug)]
struct First<H> {
    ticket: u64,
    actor: H,
    /// By name, what it was found to be short of: never nothing.
    short_of: Vec<Arc<str>>,
    /// The first of these in numbers, after what was kept for those before.
    shortage: Shortage,
}

impl<H: Copy + Eq + Hash + fmt::Display> Ledger<H> {
    /// A node that has `total`, all of it free.
    pub fn new(total: Resources) -> Ledger<H> {
        let front = Front { spare: total.clone(), first_in_line: Vec::new() };
        Ledger {
            free: total.clone(),
            devices: Devices::new(total.get(GPUS)),
            total,
            held: FxHashMap::default(),
            waiting: BTreeMap::new(),
            tickets: FxHashMap::default(),
            lines: BTreeMap::new(),
            next_ticket: 0,
            front,
        }
    }

    /// The actor asks for resources. It must not hold or wait for any.
    pub fn reserve(&mut self, actor: H, asked: Resources) -> Reserve {
        if asked.is_empty() {
            return Reserve::Granted;
        }
        let known = self.held.contains_key(&actor) || self.tickets.contains_key(&actor);
        assert!(!known, "{actor} asks for resources a second time");
        if let Some(shortage) = asked.first_shortage(&self.total) {
            let (asked, has) = shortage.shown();
            return Reserve::Never(format!("the node cannot hold {asked} (has {has})"));
        }
        let Some(shortage) = self.shortage(&asked) else {
            self.grant(actor, asked);
            return Reserve::Granted;
        };
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        if !self.front.stands_behind(&asked) {
            self.front.close(ticket, actor, &asked, shortage);
        }
        self.lines.entry(line_of(&asked)).or_default().insert(ticket);
        self.tickets.insert(actor, ticket);
        let waiting = Waiting { actor, asked };
        let reason = self.reason(ticket, &waiting);
        self.waiting.insert(ticket, waiting);
        Reserve::Waiting(reason)
    }

    /// The same for one that will not wait. An error says why not now.
    pub fn reserve_now(&mut self, actor: H, asked: Resources) -> Result<(), String> {
        match self.reserve(actor, asked) {
            Reserve::Granted => Ok(()),
            Reserve::Never(reason) => Err(reason),
            Reserve::Waiting(reason) => {
                let granted = self.withdraw(actor);
                assert!(granted.is_empty(), "what came last kept nothing from anybody");
                Err(reason)
            }
        }
    }

    /// The actor's reservation ends, held or still waiting; one that has none
    /// is left alone. Returns those whose requests are granted now, in the
    /// order they came.
    pub fn release(&mut self, actor: H) -> Vec<H> {
        let Some(resources) = self.held.remove(&actor) else {
            return self.withdraw(actor);
        };
        self.free = self.free.add(&resources);
        self.devices.give_back(actor);
        self.settle()
    }

    /// The actor waits no longer; what it holds already stays. Returns those
    /// whose requests are granted now that it is out of the way, in the order
    /// they came.
    pub fn withdraw(&mut self, actor: H) -> Vec<H> {
        match self.tickets.get(&actor) {
            Some(ticket) => {
                self.leave(*ticket);
                self.settle()
            }
            None => Vec::new(),
        }
    }

    /// Whether a request would be granted now.
    pub fn has_room(&self, asked: &Resources) -> bool {
        self.shortage(asked).is_none()
    }

    /// What the node has.
    pub fn total(&self) -> &Resources {
        &self.total
    }

    /// What nobody holds; some of it may be kept for those who wait.
    pub fn free(&self) -> &Resources {
        &self.free
    }

    /// What a newcomer can have: what nobody holds, less what is kept for those
    /// first in line.
    pub fn spare(&self) -> &Resources {
        &self.front.spare
    }

    /// How many wait.
    pub fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    /// Whether this one waits.
    pub fn is_waiting(&self, actor: H) -> bool {
        self.tickets.contains_key(&actor)
    }

    /// Those who wait, in the order they came, and what each waits for.
    pub fn waiting(&self) -> impl Iterator<Item = (H, String)> {
        self.waiting.iter().map(|(ticket, waiting)| (waiting.actor, self.reason(*ticket, waiting)))
    }

    /// The GPUs that an actor holds, by their places among the node's, and how
    /// much of each.
    pub fn gpus_of(&self, actor: H) -> &[(usize, Amount)] {
        self.devices.of(actor)
    }

    /// Who holds which GPUs, in no order: the actor, the GPU's place among the
    /// node's, and how much of it.
    pub fn gpu_holders(&self) -> impl Iterator<Item = (H, usize, Amount)> {
        self.devices.holders()
    }

    /// The first thing that a request is short of at this moment.
    fn shortage(&self, asked: &Resources) -> Option<Shortage> {
        let shortage = asked.first_shortage(&self.front.spare);
        let gpus = asked.get(GPUS);
        if shortage.is_some() || gpus == Amount::ZERO || self.devices.have(gpus) {
            return shortage;
        }
        Some(Shortage { name: GPUS.into(), asked: gpus, has: self.devices.largest() })
    }

    fn grant(&mut self, actor: H, asked: Resources) {
        let less = |from: &Resources| from.checked_sub(&asked).expect("granted what fits");
        self.free = less(&self.free);
        self.front.spare = less(&self.front.spare);
        self.devices.take(actor, asked.get(GPUS));
        self.held.insert(actor, asked);
    }

    fn leave(&mut self, ticket: u64) -> Waiting<H> {
        let waiting = self.waiting.remove(&ticket).expect("every ticket is one who waits");
        self.tickets.remove(&waiting.actor);
        let line = line_of(&waiting.asked);
        let tickets = self.lines.get_mut(&line).expect("everyone who waits stands in a line");
        tickets.remove(&ticket);
        if tickets.is_empty() {
            self.lines.remove(&line);
        }
        waiting
    }

    /// Grants what can be granted and finds anew who is first in line: each
    /// turn of the loop grants a request or closes a resource.
    fn settle(&mut self) -> Vec<H> {
        self.front = Front { spare: self.free.clone(), first_in_line: Vec::new() };
        let mut granted = Vec::new();
        while let Some(ticket) = self.next_in_open_lines() {
            let Waiting { actor, asked } = &self.waiting[&ticket];
            if let Some(shortage) = self.shortage(asked) {
                self.front.close(ticket, *actor, asked, shortage);
            } else {
                granted.push(*actor);
                let Waiting { actor, asked } = self.leave(ticket);
                self.grant(actor, asked);
            }
        }
        granted
    }

    /// The earliest of those who stand behind nobody.
    fn next_in_open_lines(&self) -> Option<u64> {
        let open =
            self.lines.iter().filter(|(names, _)| !names.iter().any(|n| self.front.closed(n)));
        open.filter_map(|(_, tickets)| tickets.first().copied()).min()
    }

    fn reason(&self, ticket: u64, waiting: &Waiting<H>) -> String {
        let first = self.front.first_in_line.iter();
        if let Some(First { shortage, .. }) = first.clone().find(|first| first.ticket == ticket) {
            let (asked, has) = shortage.shown();
            let total = shown(&shortage.name, self.total.get(&shortage.name));
            return format!("waits for {asked} ({has} of {total} available)");
        }
        let behind = |first: &First<H>| {
            let name = waiting.asked.names().find(|name| first.short_of.contains(name))?;
            Some(format!("waits for {name} behind {}", first.actor))
        };
        first.clone().find_map(behind).expect("who waits is first in line or behind one who is")
    }
}

impl<H: Copy> Front<H> {
    /// Whether it waits for its turn, and not for numbers. What is closed has
    /// nothing to spare, so such a request never fits.
    fn stands_behind(&self, asked: &Resources) -> bool {
        asked.names().any(|name| self.closed(name))
    }

    /// Whether somebody first in line is short of it.
    fn closed(&self, name: &Arc<str>) -> bool {
        self.first_in_line.iter().any(|first| first.short_of.contains(name))
    }

    /// Puts a request that does not fit, and stands behind nobody, first in
    /// line for what it is short of, and keeps what it asks for.
    fn close(&mut self, ticket: u64, actor: H, asked: &Resources, shortage: Shortage) {
        // GPUs may be there, and none of them with enough room.
        let short =
            |name: &&Arc<str>| asked.get(name) > self.spare.get(name) || ***name == *shortage.name;
        let short_of = asked.names().filter(short).cloned().collect();
        self.first_in_line.push(First { ticket, actor, short_of, shortage });
        self.spare = self.spare.saturating_sub(asked);
    }
}

fn line_of(asked: &Resources) -> Vec<Arc<str>> {
    asked.names().cloned().collect()
}
