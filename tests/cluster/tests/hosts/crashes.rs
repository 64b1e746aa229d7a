//! A host that dies, and one that only seems to.

use cluster_tests::{Cluster, Load, Store};

/// Actors under load, on all hosts.
const LOGS: usize = 6;

pub(crate) fn killed_host_loses_no_acknowledged_call(store: Store) {
    let mut cluster = Cluster::start(3, store);
    let mut load = Load::new(LOGS);
    for host in 0..3 {
        load.drive(&cluster, host, 60, 8);
    }
    load.wait_for_more(300);
    load.look(&cluster, 0);
    cluster.kill(2);
    // Its actors start elsewhere.
    cluster.wait_until_seen(&[0, 1], &[0, 1]);
    load.wait_for_more(300);
    load.look(&cluster, 1);
    cluster.restart(2);
    cluster.wait_until_all_see_all();
    load.wait_for_more(100);
    load.look(&cluster, 2);
    let history = load.finish(&cluster, 0);
    history.assert_holds();
    let survivors = ["driver-0", "driver-1"];
    assert!(survivors.iter().all(|it| history.finished.contains(*it)), "{:?}", history.finished);
    assert!(history.cut_off.contains("driver-2"), "the driver of the killed host ended well");
}

/// The zombie: a host that stands still past its lease, and then believes that
/// no time has passed.
pub(crate) fn paused_host_answers_nothing_once_its_lease_is_over(store: Store) {
    let mut cluster = Cluster::start(3, store);
    let mut load = Load::new(LOGS);
    for host in 0..3 {
        load.drive(&cluster, host, 60, 8);
    }
    load.wait_for_more(300);
    cluster.host(2).process().pause();
    cluster.wait_until_seen(&[0, 1], &[0, 1]);
    load.wait_for_more(300);
    load.look(&cluster, 0);
    cluster.host(2).process().resume();
    // What it would answer from its old life is in the history of its driver,
    // and of those whose calls it had in its mailboxes.
    cluster.wait_until_all_see_all();
    for host in 0..3 {
        load.look(&cluster, host);
    }
    load.finish(&cluster, 0).assert_holds();
}
