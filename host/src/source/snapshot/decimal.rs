//! DECIMAL from the text that the server sends to the form of row images: groups of nine digits in four bytes, shorter groups at both
//! ends, the first bit turned, and every bit of a negative number.

/// Bytes that a group of so many digits takes.
const GROUP_BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/// The digits of DECIMAL(p,s).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits {
    before: usize,
    after: usize,
}

impl Digits {
    pub(super) fn new(precision: u8, scale: u8) -> Self {
        Self {
            before: usize::from(precision.saturating_sub(scale)),
            after: usize::from(scale),
        }
    }

    /// Appends a number; `None` where the text is no number of these digits.
    pub(super) fn append(self, text: &[u8], image: &mut Vec<u8>) -> Option<()> {
        let (negative, text) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            _ => (false, text),
        };
        let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
        let (whole, fraction) = text.split_at_checked(point)?;
        let fraction = fraction.get(1..).unwrap_or_default();
        // The only zero before a point may have no place.
        let whole = if self.before == 0 && whole == b"0" { &[][..] } else { whole };
        // ZEROFILL puts as many zeros in front as there is room.
        let missing = self.before.checked_sub(whole.len())?;
        let lacking = self.after.checked_sub(fraction.len())?;
        let start = image.len();
        let zeros = std::iter::repeat_n(&b'0', missing);
        group(self.before % 9, self.before, zeros.chain(whole), image)?;
        group(9, self.after, fraction.iter().chain(std::iter::repeat_n(&b'0', lacking)), image)?;
        let written = image.get_mut(start..)?;
        // Zero has no sign.
        let is_zero = written.iter().all(|byte| *byte == 0);
        if let Some(first) = written.first_mut() {
            *first ^= 0x80;
        }
        if negative && !is_zero {
            for byte in written {
                *byte = !*byte;
            }
        }
        Some(())
    }
}

/// Writes `count` digits in groups, of which the first has `first` digits where that is not zero.
fn group<'a>(first: usize, count: usize, mut digits: impl Iterator<Item = &'a u8>, image: &mut Vec<u8>) -> Option<()> {
    let mut left = count;
    let mut size = if first == 0 { 9 } else { first };
    while left > 0 {
        size = size.min(left);
        let mut value = 0_u32;
        for _ in 0..size {
            let digit = digits.next().filter(|byte| byte.is_ascii_digit())? - b'0';
            value = value * 10 + u32::from(digit);
        }
        let bytes = GROUP_BYTES.get(size).copied()?;
        image.extend(value.to_be_bytes().iter().skip(4 - bytes));
        left -= size;
        size = 9;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::Digits;

    fn stored(precision: u8, scale: u8, text: &str) -> Option<Vec<u8>> {
        let mut image = Vec::new();
        Digits::new(precision, scale).append(text.as_bytes(), &mut image)?;
        Some(image)
    }

    #[test]
    fn numbers_are_stored_as_the_server_stores_them() {
        // The example of MySQL's own documentation of the format.
        let expected = vec![0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2];
        assert_eq!(stored(14, 4, "1234567890.1234"), Some(expected.clone()));
        assert_eq!(stored(14, 4, "-1234567890.1234"), Some(expected.iter().map(|byte| !byte).collect()));
        assert_eq!(stored(5, 2, "0.00"), Some(vec![0x80, 0, 0]));
        assert_eq!(stored(5, 2, "-0.00"), stored(5, 2, "0.00"));
        assert_eq!(stored(4, 4, "0.5000"), Some(vec![0x93, 0x88]));
        assert_eq!(stored(6, 2, "0001.50"), stored(6, 2, "1.50"));
        assert_eq!(stored(18, 0, "123456789"), Some(vec![0x80, 0, 0, 0, 0x07, 0x5b, 0xcd, 0x15]));
    }

    #[test]
    fn what_is_no_number_of_the_column_is_refused() {
        for text in ["", "x", "1000", "1.234", "1e2"] {
            assert_eq!(stored(5, 2, text), None, "{text}");
        }
    }
}
