//! The scalars of a JSON document as MySQL prints them: strings, doubles, and the values of SQL types that JSON lacks.

use std::io::Write as _;

use super::cursor::Cursor;
use super::decimal::Decimal;
use super::flaw::Flaw;

/// Decimal exponents between which MySQL writes a double without one; above it does so as long as there is a fraction.
const LEAST_PLAIN: i32 = -15;
const MOST_PLAIN: i32 = 14;
/// From so many digits on, a double may lie right between two shortest texts. MySQL then takes the even one, Rust the
/// upper; with fewer digits every one of them is exact.
const TIE_DIGITS: usize = 15;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// MySQL breaks base64 into lines of so many characters, also here.
const BASE64_LINE: usize = 76;

/// Appends a string in quotes, with MySQL's escapes. `bytes` are UTF-8.
pub(super) fn quoted(bytes: &[u8], text: &mut Vec<u8>) {
    text.push(b'"');
    for part in bytes.split_inclusive(|byte| needs_escape(*byte)) {
        match part.split_last() {
            Some((last, plain)) if needs_escape(*last) => {
                text.extend_from_slice(plain);
                escape(*last, text);
            }
            _ => text.extend_from_slice(part),
        }
    }
    text.push(b'"');
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escape(byte: u8, text: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            let _ = write!(text, "\\u{byte:04x}");
            return;
        }
    };
    text.extend_from_slice(&[b'\\', short]);
}

/// Appends a double: the fewest digits that read back as the same value, `.0` after a whole number, an exponent without `+`
/// where the number would grow long.
pub(super) fn double(value: f64, text: &mut Vec<u8>) -> Result<(), Flaw> {
    if !value.is_finite() {
        return Err(Flaw::Json("a double is not finite"));
    }
    let mut room = Shown::default();
    room.fill(format_args!("{value:e}"))?;
    let digits = room
        .bytes()
        .iter()
        .take_while(|byte| **byte != b'e')
        .filter(|byte| byte.is_ascii_digit());
    let digits = digits.count();
    if digits >= TIE_DIGITS {
        let mut even = Shown::default();
        even.fill(format_args!("{value:.*e}", digits - 1))?;
        if std::str::from_utf8(even.bytes()).ok().and_then(|text| text.parse().ok()) == Some(value) {
            room = even;
        }
    }
    let shown = room.bytes();
    let (sign, shown) = match shown.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, shown),
    };
    let at = shown.iter().position(|byte| *byte == b'e').unwrap_or(shown.len());
    let (mantissa, exponent) = shown.split_at_checked(at).unwrap_or((shown, &[]));
    let exponent = exponent.get(1..).and_then(|digits| std::str::from_utf8(digits).ok());
    let exponent: i32 = exponent.and_then(|digits| digits.parse().ok()).unwrap_or(0);
    if sign {
        text.push(b'-');
    }
    let has_fraction = i32::try_from(digits).is_ok_and(|digits| digits > exponent + 1);
    if exponent < LEAST_PLAIN || (exponent > MOST_PLAIN && !has_fraction) {
        text.extend_from_slice(mantissa);
        let _ = write!(text, "e{exponent}");
        return Ok(());
    }
    let digits = mantissa.iter().copied().filter(u8::is_ascii_digit);
    plain(digits, exponent, text);
    Ok(())
}

/// A number in scientific notation, on the stack.
#[derive(Default)]
struct Shown {
    /// Sign, 17 digits, a point and `e-324` at most.
    room: [u8; 32],
    used: usize,
}

impl Shown {
    fn fill(&mut self, number: std::fmt::Arguments<'_>) -> Result<(), Flaw> {
        let whole = self.room.len();
        let mut left = &mut self.room[..];
        left.write_fmt(number).map_err(|_| Flaw::Json("a double has too many digits"))?;
        self.used = whole - left.len();
        Ok(())
    }

    fn bytes(&self) -> &[u8] {
        self.room.get(..self.used).unwrap_or_default()
    }
}

/// Writes digits with the point after the one that stands for `10^0`.
fn plain(digits: impl Iterator<Item = u8>, exponent: i32, text: &mut Vec<u8>) {
    if exponent < 0 {
        text.extend_from_slice(b"0.");
        text.extend((exponent + 1..0).map(|_| b'0'));
        text.extend(digits);
        return;
    }
    let mut power = exponent;
    for digit in digits {
        if power == -1 {
            text.push(b'.');
        }
        text.push(digit);
        power -= 1;
    }
    if power >= -1 {
        text.extend((0..=power).map(|_| b'0'));
        text.extend_from_slice(b".0");
    }
}

/// Appends a value of an SQL type that JSON lacks; `kind` is MySQL's code of the type.
pub(super) fn opaque(kind: u8, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), Flaw> {
    match kind {
        246 => {
            let mut cursor = Cursor::new(bytes);
            let [precision, scale] = cursor.array()?;
            let decimal = Decimal::of_json(precision, scale).ok_or(Flaw::Decimal)?;
            decimal.append(cursor.rest(), text)
        }
        7 | 10 | 11 | 12 => temporal(kind, bytes, text),
        // A text in utf16, utf32 or ucs2: MySQL neither converts its bytes nor prints them in base64, as it does of all other types.
        253 => {
            super::text::utf8(bytes)?;
            quoted(bytes, text);
            Ok(())
        }
        _ => {
            let _ = write!(text, "\"base64:type{kind}:");
            base64(bytes, text);
            text.push(b'"');
            Ok(())
        }
    }
}

/// DATE, TIME, DATETIME and TIMESTAMP are packed as in memory: 24 bits of microseconds below the clock.
fn temporal(kind: u8, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), Flaw> {
    let packed = i64::from_le_bytes(Cursor::new(bytes).array()?);
    let (size, sign) = (packed.unsigned_abs(), if packed < 0 { "-" } else { "" });
    let (whole, micros) = (size >> 24, size & 0xff_ffff);
    let (minute, second) = ((whole >> 6) & 63, whole & 63);
    let (months, day, hour) = (whole >> 22, (whole >> 17) & 31, (whole >> 12) & 31);
    let (year, month) = (months / 13, months % 13);
    if year > 9999 || micros > 999_999 {
        return Err(Flaw::Json("a date or time is out of range"));
    }
    let _ = match kind {
        10 => write!(text, "\"{year:04}-{month:02}-{day:02}\""),
        11 => {
            let hour = (whole >> 12) & 0x3ff;
            write!(text, "\"{sign}{hour:02}:{minute:02}:{second:02}.{micros:06}\"")
        }
        _ => write!(
            text,
            "\"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}\""
        ),
    };
    Ok(())
}

fn base64(bytes: &[u8], text: &mut Vec<u8>) {
    for (index, group) in bytes.chunks(3).enumerate() {
        if index > 0 && (4 * index).is_multiple_of(BASE64_LINE) {
            text.extend_from_slice(b"\\n");
        }
        let mut padded = group.iter().copied().chain([0, 0]);
        let mut next = || u32::from(padded.next().unwrap_or(0));
        let bits = (next() << 16) | (next() << 8) | next();
        for place in 0..4 {
            let digit = usize::try_from((bits >> (18 - 6 * place)) & 63).unwrap_or(0);
            let used = usize::try_from(place).unwrap_or(0) <= group.len();
            text.push(if used { BASE64.get(digit).copied().unwrap_or(b'=') } else { b'=' });
        }
    }
}
