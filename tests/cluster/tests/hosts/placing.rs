//! Where actors go, and how a host is taken out of use.

use std::time::Duration;

use cluster_tests::{Cluster, Load, Store, guest, until};

/// For a driver that creates a few actors.
const RUN_MAX: Duration = Duration::from_secs(60);

/// For a drain: its deadline, and some patience on a busy machine.
const DRAIN_MAX: Duration = Duration::from_secs(90);

/// For a host to end once it has left.
const END_MAX: Duration = Duration::from_secs(30);

const LOGS: usize = 6;

/// What a run of the guest prints, line by line.
fn lines(cluster: &Cluster, host: usize, args: &[&str]) -> Vec<String> {
    let guest = guest("cluster-guest");
    let args = [&["run", guest.to_str().unwrap(), "--"], args].concat();
    cluster.output(host, &args, RUN_MAX).lines().map(str::to_owned).collect()
}

/// Three hosts in zones a, b and c, each with so many CPUs.
fn zones(cpus: u32) -> Cluster {
    let resources = format!("cpus={cpus},memory=8GiB");
    let host = |name, labels: &'static str| (name, labels);
    let hosts = [host("alpha", "zone=a"), host("beta", "zone=b"), host("gamma", "zone=c,disk=ssd")];
    let builder = hosts.iter().fold(Cluster::builder(), |builder, (name, labels)| {
        builder.host(name, &["--labels", labels, "--resources", &resources])
    });
    builder.start()
}

pub(crate) fn actors_are_where_their_strategy_and_labels_say() {
    let cluster = zones(8);
    let placed = lines(
        &cluster,
        0,
        &[
            "place",
            "on=beta",
            "near=gamma",
            "near=nowhere",
            "labels:zone=c",
            "labels:zone notin (a, c)",
            "labels:disk",
            "labels:!disk, zone in (b, z)",
            "on=omega",
            "labels:zone=z",
        ],
    );
    let there = |at: usize| placed[at].split(' ').take(2).collect::<Vec<_>>().join(" ");
    let known: Vec<String> = [0, 1, 3, 4, 5, 6].map(there).to_vec();
    assert_eq!(known, ["beta b", "gamma c", "gamma c", "beta b", "gamma c", "beta b"]);
    assert!(placed[7].contains("there is no node omega"), "{placed:?}");
    for node in ["alpha", "beta", "gamma"] {
        assert!(placed[8].contains(&format!("{node} does not match zone=z")), "{placed:?}");
    }
    let mut spread = lines(&cluster, 1, &["place", "spread", "spread", "spread"]);
    spread.sort();
    assert_eq!(spread, ["alpha a 1 0", "beta b 1 0", "gamma c 1 0"]);
}

pub(crate) fn actors_that_wait_go_to_a_host_that_joins() {
    let options = ["--resources", "cpus=1,memory=8GiB"];
    let mut cluster = Cluster::builder().host("alpha", &options).host("beta", &options).start();
    let file = cluster.folder().join("waits");
    let guest = guest("cluster-guest");
    let args = ["run", guest.to_str().unwrap(), "--", "wait", "3"];
    let mut driver = cluster.start_command(0, "wait", &args, &file);
    let waits = until("one waits", RUN_MAX, || {
        let actors = cluster.actors(0)?;
        let waits = actors.iter().find(|actor| actor.state == "pending");
        waits
            .and_then(|actor| actor.id.as_str().map(str::to_owned))
            .ok_or_else(|| format!("{actors:?}"))
    });
    let why = cluster.output(1, &["explain", &waits], RUN_MAX);
    for node in ["alpha", "beta"] {
        let full = format!("{node} cannot hold 1 cpus now (0 of 1 free)");
        assert!(why.contains(&full), "{why}");
    }
    cluster.add("gamma", options.map(str::to_owned).to_vec());
    assert!(driver.wait(RUN_MAX).success());
    let said = std::fs::read_to_string(&file).unwrap();
    assert!(said.ends_with("gamma none 1 0\n"), "{said}");
}

