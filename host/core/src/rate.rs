//! How often something may happen: a token bucket, with the time as argument.

use std::time::Duration;

/// Allows a burst, then a steady rate.
///
/// It is a bucket of `burst` tokens that fills at the rate, kept as the time
/// at which it will be full again (the "generic cell rate algorithm"): one
/// number, and no arithmetic while nothing happens.
#[derive(Clone, Debug)]
pub struct Limiter {
    /// The time one token takes to come back.
    interval_ns: u64,
    /// The time all tokens take, less one.
    slack_ns: u64,
    /// When the bucket is full again; in the past, if it is.
    full_at_ns: u64,
}

impl Limiter {
    /// A full bucket of `burst` tokens, to which `per_second` come back.
    pub fn new(burst: u32, per_second: u32) -> Limiter {
        assert!(burst > 0 && per_second > 0, "a limiter that never allows anything is a mistake");
        let interval_ns = 1_000_000_000 / u64::from(per_second);
        Limiter { interval_ns, slack_ns: interval_ns * u64::from(burst - 1), full_at_ns: 0 }
    }

    /// Takes a token, if there is one. `now` counts from any fixed origin; a
    /// clock that went back makes no tokens.
    pub fn take(&mut self, now: Duration) -> bool {
        let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let full_at_ns = self.full_at_ns.max(now_ns);
        if full_at_ns - now_ns > self.slack_ns {
            return false;
        }
        self.full_at_ns = full_at_ns.saturating_add(self.interval_ns);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(limiter: &mut Limiter, now: Duration) -> usize {
        (0..1_000).take_while(|_| limiter.take(now)).count()
    }

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let mut limiter = Limiter::new(5, 10);
        assert_eq!(taken(&mut limiter, Duration::ZERO), 5);
        assert_eq!(taken(&mut limiter, Duration::from_millis(99)), 0);
        assert_eq!(taken(&mut limiter, Duration::from_millis(100)), 1);
        assert_eq!(taken(&mut limiter, Duration::from_millis(350)), 2);
    }

    #[test]
    fn a_long_rest_earns_no_more_than_the_burst() {
        let mut limiter = Limiter::new(3, 1_000);
        assert_eq!(taken(&mut limiter, Duration::ZERO), 3);
        assert_eq!(taken(&mut limiter, Duration::from_secs(86_400)), 3);
    }

    #[test]
    fn over_a_long_time_the_rate_is_exact() {
        let mut limiter = Limiter::new(1, 1_000);
        let allowed = (0..10_000).filter(|tick| limiter.take(Duration::from_micros(tick * 100)));
        assert_eq!(allowed.count(), 1_000);
    }

    #[test]
    fn a_clock_that_goes_back_makes_no_tokens() {
        let mut limiter = Limiter::new(2, 10);
        assert_eq!(taken(&mut limiter, Duration::from_secs(10)), 2);
        assert_eq!(taken(&mut limiter, Duration::from_secs(5)), 0);
        assert_eq!(taken(&mut limiter, Duration::from_secs(10)), 0);
        assert_eq!(taken(&mut limiter, Duration::from_millis(10_100)), 1);
    }

    #[test]
    fn the_end_of_time_does_no_harm() {
        let mut limiter = Limiter::new(1, 1);
        assert!(limiter.take(Duration::MAX));
        assert!(limiter.take(Duration::MAX), "time stands still there, and nothing overflows");
    }
}
