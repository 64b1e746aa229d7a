//! Numbers for objects: every call takes one, on every thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that a thread takes at once. One shared count would be fought over
/// by all threads at every call.
const BLOCK: u64 = 1024;

/// Tells apart the counts of nodes in one process.
static SERIAL: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static TAKEN: Cell<Taken> = const { Cell::new(Taken { serial: 0, next: 0, end: 0 }) };
}

/// A thread's block: from `next` up to `end`, of the count with this serial.
#[derive(Clone, Copy)]
struct Taken {
    serial: u64,
    next: u64,
    end: u64,
}

/// Gives every object of a node a number of its own.
pub(super) struct Objects {
    serial: u64,
    next: AtomicU64,
}

impl Objects {
    pub(super) fn new() -> Objects {
        Objects { serial: SERIAL.fetch_add(1, Ordering::Relaxed), next: AtomicU64::new(1) }
    }

    /// A number that was never given before.
    pub(super) fn next(&self) -> u64 {
        let mut taken = TAKEN.get();
        if taken.serial != self.serial || taken.next == taken.end {
            let next = self.next.fetch_add(BLOCK, Ordering::Relaxed);
            taken = Taken { serial: self.serial, next, end: next + BLOCK };
        }
        let number = taken.next;
        TAKEN.set(Taken { next: number + 1, ..taken });
        number
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::thread;

    use super::*;

    #[test]
    fn no_number_is_given_twice() {
        let (a, b) = (Objects::new(), Objects::new());
        let numbers = thread::scope(|scope| {
            let take = || (0..5000).map(|_| (a.next(), b.next())).collect::<Vec<_>>();
            let threads = [scope.spawn(take), scope.spawn(take)];
            threads.map(|thread| thread.join().unwrap()).concat()
        });
        assert_eq!(numbers.iter().map(|(a, _)| a).collect::<BTreeSet<_>>().len(), 10_000);
        assert_eq!(numbers.iter().map(|(_, b)| b).collect::<BTreeSet<_>>().len(), 10_000);
    }
}
