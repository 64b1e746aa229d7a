use std::sync::Arc;
use std::time::Duration;

use super::reservation::{Effect, Event};
use super::*;
use crate::id::{JobId, NodeId};
use crate::placement::{Labels, Ledger, NodeView, Reserve};
use crate::resources::{Amount, Resources};

fn cpus(n: f64) -> Resources {
    [("cpus", Amount::from_f64(n).unwrap())].into_iter().collect()
}

fn node(id: u32, total: f64, free: f64) -> NodeView {
    let (total, free) = (cpus(total), cpus(free));
    let name = format!("node-{id}");
    NodeView {
        id: NodeId(id),
        name,
        total,
        free,
        labels: Labels::default(),
        actors: 0,
        draining: false,
    }
}

fn planned(sizes: &[f64], strategy: GroupStrategy, nodes: &[NodeView]) -> String {
    let bundles: Vec<Resources> = sizes.iter().map(|n| cpus(*n)).collect();
    match plan(&bundles, strategy, nodes) {
        Plan::Place(nodes) => nodes.iter().map(|node| node.0.to_string()).collect(),
        Plan::Wait(reasons) => format!("wait: {}", reasons[0]),
        Plan::Never(reasons) => format!("never: {}", reasons[0]),
    }
}

#[test]
fn packing_takes_one_node_if_it_can() {
    let nodes = [node(1, 4.0, 4.0), node(2, 8.0, 8.0)];
    assert_eq!(planned(&[1.0, 1.0], GroupStrategy::Pack, &nodes), "11");
    assert_eq!(planned(&[3.0, 3.0], GroupStrategy::Pack, &nodes), "22");
    assert_eq!(planned(&[4.0, 4.0, 4.0], GroupStrategy::Pack, &nodes), "122");
    assert_eq!(
        planned(&[5.0, 5.0], GroupStrategy::StrictPack, &nodes),
        "never: no node has 10 cpus (largest has 8)"
    );
}

#[test]
fn spreading_takes_a_node_for_each_if_it_can() {
    let nodes = [node(1, 4.0, 4.0), node(2, 8.0, 8.0)];
    assert_eq!(planned(&[1.0, 6.0], GroupStrategy::Spread, &nodes), "12");
    assert_eq!(planned(&[1.0, 1.0, 1.0], GroupStrategy::Spread, &nodes), "121");
    assert_eq!(planned(&[2.0, 5.0], GroupStrategy::StrictSpread, &nodes), "12");
    // The first bundle has to give way for the second.
    let tight = [node(1, 4.0, 4.0), node(2, 2.0, 2.0)];
    assert_eq!(planned(&[2.0, 4.0], GroupStrategy::StrictSpread, &tight), "21");
    assert_eq!(
        planned(&[1.0, 1.0, 1.0], GroupStrategy::StrictSpread, &nodes),
        "never: 2 of 3 bundles find a node of their own"
    );
}

#[test]
fn a_full_cluster_is_waited_for() {
    let nodes = [node(1, 4.0, 1.0), node(2, 4.0, 4.0)];
    assert_eq!(
        planned(&[2.0, 2.0], GroupStrategy::StrictSpread, &nodes),
        "wait: 1 of 2 bundles find a node of their own"
    );
    assert_eq!(planned(&[2.0, 4.0], GroupStrategy::Pack, &nodes).split(':').next(), Some("wait"));
}

const GROUP: GroupId = GroupId { node: NodeId(1), seq: 1 };

fn reservation() -> (Reservation, Vec<Effect>) {
    let mut effects = Vec::new();
    let bundles = vec![(cpus(1.0), NodeId(1)), (cpus(2.0), NodeId(2))];
    (Reservation::new(Duration::ZERO, GROUP, bundles, &mut effects), effects)
}

fn step(reservation: &mut Reservation, at: u64, event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    reservation.handle(Duration::from_secs(at), event, &mut effects);
    effects
}

