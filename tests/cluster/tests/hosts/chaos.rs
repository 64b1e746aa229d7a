//! Faults at random, under load, and a look at everything at the end.

use std::collections::BTreeSet;
use std::env;
use std::time::Duration;

use cluster_tests::{Cluster, Faults, Load, Quality, Step, Store, throughout, until};

/// Replays a run: the seed it printed.
const SEED: &str = "GREENROOM_SEED";

/// How many faults.
const STEPS: usize = 200;

const HOSTS: usize = 3;

const LOGS: usize = 6;

/// How long a fault is left alone, at most.
const REST_MAX_MS: u64 = 1_500;

/// Past a lease, so that some pauses and cuts outlive it.
const LONG_REST: Duration = Duration::from_secs(14);

/// How many drivers there are, as far as hosts are left that run them.
const DRIVERS: usize = 2;

const MS: Duration = Duration::from_millis(1);

pub(crate) fn random_faults_break_no_promise(store: Store) {
    let seed = env::var(SEED).ok().map(|seed| seed.parse().expect("a seed is a number"));
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("seed {seed}: to replay, {SEED}={seed}");
    let mut cluster = Cluster::start(HOSTS, store);
    let mut load = Load::new(LOGS);
    // Whoever keeps the records for all goes down in tests of its own.
    let spared: &[usize] = if store == Store::Embedded { &[0] } else { &[] };
    let mut faults = Faults::new(seed, HOSTS, spared);
    let mut random = fastrand::Rng::with_seed(seed);
    for number in 0..STEPS {
        while load.running() < DRIVERS {
            let up: Vec<usize> = (0..HOSTS).filter(|host| !faults.down().contains(host)).collect();
            let host = *random.choice(&up).expect("a majority is up");
            load.drive(&cluster, host, 20, 4);
        }
        let step = faults.next().expect("a plan has no end");
        eprintln!("step {number}: {step:?}");
        apply(&mut cluster, &step);
        let rest = match random.u32(..40) {
            0 => LONG_REST,
            _ => Duration::from_millis(random.u64(..REST_MAX_MS)),
        };
        throughout("no host crashes", rest, || {
            cluster.assert_none_crashed();
            Ok(())
        });
    }
    for step in faults.end() {
        eprintln!("at the end: {step:?}");
        apply(&mut cluster, &step);
    }
    cluster.wait_until_all_see_all();
    for host in 0..HOSTS {
        load.look(&cluster, host);
    }
    let history = load.finish(&cluster, 0);
    eprintln!("{} calls, {} answered", history.operations.len(), history.done());
    history.assert_holds();
    all_list_the_same(&cluster);
}

fn apply(cluster: &mut Cluster, step: &Step) {
    let node = |cluster: &Cluster, host: usize| cluster.hosts()[host].node();
    match *step {
        Step::Kill(host) => cluster.kill(host),
        Step::Stop(host) => {
            let status = cluster.stop(host);
            assert!(status.success(), "host {host} was asked to stop and ended with {status}");
        }
        Step::Restart(host) => cluster.restart(host),
        Step::Pause(host) => cluster.host(host).process().pause(),
        Step::Resume(host) => cluster.host(host).process().resume(),
        Step::Isolate(host) => cluster.network().isolate(node(cluster, host)),
        Step::Cut { from, to } => {
            cluster.network().cut(&cluster.nodes(&[from]), &cluster.nodes(&[to]));
        }
        Step::Degrade => {
            cluster.network().degrade(Quality { delay: 5 * MS, jitter: 20 * MS, loss: 0.02 });
        }
        Step::Heal => cluster.network().heal(),
        Step::Rest => {}
    }
}

/// When all is quiet, every host tells the same of the whole cluster: the same
/// nodes, and the logs and nothing else, each once.
fn all_list_the_same(cluster: &Cluster) {
    const QUIET_MAX: Duration = Duration::from_secs(60);
    let listed = |host: usize| {
        let actors = cluster.actors(host)?;
        let alive = actors.into_iter().filter(|actor| actor.state != "dead");
        let mut names: Vec<String> = alive.map(|it| it.name.unwrap_or(it.class)).collect();
        names.sort();
        Ok::<_, String>((cluster.seen_by(host)?, names))
    };
    let (nodes, names) = until("only the logs are left", QUIET_MAX, || {
        let (nodes, names) = listed(0)?;
        let logs: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let is_log = |name: &String| name.starts_with("log-");
        let is_quiet = names.len() == LOGS && logs.len() == LOGS && names.iter().all(is_log);
        if is_quiet { Ok((nodes, names)) } else { Err(format!("{names:?}")) }
    });
    assert_eq!(nodes.len(), HOSTS, "{nodes:?}");
    for host in 1..HOSTS {
        assert_eq!(listed(host).unwrap(), (nodes.clone(), names.clone()), "host {host}");
    }
    for what in ["objects", "packages", "jobs"] {
        for host in 0..HOSTS {
            cluster.list(host, what).unwrap_or_else(|error| panic!("list {what}: {error}"));
        }
    }
}
