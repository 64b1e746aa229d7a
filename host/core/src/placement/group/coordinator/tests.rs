use super::reserving::{GROUPS_IN_LOOK, pause};
use super::*;
use crate::placement::Labels;
use crate::resources::Amount;

fn cpus(n: f64) -> Resources {
    [("cpus", Amount::from_f64(n).unwrap())].into_iter().collect()
}

const ME: NodeId = NodeId(1);
const OTHER: NodeId = NodeId(2);
const JOB: JobId = JobId { node: ME, seq: 7 };
const ID: GroupId = GroupId { node: ME, seq: 1 };

/// Nodes of four CPUs, so many of them free.
struct Cluster {
    coordinator: Coordinator,
    free: BTreeMap<u32, f64>,
    now: Duration,
}

impl Cluster {
    fn new(free: &[(u32, f64)]) -> Cluster {
        let free = free.iter().copied().collect();
        Cluster { coordinator: Coordinator::default(), free, now: Duration::ZERO }
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        let free = self.free.clone();
        let nodes = move || free.iter().map(|(id, free)| node(*id, *free)).collect();
        let mut effects = Vec::new();
        self.coordinator.handle(self.now, event, &nodes, &mut effects);
        effects
    }

    fn create(&mut self, sizes: &[f64], strategy: GroupStrategy) -> Vec<Effect> {
        let bundles = sizes.iter().map(|n| cpus(*n)).collect();
        self.step(Event::Create(Wish { id: ID, job: JOB, bundles, strategy }))
    }

    /// A group of a bundle on each of two nodes, reserved.
    fn reserved() -> Cluster {
        let mut cluster = Cluster::new(&[(1, 4.0), (2, 4.0)]);
        cluster.create(&[1.0, 1.0], GroupStrategy::StrictSpread);
        cluster.step(Event::Prepared(ID, 1, 0));
        cluster.step(Event::Prepared(ID, 1, 1));
        let effects = cluster.step(Event::Recorded(ID));
        assert!(matches!(effects[2], Effect::Reserved(_)), "{effects:?}");
        cluster
    }
}

fn node(id: u32, free: f64) -> NodeView {
    NodeView {
        id: NodeId(id),
        name: format!("node-{id}"),
        total: cpus(4.0),
        free: cpus(free),
        labels: Labels::default(),
        actors: 0,
        draining: false,
    }
}

fn gone() -> Error {
    Error::Invalid("removed".into())
}

#[test]
fn a_group_that_fits_is_prepared_recorded_and_committed() {
    let mut cluster = Cluster::new(&[(1, 4.0), (2, 4.0)]);
    let asked = cluster.create(&[3.0, 3.0], GroupStrategy::Spread);
    let prepare = |node, bundle| Effect::Prepare(node, ID, 1, bundle, cpus(3.0));
    assert_eq!(asked, [prepare(OTHER, 0), prepare(ME, 1)]);
    assert_eq!(cluster.step(Event::Prepared(ID, 1, 0)), []);
    let bundles = vec![(cpus(3.0), OTHER), (cpus(3.0), ME)];
    let record = Arc::new(GroupRecord { id: ID, bundles });
    assert_eq!(cluster.step(Event::Prepared(ID, 1, 1)), [Effect::Record(record.clone())]);
    assert_eq!(cluster.coordinator.fate(ID, OTHER), Fate::Open);
    assert_eq!(
        cluster.step(Event::Recorded(ID)),
        [Effect::Commit(ME, ID), Effect::Commit(OTHER, ID), Effect::Reserved(record)]
    );
    assert_eq!(cluster.coordinator.fate(ID, OTHER), Fate::There);
    assert_eq!(cluster.coordinator.fate(ID, NodeId(3)), Fate::Gone);
    assert_eq!(cluster.coordinator.wake_at(), None);
}

#[test]
fn what_can_never_fit_is_refused_and_forgotten() {
    let mut cluster = Cluster::new(&[(1, 4.0), (2, 4.0)]);
    let effects = cluster.create(&[1.0, 1.0, 1.0], GroupStrategy::StrictSpread);
    let [Effect::Ended(ID, Error::Unplaceable(why))] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let said = "no room for 3 bundles (strict-spread): 2 of 3 bundles find a node of their own";
    assert_eq!(why, said);
    assert_eq!(cluster.coordinator.count(), 0);
}

