//! What takes room where, and what was asked of the place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use host_core::control::{GroupRecord, Key, Prefix, Store, Value};
use host_core::placement::group::{GroupStrategy, Holder};
use host_core::placement::{Labels, Request, Strategy};
use host_core::resources::Resources;
use host_core::{ActorId, GroupId, NodeId};

use super::{Oracle, Promise};
use crate::counts::Fact;

/// A bundle on a node.
pub(crate) type BundleAt = (NodeId, GroupId, u32);

/// Who has which room.
#[derive(Clone, Default, Debug)]
pub(super) struct Places {
    /// On the node itself: actors in no bundle, and bundles.
    taken: BTreeMap<(NodeId, Holder), Resources>,
    /// Actors in bundles.
    inside: BTreeMap<(BundleAt, ActorId), Resources>,
    /// Groups that are there, and their nodes.
    reserved: BTreeMap<GroupId, BTreeSet<NodeId>>,
}

impl Oracle {
    /// Something takes room on a node.
    pub(crate) fn took(
        &mut self,
        node: NodeId,
        holder: Holder,
        resources: &Resources,
        total: &Resources,
    ) {
        self.places.taken.insert((node, holder), resources.clone());
        let here = self.places.taken.range(on(node)).map(|(_, resources)| resources);
        let sum = here.fold(Resources::default(), |sum, resources| sum.add(resources));
        if !sum.fits(total) {
            self.broken(Promise::Room, format!("{node} holds {sum} and has {total}"));
        }
    }

    /// An actor takes room in a bundle.
    pub(crate) fn took_inside(&mut self, at: BundleAt, actor: ActorId, resources: &Resources) {
        self.counts[Fact::InBundles] += 1;
        self.places.inside.insert((at, actor), resources.clone());
        let (node, group, bundle) = at;
        let Some(has) = self.places.taken.get(&(node, Holder::Bundle(group, bundle))) else {
            return self.broken(Promise::Room, format!("{actor} is in {at:?}, which is not there"));
        };
        let first = (at, ActorId { node: NodeId(0), seq: 0 });
        let last = (at, ActorId { node: NodeId(u32::MAX), seq: u64::MAX });
        let here = self.places.inside.range(first..=last).map(|(_, resources)| resources);
        let sum = here.fold(Resources::default(), |sum, resources| sum.add(resources));
        if !sum.fits(has) {
            self.broken(Promise::Room, format!("{at:?} holds {sum} and has {has}"));
        }
    }

    /// An actor is gone from where it was.
    pub(crate) fn actor_left(&mut self, node: NodeId, actor: ActorId) {
        self.places.taken.remove(&(node, Holder::Actor(actor)));
        self.places.inside.retain(|((at, _, _), inside), _| (*at, *inside) != (node, actor));
    }

    /// What is left on a node, by what everybody there said; compared with the
    /// node's ledger.
    pub(crate) fn check_free(&mut self, node: NodeId, total: &Resources, free: &Resources) {
        let here = self.places.taken.range(on(node)).map(|(_, resources)| resources);
        let sum = here.fold(Resources::default(), |sum, resources| sum.add(resources));
        let left = total.saturating_sub(&sum);
        if left != *free {
            self.broken(Promise::Leak, format!("{node} has {free} free, and should have {left}"));
        }
    }

    /// An actor was put on a node with these labels.
    pub(crate) fn placed(&mut self, node: NodeId, request: &Request, labels: &Labels) {
        let named = matches!(request.strategy, Strategy::Only(_));
        self.counts[Fact::Conditions] += u64::from(named || !request.required.is_empty());
        if let Strategy::Only(wanted) = &request.strategy
            && **wanted != *node.to_string()
        {
            self.broken(Promise::Conditions, format!("on {node} what asked for {wanted}"));
        }
        let failing = request.required.iter().find(|selector| !selector.matches(labels));
        if let Some(selector) = failing {
            let seen = format!("on {node} with {labels:?} what asked for {selector}");
            self.broken(Promise::Conditions, seen);
        }
    }

