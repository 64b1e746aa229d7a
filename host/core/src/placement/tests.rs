use super::*;

fn of<const N: usize>(entries: [(&str, f64); N]) -> Resources {
    entries.map(|(name, n)| (name, Amount::from_f64(n).unwrap())).into_iter().collect()
}

fn node<const N: usize, const M: usize>(
    id: u32,
    total: [(&str, f64); N],
    free: [(&str, f64); M],
) -> NodeView {
    let name = ["alpha", "beta", "gamma"].get(id as usize - 1).unwrap_or(&"other");
    NodeView {
        id: NodeId(id),
        name: (*name).into(),
        total: of(total),
        free: of(free),
        labels: Labels::default(),
        actors: 0,
        draining: false,
    }
}

fn place<const N: usize>(asked: [(&str, f64); N], nodes: &[NodeView]) -> Option<u32> {
    match decide(&Request::of(of(asked)), nodes) {
        Decision::Place(node) => Some(node.0),
        Decision::Wait(_) | Decision::Never(_) => None,
    }
}

fn explained<const N: usize>(asked: [(&str, f64); N], nodes: &[NodeView]) -> String {
    let request = Request::of(of(asked));
    explain(&request, &decide(&request, nodes))
}

#[test]
fn a_node_is_packed_to_half_before_the_next_is_begun() {
    let half =
        [node(1, [("cpus", 4.0)], [("cpus", 3.0)]), node(2, [("cpus", 4.0)], [("cpus", 4.0)])];
    assert_eq!(place([("cpus", 1.0)], &half), Some(1));
    assert_eq!(place([("cpus", 1.5)], &half), Some(2));
}

#[test]
fn past_half_the_least_full_is_next() {
    let nodes = [
        node(1, [("cpus", 4.0)], [("cpus", 1.0)]),
        node(2, [("cpus", 8.0)], [("cpus", 4.0)]),
        node(3, [("cpus", 4.0)], [("cpus", 1.0)]),
    ];
    assert_eq!(place([("cpus", 1.0)], &nodes), Some(2));
    assert_eq!(place([("cpus", 1.0)], &[nodes[2].clone(), nodes[0].clone()]), Some(1));
}

#[test]
fn the_fullest_resource_counts_even_if_it_is_not_asked_for() {
    let total = [("cpus", 4.0), ("memory", 100.0)];
    let nodes = [
        node(1, total, [("cpus", 4.0), ("memory", 10.0)]),
        node(2, total, [("cpus", 4.0), ("memory", 60.0)]),
    ];
    assert_eq!(place([("cpus", 1.0)], &nodes), Some(2));
}

#[test]
fn gpu_nodes_are_left_to_those_who_ask_for_gpus() {
    let gpus = node(1, [("cpus", 4.0), ("gpus", 1.0)], [("cpus", 4.0), ("gpus", 1.0)]);
    let full = node(2, [("cpus", 4.0)], [("cpus", 1.0)]);
    let nodes = [gpus, full];
    assert_eq!(place([("cpus", 1.0)], &nodes), Some(2));
    assert_eq!(place([("cpus", 2.0)], &nodes), Some(1));
    assert_eq!(place([("gpus", 0.5)], &nodes), Some(1));
    assert_eq!(place([], &nodes), Some(2));
}

#[test]
fn a_full_cluster_is_waited_for() {
    let nodes = [
        node(1, [("gpus", 4.0)], [("gpus", 1.0)]),
        node(2, [("gpus", 1.0)], [("gpus", 1.0)]),
        node(3, [("gpus", 2.0)], []),
    ];
    assert_eq!(
        explained([("gpus", 2.0)], &nodes),
        "gpus 2 waits: alpha cannot hold 2 gpus now (1 of 4 free); \
         gamma cannot hold 2 gpus now (0 of 2 free)"
    );
}

#[test]
fn what_no_node_has_is_refused_with_the_most_there_is() {
    let nodes = [node(1, [("gpus", 1.0)], []), node(2, [("memory", 1e6)], [("memory", 1e6)])];
    assert_eq!(explained([("gpus", 2.0)], &nodes), "no node has 2 gpus (largest has 1)");
    assert_eq!(
        explained([("memory", f64::from(1 << 20)), ("tpu", 1.0)], &nodes),
        "no node has 1 MiB of memory (largest has 976.56 KiB); no node has 1 tpu (largest has 0)"
    );
}

#[test]
fn what_is_never_in_one_place_is_refused_node_by_node() {
    let nodes =
        [node(1, [("cpus", 8.0), ("gpus", 1.0)], []), node(2, [("cpus", 2.0), ("gpus", 4.0)], [])];
    assert_eq!(
        explained([("cpus", 4.0), ("gpus", 2.0)], &nodes),
        "alpha cannot hold 2 gpus (has 1); beta cannot hold 4 cpus (has 2)"
    );
}

#[test]
fn without_a_node_nothing_is_placed() {
    assert_eq!(explained([], &[]), "there is no node");
    assert_eq!(explained([("cpus", 1.0)], &[]), "there is no node");
}

#[test]
fn nothing_fits_on_a_full_node() {
    assert_eq!(explained([], &[node(1, [("cpus", 1.0)], [])]), "nothing placed on n1");
}

