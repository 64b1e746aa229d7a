//! The store of the records goes away, and comes back.

use std::time::Duration;

use cluster_tests::{Cluster, Load, Store, throughout};

const LOGS: usize = 4;

/// For less than a lease: nobody has to be taken for dead, and nothing that is
/// under way asks the store.
pub(crate) fn calls_go_on_while_the_store_is_away(store: Store) {
    // No actor lives where the embedded store does: with that host its actors
    // are gone too, and calls to them wait for what only the store can decide.
    let (none, some) = (["--resources", "cpus=0"], ["--resources", "cpus=8,memory=32GiB"]);
    let builder = Cluster::builder().store(store).host("alpha", &none);
    let mut cluster = builder.host("beta", &some).host("gamma", &some).start();
    let mut load = Load::new(LOGS);
    for host in [1, 2] {
        load.drive(&cluster, host, 40, 8);
    }
    load.wait_for_more(300);
    cluster.stop_store();
    load.wait_for_more(300);
    cluster.restart_store();
    cluster.wait_until_all_see_all();
    load.wait_for_more(300);
    cluster.assert_none_crashed();
    for host in 0..3 {
        load.look(&cluster, host);
    }
    let history = load.finish(&cluster, 0);
    history.assert_holds();
    assert_eq!(history.cut_off.len(), 0, "no driver's host was killed");
}

/// For far longer than a lease: nobody knows who is alive, so all actors that
/// can move stop. When the first host is back, the others find in again.
pub(crate) fn hosts_survive_a_long_absence_of_the_first() {
    /// Twice the lease and a bit.
    const ABSENCE: Duration = Duration::from_secs(25);
    let mut cluster = Cluster::start(3, Store::Embedded);
    let mut load = Load::new(LOGS);
    load.drive(&cluster, 1, 60, 8);
    load.wait_for_more(300);
    cluster.kill(0);
    throughout("the others run on", ABSENCE, || {
        cluster.assert_none_crashed();
        Ok(())
    });
    cluster.restart(0);
    cluster.wait_until_all_see_all();
    load.wait_for_more(100);
    load.look(&cluster, 2);
    load.finish(&cluster, 0).assert_holds();
}
