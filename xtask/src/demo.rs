//! `cargo xtask demo`: the counter example, from nothing.

use anyhow::Result;
use host_toolchain::TARGET;

use crate::{guests, project, setup};

/// Sets up, builds the host and the example, and runs it.
pub(crate) fn run() -> Result<()> {
    let toolchain = setup::toolchain()?;
    guests::build_examples(&toolchain, &["counter"])?;
    // Unoptimised, but for the compiler in it: half an optimised build's time.
    project::run("building the host", &mut project::cargo(&["build", "--package", "host"]))?;

    let guests = host_toolchain::guest_folder(&project::root());
    let component = guests.join(TARGET).join("guest/counter.wasm");
    let mut host = project::cargo(&["run", "--quiet", "--package", "host", "--", "run"]);
    project::run("host run counter.wasm", host.arg(component))
}
