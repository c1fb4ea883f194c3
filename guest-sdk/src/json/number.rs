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

    /// The same of a number of up to sixteen digits, without a call; a longer one gives the cursor back as it was. A loop that calls nothing
    /// keeps its cursor in a register, in WebAssembly too: leave it for what is rare, and begin it again behind that.
    ///
    /// ```
    /// use rowmill_sdk::json::{self, Cursor, Span};
    /// fn numbers<'c>(cursor: Cursor<'c>, numbers: &mut std::slice::Iter<'_, i64>) -> Cursor<'c> {
    ///     let mut cursor = cursor;
    ///     for number in numbers {
    ///         match cursor.short_signed(*number) {
    ///             Ok(further) => cursor = further.byte(b','),
    ///             Err(stopped) => return stopped.signed(*number).byte(b','),
    ///         }
    ///     }
    ///     cursor
    /// }
    /// let (mut buffer, mut iter) = (Vec::new(), [7, -12, i64::MIN, 3].iter());
    /// while iter.len() > 0 {
    ///     json::write(&mut buffer, 84, |cursor| (numbers(cursor, &mut iter), ()));
    /// }
    /// assert_eq!(buffer, b"7,-12,-9223372036854775808,3,");
    ///
    /// // The same of decimals and of strings.
    /// let quoted = Span::new(b"\"quoted\", and sixteen bytes more", 0, 8);
    /// buffer.clear();
    /// json::write(&mut buffer, 200, |cursor| {
    ///     let cursor = cursor.short_decimal(-1_250, 2).ok().expect("few digits");
    ///     let cursor = cursor.short_decimal(i128::MAX, 2).err().expect("many digits");
    ///     let cursor = cursor.plain_string(quoted).err().expect("quotes to escape");
    ///     (cursor.plain_string(Span::new(b"sixteen bytes and then some", 0, 7)).ok().expect("no escapes"), ())
    /// });
    /// assert_eq!(buffer, b"-12.50\"sixteen\"");
    /// ```
    ///
    /// # Errors
    /// The cursor as it was.
    #[inline(always)]
    pub fn short_signed(self, number: i64) -> Result<Self, Self> {
        if number.unsigned_abs() < EIGHT * EIGHT {
            Ok(self.signed(number))
        } else {
            Err(self)
        }
    }

    /// The last `count` (1 to 8) digits of a number below 10^8, leading zeros included ([example](Self)).
    #[inline(always)]
    pub fn digits(self, number: u64, count: usize) -> Self {
        let count = count.clamp(1, 8);
        self.word((eight(number % EIGHT) | ZEROS) >> (8 * (8 - count)), count)
    }
}
