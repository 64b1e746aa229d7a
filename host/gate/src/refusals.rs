//! The log of whom was refused.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use host_core::rate::Limiter;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::limits;
use crate::seats::canonical;

/// Why somebody was refused.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Reason {
    /// There are too many connections.
    Full,
    /// There are too many who do not say who they are.
    Crowded,
    /// It did not end its handshake in time.
    Slow,
    /// What it said is no handshake that succeeds.
    Handshake,
    /// It spoke without TLS, and is not on this machine.
    Plaintext,
    /// It has no certificate, and did not come to join.
    NoCertificate,
    /// It did not show the owner's token.
    LocalToken,
    /// Its certificate counts no longer.
    Revoked,
}

/// Logs each reason once a minute for each address, and not too much in all.
pub(crate) struct Refusals {
    started: Instant,
    /// Locked to look whether something was logged.
    state: Mutex<State>,
}

struct State {
    logged: HashMap<(IpAddr, Reason), Duration>,
    limiter: Limiter,
}

impl Refusals {
    pub(crate) fn new() -> Refusals {
        let limiter = Limiter::new(limits::LOG_BURST, limits::LOG_PER_S);
        let state = Mutex::new(State { logged: HashMap::new(), limiter });
        Refusals { started: Instant::now(), state }
    }

    /// Somebody was refused; `what` says more, and is asked only if it is
    /// logged.
    pub(crate) fn note<T: fmt::Display>(
        &self,
        address: SocketAddr,
        reason: Reason,
        what: impl FnOnce() -> T,
    ) {
        if self.state.lock().is_news(address.ip(), reason, self.started.elapsed()) {
            let what = what().to_string();
            // Quoted: parts of it may come from the peer.
            tracing::warn!(%address, ?reason, ?what, "a connection or request was refused");
        }
    }
}

impl State {
    fn is_news(&mut self, address: IpAddr, reason: Reason, now: Duration) -> bool {
        let key = (canonical(address), reason);
        if let Some(at) = self.logged.get(&key)
            && now.saturating_sub(*at) < limits::LOG_EVERY
        {
            return false;
        }
        if self.logged.len() >= limits::LOGGED_MAX {
            self.logged.retain(|_, at| now.saturating_sub(*at) < limits::LOG_EVERY);
        }
        if self.logged.len() >= limits::LOGGED_MAX || !self.limiter.take(now) {
            return false;
        }
        self.logged.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_logged_once_a_minute_for_each_address_and_memory_is_bounded() {
        let limiter = Limiter::new(u32::MAX >> 8, 1_000);
        let mut state = State { logged: HashMap::new(), limiter };
        let address = |number: u32| IpAddr::V4(number.into());
        let now = Duration::from_secs(1_000);
        assert!(state.is_news(address(1), Reason::Slow, now));
        assert!(!state.is_news(address(1), Reason::Slow, now));
        assert!(state.is_news(address(1), Reason::Plaintext, now));
        assert!(state.is_news(address(2), Reason::Slow, now));
        for number in 0..10_000 {
            state.is_news(address(number), Reason::Full, now);
        }
        assert_eq!(state.logged.len(), limits::LOGGED_MAX);
        let later = now + limits::LOG_EVERY;
        assert!(state.is_news(address(1), Reason::Slow, later));
        assert!(state.is_news(address(70_000), Reason::Slow, later), "old ones made room");
    }

    #[test]
    fn many_addresses_do_not_fill_the_log() {
        let limiter = Limiter::new(limits::LOG_BURST, limits::LOG_PER_S);
        let mut state = State { logged: HashMap::new(), limiter };
        let logged = (0..1_000u32)
            .filter(|number| {
                state.is_news(IpAddr::V4((*number).into()), Reason::Slow, Duration::ZERO)
            })
            .count();
        assert_eq!(logged, limits::LOG_BURST as usize);
    }
}
