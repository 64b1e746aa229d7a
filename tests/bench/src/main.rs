//! Ray's microbenchmark on Greenroom, on one host with a native actor library
//! (kameo) in the same run as the yardstick, on several with bare gRPC, and Ray
//! itself where it is installed.
//!
//! `cargo xtask bench` builds everything and runs this.

mod bare;
mod child;
mod cluster;
mod gpu;
mod guest;
mod idle;
mod process;
mod ray;
mod report;
mod shapes;
mod yardstick;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use report::Report;

/// Measures calls, spawns and objects, and prints them beside yardsticks.
#[derive(Parser)]
struct Args {
    /// Fewer rounds, each shorter: for a first look, not for numbers to quote.
    #[arg(long)]
    quick: bool,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// Leave the yardsticks out: for profiling.
    #[arg(long)]
    no_yardstick: bool,
    /// Only shapes whose names contain this.
    #[arg(long)]
    only: Option<String>,
    /// The folder with the compiled guests.
    #[arg(long, required_unless_present = "bare_server")]
    guests: Option<PathBuf>,
    /// Be the other end of the yardsticks of several hosts.
    #[arg(long, hide = true)]
    bare_server: bool,
    /// The `host` binary whose start is measured.
    #[arg(long)]
    host: Option<PathBuf>,
}

/// As in `host`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if args.bare_server {
        return host::node::runtime()?.block_on(bare::server::serve());
    }
    let guests = args.guests.unwrap_or_default();
    let rounds = if args.quick { 2 } else { 7 };
    let mut report = Report::new(args.only.clone());
    let runtime = host::node::runtime()?;
    runtime.block_on(async {
        let bench = guest::Bench::start(&guests).await?;
        for round in 0..rounds {
            eprintln!("round {} of {rounds}", round + 1);
            if !args.no_yardstick {
                yardstick::round(&mut report, args.quick).await?;
            }
            shapes::round(&mut report, &bench, args.quick).await?;
        }
        drop(bench);
        idle::measure(&mut report, &guests, args.quick).await
    })?;
    drop(runtime);
    if let Some(host) = &args.host {
        process::measure(&mut report, host, &guests, rounds)?;
        let runtime = host::node::runtime()?;
        runtime.block_on(cluster::measure(&mut report, host, &guests, args.quick))?;
    }
    if let Some(host) = &args.host {
        let runtime = host::node::runtime()?;
        runtime.block_on(gpu::measure(&mut report, host, &guests, rounds))?;
        runtime.shutdown_timeout(Duration::from_secs(10));
    }
    ray::measure(&mut report, args.quick)?;
    report.print(args.json);
    Ok(())
}
