//! What is promised, and whether it was kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use host_core::control::{ActorState, Key, Store, Value};
use host_core::lending::Item;
use host_core::resources::Resources;
use host_core::spec::Tries;
use host_core::{ActorId, CallId, NodeId};

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
    /// What runs where.
    running: BTreeMap<(NodeId, ActorId), Resources>,
    /// Actors that were acknowledged as recorded.
    recorded: BTreeSet<ActorId>,
    /// Actors whose end was acknowledged.
    ended: BTreeSet<ActorId>,
    pub(crate) counts: Counts,
}

/// How much happened.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    /// Calls that were submitted.
    pub calls: u64,
    /// Calls that have a value.
    pub ran: u64,
    /// Further runs of calls with retries.
    pub reruns: u64,
    /// Lives after the first.
    pub restarts: u64,
    /// Refs that were passed between nodes.
    pub refs: u64,
    /// Steps of the simulation.
    pub steps: u64,
    /// Transactions that wrote to the control store.
    pub writes: u64,
}

impl Counts {
    /// Counts those of another run too.
    pub fn add(&mut self, other: Counts) {
        let Counts { calls, ran, reruns, restarts, refs, steps, writes } = other;
        self.calls += calls;
        self.ran += ran;
        self.reruns += reruns;
        self.restarts += restarts;
        self.refs += refs;
        self.steps += steps;
        self.writes += writes;
    }
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
        self.counts.calls += 1;
        self.calls.insert(id, Seen { retries, runs: 0, settled: false });
    }

    pub(crate) fn settled(&mut self, id: CallId, ok: bool) {
        self.counts.ran += u64::from(ok);
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
            self.counts.reruns += 1;
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
        if runs == 1 && id.seq < before {
            let seen = format!("{id} of {caller} to {target} ran after c{before}");
            self.broken(Promise::Order, seen);
        }
        let newest = self.lives.get(&target).copied().unwrap_or(0);
        if life.is_some_and(|life| life < newest) && !self.relaxed {
            let seen = format!("{id} ran in life {life:?} of {target} after {newest} was started");
            self.broken(Promise::OneLife, seen);
        }
    }

    pub(crate) fn started(
        &mut self,
        node: NodeId,
        actor: ActorId,
        life: u32,
        resources: &Resources,
        total: &Resources,
    ) {
        if life > 0 {
            self.counts.restarts += 1;
            let newest = self.lives.insert(actor, life).unwrap_or(0);
            if newest >= life {
                let seen = format!("{actor} was started in life {life} after {newest}");
                self.broken(Promise::OneLife, seen);
            }
        }
        if self.ended.contains(&actor) {
            self.broken(Promise::Records, format!("{actor} was started after its end"));
        }
        self.running.insert((node, actor), resources.clone());
        let here = self.running.range(on(node)).map(|(_, resources)| resources);
        let sum = here.fold(Resources::default(), |sum, resources| sum.add(resources));
        if !sum.fits(total) {
            self.broken(Promise::Room, format!("{node} runs {sum} and has {total}"));
        }
    }

    pub(crate) fn stopped(&mut self, node: NodeId, actor: ActorId) {
        self.running.remove(&(node, actor));
    }

    pub(crate) fn node_over(&mut self, node: NodeId) {
        self.running.retain(|(on, _), _| *on != node);
        self.caller_gone(node);
    }

    pub(crate) fn recorded(&mut self, actor: ActorId) {
        self.recorded.insert(actor);
    }

    pub(crate) fn end_recorded(&mut self, actor: ActorId) {
        self.ended.insert(actor);
    }

    pub(crate) fn lost(&mut self, item: Item, holder_gone: bool) {
        if !holder_gone {
            self.broken(Promise::Held, format!("{item:?} was lost"));
        }
    }

    /// Whether the store still has what was acknowledged.
    pub(crate) fn check_records(&mut self, store: &Store) {
        let mut broken = Vec::new();
        for actor in &self.recorded {
            let record = match store.get(&Key::Actor(*actor)).map(|entry| &entry.value) {
                Some(Value::Actor(record)) => record,
                _ => {
                    broken.push(format!("the record of {actor} is gone"));
                    continue;
                }
            };
            let dead = matches!(record.state, ActorState::Dead { .. });
            if self.ended.contains(actor) && !dead {
                broken.push(format!("{actor} lives after its end"));
            }
            if let (false, Some((namespace, name))) = (dead, record.name.clone()) {
                let text = name.clone();
                let holder = store.get(&Key::Name { namespace, name }).map(|entry| &entry.value);
                if holder != Some(&Value::Name(*actor)) {
                    broken.push(format!("name {text} of {actor} is {holder:?}"));
                }
            }
        }
        broken.into_iter().for_each(|seen| self.broken(Promise::Records, seen));
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

fn on(node: NodeId) -> std::ops::RangeInclusive<(NodeId, ActorId)> {
    let least = ActorId { node: NodeId(0), seq: 0 };
    let most = ActorId { node: NodeId(u32::MAX), seq: u64::MAX };
    (node, least)..=(node, most)
}
