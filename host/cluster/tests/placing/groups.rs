//! Placement groups over several nodes: all bundles or none, and one end for
//! all that is in them.

use host_core::placement::group::GroupStrategy;
use host_core::resources::{Amount, Resources};
use host_core::spec::{ActorSpec, InGroup, Tries};
use host_core::{Cause, Error, GroupId, JobId};
use host_refs::{Args, Handle};

use crate::world::{Control, Node, cluster, plain, until, whole_node, within};

fn cpus(n: f64) -> Resources {
    [("cpus", Amount::from_f64(n).unwrap())].into_iter().collect()
}

/// The job of the first node of a cluster.
fn job(nodes: &[Node]) -> JobId {
    JobId { node: nodes[0].id(), seq: 1 }
}

async fn create(
    node: &Node,
    job: JobId,
    sizes: &[f64],
    strategy: GroupStrategy,
) -> Result<GroupId, Error> {
    let bundles = sizes.iter().map(|n| cpus(*n)).collect();
    within(node.member.create_group(job, bundles, strategy)).await
}

async fn ready(node: &Node, group: GroupId, job: JobId) -> Result<(), Error> {
    within(node.member.group_ready(group, job)).await.unwrap()
}

async fn reserved(nodes: &[Node], sizes: &[f64], strategy: GroupStrategy) -> GroupId {
    let group = create(&nodes[0], job(nodes), sizes, strategy).await.unwrap();
    ready(&nodes[0], group, job(nodes)).await.unwrap();
    group
}

fn inside(group: GroupId, bundle: Option<u32>, asked: f64) -> ActorSpec {
    ActorSpec { resources: cpus(asked), group: Some(InGroup { group, bundle }), ..plain() }
}

/// CPUs that neither an actor nor a bundle holds.
fn free(node: &Node) -> f64 {
    host_cluster::Local::load(&*node.host).0.get("cpus").as_f64()
}

async fn check_dead(node: &Node, handle: &Handle, expected: Cause) {
    let died = node.ask(handle, "count", Args::default()).await.unwrap_err();
    assert!(matches!(&*died, Error::Died { cause, .. } if *cause == expected), "{died}");
}

#[tokio::test]
async fn each_bundle_is_kept_on_a_node_of_its_own_and_actors_live_in_them() {
    let control = Control::new();
    let nodes = cluster(&control, 3).await;
    let group = reserved(&nodes, &[3.0, 3.0, 3.0], GroupStrategy::StrictSpread).await;
    until("all bundles are kept", || nodes.iter().all(|node| free(node) == 1.0)).await;
    let mut members = Vec::new();
    // Another node of the job finds them by the record.
    for (bundle, node) in [(0, &nodes[0]), (1, &nodes[1]), (2, &nodes[2])] {
        let spec = inside(group, Some(bundle), 2.0);
        members.push(node.spawn_in(job(&nodes), spec).await.unwrap());
    }
    assert!(nodes.iter().all(|node| node.host.actors() == 1 && free(node) == 1.0));
    for (node, member) in nodes.iter().zip(&members) {
        assert_eq!(node.number(member, "count").await.unwrap(), 1);
    }
    let outside = nodes[0].spawn(plain()).await.unwrap();
    nodes[1].member.remove_group(group, job(&nodes));
    until("all is free", || nodes.iter().all(|node| free(node) == 4.0)).await;
    for (node, member) in nodes.iter().zip(&members) {
        check_dead(node, member, Cause::GroupRemoved).await;
    }
    assert_eq!(nodes[0].number(&outside, "count").await.unwrap(), 1);
    let gone = ready(&nodes[2], group, job(&nodes)).await.unwrap_err();
    assert!(matches!(&gone, Error::Invalid(why) if why.contains("not there")), "{gone}");
    let late = nodes[2].spawn_in(job(&nodes), inside(group, None, 1.0)).await;
    assert!(late.is_err());
}

#[tokio::test]
async fn a_group_that_can_never_be_is_refused_with_the_reason() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let spread = create(&nodes[0], job(&nodes), &[1.0; 3], GroupStrategy::StrictSpread).await;
    let why = "2 of 3 bundles find a node of their own";
    assert!(matches!(&spread, Err(Error::Unplaceable(said)) if said.contains(why)), "{spread:?}");
    let group = reserved(&nodes, &[1.0, 2.0], GroupStrategy::Pack).await;
    let large = nodes[0].spawn(inside(group, None, 3.0)).await.map(drop);
    let why = "bundle 1 cannot hold 3 cpus (has 2)";
    assert!(matches!(&large, Err(Error::Unplaceable(said)) if said.contains(why)), "{large:?}");
    let stranger = JobId { node: nodes[1].id(), seq: 9 };
    let theirs = nodes[1].spawn_in(stranger, inside(group, None, 1.0)).await.map(drop);
    let why = "of another job";
    assert!(matches!(&theirs, Err(Error::Unplaceable(said)) if said.contains(why)), "{theirs:?}");
    let theirs = ready(&nodes[1], group, stranger).await;
    assert!(matches!(&theirs, Err(Error::Denied(said)) if said.contains(why)), "{theirs:?}");
    nodes[1].member.remove_group(group, stranger);
    ready(&nodes[1], group, job(&nodes)).await.unwrap();
}

