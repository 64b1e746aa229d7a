//! When a certificate is renewed.

use std::time::Duration;

use rustls_pki_types::UnixTime;

use crate::Validity;

/// What to do about a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Renewal {
    /// Nothing before this time.
    At(UnixTime),
    /// Renew it. If that fails, again after a while: a third of its life is
    /// left for it.
    Now,
    /// It has ended: a token is needed to join again, with the same key.
    TooLate,
}

/// When to renew a certificate: when a third of its life is left.
pub fn renew_at(validity: Validity) -> UnixTime {
    let third_s = validity.length().as_secs() / 3;
    UnixTime::since_unix_epoch(Duration::from_secs(validity.until.as_secs() - third_s))
}

/// What to do about a certificate now.
pub fn renewal(validity: Validity, now: UnixTime) -> Renewal {
    let at = renew_at(validity);
    if now > validity.until {
        Renewal::TooLate
    } else if now >= at {
        Renewal::Now
    } else {
        Renewal::At(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_life_is_left() {
        let validity = Validity { from: second(1_000), until: second(4_000) };
        assert_eq!(renewal(validity, second(0)), Renewal::At(second(3_000)));
        assert_eq!(renewal(validity, second(2_999)), Renewal::At(second(3_000)));
        assert_eq!(renewal(validity, second(3_000)), Renewal::Now);
        assert_eq!(renewal(validity, second(4_000)), Renewal::Now);
        assert_eq!(renewal(validity, second(4_001)), Renewal::TooLate);
    }
}
