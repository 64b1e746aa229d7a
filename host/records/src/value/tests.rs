use host_core::control::{ActorRecord, ActorState, NodeRecord};
use host_core::limits::{BIRTH_BYTES, NAME_BYTES};
use host_core::placement::{Labels, Request, Selector, Strategy, Test};
use host_core::resources::{Amount, Resources};
use host_core::spec::Tries;
use host_core::{ActorId, Cause, NodeId, PackageId};
use prost::Message as _;

use super::*;

const NODE: NodeId = NodeId(7);
const ACTOR: ActorId = ActorId { node: NODE, seq: 5 };
const GROUP: GroupId = GroupId { node: NODE, seq: 3 };

fn some(name: &str, ten_thousandths: u64) -> Resources {
    [(name, Amount::from_ten_thousandths(ten_thousandths))].into_iter().collect()
}

fn node() -> NodeRecord {
    NodeRecord {
        id: NODE,
        name: "left".into(),
        addresses: vec!["10.0.0.7:7070".into(), "[fe80::1]:7070".into()],
        // More digits than a float has.
        total: some("memory", u64::MAX).add(&some("gpus", 1)),
        labels: [("zone", "b"), ("empty", "")].into_iter().collect(),
        protocol: 1,
        draining: true,
    }
}

fn actor() -> ActorRecord {
    let test = |label: &str, test| Selector { label: label.into(), test };
    ActorRecord {
        id: ACTOR,
        class: "Model".into(),
        package: PackageId([9; 32]),
        request: Request {
            resources: some("cpus", 15_000),
            strategy: Strategy::Rather("left".into()),
            required: vec![test("zone", Test::Exists), test("zone", Test::Is("b".into()))],
            preferred: vec![
                test("disk", Test::In(vec!["ssd".into(), "".into()])),
                test("disk", Test::IsNot("tape".into())),
                test("disk", Test::NotIn(vec!["tape".into()])),
                test("slow", Test::Absent),
            ],
        },
        max_restarts: Tries::AtMost(0),
        detached: true,
        owner: NodeId(0),
        birth: vec![1; BIRTH_BYTES].into(),
        name: Some(("a/b".into(), "hits".into())),
        restarts: 2,
        moves: 3,
        state: ActorState::On { node: NodeId(0), incarnation: 0 },
    }
}

fn name() -> Key {
    Key::Name { namespace: "default".into(), name: "hits".into() }
}

/// One record of each kind, and the variants that one record has no room for.
fn records() -> Vec<(Key, Value)> {
    let dead = |cause| ActorState::Dead { cause, message: "it crashed, after 2 restarts".into() };
    let actors = [
        ActorRecord { max_restarts: Tries::Unbounded, name: None, ..actor() },
        ActorRecord { request: Request::default(), birth: Bytes::new(), ..actor() },
        ActorRecord { state: dead(Cause::Killed), detached: false, ..actor() },
        ActorRecord { state: dead(Cause::Released), ..actor() },
        ActorRecord { state: dead(Cause::Exited), ..actor() },
        ActorRecord { state: dead(Cause::JobEnded), ..actor() },
        ActorRecord { state: dead(Cause::ConstructorFailed), ..actor() },
        ActorRecord { state: dead(Cause::Crashed), ..actor() },
        ActorRecord { state: dead(Cause::NodeLost), ..actor() },
        ActorRecord { state: dead(Cause::GroupRemoved), ..actor() },
        strategy(Strategy::Spread),
        strategy(Strategy::Only("n2".into())),
        actor(),
    ];
    let bundles = vec![(some("gpus", 10_000), NODE), (Resources::default(), NodeId(0))];
    let node = node();
    let bare = NodeRecord {
        addresses: vec![],
        total: Resources::default(),
        labels: Labels::default(),
        ..node.clone()
    };
    let mut records = vec![
        (Key::Cluster, Value::Cluster(ClusterId(u128::MAX - 1))),
        (Key::Cluster, Value::Cluster(ClusterId(0))),
        (Key::NextNode, Value::NextNode(0)),
        (Key::NextNode, Value::NextNode(u32::MAX)),
        (Key::Node(NODE), Value::Node(Arc::new(node))),
        (Key::Node(NODE), Value::Node(Arc::new(bare))),
        (name(), Value::Name(ACTOR)),
        (name(), Value::Name(ActorId { node: NodeId(0), seq: 0 })),
        (Key::Placed(NODE, ACTOR), Value::Placed(0)),
        (Key::Placed(NODE, ACTOR), Value::Placed(3)),
        (Key::Group(GROUP), Value::Group(Arc::new(GroupRecord { id: GROUP, bundles }))),
    ];
    records.extend(actors.map(|actor| (Key::Actor(ACTOR), Value::Actor(Arc::new(actor)))));
    records
}

