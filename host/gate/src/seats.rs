//! How many there may be at one time, in all and of one kind.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// Places that are taken by somebody, of whom none may take too many. Clones
/// are the same.
pub(crate) struct Seats<K: Eq + Hash> {
    taken: Arc<Mutex<Taken<K>>>,
    most: usize,
    most_each: usize,
}

/// Locked to count.
struct Taken<K> {
    all: usize,
    each: HashMap<K, usize>,
}

/// A place; free again when dropped.
pub(crate) struct Seat<K: Eq + Hash> {
    taken: Arc<Mutex<Taken<K>>>,
    who: K,
}

impl<K: Eq + Hash + Clone> Seats<K> {
    pub(crate) fn new(most: usize, most_each: usize) -> Seats<K> {
        let taken = Arc::new(Mutex::new(Taken { all: 0, each: HashMap::new() }));
        Seats { taken, most, most_each }
    }

    /// A place for somebody; none if it has too many, or all are taken.
    pub(crate) fn take(&self, who: K) -> Option<Seat<K>> {
        let mut taken = self.taken.lock();
        let has = taken.each.get(&who).copied().unwrap_or(0);
        if taken.all >= self.most || has >= self.most_each {
            return None;
        }
        taken.all += 1;
        taken.each.insert(who.clone(), has + 1);
        Some(Seat { taken: self.taken.clone(), who })
    }

    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.taken.lock().all
    }
}

impl<K: Eq + Hash> Drop for Seat<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        taken.all -= 1;
        if let Some(count) = taken.each.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                taken.each.remove(&self.who);
            }
        }
    }
}

/// What counts as one address: of IPv6 a /64, since its owner can choose the
/// rest.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_too_many_and_what_is_left_is_free() {
        let seats = Seats::new(3, 2);
        let first = seats.take("a").unwrap();
        let _second = seats.take("a").unwrap();
        assert!(seats.take("a").is_none());
        let _third = seats.take("b").unwrap();
        assert!(seats.take("c").is_none(), "all are taken");
        drop(first);
        assert_eq!(seats.taken(), 2);
        assert!(seats.take("c").is_some());
        assert_eq!(seats.taken.lock().each.len(), 2, "nobody is remembered for nothing");
    }
}
