//! How long something took, in buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in seconds: from a call between two actors
/// of one node (some microseconds) to one that people wait for.
pub const BOUNDS: [f64; 19] = [
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005,
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// A histogram of times. What is past the last bound is counted too.
#[derive(Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_ns: AtomicU64,
}

/// A histogram at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen {
    /// The upper bound of each bucket and how many are in it, not added up;
    /// the last bucket has no bound.
    pub buckets: Vec<(f64, u64)>,
    /// How many in all.
    pub count: u64,
    /// The sum of all, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// Notes a time.
    pub fn record(&self, time: Duration) {
        let bucket = BOUNDS.partition_point(|bound| *bound < time.as_secs_f64());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// What was noted so far.
    pub fn seen(&self) -> Seen {
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(self.sum_ns.load(Ordering::Relaxed)).as_secs_f64();
        Seen { buckets, count, sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for micros in [5, 6, 1_000, 60_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        let seen = histogram.seen();
        let full: Vec<_> = seen.buckets.iter().filter(|(_, count)| *count > 0).collect();
        let bounds: Vec<_> = full.iter().map(|(bound, _)| *bound).collect();
        assert_eq!(bounds, [0.000_005, 0.000_01, 0.001, f64::INFINITY]);
        assert_eq!(seen.count, 4);
        assert!((seen.sum - 60.001_011).abs() < 1e-6, "{}", seen.sum);
    }
}
