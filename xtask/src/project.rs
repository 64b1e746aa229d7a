//! Where the project is, and running programs in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its Cargo.toml.
    manifest_path: PathBuf,
}

impl Package {
    /// Whether it lies in this folder of the project.
    pub(crate) fn is_in(&self, folder: &str) -> bool {
        self.manifest_path.starts_with(root().join(folder))
    }
}

/// The top folder of the project.
pub(crate) fn root() -> PathBuf {
    // What cargo says now counts more than where this was compiled: several
    // checkouts may share a target folder.
    let xtask = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let xtask = xtask.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    xtask.parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// A `cargo` for the host's side, in the project's folder.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    host_toolchain::forget_this_build(&mut command);
    command.args(args).current_dir(root());
    command
}

/// Runs a program that speaks for itself, under a headline.
pub(crate) fn run(headline: &str, command: &mut Command) -> Result<()> {
    eprintln!("\n== {headline}");
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{program} cannot be run"))?;
    ensure!(status.success(), "{headline}: failed ({status}); the reason is above");
    Ok(())
}

/// The packages of the workspace.
pub(crate) fn packages() -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let mut command = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let output = command.output().context("cargo cannot be run")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo cannot read the workspace: {}", errors.trim());
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cargo metadata is not as expected")?;
    Ok(metadata.packages)
}
