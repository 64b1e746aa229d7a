//! Which objects go to disk when memory runs short: the coldest.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::ObjectId;
use crate::limits;

/// Names the objects to write to disk, coldest first.
///
/// It knows the objects that are in memory and large enough to be worth a
/// file, in the order of their last use. It moves nothing itself: the host
/// writes what [`Spiller::over`] names and reports each with
/// [`Spiller::spilled`] or [`Spiller::failed`]. Every operation on one object
/// takes logarithmic time; small objects cost nothing.
#[derive(Default, Debug)]
pub struct Spiller {
    /// In memory, large enough, and not named yet.
    resident: BTreeMap<ObjectId, Resident>,
    /// The same objects by last use, coldest first.
    by_use: BTreeSet<(u64, ObjectId)>,
    /// Named, and not reported yet, with their bytes.
    leaving: BTreeMap<ObjectId, u64>,
    /// The sum of `leaving`.
    leaving_bytes: u64,
    /// Counts uses.
    tick: u64,
}

#[derive(Clone, Copy, Debug)]
struct Resident {
    bytes: u64,
    used_at: u64,
}

impl Spiller {
    /// An object of `bytes` has come into memory: made here, pulled from
    /// another node, or read back from disk.
    pub fn insert(&mut self, id: ObjectId, bytes: u64) {
        if bytes < limits::SPILL_OBJECT_BYTES as u64 {
            return;
        }
        self.remove(id);
        let used_at = self.next_tick();
        self.resident.insert(id, Resident { bytes, used_at });
        self.by_use.insert((used_at, id));
    }

    /// An object was used. One that is unknown or already named stays so.
    pub fn touch(&mut self, id: ObjectId) {
        let used_at = self.next_tick();
        if let Some(resident) = self.resident.get_mut(&id) {
            self.by_use.remove(&(resident.used_at, id));
            resident.used_at = used_at;
            self.by_use.insert((used_at, id));
        }
    }

    /// An object is gone for good.
    pub fn remove(&mut self, id: ObjectId) {
        if let Some(resident) = self.resident.remove(&id) {
            self.by_use.remove(&(resident.used_at, id));
        }
        self.spilled(id);
    }

    /// With `used` of `cap` bytes in memory, names the objects that must go
    /// for the rest to be within the threshold, coldest first; fewer, if
    /// there are no more. Bytes that were named before count as gone.
    pub fn over(&mut self, used: u64, cap: u64) -> Vec<ObjectId> {
        let mut named = Vec::new();
        while above_threshold(used.saturating_sub(self.leaving_bytes), cap) {
            let Some((_, id)) = self.by_use.pop_first() else { break };
            let resident = self.resident.remove(&id).expect("by_use and resident hold the same");
            self.leaving.insert(id, resident.bytes);
            self.leaving_bytes += resident.bytes;
            named.push(id);
        }
        named
    }

    /// An object that was named is on disk, and its memory is free.
    pub fn spilled(&mut self, id: ObjectId) {
        if let Some(bytes) = self.leaving.remove(&id) {
            self.leaving_bytes -= bytes;
        }
    }

    /// An object that was named could not be written and stays. It counts as
    /// just used, so that the others are tried first.
    pub fn failed(&mut self, id: ObjectId) {
        if let Some(&bytes) = self.leaving.get(&id) {
            self.insert(id, bytes);
        }
    }

    /// Whether an object that was named is not reported yet.
    pub fn is_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    fn next_tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }
}

