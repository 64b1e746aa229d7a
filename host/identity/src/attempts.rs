//! How many bad attempts a peer may make.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::limits;

/// Counts the bad attempts of peers, and says when one has made too many.
///
/// A bucket for each peer: it holds [`ATTEMPTS_BURST`](limits::ATTEMPTS_BURST)
/// attempts and gets one back every [`ATTEMPT_EVERY`](limits::ATTEMPT_EVERY).
/// An IPv6 peer is its /64, since it can choose the rest. When too many peers
/// are known, the one that was quiet for longest is forgotten.
///
/// Times are of any clock that does not go back, since any beginning.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    peers: HashMap<IpAddr, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// When it is full again, if nothing bad happens.
    full_at: Duration,
    /// The last bad attempt.
    last: Duration,
}

/// What to do about a bad attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Noted {
    /// Log it: it is the first of this peer's for a while.
    Log,
    /// Log that no more of this peer's are logged: it has none left.
    LogLast,
    /// Nothing; it was logged that there are such attempts.
    Quiet,
}

impl Attempts {
    /// Nobody did anything bad.
    pub fn new() -> Attempts {
        Attempts::default()
    }

    /// Whether a peer may try at all. If not, hang up without looking at what
    /// it sends.
    pub fn may_try(&self, peer: IpAddr, now: Duration) -> bool {
        self.left(canonical(peer), now) > 0
    }

    /// A peer made a bad attempt: a handshake that failed, a token that does
    /// not count, a message that makes no sense.
    pub fn note(&mut self, peer: IpAddr, now: Duration) -> Noted {
        let peer = canonical(peer);
        let before = self.left(peer, now);
        if !self.peers.contains_key(&peer) {
            self.make_room(now);
        }
        let bucket = self.peers.entry(peer).or_insert(Bucket { full_at: now, last: now });
        let most = now + limits::ATTEMPT_EVERY * limits::ATTEMPTS_BURST;
        bucket.full_at = (bucket.full_at.max(now) + limits::ATTEMPT_EVERY).min(most);
        bucket.last = now;
        match before {
            limits::ATTEMPTS_BURST => Noted::Log,
            1 => Noted::LogLast,
            _ => Noted::Quiet,
        }
    }

    /// How many peers are known.
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    fn left(&self, peer: IpAddr, now: Duration) -> u32 {
        let owed = self.peers.get(&peer).map(|bucket| bucket.full_at.saturating_sub(now));
        let owed = owed.unwrap_or_default().as_nanos();
        let taken = owed.div_ceil(limits::ATTEMPT_EVERY.as_nanos()) as u32;
        limits::ATTEMPTS_BURST.saturating_sub(taken)
    }

    /// Forgets those who are as good as new, and if need be one more.
    fn make_room(&mut self, now: Duration) {
        if self.peers.len() < limits::ATTEMPT_PEERS_MAX {
            return;
        }
        self.peers.retain(|_, bucket| bucket.full_at > now);
        if self.peers.len() < limits::ATTEMPT_PEERS_MAX {
            return;
        }
        let quietest = self.peers.iter().min_by_key(|(_, bucket)| bucket.last);
        if let Some(peer) = quietest.map(|(peer, _)| *peer) {
            self.peers.remove(&peer);
        }
    }
}

/// What counts as one peer.
fn canonical(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    fn v4(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn a_peer_has_a_burst_and_then_one_attempt_at_a_time() {
        let mut attempts = Attempts::new();
        for attempt in 0..limits::ATTEMPTS_BURST {
            assert!(attempts.may_try(v4(1), NOW));
            let expected = match attempt {
                0 => Noted::Log,
                9 => Noted::LogLast,
                _ => Noted::Quiet,
            };
            assert_eq!(attempts.note(v4(1), NOW), expected);
        }
        assert!(!attempts.may_try(v4(1), NOW));
        assert_eq!(attempts.note(v4(1), NOW), Noted::Quiet);
        assert!(attempts.may_try(v4(2), NOW), "others are not touched");
        let later = NOW + limits::ATTEMPT_EVERY;
        assert!(!attempts.may_try(v4(1), later - Duration::from_nanos(1)));
        assert!(attempts.may_try(v4(1), later));
    }

    #[test]
    fn memory_is_bounded_and_the_quietest_is_forgotten() {
        let mut attempts = Attempts::new();
        let peers = limits::ATTEMPT_PEERS_MAX as u32 + 500;
        for number in 0..peers {
            // One that never stops stays known.
            for _ in 0..2 {
                attempts.note(v4(u32::MAX), NOW + Duration::from_millis(u64::from(number)));
            }
            attempts.note(v4(number), NOW + Duration::from_millis(u64::from(number)));
            assert!(attempts.len() <= limits::ATTEMPT_PEERS_MAX);
        }
        let end = NOW + Duration::from_millis(u64::from(peers));
        assert!(!attempts.may_try(v4(u32::MAX), end));
    }

    #[test]
    fn a_peer_cannot_hide_behind_its_other_addresses() {
        let mut attempts = Attempts::new();
        for number in 0..u16::from(limits::ATTEMPTS_BURST as u8) {
            attempts.note(format!("2001:db8::{number:x}").parse().unwrap(), NOW);
        }
        assert!(!attempts.may_try("2001:db8::ffff".parse().unwrap(), NOW));
        assert!(attempts.may_try("2001:db8:0:1::".parse().unwrap(), NOW));
        for _ in 0..limits::ATTEMPTS_BURST {
            attempts.note(v4(7), NOW);
        }
        assert!(!attempts.may_try("::ffff:0.0.0.7".parse().unwrap(), NOW));
    }
}
