//! From what is on the command line to a package that is loaded.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::console::Console;
use super::failure::Failure;
use super::text::one_line;
use crate::node::Node;
use crate::sandbox::Package;

/// Compiling that takes longer is shown: below it nobody waits.
const NOTICEABLE: Duration = Duration::from_millis(300);

/// A package file, and what people call it.
pub(super) struct Source {
    file: PathBuf,
    name: String,
}

impl Source {
    /// The file at a path, or the one that the project there builds.
    pub(super) fn of(path: &Path, console: &Console) -> Result<Source, Failure> {
        let _ = console;
        Ok(Source { file: path.into(), name: one_line(&path.display().to_string()) })
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
            console.progress(&format!("compiling {}, once …", source.name()));
            loading.await
        }
    };
    loaded.map_err(|error| Failure::load(source.name(), &error))
}
