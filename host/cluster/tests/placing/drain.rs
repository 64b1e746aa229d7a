//! Taking a node out of use.

use std::time::Duration;

use host_cluster::Drain;
use host_core::placement::Strategy;
use host_core::spec::{ActorSpec, Tries};
use host_core::{Cause, Error};
use host_refs::Args;
use tokio::sync::watch;

use crate::world::{Control, LONG, Node, cluster, plain, until, within};

const SOON: Duration = Duration::from_millis(300);

/// Rather on the second node.
fn there() -> ActorSpec {
    ActorSpec { strategy: Strategy::Rather("node-1".into()), ..plain() }
}

/// The same, and it may restart elsewhere.
fn lasting(name: &str) -> ActorSpec {
    ActorSpec { detached: true, name: Some(name.into()), ..there() }
}

async fn over(mut drain: watch::Receiver<Drain>) -> Drain {
    let over = within(drain.wait_for(|drain| drain.over)).await;
    over.expect("the node is not lost").clone()
}

async fn draining_is_seen(nodes: &[Node]) {
    for node in nodes {
        let seen = || node.member.nodes().iter().any(|node| node.record.draining);
        until("the record says that the node drains", seen).await;
    }
}

#[tokio::test]
async fn actors_that_may_restart_go_elsewhere_and_their_calls_with_them() {
    let control = Control::new();
    let nodes = cluster(&control, 3).await;
    let actor = nodes[0].spawn(lasting("hits")).await.unwrap();
    assert_eq!(actor.target().id().node, nodes[1].id());
    assert_eq!(nodes[0].number(&actor, "count").await.unwrap(), 1);
    let before: Vec<_> =
        (0..100).map(|_| nodes[0].call(&actor, "count", Args::default())).collect();
    let drain = within(nodes[2].member.drain(nodes[1].id(), LONG)).await.unwrap();
    let after: Vec<_> = (0..100).map(|_| nodes[0].call(&actor, "count", Args::default())).collect();
    // Not one is lost, and each state counts from the beginning.
    let mut counts = Vec::new();
    for call in before.into_iter().chain(after) {
        let value = within(call.outcome()).await.unwrap();
        counts.push(u64::from_be_bytes(value.bytes[..].try_into().unwrap()));
    }
    let old = counts.windows(2).position(|pair| pair[0] > pair[1]).unwrap_or(counts.len()) + 1;
    let expected = (2..=1 + old as u64).chain(1..=(counts.len().saturating_sub(old)) as u64);
    assert_eq!(counts, expected.take(counts.len()).collect::<Vec<_>>());
    let drain = over(drain).await;
    assert_eq!((drain.moved.count, drain.ended.count, drain.left), (1, 0, 0), "{drain:?}");
    assert_eq!(drain.moved.first.len(), 1);
    within(nodes[1].member.drained()).await;
    assert_eq!(nodes[1].host.actors(), 0);
    // No restart was left, and none was needed: but it is another life.
    assert_eq!(nodes[0].number(&actor, "restarts").await.unwrap(), 1);
    let found = within(nodes[2].member.lookup("default", "hits")).await.unwrap();
    assert_eq!(found.target().id(), actor.target().id());
}

#[tokio::test]
async fn what_cannot_move_lives_until_the_deadline_and_says_why_it_ended() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let plain = nodes[0].spawn(there()).await.unwrap();
    let named = nodes[0].spawn(lasting("hits")).await.unwrap();
    let stuck = nodes[0].call(&named, "stuck", Args::default());
    let kept = nodes[0].ask(&plain, "echo", Args::plain("before")).await.unwrap();
    let drain = within(nodes[1].member.drain(nodes[1].id(), SOON)).await.unwrap();
    assert_eq!(nodes[0].ask(&plain, "echo", Args::plain("during")).await.unwrap().bytes, "during");
    let over = over(drain).await;
    assert_eq!((over.moved.count, over.ended.count), (1, 1), "{over:?}");
    let died = nodes[0].ask(&plain, "count", Args::default()).await.unwrap_err();
    let expected = "node node-1 drained";
    assert!(
        matches!(&*died, Error::Died { cause: Cause::NodeLost, message, .. } if message == expected),
        "{died}"
    );
    let cut = within(stuck.outcome()).await.unwrap_err();
    assert!(matches!(&*cut, Error::Unavailable(why) if why.contains("may have run")), "{cut}");
    assert_eq!(nodes[0].number(&named, "count").await.unwrap(), 1);
    drop(kept);
}

