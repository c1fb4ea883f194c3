//! Reads the text of a decimal number into the unscaled integer of 256 bits that Arrow holds.

#![expect(clippy::as_conversions, reason = "halves of products of 64 bits")]

/// Why a text is no value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    NotANumber,
    OutOfRange,
}

/// The unscaled integer, little-endian, with `scale` decimals and at most `precision` digits; rounded half away from zero.
pub(crate) fn unscaled(text: &str, scale: u8, precision: u8) -> Result<[u8; 32], Flaw> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && decimals.is_empty()) || !digits_only(whole) || !digits_only(decimals) {
        return Err(Flaw::NotANumber);
    }
    let scale = usize::from(scale);
    let kept = decimals.get(..scale.min(decimals.len())).unwrap_or_default();
    let padding = std::iter::repeat_n(b'0', scale - kept.len());
    let mut magnitude = [0_u64; 4];
    let mut digits = 0;
    for byte in whole.bytes().chain(kept.bytes()).chain(padding) {
        if digits > 0 || byte != b'0' {
            digits += 1;
        }
        if digits > usize::from(precision) {
            return Err(Flaw::OutOfRange);
        }
        times_ten_plus(&mut magnitude, byte - b'0');
    }
    if decimals.as_bytes().get(scale).is_some_and(|digit| *digit >= b'5') {
        carry(&mut magnitude, 1);
        if is_power_of_ten(&magnitude, precision) {
            return Err(Flaw::OutOfRange);
        }
    }
    if negative {
        for word in &mut magnitude {
            *word = !*word;
        }
        carry(&mut magnitude, 1);
    }
    let mut bytes = [0; 32];
    for (chunk, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(magnitude) {
        *chunk = word.to_le_bytes();
    }
    Ok(bytes)
}

fn times_ten_plus(magnitude: &mut [u64; 4], digit: u8) {
    let mut carried = u128::from(digit);
    for word in magnitude {
        let product = u128::from(*word) * 10 + carried;
        *word = product as u64;
        carried = product >> 64;
    }
}

fn carry(magnitude: &mut [u64; 4], add: u64) {
    let mut carried = add;
    for word in magnitude {
        let (sum, overflowed) = word.overflowing_add(carried);
        *word = sum;
        carried = u64::from(overflowed);
    }
}

/// Whether rounding has made a number of one digit too many.
fn is_power_of_ten(magnitude: &[u64; 4], digits: u8) -> bool {
    let mut power = [1, 0, 0, 0];
    for _ in 0..digits {
        times_ten_plus(&mut power, 0);
    }
    power == *magnitude
}

#[cfg(test)]
mod tests {
    use super::{Flaw, unscaled};

    fn narrow(text: &str, scale: u8, precision: u8) -> Result<i128, Flaw> {
        unscaled(text, scale, precision).map(|bytes| {
            let (low, high) = bytes.split_at(16);
            let number = i128::from_le_bytes(*low.first_chunk().unwrap_or(&[0; 16]));
            let extended = if number < 0 { 0xff } else { 0 };
            assert!(high.iter().all(|byte| *byte == extended), "the upper half extends the sign");
            number
        })
    }

    #[test]
    fn a_decimal_is_scaled_and_rounded_as_mysql_rounds() {
        for (text, scale, expected) in [
            ("0", 2, 0),
            ("12.5", 2, 1250),
            ("-12.5", 0, -13),
            ("12.345", 2, 1235),
            ("-0.004", 2, 0),
            (".5", 1, 5),
            ("7.", 1, 70),
            ("+3", 0, 3),
            ("000123.40", 2, 12340),
        ] {
            assert_eq!(narrow(text, scale, 38), Ok(expected), "{text}");
        }
        assert_eq!(narrow("99999999999999999999999999999999999999", 0, 38), Ok(10_i128.pow(38) - 1));
    }

    #[test]
    fn what_is_no_decimal_or_too_long_is_refused() {
        for text in ["", "-", ".", "1e5", "1.2.3", "a", "1 2", "NaN"] {
            assert_eq!(narrow(text, 2, 38), Err(Flaw::NotANumber), "{text}");
        }
        for (text, scale, precision) in [("1000", 0, 3), ("10.00", 2, 3), ("999.5", 0, 3), ("9.995", 2, 3)] {
            assert_eq!(narrow(text, scale, precision), Err(Flaw::OutOfRange), "{text}");
        }
        assert_eq!(narrow("999.4", 0, 3), Ok(999));
    }
}