    /// All bundles of a group are promised.
    pub(crate) fn group_reserved(&mut self, record: &GroupRecord, strategy: GroupStrategy) {
        // One that was paused hears late that its group was there, and is no more.
        if self.over.contains(&record.id.node) {
            return;
        }
        self.counts[Fact::GroupsReserved] += 1;
        let nodes: BTreeSet<NodeId> = record.bundles.iter().map(|(_, node)| *node).collect();
        self.places.reserved.insert(record.id, nodes.clone());
        let kept = match strategy {
            GroupStrategy::StrictPack => nodes.len() == 1,
            GroupStrategy::StrictSpread => nodes.len() == record.bundles.len(),
            GroupStrategy::Pack | GroupStrategy::Spread => true,
        };
        if !kept {
            self.broken(Promise::Groups, format!("{strategy:?} has {:?}", record.bundles));
        }
        for ((_, node), bundle) in record.bundles.iter().zip(0..) {
            let holder = Holder::Bundle(record.id, bundle);
            if !self.over.contains(node) && !self.places.taken.contains_key(&(*node, holder)) {
                self.broken(Promise::Groups, format!("{node} does not keep {holder}"));
            }
        }
    }

    /// The record of a group is gone, or going.
    pub(crate) fn group_ends(&mut self, group: GroupId) {
        self.counts[Fact::GroupsRemoved] +=
            u64::from(self.places.reserved.remove(&group).is_some());
    }

    /// A node let go of its bundles of a group.
    pub(crate) fn bundles_left(&mut self, node: NodeId, group: GroupId) {
        // One that was asked in vain, before other nodes were, may hear late.
        if self.places.reserved.get(&group).is_some_and(|nodes| nodes.contains(&node)) {
            self.broken(Promise::Groups, format!("{node} let go of {group}, which is there"));
        }
        let first = (node, Holder::Bundle(group, 0));
        let last = (node, Holder::Bundle(group, u32::MAX));
        let gone: Vec<_> = self.places.taken.range(first..=last).map(|(key, _)| *key).collect();
        for key in gone {
            self.places.taken.remove(&key);
        }
    }

    pub(super) fn places_of_node_over(&mut self, node: NodeId) {
        self.places.taken.retain(|(on, _), _| *on != node);
        self.places.inside.retain(|((on, _, _), _), _| *on != node);
    }

    /// When all is settled, bundles are kept for the groups that are recorded,
    /// all of them, and for no others.
    pub(crate) fn check_groups(&mut self, store: &Store) {
        let recorded = store.iter().filter(|entry| Prefix::Groups.has(&entry.key));
        let records = recorded.filter_map(|entry| match (&entry.key, &entry.value) {
            (Key::Group(_), Value::Group(record)) => Some(record.clone()),
            _ => None,
        });
        let mut wanted = BTreeSet::new();
        for record in records {
            for ((_, node), bundle) in record.bundles.iter().zip(0..) {
                wanted.insert((*node, Holder::Bundle(record.id, bundle)));
            }
        }
        let bundles = self.places.taken.keys().filter(|(_, holder)| match holder {
            Holder::Bundle(..) => true,
            Holder::Actor(_) => false,
        });
        let kept: BTreeSet<(NodeId, Holder)> = bundles.copied().collect();
        for (node, holder) in wanted.difference(&kept) {
            self.broken(Promise::Groups, format!("{holder} is recorded; {node} does not keep it"));
        }
        for (node, holder) in kept.difference(&wanted) {
            self.broken(Promise::Leak, format!("{node} keeps {holder}, which is not recorded"));
        }
    }
}

fn on(node: NodeId) -> RangeInclusive<(NodeId, Holder)> {
    let least = Holder::Actor(ActorId { node: NodeId(0), seq: 0 });
    let most = Holder::Bundle(GroupId { node: NodeId(u32::MAX), seq: u64::MAX }, u32::MAX);
    (node, least)..=(node, most)
}
