//! The leases' clocks.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::LeaseId;

/// Which leases live, and until when. The writer's: nobody else sees it.
#[derive(Default)]
pub(super) struct Leases {
    living: HashMap<LeaseId, Living>,
    /// The same, soonest end first.
    ends: BTreeSet<(Instant, LeaseId)>,
}

#[derive(Clone, Copy)]
struct Living {
    ttl: Duration,
    end: Instant,
}

impl Leases {
    /// A lease begins.
    pub(super) fn begin(&mut self, lease: LeaseId, ttl: Duration, now: Instant) {
        let end = now + ttl;
        let before = self.living.insert(lease, Living { ttl, end });
        assert!(before.is_none(), "no lease begins twice");
        self.ends.insert((end, lease));
    }

    /// A lease's time starts again; its time, or none if it does not live.
    pub(super) fn keep_alive(&mut self, lease: LeaseId, now: Instant) -> Option<Duration> {
        let living = self.living.get_mut(&lease)?;
        self.ends.remove(&(living.end, lease));
        living.end = now + living.ttl;
        self.ends.insert((living.end, lease));
        Some(living.ttl)
    }

    /// A lease ends; whether it lived.
    pub(super) fn end(&mut self, lease: LeaseId) -> bool {
        let living = self.living.remove(&lease);
        living.is_some_and(|living| self.ends.remove(&(living.end, lease)))
    }

    /// Whether it lives.
    pub(super) fn lives(&self, lease: LeaseId) -> bool {
        self.living.contains_key(&lease)
    }

    /// When the next lease ends if nothing keeps it alive.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// The leases whose time is over.
    pub(super) fn over(&self, now: Instant) -> Vec<LeaseId> {
        self.ends.iter().take_while(|(end, _)| *end <= now).map(|(_, lease)| *lease).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lease_lives_for_its_time_from_when_it_was_last_kept_alive() {
        let lease = |number| LeaseId::new(number).unwrap();
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let mut leases = Leases::default();
        leases.begin(lease(1), second, start);
        leases.begin(lease(2), 3 * second, start);
        assert_eq!(leases.next_end(), Some(start + second));
        assert_eq!(leases.keep_alive(lease(1), start + second / 2), Some(second));
        assert!(leases.over(start + second).is_empty());
        assert_eq!(leases.over(start + 3 * second), [lease(1), lease(2)]);
        assert!(leases.end(lease(1)) && !leases.end(lease(1)));
        assert!(!leases.lives(lease(1)) && leases.lives(lease(2)));
        assert_eq!(leases.keep_alive(lease(1), start), None);
    }
}
