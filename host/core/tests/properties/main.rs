//! The machines against naive models of them, on random histories. A failure
//! prints its seed; `GREENROOM_SEED=17 cargo test -p host-core` runs that one
//! alone, and `GREENROOM_SEEDS=100000` runs so many instead of a few seconds'
//! worth.

use fastrand::Rng;
use host_core::{ActorId, NodeId};

mod ledger;
mod names;
mod placement;
mod waits;

/// Runs the property once for each of so many seeds.
fn for_seeds(count: u64, property: impl Fn(&mut Rng)) {
    let seeds = match (from_env("GREENROOM_SEED"), from_env("GREENROOM_SEEDS")) {
        (Some(only), _) => only..only + 1,
        (None, count_asked) => 0..count_asked.unwrap_or(count),
    };
    for seed in seeds {
        let shown = ShowIfPanicking(seed);
        property(&mut Rng::with_seed(seed));
        drop(shown);
    }
}

fn from_env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} = {text:?} is not a number")))
}

struct ShowIfPanicking(u64);

impl Drop for ShowIfPanicking {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with GREENROOM_SEED={}", self.0);
        }
    }
}

fn actor(seq: u64) -> ActorId {
    ActorId { node: NodeId(1), seq }
}

/// One of them; they must not be empty.
fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}
