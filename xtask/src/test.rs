//! `cargo xtask test`: everything that is tested.

use anyhow::Result;

use crate::{guests, project, setup};

/// Sets up, builds the guests, and runs all the tests, those in the
/// documentation too.
pub(crate) fn run() -> Result<()> {
    setup::etcd()?;
    setup::vulkan()?;
    guests::build(&setup::toolchain()?)?;
    // Test guests run in a host; built as programs of this machine they would
    // only cost time.
    let args = ["test", "--workspace", "--exclude", "guests", "--no-fail-fast"];
    project::run("running the tests", &mut project::cargo(&args))
}
