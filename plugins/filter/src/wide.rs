//! Whole numbers of 256 bits, in which every number of MySQL is exact once it is scaled by its decimals.

use std::cmp::Ordering;

/// A signed number: its upper half, and its lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wide(pub(crate) i128, pub(crate) u128);

impl Wide {
    pub(crate) const MIN: Self = Self(i128::MIN, 0);
    pub(crate) const MAX: Self = Self(i128::MAX, u128::MAX);

    /// From its bytes, little-endian.
    #[inline]
    pub(crate) fn read(bytes: &[u8; 32]) -> Self {
        let (low, high) = bytes.split_at(16);
        let half = |bytes: &[u8]| bytes.first_chunk::<16>().copied().unwrap_or_default();
        Self(i128::from_le_bytes(half(high)), u128::from_le_bytes(half(low)))
    }

    /// The next one; the last one stays.
    pub(crate) fn up(self) -> Self {
        match self.1.overflowing_add(1) {
            (low, false) => Self(self.0, low),
            (low, true) => self.0.checked_add(1).map_or(Self::MAX, |high| Self(high, low)),
        }
    }

    /// The one before; the first one stays.
    pub(crate) fn down(self) -> Self {
        match self.1.overflowing_sub(1) {
            (low, false) => Self(self.0, low),
            (low, true) => self.0.checked_sub(1).map_or(Self::MIN, |high| Self(high, low)),
        }
    }

    /// The nearest number of 128 bits.
    pub(crate) fn narrow(self) -> i128 {
        match (self.0, i128::try_from(self.1)) {
            (0, Ok(low)) => low,
            (-1, Err(_)) => self.1.cast_signed(),
            (high, _) if high < 0 => i128::MIN,
            _ => i128::MAX,
        }
    }

    fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The number without its sign.
    fn magnitude(self) -> (u128, u128) {
        if self.is_negative() {
            let (low, carried) = (!self.1).overflowing_add(1);
            ((!self.0).cast_unsigned().wrapping_add(u128::from(carried)), low)
        } else {
            (self.0.cast_unsigned(), self.1)
        }
    }

    /// With a sign; none where it does not fit.
    fn signed(negative: bool, (high, low): (u128, u128)) -> Option<Self> {
        let high = i128::try_from(high).ok()?;
        Some(if negative {
            let (low, carried) = (!low).overflowing_add(1);
            Self((!high).wrapping_add(i128::from(carried)), low)
        } else {
            Self(high, low)
        })
    }

    /// From decimal digits; none where there are too many.
    pub(crate) fn digits(negative: bool, digits: impl Iterator<Item = u8>) -> Option<Self> {
        let mut magnitude = (0, 0);
        for digit in digits {
            magnitude = times_ten(magnitude, digit - b'0')?;
        }
        Self::signed(negative, magnitude)
    }

    /// Times ten, so many times; none where that does not fit.
    fn scaled(self, zeros: u8) -> Option<Self> {
        let mut magnitude = self.magnitude();
        for _ in 0..zeros {
            magnitude = times_ten(magnitude, 0)?;
        }
        Self::signed(self.is_negative(), magnitude)
    }

    /// Compares numbers of different decimals.
    pub(crate) fn compare((one, decimals): (Self, u8), (other, others): (Self, u8)) -> Ordering {
        // What does not fit 256 bits is larger than any number of MySQL's, which have 65 digits.
        let beyond = |number: Self| if number.is_negative() { Ordering::Less } else { Ordering::Greater };
        match decimals.cmp(&others) {
            Ordering::Equal => one.cmp(&other),
            Ordering::Less => one.scaled(others - decimals).map_or(beyond(one), |one| one.cmp(&other)),
            Ordering::Greater => other
                .scaled(decimals - others)
                .map_or(beyond(other).reverse(), |other| one.cmp(&other)),
        }
    }
}

impl From<i128> for Wide {
    fn from(number: i128) -> Self {
        Self(if number < 0 { -1 } else { 0 }, number.cast_unsigned())
    }
}

