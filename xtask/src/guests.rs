//! `cargo xtask guests`: the examples and the test guests as components.

use anyhow::Result;
use host_toolchain::{TARGET, Toolchain};

use crate::{project, setup};

/// The folder of the examples, one package each.
const EXAMPLES: &str = "examples";

/// The folder of the package whose examples are the test guests.
const TEST_GUESTS: &str = "tests/guests";

/// Builds them all.
pub(crate) fn run() -> Result<()> {
    build(&setup::toolchain()?)
}

/// Builds them all with this compiler.
pub(crate) fn build(toolchain: &Toolchain) -> Result<()> {
    let packages = project::packages()?;
    let names = |folder| {
        let inside = packages.iter().filter(move |package| package.is_in(folder));
        inside.map(|package| package.name.as_str()).collect::<Vec<_>>()
    };
    build_packages(toolchain, "guest", &names(EXAMPLES), &[])?;
    // Many and small: what optimising them would take, no test gives back.
    build_packages(toolchain, "guest-test", &names(TEST_GUESTS), &["--examples"])
}

/// Builds some packages, as users' actors are built.
pub(crate) fn build_examples(toolchain: &Toolchain, names: &[&str]) -> Result<()> {
    build_packages(toolchain, "guest", names, &[])
}

/// One invocation for each package: in a common one cargo would give every
/// guest the features of all, and a single async actor would put all others
/// into the slow world.
fn build_packages(
    toolchain: &Toolchain,
    profile: &str,
    names: &[&str],
    more: &[&str],
) -> Result<()> {
    let root = project::root();
    for name in names {
        let mut cargo = toolchain.cargo();
        cargo.args(["build", "--target", TARGET, "--profile", profile]).current_dir(&root);
        cargo.arg("--target-dir").arg(host_toolchain::guest_folder(&root)).args(more);
        cargo.args(["--package", name]);
        project::run(&format!("building guest {name}"), &mut cargo)?;
    }
    Ok(())
}
