//! Guests that attack their host. While each does, an actor of another
//! package is called all the time and must be answered, rightly and soon;
//! afterwards the host holds no more than before.

mod computing;
mod contract;
mod description;
mod flooding;
mod loading;
mod memory;
mod references;
mod waiting;

use std::time::Duration;

use host::node::Config;
use host_core::spec::Options;
use host_core::{Cause, Error};
use tests::process::{mib, resident_bytes};
use tests::victim::Victim;
use tests::{Actor, Args, Package, World, check_alone, until};

/// A victim's call may take this long, but for one in a hundred. A worker
/// thread is held for a few milliseconds at a time; the rest is for a host
/// that is not optimised, on a machine that has other work to do.
const P99_MAX: Duration = Duration::from_millis(250);

/// No call may take longer.
const MAX: Duration = Duration::from_secs(3);

/// What a process may hold after an attack that it did not hold before: what
/// the allocator keeps of freed memory, and warm slots of the pool.
const SLACK_BYTES: u64 = 160 << 20;

/// A node under attack.
struct Arena {
    world: World,
    /// The guest `hostile`.
    package: Package,
}

/// Runs an attack.
fn attack<F: Future<Output = ()>>(attack: impl FnOnce(Arena) -> F + Send + 'static) {
    attack_with(|_| {}, attack);
}

/// Runs an attack on a node that is set up differently.
fn attack_with<F: Future<Output = ()>>(
    change: impl FnOnce(&mut Config) + Send + 'static,
    attack: impl FnOnce(Arena) -> F + Send + 'static,
) {
    check_alone(change, async |world| {
        let counter = world.actor("basic", "Counter", ()).await;
        let package = world.load("hostile").await;
        let node = world.node.clone();
        let lives = || node.actors().len();
        let victim = Victim::start(counter);
        until("the victim lives", || lives() == 1).await;
        let resident = resident_bytes();

        attack(Arena { world, package }).await;

        until("no attacker lives", || lives() == 1).await;
        let report = tokio::task::spawn_blocking(|| victim.stop()).await;
        let report = report.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let (calls, p99, max) = (report.latencies.len(), report.p99(), report.max());
        eprintln!("victim: {calls} calls, p99 {p99:?}, max {max:?}");
        assert!(p99 <= P99_MAX, "of the victim's {calls} calls, 1 % took longer than {p99:?}");
        assert!(max <= MAX, "one of the victim's calls took {max:?}");
        until("no objects are left", || node.object_bytes() == 0).await;
        let grown = || resident_bytes().saturating_sub(resident);
        eprintln!("resident: {} before, {} more", mib(resident), mib(grown()));
        until("memory is given back", || grown() <= SLACK_BYTES).await;
    });
}

impl Arena {
    /// An attacker.
    fn attacker(&self) -> Actor {
        self.spawn("Attacker", (), Options::default())
    }

    fn attacker_with(&self, options: Options) -> Actor {
        self.spawn("Attacker", (), options)
    }

    fn spawn(&self, class: &str, args: impl Args, options: Options) -> Actor {
        self.world.spawn(&self.package, class, args, options).expect("the actor can be created")
    }

    /// Waits until an actor of `package` answers, which shows that the host
    /// still makes actors and runs them.
    async fn check_serving(&self) {
        let fresh = self.attacker();
        assert_eq!(fresh.ask("ping", ()).await, Ok(true));
    }
}

fn memory_option(mebibytes: u64) -> Options {
    Options { memory: Some(mebibytes << 20), ..Options::default() }
}

/// The method and the message of a trap.
#[track_caller]
fn trapped<T: std::fmt::Debug>(answer: Result<T, Error>) -> (String, String) {
    match answer {
        Err(Error::Trapped { method, message, .. }) => (method, message),
        other => panic!("not a trap: {other:?}"),
    }
}

#[track_caller]
fn check_died<T: std::fmt::Debug>(answer: Result<T, Error>, expected: Cause) -> String {
    match answer {
        Err(Error::Died { cause, message, .. }) if cause == expected => message,
        other => panic!("not dead of {expected}: {other:?}"),
    }
}
