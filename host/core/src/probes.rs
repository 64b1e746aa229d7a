//! Call cycles that go across nodes.
//!
//! [`crate::waits`] refuses a cycle that lies on one node. A wait for
//! something on another node is followed by *probes*: when it has lasted
//! [`limits::PROBE_AFTER`], a probe goes to that node, from there along
//! whatever its target waits for, and so on. One that comes back to the wait
//! it began with has seen a cycle, but not all of it at one moment: a wait may
//! have ended behind it. So it goes round once more and looks whether each
//! wait, by its number, is still the same. If it is, all of them were there at
//! the moment when the second round began, and none can end by itself.
//!
//! All members of a cycle see it; the one whose wait has the highest number on
//! the highest node is told, so that one call fails and not all.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::id::NodeId;
use crate::limits;
use crate::waits::{Waiter, Waits};

/// One wait of a path: who waits, where, and the wait's number there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hop {
    /// The node of the waiter.
    pub node: NodeId,
    /// The number of the wait on that node; never used again there.
    pub wait: u64,
    /// Who waits.
    pub waiter: Waiter,
}

/// What nodes say to each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// These wait for each other in turn, and the last for `target` at you.
    Probe {
        /// From the wait it began with; never empty.
        path: Vec<Hop>,
        /// What the last of them waits for.
        target: Waiter,
    },
    /// These wait for each other in a circle, if each still waits: look at
    /// those at you, from `next` on, and pass it on.
    Confirm {
        /// The whole circle.
        path: Vec<Hop>,
        /// The first that was not looked at.
        next: usize,
    },
    /// These do wait in a circle, and the wait that is to fail is at you.
    Cycle(Vec<Hop>),
}

/// What happens to a node's waits.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time has passed; to be given at [`Probes::wake_at`].
    Tick,
    /// A wait with that number began, for something on another node. It is
    /// in [`Waits`] already.
    Began(Waiter, u64, Waiter, NodeId),
    /// A wait that began so is over.
    Ended(u64),
    /// A node sent a message.
    Received(Message),
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Send a message; one that is lost is made up for.
    Send(NodeId, Message),
    /// The wait with that number would never end: these wait for each other.
    Cycle(u64, Vec<Hop>),
}

/// One node's waits for things on other nodes.
#[derive(Clone, Debug)]
pub struct Probes {
    local: NodeId,
    remote: BTreeMap<u64, Remote>,
    due: BTreeSet<(Duration, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Remote {
    waiter: Waiter,
    target: Waiter,
    node: NodeId,
    /// The time until the next probe, doubled with each.
    delay: Duration,
}

impl Probes {
    /// A node where nobody waits.
    pub fn new(local: NodeId) -> Probes {
        Probes { local, remote: BTreeMap::new(), due: BTreeSet::new() }
    }

    /// Takes an event at `now`, with the waits of this node as they are, and
    /// appends what is to be done.
    pub fn handle(
        &mut self,
        now: Duration,
        event: Event,
        waits: &Waits,
        effects: &mut Vec<Effect>,
    ) {
        match event {
            Event::Tick => self.tick(now, effects),
            Event::Began(waiter, number, target, node) => {
                let delay = limits::PROBE_AFTER;
                self.remote.insert(number, Remote { waiter, target, node, delay });
                self.due.insert((now.saturating_add(delay), number));
            }
            Event::Ended(number) => drop(self.remote.remove(&number)),
            Event::Received(Message::Probe { path, target }) => {
                self.probed(path, target, waits, effects);
            }
            Event::Received(Message::Confirm { path, next }) => {
                self.confirm(path, next, waits, effects);
            }
            Event::Received(Message::Cycle(path)) => self.report(path, waits, effects),
        }
    }

    /// When [`Event::Tick`] is due.
    pub fn wake_at(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        while let Some((at, number)) = self.due.first().copied() {
            if at > now {
                return;
            }
            self.due.pop_first();
            let Some(remote) = self.remote.get_mut(&number) else { continue };
            remote.delay = (remote.delay * 2).min(limits::PROBE_INTERVAL_MAX);
            self.due.insert((now.saturating_add(remote.delay), number));
            let hop = Hop { node: self.local, wait: number, waiter: remote.waiter };
            let probe = Message::Probe { path: vec![hop], target: remote.target };
            effects.push(Effect::Send(remote.node, probe));
        }
    }

    /// A probe for `target`: it goes on along everything that waits for it
    /// here, and out along what waits for other nodes.
    fn probed(&mut self, path: Vec<Hop>, target: Waiter, waits: &Waits, effects: &mut Vec<Effect>) {
        let began = path[0];
        let mut sent = 0;
        let mut seen = BTreeSet::from([target]);
        let mut to_visit = vec![(target, path)];
        while let Some((waiter, path)) = to_visit.pop() {
            if began.node == self.local && began.waiter == waiter {
                self.confirm(path, 0, waits, effects);
                continue;
            }
            for (number, on) in waits.of(waiter) {
                if path.len() >= limits::PROBE_PATH || sent >= limits::PROBE_FANOUT {
                    return;
                }
                let mut path = path.clone();
                path.push(Hop { node: self.local, wait: number, waiter });
                if let Some(remote) = self.remote.get(&number) {
                    sent += 1;
                    let probe = Message::Probe { path, target: remote.target };
                    effects.push(Effect::Send(remote.node, probe));
                    continue;
                }
                for next in on.iter().filter(|next| seen.insert(**next)) {
                    to_visit.push((*next, path.clone()));
                }
            }
        }
    }

    /// Looks at the waits of this node; the first that has ended ends it all.
    fn confirm(
        &mut self,
        path: Vec<Hop>,
        mut next: usize,
        waits: &Waits,
        effects: &mut Vec<Effect>,
    ) {
        while let Some(hop) = path.get(next) {
            if hop.node != self.local {
                effects.push(Effect::Send(hop.node, Message::Confirm { path, next }));
                return;
            }
            if !waits.waits(hop.waiter, hop.wait) {
                return;
            }
            next += 1;
        }
        let Some(victim) = victim(&path) else { return };
        if victim.node == self.local {
            self.report(path, waits, effects);
        } else {
            effects.push(Effect::Send(victim.node, Message::Cycle(path)));
        }
    }

    fn report(&mut self, path: Vec<Hop>, waits: &Waits, effects: &mut Vec<Effect>) {
        let Some(victim) = victim(&path) else { return };
        if victim.node == self.local && waits.waits(victim.waiter, victim.wait) {
            effects.push(Effect::Cycle(victim.wait, path));
        }
    }
}

/// The wait of a circle that is to fail: every member finds the same.
fn victim(path: &[Hop]) -> Option<Hop> {
    path.iter().max().copied()
}
