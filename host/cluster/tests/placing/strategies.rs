//! Strategies and labels.

use std::collections::BTreeSet;

use host_core::Error;
use host_core::placement::{Selector, Strategy};
use host_core::spec::ActorSpec;

use crate::world::{Control, cluster, plain, whole_node};

fn on(node: &str) -> ActorSpec {
    ActorSpec { strategy: Strategy::Only(node.into()), ..plain() }
}

fn labelled(labels: &str) -> ActorSpec {
    ActorSpec { labels: Selector::parse_all(labels).unwrap(), ..plain() }
}

#[tokio::test]
async fn an_actor_goes_where_its_strategy_and_its_labels_say() {
    let control = Control::new();
    let nodes = cluster(&control, 3).await;
    let third = nodes[2].id().to_string();
    let whole = |spec: ActorSpec| ActorSpec { resources: whole_node().resources, ..spec };
    for (spec, place) in [
        (on("node-1"), 1),
        (on(&third), 2),
        (labelled("zone=c"), 2),
        (labelled("zone notin (a, c)"), 1),
        (labelled("zone in (b, z), !slow"), 1),
        (ActorSpec { strategy: Strategy::Rather("node-2".into()), ..plain() }, 2),
        (ActorSpec { strategy: Strategy::Rather("nowhere".into()), ..labelled("zone=b") }, 1),
        (whole(on("node-1")), 1),
        // That one is full now.
        (whole(ActorSpec { strategy: Strategy::Rather("node-1".into()), ..plain() }), 0),
    ] {
        let actor = nodes[0].spawn(spec.clone()).await.unwrap();
        assert_eq!(actor.target().id().node, nodes[place].id(), "{spec:?}");
        assert_eq!(nodes[0].number(&actor, "count").await.unwrap(), 1);
        if !spec.resources.is_empty() {
            // It keeps its node.
            std::mem::forget(actor);
        }
    }
}

#[tokio::test]
async fn spread_actors_are_on_as_many_nodes_as_there_are() {
    let control = Control::new();
    let nodes = cluster(&control, 3).await;
    let mut actors = Vec::new();
    for _ in 0..3 {
        let spec = ActorSpec { strategy: Strategy::Spread, ..plain() };
        actors.push(nodes[1].spawn(spec).await.unwrap());
    }
    let homes: BTreeSet<_> = actors.iter().map(|actor| actor.target().id().node).collect();
    assert_eq!(homes.len(), 3);
}

#[tokio::test]
async fn what_no_node_is_is_refused_and_says_which_condition_fails_where() {
    let control = Control::new();
    let nodes = cluster(&control, 2).await;
    for (spec, why) in [
        (on("gamma"), "there is no node gamma"),
        (labelled("zone=z"), "node-0 does not match zone=z; node-1 does not match zone=z"),
        (
            ActorSpec { strategy: Strategy::Only("node-1".into()), ..labelled("zone=a") },
            "node-1 does not match zone=a",
        ),
    ] {
        let refused = nodes[0].spawn(spec).await.unwrap_err();
        assert!(matches!(&refused, Error::Unplaceable(said) if said == why), "{refused}");
    }
}
