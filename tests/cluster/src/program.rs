//! The programs under test, built or found once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use test_builds::{build, built_folder, forget_this_build, target_folder, workspace};

/// Names the program `host` to be tested. Without it, that of the workspace is
/// built.
pub const HOST: &str = "GREENROOM_HOST";

/// The program `host`.
///
/// # Panics
/// If it cannot be built.
pub fn host() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let named = std::env::var_os(HOST).filter(|name| !name.is_empty()).map(PathBuf::from);
        let Some(named) = named else { return build_host() };
        assert!(named.is_file(), "{HOST} names {}, which is no file", named.display());
        named
    })
}

fn build_host() -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_this_build(&mut cargo);
    cargo.args(["build", "--package", "host", "--bin", "host", "--target-dir"]);
    cargo.arg(target_folder()).current_dir(workspace());
    let status = cargo.status().expect("cargo can be run");
    assert!(status.success(), "host cannot be built, see above");
    target_folder().join("debug").join("host")
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
