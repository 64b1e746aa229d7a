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
        /// What the last of them waits for: a call at you, by the object it
        /// makes.
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
    /// A wait with that number is, among others, for something on another
    /// node. It is in [`Waits`] already. Said again when the thing is to be
    /// found on yet another node.
    Began(Waiter, u64, Waiter, NodeId),
    /// A wait that began so is over.
    Ended(u64),
    /// A node sent a message.
    Received(Message),
    /// A node sent a probe for a call that is here and not over: these have to
    /// go on before it is. Said instead of `Received`, since only who has the
    /// call knows; of one that is over, or not here yet, nothing is said.
    Probed(Vec<Hop>, Vec<Waiter>),
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
    /// By the number of the wait.
    remote: BTreeMap<u64, Remote>,
    due: BTreeSet<(Duration, u64)>,
    /// By the wait that a probe began with and the wait here that it went on
    /// along: when. Ways that meet are not followed twice: there can be
    /// exponentially many.
    passed: BTreeMap<(Hop, u64), Duration>,
}

#[derive(Clone, Debug)]
struct Remote {
    waiter: Waiter,
    /// What it waits for on other nodes, and where that is.
    targets: BTreeMap<Waiter, NodeId>,
    /// The time until the next probe, doubled with each.
    delay: Duration,
}

impl Probes {
    /// A node where nobody waits.
    pub fn new(local: NodeId) -> Probes {
        let (remote, due) = (BTreeMap::new(), BTreeSet::new());
        Probes { local, remote, due, passed: BTreeMap::new() }
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
                self.began(now, waiter, number).targets.insert(target, node);
            }
            Event::Ended(number) => drop(self.remote.remove(&number)),
            Event::Received(Message::Probe { path, target }) => {
                self.probed(now, &path, &[target], waits, effects);
            }
            Event::Probed(path, targets) => self.probed(now, &path, &targets, waits, effects),
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

    fn began(&mut self, now: Duration, waiter: Waiter, number: u64) -> &mut Remote {
        let due = &mut self.due;
        self.remote.entry(number).or_insert_with(|| {
            let delay = limits::PROBE_AFTER;
            due.insert((now.saturating_add(delay), number));
            Remote { waiter, targets: BTreeMap::new(), delay }
        })
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
            for (target, node) in remote.targets.iter().take(limits::PROBE_FANOUT) {
                let probe = Message::Probe { path: vec![hop], target: *target };
                effects.push(Effect::Send(*node, probe));
            }
        }
    }

    /// A probe for what these hold up: it goes on along everything that waits
    /// for it here, and out along what waits for other nodes.
    fn probed(
        &mut self,
        now: Duration,
        path: &[Hop],
        targets: &[Waiter],
        waits: &Waits,
        effects: &mut Vec<Effect>,
    ) {
        let Some(began) = path.first().copied() else { return };
        let mut sent = 0;
        let mut seen: BTreeSet<Waiter> = targets.iter().copied().collect();
        let mut to_visit: Vec<_> = seen.iter().map(|target| (*target, path.to_vec())).collect();
        while let Some((waiter, path)) = to_visit.pop() {
            if began.node == self.local && began.waiter == waiter {
                self.confirm(path, 0, waits, effects);
                continue;
            }
            for (number, on) in waits.of(waiter) {
                if path.len() >= limits::PROBE_PATH || !self.passes(now, began, number) {
                    continue;
                }
                let mut path = path.clone();
                path.push(Hop { node: self.local, wait: number, waiter });
                let remote = self.remote.get(&number);
                for (target, node) in remote.iter().flat_map(|remote| &remote.targets) {
                    if sent >= limits::PROBE_FANOUT {
                        return;
                    }
                    sent += 1;
                    let probe = Message::Probe { path: path.clone(), target: *target };
                    effects.push(Effect::Send(*node, probe));
                }
                for next in on.iter().filter(|next| seen.insert(**next)) {
                    to_visit.push((*next, path.clone()));
                }
            }
        }
    }

    /// Whether a probe may go on along a wait: not if one that began with the
    /// same wait has just done so.
    fn passes(&mut self, now: Duration, began: Hop, number: u64) -> bool {
        let recent = |at: &Duration| now < at.saturating_add(limits::PROBE_AFTER / 2);
        if self.passed.len() >= limits::PROBES_PASSED {
            self.passed.retain(|_, at| recent(at));
        }
        let before = self.passed.get(&(began, number));
        if before.is_some_and(recent) || self.passed.len() >= limits::PROBES_PASSED {
            return false;
        }
        self.passed.insert((began, number), now);
        true
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
