//! The programs under test, built or found once.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use test_builds::{build, build_host, build_host_with_gpus, built_folder, workspace};

/// The program `host`.
///
/// # Panics
/// If it cannot be built.
pub fn host() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build_host)
}

/// The same, where the driver for tests is found, with its GPUs.
///
/// # Panics
/// If it cannot be built, or set-up has not fetched the driver.
pub fn host_with_gpus() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build_host_with_gpus)
}

/// The program etcd.
///
/// # Panics
/// If there is none; the text says how to get it.
pub(crate) fn etcd() -> PathBuf {
    host_toolchain::find_etcd(&workspace()).unwrap_or_else(|error| panic!("{error}"))
}

/// The component of a package with one actor program: `counter`,
/// `cluster-guest`.
///
/// # Panics
/// If it cannot be built.
pub fn guest(package: &str) -> PathBuf {
    build(&["--package", package, "--lib"]);
    built_folder().join(format!("{}.wasm", package.replace('-', "_")))
}

/// The component of an example of a package with several.
///
/// # Panics
/// If it cannot be built.
pub fn example(package: &str, name: &str) -> PathBuf {
    build(&["--package", package, "--examples"]);
    built_folder().join("examples").join(format!("{name}.wasm"))
}
