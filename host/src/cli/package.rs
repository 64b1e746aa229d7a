//! From what is on the command line to a package that is loaded.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::console::Console;
use super::failure::Failure;
use super::options::CacheOptions;
use super::project::{BuildOptions, Project};
use super::runtime;
use super::text::one_line;
use crate::node::{Config, Node};
use crate::sandbox::{Package, Pool};

/// Compiling that takes longer is shown: below it nobody waits.
const NOTICEABLE: Duration = Duration::from_millis(300);

/// A package file, and what people call it.
pub(super) struct Source {
    file: PathBuf,
    name: String,
}

impl Source {
    /// A package file.
    pub(super) fn file(path: &Path) -> Source {
        Source { file: path.into(), name: one_line(&path.display().to_string()) }
    }

    /// The file at a path, or the one that the project there builds.
    pub(super) fn of(
        path: &Path,
        options: &BuildOptions,
        console: &Console,
    ) -> Result<Source, Failure> {
        let source = Source::file(path);
        if !path.is_dir() {
            return Ok(source);
        }
        let file = Project::at(path)?.build(options, console)?;
        Ok(Source { file, ..source })
    }

    /// What people call it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The file's bytes.
    pub(super) fn read(&self) -> Result<Vec<u8>, Failure> {
        std::fs::read(&self.file).map_err(|error| {
            let reason = match error.kind() {
                io::ErrorKind::NotFound => {
                    "there is no such file; give a package file or the folder of an actor project"
                        .into()
                }
                _ => error.to_string(),
            };
            Failure::package(format!("{}: {reason}", self.name))
        })
    }
}

/// Loads a package, telling people if they have to wait for the compiler.
pub(super) async fn load(
    node: &Node,
    source: &Source,
    bytes: Vec<u8>,
    console: &Console,
) -> Result<Arc<Package>, Failure> {
    let mut loading = std::pin::pin!(node.load(bytes));
    let loaded = tokio::select! {
        loaded = &mut loading => loaded,
        () = tokio::time::sleep(NOTICEABLE) => {
            console.progress(&format!("compiling {} …", source.name()));
            loading.await
        }
    };
    loaded.map_err(|error| Failure::load(source.name(), &error))
}

/// Loads a package to look at it: nothing is granted, and nothing but its
/// description runs.
pub(super) fn inspect(
    source: &Source,
    bytes: Vec<u8>,
    cache: &CacheOptions,
    console: &Arc<Console>,
) -> Result<Arc<Package>, Failure> {
    // Room for the one instance that describes.
    let pool = Pool::for_actors(Some(1)).map_err(|error| Failure::set_up(error.to_string()))?;
    let config = Config::for_this_machine(console.clone(), console.clone())
        .map_err(|error| Failure::set_up(error.to_string()))?;
    let config = Config { pool, code_cache: cache.folder(), ..config };
    let runtime = runtime()?;
    let loaded = runtime.block_on(async {
        let node = Node::start(config).map_err(|error| Failure::set_up(format!("{error:#}")))?;
        load(&node, source, bytes, console).await
    });
    runtime.shutdown_background();
    loaded
}
