//! The program `host`, with the GPUs of the driver for tests.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use test_builds::build_host_with_gpus;

use crate::Actor;

/// A program that is `host` where the driver for tests is found: only the
/// environment says where that is, and that of this process is everybody's.
///
/// # Panics
/// If it cannot be made, or set-up has not fetched the driver.
pub fn program() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(build_host_with_gpus).clone()
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

/// Kills the worker process of an actor, which goes by its class and id, and
/// not one that waits to be the next.
///
/// # Panics
/// If it has none.
pub fn kill_worker_of(class: &str, actor: &Actor) {
    let label = format!("{class}({})", actor.id());
    let is_its = |id: &u32| {
        let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        // The kernel keeps fifteen bytes.
        name.contains('(') && label.starts_with(name.trim_end())
    };
    let all = workers_of(std::process::id());
    let worker = all.iter().copied().find(is_its);
    kill(worker.unwrap_or_else(|| panic!("none of {all:?} goes by {label}")));
}
