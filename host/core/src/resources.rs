//! Amounts of named resources, exact: sums of fractions never drift.
//!
//! Owns the arithmetic and the way people read and write it. It knows one
//! name, `memory`, and only to show it as a size; what the others mean is the
//! business of whoever counts them. Start with [`Resources`].

mod amount;
mod bytes;

use std::fmt;
use std::sync::Arc;

pub use amount::Amount;
pub use bytes::{format_bytes, parse_bytes};

/// The resource that is counted in bytes and shown as a size.
pub const MEMORY: &str = "memory";

/// How much of each resource; what is not named is zero. The empty set
/// allocates nothing.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct Resources {
    /// By name, none of them zero: equal sets are equal vectors.
    entries: Vec<(Arc<str>, Amount)>,
}

/// The first resource of which there is too little.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shortage {
    /// Which.
    pub name: String,
    /// How much of it was asked for.
    pub asked: Amount,
    /// How much of it there is.
    pub has: Amount,
}

/// An amount with its resource, as a sentence has it: `2 gpus`,
/// `256 MiB of memory`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quantity<'a> {
    /// Of what.
    pub name: &'a str,
    /// How much.
    pub amount: Amount,
}

impl Resources {
    /// Whether there is nothing of anything.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Makes it this much of `name`; zero takes the name out.
    pub fn set(&mut self, name: &str, amount: Amount) {
        match (self.position(name), amount) {
            (Ok(at), Amount::ZERO) => {
                self.entries.remove(at);
            }
            (Ok(at), amount) => self.entries[at].1 = amount,
            (Err(_), Amount::ZERO) => {}
            (Err(at), amount) => self.entries.insert(at, (name.into(), amount)),
        }
    }

    /// How much of `name` there is.
    pub fn get(&self, name: &str) -> Amount {
        self.position(name).map_or(Amount::ZERO, |at| self.entries[at].1)
    }

    /// Every resource there is some of, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Amount)> {
        self.entries.iter().map(|(name, amount)| (&**name, *amount))
    }

    /// The names alone, to keep without copying the text.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries.iter().map(|(name, _)| name)
    }

    /// Whether `available` has all of this.
    pub fn fits(&self, available: &Resources) -> bool {
        self.iter().all(|(name, asked)| asked <= available.get(name))
    }

    /// The first resource, by name, of which `available` has less than this.
    pub fn first_shortage(&self, available: &Resources) -> Option<Shortage> {
        self.iter().map(|(name, asked)| (name, asked, available.get(name))).find_map(
            |(name, asked, has)| (asked > has).then(|| Shortage { name: name.into(), asked, has }),
        )
    }

    /// What is left without `other`, if all of it is there.
    pub fn checked_sub(&self, other: &Resources) -> Option<Resources> {
        other.fits(self).then(|| self.saturating_sub(other))
    }

    /// What is left without `other`, counting what is missing as zero.
    #[must_use]
    pub fn saturating_sub(&self, other: &Resources) -> Resources {
        let mut left = self.clone();
        for (name, amount) in other.iter() {
            left.set(name, left.get(name).saturating_sub(amount));
        }
        left
    }

    /// Both together. An amount too large to be counted stays at the largest.
    #[must_use]
    pub fn add(&self, other: &Resources) -> Resources {
        let mut sum = self.clone();
        for (name, amount) in &other.entries {
            match sum.position(name) {
                Ok(at) => sum.entries[at].1 = sum.entries[at].1.saturating_add(*amount),
                Err(at) => sum.entries.insert(at, (name.clone(), *amount)),
            }
        }
        sum
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(known, _)| (**known).cmp(name))
    }
}

impl<'a> FromIterator<(&'a str, Amount)> for Resources {
    fn from_iter<I: IntoIterator<Item = (&'a str, Amount)>>(entries: I) -> Resources {
        let mut resources = Resources::default();
        for (name, amount) in entries {
            resources.set(name, amount);
        }
        resources
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (at, (name, amount)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {}", shown(name, amount))?;
        }
        Ok(())
    }
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.name == MEMORY { "of " } else { "" };
        write!(f, "{} {of}{}", shown(self.name, self.amount), self.name)
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (asked, has) = self.shown();
        write!(f, "{asked} (has {has})")
    }
}

