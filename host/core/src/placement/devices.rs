//! Which of a node's GPUs a reservation is on.
//!
//! What a node has of `gpus` is so many devices. A part of a GPU is a part of
//! one device, so two halves that are free on two devices are not a whole
//! one. The fullest device that has room is taken, which keeps whole ones free
//! for those that need them.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::resources::Amount;

/// The resource that is counted in devices, and whose nodes are left to those
/// who ask for it.
pub const GPUS: &str = "gpus";

/// The devices of one node, and who is on which.
#[derive(Clone, Debug)]
pub(super) struct Devices<H> {
    /// What nobody holds, by device.
    free: Vec<Amount>,
    held: FxHashMap<H, Vec<(usize, Amount)>>,
}

impl<H: Copy + Eq + Hash> Devices<H> {
    /// So many devices, all free. What is left over is a device of its own:
    /// an operator may give away a part.
    pub(super) fn new(total: Amount) -> Devices<H> {
        let one = one();
        let whole = usize::try_from(total.floor()).unwrap_or(usize::MAX).min(DEVICES_MAX);
        let rest = fraction(total);
        let free = std::iter::repeat_n(one, whole).chain((rest != Amount::ZERO).then_some(rest));
        Devices { free: free.collect(), held: FxHashMap::default() }
    }

    /// Whether so much can be had now.
    pub(super) fn have(&self, asked: Amount) -> bool {
        self.choose(asked).is_some()
    }

    /// The most that one more holder could have of one device.
    pub(super) fn largest(&self) -> Amount {
        self.free.iter().copied().max().unwrap_or_default()
    }

    /// Puts somebody on devices that [have](Devices::have) so much.
    pub(super) fn take(&mut self, holder: H, asked: Amount) {
        if asked == Amount::ZERO {
            return;
        }
        let chosen = self.choose(asked).expect("granted what fits");
        for (device, amount) in &chosen {
            self.free[*device] = self.free[*device].saturating_sub(*amount);
        }
        self.held.insert(holder, chosen);
    }

    /// Takes somebody off its devices.
    pub(super) fn give_back(&mut self, holder: H) {
        for (device, amount) in self.held.remove(&holder).unwrap_or_default() {
            self.free[device] = self.free[device].saturating_add(amount);
        }
    }

    /// The devices that somebody is on, and how much of each is its.
    pub(super) fn of(&self, holder: H) -> &[(usize, Amount)] {
        self.held.get(&holder).map_or(&[], Vec::as_slice)
    }

    /// Everybody who is on a device, in no order: who, on which, and how much
    /// of it.
    pub(super) fn holders(&self) -> impl Iterator<Item = (H, usize, Amount)> {
        self.held.iter().flat_map(|(holder, held)| {
            held.iter().map(|(device, amount)| (*holder, *device, *amount))
        })
    }

    /// Whole devices for the whole ones, and for the rest the fullest that has
    /// room.
    fn choose(&self, asked: Amount) -> Option<Vec<(usize, Amount)>> {
        let one = one();
        let whole = usize::try_from(asked.floor()).ok()?;
        let rest = fraction(asked);
        let unused = self.free.iter().enumerate().filter(|(_, free)| **free == one);
        let mut chosen: Vec<_> = unused.take(whole).map(|(device, _)| (device, one)).collect();
        if chosen.len() < whole {
            return None;
        }
        if rest != Amount::ZERO {
            let is_taken = |device: usize| chosen.iter().any(|(taken, _)| *taken == device);
            let room = self.free.iter().enumerate();
            let room = room.filter(|(device, free)| **free >= rest && !is_taken(*device));
            let (device, _) = room.min_by_key(|(_, free)| **free)?;
            chosen.push((device, rest));
        }
        Some(chosen)
    }
}

/// A bound on what an operator can make this keep; no machine has so many.
const DEVICES_MAX: usize = 1_024;

fn one() -> Amount {
    Amount::whole(1).unwrap_or_default()
}

fn fraction(amount: Amount) -> Amount {
    amount.saturating_sub(Amount::whole(amount.floor()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(value: f64) -> Amount {
        Amount::from_f64(value).unwrap()
    }

    fn devices(total: f64) -> Devices<u32> {
        Devices::new(amount(total))
    }

    fn on(devices: &Devices<u32>, holder: u32) -> Vec<usize> {
        devices.of(holder).iter().map(|(device, _)| *device).collect()
    }

    #[test]
    fn parts_share_a_device_and_leave_whole_ones_whole() {
        let mut devices = devices(2.0);
        for (holder, part) in [(1, 0.25), (2, 0.5), (3, 0.25)] {
            devices.take(holder, amount(part));
        }
        assert_eq!([on(&devices, 1), on(&devices, 2), on(&devices, 3)], [[0], [0], [0]]);
        assert!(devices.have(amount(1.0)));
        devices.take(4, amount(1.0));
        assert_eq!(on(&devices, 4), [1]);
        assert!(!devices.have(amount(0.1)));
    }

    #[test]
    fn a_part_is_of_one_device() {
        let mut devices = devices(2.0);
        devices.take(1, amount(0.6));
        devices.take(2, amount(0.6));
        assert_eq!([on(&devices, 1), on(&devices, 2)], [[0], [1]]);
        // 0.8 are free, on two devices.
        assert!(!devices.have(amount(0.8)));
        assert_eq!(devices.largest(), amount(0.4));
        devices.give_back(1);
        assert!(devices.have(amount(0.8)) && devices.have(amount(1.0)));
    }

    #[test]
    fn the_fullest_device_with_room_is_taken() {
        let mut devices = devices(3.0);
        devices.take(1, amount(0.5));
        devices.take(2, amount(0.7));
        devices.take(3, amount(0.4));
        assert_eq!([on(&devices, 1), on(&devices, 2), on(&devices, 3)], [[0], [1], [0]]);
        devices.take(4, amount(0.3));
        assert_eq!(on(&devices, 4), [1]);
    }

    #[test]
    fn several_are_whole_devices() {
        let mut devices = devices(3.0);
        devices.take(1, amount(0.1));
        assert!(!devices.have(amount(3.0)));
        devices.take(2, amount(2.0));
        assert_eq!(on(&devices, 2), [1, 2]);
        devices.give_back(2);
        devices.take(3, amount(1.5));
        assert_eq!(on(&devices, 3), [1, 0]);
    }

    #[test]
    fn what_is_given_back_is_free_once() {
        let mut devices = devices(1.5);
        devices.take(1, amount(1.5));
        assert_eq!(devices.largest(), Amount::ZERO);
        devices.give_back(1);
        devices.give_back(1);
        assert_eq!(devices.free, [amount(1.0), amount(0.5)]);
        devices.take(2, Amount::ZERO);
        assert!(devices.of(2).is_empty());
    }
}
