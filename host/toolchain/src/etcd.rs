//! The etcd that tests run against.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{FOLDER, debian};

/// The environment variable that names an etcd; it is asked first.
pub const ETCD_ENV: &str = "GREENROOM_ETCD";

/// Where the program lies, below the folder [`FOLDER`].
pub(crate) const UNPACKED: &str = "etcd/usr/bin/etcd";

/// No etcd was found.
#[derive(Debug, thiserror::Error)]
#[error("no etcd was found: run `cargo xtask setup`, or have it on PATH, or name it in {ETCD_ENV}")]
pub struct MissingEtcd;

/// The etcd program: the one that [`ETCD_ENV`] names, one in the `.toolchain`
/// folder of the project or of one above it, or one on `PATH`.
///
/// # Errors
/// If there is none; the text names the command that obtains it.
pub fn find_etcd(project: &Path) -> Result<PathBuf, MissingEtcd> {
    let folders = project.ancestors().map(|folder| folder.join(FOLDER));
    find(folders.collect())
}

/// Obtains an etcd, telling each step; Debian's is unpacked into `folder`,
/// without root. Returns at once what was obtained before.
///
/// # Errors
/// If there is none and Debian's cannot be had.
pub fn install_etcd(folder: &Path) -> Result<PathBuf> {
    if let Ok(found) = find(vec![folder.to_owned()]) {
        return Ok(found);
    }
    debian::install_etcd(folder).with_context(|| {
        format!(
            "etcd, which tests need, could not be obtained; install it or name it in {ETCD_ENV}"
        )
    })
}

fn find(folders: Vec<PathBuf>) -> Result<PathBuf, MissingEtcd> {
    let named = env::var_os(ETCD_ENV).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = named {
        return Some(named).filter(|path| path.is_file()).ok_or(MissingEtcd);
    }
    let unpacked = folders.into_iter().map(|folder| folder.join(UNPACKED));
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("etcd"));
    let mut found = unpacked.chain(on_path).filter(|path| path.is_file());
    found.next().ok_or(MissingEtcd)
}
