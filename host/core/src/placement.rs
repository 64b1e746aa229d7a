//! Where an actor goes, and why it cannot.
//!
//! Two rules that do not know each other: [`decide`] picks a node by a view
//! of the cluster that may be old, and the [`Ledger`] of the node picked
//! grants what it really has. Neither starts or moves anything.

mod ledger;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::id::NodeId;
use crate::limits;
use crate::resources::{Amount, Resources, Shortage, shown};

pub use ledger::{Ledger, Reserve};

/// A node is packed up to this part of its fullest resource, in
/// ten-thousandths, before the next is begun; past it, actors are spread
/// (Ray's default strategy and threshold).
const PACKED_SHARE: u64 = 5_000;

/// The resource whose nodes are left to those who ask for it.
const GPUS: &str = "gpus";

/// A node as the one who places sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeView {
    /// Which.
    pub id: NodeId,
    /// How people know it.
    pub name: String,
    /// What it has when nothing runs on it.
    pub total: Resources,
    /// What of that is not reserved.
    pub free: Resources,
}

/// What an actor asks of the node it will live on.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Request {
    /// To be reserved for it.
    pub resources: Resources,
}

/// Where an actor goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// To this node.
    Place(NodeId),
    /// Nowhere yet: the nodes that could hold it are too full.
    Wait(Vec<Reason>),
    /// Nowhere, however long it waits, unless nodes join.
    Never(Vec<Reason>),
}

/// One thing that stands in an actor's way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// There is no node at all.
    NoNodes,
    /// No node has so much of this; `has` is the most that one has.
    Nowhere(Shortage),
    /// This node has too little in all.
    TooSmall {
        /// The node's name.
        node: String,
        /// Of what, and how much it has in all.
        shortage: Shortage,
    },
    /// This node has too little free.
    Busy {
        /// The node's name.
        node: String,
        /// Of what, and how much is free.
        shortage: Shortage,
        /// How much of it the node has in all.
        total: Amount,
    },
}

/// How good a node is, the least first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// It has GPUs and they are not asked for.
    wastes_gpus: bool,
    /// The share of its fullest resource with the actor on it; 0 while it is
    /// to be packed.
    crowding: u64,
    /// So that the same view gives the same answer.
    id: NodeId,
}

/// Picks a node for the request. A pure function: the same view in any order
/// gives the same answer.
///
/// Of the nodes that have enough free, those without GPUs come first unless
/// GPUs are asked for; then those that stay at most half full, by id, so that
/// one is packed before the next is begun; then the least full. A request
/// for nothing says nothing about where to go, and counts like any other:
/// whoever wants it nearby need not ask.
pub fn decide(request: &Request, nodes: &[NodeView]) -> Decision {
    let asked = &request.resources;
    let best =
        nodes.iter().filter(|node| asked.fits(&node.free)).min_by_key(|node| rank(asked, node));
    if let Some(node) = best {
        return Decision::Place(node.id);
    }
    let busy: Vec<Reason> = nodes
        .iter()
        .filter(|node| asked.fits(&node.total))
        .filter_map(|node| busy(asked, node))
        .collect();
    if busy.is_empty() { Decision::Never(impossible(asked, nodes)) } else { Decision::Wait(busy) }
}

/// The decision in a sentence for people, naming things and numbers.
pub fn explain(request: &Request, decision: &Decision) -> String {
    match decision {
        Decision::Place(node) => format!("{} placed on {node}", request.resources),
        Decision::Wait(reasons) => format!("{} waits: {}", request.resources, listed(reasons)),
        Decision::Never(reasons) => listed(reasons),
    }
}

fn rank(asked: &Resources, node: &NodeView) -> Rank {
    let fullest = node.total.iter().map(|(name, total)| {
        let used = total.saturating_sub(node.free.get(name));
        used.saturating_add(asked.get(name)).share_of(total)
    });
    let crowding = fullest.max().filter(|share| *share > PACKED_SHARE).unwrap_or(0);
    let wastes_gpus = asked.get(GPUS) == Amount::ZERO && node.total.get(GPUS) != Amount::ZERO;
    Rank { wastes_gpus, crowding, id: node.id }
}

fn busy(asked: &Resources, node: &NodeView) -> Option<Reason> {
    let shortage = asked.first_shortage(&node.free)?;
    let total = node.total.get(&shortage.name);
    Some(Reason::Busy { node: node.name.clone(), shortage, total })
}

/// What no node has; or, if each thing is somewhere but not all in one place,
/// what each node lacks.
fn impossible(asked: &Resources, nodes: &[NodeView]) -> Vec<Reason> {
    if nodes.is_empty() {
        return vec![Reason::NoNodes];
    }
    let largest = |name: &str| nodes.iter().map(|node| node.total.get(name)).max();
    let nowhere: Vec<Reason> = asked
        .iter()
        .map(|(name, asked)| (name, asked, largest(name).unwrap_or_default()))
        .filter(|(_, asked, has)| asked > has)
        .map(|(name, asked, has)| Reason::Nowhere(Shortage { name: name.into(), asked, has }))
        .collect();
    if !nowhere.is_empty() {
        return nowhere;
    }
    let lacks = |node: &NodeView| {
        let shortage = asked.first_shortage(&node.total)?;
        Some(Reason::TooSmall { node: node.name.clone(), shortage })
    };
    nodes.iter().filter_map(lacks).collect()
}

fn listed(reasons: &[Reason]) -> String {
    let mut texts: Vec<String> =
        reasons.iter().take(limits::EXPLAINED_ITEMS).map(Reason::to_string).collect();
    if reasons.len() > texts.len() {
        texts.push(format!("and {} more", reasons.len() - texts.len()));
    }
    texts.join("; ")
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoNodes => f.write_str("there is no node"),
            Reason::Nowhere(shortage) => {
                let (asked, has) = shortage.shown();
                write!(f, "no node has {asked} (largest has {has})")
            }
            Reason::TooSmall { node, shortage } => {
                let (asked, has) = shortage.shown();
                write!(f, "{node} cannot hold {asked} (has {has})")
            }
            Reason::Busy { node, shortage, total } => {
                let (asked, free) = shortage.shown();
                let total = shown(&shortage.name, *total);
                write!(f, "{node} cannot hold {asked} now ({free} of {total} free)")
            }
        }
    }
}
