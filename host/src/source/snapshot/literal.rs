//! A value of a row image as a literal of SQL that compares with its column as the value itself does: in the column's own character set
//! and collation, with every digit.

use std::fmt::Write as _;

use crate::source::reader::{Malformed, Parsed, Reader};
use crate::source::{Charset, ColumnType, Spelling};

/// Where the oldest servers call utf8mb3 by another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) utf8mb3: &'static str,
}

const UNFIT: Malformed = Malformed("a value of a key can't be written as a literal");

/// Whether values of this type compare with a literal in the order of the key.
pub(super) fn is_ordered(kind: &ColumnType) -> bool {
    match kind {
        ColumnType::Int { .. }
        | ColumnType::Year
        | ColumnType::Bit { .. }
        | ColumnType::Float
        | ColumnType::Double
        | ColumnType::Decimal { .. }
        | ColumnType::Date
        | ColumnType::Datetime { .. }
        | ColumnType::Timestamp { .. }
        | ColumnType::Time { .. }
        | ColumnType::Text { .. }
        | ColumnType::FixedBinary { .. }
        | ColumnType::Binary { .. }
        | ColumnType::Spelled { .. } => true,
        // A key orders them by number, a literal is compared by label.
        ColumnType::Enum { .. } | ColumnType::Set { .. } => false,
        ColumnType::Former(_) | ColumnType::Packed { .. } | ColumnType::Json { .. } | ColumnType::JsonText | ColumnType::Unsupported(_) => {
            false
        }
    }
}

/// The literal of a value as it stands in a row image.
pub(super) fn literal(kind: &ColumnType, value: &[u8], words: Words) -> Parsed<String> {
    let mut reader = Reader::new(value);
    match *kind {
        ColumnType::Int { bytes, unsigned } => int(&mut reader, bytes, unsigned),
        ColumnType::Year => {
            let years = reader.u8()?;
            Ok(if years == 0 { 0 } else { 1900 + u16::from(years) }.to_string())
        }
        ColumnType::Bit { .. } => Ok(big(value).to_string()),
        ColumnType::Float => Ok(format!("{:e}", f64::from(f32::from_le_bytes(reader.array()?)))),
        ColumnType::Double => Ok(format!("{:e}", f64::from_le_bytes(reader.array()?))),
        ColumnType::Decimal { precision, scale } => decimal(precision, scale, value),
        ColumnType::Date => {
            let packed = reader.uint(3)?;
            Ok(format!("'{:04}-{:02}-{:02}'", packed >> 9, packed >> 5 & 15, packed & 31))
        }
        ColumnType::Datetime { fsp } => {
            let packed = big(reader.take(5)?) & 0x7f_ffff_ffff;
            let (months, clock) = (packed >> 22, packed & 0x1_ffff);
            let mut text = format!("'{:04}-{:02}-{:02} ", months / 13, months % 13, packed >> 17 & 31);
            put_clock(clock, &mut text);
            put_fraction(reader.rest(), fsp, &mut text);
            Ok(text + "'")
        }
        ColumnType::Timestamp { fsp } => {
            let seconds = u32::from_be_bytes(reader.array()?);
            let mut text = if seconds == 0 {
                "'0000-00-00 00:00:00".to_owned()
            } else {
                moment(seconds)
            };
            put_fraction(reader.rest(), fsp, &mut text);
            Ok(text + "'")
        }
        ColumnType::Time { fsp } => Ok(time(value, fsp)),
        ColumnType::Text { charset, length_bytes } => {
            let value = behind(&mut reader, length_bytes)?;
            let name = if charset == Charset::Utf8mb3 {
                words.utf8mb3
            } else {
                charset.name()
            };
            Ok(format!("_{name} x'{}'", hex(value)))
        }
        ColumnType::FixedBinary { length_bytes, .. } | ColumnType::Binary { length_bytes } => {
            Ok(format!("x'{}'", hex(behind(&mut reader, length_bytes)?)))
        }
        ColumnType::Spelled { spelling, length_bytes } => spelled(spelling, behind(&mut reader, length_bytes)?),
        _ => Err(UNFIT),
    }
}

fn behind<'a>(reader: &mut Reader<'a>, prefix: u8) -> Parsed<&'a [u8]> {
    reader.uint(usize::from(prefix))?;
    Ok(reader.rest())
}

