//! Who really waits for whom, seen from above.
//!
//! An edge goes from an actor to the one that it called and waits for, from
//! the time it waits until the call is over where it runs, or nobody waits any
//! more. Each actor of the model has one wait at a time, so a circle is found
//! by following it.

use std::collections::BTreeMap;
use std::time::Duration;

use host_core::probes::Hop;
use host_core::waits::Waiter;
use host_core::{ActorId, CallId, NodeId, limits};

use super::{Oracle, Promise};
use crate::counts::Fact;

/// A circle is told within this time, if the network is well.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// The waits of a run.
#[derive(Clone, Default, Debug)]
pub(super) struct Cycles {
    edges: BTreeMap<CallId, Edge>,
    by_number: BTreeMap<(NodeId, u64), CallId>,
    /// What each actor waits for now.
    of: BTreeMap<ActorId, CallId>,
    /// Circles that are closed and not told.
    closed: Vec<Closed>,
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    waiter: ActorId,
    target: ActorId,
    began: Duration,
    over: Option<Duration>,
    /// Nobody waits any more, even if the call is tried again.
    ended: bool,
}

#[derive(Clone, Debug)]
struct Closed {
    calls: Vec<CallId>,
    since: Duration,
}

impl Oracle {
    /// An actor waits for a call that it is about to make.
    pub(crate) fn wait_began(
        &mut self,
        call: CallId,
        number: u64,
        waiter: ActorId,
        target: ActorId,
    ) {
        self.counts[Fact::Waits] += 1;
        let cycles = &mut self.cycles;
        let edge = Edge { waiter, target, began: self.now, over: None, ended: false };
        cycles.edges.insert(call, edge);
        cycles.by_number.insert((call.node, number), call);
        cycles.of.insert(waiter, call);
        self.close_circle(call);
    }

    fn close_circle(&mut self, call: CallId) {
        if let Some(calls) = self.cycles.circle(call) {
            self.counts[Fact::CyclesClosed] += 1;
            self.cycles.closed.push(Closed { calls, since: self.now });
        }
    }

    /// Nobody waits for the call any more.
    pub(crate) fn wait_ended(&mut self, call: CallId) {
        self.wait_over(call);
        if let Some(edge) = self.cycles.edges.get_mut(&call) {
            edge.ended = true;
        }
    }

    /// The call is over where it ran.
    pub(crate) fn wait_over(&mut self, call: CallId) {
        let Some(edge) = self.cycles.edges.get_mut(&call) else { return };
        if edge.over.is_some() {
            return;
        }
        edge.over = Some(self.now);
        let waiter = edge.waiter;
        if self.cycles.of.get(&waiter) == Some(&call) {
            self.cycles.of.remove(&waiter);
        }
        self.cycles.closed.retain(|closed| !closed.calls.contains(&call));
    }

    /// A call that may be tried again was taken again, and is still waited for.
    pub(crate) fn wait_again(&mut self, call: CallId) {
        let Some(edge) = self.cycles.edges.get_mut(&call) else { return };
        if edge.ended || edge.over.is_none() || self.cycles.of.contains_key(&edge.waiter) {
            return;
        }
        edge.over = None;
        edge.began = self.now;
        self.cycles.of.insert(edge.waiter, call);
        self.close_circle(call);
    }

    /// What the node's actors waited for went with it.
    pub(super) fn waits_of_node_over(&mut self, node: NodeId) {
        let first = CallId { node, seq: 0 };
        let last = CallId { node, seq: u64::MAX };
        let here = self.cycles.edges.range(first..=last);
        let here: Vec<CallId> =
            here.filter(|(_, edge)| edge.over.is_none()).map(|(id, _)| *id).collect();
        here.into_iter().for_each(|call| self.wait_ended(call));
    }

    /// A circle was told by the machines.
    pub(crate) fn cycle_told(&mut self, path: &[Hop]) {
        self.counts[Fact::CyclesTold] += 1;
        let edges: Option<Vec<Edge>> = path
            .iter()
            .map(|hop| {
                let call = self.cycles.by_number.get(&(hop.node, hop.wait))?;
                self.cycles.edges.get(call).copied()
            })
            .collect();
        let Some(edges) = edges.filter(|edges| !edges.is_empty()) else {
            return self.broken(Promise::Cycles, format!("{path:?} names no waits"));
        };
        let next = edges.iter().cycle().skip(1);
        let joined = edges.iter().zip(next).all(|(edge, next)| edge.target == next.waiter);
        let last_began = edges.iter().map(|edge| edge.began).max();
        let first_over = edges.iter().filter_map(|edge| edge.over).min();
        let together = first_over.is_none_or(|over| Some(over) > last_began);
        if !joined || !together {
            self.broken(Promise::Cycles, format!("told of no cycle: {edges:?}"));
        }
    }

    /// A circle on one node was refused before it closed: the first of the path
    /// is also its last, and does not wait yet.
    pub(crate) fn cycle_refused(&mut self, path: &[Waiter]) {
        self.counts[Fact::CyclesTold] += 1;
        let waits_for = |pair: &[Waiter]| match pair {
            [Waiter::Actor(one), Waiter::Actor(other)] => {
                let call = self.cycles.of.get(one);
                call.is_some_and(|call| self.cycles.edges[call].target == *other)
            }
            _ => false,
        };
        if !path.windows(2).skip(1).all(waits_for) {
            self.broken(Promise::Cycles, format!("refused for no cycle: {path:?}"));
        }
    }

    /// Every circle is told in time.
    pub(super) fn check_cycles(&mut self) {
        if self.now < self.well_since {
            return;
        }
        let late = self.cycles.closed.iter().find(|closed| {
            // A probe that was lost is sent again, but not at once.
            let due = if closed.since >= self.well_since {
                closed.since + TOLD_WITHIN
            } else {
                self.well_since + limits::PROBE_INTERVAL_MAX + TOLD_WITHIN
            };
            self.now > due
        });
        if let Some(late) = late.cloned() {
            self.broken(Promise::Cycles, format!("not told: {late:?}"));
        }
    }
}

impl Cycles {
    /// The circle that the call closes, if it does.
    fn circle(&self, call: CallId) -> Option<Vec<CallId>> {
        let first = self.edges.get(&call)?.waiter;
        let mut calls = vec![call];
        let mut at = call;
        loop {
            let target = self.edges.get(&at)?.target;
            if target == first {
                return Some(calls);
            }
            at = *self.of.get(&target)?;
            if calls.contains(&at) {
                return None;
            }
            calls.push(at);
        }
    }
}
