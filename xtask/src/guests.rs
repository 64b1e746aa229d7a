//! `cargo xtask guests`: the examples and the test guests as components.

use anyhow::Result;
use host_toolchain::{TARGET, Toolchain};

use crate::{project, setup};

/// The folder of the examples, one package each.
const EXAMPLES: &str = "examples";

/// The folder of the package whose examples are the test guests.
const TEST_GUESTS: &str = "tests/guests";

/// How the tests build guests.
const TEST_PROFILE: &str = "guest-test";

/// Builds them all.
pub(crate) fn run() -> Result<()> {
    build(&setup::toolchain()?)
}

/// Builds them all with this compiler, the examples as users build theirs.
fn build(toolchain: &Toolchain) -> Result<()> {
    let examples = names_in(EXAMPLES)?;
    build_packages(toolchain, "guest", &examples, &[])?;
    build_packages(toolchain, TEST_PROFILE, &names_in(TEST_GUESTS)?, &["--examples"])
}

/// Builds them all as the tests run them: what optimising them would take, no
/// test gives back.
pub(crate) fn build_for_tests(toolchain: &Toolchain) -> Result<()> {
    build_packages(toolchain, TEST_PROFILE, &names_in(EXAMPLES)?, &["--lib"])?;
    build_packages(toolchain, TEST_PROFILE, &names_in(TEST_GUESTS)?, &["--examples"])
}

fn names_in(folder: &str) -> Result<Vec<String>> {
    let packages = project::packages()?;
    let inside = packages.iter().filter(|package| package.is_in(folder));
    Ok(inside.map(|package| package.name.clone()).collect())
}

/// Builds some packages, as users' actors are built.
pub(crate) fn build_examples(toolchain: &Toolchain, names: &[&str]) -> Result<()> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    build_packages(toolchain, "guest", &names, &[])
}

/// One invocation for each package: in a common one cargo would give every
/// guest the features of all, and a single async actor would put all others
/// into the slow world.
fn build_packages(
    toolchain: &Toolchain,
    profile: &str,
    names: &[String],
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
