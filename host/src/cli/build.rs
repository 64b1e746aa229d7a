//! `host build`: a project on disk, made into a package.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_core::resources::format_bytes;
use serde_json::json;

use super::console::{Console, Format};
use super::failure::Failure;
use super::options::CacheOptions;
use super::package::{self, Source};
use super::project::{BuildOptions, Project};
use super::text::one_line;
use crate::sandbox::Package;

/// Build an actor project into a package, and check it
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Build {
    /// The project's folder
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Copy the package to this file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    options: BuildOptions,
    #[command(flatten)]
    cache: CacheOptions,
}

const EXAMPLES: &str = "\
Examples:
  host build
  host build examples/counter --output counter.wasm
  host build examples/embed --features gpu --output embed-gpu.wasm

Prints the package's file, its size and its classes. It is built in
target/guest of the project, apart from what cargo builds for this machine.";

impl Build {
    /// Carries it out.
    pub(super) fn run(self, console: &Arc<Console>) -> Result<(), Failure> {
        let built = Project::at(&self.path)?.build(&self.options, console)?;
        let source = Source::file(&built);
        let bytes = source.read()?;
        let size = bytes.len();
        let package = package::inspect(&source, bytes, &self.cache, console)?;
        let file = match self.output {
            Some(output) => copied(&built, output)?,
            None => near(built),
        };
        match console.format {
            Format::Text => console.out(&for_people(&file, size, &package)),
            Format::Json => console.out(&for_programs(&file, size, &package)),
        }
        Ok(())
    }
}

fn copied(built: &Path, output: PathBuf) -> Result<PathBuf, Failure> {
    std::fs::copy(built, &output).map_err(|error| {
        Failure::set_up(format!("--output {}: {error}", one_line(&output.display().to_string())))
    })?;
    Ok(output)
}

/// The path as seen from the working directory, if it is below it.
fn near(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().and_then(std::fs::canonicalize).ok();
    let inside = here.and_then(|here| path.strip_prefix(here).map(PathBuf::from).ok());
    inside.unwrap_or(path)
}

fn for_people(file: &Path, size: usize, package: &Package) -> String {
    let classes = class_names(package);
    let classes = if classes.is_empty() { "none".into() } else { classes.join(", ") };
    let driver = if package.info.driver.is_some() { "yes" } else { "no" };
    format!(
        "{}\n  size     {}\n  classes  {classes}\n  driver   {driver}\n",
        one_line(&file.display().to_string()),
        format_bytes(size as u64)
    )
}

fn for_programs(file: &Path, size: usize, package: &Package) -> String {
    let object = json!({
        "path": file.to_string_lossy(),
        "size": size,
        "hash": package.code.id.to_string(),
        "classes": class_names(package),
        "driver": package.info.driver.is_some(),
    });
    format!("{object}\n")
}

fn class_names(package: &Package) -> Vec<&str> {
    package.info.classes.iter().map(|class| class.name.as_str()).collect()
}