fn big(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn int(reader: &mut Reader<'_>, bytes: u8, unsigned: bool) -> Parsed<String> {
    let raw = reader.uint(usize::from(bytes))?;
    if unsigned {
        return Ok(raw.to_string());
    }
    let shift = 64 - 8 * u32::from(bytes.min(8));
    Ok((raw.cast_signed() << shift >> shift).to_string())
}

/// Groups of digits, see `Digits`.
fn decimal(precision: u8, scale: u8, value: &[u8]) -> Parsed<String> {
    let mut bytes = value.to_vec();
    let first = bytes.first_mut().ok_or(UNFIT)?;
    let negative = *first & 0x80 == 0;
    *first ^= 0x80;
    if negative {
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let mut reader = Reader::new(&bytes);
    let mut text = String::from(if negative { "-" } else { "" });
    let before = usize::from(precision.saturating_sub(scale));
    let mut group = |digits: usize, text: &mut String| -> Parsed<()> {
        let size = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4].get(digits).copied().ok_or(UNFIT)?;
        // Writing to a `String` can't fail; neither below.
        let _ = write!(text, "{:0digits$}", big(reader.take(size)?));
        Ok(())
    };
    if before == 0 {
        text.push('0');
    }
    if !before.is_multiple_of(9) {
        group(before % 9, &mut text)?;
    }
    for _ in 0..before / 9 {
        group(9, &mut text)?;
    }
    let scale = usize::from(scale);
    if scale > 0 {
        text.push('.');
        for _ in 0..scale / 9 {
            group(9, &mut text)?;
        }
        if !scale.is_multiple_of(9) {
            group(scale % 9, &mut text)?;
        }
    }
    Ok(text)
}

/// 5 bits hour (of a time: 10), 6 minute, 6 second.
fn put_clock(clock: u64, text: &mut String) {
    let _ = write!(text, "{:02}:{:02}:{:02}", clock >> 12, clock >> 6 & 63, clock & 63);
}

fn put_fraction(stored: &[u8], fsp: u8, text: &mut String) {
    let unit = match stored.len() {
        1 => 10_000,
        2 => 100,
        _ => 1,
    };
    if fsp > 0 {
        let _ = write!(text, ".{:06}", big(stored) * unit);
    }
}

/// Without the quote at its end.
fn moment(seconds: u32) -> String {
    let (days, of_day) = (i64::from(seconds / 86_400), seconds % 86_400);
    // Days of eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("'{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

fn time(value: &[u8], fsp: u8) -> String {
    let bits = 8 * value.len().saturating_sub(3);
    let (stored, offset) = (big(value), 0x80_0000_u64 << bits);
    let (sign, size) = match stored.checked_sub(offset) {
        Some(size) => ("", size),
        None => ("-", offset - stored),
    };
    let mut text = format!("'{sign}");
    put_clock(size >> bits, &mut text);
    let fraction = (size & ((1 << bits) - 1)).to_be_bytes();
    put_fraction(fraction.get(8 - bits / 8..).unwrap_or_default(), fsp, &mut text);
    text + "'"
}

fn spelled(spelling: Spelling, value: &[u8]) -> Parsed<String> {
    let mut bytes = [0; 16];
    bytes.get_mut(..value.len()).ok_or(UNFIT)?.copy_from_slice(value);
    let [a, b, c, d, ..] = bytes;
    Ok(match spelling {
        Spelling::Inet4 => format!("'{}'", std::net::Ipv4Addr::new(a, b, c, d)),
        Spelling::Inet6 => format!("'{}'", std::net::Ipv6Addr::from(bytes)),
        Spelling::Uuid => {
            let digits = hex(&bytes);
            let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
            format!(
                "'{}-{}-{}-{}-{}'",
                part(0, 8),
                part(8, 12),
                part(12, 16),
                part(16, 20),
                part(20, 32)
            )
        }
    })
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: &ColumnType, value: &[u8]) -> String {
        literal(kind, value, Words { utf8mb3: "utf8mb3" }).unwrap_or_else(|problem| problem.to_string())
    }

    #[test]
    fn numbers_keep_their_sign_and_every_digit() {
        let int = |bytes, unsigned| ColumnType::Int { bytes, unsigned };
        assert_eq!(shown(&int(3, false), &[0xff, 0xff, 0xff]), "-1");
        assert_eq!(shown(&int(8, true), &[0xff; 8]), "18446744073709551615");
        assert_eq!(shown(&int(8, false), &[0xff; 8]), "-1");
        assert_eq!(shown(&ColumnType::Float, &0.1_f32.to_le_bytes()), "1.0000000149011612e-1");
        let decimal = |precision, scale| ColumnType::Decimal { precision, scale };
        assert_eq!(
            shown(&decimal(14, 4), &[0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2]),
            "1234567890.1234"
        );
        assert_eq!(
            shown(&decimal(14, 4), &[0x7e, 0xf2, 0x04, 0xc7, 0x2d, 0xfb, 0x2d]),
            "-1234567890.1234"
        );
        assert_eq!(shown(&decimal(4, 4), &[0x93, 0x88]), "0.5000");
    }

    #[test]
    fn moments_are_written_with_their_fraction() {
        assert_eq!(
            shown(&ColumnType::Timestamp { fsp: 0 }, &[0x65, 0xe0, 0x7a, 0x7e]),
            "'2024-02-29 12:37:18'"
        );
        assert_eq!(
            shown(&ColumnType::Timestamp { fsp: 2 }, &[0, 0, 0, 0, 0]),
            "'0000-00-00 00:00:00.000000'"
        );
        assert_eq!(shown(&ColumnType::Time { fsp: 0 }, &[0x7f, 0xff, 0xff]), "'-00:00:01'");
        assert_eq!(shown(&ColumnType::Time { fsp: 2 }, &[0x7f, 0xff, 0xff, 0xff]), "'-00:00:00.010000'");
        assert_eq!(shown(&ColumnType::Time { fsp: 6 }, &[0x80, 0, 1, 0, 0, 1]), "'00:00:01.000001'");
    }

    #[test]
    fn texts_are_bytes_of_their_own_character_set() {
        let text = |charset| ColumnType::Text { charset, length_bytes: 1 };
        assert_eq!(shown(&text(Charset::Gbk), &[2, 0xc4, 0xe3]), "_gbk x'c4e3'");
        assert_eq!(shown(&text(Charset::Utf8mb3), &[0]), "_utf8mb3 x''");
        assert_eq!(shown(&ColumnType::Binary { length_bytes: 2 }, &[1, 0, 0x27]), "x'27'");
    }
}
