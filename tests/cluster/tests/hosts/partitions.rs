//! Hosts that run and do not reach each other.

use std::time::Duration;

use cluster_tests::{Cluster, Load, Quality, Store};

const LOGS: usize = 6;

/// One of three is cut off, also from the records: it stops in time, and the
/// others go on.
pub(crate) fn majority_goes_on_without_a_host_that_is_cut_off(store: Store) {
    let mut cluster = Cluster::start(3, store);
    let mut load = Load::new(LOGS);
    for host in 0..3 {
        load.drive(&cluster, host, 60, 8);
    }
    load.wait_for_more(300);
    let before = id_of(&cluster, "gamma");
    cluster.network().isolate(cluster.hosts()[2].node());
    cluster.wait_until_seen(&[0, 1], &[0, 1]);
    load.wait_for_more(300);
    load.look(&cluster, 0);
    cluster.network().heal();
    cluster.wait_until_all_see_all();
    cluster.assert_none_crashed();
    for host in 0..3 {
        load.look(&cluster, host);
    }
    let history = load.finish(&cluster, 0);
    history.assert_holds();
    // Its driver goes on if it was back before its lease was over, and ends with
    // its id if not.
    let may_end = id_of(&cluster, "gamma") != before;
    let ended: Vec<_> = history.cut_off.iter().map(String::as_str).collect();
    assert!(ended.is_empty() || may_end && ended == ["driver-2"], "{ended:?}, {may_end}");
}

fn id_of(cluster: &Cluster, name: &str) -> Option<serde_json::Value> {
    let nodes = cluster.list(0, "nodes").unwrap();
    nodes.into_iter().find(|node| node["name"] == name).map(|node| node["node"].clone())
}

/// Two hosts that both reach the records: one hears the other, but not the
/// other way round. Their leases hold; callers get errors, not silence.
pub(crate) fn cut_in_one_direction_breaks_no_promise(store: Store) {
    let cluster = Cluster::start(3, store);
    let mut load = Load::new(LOGS);
    for host in 0..3 {
        load.drive(&cluster, host, 40, 8);
    }
    load.wait_for_more(300);
    cluster.network().cut(&cluster.nodes(&[1]), &cluster.nodes(&[2]));
    // The driver at the first host reaches all actors as before.
    load.wait_for_more(300);
    cluster.network().heal();
    load.wait_for_more(300);
    for host in 0..3 {
        load.look(&cluster, host);
    }
    load.finish(&cluster, 0).assert_holds();
}

/// Late, reordered and lost packets are TCP's affair: slow, but no fault.
pub(crate) fn poor_network_breaks_no_promise(store: Store) {
    let mut cluster = Cluster::start(3, store);
    let mut load = Load::new(LOGS);
    for host in 0..3 {
        load.drive(&cluster, host, 30, 8);
    }
    let (delay, jitter) = (Duration::from_millis(5), Duration::from_millis(20));
    cluster.network().degrade(Quality { delay, jitter, loss: 0.02 });
    load.wait_for_more(300);
    cluster.assert_none_crashed();
    cluster.network().heal();
    cluster.wait_until_all_see_all();
    load.look(&cluster, 1);
    load.finish(&cluster, 0).assert_holds();
}
