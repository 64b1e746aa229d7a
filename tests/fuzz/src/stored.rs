//! What a control store holds and answers.

use std::sync::Arc;

use host_control::{Change, Changes, Key as Path, LeaseId, Record, Revision};
use host_core::control::{ActorRecord, ActorState, GroupRecord, Key, NodeRecord, Value};
use host_core::placement::{Labels, Request, Selector, Strategy, Test};
use host_core::resources::{Amount, Resources};
use host_core::spec::Tries;
use host_core::{ActorId, Cause, ClusterId, GroupId, NodeId, PackageId};
use host_records::fuzzing::{key, path, read, written};

use crate::{joined, parts};

/// A path, and what is kept there.
pub(crate) fn records(data: &[u8]) {
    let mut parts = parts(data);
    let (Some(at), Some(bytes)) = (parts.next(), parts.next()) else { return };
    let Some(key) = key(at) else { return };
    assert_eq!(path(&key).as_deref(), Some(at), "a key has one path");
    let Some(value) = read(&key, bytes) else { return };
    let again = written(&key, &value).expect("what was read can be written");
    assert_eq!(read(&key, &again), Some(value));
}

pub(crate) fn records_seeds() -> Vec<Vec<u8>> {
    let node = NodeId(7);
    let id = ActorId { node, seq: 5 };
    let cpus: Resources = [("cpus", Amount::whole(2).expect("two"))].into_iter().collect();
    let name: (Arc<str>, Arc<str>) = ("default".into(), "hits".into());
    let request = Request {
        resources: cpus.clone(),
        strategy: Strategy::Only(node.to_string().into()),
        required: vec![Selector { label: "zone".into(), test: Test::In(vec!["a".into()]) }],
        preferred: vec![Selector { label: "disk".into(), test: Test::Exists }],
    };
    let actor = ActorRecord {
        id,
        class: "Counter".into(),
        package: PackageId([7; 32]),
        request,
        max_restarts: Tries::AtMost(3),
        moves: 0,
        detached: true,
        name: Some(name.clone()),
        restarts: 1,
        owner: node,
        birth: vec![1, 2, 3].into(),
        state: ActorState::On { node, incarnation: 2 },
    };
    let message = "crashed".into();
    let dead = ActorState::Dead { cause: Cause::Crashed, message };
    let dead = ActorRecord { state: dead, ..actor.clone() };
    let member = NodeRecord {
        draining: false,
        id: node,
        name: "box".into(),
        addresses: vec!["127.0.0.1:1".into()],
        total: cpus.clone(),
        labels: Labels([("zone".into(), "a".into())].into()),
        protocol: 1,
    };
    let group = GroupId { node, seq: 3 };
    let bundles = GroupRecord { id: group, bundles: vec![(cpus, node)] };
    let kept = [
        (Key::Cluster, Value::Cluster(ClusterId(9))),
        (Key::NextNode, Value::NextNode(8)),
        (Key::Node(node), Value::Node(Arc::new(member))),
        (Key::Name { namespace: name.0, name: name.1 }, Value::Name(id)),
        (Key::Actor(id), Value::Actor(Arc::new(actor))),
        (Key::Actor(id), Value::Actor(Arc::new(dead))),
        (Key::Placed(node, id), Value::Placed(2)),
        (Key::Group(group), Value::Group(Arc::new(bundles))),
    ];
    let seed = |(key, value): &(Key, Value)| {
        let path = path(key).expect("a seed has a path");
        let bytes = written(key, value).expect("a seed can be written");
        joined(&[path.to_vec(), bytes.to_vec()])
    };
    kept.iter().map(seed).collect()
}

/// Answers of a store elsewhere, and its history file.
pub(crate) fn control(data: &[u8]) {
    let _ = host_control::fuzzing::reading(data);
    let Some(changes) = host_control::fuzzing::changes(data) else { return };
    let again = host_control::fuzzing::kept(changes.clone());
    assert_eq!(host_control::fuzzing::changes(&again), Some(changes));
}

pub(crate) fn control_seeds() -> Vec<Vec<u8>> {
    let key = |text: &'static str| Path::new(bytes::Bytes::from_static(text.as_bytes()));
    let key = |text| key(text).expect("a seed is a key");
    let record = Record {
        key: key("nodes/n7"),
        value: vec![1, 2, 3].into(),
        created: Revision::new(4),
        modified: Revision::new(5),
        lease: LeaseId::new(6),
    };
    let changes = vec![Change::Put(record), Change::Deleted(key("placed/n9/a5@n7"))];
    vec![host_control::fuzzing::kept(Changes { revision: Revision::new(5), changes })]
}