#[test]
fn a_full_cluster_is_waited_for_visibly() {
    let mut cluster = Cluster::new(&[(1, 1.0), (2, 4.0)]);
    let effects = cluster.create(&[2.0, 2.0], GroupStrategy::StrictSpread);
    let why = "1 of 2 bundles find a node of their own";
    assert_eq!(effects, [Effect::Waits(ID, why.into())]);
    assert_eq!(cluster.coordinator.get(ID).map(|group| group.waits), Some(why));
    // Nothing has changed: nothing is said again.
    cluster.now = cluster.coordinator.wake_at().unwrap();
    assert_eq!(cluster.step(Event::Tick), []);
    cluster.free.insert(1, 2.0);
    // It was looked at just now.
    assert_eq!(cluster.step(Event::Room), []);
    cluster.now = cluster.coordinator.wake_at().unwrap();
    assert_eq!(cluster.step(Event::Tick).len(), 2);
}

#[test]
fn who_refused_is_left_out_of_the_next_plan() {
    let mut cluster = Cluster::new(&[(1, 4.0), (2, 4.0), (3, 4.0)]);
    cluster.create(&[4.0, 4.0], GroupStrategy::StrictSpread);
    cluster.step(Event::Prepared(ID, 1, 1));
    let effects = cluster.step(Event::Refused(ID, 1, 0, "full".into()));
    let prepare = |node, bundle| Effect::Prepare(node, ID, 2, bundle, cpus(4.0));
    let aborted = |node| Effect::Abort(node, ID);
    assert_eq!(effects, [aborted(ME), aborted(OTHER), prepare(NodeId(3), 0), prepare(ME, 1)]);
    // An answer to the first attempt says nothing of the second.
    assert_eq!(cluster.step(Event::Prepared(ID, 1, 0)), []);
    assert_eq!(cluster.step(Event::Prepared(ID, 2, 1)), []);
    assert!(matches!(cluster.step(Event::Prepared(ID, 2, 0))[..], [Effect::Record(_)]));
}

#[test]
fn a_group_that_every_node_refuses_waits_a_while() {
    let mut cluster = Cluster::new(&[(1, 4.0)]);
    cluster.create(&[4.0], GroupStrategy::Pack);
    let effects = cluster.step(Event::Refused(ID, 1, 0, "full".into()));
    assert!(matches!(effects[..], [Effect::Abort(ME, ID), Effect::Waits(ID, _)]), "{effects:?}");
    let again = cluster.coordinator.wake_at().unwrap();
    assert!(again <= limits::GROUP_LOOK_TIME, "{again:?}");
    // Also if somebody says that there is room.
    assert_eq!(cluster.step(Event::Room), []);
    cluster.now = again;
    assert_eq!(cluster.step(Event::Tick), [Effect::Prepare(ME, ID, 2, 0, cpus(4.0))]);
}

#[test]
fn groups_after_the_same_nodes_wait_differently_and_longer_with_each_try() {
    let other = GroupId { node: OTHER, ..ID };
    for attempt in 2..20 {
        assert_ne!(pause(ID, attempt), pause(other, attempt));
    }
    let longest = |attempt| {
        let pauses = (0..100).map(|seq| pause(GroupId { seq, ..ID }, attempt));
        pauses.max().unwrap().as_millis()
    };
    assert!((150..200).contains(&longest(1)), "{}", longest(1));
    assert!((3_000..3_200).contains(&longest(9)), "{}", longest(9));
}

#[test]
fn a_group_ends_with_its_job_its_nodes_and_when_it_is_removed() {
    let undone = |effects: &[Effect]| match effects {
        [a, b, c, Effect::Ended(ID, _)] => {
            *a == Effect::Abort(ME, ID)
                && *b == Effect::Abort(OTHER, ID)
                && *c == Effect::Unrecord(ID)
        }
        _ => false,
    };
    for event in [Event::Remove(ID, gone()), Event::JobEnded(JOB), Event::NodeGone(OTHER)] {
        let mut cluster = Cluster::reserved();
        let effects = cluster.step(event);
        assert!(undone(&effects), "{effects:?}");
        // The record is deleted in any case.
        cluster.now = cluster.coordinator.wake_at().unwrap();
        assert_eq!(cluster.step(Event::Tick), [Effect::Unrecord(ID)]);
        cluster.step(Event::Unrecorded(ID));
        assert_eq!(cluster.coordinator.wake_at(), None);
        assert_eq!(cluster.coordinator.count(), 0);
    }
    let mut cluster = Cluster::reserved();
    let mut late = Cluster::new(&[(1, 4.0), (2, 4.0)]);
    late.step(Event::JobEnded(JOB));
    let effects = late.create(&[1.0], GroupStrategy::Pack);
    assert!(matches!(effects[..], [Effect::Ended(ID, Error::Invalid(_))]), "{effects:?}");
    assert_eq!(late.coordinator.count(), 0);
    let other = JobId { node: ME, seq: 8 };
    assert_eq!(cluster.step(Event::JobEnded(other)), []);
    assert_eq!(cluster.step(Event::NodeGone(NodeId(3))), []);
}