fn times_ten((high, low): (u128, u128), digit: u8) -> Option<(u128, u128)> {
    // The lower half in two parts, so that products fit.
    let (upper, lower) = (low >> 64, low & u128::from(u64::MAX));
    let first = lower * 10 + u128::from(digit);
    let second = upper * 10 + (first >> 64);
    let high = high.checked_mul(10)?.checked_add(second >> 64)?;
    Some((high, second << 64 | first & u128::from(u64::MAX)))
}

/// Where a constant lies among the values of a column: the last value that is not above it, and whether that is the constant itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) floor: Wide,
    pub(crate) exact: bool,
}

impl Bound {
    /// One of the values.
    #[cfg(test)]
    pub(crate) fn exactly(value: impl Into<Wide>) -> Self {
        Self {
            floor: value.into(),
            exact: true,
        }
    }

    /// A number as it was written, among those of so many decimals.
    pub(crate) fn of(text: &str, negative: bool, scale: u8) -> Self {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i64 = exponent
            .parse()
            .unwrap_or(if exponent.starts_with('-') { -100_000 } else { 100_000 });
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        // The digits, and how many of them count at this scale.
        let digits: Vec<u8> = whole.bytes().chain(decimals.bytes()).collect();
        let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
        let counted = length(whole).saturating_add(exponent).saturating_add(i64::from(scale));
        let is_zero = digits.iter().all(|digit| *digit == b'0');
        let kept = usize::try_from(counted.clamp(0, 100_000)).unwrap_or(0);
        let zeros = if is_zero { 0 } else { kept.saturating_sub(digits.len()) };
        let rest_is_zero = digits.iter().skip(kept).all(|digit| *digit == b'0');
        let shown = digits.iter().copied().take(kept).chain(std::iter::repeat_n(b'0', zeros));
        match Wide::digits(negative, shown) {
            Some(floor) if rest_is_zero => Self { floor, exact: true },
            Some(number) => Self {
                floor: if negative { number.down() } else { number },
                exact: false,
            },
            None => Self {
                floor: if negative { Wide::MIN } else { Wide::MAX },
                exact: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Wide};
    use std::cmp::Ordering;

    #[test]
    fn a_constant_lies_where_mathematics_has_it() {
        for (text, negative, scale, floor, exact) in [
            ("12.5", false, 0, 12, false),
            ("12.5", true, 0, -13, false),
            ("12.50", false, 2, 1250, true),
            ("12.505", false, 2, 1250, false),
            ("12.505", true, 2, -1251, false),
            ("1e3", false, 0, 1000, true),
            ("1.5e-1", false, 1, 1, false),
            ("1e-9", true, 0, -1, false),
            ("0e99999999999999999999", false, 0, 0, true),
            (".5", false, 1, 5, true),
            ("18446744073709551615", false, 0, u64::MAX.into(), true),
        ] {
            let bound = Bound::of(text, negative, scale);
            assert_eq!((bound.floor, bound.exact), (Wide::from(floor), exact), "{text} {negative} {scale}");
        }
        let huge = Bound::of("1e99999999999999999999", true, 2);
        assert_eq!((huge.floor, huge.exact), (Wide::MIN, false));
    }

    #[test]
    fn wide_numbers_are_ordered_across_signs_halves_and_decimals() {
        let small = i128::MIN;
        let numbers = [
            Wide::MIN,
            Wide::from(small).down(),
            Wide::from(small),
            Wide::from(-1),
            Wide::from(0),
            Wide::from(i128::MAX).up(),
            Wide::MAX,
        ];
        assert!(numbers.is_sorted_by(|one, next| one < next));
        for number in numbers {
            assert!(number == Wide::MAX || number.up().down() == number);
        }
        assert_eq!(Wide::from(small).down().narrow(), i128::MIN);
        assert_eq!(Wide::from(-5).narrow(), -5);
        let compare = |one: i128, decimals, other: i128, others| Wide::compare((one.into(), decimals), (other.into(), others));
        assert_eq!(compare(15, 1, 150, 2), Ordering::Equal);
        assert_eq!(compare(-15, 1, -151, 2), Ordering::Greater);
        assert_eq!(compare(10_i128.pow(38), 0, 1, 38), Ordering::Greater);
        assert_eq!(compare(1, 38, -(10_i128.pow(38)), 0), Ordering::Greater);
    }
}
