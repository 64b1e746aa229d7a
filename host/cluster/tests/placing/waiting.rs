//! Actors that wait for resources.

use host_core::placement::Labels;
use host_refs::{Args, Handle};

use crate::world::{Control, LONG, Node, carrying, cluster, until, whole_node, within};

/// Two full nodes, what fills them, and an actor that waits on one of them:
/// that one, and the other.
async fn full(args: Args) -> (Vec<Node>, Vec<Handle>, Handle, usize, usize) {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let mut filling = vec![nodes[0].spawn(whole_node()).await.unwrap()];
    filling.push(nodes[0].spawn(whole_node()).await.unwrap());
    let waits = nodes[0].spawn_with(whole_node(), args, false).await.unwrap();
    until("it waits", || nodes.iter().any(|node| node.host.waiting() == 1)).await;
    let at = nodes.iter().position(|node| node.host.waiting() == 1).unwrap();
    (nodes, filling, waits, at, 1 - at)
}

/// Lets the actor on a node end, so that the node has room.
fn empty(nodes: &[Node], filling: &mut Vec<Handle>, node: usize) {
    filling.retain(|handle| handle.target().id().node != nodes[node].id());
}

#[tokio::test]
async fn an_actor_that_waits_goes_where_there_is_room_first_with_its_calls() {
    let (nodes, mut filling, waits, at, other) = full(Args::default()).await;
    let calls: Vec<_> = (0..10).map(|_| nodes[0].call(&waits, "count", Args::default())).collect();
    empty(&nodes, &mut filling, other);
    for (call, expected) in calls.into_iter().zip(1..) {
        let value = within(call.outcome()).await.unwrap();
        assert_eq!(u64::from_be_bytes(value.bytes[..].try_into().unwrap()), expected);
    }
    assert_eq!((nodes[at].host.waiting(), nodes[other].host.actors()), (0, 1));
    assert_eq!(nodes[0].number(&waits, "restarts").await.unwrap(), 0);
    drop((waits, filling));
    until("all end", || nodes.iter().all(|node| node.host.actors() == 0)).await;
}

#[tokio::test]
async fn an_actor_that_waits_gets_its_turn_where_it_waits() {
    let (nodes, mut filling, waits, at, other) = full(Args::default()).await;
    empty(&nodes, &mut filling, at);
    assert_eq!(nodes[1].number(&waits, "count").await.unwrap_or(0), 1);
    assert_eq!((nodes[at].host.waiting(), nodes[other].host.actors()), (0, 1));
}

#[tokio::test]
async fn an_actor_whose_arguments_carry_references_stays_where_it_waits() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let object = nodes[0].put("kept");
    drop((nodes, control));
    let (nodes, mut filling, waits, at, other) = full(carrying(vec![object], Vec::new())).await;
    empty(&nodes, &mut filling, other);
    until("the other has room", || nodes[other].host.actors() == 0).await;
    assert_eq!(nodes[at].host.waiting(), 1);
    empty(&nodes, &mut filling, at);
    assert_eq!(nodes[0].number(&waits, "count").await.unwrap(), 1);
}

#[tokio::test]
async fn a_node_that_joins_takes_those_that_wait_in_the_order_they_came() {
    let control = Control::new();
    let nodes = cluster(&control, 1).await;
    let _filling = nodes[0].spawn(whole_node()).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(nodes[0].spawn(whole_node()).await.unwrap());
    }
    until("all wait", || nodes[0].host.waiting() == 3).await;
    let new = Node::start(&control, "new", Labels::default()).await;
    assert_eq!(nodes[0].number(&waiting[0], "count").await.unwrap(), 1);
    assert_eq!((nodes[0].host.waiting(), new.host.actors()), (2, 1));
    // Its end makes room for the next.
    waiting.remove(0);
    assert_eq!(nodes[0].number(&waiting[0], "count").await.unwrap(), 1);
    assert_eq!((nodes[0].host.waiting(), new.host.actors()), (1, 1));
}

#[tokio::test]
async fn an_actor_that_waits_on_a_node_that_drains_waits_on_another() {
    let (nodes, mut filling, waits, at, other) = full(Args::default()).await;
    empty(&nodes, &mut filling, other);
    let drain = nodes[other].member.drain(nodes[at].id(), LONG);
    let _drain = within(drain).await.unwrap();
    assert_eq!(nodes[0].number(&waits, "count").await.unwrap(), 1);
    assert_eq!(nodes[other].host.actors(), 1);
}

#[tokio::test]
async fn why_an_actor_waits_is_said_of_each_node() {
    let (nodes, ..) = full(Args::default()).await;
    let why = nodes[0].member.why_not(&whole_node().request());
    let expected = |node: &str| format!("{node} cannot hold 4 cpus now (0 of 4 free)");
    assert_eq!(why, [expected("node-0"), expected("node-1")]);
}
