//! The program `host`, with the GPUs of the driver for tests.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use test_builds::{build_host, target_folder, workspace};

/// A program that is `host` where the driver for tests is found: only the
/// environment says where that is, and that of this process is everybody's.
///
/// # Panics
/// If it cannot be made, or set-up has not fetched the driver.
pub fn program() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(make).clone()
}

fn make() -> PathBuf {
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

/// The ids of the worker processes that a process has started.
pub fn workers_of(process: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("processes can be listed");
    let ids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| is_worker(*id) && parent_of(*id) == Some(process)).collect()
}

/// Whether a process is a worker that runs.
pub fn is_worker(id: u32) -> bool {
    let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).nth(1) == Some(b"worker")
}

fn parent_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Ends a process, as `kill -9` does.
///
/// # Panics
/// If that cannot be asked for.
pub fn kill(id: u32) {
    let killed = Command::new("kill").args(["-9", &id.to_string()]).status();
    assert!(killed.expect("kill can be run").success(), "{id} cannot be killed");
}