fn strategy(strategy: Strategy) -> ActorRecord {
    let actor = actor();
    ActorRecord { request: Request { strategy, ..actor.request.clone() }, ..actor }
}

#[test]
fn every_record_reads_back_as_it_was() {
    for (key, value) in records() {
        let bytes = to_bytes(&key, &value).unwrap();
        assert_eq!(from_bytes(&key, &bytes), Ok(value), "{key:?}");
    }
}

#[test]
fn a_record_under_a_key_of_another_kind_or_id_is_refused() {
    let others = [
        Key::Cluster,
        Key::NextNode,
        Key::Node(NodeId(8)),
        Key::Actor(ActorId { node: NODE, seq: 6 }),
        Key::Group(GroupId { node: NodeId(8), seq: 3 }),
    ];
    let mut keys: Vec<Key> = records().into_iter().map(|(key, _)| key).collect();
    keys.extend(others);
    for (own, value) in records() {
        let bytes = to_bytes(&own, &value).unwrap();
        for key in keys.iter().filter(|key| **key != own) {
            assert!(from_bytes(key, &bytes).is_err(), "{own:?} under {key:?}");
            assert!(matches!(to_bytes(key, &value), Err(Failure::Mistake(_))));
        }
    }
}

#[test]
fn a_later_version_is_named_and_refused() {
    let later = proto::Record { version: 2, record: Some(Kind::NextNode(3)) }.encode_to_vec();
    assert_eq!(from_bytes(&Key::NextNode, &later), Err(Unreadable::Version(2)));
    assert_eq!(from_bytes(&Key::NextNode, b""), Err(Unreadable::Version(0)));
    let unknown = proto::Record { version: 1, record: None }.encode_to_vec();
    assert!(from_bytes(&Key::NextNode, &unknown).is_err());
}

#[test]
fn whatever_the_bytes_are_reading_them_ends_well() {
    let mut rng = fastrand::Rng::with_seed(7);
    for (key, value) in records() {
        let bytes = to_bytes(&key, &value).unwrap();
        for len in 0..bytes.len().min(600) {
            // What is cut between two fields may well be a smaller record.
            let _ = from_bytes(&key, &bytes[..len]);
        }
        for _ in 0..2_000 {
            let mut changed = bytes[..bytes.len().min(600)].to_vec();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..changed.len());
                changed[at] = rng.u8(..);
            }
            if let Ok(value) = from_bytes(&key, &changed) {
                assert_eq!(from_bytes(&key, &to_bytes(&key, &value).unwrap()), Ok(value));
            }
        }
    }
    let large = vec![0; VALUE_BYTES_MAX + 1];
    assert!(matches!(from_bytes(&Key::NextNode, &large), Err(Unreadable::TooMany { .. })));
}

/// Changes one thing about a good record of an actor, which then is refused.
fn refused_actor(change: impl FnOnce(&mut proto::Actor)) {
    let mut record = actor::to_proto(&actor());
    change(&mut record);
    let record = proto::Record { version: 1, record: Some(Kind::Actor(record)) };
    let read = from_bytes(&Key::Actor(ACTOR), &record.encode_to_vec());
    assert!(read.is_err(), "{read:?}");
}