#[test]
fn a_long_explanation_is_cut() {
    let nodes: Vec<NodeView> = (1..=100).map(|id| node(id, [("cpus", 1.0)], [])).collect();
    let text = explained([("cpus", 1.0)], &nodes);
    assert!(text.ends_with("other cannot hold 1 cpus now (0 of 1 free); and 92 more"), "{text}");
}

fn labelled(id: u32, labels: &[(&str, &str)]) -> NodeView {
    NodeView {
        labels: labels.iter().copied().collect(),
        ..node(id, [("cpus", 4.0)], [("cpus", 4.0)])
    }
}

fn selector(label: &str, test: Test) -> Selector {
    Selector { label: label.into(), test }
}

#[test]
fn spreading_goes_where_the_fewest_actors_are() {
    let mut nodes = [labelled(1, &[]), labelled(2, &[]), labelled(3, &[])];
    nodes[0].actors = 2;
    nodes[1].actors = 1;
    nodes[2].actors = 1;
    nodes[1].free = of([("cpus", 3.0)]);
    let request = Request { strategy: Strategy::Spread, ..Request::default() };
    assert_eq!(decide(&request, &nodes), Decision::Place(NodeId(3)));
}

#[test]
fn affinity_is_a_wish_or_a_condition() {
    let mut nodes = [labelled(1, &[]), labelled(2, &[])];
    let cpu = of([("cpus", 1.0)]);
    let rather = Request { strategy: Strategy::Rather("beta".into()), ..Request::of(cpu.clone()) };
    let only = Request { strategy: Strategy::Only("n2".into()), ..Request::of(cpu.clone()) };
    assert_eq!(decide(&rather, &nodes), Decision::Place(NodeId(2)));
    assert_eq!(decide(&only, &nodes), Decision::Place(NodeId(2)));
    nodes[1].free = Resources::default();
    assert_eq!(decide(&rather, &nodes), Decision::Place(NodeId(1)));
    assert_eq!(
        explain(&only, &decide(&only, &nodes)),
        "cpus 1 waits: beta cannot hold 1 cpus now (0 of 4 free)"
    );
    let gone = Request { strategy: Strategy::Only("n9".into()), ..Request::of(cpu) };
    assert_eq!(explain(&gone, &decide(&gone, &nodes)), "there is no node n9");
}

#[test]
fn labels_are_required_or_preferred() {
    let nodes = [
        labelled(1, &[("zone", "a")]),
        labelled(2, &[("zone", "b"), ("disk", "ssd")]),
        labelled(3, &[("zone", "c")]),
    ];
    let place = |required: Vec<Selector>, preferred: Vec<Selector>| {
        let request = Request { required, preferred, ..Request::of(of([("cpus", 1.0)])) };
        let decision = decide(&request, &nodes);
        match decision {
            Decision::Place(node) => node.to_string(),
            _ => explain(&request, &decision),
        }
    };
    let is = |value: &str| selector("zone", Test::Is(value.into()));
    assert_eq!(place(vec![is("c")], vec![]), "n3");
    assert_eq!(place(vec![selector("disk", Test::Exists)], vec![]), "n2");
    assert_eq!(place(vec![selector("zone", Test::IsNot("a".into()))], vec![]), "n2");
    assert_eq!(place(vec![selector("zone", Test::In(vec!["x".into(), "c".into()]))], vec![]), "n3");
    assert_eq!(place(vec![], vec![is("z"), is("b")]), "n2");
    assert_eq!(
        place(vec![is("z")], vec![]),
        "alpha does not match zone=z; beta does not match zone=z; gamma does not match zone=z"
    );
}

#[test]
fn nothing_is_placed_on_a_node_that_drains() {
    let mut nodes = [labelled(1, &[]), labelled(2, &[])];
    nodes[0].draining = true;
    let cpu = of([("cpus", 1.0)]);
    assert_eq!(decide(&Request::of(cpu.clone()), &nodes), Decision::Place(NodeId(2)));
    let only = Request { strategy: Strategy::Only("alpha".into()), ..Request::of(cpu.clone()) };
    assert_eq!(explain(&only, &decide(&only, &nodes)), "alpha is being drained");
    nodes[1].draining = true;
    let all = Request::of(cpu);
    let why = "alpha is being drained; beta is being drained";
    assert_eq!(explain(&all, &decide(&all, &nodes)), why);
}

#[test]
fn why_not_is_said_of_each_node() {
    let mut nodes = [
        labelled(1, &[("zone", "a")]),
        labelled(2, &[("zone", "b")]),
        labelled(3, &[("zone", "b")]),
        labelled(4, &[("zone", "b")]),
    ];
    nodes[1].free = Resources::default();
    nodes[2].total = of([("cpus", 1.0)]);
    let required = Selector::parse_all("zone=b").unwrap();
    let request = Request { required, ..Request::of(of([("cpus", 2.0)])) };
    let why: Vec<String> = against_each(&request, &nodes).iter().map(Reason::to_string).collect();
    let expected = [
        "alpha does not match zone=b",
        "beta cannot hold 2 cpus now (0 of 4 free)",
        "gamma cannot hold 2 cpus (has 1)",
    ];
    assert_eq!(why, expected);
}