#[test]
fn a_group_is_recorded_when_all_is_prepared() {
    let (mut reservation, effects) = reservation();
    assert_eq!(
        effects,
        [Effect::Prepare(NodeId(1), 0, cpus(1.0)), Effect::Prepare(NodeId(2), 1, cpus(2.0))]
    );
    assert_eq!(step(&mut reservation, 0, Event::Prepared(1)), []);
    let bundles = vec![(cpus(1.0), NodeId(1)), (cpus(2.0), NodeId(2))];
    let record = Arc::new(crate::control::GroupRecord { id: GROUP, bundles });
    assert_eq!(step(&mut reservation, 0, Event::Prepared(0)), [Effect::Record(record)]);
    assert_eq!(step(&mut reservation, 99, Event::Tick), []);
    assert_eq!(
        step(&mut reservation, 99, Event::Recorded),
        [Effect::Commit(NodeId(1)), Effect::Commit(NodeId(2)), Effect::Reserved]
    );
}

#[test]
fn one_refusal_takes_all_back() {
    let (mut reservation, _) = reservation();
    step(&mut reservation, 0, Event::Prepared(0));
    let aborted = |reason: &str| {
        [Effect::Abort(NodeId(1)), Effect::Abort(NodeId(2)), Effect::Failed(reason.into())]
    };
    let refused = Event::Refused(1, "full".into());
    assert_eq!(step(&mut reservation.clone(), 0, refused), aborted("full"));
    let gone = step(&mut reservation.clone(), 0, Event::NodeGone(NodeId(2)));
    assert_eq!(gone, aborted("node n2 was lost"));
    assert_eq!(step(&mut reservation, 60, Event::Tick), aborted("n2 did not answer"));
    assert_eq!(step(&mut reservation, 60, Event::Prepared(1)), []);
}

const JOB: JobId = JobId { node: NodeId(1), seq: 7 };

#[test]
fn bundles_take_from_the_node_and_give_to_their_actors() {
    let mut ledger = Ledger::new(cpus(4.0));
    let mut bundles = Bundles::default();
    let prepare = |bundles: &mut Bundles, ledger: &mut Ledger<Holder>, seq, n| {
        let group = GroupId { seq, ..GROUP };
        bundles.prepare(Duration::ZERO, ledger, (NodeId(1), JOB), (group, 0), cpus(n))
    };
    prepare(&mut bundles, &mut ledger, 1, 3.0).unwrap();
    prepare(&mut bundles, &mut ledger, 1, 3.0).unwrap();
    let refused = prepare(&mut bundles, &mut ledger, 2, 2.0).unwrap_err();
    assert_eq!(refused, "waits for 2 cpus (1 of 4 available)");
    assert_eq!(*ledger.free(), cpus(1.0));

    assert_eq!(bundles.node_gone(NodeId(1)), [Doubt(GROUP)]);
    assert_eq!(bundles.doubts(Duration::from_secs(3_600)), [Doubt(GROUP)]);
    bundles.commit(GROUP);
    assert_eq!(bundles.doubts(Duration::from_secs(3_600)), []);
    assert_eq!(bundles.committed(), [GROUP]);
    let actor = ActorId { node: NodeId(1), seq: 1 };
    let reserved = bundles.reserve((GROUP, 0), (actor, JOB), cpus(2.0));
    assert_eq!(reserved, Ok(Reserve::Granted));
    assert_eq!(bundles.release(&mut ledger, (GROUP, 0), actor), []);
    assert_eq!(bundles.remove(&mut ledger, GROUP), Removed::default());
    assert_eq!(ledger.free(), ledger.total());
}

#[test]
fn an_actor_goes_to_a_bundle_that_can_hold_it() {
    let bundles = [cpus(1.0), cpus(2.0), cpus(4.0)];
    let chosen = |named, asked, turn| {
        candidates(GROUP, bundles.iter(), named, &cpus(asked), turn).map_err(|e| e.to_string())
    };
    assert_eq!(chosen(None, 1.0, 0), Ok(vec![0, 1, 2]));
    assert_eq!(chosen(None, 1.0, 4), Ok(vec![1, 2, 0]));
    assert_eq!(chosen(None, 2.0, 0), Ok(vec![1, 2]));
    assert_eq!(chosen(Some(2), 2.0, 9), Ok(vec![2]));
    let none = "placement group g1@n1 has 3 bundles, from 0: there is no bundle 3";
    assert_eq!(chosen(Some(3), 1.0, 0), Err(none.into()));
    let small = "in placement group g1@n1: bundle 0 cannot hold 2 cpus (has 1)";
    assert_eq!(chosen(Some(0), 2.0, 0), Err(small.into()));
}
