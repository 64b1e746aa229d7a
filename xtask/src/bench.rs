//! `cargo xtask bench`: Ray's microbenchmark on Greenroom, beside yardsticks.

use anyhow::Result;
use clap::Args;
use host_toolchain::TARGET;

use crate::{guests, project, setup};

/// The actors that the bench calls, and the example whose start it times.
const GUESTS: [&str; 4] = ["bench-guest", "bench-guest-async", "bench-guest-gpu", "counter"];

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Fewer rounds, each shorter: for a first look, not for numbers to quote.
    #[arg(long)]
    quick: bool,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// Optimised across crates, as for shipping: a tenth fewer instructions a
    /// call, and a build of half an hour.
    #[arg(long)]
    dist: bool,
    /// Only shapes whose names contain this.
    #[arg(long)]
    only: Option<String>,
    /// Measure the machine's own GPU, not the software driver that set-up
    /// obtains.
    #[arg(long)]
    real_gpu: bool,
}

/// Builds everything optimised and runs the bench.
pub(crate) fn run(options: &Options) -> Result<()> {
    let toolchain = setup::toolchain()?;
    guests::build_examples(&toolchain, &GUESTS)?;
    let profile = if options.dist { "dist" } else { "release" };
    let build = ["build", "--profile", profile, "--package", "bench", "--package", "host"];
    project::run("building the host and the bench, optimised", &mut project::cargo(&build))?;
    let run = ["run", "--quiet", "--profile", profile, "--package", "bench", "--"];
    let mut bench = project::cargo(&run);
    let built = host_toolchain::guest_folder(&project::root()).join(TARGET).join("guest");
    bench.arg("--guests").arg(built);
    bench.arg("--host").arg(project::target().join(profile).join("host"));
    for (flag, wanted) in [("--quick", options.quick), ("--json", options.json)] {
        if wanted {
            bench.arg(flag);
        }
    }
    if let Some(only) = &options.only {
        bench.args(["--only", only]);
    }
    if !options.real_gpu {
        bench.envs(setup::vulkan()?.environment()?);
    }
    project::run("measuring", &mut bench)
}
