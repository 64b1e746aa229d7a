//! Which bundle goes where.

use std::cmp::Reverse;
use std::fmt;

use crate::id::NodeId;
use crate::placement::{Decision, NodeView, Reason, Request, decide};
use crate::resources::Resources;

/// How bundles lie to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupStrategy {
    /// On few nodes.
    Pack,
    /// On many nodes.
    Spread,
    /// On one node.
    StrictPack,
    /// Each on a node of its own.
    StrictSpread,
}

impl fmt::Display for GroupStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GroupStrategy::Pack => "pack",
            GroupStrategy::Spread => "spread",
            GroupStrategy::StrictPack => "strict-pack",
            GroupStrategy::StrictSpread => "strict-spread",
        })
    }
}

/// Where the bundles go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Plan {
    /// Each bundle's node.
    Place(Vec<NodeId>),
    /// Nowhere yet.
    Wait(Vec<Reason>),
    /// Nowhere, unless nodes join.
    Never(Vec<Reason>),
}

/// Picks nodes for all bundles, by a view that may be old. Pure, and the same
/// for the same view in any order. The strict strategies find a way if there
/// is one; the others go from the largest bundle to the smallest and may miss
/// a way that only just fits.
pub fn plan(bundles: &[Resources], strategy: GroupStrategy, nodes: &[NodeView]) -> Plan {
    let mut nodes = nodes.to_vec();
    nodes.retain(|node| !node.draining);
    nodes.sort_by_key(|node| node.id);
    let reasons = match attempt(bundles, strategy, &nodes) {
        Ok(chosen) => return Plan::Place(chosen),
        Err(reasons) => reasons,
    };
    for node in &mut nodes {
        node.free = node.total.clone();
    }
    match attempt(bundles, strategy, &nodes) {
        Ok(_) => Plan::Wait(reasons),
        Err(reasons) => Plan::Never(reasons),
    }
}

fn attempt(
    bundles: &[Resources],
    strategy: GroupStrategy,
    nodes: &[NodeView],
) -> Result<Vec<NodeId>, Vec<Reason>> {
    match strategy {
        GroupStrategy::StrictPack => on_one(bundles, nodes),
        GroupStrategy::StrictSpread => on_different(bundles, nodes),
        GroupStrategy::Pack => {
            on_one(bundles, nodes).or_else(|_| one_by_one(bundles, nodes, Prefer::Used))
        }
        GroupStrategy::Spread => {
            on_different(bundles, nodes).or_else(|_| one_by_one(bundles, nodes, Prefer::Unused))
        }
    }
}

fn on_one(bundles: &[Resources], nodes: &[NodeView]) -> Result<Vec<NodeId>, Vec<Reason>> {
    let sum = bundles.iter().fold(Resources::default(), |sum, bundle| sum.add(bundle));
    match decide(&Request::of(sum), nodes) {
        Decision::Place(node) => Ok(vec![node; bundles.len()]),
        Decision::Wait(reasons) | Decision::Never(reasons) => Err(reasons),
    }
}

/// A matching of bundles with nodes: each bundle in turn takes a node, and
/// whoever had it looks for another.
fn on_different(bundles: &[Resources], nodes: &[NodeView]) -> Result<Vec<NodeId>, Vec<Reason>> {
    let mut holder: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut placed = 0;
    for bundle in 0..bundles.len() {
        let mut seen = vec![false; nodes.len()];
        if take(bundle, bundles, nodes, &mut holder, &mut seen) {
            placed += 1;
        }
    }
    if placed < bundles.len() {
        return Err(vec![Reason::TooFewNodes { bundles: bundles.len(), placed }]);
    }
    let mut chosen = vec![NodeId(0); bundles.len()];
    for (node, bundle) in nodes.iter().zip(holder) {
        if let Some(bundle) = bundle {
            chosen[bundle] = node.id;
        }
    }
    Ok(chosen)
}

/// One step of the matching. Nested as deep as there are nodes at most, and
/// those are at most as many as bundles before it.
fn take(
    bundle: usize,
    bundles: &[Resources],
    nodes: &[NodeView],
    holder: &mut [Option<usize>],
    seen: &mut [bool],
) -> bool {
    for at in 0..nodes.len() {
        if seen[at] || !bundles[bundle].fits(&nodes[at].free) {
            continue;
        }
        seen[at] = true;
        let free = match holder[at] {
            None => true,
            Some(other) => take(other, bundles, nodes, holder, seen),
        };
        if free {
            holder[at] = Some(bundle);
            return true;
        }
    }
    false
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Prefer {
    Used,
    Unused,
}

/// The largest first, each on the node that has the most or the fewest
/// bundles already and still has room.
fn one_by_one(
    bundles: &[Resources],
    nodes: &[NodeView],
    prefer: Prefer,
) -> Result<Vec<NodeId>, Vec<Reason>> {
    let mut nodes = nodes.to_vec();
    let mut used: Vec<u32> = vec![0; nodes.len()];
    let mut order: Vec<usize> = (0..bundles.len()).collect();
    order.sort_by_key(|at| Reverse(size(&bundles[*at], &nodes)));
    let mut chosen = vec![NodeId(0); bundles.len()];
    for bundle in order {
        let fits = (0..nodes.len()).filter(|at| bundles[bundle].fits(&nodes[*at].free));
        let best = fits.min_by_key(|at| match prefer {
            Prefer::Used => (u32::MAX - used[*at], nodes[*at].id),
            Prefer::Unused => (used[*at], nodes[*at].id),
        });
        let Some(at) = best else {
            return Err(match decide(&Request::of(bundles[bundle].clone()), &nodes) {
                Decision::Wait(reasons) | Decision::Never(reasons) => reasons,
                Decision::Place(_) => vec![Reason::NoRoomBeside { bundle }],
            });
        };
        nodes[at].free = nodes[at].free.saturating_sub(&bundles[bundle]);
        used[at] += 1;
        chosen[bundle] = nodes[at].id;
    }
    Ok(chosen)
}

/// The largest share of any node's resource that it takes.
fn size(bundle: &Resources, nodes: &[NodeView]) -> u64 {
    let largest = |name: &str| nodes.iter().map(|node| node.total.get(name)).max();
    let shares = bundle.iter().filter_map(|(name, asked)| Some(asked.share_of(largest(name)?)));
    shares.max().unwrap_or(0)
}
