//! Decimals: every digit, exactly as many decimals as the column has.

#![expect(clippy::as_conversions, reason = "limbs and digits are below the numbers that each line names")]

use super::Cursor;
use super::number::{EIGHT, ZEROS, eight, leading};

/// Ten to this many limbs of eight digits holds any 256-bit integer.
const LIMBS: usize = 10;

impl Cursor<'_> {
    /// A decimal of 128 bits with `scale` decimals: at most 42 bytes.
    ///
    /// ```
    /// use rowmill_sdk::json;
    /// let mut buffer = Vec::new();
    /// json::write(&mut buffer, 1 + 2 * json::DECIMAL_BYTES, |cursor| (cursor.decimal128(-1_250, 2).byte(b' ').decimal128(5, 3), ()));
    /// assert_eq!(buffer, b"-12.50 0.005");
    /// ```
    #[inline(always)]
    pub fn decimal128(self, unscaled: i128, scale: u8) -> Self {
        self.short_decimal(unscaled, scale).unwrap_or_else(|cursor| {
            let cursor = if unscaled < 0 { cursor.byte(b'-') } else { cursor };
            let magnitude = unscaled.unsigned_abs();
            cursor.wide([magnitude as u64, (magnitude >> 64) as u64, 0, 0], scale)
        })
    }

    /// The same of a decimal of up to sixteen digits, fewer than eight of them behind the point, without a call; another gives the cursor
    /// back as it was ([example](Cursor::short_signed)).
    ///
    /// # Errors
    /// The cursor as it was.
    #[inline(always)]
    pub fn short_decimal(self, unscaled: i128, scale: u8) -> Result<Self, Self> {
        match u64::try_from(unscaled.unsigned_abs()) {
            Ok(magnitude) if magnitude < EIGHT * EIGHT && scale < 8 => {
                let cursor = if unscaled < 0 { self.byte(b'-') } else { self };
                Ok(cursor.decimal(magnitude, usize::from(scale)))
            }
            _ => Err(self),
        }
    }

    /// A decimal of 256 bits, little-endian, with `scale` decimals: at most 80 bytes.
    ///
    /// ```
    /// use rowmill_sdk::json;
    /// let mut buffer = Vec::new();
    /// json::write(&mut buffer, json::DECIMAL_BYTES, |cursor| (cursor.decimal256([0xff; 32], 1), ()));
    /// assert_eq!(buffer, b"-0.1");
    /// ```
    #[inline(always)]
    pub fn decimal256(self, unscaled: [u8; 32], scale: u8) -> Self {
        self.apart(|cursor| {
            let mut words = [0; 4];
            for (word, bytes) in words.iter_mut().zip(unscaled.as_chunks().0) {
                *word = u64::from_le_bytes(*bytes);
            }
            if unscaled.last().is_none_or(|byte| byte & 0x80 == 0) {
                return cursor.wide(words, scale);
            }
            let mut carry = true;
            for word in &mut words {
                (*word, carry) = (!*word).overflowing_add(u64::from(carry));
            }
            cursor.byte(b'-').wide(words, scale)
        })
    }

    /// A magnitude below 10^16 with fewer than eight decimals.
    #[inline(always)]
    pub(super) fn decimal(self, magnitude: u64, scale: usize) -> Self {
        if scale == 0 {
            return self.unsigned(magnitude);
        }
        // The point splits the lowest eight digits; what is before it loses its leading zeros unless more digits precede.
        let before = 8 - scale;
        let (cursor, digits, zeros) = if magnitude < EIGHT {
            let digits = eight(magnitude);
            (self, digits, leading(digits).min(before - 1))
        } else {
            (self.short(magnitude / EIGHT), eight(magnitude % EIGHT), 0)
        };
        let text = digits | ZEROS;
        cursor
            .word(text >> (8 * zeros), before - zeros)
            .byte(b'.')
            .word(text >> (8 * before), scale)
    }

    /// Any magnitude, little-endian, by long division.
    #[inline(always)]
    fn wide(self, words: [u64; 4], scale: u8) -> Self {
        self.apart(|cursor| {
            let mut halves = [0_u32; 8];
            for (pair, word) in halves.as_chunks_mut::<2>().0.iter_mut().zip(words) {
                *pair = [word as u32, (word >> 32) as u32];
            }
            let mut digits = [b'0'; LIMBS * 8];
            for limb in digits.as_chunks_mut::<8>().0.iter_mut().rev() {
                let mut rest = 0_u64;
                for half in halves.iter_mut().rev() {
                    let value = rest << 32 | u64::from(*half);
                    *half = (value / EIGHT) as u32;
                    rest = value % EIGHT;
                }
                *limb = (eight(rest) | ZEROS).to_le_bytes();
            }
            let (whole, decimals) = digits.split_at(digits.len().saturating_sub(usize::from(scale)));
            let zeros = whole
                .iter()
                .take_while(|digit| **digit == b'0')
                .count()
                .min(whole.len().saturating_sub(1));
            let cursor = cursor.raw(whole.get(zeros..).unwrap_or_default());
            if decimals.is_empty() {
                cursor
            } else {
                cursor.byte(b'.').raw(decimals)
            }
        })
    }
}
