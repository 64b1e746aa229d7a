//! What is promised, and whether it was kept.

mod cycles;
mod places;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use host_core::control::Store;
use host_core::lending::Item;
use host_core::spec::Tries;
use host_core::{ActorId, CallId, NodeId};

use crate::counts::{Counts, Fact};

use cycles::Cycles;
use places::Places;
use records::Records;

/// A promise that was broken, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which promise.
    pub promise: Promise,
    /// What was seen.
    pub seen: String,
}

/// A promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Promise {
    /// At most one life of an actor takes calls.
    OneLife,
    /// A call runs at most once, and once more for each retry.
    AtMostOnce,
    /// Calls of one caller to one target run in order.
    Order,
    /// Every call has exactly one result.
    OneResult,
    /// What was acknowledged stays recorded, and a name has one holder.
    Records,
    /// What runs on a node has room there.
    Room,
    /// What is held is not lost while its owner lives.
    Held,
    /// What nobody holds is freed.
    Leak,
    /// Who waits for each other in a circle is told in time, and nobody else.
    Cycles,
    /// The bundles of a group are all there or none, as its strategy says.
    Groups,
    /// What runs on a node may run there.
    Conditions,
}

/// What happened in a run, as far as promises go.
#[derive(Clone, Default, Debug)]
pub(crate) struct Oracle {
    pub(crate) violations: Vec<Violation>,
    /// Leases may be lost before their time: two lives may overlap for a while.
    relaxed: bool,
    calls: BTreeMap<CallId, Seen>,
    /// The last call that ran, of each pair; a caller that moves begins anew.
    last: BTreeMap<(ActorId, ActorId, NodeId), u64>,
    /// The highest life that was started.
    lives: BTreeMap<ActorId, u32>,
    /// Nodes that crashed or have no lease any more.
    over: BTreeSet<NodeId>,
    records: Records,
    places: Places,
    cycles: Cycles,
    /// The time of the step.
    pub(crate) now: Duration,
    /// Since when no fault is, or has just been; it may lie ahead.
    pub(crate) well_since: Duration,
    pub(crate) counts: Counts,
}

#[derive(Clone, Debug)]
struct Seen {
    retries: Tries,
    runs: u32,
    settled: bool,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.seen)
    }
}

impl Oracle {
    pub(crate) fn new(relaxed: bool) -> Oracle {
        Oracle { relaxed, ..Oracle::default() }
    }

    pub(crate) fn broken(&mut self, promise: Promise, seen: String) {
        self.violations.push(Violation { promise, seen });
    }

    pub(crate) fn submitted(&mut self, id: CallId, retries: Tries) {
        self.counts[Fact::Calls] += 1;
        self.calls.insert(id, Seen { retries, runs: 0, settled: false });
    }

    pub(crate) fn settled(&mut self, id: CallId, ok: bool) {
        self.counts[Fact::Ran] += u64::from(ok);
        let Some(seen) = self.calls.get_mut(&id) else { return };
        let (again, unseen) = (seen.settled, ok && seen.runs == 0);
        seen.settled = true;
        if again {
            self.broken(Promise::OneResult, format!("{id} was settled twice"));
        }
        if unseen {
            self.broken(Promise::OneResult, format!("{id} has a value and never ran"));
        }
    }

    /// The caller went with its node: nobody waits for the result.
    pub(crate) fn caller_gone(&mut self, node: NodeId) {
        for (_, seen) in self.calls.iter_mut().filter(|(id, _)| id.node == node) {
            seen.settled = true;
        }
    }

    /// A call begins to run in a life of its target; none if it cannot move.
    pub(crate) fn begun(
        &mut self,
        id: CallId,
        caller: ActorId,
        target: ActorId,
        life: Option<u32>,
    ) {
        let Some(seen) = self.calls.get_mut(&id) else { return };
        seen.runs += 1;
        let (runs, retries) = (seen.runs, seen.retries);
        if runs > 1 {
            self.counts[Fact::Reruns] += 1;
        }
        if runs > 1 && !retries.allow(runs - 2) {
            self.broken(
                Promise::AtMostOnce,
                format!("{id} ran {runs} times with {retries:?} retries"),
            );
        }
        let last = self.last.entry((caller, target, id.node)).or_default();
        let before = *last;
        *last = before.max(id.seq);
        let newest = self.lives.get(&target).copied().unwrap_or(0);
        let outlived = life.is_some_and(|life| life < newest);
        if runs == 1 && id.seq < before && !(outlived && self.relaxed) {
            let seen = format!("{id} of {caller} to {target} ran after c{before}");
            self.broken(Promise::Order, seen);
        }
        if outlived && !self.relaxed {
            let seen = format!("{id} ran in life {life:?} of {target} after {newest} was started");
            self.broken(Promise::OneLife, seen);
        }
    }

    pub(crate) fn started(&mut self, actor: ActorId, life: u32) {
        if life > 0 {
            self.counts[Fact::Restarts] += 1;
            let newest = self.lives.insert(actor, life).unwrap_or(0);
            if newest >= life {
                let seen = format!("{actor} was started in life {life} after {newest}");
                self.broken(Promise::OneLife, seen);
            }
        }
        if self.has_ended(actor) {
            self.broken(Promise::Records, format!("{actor} was started after its end"));
        }
    }

    pub(crate) fn node_over(&mut self, node: NodeId) {
        self.over.insert(node);
        self.places_of_node_over(node);
        self.waits_of_node_over(node);
        self.caller_gone(node);
    }

    /// What has to hold after every step.
    pub(crate) fn check_step(&mut self, store: &Store) {
        self.check_touched(store);
        self.check_cycles();
    }

    pub(crate) fn lost(&mut self, item: Item, holder_gone: bool) {
        if !holder_gone {
            self.broken(Promise::Held, format!("{item:?} was lost"));
        }
    }

    /// What has to hold when faults have ended and time has passed.
    pub(crate) fn check_end(&mut self) {
        let open = self.calls.iter().filter(|(_, seen)| !seen.settled);
        let open: Vec<String> = open.map(|(id, _)| id.to_string()).collect();
        if !open.is_empty() {
            let seen = format!("{} calls have no result: {}", open.len(), open[0]);
            self.broken(Promise::OneResult, seen);
        }
    }
}
