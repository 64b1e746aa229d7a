//! Counts of what a node does, for its operators.
//!
//! [`Meters`] is what the layers above count in: adding is one relaxed atomic
//! addition on a cache line that few threads share, and never allocates. What
//! can be read off the node's state at any moment, such as the length of a
//! queue, is not counted here. Nothing here knows how the numbers are shown.

mod histogram;

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use host_core::{Cause, Error};

pub use histogram::{BOUNDS, Histogram, Seen};

/// Places that counts are kept in. More than the cores of most machines, so
/// that threads seldom share one; 16 take 4 KiB.
const SHARDS: usize = 16;

/// One of so many calls is timed: reading the clock twice takes about as long
/// as a hundredth of a call, and a distribution needs no more.
pub const TIMED_ONE_OF: u32 = 64;

/// How a try of a call ended, as operators see it.
pub const OUTCOMES: [&str; 14] = [
    "ok",
    "failed",
    "trapped",
    "died",
    "unavailable",
    "timed-out",
    "cancelled",
    "mailbox-full",
    "unplaceable",
    "object-lost",
    "out-of-memory",
    "denied",
    "invalid",
    "retried",
];

/// What ended actors, as operators see it.
pub const CAUSES: [Cause; 8] = [
    Cause::Killed,
    Cause::Released,
    Cause::Exited,
    Cause::JobEnded,
    Cause::ConstructorFailed,
    Cause::Crashed,
    Cause::NodeLost,
    Cause::GroupRemoved,
];

/// Something that is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Count {
    /// A try of a call began.
    CallStarted,
    /// A try of a call ended, in one of [`OUTCOMES`].
    CallFinished(usize),
    /// An actor was made.
    Spawned,
    /// An actor was constructed anew.
    Restarted,
    /// An actor ended for good.
    Died(Cause),
    /// An object was brought from another node.
    Pulled,
    /// Bytes of such objects.
    PulledBytes,
    /// Compiled code was found on disk.
    CacheHit,
    /// A package had to be compiled.
    CacheMiss,
}

/// Places in a shard: one for each count.
const PLACES: usize = 7 + CAUSES.len() + OUTCOMES.len();

/// The counts of one node.
pub struct Meters {
    shards: Box<[Shard]>,
    /// How long calls took: one of [`TIMED_ONE_OF`].
    pub calls: Histogram,
}

/// What some threads counted. Aligned, so that no two share a cache line, nor
/// the pair of lines that processors fetch together.
#[repr(align(128))]
#[derive(Default)]
struct Shard([AtomicU64; PLACES]);

thread_local! {
    /// Which shard this thread counts in.
    static SHARD: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS
    };
    /// Calls until the next one is timed.
    static UNTIL_TIMED: Cell<u32> = const { Cell::new(0) };
}

impl Count {
    /// How a call ended.
    pub fn finished<T>(outcome: Result<&T, &Error>) -> Count {
        let kind = outcome.map_or_else(Error::kind, |_| "ok");
        Count::CallFinished(OUTCOMES.iter().position(|known| *known == kind).unwrap_or(0))
    }

    /// A try of a call that ended with its incarnation, and will be repeated.
    pub const RETRIED: Count = Count::CallFinished(OUTCOMES.len() - 1);

    fn place(self) -> usize {
        match self {
            Count::CallStarted => 0,
            Count::Spawned => 1,
            Count::Restarted => 2,
            Count::Pulled => 3,
            Count::PulledBytes => 4,
            Count::CacheHit => 5,
            Count::CacheMiss => 6,
            Count::Died(cause) => 7 + cause as usize,
            Count::CallFinished(outcome) => 7 + CAUSES.len() + outcome,
        }
    }
}

impl Default for Meters {
    fn default() -> Meters {
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Meters { shards, calls: Histogram::default() }
    }
}

impl Meters {
    /// Counts one.
    pub fn count(&self, what: Count) {
        self.add(what, 1);
    }

    /// Counts so many.
    pub fn add(&self, what: Count, many: u64) {
        // Only a thread that is just ending has none.
        let shard = SHARD.try_with(|shard| *shard).unwrap_or(0);
        self.shards[shard].0[what.place()].fetch_add(many, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn total(&self, what: Count) -> u64 {
        let place = what.place();
        self.shards.iter().map(|shard| shard.0[place].load(Ordering::Relaxed)).sum()
    }

    /// The time now, if the call that begins is one that is timed.
    pub fn begin_timed(&self) -> Option<Instant> {
        let timed = UNTIL_TIMED.try_with(|until| {
            let left = until.get();
            until.set(if left == 0 { TIMED_ONE_OF - 1 } else { left - 1 });
            left == 0
        });
        timed.unwrap_or(false).then(Instant::now)
    }

    /// A call that began then is over.
    pub fn end_timed(&self, since: Option<Instant>) {
        if let Some(since) = since {
            self.calls.record(since.elapsed());
        }
    }
}

/// A cause, as operators see it.
pub fn cause_label(cause: Cause) -> &'static str {
    match cause {
        Cause::Killed => "killed",
        Cause::Released => "released",
        Cause::Exited => "exited",
        Cause::JobEnded => "job-ended",
        Cause::ConstructorFailed => "constructor-failed",
        Cause::Crashed => "crashed",
        Cause::NodeLost => "node-lost",
        Cause::GroupRemoved => "group-removed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_a_place_of_its_own() {
        let mut all = vec![
            Count::CallStarted,
            Count::Spawned,
            Count::Restarted,
            Count::Pulled,
            Count::PulledBytes,
            Count::CacheHit,
            Count::CacheMiss,
        ];
        all.extend(CAUSES.map(Count::Died));
        all.extend((0..OUTCOMES.len()).map(Count::CallFinished));
        let mut places: Vec<_> = all.iter().map(|count| count.place()).collect();
        places.sort_unstable();
        assert_eq!(places, (0..PLACES).collect::<Vec<_>>());
    }

    #[test]
    fn outcomes_go_by_the_names_of_errors() {
        let ok = Count::finished(Ok(&()));
        assert_eq!(ok, Count::CallFinished(0));
        let error = Error::OutOfMemory("x".into());
        let Count::CallFinished(at) = Count::finished::<()>(Err(&error)) else { unreachable!() };
        assert_eq!(OUTCOMES[at], "out-of-memory");
    }

    #[test]
    fn what_threads_count_comes_together() {
        let meters = Meters::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * SHARDS {
                scope.spawn(|| (0..1_000).for_each(|_| meters.count(Count::Spawned)));
            }
        });
        assert_eq!(meters.total(Count::Spawned), 2_000 * SHARDS as u64);
        assert_eq!(meters.total(Count::Restarted), 0);
    }

    #[test]
    fn one_call_of_many_is_timed() {
        let meters = Meters::default();
        let timed = (0..10 * TIMED_ONE_OF).filter(|_| meters.begin_timed().is_some()).count();
        assert_eq!(timed, 10);
    }
}
