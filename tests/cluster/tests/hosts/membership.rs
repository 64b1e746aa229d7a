//! Hosts come and go.

use std::time::Duration;

use cluster_tests::{Cluster, Load, Store, throughout};

const LOGS: usize = 6;

/// For a host to be told that it may not join.
const REFUSED_MAX: Duration = Duration::from_secs(30);

pub(crate) fn hosts_join_and_leave_under_load(store: Store) {
    let mut cluster = Cluster::start(2, store);
    let mut load = Load::new(LOGS);
    load.drive(&cluster, 0, 60, 8);
    load.wait_for_more(300);
    let options = ["--resources", "cpus=8,memory=32GiB"].map(str::to_owned);
    let third = cluster.add("gamma", options.to_vec());
    cluster.wait_until_all_see_all();
    load.drive(&cluster, third, 40, 8);
    load.wait_for_more(300);
    let status = cluster.stop(1);
    assert!(status.success(), "a host that was asked to stop ended with {status}");
    cluster.wait_until_seen(&[0, third], &[0, third]);
    load.wait_for_more(300);
    cluster.restart(1);
    cluster.wait_until_all_see_all();
    for host in 0..3 {
        load.look(&cluster, host);
    }
    let history = load.finish(&cluster, 0);
    history.assert_holds();
    assert_eq!(history.cut_off.len(), 0, "no driver's host left");
}

/// A machine that lost its disk comes back under its old name and address, once
/// the operator says that the name is no longer that of the lost key.
pub(crate) fn replaced_host_joins_as_another(store: Store) {
    let mut cluster = Cluster::start(3, store);
    let before = cluster.hosts()[2].ready().clone();
    let mut load = Load::new(LOGS);
    load.drive(&cluster, 0, 40, 8);
    load.wait_for_more(300);
    cluster.kill(2);
    cluster.wipe(2);
    let refused = cluster.enter_in_vain(2, REFUSED_MAX);
    assert!(refused.contains("host identity forget"), "it does not say what to do: {refused}");
    cluster.output(0, &["identity", "forget", "node/gamma"], REFUSED_MAX);
    cluster.enter(2);
    let after = cluster.hosts()[2].ready().clone();
    assert_eq!(after.cluster, before.cluster);
    assert_ne!(after.node, before.node, "an id is never used again");
    cluster.wait_until_all_see_all();
    load.wait_for_more(300);
    load.look(&cluster, 2);
    load.finish(&cluster, 0).assert_holds();
}

/// The first host has lost the records of the whole cluster. It must not pass
/// for what it was: it founds another cluster or gives up, and the others do
/// not follow it.
pub(crate) fn first_host_with_wiped_data_is_no_member() {
    /// Past the others' leases, and several attempts to find in again.
    const LONG: Duration = Duration::from_secs(30);
    let mut cluster = Cluster::start(3, Store::Embedded);
    let before = cluster.hosts()[0].ready().clone();
    cluster.kill(0);
    cluster.wipe(0);
    cluster.enter(0);
    let after = cluster.hosts()[0].ready().clone();
    assert_ne!(after.cluster, before.cluster, "it passes for the host it was");
    throughout("the others stay away from it", LONG, || {
        cluster.assert_none_crashed();
        let seen = cluster.seen_by(0)?;
        if seen.len() == 1 { Ok(()) } else { Err(format!("it sees {seen:?}")) }
    });
    for host in [1, 2] {
        // They may say nothing while their own store is away.
        let seen = cluster.seen_by(host).unwrap_or_default();
        let follows = seen.iter().any(|it| it.name == before.name && it.state == "alive");
        assert!(!follows, "host {host} sees {seen:?}");
    }
}