#[test]
fn every_field_of_an_actor_is_checked() {
    use host_proto::records::actor::{MaxRestarts, State};
    use host_proto::records::placing::Strategy as Placed;
    use host_proto::records::selector::Test as Tested;

    refused_actor(|actor| actor.id = None);
    refused_actor(|actor| actor.class.clear());
    refused_actor(|actor| actor.class = "C".repeat(NAME_BYTES + 1));
    refused_actor(|actor| actor.package = Bytes::from_static(&[0; 31]));
    refused_actor(|actor| actor.birth = vec![0; BIRTH_BYTES + 1].into());
    refused_actor(|actor| actor.max_restarts = None);
    refused_actor(|actor| actor.max_restarts = Some(MaxRestarts::Unbounded(false)));
    refused_actor(|actor| actor.name = Some(proto::Name::default()));
    refused_actor(|actor| actor.state = None);
    for cause in [0, 99] {
        let dead = proto::Dead { cause, message: String::new() };
        refused_actor(|actor| actor.state = Some(State::Dead(dead)));
    }
    let message = "m".repeat(limits::STORY_BYTES_MAX + 1);
    let dead = proto::Dead { cause: proto::Cause::Killed.into(), message };
    refused_actor(|actor| actor.state = Some(State::Dead(dead)));
    refused_actor(|actor| actor.request = None);
    let placing = |change: &dyn Fn(&mut proto::Placing)| {
        refused_actor(|actor| change(actor.request.as_mut().unwrap()));
    };
    placing(&|placing| placing.strategy = None);
    placing(&|placing| placing.strategy = Some(Placed::Pack(false)));
    placing(&|placing| placing.strategy = Some(Placed::Spread(false)));
    placing(&|placing| placing.resources.push(placing.resources[0].clone()));
    placing(&|placing| placing.resources[0].ten_thousandths = 0);
    placing(&|placing| placing.resources[0].name = "a\nb".into());
    let resource = |n: usize| proto::Resource { name: format!("r{n}"), ten_thousandths: 1 };
    placing(&|placing| placing.resources = (0..=limits::RESOURCES_MAX).map(resource).collect());
    placing(&|placing| placing.required[0].test = None);
    placing(&|placing| placing.required[0].test = Some(Tested::Exists(false)));
    placing(&|placing| placing.required[0].label.clear());
    placing(&|placing| placing.required[0].test = Some(Tested::Is("v".repeat(NAME_BYTES + 1))));
    placing(&|placing| {
        placing.required = vec![placing.required[0].clone(); limits::SELECTORS_MAX + 1]
    });
    let values = vec![String::new(); limits::SELECTED_MAX + 1];
    placing(&|placing| {
        placing.preferred[0].test = Some(Tested::In(proto::Values { values: values.clone() }));
    });
}

#[test]
fn every_field_of_a_node_and_a_group_is_checked() {
    let refused = |change: &dyn Fn(&mut proto::Node)| {
        let mut record = node::to_proto(&node());
        change(&mut record);
        let record = proto::Record { version: 1, record: Some(Kind::Node(record)) };
        let read = from_bytes(&Key::Node(NODE), &record.encode_to_vec());
        assert!(read.is_err(), "{read:?}");
    };
    refused(&|node| node.name.clear());
    refused(&|node| node.addresses = vec![String::new(); limits::ADDRESSES_MAX + 1]);
    refused(&|node| node.addresses[0] = "a".repeat(limits::ADDRESS_BYTES_MAX + 1));
    refused(&|node| node.labels.push(node.labels[0].clone()));
    refused(&|node| node.labels[0].name.clear());
    refused(&|node| node.labels[0].value = "v".repeat(NAME_BYTES + 1));
    let label = |n: usize| proto::Label { name: format!("l{n}"), value: String::new() };
    refused(&|node| node.labels = (0..=limits::LABELS_MAX).map(label).collect());

    let bundle = proto::Bundle { resources: Vec::new(), node: 1 };
    let id = Some(proto::Born { node: NODE.0, seq: GROUP.seq });
    let many = vec![bundle.clone(); limits::BUNDLES_MAX + 1];
    for (id, bundles) in [(None, vec![bundle]), (id, many)] {
        let group = Kind::Group(proto::Group { id, bundles });
        let record = proto::Record { version: 1, record: Some(group) };
        assert!(from_bytes(&Key::Group(GROUP), &record.encode_to_vec()).is_err());
    }
    let short = proto::Record { version: 1, record: Some(Kind::Cluster(vec![1; 15].into())) };
    assert!(from_bytes(&Key::Cluster, &short.encode_to_vec()).is_err());
}
