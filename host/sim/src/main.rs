//! `host-sim`: many seeds, or one with its story.

use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use clap::Parser;
use host_sim::{Counts, Flaw, Outcome, Trace, flaw, run, scale};

/// Runs clusters of the host's rules with faults, and checks what is promised.
#[derive(Parser)]
struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Runs only this one.
    #[arg(long)]
    seed: Option<u64>,
    /// Prints what happens.
    #[arg(long)]
    trace: bool,
    /// Breaks a rule: its number in `flaw::ALL`.
    #[arg(long)]
    flaw: Option<usize>,
    /// Prints how messages, writes and memory grow with the cluster.
    #[arg(long)]
    scale: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.scale {
        scale::print();
        return ExitCode::SUCCESS;
    }
    let seeds = match options.seed {
        Some(seed) => seed..seed + 1,
        None => options.first..options.first + options.seeds,
    };
    let flaw = options.flaw.and_then(|at| flaw::ALL.get(at).copied());
    let trace = if options.trace { Trace::Print } else { Trace::Quiet };
    let began = Instant::now();
    let mut total = Counts::default();
    let mut failed = 0;
    for (seed, outcome) in run_all(seeds.clone(), flaw, trace) {
        total.add(outcome.counts);
        for violation in &outcome.violations {
            println!("seed {seed} ({} boxes): {violation}", outcome.boxes);
        }
        failed += u64::from(!outcome.violations.is_empty());
    }
    let count = seeds.end - seeds.start;
    let rate = count as f64 / began.elapsed().as_secs_f64();
    println!("{count} seeds, {failed} failed, {rate:.1} a second");
    println!("{total:?}");
    if failed > 0 {
        println!("replay one with: cargo run -p host-sim --release -- --seed N --trace");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Every seed's outcome, in order; as many at once as there are processors.
fn run_all(seeds: Range<u64>, flaw: Option<Flaw>, trace: Trace) -> Vec<(u64, Outcome)> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut outcomes = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return outcomes;
            }
            outcomes.push((seed, run(seed, flaw, trace)));
        }
    };
    let mut outcomes: Vec<(u64, Outcome)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(|worker| worker.join().expect("a worker runs"));
        results.flatten().collect()
    });
    outcomes.sort_by_key(|(seed, _)| *seed);
    outcomes
}
