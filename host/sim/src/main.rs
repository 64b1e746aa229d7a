//! `host-sim`: many seeds, or one with its story.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use host_sim::{Trace, run, scale};

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
    let trace = if options.trace { Trace::Print } else { Trace::Quiet };
    let began = Instant::now();
    let (mut failed, mut calls, mut ran, mut restarts, mut refs, mut steps) = (0, 0, 0, 0, 0, 0);
    for seed in seeds.clone() {
        let outcome = run(seed, None, trace);
        calls += outcome.counts.calls;
        ran += outcome.counts.ran;
        restarts += outcome.counts.restarts;
        refs += outcome.counts.refs;
        steps += outcome.counts.steps;
        for violation in &outcome.violations {
            println!("seed {seed} ({} boxes): {violation}", outcome.boxes);
        }
        failed += u64::from(!outcome.violations.is_empty());
    }
    let count = seeds.end - seeds.start;
    let rate = count as f64 / began.elapsed().as_secs_f64();
    println!("{count} seeds, {failed} failed, {rate:.1} a second");
    println!("{calls} calls, {ran} with a value, {restarts} restarts, {refs} refs, {steps} steps");
    if failed > 0 {
        println!("replay one with: cargo run -p host-sim --release -- --seed N --trace");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
