//! The examples run on several hosts as on one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use cluster_tests::{Cluster, Store, guest};

/// For an example that takes a second on one host.
const RUN_MAX: Duration = Duration::from_secs(120);

pub(crate) fn counter_counts_wherever_it_is_run(store: Store) {
    let cluster = Cluster::start(3, store);
    let counter = guest("counter");
    let args = ["run", counter.to_str().unwrap()];
    for host in 0..3 {
        assert_eq!(cluster.output(host, &args, RUN_MAX), "[1, 2]\n", "at host {host}");
    }
}

pub(crate) fn wordcount_counts_over_three_hosts() {
    const FILES: usize = 400;
    const WORDS: usize = 500;
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut counts = BTreeMap::<String, usize>::new();
    for file in 0..FILES {
        let mut text = String::new();
        for _ in 0..WORDS {
            // Words of letters only, some far more frequent than others.
            let rank = random.u32(..40) * random.u32(..40);
            let word: String =
                rank.to_string().bytes().map(|it| char::from(it - b'0' + b'a')).collect();
            writeln!(text, "{word}").unwrap();
            *counts.entry(word).or_default() += 1;
        }
        fs::write(folder.path().join(format!("{file}.txt")), text).unwrap();
    }
    let grant = format!("{}:ro=/src", folder.path().display());
    let options = ["--dir", &grant, "--resources", "cpus=2,memory=4GiB"];
    let builder = ["alpha", "beta", "gamma"]
        .iter()
        .fold(Cluster::builder(), |builder, name| builder.host(name, &options));
    let cluster = builder.start();
    let wordcount = guest("wordcount");
    let args = ["run", wordcount.to_str().unwrap(), "--", "/src"];
    let printed = cluster.output(1, &args, RUN_MAX);
    let expected = format!("words: {}\ndistinct: {}\n", FILES * WORDS, counts.len());
    assert!(printed.starts_with(&expected), "{printed}\ninstead of\n{expected}");
    for line in printed.lines().skip(2) {
        let (count, word) = line.trim().split_once(' ').expect(line);
        assert_eq!(counts.get(word).map(usize::to_string).as_deref(), Some(count), "{word}");
    }
}
