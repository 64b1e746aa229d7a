//! Spans of time, as people write and read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A unit's letter and its seconds, largest first.
const UNITS: [(&str, u64); 4] = [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60), ("s", 1)];

/// Reads `90s`, `5m`, `1h` or `7d`.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let form = || format!("{text:?} is not a time such as 30s, 5m, 1h or 7d");
    let (number, seconds) = UNITS
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)))
        .ok_or_else(form)?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = digits.then(|| number.parse().ok()).flatten().ok_or_else(form)?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(form)
}

/// The span in its two largest units: `3d 4h`.
pub(super) fn show(span: Duration) -> String {
    let mut rest = span.as_secs();
    let mut parts = Vec::new();
    for (unit, seconds) in UNITS {
        if rest >= seconds || (!parts.is_empty() && parts.len() < 2) {
            parts.push(format!("{}{unit}", rest / seconds));
        }
        rest %= seconds;
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() { "0s".into() } else { parts.join(" ") }
}

/// What is left until some second since 1970; zero once it is past.
pub(super) fn left_until(second: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_secs(second).saturating_sub(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("5m", 300), ("1h", 3600), ("7d", 604_800)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "1", "-1s", "+1s", "1.5h", "1 h", "99999999999999999999d"] {
            assert!(parse(text).unwrap_err().contains("such as 30s"), "{text}");
        }
    }

    #[test]
    fn spans_are_shown_in_two_units() {
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (60, "1m 0s"), (3_700, "1h 1m"), (90_061, "1d 1h")]
        {
            assert_eq!(show(Duration::from_secs(seconds)), text);
        }
    }
}
