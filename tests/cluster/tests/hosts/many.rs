//! As many actors as a small cluster is made for.

use std::time::Duration;

use cluster_guest::Line;
use cluster_tests::{Cluster, Store, guest, until};

const ACTORS: usize = 10_000;

/// Creating them, and two calls to each.
const RUN_MAX: Duration = Duration::from_secs(300);

pub(crate) fn ten_thousand_actors_live_on_three_hosts() {
    let mut builder = Cluster::builder().store(Store::Embedded);
    for name in ["alpha", "beta", "gamma"] {
        // Room for little more than a third: no host can take them all.
        let options = ["--resources", "cpus=8,memory=12GiB", "--max-actors", "6000"];
        builder = builder.host(name, &options);
    }
    let cluster = builder.start();
    let guest = guest("cluster-guest");
    let count = ACTORS.to_string();
    let args = ["run", guest.to_str().unwrap(), "--", "many", &count, "60"];
    let file = cluster.folder().join("many.jsonl");
    let mut driver = cluster.start_command(0, "many", &args, &file);
    let spread = until("all actors have answered", RUN_MAX, || {
        assert!(!driver.has_ended(), "the driver ended early");
        let printed = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        serde_json::from_str::<Line>(&printed).map_err(|error| error.to_string())
    });
    let Line::Spread { nodes } = spread else { panic!("{spread:?}") };
    assert_eq!(nodes.iter().map(|(_, count)| count).sum::<u64>(), ACTORS as u64, "{nodes:?}");
    assert!(nodes.len() >= 2, "one host has all: {nodes:?}");
    for host in 0..3 {
        let listed = cluster.actors(host).unwrap();
        let small = listed.iter().filter(|actor| actor.class == "Small").count();
        assert_eq!(small, ACTORS, "listed by host {host}");
    }
    assert!(driver.wait(RUN_MAX).success());
    until("no actor is left behind", RUN_MAX, || {
        let left = cluster.actors(1)?.iter().filter(|actor| actor.state != "dead").count();
        if left == 0 { Ok(()) } else { Err(format!("{left} are")) }
    });
}
