//! Obtaining a compiler when none is there.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process::output_within;
use crate::{Origin, Step, TARGET, Toolchain, debian};

/// 25 MB come in seconds; a server that cannot be reached may also just never
/// answer, and then Debian's is asked.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// Where to take a compiler from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Source {
    /// The first of these that works: what is there, rustup, Debian.
    #[default]
    Any,
    /// Only `rustup target add`.
    Rustup,
    /// Only Debian's packages, even if another compiler is there.
    Debian,
}

/// Obtains a compiler for the guests of `project`, telling each step; Debian's
/// is unpacked into `folder`. Returns at once what was obtained before. A run
/// that is interrupted leaves nothing that a later one would trip over.
pub fn install(project: &Path, folder: &Path, source: Source) -> Result<Toolchain> {
    let mut reasons = Vec::new();
    match source {
        Source::Any => {
            if let Ok(found) = Toolchain::find(project) {
                return Ok(found);
            }
        }
        Source::Rustup => {
            if let Ok(found) = Toolchain::find(project)
                && matches!(found.origin(), Origin::InUse(_))
            {
                return Ok(found);
            }
        }
        Source::Debian => {}
    }
    if source != Source::Debian {
        match from_rustup(project) {
            Ok(found) => return Ok(found),
            Err(error) => reasons.push(format!("{error:#}")),
        }
    }
    if source != Source::Rustup {
        match debian::install(folder) {
            Ok(found) => return Ok(found),
            Err(error) => reasons.push(format!("{error:#}")),
        }
    }
    bail!(
        "no compiler for {TARGET} could be obtained:\n  {}\n\
         Install one by hand and run this again: `rustup target add {TARGET}`, \
         or on Debian testing `apt-get install rustc libstd-rust-dev-wasm32`.",
        reasons.join("\n  ")
    )
}

/// Adds the target to the Rust toolchain in use.
fn from_rustup(project: &Path) -> Result<Toolchain> {
    let step = Step::start(format!("asking rustup for {TARGET}"));
    let mut rustup = Command::new("rustup");
    // A project may choose its toolchain by a file.
    rustup.args(["target", "add", TARGET]).current_dir(project);
    let found = output_within(&mut rustup, RUSTUP_LIMIT, || ())
        .map_err(anyhow::Error::from)
        .and_then(|_| Ok(Toolchain::find(project)?));
    match found {
        Ok(found) => {
            step.done(&found);
            Ok(found)
        }
        Err(error) => {
            step.failed(format_args!("{error:#}"));
            Err(error)
        }
    }
}
