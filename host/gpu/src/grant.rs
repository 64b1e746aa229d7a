//! What an actor is given of a GPU, and the account of what it uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::devices::Adapter;
use crate::limits;

/// What an actor is given: one GPU, and so much of its memory.
///
/// A clone is the same grant: whoever keeps one sees what the actor uses.
#[derive(Clone)]
pub struct Grant {
    adapter: Adapter,
    timeout: Duration,
    budget: Arc<Budget>,
}

/// The account of one grant, in bytes and in devices.
struct Budget {
    most: u64,
    used: AtomicU64,
    peak: AtomicU64,
    devices: AtomicUsize,
}

/// Bytes taken from a grant, given back when this is dropped.
pub(crate) struct Charge {
    budget: Arc<Budget>,
    bytes: AtomicU64,
}

/// A device counted against a grant, until this is dropped.
pub(crate) struct Seat(Arc<Budget>);

/// A grant has not so much left.
#[derive(Debug, thiserror::Error)]
#[error(
    "{asked} bytes are more than this actor has left of its GPU memory ({used} of {most} used)"
)]
pub(crate) struct Spent {
    asked: u64,
    used: u64,
    most: u64,
}

impl Grant {
    /// Grants `memory` bytes on a GPU. Everything that the actor makes the GPU
    /// or the host hold counts: buffers, textures, what it writes until that
    /// has arrived, shaders, recorded commands.
    pub fn new(adapter: Adapter, memory: u64) -> Grant {
        let budget = Budget {
            most: memory,
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            devices: AtomicUsize::new(0),
        };
        Grant { adapter, timeout: limits::TIMEOUT, budget: Arc::new(budget) }
    }

    /// The longest that submitted work, or the compilation of a shader, may
    /// take; past that the actor that waits for it is trapped. 60 s unless
    /// said otherwise.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Grant {
        Grant { timeout, ..self }
    }

    /// The GPU.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// Bytes granted.
    pub fn memory(&self) -> u64 {
        self.budget.most
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.budget.used.load(Relaxed)
    }

    /// The most bytes that were in use at once.
    pub fn peak(&self) -> u64 {
        self.budget.peak.load(Relaxed)
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Takes bytes from the grant.
    pub(crate) fn charge(&self, bytes: u64) -> Result<Charge, Spent> {
        self.budget.take(bytes)?;
        Ok(Charge { budget: self.budget.clone(), bytes: AtomicU64::new(bytes) })
    }

    /// A charge of no bytes, for what was refused.
    pub(crate) fn nothing(&self) -> Charge {
        Charge { budget: self.budget.clone(), bytes: AtomicU64::new(0) }
    }

    /// Counts one more device; none if it has as many as it may.
    pub(crate) fn seat(&self) -> Option<Seat> {
        let one_more = |devices: usize| (devices < limits::DEVICES).then_some(devices + 1);
        self.budget.devices.fetch_update(Relaxed, Relaxed, one_more).ok()?;
        Some(Seat(self.budget.clone()))
    }
}

impl Budget {
    fn take(&self, bytes: u64) -> Result<(), Spent> {
        let taken = self.used.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| *sum <= self.most)
        });
        match taken {
            Ok(before) => {
                self.peak.fetch_max(before + bytes, Relaxed);
                Ok(())
            }
            Err(used) => Err(Spent { asked: bytes, used, most: self.most }),
        }
    }
}

impl Charge {
    /// Takes more bytes.
    pub(crate) fn grow(&self, more: u64) -> Result<(), Spent> {
        self.budget.take(more)?;
        self.bytes.fetch_add(more, Relaxed);
        Ok(())
    }

    /// Gives everything back before the end.
    pub(crate) fn release(&self) {
        self.budget.used.fetch_sub(self.bytes.swap(0, Relaxed), Relaxed);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.release();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.devices.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(most: u64) -> Arc<Budget> {
        let zero = || AtomicU64::new(0);
        Arc::new(Budget { most, used: zero(), peak: zero(), devices: AtomicUsize::new(0) })
    }

    #[test]
    fn a_charge_is_given_back_once_whether_released_or_dropped() {
        let budget = budget(100);
        budget.take(60).unwrap();
        let charge = Charge { budget: budget.clone(), bytes: AtomicU64::new(60) };
        charge.grow(40).unwrap();
        charge.release();
        assert_eq!(budget.used.load(Relaxed), 0);
        drop(charge);
        assert_eq!(budget.used.load(Relaxed), 0);
        assert_eq!(budget.peak.load(Relaxed), 100);
    }

    #[test]
    fn what_is_refused_is_not_taken_and_sums_do_not_overflow() {
        let budget = budget(100);
        budget.take(60).unwrap();
        let refused = budget.take(41).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "41 bytes are more than this actor has left of its GPU memory (60 of 100 used)"
        );
        assert!(budget.take(u64::MAX).is_err());
        assert_eq!(budget.used.load(Relaxed), 60);
    }
}
