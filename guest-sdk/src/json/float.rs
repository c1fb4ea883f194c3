//! Floating-point numbers: the fewest digits that read back to the same value.

#![expect(
    clippy::as_conversions,
    reason = "no lossless conversion exists between floats and integers; the numbers are below 10^15"
)]

use super::Cursor;
use super::number::EIGHT;

/// Scale of the fast path: most measured values have at most six decimals.
const SCALE: f64 = 1e6;

/// Largest product of a value and `SCALE` that the fast path takes: fifteen digits always survive a double.
const LARGEST: f64 = 1e15;

/// Below it, exponents are shorter; the general path writes them.
const SMALLEST: f64 = 1e-3;

impl Cursor<'_> {
    /// A double: at most 26 bytes. Whole numbers have no point, negative zero is `-0.0`, exponents are written from 1e16
    /// up and 1e-5 down. What is not finite, which no column holds, is `null`.
    ///
    /// ```
    /// use rowmill_sdk::json::{self, FLOAT_BYTES};
    /// let text = |number: f64| {
    ///     let mut buffer = Vec::new();
    ///     json::write(&mut buffer, FLOAT_BYTES, |cursor| (cursor.double(number), ()));
    ///     String::from_utf8(buffer)
    /// };
    /// assert_eq!(text(0.1)?, "0.1");
    /// assert_eq!((text(3.0)?, text(-0.0)?, text(1e-7)?), ("3".into(), "-0.0".into(), "1e-7".into()));
    /// # Ok::<(), std::string::FromUtf8Error>(())
    /// ```
    #[inline(always)]
    pub fn double(self, number: f64) -> Self {
        let magnitude = number.abs();
        let scaled = magnitude * SCALE;
        if magnitude >= SMALLEST && scaled < LARGEST - 1.0 {
            let rounded = (scaled + 0.5) as i64;
            // Both are exact, so the division rounds as a reader of that decimal does. A decimal of at most fifteen digits
            // that reads back is the only one of that length, so it is the shortest once its zeros are gone.
            if rounded as f64 / SCALE == magnitude {
                let cursor = if number < 0.0 { self.byte(b'-') } else { self };
                return cursor.millionths(rounded.unsigned_abs());
            }
        }
        self.shortest(number)
    }

    /// A float, by the same rules: the fewest digits that read back as a float.
    ///
    /// ```
    /// use rowmill_sdk::json;
    /// let mut buffer = Vec::new();
    /// json::write(&mut buffer, 1 + 2 * json::FLOAT_BYTES, |cursor| (cursor.float(0.1).byte(b' ').double(0.1_f32.into()), ()));
    /// assert_eq!(buffer, b"0.1 0.10000000149011612");
    /// ```
    #[inline(always)]
    pub fn float(self, number: f32) -> Self {
        self.apart(|cursor| {
            if !number.is_finite() {
                return cursor.word(u64::from_le_bytes(*b"null\0\0\0\0"), 4);
            }
            let mut buffer = zmij::Buffer::new();
            cursor.trimmed(buffer.format_finite(number), number == 0.0)
        })
    }

    #[inline(always)]
    fn shortest(self, number: f64) -> Self {
        self.apart(|cursor| {
            if !number.is_finite() {
                return cursor.word(u64::from_le_bytes(*b"null\0\0\0\0"), 4);
            }
            let mut buffer = zmij::Buffer::new();
            cursor.trimmed(buffer.format_finite(number), number == 0.0)
        })
    }

    /// A text that ends in `.0` loses that, but for negative zero, which many readers would take for the integer 0.
    fn trimmed(self, text: &str, is_zero: bool) -> Self {
        let short = text.strip_suffix(".0").unwrap_or(text);
        self.raw(if is_zero && text.starts_with('-') { text } else { short }.as_bytes())
    }

    /// A number of millionths below 10^15, without trailing zeros.
    #[inline(always)]
    fn millionths(self, number: u64) -> Self {
        let (units, decimals) = (number / 1_000_000, number % 1_000_000);
        let cursor = if units < EIGHT { self.short(units) } else { self.unsigned(units) };
        if decimals == 0 {
            return cursor;
        }
        let digits = super::number::eight(decimals * 100);
        let zeros = digits.leading_zeros() / 8;
        let count = usize::try_from(8 - zeros).unwrap_or(8);
        cursor.byte(b'.').word(digits | super::number::ZEROS, count)
    }
}
