//! Hosts with a GPU each, and actors that need one.

use std::fs;
use std::time::Duration;

use cluster_tests::{Cluster, example, host_with_gpus, until};

/// For three actors to be made, or one to start elsewhere: a lease runs out,
/// and a driver is opened.
const MOVE_MAX: Duration = Duration::from_secs(90);

pub(crate) fn actor_with_a_gpu_moves_to_a_host_that_has_one_free() {
    let options = ["--resources", "cpus=8,memory=32GiB", "--software-gpu", "--gpus", "1"];
    let builder = Cluster::builder().program(host_with_gpus());
    let names = ["alpha", "beta", "gamma"];
    let builder = names.iter().fold(builder, |builder, name| builder.host(name, &options));
    let mut cluster = builder.start();
    let fleet = example("guests-gpu-actors", "fleet");
    let file = cluster.folder().join("fleet");
    let args = ["run", fleet.to_str().unwrap(), "--", "2", "300"];
    let mut driver = cluster.start_command(0, "fleet", &args, &file);
    let places = || {
        let said = fs::read_to_string(&file).unwrap();
        let place = |line: &str| Some(line.rsplit_once(" at ")?.1.to_owned());
        said.lines().filter_map(place).collect::<Vec<_>>()
    };
    until("two ships are at sea", MOVE_MAX, || match places() {
        places if places.len() == 2 => Ok(()),
        places => Err(format!("{places:?}")),
    });
    let first = places();
    assert_ne!(first[0], first[1], "each host has one GPU");
    let gpus = cluster.list(0, "gpus").unwrap();
    let holders = |gpu: &serde_json::Value| gpu["holders"].as_array().unwrap().len();
    assert_eq!((gpus.len(), gpus.iter().map(holders).sum::<usize>()), (3, 2), "{gpus:?}");
    // Not the one where the driver is.
    let lost = first.iter().find(|name| *name != "alpha").unwrap();
    let free = names.iter().find(|name| !first.iter().any(|taken| taken == *name)).unwrap();
    cluster.kill(names.iter().position(|name| name == lost).unwrap());
    assert!(driver.wait(MOVE_MAX).success(), "{:?}", driver.stderr());
    assert_eq!(places()[2..], [(*free).to_owned()], "{first:?} were first");
}
