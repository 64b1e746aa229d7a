//! `host-sim`: many seeds, or one with its story.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use host_sim::sweep::sweep;
use host_sim::{Trace, flaw, scale};

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
    /// Prints how often each fault, and what the machines did, happened.
    #[arg(long)]
    stats: bool,
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
    let count = seeds.end - seeds.start;
    let done = sweep(seeds, flaw, trace);
    let rate = count as f64 / began.elapsed().as_secs_f64();
    print!("{}", done.report());
    println!("{count} seeds, {} failed, {rate:.1} a second", done.failed.len());
    if options.stats {
        let [small, middle, large] = done.sizes;
        println!("up to 5 boxes: {small}, up to 9: {middle}, up to 50: {large}");
        print!("{}", done.counts);
    }
    if done.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
