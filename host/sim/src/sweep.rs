//! Many seeds at once.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::{Counts, Flaw, Outcome, Trace, run};

/// What became of many seeds.
#[derive(Clone, Default, Debug)]
pub struct Sweep {
    /// How much happened in all of them.
    pub counts: Counts,
    /// The seeds that broke a promise, in order.
    pub failed: Vec<(u64, Outcome)>,
    /// How many seeds had how many boxes: up to 5, up to 9, more.
    pub sizes: [u64; 3],
}

/// Runs every seed, as many at once as there are processors.
pub fn sweep(seeds: Range<u64>, flaw: Option<Flaw>, trace: Trace) -> Sweep {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut own = Sweep::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return own;
            }
            own.count(seed, run(seed, flaw, trace));
        }
    };
    let mut sweep = Sweep::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            sweep.join(worker.join().expect("a worker runs"));
        }
    });
    sweep.failed.sort_by_key(|(seed, _)| *seed);
    sweep
}

impl Sweep {
    fn count(&mut self, seed: u64, outcome: Outcome) {
        self.counts.add(&outcome.counts);
        let size = match outcome.boxes {
            0..6 => 0,
            6..10 => 1,
            _ => 2,
        };
        self.sizes[size] += 1;
        if !outcome.violations.is_empty() {
            self.failed.push((seed, outcome));
        }
    }

    fn join(&mut self, other: Sweep) {
        self.counts.add(&other.counts);
        self.failed.extend(other.failed);
        for (own, other) in self.sizes.iter_mut().zip(other.sizes) {
            *own += other;
        }
    }

    /// What broke, a line each, and how to see it again; nothing if none did.
    pub fn report(&self) -> String {
        let mut text = String::new();
        for (seed, outcome) in &self.failed {
            for violation in &outcome.violations {
                text += &format!("seed {seed} ({} boxes): {violation}\n", outcome.boxes);
            }
        }
        if let Some((seed, _)) = self.failed.first() {
            text += &format!("replay: cargo run -p host-sim -- --seed {seed} --trace\n");
        }
        text
    }
}
