//! The folders and files that a node and its clients on one machine share.

use std::path::{Path, PathBuf};

use super::failure::Failure;

/// The file in which a node says where it listens.
const ADDRESS: &str = "address";

/// `$XDG_DATA_HOME/greenroom`, or `~/.local/share/greenroom`, unless another
/// folder is given.
pub(super) fn data_dir(given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let folder = match std::env::var_os("XDG_DATA_HOME").map(PathBuf::from) {
        // The specification says to ignore relative paths.
        Some(folder) if folder.is_absolute() => Some(folder),
        _ => std::env::home_dir().map(|home| home.join(".local/share")),
    };
    let folder = folder.ok_or_else(|| {
        Failure::set_up("there is no home directory; say with --data-dir where the node's data is")
    })?;
    Ok(folder.join("greenroom"))
}

/// The file in which the node of a data directory says where it listens.
pub(super) fn address_file(data_dir: &Path) -> PathBuf {
    data_dir.join(ADDRESS)
}

/// The folder of the credential for a cluster, known by the address of one of
/// its nodes: `$XDG_CONFIG_HOME/greenroom/ADDRESS`, or in `~/.config`.
pub(super) fn credential(address: &str) -> Result<PathBuf, Failure> {
    let folder = match std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from) {
        Some(folder) if folder.is_absolute() => Some(folder),
        _ => std::env::home_dir().map(|home| home.join(".config")),
    };
    let folder =
        folder.ok_or_else(|| Failure::set_up("there is no home directory for the credential"))?;
    // An address has no separators of paths; what else it may have is no file.
    let name = address.replace(['/', '\\'], "_");
    Ok(folder.join("greenroom").join(name))
}
