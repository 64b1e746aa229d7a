//! `cargo xtask ci`: what a change has to pass.

use std::time::Duration;

use anyhow::Result;
use host_toolchain::output_within;

use crate::{project, test};

/// A database that takes longer than this counts as out of reach.
const ADVISORIES_LIMIT: Duration = Duration::from_secs(120);

/// Checks form, lints, documentation and dependencies, then runs the tests.
pub(crate) fn run() -> Result<()> {
    check("the form", &["fmt", "--all", "--check"])?;
    let clippy = ["clippy", "--locked", "--workspace", "--all-targets", "--features", "model/gpu"];
    check("the lints", &[&clippy[..], &["--", "--deny", "warnings"]].concat())?;
    let mut doc = project::cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
    project::run("checking the documentation", doc.env("RUSTDOCFLAGS", "--deny warnings"))?;
    let not_run = dependencies()?;
    test::run()?;
    match not_run {
        Some(what) => eprintln!("\nall passed, but {what}"),
        None => eprintln!("\nall passed"),
    }
    Ok(())
}

fn check(what: &str, args: &[&str]) -> Result<()> {
    project::run(&format!("checking {what}"), &mut project::cargo(args))
}

/// Runs cargo-deny as far as possible here; says what was not.
fn dependencies() -> Result<Option<String>> {
    let mut version = project::cargo(&["deny", "--version"]);
    if output_within(&mut version, ADVISORIES_LIMIT, || ()).is_err() {
        let missing = "the dependencies were not checked: cargo-deny is not installed \
                       (`cargo install cargo-deny`)";
        eprintln!("\n== {missing}");
        return Ok(Some(missing.to_owned()));
    }
    eprintln!("\n== fetching the database of advisories");
    let mut fetch = project::cargo(&["deny", "fetch", "db"]);
    match output_within(&mut fetch, ADVISORIES_LIMIT, || ()) {
        Ok(_) => {
            check("the dependencies", &["deny", "check"])?;
            Ok(None)
        }
        Err(error) => {
            let missing = format!("advisories were not checked: their database: {error}");
            eprintln!("{missing}");
            let args = ["deny", "check", "bans", "licenses", "sources"];
            check("the dependencies, without advisories", &args)?;
            Ok(Some(missing))
        }
    }
}
