//! Guests on a real driver: every case of `tests/guests/gpu`, each in a store
//! of its own, and what only the host can see of them.
//!
//! The driver is lavapipe, which `cargo xtask setup` fetches. It is found
//! through the environment of the process, so this program starts itself again
//! with the right one.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod actor;
mod cases;
mod world;

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use world::World;

/// Set in the process that runs the tests.
const READY: &str = "HOST_GPU_TESTS_READY";

fn main() {
    if std::env::var_os(READY).is_none() {
        let vulkan = host_toolchain::find_vulkan(&test_builds::workspace());
        let vulkan = vulkan.unwrap_or_else(|missing| panic!("{missing}"));
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(std::env::args_os().skip(1)).envs(vulkan.environment().unwrap());
        panic!("cannot start again: {}", again.env(READY, "1").exec());
    }
    let mut arguments = Arguments::from_args();
    // Each is followed by a look at what it left in this process.
    arguments.test_threads = Some(1);
    let world = Arc::new(World::start());
    let mut trials = vec![];
    for name in world.guest_cases() {
        trials.push(trial(&world, format!("guest::{name}"), move |world| {
            cases::guest_case(world, &name);
        }));
    }
    for (name, case) in cases::HOST {
        trials.push(trial(&world, format!("host::{name}"), case));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(world);
    assert!(host_gpu::drain(cases::PATIENCE), "a device did not close");
    conclusion.exit();
}

fn trial(world: &Arc<World>, name: String, case: impl FnOnce(&World) + Send + 'static) -> Trial {
    let world = world.clone();
    Trial::test(name, move || {
        case(&world);
        Ok(())
    })
}