#[test]
fn a_group_removed_while_it_is_reserved_leaves_nothing() {
    let start = || {
        let mut cluster = Cluster::new(&[(1, 4.0), (2, 4.0)]);
        cluster.create(&[1.0, 1.0], GroupStrategy::StrictSpread);
        cluster.step(Event::Prepared(ID, 1, 0));
        cluster
    };
    let mut preparing = start();
    let effects = preparing.step(Event::Remove(ID, gone()));
    assert_eq!(
        effects,
        [Effect::Abort(ME, ID), Effect::Abort(OTHER, ID), Effect::Ended(ID, gone())]
    );
    assert_eq!(preparing.step(Event::Prepared(ID, 1, 1)), []);
    // Once the record is being written, its fate is awaited.
    let mut recording = start();
    recording.step(Event::Prepared(ID, 1, 1));
    assert_eq!(recording.step(Event::Remove(ID, gone())), []);
    let mut written = Cluster { coordinator: recording.coordinator.clone(), ..start() };
    let effects = written.step(Event::Recorded(ID));
    assert_eq!(effects[2..], [Effect::Unrecord(ID), Effect::Ended(ID, gone())]);
    let effects = recording.step(Event::NotRecorded(ID, "a node has gone".into()));
    assert_eq!(effects[2..], [Effect::Ended(ID, gone())]);
}

#[test]
fn a_node_lost_while_the_record_is_written_ends_the_group_if_it_was() {
    let mut cluster = Cluster::new(&[(1, 4.0), (2, 4.0)]);
    cluster.create(&[1.0, 1.0], GroupStrategy::StrictSpread);
    cluster.step(Event::Prepared(ID, 1, 0));
    cluster.step(Event::Prepared(ID, 1, 1));
    assert_eq!(cluster.step(Event::NodeGone(OTHER)), []);
    let effects = cluster.step(Event::Recorded(ID));
    assert!(matches!(effects[3], Effect::Ended(ID, Error::Unavailable(_))), "{effects:?}");
}

#[test]
fn an_unanswered_record_is_asked_for_again() {
    let mut cluster = Cluster::new(&[(1, 4.0)]);
    cluster.create(&[1.0], GroupStrategy::Pack);
    cluster.step(Event::Prepared(ID, 1, 0));
    cluster.step(Event::MaybeRecorded(ID));
    cluster.now = cluster.coordinator.wake_at().unwrap();
    assert!(matches!(cluster.step(Event::Tick)[..], [Effect::Record(_)]));
    assert!(matches!(cluster.step(Event::Recorded(ID))[..], [Effect::Commit(..), _]));
}

#[test]
fn many_that_wait_have_their_turns() {
    let mut cluster = Cluster::new(&[(1, 0.0)]);
    let ids = (1..=GROUPS_IN_LOOK as u64 + 2).map(|seq| GroupId { node: ME, seq });
    for id in ids.clone() {
        let (bundles, strategy) = (vec![cpus(4.0)], GroupStrategy::Pack);
        cluster.step(Event::Create(Wish { id, job: JOB, bundles, strategy }));
    }
    cluster.now = cluster.coordinator.wake_at().unwrap();
    cluster.step(Event::Tick);
    cluster.free.insert(1, 4.0);
    cluster.now = cluster.coordinator.wake_at().unwrap();
    let effects = cluster.step(Event::Tick);
    let last = ids.rev().nth(1).unwrap();
    assert_eq!(effects[0], Effect::Prepare(ME, last, 1, 0, cpus(4.0)));
}
