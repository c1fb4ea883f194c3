//! Integers and fixed groups of digits. Eight digits are made in one register by multiplications of 64 bits; there is no
//! 128-bit product, which WASM has none for.

#![expect(clippy::as_conversions, reason = "numbers are below the powers of ten that each line names")]

use super::Cursor;

/// Ten to the eighth: what one word of digits holds.
pub(super) const EIGHT: u64 = 100_000_000;

/// Eight `'0'`.
pub(super) const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight digits of a number below 10^8, each in a byte from 0 to 9, the first in the lowest.
#[inline(always)]
pub(super) fn eight(number: u64) -> u64 {
    let pairs = (number / 10_000) | ((number % 10_000) << 32);
    let high = (pairs * 10_486) >> 20 & 0x0000_007f_0000_007f;
    let pairs = high | (pairs - 100 * high) << 16;
    let high = (pairs * 103) >> 10 & 0x000f_000f_000f_000f;
    high | (pairs - 10 * high) << 8
}

/// Leading zeros among eight digits, at most seven.
#[inline(always)]
pub(super) fn leading(digits: u64) -> usize {
    ((digits | 1 << 56).trailing_zeros() / 8) as usize
}

impl Cursor<'_> {
    /// A number below 10^8, without leading zeros.
    #[inline(always)]
    pub(super) fn short(self, number: u64) -> Self {
        let digits = eight(number);
        let zeros = leading(digits);
        self.word((digits | ZEROS) >> (8 * zeros), 8 - zeros)
    }

    /// A number below 10^8, with leading zeros: eight digits.
    #[inline(always)]
    pub(super) fn padded(self, number: u64) -> Self {
        self.word(eight(number) | ZEROS, 8)
    }

    /// An unsigned integer: at most 20 bytes ([example](Self)).
    #[inline(always)]
    pub fn unsigned(self, number: u64) -> Self {
        if number < EIGHT {
            self.short(number)
        } else if number < EIGHT * EIGHT {
            self.short(number / EIGHT).padded(number % EIGHT)
        } else {
            self.long(number)
        }
    }

    #[inline(always)]
    fn long(self, number: u64) -> Self {
        self.apart(|cursor| {
            let (high, low) = (number / EIGHT, number % EIGHT);
            cursor.short(high / EIGHT).padded(high % EIGHT).padded(low)
        })
    }

    /// A signed integer: at most 20 bytes ([example](Self)).
    #[inline(always)]
    pub fn signed(self, number: i64) -> Self {
        if number < 0 {
            self.byte(b'-').unsigned(number.unsigned_abs())
        } else {
            self.unsigned(number.unsigned_abs())
        }
    }

    /// The last `count` (1 to 8) digits of a number below 10^8, leading zeros included ([example](Self)).
    #[inline(always)]
    pub fn digits(self, number: u64, count: usize) -> Self {
        let count = count.clamp(1, 8);
        self.word((eight(number % EIGHT) | ZEROS) >> (8 * (8 - count)), count)
    }
}
