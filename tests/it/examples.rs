//! The examples: each runs as its README says and prints what it promises.

use host_wasi::grants::{Access, DirGrant};
use tests::{World, check_with, guests};

mod models;
mod wordcount;

/// Runs an example's driver to its end, then checks what it printed.
fn check(
    name: &str,
    args: &[&str],
    folder: Option<DirGrant>,
    expect: impl FnOnce(&str) + Send + 'static,
) {
    let component = guests::example(name);
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let run = async move |world: World| {
        let package = world.try_load(component).await.expect("the example can be loaded");
        world.job.run(&package, args).await.expect("the driver succeeds");
        expect(&world.lines.stdout());
    };
    check_with(|config| config.grants.dirs.extend(folder), run);
}

/// The lines that end with this.
fn count(lines: &str, end: &str) -> usize {
    lines.lines().filter(|line| line.ends_with(end)).count()
}

#[test]
fn counter_counts_to_two() {
    check("counter", &[], None, |printed| assert_eq!(printed, "[1, 2]\n"));
}

#[test]
fn pool_spreads_uneven_jobs() {
    check("pool", &[], None, |printed| {
        let (ordered, rest) = printed.split_once("as they come:\n").expect(printed);
        let expected = "in order:
  216816 primes below 3000000
       4 primes below 10
      25 primes below 100
     168 primes below 1000
    1229 primes below 10000
    9592 primes below 100000
       8 primes below 20
      46 primes below 200
     303 primes below 2000
    2262 primes below 20000
   17984 primes below 200000
      15 primes below 50
";
        assert_eq!(ordered, expected);
        let (unordered, workers) = rest.split_at(rest.find("worker").expect(rest));
        let sorted = |lines: &str| {
            let mut lines: Vec<_> = lines.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(unordered), sorted(expected.trim_start_matches("in order:\n")));
        let jobs = workers.lines().filter_map(|line| line.split(' ').nth(3)?.parse::<u32>().ok());
        assert_eq!(jobs.sum::<u32>(), 24, "{workers}");
        assert_eq!(count(workers, " jobs"), 3, "{workers}");
    });
}

#[test]
fn bank_conserves_the_total() {
    check("bank", &[], None, |printed| {
        let closed = "refused: Ada to Mallory, 50: the account of Mallory is closed";
        let short = "refused: Eve to Ada, 1000000: Eve has 700, which is less than 1000000";
        assert_eq!((count(printed, closed), count(printed, short)), (1, 1), "{printed}");
        let end = "Ada: 200\nBen: 50\nCleo: 0\nDan: 50\nEve: 700\nMallory: 0\n\
                   total: 1000, as before\n";
        assert!(printed.ends_with(end), "{printed}");
    });
}

#[test]
fn pipeline_sends_every_order_through_all_stages() {
    check("pipeline", &[], None, |printed| {
        assert_eq!(count(printed, ": lamp, with bicycle for 16"), 1, "{printed}");
        assert_eq!(count(printed, ": chair, with bicycle for 31"), 1, "{printed}");
        assert_eq!(count(printed, ": piano, with lorry for 350"), 1, "{printed}");
        assert_eq!(count(printed, "no lamp: lamp is sold out"), 1, "{printed}");
    });
}
