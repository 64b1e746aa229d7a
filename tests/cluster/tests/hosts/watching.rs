//! What a cluster does is seen, and any actor reached, from any host.

use std::time::Duration;

use cluster_tests::{Cluster, Load, Store, until};

const LOGS: usize = 6;

/// For a line to be passed on, or an actor to be gone.
const SOON: Duration = Duration::from_secs(30);

/// Named and detached actors, each called from each of three hosts, by name
/// and by id; their lines are read from each, and each is killed from some
/// host.
pub(crate) fn any_actor_is_reached_from_any_host(store: Store) {
    let cluster = Cluster::start(3, store);
    let mut load = Load::new(LOGS);
    load.drive(&cluster, 0, 3, 4);
    load.wait_for_more(50);
    load.finish(&cluster, 0).assert_holds();
    let actors = cluster.actors(0).unwrap();
    let logs: Vec<_> = actors.iter().filter(|it| it.class == "Log").collect();
    assert_eq!(logs.len(), LOGS);
    for log in &logs {
        let (name, id) = (log.name.clone().unwrap(), log.id.as_str().unwrap());
        for host in 0..3 {
            for target in [name.as_str(), id] {
                let args = ["call", target, "append", "[\"client\", 0]"];
                let answer = cluster.output(host, &args, SOON);
                assert!(answer.starts_with("[0,"), "{target} from {host}: {answer}");
            }
            cluster.output(host, &["logs", id], SOON);
            cluster.output(host, &["get", "actor", id], SOON);
        }
    }
    for (at, log) in logs.iter().enumerate() {
        let id = log.id.as_str().unwrap();
        let killed = cluster.output(at % 3, &["kill", id], SOON);
        assert!(killed.contains(id), "{killed}");
    }
    until("all are gone", SOON, || {
        let left = cluster.actors(1)?.into_iter().filter(|it| it.class == "Log").count();
        if left == 0 { Ok(()) } else { Err(format!("{left} are there")) }
    });
}

/// Each host says that it can work, and of all others too; one that has lost
/// the control store says so, and why.
pub(crate) fn hosts_say_whether_they_can_work() {
    let mut cluster = Cluster::start(3, Store::Embedded);
    for host in 0..3 {
        let said = cluster.output(host, &["health"], SOON);
        for check in ["is ready", "canary: ok", "store: ok", "lease: ok"] {
            assert!(said.contains(check), "{said}");
        }
    }
    let status = cluster.output(1, &["status", "--format", "json"], SOON);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    for node in status["nodes"].as_array().unwrap() {
        assert_eq!(node["health"]["ready"], true, "{node}");
    }
    cluster.kill(0);
    until("the second host is not ready", SOON, || {
        let ended = cluster.run(1, &["health"]);
        let ill = ended.status.code() == Some(4) && ended.stdout.contains("store: ");
        if ill && !ended.stdout.contains("store: ok") { Ok(()) } else { Err(ended.stdout) }
    });
}