impl Shortage {
    /// What was asked, with its name, and what is there, without: different
    /// texts, down to the byte where need be.
    pub(crate) fn shown(&self) -> (String, String) {
        let Shortage { name, asked, has } = self;
        let texts = (Quantity { name, amount: *asked }.to_string(), shown(name, *has));
        if name == MEMORY && format_bytes(asked.floor()) == texts.1 {
            return (format!("{asked} bytes of {name}"), has.to_string());
        }
        texts
    }
}

/// An amount of `name` without the name: a size for memory, else a number.
pub(crate) fn shown(name: &str, amount: Amount) -> String {
    if name == MEMORY { format_bytes(amount.floor()) } else { amount.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<const N: usize>(entries: [(&str, f64); N]) -> Resources {
        entries.map(|(name, n)| (name, Amount::from_f64(n).unwrap())).into_iter().collect()
    }

    #[test]
    fn zero_is_the_same_as_absent() {
        let mut resources = of([("gpus", 0.0), ("cpus", 1.0)]);
        assert_eq!(resources, of([("cpus", 1.0)]));
        resources.set("cpus", Amount::ZERO);
        assert!(resources.is_empty());
        assert_eq!(resources, Resources::default());
        assert_eq!(resources.get("cpus"), Amount::ZERO);
    }

    #[test]
    fn the_order_of_setting_does_not_matter() {
        let forwards = of([("a", 1.0), ("b", 2.0), ("c", 3.0)]);
        let backwards = of([("c", 3.0), ("b", 2.0), ("a", 1.0)]);
        assert_eq!(forwards, backwards);
        assert_eq!(forwards.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn setting_again_replaces() {
        assert_eq!(of([("cpus", 1.0), ("cpus", 4.0)]), of([("cpus", 4.0)]));
    }

    #[test]
    fn subtracting_needs_all_of_it() {
        let total = of([("cpus", 4.0), ("gpus", 1.0)]);
        assert_eq!(total.checked_sub(&of([("gpus", 1.0)])), Some(of([("cpus", 4.0)])));
        assert_eq!(total.checked_sub(&of([("cpus", 4.5)])), None);
        assert_eq!(total.checked_sub(&of([("tpu", 0.5)])), None);
        assert_eq!(total.checked_sub(&total), Some(Resources::default()));
        assert_eq!(total.saturating_sub(&of([("cpus", 9.0)])), of([("gpus", 1.0)]));
    }

    #[test]
    fn adding_unites_the_names() {
        let sum = of([("cpus", 1.5), ("gpus", 1.0)]).add(&of([("cpus", 0.5), ("tpu", 2.0)]));
        assert_eq!(sum, of([("cpus", 2.0), ("gpus", 1.0), ("tpu", 2.0)]));
    }

    #[test]
    fn the_first_shortage_is_the_first_by_name() {
        let asked = of([("cpus", 4.0), ("gpus", 2.0)]);
        assert_eq!(asked.first_shortage(&of([("cpus", 4.0), ("gpus", 2.0)])), None);
        let shortage = asked.first_shortage(&of([("gpus", 1.0)])).unwrap();
        assert_eq!(shortage.to_string(), "4 cpus (has 0)");
        let shortage = asked.first_shortage(&of([("cpus", 8.0), ("gpus", 0.5)])).unwrap();
        assert_eq!(shortage.to_string(), "2 gpus (has 0.5)");
        assert!(Resources::default().first_shortage(&Resources::default()).is_none());
    }

    #[test]
    fn people_read_names_numbers_and_sizes() {
        let asked = of([("tpu", 1.0), (MEMORY, f64::from(256 << 20)), ("cpus", 2.0)]);
        assert_eq!(asked.to_string(), "cpus 2, memory 256 MiB, tpu 1");
        assert_eq!(Resources::default().to_string(), "nothing");
        let memory = Quantity { name: MEMORY, amount: asked.get(MEMORY) };
        assert_eq!(memory.to_string(), "256 MiB of memory");
    }

    #[test]
    fn a_shortage_of_one_byte_can_be_seen() {
        let asked = of([(MEMORY, f64::from((256 << 20) + 1))]);
        let shortage = asked.first_shortage(&of([(MEMORY, f64::from(256 << 20))])).unwrap();
        assert_eq!(shortage.to_string(), "268435457 bytes of memory (has 268435456)");
    }
}
