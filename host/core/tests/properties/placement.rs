//! What every decision must be, whatever the strategy.

use fastrand::Rng;
use host_core::NodeId;
use host_core::placement::{Decision, Labels, NodeView, Request, decide, explain};
use host_core::resources::{Amount, Resources};

use crate::for_seeds;

fn random_resources(rng: &mut Rng) -> Resources {
    let mut resources = Resources::default();
    for name in ["cpus", "gpus", "memory"] {
        resources.set(name, Amount::whole(rng.u64(..6)).expect("small"));
    }
    resources
}

fn random_node(rng: &mut Rng, id: u32) -> NodeView {
    let total = random_resources(rng);
    let free = total.saturating_sub(&random_resources(rng));
    let labels = Labels::default();
    NodeView {
        id: NodeId(id),
        name: format!("node-{id}"),
        total,
        free,
        labels,
        actors: 0,
        draining: false,
    }
}

#[test]
fn a_decision_is_right_and_does_not_depend_on_the_order_of_the_view() {
    for_seeds(5_000, |rng| {
        let count = rng.u32(..6);
        let mut nodes: Vec<NodeView> = (0..count).map(|id| random_node(rng, id)).collect();
        let request = Request::of(random_resources(rng));
        let decision = decide(&request, &nodes);
        let asked = &request.resources;
        let now: Vec<&NodeView> = nodes.iter().filter(|node| asked.fits(&node.free)).collect();
        let ever = nodes.iter().filter(|node| asked.fits(&node.total)).count();
        match &decision {
            Decision::Place(id) => assert!(now.iter().any(|node| node.id == *id)),
            Decision::Wait(reasons) => assert_eq!((now.len(), ever), (0, reasons.len())),
            Decision::Never(reasons) => assert!(ever == 0 && !reasons.is_empty()),
        }
        assert!(!explain(&request, &decision).is_empty());
        rng.shuffle(&mut nodes);
        match (decision, decide(&request, &nodes)) {
            (Decision::Wait(_), Decision::Wait(_)) | (Decision::Never(_), Decision::Never(_)) => {}
            (before, after) => assert_eq!(before, after),
        }
    });
}
