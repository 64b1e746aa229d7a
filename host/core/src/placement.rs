//! Where an actor goes, and why it cannot.
//!
//! Two rules that do not know each other: [`decide`] picks a node by a view
//! of the cluster that may be old, and the [`Ledger`] of the node picked
//! grants what it really has. Neither starts or moves anything. A [`group`]
//! places several things at once.

mod devices;
pub mod group;
mod labels;
mod ledger;
mod reason;
mod reservations;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::id::NodeId;
use crate::limits;
use crate::resources::{Amount, Resources, Shortage};

pub use devices::GPUS;
pub use labels::{Labels, Selector, Test};
pub use ledger::{Ledger, Reserve};
pub use reason::Reason;
pub use reservations::{Ends, Inside, Reservations};

/// A node is packed up to this part of its fullest resource, in
/// ten-thousandths, before the next is begun; past it, actors are spread
/// (Ray's default strategy and threshold).
const PACKED_SHARE: u64 = 5_000;

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
    /// What it is labelled with.
    pub labels: Labels,
    /// Actors on it, so that those that ask for nothing can be spread too.
    pub actors: u32,
    /// Whether it is about to leave: nothing more goes there.
    pub draining: bool,
}

/// What an actor asks of the node it will live on.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Request {
    /// To be reserved for it.
    pub resources: Resources,
    /// Which of several nodes.
    pub strategy: Strategy,
    /// What the node's labels must be.
    pub required: Vec<Selector>,
    /// What they should be, the most important first.
    pub preferred: Vec<Selector>,
}

/// Which of several nodes that would do. A node is named as people do it, by
/// its name or by an id such as `n2`: so that one that started again, under
/// its name, is still meant.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Strategy {
    /// Up to half full, the one with the lowest id; then the least full.
    #[default]
    Pack,
    /// The one with the fewest actors, then the least full.
    Spread,
    /// This one, or none.
    Only(Arc<str>),
    /// This one if it has room, else as with `Pack`.
    Rather(Arc<str>),
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

/// How good a node is, the least first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// It is not the one that was preferred.
    elsewhere: bool,
    /// By preferred selector: it does not match.
    unlike: Vec<bool>,
    /// It has GPUs and they are not asked for.
    wastes_gpus: bool,
    /// Actors on it, if they are to be spread.
    actors: u32,
    /// The share of its fullest resource with the actor on it; 0 while it is
    /// to be packed.
    crowding: u64,
    /// So that the same view gives the same answer.
    id: NodeId,
}

/// Picks a node for the request. A pure function: the same view in any order
/// gives the same answer.
///
/// Of the nodes that may be taken and have enough free, the preferred come
/// first; then those without GPUs, unless GPUs are asked for; then, packing,
/// those that stay at most half full, by id, so that one is packed before the
/// next is begun; then the least full. A request for nothing says nothing
/// about where to go, and counts like any other: whoever wants it nearby need
/// not ask.
pub fn decide(request: &Request, nodes: &[NodeView]) -> Decision {
    let asked = &request.resources;
    let open = || nodes.iter().filter(|node| request.admits(node));
    let best = open().filter(|node| asked.fits(&node.free)).min_by_key(|node| rank(request, node));
    if let Some(node) = best {
        return Decision::Place(node.id);
    }
    let busy: Vec<Reason> = open()
        .filter(|node| asked.fits(&node.total))
        .filter_map(|node| busy(asked, node))
        .collect();
    if busy.is_empty() { Decision::Never(impossible(request, nodes)) } else { Decision::Wait(busy) }
}

/// Of each node, why the request cannot go there now; none for one where it
/// can. For people, in the order of the view.
pub fn against_each(request: &Request, nodes: &[NodeView]) -> Vec<Reason> {
    let why = |node: &NodeView| against(request, node).or_else(|| busy(&request.resources, node));
    nodes.iter().filter_map(why).collect()
}

/// The decision in a sentence for people, naming things and numbers.
pub fn explain(request: &Request, decision: &Decision) -> String {
    match decision {
        Decision::Place(node) => format!("{} placed on {node}", request.resources),
        Decision::Wait(reasons) => format!("{} waits: {}", request.resources, listed(reasons)),
        Decision::Never(reasons) => listed(reasons),
    }
}

