//! When an actor that crashed lives again.
//!
//! Owns the count of one actor's restarts and their pace; it does not know
//! how an actor is started, nor why it ended. A first crash is answered at
//! once, since most are chance; one that follows close upon another is
//! answered ever later, since it will most likely happen again.

use std::time::Duration;

use crate::limits;
use crate::spec::Tries;

/// The restarts of one actor.
#[derive(Clone, Debug)]
pub struct Restarts {
    max: Tries,
    used: u32,
    /// Restarts since the actor last lived long enough to be called healthy.
    in_a_row: u32,
    /// When the present life began, or was to begin; none for the first.
    began: Option<Duration>,
}

/// What follows a crash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AfterCrash {
    /// The actor lives again.
    Restart {
        /// Which life it will be; the first is 0.
        incarnation: u32,
        /// How long from now.
        delay: Duration,
    },
    /// It has no restart left, now and at every later crash.
    Dead,
}

impl Restarts {
    /// An actor in its first life.
    pub fn new(max: Tries) -> Restarts {
        Restarts { max, used: 0, in_a_row: 0, began: None }
    }

    /// The actor crashed, at `now` on any clock that never goes back. A life
    /// is counted from the moment it was due, construction included.
    pub fn crashed(&mut self, now: Duration) -> AfterCrash {
        if !self.max.allow(self.used) {
            return AfterCrash::Dead;
        }
        let lived = self.began.map(|began| now.saturating_sub(began));
        if lived.is_some_and(|lived| lived >= limits::RESTART_HEALTHY) {
            self.in_a_row = 0;
        }
        let delay = backoff(self.in_a_row);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.used = self.used.saturating_add(1);
        self.began = Some(now.saturating_add(delay));
        AfterCrash::Restart { incarnation: self.used, delay }
    }

    /// How many restarts there have been.
    pub fn used(&self) -> u32 {
        self.used
    }

    /// Which life this is, or will be once the delay has passed; the first
    /// is 0.
    pub fn incarnation(&self) -> u32 {
        self.used
    }
}

/// No time after none in a row, then the least, doubled each time, up to the
/// most.
fn backoff(in_a_row: u32) -> Duration {
    match in_a_row.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => limits::RESTART_DELAY_MIN
            .saturating_mul(1u32.checked_shl(doublings).unwrap_or(u32::MAX))
            .min(limits::RESTART_DELAY_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Delays in milliseconds when each life lasts `life` from its start.
    fn delays(crashes: usize, life: Duration) -> Vec<u128> {
        let mut restarts = Restarts::new(Tries::Unbounded);
        let mut now = life;
        let next = |_| match restarts.crashed(now) {
            AfterCrash::Restart { delay, .. } => {
                now += delay + life;
                delay.as_millis()
            }
            AfterCrash::Dead => panic!("an unbounded actor died"),
        };
        (0..crashes).map(next).collect()
    }

    #[test]
    fn without_restarts_the_first_crash_is_the_end() {
        let mut restarts = Restarts::new(Tries::AtMost(0));
        assert_eq!(restarts.crashed(Duration::ZERO), AfterCrash::Dead);
        assert_eq!((restarts.used(), restarts.incarnation()), (0, 0));
    }

    #[test]
    fn each_restart_is_a_new_incarnation_until_none_is_left() {
        let mut restarts = Restarts::new(Tries::AtMost(2));
        for (second, incarnation) in [(100, 1), (200, 2)] {
            let after = restarts.crashed(Duration::from_secs(second));
            assert_eq!(after, AfterCrash::Restart { incarnation, delay: Duration::ZERO });
            assert_eq!((restarts.used(), restarts.incarnation()), (incarnation, incarnation));
        }
        for second in [300, 400, 9_000] {
            assert_eq!(restarts.crashed(Duration::from_secs(second)), AfterCrash::Dead);
        }
        assert_eq!(restarts.incarnation(), 2);
    }

    #[test]
    fn crashes_in_quick_succession_wait_longer_each_time() {
        let expected = [0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];
        assert_eq!(delays(9, Duration::ZERO), expected);
        assert_eq!(delays(9, Duration::from_millis(59_999)), expected);
    }

    #[test]
    fn a_minute_of_life_is_forgiven() {
        assert_eq!(delays(5, Duration::from_secs(60)), [0; 5]);
        let mut restarts = Restarts::new(Tries::Unbounded);
        let mut crash = |ms| match restarts.crashed(Duration::from_millis(ms)) {
            AfterCrash::Restart { delay, .. } => delay.as_millis(),
            AfterCrash::Dead => panic!("an unbounded actor died"),
        };
        // The life after the second crash begins at 101 ms, not at 1 ms.
        assert_eq!([crash(0), crash(1), crash(60_100)], [0, 100, 200]);
        assert_eq!([crash(120_299), crash(180_699)], [400, 0]);
    }

    #[test]
    fn a_thousand_crashes_wait_no_longer_than_the_most() {
        let delays = delays(1_000, Duration::ZERO);
        assert!(delays[7..].iter().all(|delay| *delay == 5_000));
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_does_no_harm() {
        let mut restarts = Restarts::new(Tries::Unbounded);
        restarts.crashed(Duration::MAX);
        let after = restarts.crashed(Duration::ZERO);
        let delay = limits::RESTART_DELAY_MIN;
        assert_eq!(after, AfterCrash::Restart { incarnation: 2, delay });
    }
}