/// Whether `used` of `cap` bytes is more than [`limits::SPILL_PERCENT`].
pub fn above_threshold(used: u64, cap: u64) -> bool {
    u128::from(used) * 100 > u128::from(cap) * u128::from(limits::SPILL_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;

    const MIN: u64 = limits::SPILL_OBJECT_BYTES as u64;

    fn id(seq: u64) -> ObjectId {
        ObjectId { node: NodeId(1), seq }
    }

    fn named(spiller: &mut Spiller, used: u64, cap: u64) -> Vec<u64> {
        spiller.over(used, cap).into_iter().map(|id| id.seq).collect()
    }

    fn spiller(sizes: &[u64]) -> Spiller {
        let mut spiller = Spiller::default();
        sizes.iter().zip(0..).for_each(|(bytes, seq)| spiller.insert(id(seq), bytes * MIN));
        spiller
    }

    #[test]
    fn nothing_goes_below_the_threshold() {
        let mut spiller = spiller(&[4, 4]);
        assert_eq!(named(&mut spiller, 8 * MIN, 10 * MIN), [0; 0]);
        assert_eq!(named(&mut spiller, 8 * MIN + 1, 10 * MIN), [0]);
    }

    #[test]
    fn the_coldest_go_first_and_no_more_than_needed() {
        let mut spiller = spiller(&[2, 2, 2, 2, 2]);
        spiller.touch(id(0));
        assert_eq!(named(&mut spiller, 10 * MIN, 10 * MIN), [1]);
        spiller.spilled(id(1));
        assert_eq!(named(&mut spiller, 8 * MIN, 5 * MIN), [2, 3]);
    }

    #[test]
    fn small_objects_stay() {
        let mut spiller = Spiller::default();
        spiller.insert(id(0), MIN - 1);
        assert_eq!(named(&mut spiller, 10 * MIN, MIN), [0; 0]);
    }

    #[test]
    fn what_is_leaving_counts_as_gone_and_is_not_named_again() {
        let mut spiller = spiller(&[2, 2, 2]);
        assert_eq!(named(&mut spiller, 6 * MIN, 6 * MIN), [0]);
        assert_eq!(named(&mut spiller, 6 * MIN, 6 * MIN), [0; 0]);
        spiller.spilled(id(0));
        assert_eq!(named(&mut spiller, 4 * MIN, 6 * MIN), [0; 0]);
    }

    #[test]
    fn what_could_not_be_written_is_tried_last() {
        let mut spiller = spiller(&[2, 2, 2]);
        assert_eq!(named(&mut spiller, 6 * MIN, 6 * MIN), [0]);
        spiller.failed(id(0));
        assert_eq!(named(&mut spiller, 6 * MIN, 1), [1, 2, 0]);
    }

    #[test]
    fn an_object_freed_while_leaving_is_forgotten() {
        let mut spiller = spiller(&[2, 2]);
        assert_eq!(named(&mut spiller, 4 * MIN, 4 * MIN), [0]);
        spiller.remove(id(0));
        spiller.spilled(id(0));
        spiller.failed(id(0));
        assert_eq!(named(&mut spiller, 2 * MIN, MIN), [1]);
        assert_eq!(spiller.leaving_bytes, 2 * MIN);
    }

    #[test]
    fn a_full_range_of_bytes_does_not_overflow() {
        assert!(above_threshold(u64::MAX, u64::MAX));
        assert!(!above_threshold(u64::MAX / 2, u64::MAX));
        assert!(!above_threshold(0, 0));
        assert!(above_threshold(1, 0));
    }

    /// The same rules over a plain list, coldest first.
    #[derive(Default)]
    struct Model {
        resident: Vec<(ObjectId, u64)>,
        leaving: Vec<(ObjectId, u64)>,
    }

    impl Model {
        fn remove(&mut self, id: ObjectId) {
            self.resident.retain(|(other, _)| *other != id);
            self.leaving.retain(|(other, _)| *other != id);
        }

        fn insert(&mut self, id: ObjectId, bytes: u64) {
            if bytes >= MIN {
                self.remove(id);
                self.resident.push((id, bytes));
            }
        }

        fn touch(&mut self, id: ObjectId) {
            if let Some(index) = self.resident.iter().position(|(other, _)| *other == id) {
                let entry = self.resident.remove(index);
                self.resident.push(entry);
            }
        }

        fn failed(&mut self, id: ObjectId) {
            if let Some(&(_, bytes)) = self.leaving.iter().find(|(other, _)| *other == id) {
                self.insert(id, bytes);
            }
        }

        fn over(&mut self, used: u64, cap: u64) -> Vec<ObjectId> {
            let mut named = Vec::new();
            loop {
                let leaving: u64 = self.leaving.iter().map(|(_, bytes)| bytes).sum();
                let left = used.saturating_sub(leaving);
                if left * 100 <= cap * limits::SPILL_PERCENT || self.resident.is_empty() {
                    return named;
                }
                let entry = self.resident.remove(0);
                self.leaving.push(entry);
                named.push(entry.0);
            }
        }
    }

    /// Numbers that look random, the same in every run.
    fn numbers(mut state: u64) -> impl FnMut(u64) -> u64 {
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        }
    }

    #[test]
    fn it_does_what_a_plain_list_would_do() {
        for seed in 0..50 {
            let mut number = numbers(seed);
            let (mut spiller, mut model) = (Spiller::default(), Model::default());
            for step in 0..1_000 {
                let id = id(number(40));
                match number(8) {
                    0..3 => {
                        let bytes = MIN / 2 + number(4 * MIN);
                        spiller.insert(id, bytes);
                        model.insert(id, bytes);
                    }
                    3 => {
                        spiller.remove(id);
                        model.remove(id);
                    }
                    4 => {
                        spiller.failed(id);
                        model.failed(id);
                    }
                    5 => {
                        spiller.spilled(id);
                        model.leaving.retain(|(other, _)| *other != id);
                    }
                    6 => {
                        let (used, cap) = (number(60 * MIN), number(60 * MIN));
                        assert_eq!(
                            spiller.over(used, cap),
                            model.over(used, cap),
                            "seed {seed}, step {step}"
                        );
                    }
                    _ => {
                        spiller.touch(id);
                        model.touch(id);
                    }
                }
            }
        }
    }
}