#[tokio::test]
async fn a_group_waits_for_room_on_enough_nodes_and_holds_nothing_meanwhile() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let filling = nodes[0].spawn(whole_node()).await.unwrap();
    let sizes = [2.0, 2.0];
    let group = create(&nodes[0], job(&nodes), &sizes, GroupStrategy::StrictSpread).await.unwrap();
    let here = nodes[0].member.group_ready(group, job(&nodes));
    let mut there = nodes[1].member.group_ready(group, job(&nodes));
    let early = nodes[0].spawn(inside(group, None, 1.0)).await.map(drop);
    assert!(matches!(&early, Err(Error::Unavailable(why)) if why.contains("ready")), "{early:?}");
    let another = nodes[0].spawn(whole_node()).await.unwrap();
    assert_eq!(nodes[0].number(&another, "count").await.unwrap(), 1, "nothing is held");
    drop(another);
    assert!(there.try_recv().is_err(), "one node is full");
    drop(filling);
    within(here).await.unwrap().unwrap();
    within(there).await.unwrap().unwrap();
    until("both bundles are kept", || nodes.iter().all(|node| free(node) == 2.0)).await;
}

#[tokio::test]
async fn an_actor_waits_in_a_bundle_when_all_are_full() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let group = reserved(&nodes, &[1.0, 1.0], GroupStrategy::StrictSpread).await;
    let mut members = Vec::new();
    for _ in 0..2 {
        members.push(nodes[0].spawn(inside(group, None, 1.0)).await.unwrap());
    }
    assert!(nodes.iter().all(|node| node.host.actors() == 1), "any bundle means one with room");
    let waits = nodes[0].spawn(inside(group, None, 1.0)).await.unwrap();
    let count = nodes[0].call(&waits, "count", Args::default());
    until("it waits", || nodes.iter().any(|node| node.host.waiting() == 1)).await;
    members.clear();
    within(count.outcome()).await.unwrap();
}

#[tokio::test]
async fn a_group_ends_with_a_node_that_keeps_a_bundle() {
    let control = Control::new();
    let nodes = cluster(&control, 3).await;
    let group = reserved(&nodes, &[1.0, 1.0, 1.0], GroupStrategy::StrictSpread).await;
    let mut members = Vec::new();
    for bundle in 0..3 {
        members.push(nodes[0].spawn(inside(group, Some(bundle), 1.0)).await.unwrap());
    }
    control.lose(nodes[2].id());
    until("the others are free", || nodes[..2].iter().all(|node| free(node) == 4.0)).await;
    for member in &members {
        let lost = member.target().id().node == nodes[2].id();
        let cause = if lost { Cause::NodeLost } else { Cause::GroupRemoved };
        check_dead(&nodes[0], member, cause).await;
    }
    let gone = ready(&nodes[1], group, job(&nodes)).await.unwrap_err();
    assert!(matches!(&gone, Error::Invalid(_)), "{gone}");
    // What is left of the cluster serves the next.
    reserved(&nodes, &[4.0, 4.0], GroupStrategy::StrictSpread).await;
}

#[tokio::test]
async fn a_group_ends_with_the_node_it_was_created_on_and_with_its_job() {
    let control = Control::new();
    let nodes = cluster(&control, 3).await;
    let theirs = create(&nodes[1], job(&nodes), &[3.0; 3], GroupStrategy::StrictSpread).await;
    let theirs = theirs.unwrap();
    ready(&nodes[0], theirs, job(&nodes)).await.unwrap();
    let member = nodes[0].spawn(inside(theirs, None, 1.0)).await.unwrap();
    assert_eq!(nodes[0].number(&member, "count").await.unwrap(), 1);
    let waits = create(&nodes[0], job(&nodes), &[2.0], GroupStrategy::Pack).await.unwrap();
    control.lose(nodes[1].id());
    // Its bundles are free again, for the one that waited.
    ready(&nodes[2], waits, job(&nodes)).await.unwrap();
    until("the other's are free", || free(&nodes[0]) + free(&nodes[2]) == 6.0).await;
    nodes[0].member.end_job(job(&nodes));
    until("that ends with the job", || free(&nodes[0]) + free(&nodes[2]) == 8.0).await;
    assert!(ready(&nodes[0], waits, job(&nodes)).await.is_err());
}

#[tokio::test]
async fn an_actor_restarts_in_its_bundle_and_dies_with_the_group() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let group = reserved(&nodes, &[4.0, 4.0], GroupStrategy::StrictSpread).await;
    let spec = ActorSpec { max_restarts: Tries::AtMost(2), ..inside(group, Some(1), 4.0) };
    let member = nodes[0].spawn(spec).await.unwrap();
    let home = |node: &&Node| node.host.actors() == 1;
    let before = nodes.iter().find(home).map(Node::id);
    let _ = nodes[0].ask(&member, "crash", Args::default()).await;
    assert_eq!(nodes[0].number(&member, "restarts").await.unwrap(), 1);
    assert_eq!(nodes.iter().find(home).map(Node::id), before);
    nodes[0].member.remove_group(group, job(&nodes));
    check_dead(&nodes[0], &member, Cause::GroupRemoved).await;
    until("all is free", || nodes.iter().all(|node| free(node) == 4.0)).await;
}

#[tokio::test]
async fn groups_that_want_the_same_nodes_get_them_one_after_the_other() {
    let control = Control::new();
    let nodes = cluster(&control, 3).await;
    // All three plan at once, each by a view that does not know the others.
    let wanted = |node| create(node, job(&nodes), &[3.0; 3], GroupStrategy::StrictSpread);
    let created = tokio::join!(wanted(&nodes[0]), wanted(&nodes[1]), wanted(&nodes[2]));
    let mut waiting = tokio::task::JoinSet::new();
    for group in [created.0, created.1, created.2] {
        let group = group.unwrap();
        let told = nodes[0].member.group_ready(group, job(&nodes));
        waiting.spawn(async move { told.await.unwrap().map(|()| group) });
    }
    while let Some(reserved) = within(waiting.join_next()).await {
        nodes[0].member.remove_group(reserved.unwrap().unwrap(), job(&nodes));
    }
    until("all is free", || nodes.iter().all(|node| free(node) == 4.0)).await;
}
