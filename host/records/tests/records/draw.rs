//! Keys and records drawn by chance, from few enough that they meet.

use std::sync::Arc;

use fastrand::Rng;
use host_core::control::{ActorRecord, ActorState, GroupRecord, Key, NodeRecord, Prefix, Value};
use host_core::placement::{Request, Selector, Strategy, Test};
use host_core::resources::{Amount, Resources};
use host_core::spec::Tries;
use host_core::{ActorId, Cause, ClusterId, GroupId, NodeId, PackageId};

/// Numbers that differ in length, so that their order as texts is another.
const NUMBERS: [u32; 4] = [1, 2, 10, 11];

pub(crate) fn node(rng: &mut Rng) -> NodeId {
    NodeId(*rng.choice(&NUMBERS).unwrap())
}

fn actor(rng: &mut Rng) -> ActorId {
    ActorId { node: node(rng), seq: u64::from(*rng.choice(&NUMBERS).unwrap()) }
}

fn text(rng: &mut Rng) -> Arc<str> {
    (*rng.choice(&["a", "a/b", "~", "a~1", "ö"]).unwrap()).into()
}

pub(crate) fn key(rng: &mut Rng) -> Key {
    match rng.u32(..7) {
        0 => Key::Cluster,
        1 => Key::NextNode,
        2 => Key::Node(node(rng)),
        3 => Key::Name { namespace: text(rng), name: text(rng) },
        4 => Key::Actor(actor(rng)),
        5 => Key::Placed(node(rng), actor(rng)),
        _ => Key::Group(GroupId { node: node(rng), seq: rng.u64(9..12) }),
    }
}

pub(crate) fn prefix(rng: &mut Rng) -> Prefix {
    match rng.u32(..6) {
        0 => Prefix::Nodes,
        1 => Prefix::Names,
        2 => Prefix::Actors,
        3 => Prefix::Placed(node(rng)),
        4 => Prefix::AllPlaced,
        _ => Prefix::Groups,
    }
}

fn resources(rng: &mut Rng) -> Resources {
    let mut resources = Resources::default();
    for name in ["cpus", "gpus", "memory"] {
        let amount = if rng.bool() { rng.u64(..) } else { 0 };
        resources.set(name, Amount::from_ten_thousandths(amount));
    }
    resources
}

/// A record that may be under the key.
pub(crate) fn value(rng: &mut Rng, key: &Key) -> Value {
    match key {
        Key::Cluster => Value::Cluster(ClusterId(rng.u128(..))),
        Key::NextNode => Value::NextNode(rng.u32(..)),
        Key::Node(id) => Value::Node(Arc::new(NodeRecord {
            id: *id,
            name: text(rng),
            addresses: vec![text(rng); rng.usize(..3)],
            total: resources(rng),
            labels: [("zone", "a"), ("disk", "")].into_iter().take(rng.usize(..3)).collect(),
            protocol: rng.u32(..),
            draining: rng.bool(),
        })),
        Key::Name { .. } => Value::Name(actor(rng)),
        Key::Actor(id) => Value::Actor(Arc::new(record(rng, *id))),
        Key::Placed(..) => Value::Placed(rng.u32(..)),
        Key::Group(id) => {
            let bundles = (0..rng.usize(..4)).map(|_| (resources(rng), node(rng))).collect();
            Value::Group(Arc::new(GroupRecord { id: *id, bundles }))
        }
    }
}

fn record(rng: &mut Rng, id: ActorId) -> ActorRecord {
    let selector = Selector { label: text(rng), test: Test::In(vec![text(rng), text(rng)]) };
    let state = if rng.bool() {
        ActorState::On { node: node(rng), incarnation: rng.u32(..) }
    } else {
        ActorState::Dead { cause: Cause::Crashed, message: text(rng) }
    };
    ActorRecord {
        id,
        class: text(rng),
        package: PackageId([rng.u8(..); 32]),
        request: Request {
            resources: resources(rng),
            strategy: Strategy::Rather(text(rng)),
            required: vec![selector.clone(); rng.usize(..3)],
            preferred: vec![selector; rng.usize(..3)],
        },
        max_restarts: if rng.bool() { Tries::Unbounded } else { Tries::AtMost(rng.u32(..)) },
        detached: rng.bool(),
        owner: node(rng),
        birth: vec![rng.u8(..); rng.usize(..2_000)].into(),
        name: rng.bool().then(|| (text(rng), text(rng))),
        restarts: rng.u32(..),
        moves: rng.u32(..),
        state,
    }
}
