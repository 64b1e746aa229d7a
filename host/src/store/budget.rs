//! The bytes that the object store may hold in memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use host_core::spill;

/// Counts bytes up to a cap. Clones share the count.
#[derive(Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

struct Shared {
    used: AtomicU64,
    cap: u64,
}

/// Bytes taken from a [`Budget`]; dropping it gives them back.
#[must_use = "dropping a charge gives its bytes back"]
pub struct Charge {
    budget: Budget,
    bytes: u64,
}

impl Budget {
    /// A budget of `cap` bytes, none used.
    pub fn new(cap: u64) -> Budget {
        Budget { shared: Arc::new(Shared { used: AtomicU64::new(0), cap }) }
    }

    /// Takes `bytes`, if that many are left.
    pub fn try_charge(&self, bytes: u64) -> Option<Charge> {
        // Relaxed: the count guards no other memory.
        self.shared
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|used| *used <= self.shared.cap)
            })
            .ok()
            .map(|_| Charge { budget: self.clone(), bytes })
    }

    /// Bytes taken.
    pub fn used(&self) -> u64 {
        self.shared.used.load(Ordering::Relaxed)
    }

    /// Bytes that may be taken at most.
    pub fn cap(&self) -> u64 {
        self.shared.cap
    }

    /// Whether so much is taken that objects should go to disk.
    pub fn above_threshold(&self) -> bool {
        spill::above_threshold(self.used(), self.cap())
    }
}

impl Charge {
    /// How many bytes it holds.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let before = self.budget.shared.used.fetch_sub(self.bytes, Ordering::Relaxed);
        debug_assert!(before >= self.bytes, "a charge was given back twice");
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budget({} of {} bytes)", self.used(), self.cap())
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Charge({} bytes)", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_last_byte_can_be_taken_and_not_one_more() {
        let budget = Budget::new(10);
        let charge = budget.try_charge(10).unwrap();
        assert!(budget.try_charge(1).is_none());
        assert_eq!(budget.try_charge(0).map(|empty| empty.bytes()), Some(0));
        drop(charge);
        assert_eq!(budget.used(), 0);
        assert!(budget.try_charge(11).is_none());
    }

    #[test]
    fn a_charge_can_move_and_gives_back_once() {
        let budget = Budget::new(10);
        let charge = budget.try_charge(4).unwrap();
        let moved = [charge];
        assert_eq!((budget.used(), moved[0].bytes()), (4, 4));
        drop(moved);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn huge_charges_do_not_wrap_around() {
        let budget = Budget::new(u64::MAX);
        let _charge = budget.try_charge(u64::MAX).unwrap();
        assert!(budget.try_charge(u64::MAX).is_none());
        assert!(budget.try_charge(1).is_none());
    }

    #[test]
    fn the_threshold_is_at_four_fifths() {
        let budget = Budget::new(100);
        let _eighty = budget.try_charge(80).unwrap();
        assert!(!budget.above_threshold());
        let _one = budget.try_charge(1).unwrap();
        assert!(budget.above_threshold());
    }

    #[test]
    fn threads_never_take_more_than_the_cap() {
        let budget = Budget::new(100);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for bytes in 0..10_000 {
                        let charge = budget.try_charge(bytes % 64);
                        assert!(budget.used() <= 100);
                        drop(charge);
                    }
                });
            }
        });
        assert_eq!(budget.used(), 0);
    }
}
