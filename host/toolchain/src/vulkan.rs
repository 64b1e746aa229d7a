//! The software Vulkan driver that tests of the GPU run on.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{FOLDER, debian};

/// The environment variable that names the folder of a driver; it is asked
/// first.
pub const VULKAN_ENV: &str = "GREENROOM_VULKAN";

/// The folder it is unpacked into, in that of set-up.
pub(crate) const NAME: &str = "vulkan";

/// The two files that each name a driver to the loader, below the folder.
pub(crate) const DRIVERS: [&str; 2] = ["first.json", "second.json"];

/// The folder of all its libraries, below the folder.
pub(crate) const LIBRARIES: &str = "libraries";

/// No driver was found.
#[derive(Debug, thiserror::Error)]
#[error(
    "no Vulkan driver for tests was found: run `cargo xtask setup`, or name a folder that it unpacked one into in {VULKAN_ENV}"
)]
pub struct MissingVulkan;

/// A software Vulkan driver, unpacked: a loader, and Mesa's lavapipe twice,
/// so that a test sees two devices.
#[derive(Clone, Debug)]
pub struct Vulkan {
    folder: PathBuf,
}

/// The driver that [`VULKAN_ENV`] names, or one in the `.toolchain` folder of
/// the project or of one above it.
///
/// # Errors
/// If there is none; the text names the command that obtains it.
pub fn find_vulkan(project: &Path) -> Result<Vulkan, MissingVulkan> {
    let named = env::var_os(VULKAN_ENV).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folders = match named {
        Some(named) => vec![named],
        None => project.ancestors().map(|folder| folder.join(FOLDER).join(NAME)).collect(),
    };
    folders.into_iter().find_map(Vulkan::in_folder).ok_or(MissingVulkan)
}

/// Obtains a driver, telling each step; Debian's is unpacked into `folder`,
/// without root. Returns at once what was obtained before.
///
/// # Errors
/// If there is none and Debian's cannot be had.
pub fn install_vulkan(folder: &Path) -> Result<Vulkan> {
    if let Some(found) = Vulkan::in_folder(folder.join(NAME)) {
        return Ok(found);
    }
    debian::install_vulkan(folder)
        .context("a software Vulkan driver, which tests of the GPU need, could not be obtained")
}

impl Vulkan {
    pub(crate) fn in_folder(folder: PathBuf) -> Option<Vulkan> {
        let whole = DRIVERS.iter().all(|driver| folder.join(driver).is_file());
        whole.then_some(Vulkan { folder })
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What has to be in the environment of a program, when it starts, for it
    /// to see these drivers and no others.
    ///
    /// # Errors
    /// If the folder for the driver's run-time files cannot be made.
    pub fn environment(&self) -> Result<Vec<(&'static str, OsString)>> {
        let run = self.folder.join("run");
        fs::create_dir_all(&run)
            .and_then(|()| fs::set_permissions(&run, fs::Permissions::from_mode(0o700)))
            .with_context(|| format!("cannot make {}", run.display()))?;
        let drivers = env::join_paths(DRIVERS.map(|driver| self.folder.join(driver)))?;
        let mut libraries = vec![self.folder.join(LIBRARIES)];
        let own = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        libraries.extend(env::split_paths(&own).filter(|path| !path.as_os_str().is_empty()));
        Ok(vec![
            ("LD_LIBRARY_PATH", env::join_paths(libraries)?),
            // The loader reads one or the other, by its version.
            ("VK_DRIVER_FILES", drivers.clone()),
            ("VK_ICD_FILENAMES", drivers),
            ("XDG_RUNTIME_DIR", run.into_os_string()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_driver_is_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(DRIVERS[0]), "").unwrap();
        assert!(Vulkan::in_folder(folder.path().to_owned()).is_none());
        fs::write(folder.path().join(DRIVERS[1]), "").unwrap();
        let vulkan = Vulkan::in_folder(folder.path().to_owned()).unwrap();
        let environment = vulkan.environment().unwrap();
        let mode = fs::metadata(folder.path().join("run")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(environment.iter().any(|(name, _)| *name == "VK_ICD_FILENAMES"));
    }
}
