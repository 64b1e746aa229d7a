//! Builds guests for tests, by the compiler that users' actors are built with,
//! so that plain `cargo test` is all it takes; and starts etcd for them.
//!
//! Apart from the tests that use it, since some of them link the whole host
//! and others must not.

pub mod etcd;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use host_toolchain::{TARGET, Toolchain, forget_this_build};

const PROFILE: &str = "guest-test";

/// The top folder of the project.
pub fn workspace() -> PathBuf {
    // What cargo says now counts more than where this was compiled.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    let mut folders = package.ancestors();
    let top = folders.find(|folder| folder.join("Cargo.lock").is_file());
    top.expect("the package is in the workspace").to_owned()
}

/// The folder everything that is built goes to.
pub fn target_folder() -> PathBuf {
    // The test program is TARGET/debug/deps/NAME.
    let program = std::env::current_exe().expect("a program knows where it is");
    program.ancestors().nth(3).expect("cargo's layout").to_owned()
}

/// Where cargo puts what it builds for guests: libraries, and in `examples`
/// the examples.
pub fn built_folder() -> PathBuf {
    target_folder().join("guest").join(TARGET).join(PROFILE)
}

/// Builds what these arguments of `cargo build` name, as guests.
pub fn build(what: &[&str]) {
    let workspace = workspace();
    let toolchain = Toolchain::find(&workspace).unwrap_or_else(|missing| panic!("{missing}"));
    let mut cargo = toolchain.cargo();
    cargo
        .args(["build", "--target", TARGET, "--profile", PROFILE, "--target-dir"])
        .arg(target_folder().join("guest"))
        .args(what)
        .current_dir(&workspace);
    forget_this_build(&mut cargo);
    let status = cargo.status().expect("cargo can be run");
    assert!(status.success(), "guests cannot be built ({}), see above", what.join(" "));
}

/// Names a program `host` that is to be tested instead of one built for it. By
/// itself it would have other features of its dependencies than in a build of
/// the whole workspace, and all of them would be compiled again.
pub const HOST: &str = "GREENROOM_HOST";

/// Builds the program `host`, unless [`HOST`] names one, and says where it is.
///
/// # Panics
/// If it cannot be built.
pub fn build_host() -> PathBuf {
    let named = std::env::var_os(HOST).filter(|name| !name.is_empty()).map(PathBuf::from);
    if let Some(named) = named {
        assert!(named.is_file(), "{HOST} names {}, which is no file", named.display());
        return named;
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_this_build(&mut cargo);
    cargo.args(["build", "--package", "host", "--bin", "host", "--target-dir"]);
    cargo.arg(target_folder()).current_dir(workspace());
    let status = cargo.status().expect("cargo can be run");
    assert!(status.success(), "host cannot be built, see above");
    target_folder().join("debug").join("host")
}

/// The same where the driver for tests is found, as a script: only the
/// environment says where that is, and that of a test is everybody's.
///
/// # Panics
/// If it cannot be made, or set-up has not fetched the driver.
pub fn build_host_with_gpus() -> PathBuf {
    let host = build_host();
    let vulkan = host_toolchain::find_vulkan(&workspace());
    let vulkan = vulkan.unwrap_or_else(|missing| panic!("{missing}"));
    let mut script = String::from("#!/bin/sh\n");
    for (name, value) in vulkan.environment().expect("the driver has a folder") {
        let value = value.to_str().expect("paths here are text").replace('\'', "'\\''");
        script.push_str(&format!("export {name}='{value}'\n"));
    }
    let host = host.to_str().expect("paths here are text").replace('\'', "'\\''");
    script.push_str(&format!("exec '{host}' \"$@\"\n"));
    let path = target_folder().join("tests").join("host-with-gpus");
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder can be made");
    // In one step: another run of the tests may use it just now.
    let new = path.with_extension(std::process::id().to_string());
    fs::write(&new, script).expect("a script can be written");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("it is ours");
    fs::rename(&new, &path).expect("it is ours");
    path
}