fn rank(request: &Request, node: &NodeView) -> Rank {
    let asked = &request.resources;
    let fullest = node.total.iter().map(|(name, total)| {
        let used = total.saturating_sub(node.free.get(name));
        used.saturating_add(asked.get(name)).share_of(total)
    });
    let fullest = fullest.max().unwrap_or(0);
    let spread = request.strategy == Strategy::Spread;
    Rank {
        elsewhere: matches!(&request.strategy, Strategy::Rather(wanted) if !node.is(wanted)),
        unlike: request.preferred.iter().map(|selector| !selector.matches(&node.labels)).collect(),
        wastes_gpus: asked.get(GPUS) == Amount::ZERO && node.total.get(GPUS) != Amount::ZERO,
        actors: if spread { node.actors } else { 0 },
        crowding: if spread || fullest > PACKED_SHARE { fullest } else { 0 },
        id: node.id,
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Strategy::Pack => f.write_str("pack"),
            Strategy::Spread => f.write_str("spread"),
            Strategy::Only(node) => write!(f, "on-node {node}"),
            Strategy::Rather(node) => write!(f, "near-node {node}"),
        }
    }
}

impl NodeView {
    /// Whether people mean this node: by its name, or by its id.
    pub fn is(&self, wanted: &str) -> bool {
        let id = || wanted.strip_prefix('n')?.parse().ok().map(NodeId);
        self.name == wanted || id() == Some(self.id)
    }
}

impl Request {
    /// Resources, and nothing else.
    pub fn of(resources: Resources) -> Request {
        Request { resources, ..Request::default() }
    }

    /// Whether it asks for nothing but room: then every node that does not
    /// drain may be taken.
    pub fn is_plain(&self) -> bool {
        self.strategy == Strategy::Pack && self.required.is_empty() && self.preferred.is_empty()
    }

    /// Whether the node may be taken, if it has room.
    pub fn admits(&self, node: &NodeView) -> bool {
        self.objection(node).is_none()
    }

    /// Why the node may not be taken, however much room it has.
    fn objection(&self, node: &NodeView) -> Option<Reason> {
        if let Strategy::Only(wanted) = &self.strategy
            && !node.is(wanted)
        {
            return Some(Reason::NotAsked { node: node.name.clone(), wanted: wanted.clone() });
        }
        if node.draining {
            return Some(Reason::Draining { node: node.name.clone() });
        }
        let unlike = |selector: &&Selector| !selector.matches(&node.labels);
        let selector = self.required.iter().find(unlike)?.clone();
        Some(Reason::Unlike { node: node.name.clone(), selector })
    }
}

fn busy(asked: &Resources, node: &NodeView) -> Option<Reason> {
    let shortage = asked.first_shortage(&node.free)?;
    let total = node.total.get(&shortage.name);
    Some(Reason::Busy { node: node.name.clone(), shortage, total })
}

/// What no node has; or, if each thing is somewhere but not all in one place,
/// what each node lacks.
fn impossible(request: &Request, nodes: &[NodeView]) -> Vec<Reason> {
    let asked = &request.resources;
    if nodes.is_empty() {
        return vec![Reason::NoNodes];
    }
    if let Strategy::Only(wanted) = &request.strategy {
        match nodes.iter().find(|node| node.is(wanted)) {
            None => return vec![Reason::NoSuchNode(wanted.clone())],
            Some(node) => return against(request, node).into_iter().collect(),
        }
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
    nodes.iter().filter_map(|node| against(request, node)).collect()
}

/// Why a node will never do.
fn against(request: &Request, node: &NodeView) -> Option<Reason> {
    if let Some(objection) = request.objection(node) {
        return Some(objection);
    }
    let shortage = request.resources.first_shortage(&node.total)?;
    Some(Reason::TooSmall { node: node.name.clone(), shortage })
}

fn listed(reasons: &[Reason]) -> String {
    let mut texts: Vec<String> =
        reasons.iter().take(limits::EXPLAINED_ITEMS).map(Reason::to_string).collect();
    if reasons.len() > texts.len() {
        texts.push(format!("and {} more", reasons.len() - texts.len()));
    }
    texts.join("; ")
}
