//! Waiting for a condition: the only way in which a test lets time pass.

use std::thread;
use std::time::{Duration, Instant};

/// Between two looks: short beside what is waited for, and no load.
const BETWEEN: Duration = Duration::from_millis(20);

/// Looks until `probe` gives a value, and returns it. `probe` says what is
/// still missing otherwise.
///
/// # Panics
/// After `limit`, with `what` was waited for and what was missing last.
pub fn until<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match probe() {
            Ok(value) => return value,
            Err(missing) if started.elapsed() > limit => {
                panic!("{what}: not within {:.1} s; at last: {missing}", limit.as_secs_f64())
            }
            Err(_) => thread::sleep(BETWEEN),
        }
    }
}

/// Looks for a whole `time` that `probe` does not object.
///
/// # Panics
/// At the first objection.
pub fn throughout(what: &str, time: Duration, mut probe: impl FnMut() -> Result<(), String>) {
    let started = Instant::now();
    while started.elapsed() < time {
        if let Err(objection) = probe() {
            let after = started.elapsed().as_secs_f64();
            panic!("{what}: no longer after {after:.1} s: {objection}");
        }
        thread::sleep(BETWEEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_comes_as_soon_as_it_is_there() {
        let mut looks = 0;
        let found = until("three looks", Duration::from_secs(10), || {
            looks += 1;
            if looks == 3 { Ok("there") } else { Err(format!("look {looks}")) }
        });
        assert_eq!((found, looks), ("there", 3));
    }

    #[test]
    #[should_panic(expected = "the moon: not within 0.0 s; at last: still cloudy")]
    fn limit_says_what_was_waited_for_and_what_was_missing() {
        until::<()>("the moon", Duration::ZERO, || Err("still cloudy".to_owned()));
    }

    #[test]
    #[should_panic(expected = "quiet: no longer after")]
    fn objection_ends_a_quiet_time() {
        throughout("quiet", Duration::from_secs(10), || Err("a noise".to_owned()));
    }
}