pub(crate) fn group_ends_with_a_host_and_leaves_nothing_reserved() {
    let mut cluster = zones(4);
    let file = cluster.folder().join("group");
    let guest = guest("cluster-guest");
    let args = ["run", guest.to_str().unwrap(), "--", "group"];
    let mut driver = cluster.start_command(0, "group", &args, &file);
    let said = || std::fs::read_to_string(&file).unwrap_or_default();
    until("its actors are there", RUN_MAX, || {
        if said().ends_with("held\n") { Ok(()) } else { Err(said()) }
    });
    let listed = cluster.output(1, &["list", "groups", "--format", "json"], RUN_MAX);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("it is one group");
    assert_eq!((&listed["state"], &listed["strategy"]), (&"ready".into(), &"strict-spread".into()));
    let nodes = listed["bundles"].as_array().unwrap().iter().map(|bundle| &bundle["node"]);
    let nodes: std::collections::BTreeSet<_> = nodes.map(ToString::to_string).collect();
    assert_eq!(nodes.len(), 3, "{listed}");
    cluster.kill(2);
    assert!(driver.wait(RUN_MAX).success(), "{}", said());
    let said = said();
    let lines: Vec<&str> = said.lines().collect();
    let mut places = lines[..3].to_vec();
    places.sort_unstable();
    assert_eq!(places, ["alpha", "beta", "gamma"], "{said}");
    for (place, cause) in lines[..3].iter().zip(&lines[4..7]) {
        let expected = if *place == "gamma" { "NodeLost" } else { "GroupRemoved" };
        assert_eq!(*cause, expected, "{said}");
    }
    assert_eq!(lines[7], "again", "{said}");
    assert!(lines[8].contains("2 of 3 bundles find a node of their own"), "{said}");
    assert_eq!(cluster.output(1, &["list", "groups", "--format", "json"], RUN_MAX), "");
}

pub(crate) fn drained_host_hands_its_actors_over_under_load(store: Store) {
    let mut cluster = Cluster::start(3, store);
    assert_eq!(lines(&cluster, 0, &["settle", "sitter", "beta"]), ["beta none 1 0"]);
    let mut load = Load::new(LOGS);
    load.drive(&cluster, 0, 40, 8);
    load.wait_for_more(300);
    let drained = cluster.output(2, &["drain", "beta", "--format", "json"], DRAIN_MAX);
    let drained: serde_json::Value = serde_json::from_str(&drained).expect("it is JSON");
    assert_eq!(drained["ended"], 0, "{drained}");
    let moved = drained["first_moved"].as_array().expect("a list");
    let is_sitter = |label: &serde_json::Value| label.as_str().unwrap().starts_with("Sitter(");
    assert!(moved.iter().any(is_sitter), "{drained}");
    // Well, and by itself.
    let status = cluster.host(1).process().wait(END_MAX);
    assert!(status.success(), "beta ended with {status}");
    cluster.wait_until_seen(&[0, 2], &[0, 2]);
    load.wait_for_more(300);
    let visit = lines(&cluster, 2, &["visit", "sitter"]);
    assert!(visit[0].ends_with(" none 1 1") && !visit[0].starts_with("beta"), "{visit:?}");
    load.look(&cluster, 0);
    load.finish(&cluster, 0).assert_holds();
}

pub(crate) fn drain_of_what_cannot_be_drained_is_refused() {
    let cluster = zones(8);
    let refused = |args: &[&str], why: &str| {
        let ended = cluster.run(2, &[&["drain"], args].concat());
        assert!(!ended.status.success() && ended.stderr.contains(why), "{args:?}: {ended:?}");
    };
    refused(&["omega"], "no node is called \"omega\"");
    refused(&["alpha"], "it keeps the cluster's records");
    // A driver is running there until it is ended at the deadline.
    let guest = guest("cluster-guest");
    let file = cluster.folder().join("load");
    let load = ["run", guest.to_str().unwrap(), "--", "load", "driver", "1", "60", "1"];
    let _driver = cluster.start_command(1, "load", &load, &file);
    until("the driver is there", RUN_MAX, || {
        let actors = cluster.actors(0)?;
        let is_there = actors.iter().any(|actor| actor.class == "driver");
        if is_there { Ok(()) } else { Err(format!("{actors:?}")) }
    });
    let drain = ["drain", "beta", "--deadline", "20s"];
    let mut drain = cluster.start_command(0, "drain", &drain, &cluster.folder().join("drain"));
    until("beta drains", RUN_MAX, || {
        let seen = cluster.seen_by(0)?;
        let draining = |it: &&cluster_tests::NodeView| it.name == "beta" && it.state == "draining";
        seen.iter().find(draining).map(|_| ()).ok_or_else(|| format!("{seen:?}"))
    });
    refused(&["beta"], "is being drained already");
    let nowhere = lines(&cluster, 2, &["place", "on=beta"]);
    assert!(nowhere[0].contains("beta is being drained"), "{nowhere:?}");
    assert!(drain.wait(DRAIN_MAX).success());
    let said = std::fs::read_to_string(cluster.folder().join("drain")).unwrap();
    assert!(said.contains("node beta is drained and leaves"), "{said}");
    assert!(said.contains("  ended  driver("), "{said}");
}
