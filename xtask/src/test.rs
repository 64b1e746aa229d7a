//! `cargo xtask test`: everything that is tested.

use anyhow::Result;

use crate::{guests, project, setup};

/// Sets up, builds the guests, and runs all the tests, those in the
/// documentation too.
pub(crate) fn run() -> Result<()> {
    setup::etcd()?;
    drop(setup::vulkan()?);
    setup::models()?;
    guests::build_for_tests(&setup::toolchain()?)?;
    // Test guests run in a host; built as programs of this machine they would
    // only cost time.
    let args = ["test", "--workspace", "--exclude", "guests", "--features", "model/gpu"];
    let build = [&args[..], &["--no-run"]].concat();
    project::run("building the tests", &mut project::cargo(&build))?;
    let run = [&args[..], &["--no-fail-fast"]].concat();
    let mut tests = project::cargo(&run);
    // It was built with them.
    tests.env("GREENROOM_HOST", project::target().join("debug").join("host"));
    project::run("running the tests", &mut tests)
}
