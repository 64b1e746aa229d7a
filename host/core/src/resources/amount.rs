//! A number of something, in ten-thousandths.

use std::fmt;

/// Ten-thousandths in one: Ray's precision, fine enough for a shared GPU and
/// coarse enough to count the bytes of any machine (1.8 PB) in 64 bits.
const PER_ONE: u64 = 10_000;

/// How much of one resource: never negative, exact to a ten-thousandth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Amount(u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);

    /// The nearest ten-thousandth; none if `value` is negative, not a number,
    /// infinite, or too large. A positive value below half a ten-thousandth
    /// becomes zero.
    pub fn from_f64(value: f64) -> Option<Amount> {
        let scaled = (value * PER_ONE as f64).round();
        // The first f64 past the largest u64, so that the cast is exact.
        let past_the_largest = 2f64.powi(64);
        // Not a number fails both comparisons.
        (value >= 0.0 && scaled < past_the_largest).then_some(Amount(scaled as u64))
    }

    /// So many whole ones; none if that is too large.
    pub fn whole(count: u64) -> Option<Amount> {
        count.checked_mul(PER_ONE).map(Amount)
    }

    /// From its ten-thousandths.
    pub const fn from_ten_thousandths(count: u64) -> Amount {
        Amount(count)
    }

    /// Its ten-thousandths: all of it, for borders that have to be exact.
    pub const fn ten_thousandths(self) -> u64 {
        self.0
    }

    /// For programs that show it; the value is rounded past 53 bits.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / PER_ONE as f64
    }

    /// The whole ones in it.
    pub fn floor(self) -> u64 {
        self.0 / PER_ONE
    }

    /// The sum, unless it is too large.
    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).map(Amount)
    }

    /// The difference, unless it is negative.
    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }

    /// The sum, or the largest amount.
    #[must_use]
    pub fn saturating_add(self, other: Amount) -> Amount {
        Amount(self.0.saturating_add(other.0))
    }

    /// The difference, or zero.
    #[must_use]
    pub fn saturating_sub(self, other: Amount) -> Amount {
        Amount(self.0.saturating_sub(other.0))
    }

    /// This part of `total` in ten-thousandths, rounded up; more than 10,000
    /// if it is more than all. Nothing of nothing is zero.
    pub(crate) fn share_of(self, total: Amount) -> u64 {
        if total == Amount::ZERO {
            return if self == Amount::ZERO { 0 } else { u64::MAX };
        }
        let share = (u128::from(self.0) * 10_000).div_ceil(u128::from(total.0));
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = self.0 % PER_ONE;
        if fraction == 0 {
            return write!(f, "{}", self.floor());
        }
        let digits = format!("{fraction:04}");
        write!(f, "{}.{}", self.floor(), digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_add_up_exactly() {
        let tenth = Amount::from_f64(0.1).unwrap();
        let sum = (0..10).fold(Amount::ZERO, |sum, _| sum.checked_add(tenth).unwrap());
        assert_eq!(Some(sum), Amount::whole(1));
    }

    #[test]
    fn only_amounts_are_amounts() {
        for value in [-1.0, -1e-9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 2e15] {
            assert_eq!(Amount::from_f64(value), None, "{value}");
        }
        assert_eq!(Amount::from_f64(-0.0), Some(Amount::ZERO));
        assert_eq!(Amount::whole(u64::MAX), None);
    }

    #[test]
    fn the_border_of_too_large_is_exact() {
        assert!(Amount::whole(u64::MAX / PER_ONE).is_some());
        assert!(Amount::whole(u64::MAX / PER_ONE + 1).is_none());
        assert!(Amount::from_f64(1.844_674_407e15).is_some());
        assert!(Amount::from_f64(1.844_674_408e15).is_none());
    }

    #[test]
    fn values_round_to_the_nearest_ten_thousandth() {
        assert_eq!(Amount::from_f64(0.333_33), Amount::from_f64(0.333_3));
        assert_eq!(Amount::from_f64(0.333_36), Amount::from_f64(0.333_4));
        assert_eq!(Amount::from_f64(0.000_01), Some(Amount::ZERO));
    }

    #[test]
    fn amounts_print_without_trailing_zeros() {
        for (value, text) in
            [(0.0, "0"), (2.0, "2"), (0.5, "0.5"), (0.0001, "0.0001"), (100.25, "100.25")]
        {
            assert_eq!(Amount::from_f64(value).unwrap().to_string(), text);
            assert_eq!(Amount::from_f64(value).unwrap().as_f64(), value);
        }
    }

    #[test]
    fn arithmetic_stays_in_range() {
        let (one, two) = (Amount::whole(1).unwrap(), Amount::whole(2).unwrap());
        assert_eq!(one.checked_sub(two), None);
        assert_eq!(two.checked_sub(one), Some(one));
        assert_eq!(one.saturating_sub(two), Amount::ZERO);
        assert_eq!(Amount(u64::MAX).checked_add(one), None);
        assert_eq!(Amount(u64::MAX).saturating_add(one), Amount(u64::MAX));
    }

    #[test]
    fn a_share_is_rounded_up() {
        let three = Amount::whole(3).unwrap();
        assert_eq!(Amount::whole(1).unwrap().share_of(three), 3_334);
        assert_eq!(three.share_of(three), 10_000);
        assert_eq!(Amount::ZERO.share_of(Amount::ZERO), 0);
        assert_eq!(three.share_of(Amount::ZERO), u64::MAX);
        assert_eq!(Amount(u64::MAX).share_of(Amount(1)), u64::MAX);
    }
}
