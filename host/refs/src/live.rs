//! How many objects there are: they are in no table, so each counts itself.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// Places to count in: more than the cores of most machines.
const SHARDS: usize = 16;

/// One count, on cache lines of its own.
#[repr(align(128))]
struct Shard(AtomicI64);

static COUNTS: [Shard; SHARDS] = [const { Shard(AtomicI64::new(0)) }; SHARDS];

thread_local! {
    /// Where this thread counts. An object may be made on one thread and go on
    /// another: only the sum means something.
    static MINE: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS
    };
}

/// Counts an object for as long as it is there.
pub(crate) struct Live(());

impl Live {
    pub(crate) fn new() -> Live {
        add(1);
        Live(())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        add(-1);
    }
}

fn add(change: i64) {
    // Only a thread that is just ending has no place of its own.
    let mine = MINE.try_with(|mine| *mine).unwrap_or(0);
    COUNTS[mine].0.fetch_add(change, Ordering::Relaxed);
}

/// How many objects this process has references to, of all its nodes; about
/// right while some come and go.
pub fn live_objects() -> u64 {
    let sum: i64 = COUNTS.iter().map(|shard| shard.0.load(Ordering::Relaxed)).sum();
    u64::try_from(sum).unwrap_or(0)
}