#[tokio::test]
async fn nothing_is_placed_on_a_node_that_drains() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let keeps_it = nodes[0].spawn(there()).await.unwrap();
    let drain = within(nodes[0].member.drain(nodes[1].id(), LONG)).await.unwrap();
    // The others may not know yet: then the node itself refuses.
    let actor = nodes[0].spawn(there()).await.unwrap();
    assert_eq!(actor.target().id().node, nodes[0].id());
    draining_is_seen(&nodes).await;
    let only = ActorSpec { strategy: Strategy::Only("node-1".into()), ..plain() };
    for node in &nodes {
        let refused = node.spawn(only.clone()).await.unwrap_err();
        let why = "node-1 is being drained";
        assert!(matches!(&refused, Error::Unplaceable(said) if said == why), "{refused}");
    }
    assert!(nodes[1].member.is_draining() && !nodes[0].member.is_draining());
    // The last actor ends by itself, long before the deadline.
    drop(keeps_it);
    let over = over(drain).await;
    assert_eq!((over.moved.count, over.ended.count), (0, 0), "{over:?}");
}

#[tokio::test]
async fn objects_of_a_node_that_leaves_are_counted() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let here = nodes[0].spawn(plain()).await.unwrap();
    assert_eq!(here.target().id().node, nodes[0].id());
    // The second node makes an actor on the first, and gives it an object.
    let other = ActorSpec { strategy: Strategy::Only("node-0".into()), ..plain() };
    let other = nodes[1].spawn(other).await.unwrap();
    let object = nodes[1].put("kept");
    let kept = crate::world::carrying(vec![object], Vec::new());
    nodes[1].ask(&other, "keep", kept).await.unwrap();
    let drain = within(nodes[0].member.drain(nodes[1].id(), SOON)).await.unwrap();
    let over = over(drain).await;
    assert_eq!((over.objects_lent, over.orphans), (1, 1), "{over:?}");
}

#[tokio::test]
async fn a_drain_that_makes_no_sense_is_refused() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let busy = nodes[0].spawn(there()).await.unwrap();
    let (first, second) = (nodes[0].id(), nodes[1].id());
    let unknown = within(nodes[0].member.drain(host_core::NodeId(77), LONG)).await.unwrap_err();
    assert!(unknown.to_string().contains("there is no node n77"), "{unknown}");
    let _drain = within(nodes[0].member.drain(second, LONG)).await.unwrap();
    for node in &nodes {
        let again = within(node.member.drain(second, LONG)).await.unwrap_err();
        assert!(again.to_string().contains("is being drained already"), "{again}");
    }
    draining_is_seen(&nodes).await;
    for node in &nodes {
        let last = within(node.member.drain(first, LONG)).await.unwrap_err();
        assert!(last.to_string().contains("is the last node that takes actors"), "{last}");
    }
    drop(busy);
}

#[tokio::test]
async fn an_actor_that_finds_no_place_elsewhere_ends_at_the_deadline() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    let only = Strategy::Only("node-1".into());
    let pinned =
        ActorSpec { strategy: only, max_restarts: Tries::AtMost(9), detached: true, ..plain() };
    let pinned = nodes[0].spawn(pinned).await.unwrap();
    let drain = within(nodes[0].member.drain(nodes[1].id(), SOON)).await.unwrap();
    let over = over(drain).await;
    assert_eq!((over.moved.count, over.ended.count), (0, 1), "{over:?}");
    let died = nodes[0].ask(&pinned, "count", Args::default()).await.unwrap_err();
    assert!(died.to_string().contains("node node-1 drained, and no other node"), "{died}");
}
