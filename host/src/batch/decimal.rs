//! DECIMAL as MySQL stores it: groups of nine decimal digits in four big-endian bytes, shorter groups at both ends, the
//! sign in the first bit, a negative number with every bit turned. Decoded straight to a whole number of units of 10^-scale.

use arrow::datatypes::i256;

use super::cursor::Cursor;
use super::flaw::Flaw;

/// Bytes that a group of so many digits takes.
const GROUP_BYTES: [u8; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
/// Powers of ten up to a whole group.
const POWERS: [u64; 10] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];

/// The layout of one DECIMAL(p,s).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    precision: u8,
    /// Digits of the short group before the point, and whole groups after it.
    head: u8,
    int_groups: u8,
    frac_groups: u8,
    /// Digits of the short group at the end.
    tail: u8,
    bytes: u8,
}

impl Decimal {
    /// The layout of DECIMAL(precision, scale); `None` where MySQL has no such type.
    pub(super) fn new(precision: u8, scale: u8) -> Option<Self> {
        if precision > 65 {
            return None;
        }
        Self::of_json(precision, scale)
    }

    /// The same for a number within JSON, where MySQL counts the digits of whole groups: up to 81.
    pub(super) fn of_json(precision: u8, scale: u8) -> Option<Self> {
        if precision == 0 || precision > 81 || scale > 30 || scale > precision {
            return None;
        }
        let int = precision - scale;
        let (head, int_groups, frac_groups, tail) = (int % 9, int / 9, scale / 9, scale % 9);
        let short = |digits: u8| GROUP_BYTES.get(usize::from(digits)).copied().unwrap_or(4);
        let bytes = short(head) + 4 * (int_groups + frac_groups) + short(tail);
        Some(Self {
            precision,
            head,
            int_groups,
            frac_groups,
            tail,
            bytes,
        })
    }

    /// Bytes of a value.
    pub(super) fn bytes(self) -> usize {
        usize::from(self.bytes)
    }

    /// Whether values fit into 128 bits.
    pub(super) fn is_narrow(self) -> bool {
        self.precision <= 38
    }

    /// A value of up to 38 digits.
    #[inline]
    pub(super) fn narrow(self, bytes: &[u8]) -> Result<i128, Flaw> {
        if self.precision <= 18 {
            let mut value: u64 = 0;
            // 18 digits fit into 63 bits, so nothing wraps.
            let negative = self.groups(bytes, |group, power| value = value.wrapping_mul(power).wrapping_add(group))?;
            let value = i128::from(value);
            return Ok(if negative { -value } else { value });
        }
        let mut value: i128 = 0;
        let negative = self.groups(bytes, |group, power| {
            value = value.wrapping_mul(i128::from(power)).wrapping_add(i128::from(group));
        })?;
        Ok(if negative { -value } else { value })
    }

    /// A value of any number of digits.
    pub(super) fn wide(self, bytes: &[u8]) -> Result<i256, Flaw> {
        let mut value = i256::ZERO;
        let negative = self.groups(bytes, |group, power| {
            value = value
                .wrapping_mul(i256::from_i128(i128::from(power)))
                .wrapping_add(i256::from_i128(i128::from(group)));
        })?;
        Ok(if negative { value.wrapping_neg() } else { value })
    }

    /// Appends the number as MySQL prints it: no zeros in front, all digits of the scale.
    pub(super) fn append(self, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), Flaw> {
        let mut digits = Vec::with_capacity(81);
        let negative = self.groups(bytes, |mut group, mut power| {
            while power > 1 {
                power /= 10;
                digits.push(b'0' + u8::try_from(group / power).unwrap_or(9));
                group %= power;
            }
        })?;
        let (int, fraction) = digits
            .split_at_checked(usize::from(self.head) + 9 * usize::from(self.int_groups))
            .ok_or(Flaw::Decimal)?;
        let zeros = int.iter().take_while(|digit| **digit == b'0').count();
        if negative {
            text.push(b'-');
        }
        match int.get(zeros..) {
            None | Some([]) => text.push(b'0'),
            Some(rest) => text.extend_from_slice(rest),
        }
        if !fraction.is_empty() {
            text.push(b'.');
            text.extend_from_slice(fraction);
        }
        Ok(())
    }

    /// Hands over each group with the power of ten to shift by; whether the number is negative.
    #[inline]
    fn groups(self, bytes: &[u8], mut each: impl FnMut(u64, u64)) -> Result<bool, Flaw> {
        let first = *bytes.first().ok_or(Flaw::Short)?;
        let negative = first & 0x80 == 0;
        let mask: u32 = if negative { u32::MAX } else { 0 };
        let mut cursor = Cursor::new(bytes);
        // The sign bit sits in the first byte, whichever group that belongs to.
        let mut sign: u32 = 0x80;
        let mut group = |digits: u8, cursor: &mut Cursor<'_>| -> Result<(), Flaw> {
            let size = GROUP_BYTES.get(usize::from(digits)).copied().unwrap_or(4);
            let power = POWERS.get(usize::from(digits)).copied().unwrap_or(1);
            let shift = 8 * (u32::from(size) - 1);
            let raw = u32::try_from(cursor.big(size)?).map_err(|_| Flaw::Decimal)? ^ (sign << shift);
            sign = 0;
            let used = if size == 4 { u32::MAX } else { (1 << (8 * u32::from(size))) - 1 };
            let value = u64::from((raw ^ mask) & used);
            if value >= power {
                return Err(Flaw::Decimal);
            }
            each(value, power);
            Ok(())
        };
        if self.head > 0 {
            group(self.head, &mut cursor)?;
        }
        for _ in 0..self.int_groups + self.frac_groups {
            group(9, &mut cursor)?;
        }
        if self.tail > 0 {
            group(self.tail, &mut cursor)?;
        }
        Ok(negative)
    }
}
