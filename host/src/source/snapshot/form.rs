//! A row of the binary protocol as the row image that the binlog would have of it: from there on both go the same way. JSON stays the
//! text that the server prints.
//!
//! Formats: "Binary Protocol Resultset" of MySQL's protocol documentation; row images as `batch` reads them.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::decimal::Digits;
use crate::source::reader::{Malformed, Parsed, Reader};
use crate::source::{ColumnType, Spelling, Table};

/// How one column's values get into a row image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// So many bytes as they are.
    Plain(usize),
    /// MEDIUMINT: four bytes become three.
    Medium,
    /// YEAR.
    Year,
    /// ENUM and SET, read as whole numbers: the bytes of the index or mask.
    Number(usize),
    /// BIT: the bytes of the value.
    Bits(usize),
    /// DECIMAL.
    Decimal(Digits),
    /// DATE.
    Date,
    /// DATETIME with its fractional digits.
    Datetime(u8),
    /// TIMESTAMP with its fractional digits.
    Timestamp(u8),
    /// TIME with its fractional digits.
    Time(u8),
    /// Texts and bytes: the bytes of the length before them.
    Bytes(u8),
    /// A COMPRESSED column, which comes unpacked.
    Packed(u8),
    /// UUID and addresses, which come as text.
    Spelled(Spelling, u8),
}

const WRONG: Malformed = Malformed("a value is not one of its column's type");

impl Form {
    /// Of a column; `None` for one that is not read.
    pub(super) fn of(kind: &ColumnType) -> Option<Self> {
        Some(match *kind {
            ColumnType::Int { bytes: 3, .. } => Self::Medium,
            ColumnType::Int { bytes, .. } => Self::Plain(usize::from(bytes)),
            ColumnType::Float => Self::Plain(4),
            ColumnType::Double => Self::Plain(8),
            ColumnType::Year => Self::Year,
            ColumnType::Bit { bits } => Self::Bits(usize::from(bits.div_ceil(8))),
            ColumnType::Decimal { precision, scale } => Self::Decimal(Digits::new(precision, scale)),
            ColumnType::Date => Self::Date,
            ColumnType::Datetime { fsp } => Self::Datetime(fsp),
            ColumnType::Timestamp { fsp } => Self::Timestamp(fsp),
            ColumnType::Time { fsp } => Self::Time(fsp),
            ColumnType::Text { length_bytes, .. } | ColumnType::FixedBinary { length_bytes, .. } | ColumnType::Binary { length_bytes } => {
                Self::Bytes(length_bytes)
            }
            ColumnType::JsonText => Self::Bytes(4),
            ColumnType::Packed { length_bytes, .. } => Self::Packed(length_bytes),
            ColumnType::Spelled { spelling, length_bytes } => Self::Spelled(spelling, length_bytes),
            ColumnType::Enum { bytes, .. } | ColumnType::Set { bytes, .. } => Self::Number(usize::from(bytes)),
            ColumnType::Json { .. } | ColumnType::Former(_) | ColumnType::Unsupported(_) => return None,
        })
    }

    /// Whether values of this type code come in it.
    pub(super) fn takes(self, code: u8) -> bool {
        match self {
            Self::Plain(1) => code == 1,
            Self::Plain(2) => code == 2,
            Self::Plain(4) => matches!(code, 3 | 4),
            Self::Plain(_) => matches!(code, 5 | 8),
            Self::Medium => code == 9,
            Self::Year => code == 13,
            Self::Number(_) => code == 8,
            Self::Bits(_) => code == 16,
            Self::Decimal(_) => code == 246,
            Self::Date => matches!(code, 10 | 14),
            Self::Datetime(_) => matches!(code, 12 | 18),
            Self::Timestamp(_) => matches!(code, 7 | 17),
            Self::Time(_) => matches!(code, 11 | 19),
            Self::Bytes(_) | Self::Packed(_) | Self::Spelled(..) => matches!(code, 15 | 242 | 245 | 249..=255),
        }
    }

    /// Takes a value off the row and appends it to the image.
    #[inline]
    fn take(self, row: &mut Reader<'_>, image: &mut Vec<u8>) -> Parsed<()> {
        match self {
            Self::Plain(bytes) => image.extend_from_slice(row.take(bytes)?),
            Self::Medium => {
                let [low, middle, high, _] = row.array()?;
                image.extend_from_slice(&[low, middle, high]);
            }
            Self::Year => {
                let year = row.u16()?;
                image.push(match year {
                    0 => 0,
                    _ => year.checked_sub(1900).and_then(|years| u8::try_from(years).ok()).ok_or(WRONG)?,
                });
            }
            Self::Number(bytes) => {
                let number: [u8; 8] = row.array()?;
                let (kept, rest) = number.split_at_checked(bytes).ok_or(WRONG)?;
                if rest.iter().any(|byte| *byte != 0) {
                    return Err(WRONG);
                }
                image.extend_from_slice(kept);
            }
            Self::Bits(bytes) => {
                let value = row.counted()?;
                let missing = bytes.checked_sub(value.len()).ok_or(WRONG)?;
                image.resize(image.len() + missing, 0);
                image.extend_from_slice(value);
            }
            Self::Decimal(digits) => digits.append(row.counted()?, image).ok_or(WRONG)?,
            Self::Date => {
                let moment = Moment::take(row)?;
                let packed = moment.year << 9 | moment.month << 5 | moment.day;
                image.extend(packed.to_le_bytes().iter().take(3));
            }
            Self::Datetime(fsp) => Moment::take(row)?.datetime(fsp, image),
            Self::Timestamp(fsp) => Moment::take(row)?.timestamp(fsp, image)?,
            Self::Time(fsp) => time(row, fsp, image)?,
            Self::Bytes(prefix) => prefixed(prefix, &[], row.counted()?, image)?,
            Self::Packed(prefix) => match row.counted()? {
                [] => prefixed(prefix, &[], &[], image)?,
                // The first byte says that the rest is as it is.
                value => prefixed(prefix, &[0], value, image)?,
            },
            Self::Spelled(spelling, prefix) => spelled(spelling, prefix, row.counted()?, image)?,
        }
        Ok(())
    }
}

/// A length, then the bytes.
#[inline]
fn prefixed(prefix: u8, head: &[u8], value: &[u8], image: &mut Vec<u8>) -> Parsed<()> {
    let length = (head.len() + value.len()).to_le_bytes();
    let (kept, rest) = length.split_at_checked(usize::from(prefix)).ok_or(WRONG)?;
    if rest.iter().any(|byte| *byte != 0) {
        return Err(WRONG);
    }
    image.extend_from_slice(kept);
    image.extend_from_slice(head);
    image.extend_from_slice(value);
    Ok(())
}

fn spelled(spelling: Spelling, prefix: u8, text: &[u8], image: &mut Vec<u8>) -> Parsed<()> {
    let text = std::str::from_utf8(text).map_err(|_| WRONG)?;
    match spelling {
        Spelling::Inet4 => prefixed(prefix, &[], &text.parse::<Ipv4Addr>().map_err(|_| WRONG)?.octets(), image),
        Spelling::Inet6 => prefixed(prefix, &[], &text.parse::<Ipv6Addr>().map_err(|_| WRONG)?.octets(), image),
        Spelling::Uuid => {
            let digits: String = text.chars().filter(|character| *character != '-').collect();
            let number = u128::from_str_radix(&digits, 16).map_err(|_| WRONG)?;
            prefixed(prefix, &[], &number.to_be_bytes(), image)
        }
    }
}

/// A date and a time of day.
#[derive(Debug, Default, Clone, Copy)]
struct Moment {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    micros: u32,
}

impl Moment {
    /// Zeros at the end are left out.
    #[inline]
    fn take(row: &mut Reader<'_>) -> Parsed<Self> {
        let mut moment = Self::default();
        let length = row.u8()?;
        if !matches!(length, 0 | 4 | 7 | 11) {
            return Err(WRONG);
        }
        if length >= 4 {
            moment.year = row.u16()?.into();
            [moment.month, moment.day] = row.array::<2>()?.map(u32::from);
        }
        if length >= 7 {
            [moment.hour, moment.minute, moment.second] = row.array::<3>()?.map(u32::from);
        }
        if length >= 11 {
            moment.micros = u32::from_le_bytes(row.array()?);
        }
        let inside = moment.year <= 9999 && moment.month <= 12 && moment.day <= 31 && moment.micros <= 999_999;
        if !inside || moment.hour > 23 || moment.minute > 59 || moment.second > 59 {
            return Err(WRONG);
        }
        Ok(moment)
    }

    fn datetime(self, fsp: u8, image: &mut Vec<u8>) {
        let date = u64::from((self.year * 13 + self.month) << 5 | self.day);
        let clock = u64::from(self.hour << 12 | self.minute << 6 | self.second);
        let packed = (1 << 39) + (date << 17 | clock);
        image.extend(packed.to_be_bytes().iter().skip(3));
        fraction(self.micros, fsp, image);
    }

    /// The session's time zone is UTC.
    fn timestamp(self, fsp: u8, image: &mut Vec<u8>) -> Parsed<()> {
        let seconds = if self.year == 0 {
            0
        } else {
            let days = days(self.year, self.month, self.day);
            days * 86_400 + i64::from(self.hour * 3600 + self.minute * 60 + self.second)
        };
        image.extend_from_slice(&u32::try_from(seconds).map_err(|_| WRONG)?.to_be_bytes());
        fraction(self.micros, fsp, image);
        Ok(())
    }
}

/// Days since 1970-01-01: the year begins in March, so that the leap day is its last.
fn days(year: u32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// One byte holds hundredths, two hold ten-thousandths, three millionths.
fn fraction(micros: u32, fsp: u8, image: &mut Vec<u8>) {
    let (stored, bytes) = scaled(micros, fsp);
    image.extend(stored.to_be_bytes().iter().skip(4 - bytes));
}

fn scaled(micros: u32, fsp: u8) -> (u32, usize) {
    match fsp {
        0 => (0, 0),
        1 | 2 => (micros / 10_000, 1),
        3 | 4 => (micros / 100, 2),
        _ => (micros, 3),
    }
}

fn time(row: &mut Reader<'_>, fsp: u8, image: &mut Vec<u8>) -> Parsed<()> {
    let length = row.u8()?;
    let (mut negative, mut hours, mut micros) = (false, 0_u64, 0);
    let mut clock = 0_u64;
    if !matches!(length, 0 | 8 | 12) {
        return Err(WRONG);
    }
    if length >= 8 {
        negative = row.u8()? != 0;
        let days = u32::from_le_bytes(row.array()?);
        let [hour, minute, second] = row.array::<3>()?.map(u64::from);
        hours = u64::from(days) * 24 + hour;
        clock = minute << 6 | second;
    }
    if length == 12 {
        micros = u32::from_le_bytes(row.array()?);
    }
    if hours > 838 || micros > 999_999 {
        return Err(WRONG);
    }
    let (stored, bytes) = scaled(micros, fsp);
    let bits = 8 * bytes;
    // The whole number is shifted so that it sorts as unsigned.
    let size = (hours << 12 | clock) << bits | u64::from(stored);
    let offset = 0x80_0000_u64 << bits;
    let packed = if negative {
        offset.checked_sub(size).ok_or(WRONG)?
    } else {
        offset + size
    };
    image.extend(packed.to_be_bytes().iter().skip(8 - 3 - bytes));
    Ok(())
}

/// The forms of a table's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Forms {
    columns: Vec<Form>,
    /// Columns of the image behind these, which are NULL there.
    hidden: usize,
    /// Which of them belong to the key that the table is read by.
    key: Vec<bool>,
}

impl Forms {
    /// Of a table that is read by the columns `key`.
    pub(super) fn of(table: &Table, key: &[usize]) -> Option<Self> {
        Some(Self {
            columns: table.columns.iter().map(|column| Form::of(&column.kind)).collect::<Option<_>>()?,
            hidden: table.hidden,
            key: (0..table.columns.len()).map(|ordinal| key.contains(&ordinal)).collect(),
        })
    }

    /// The first column of which these type codes are not its values'.
    pub(super) fn misfit(&self, codes: &[u8]) -> Option<usize> {
        let mut all = self.columns.iter().zip(codes);
        let other = all.position(|(form, code)| !form.takes(*code));
        other.or_else(|| (codes.len() != self.columns.len()).then_some(0))
    }

    /// Appends the image of a row, and says where in `images` the values of key columns stand, by their ordinals' order.
    #[inline]
    pub(super) fn append(&self, row: &[u8], images: &mut Vec<u8>, places: &mut Vec<Range<usize>>) -> Parsed<()> {
        let mut reader = Reader::new(row);
        reader.u8()?;
        let columns = self.columns.len();
        // Its first two bits stand for no column.
        let nulls = reader.take((columns + 9) / 8)?;
        let start = images.len();
        images.resize(start + (columns + self.hidden).div_ceil(8), 0);
        places.clear();
        for (ordinal, (form, is_key)) in self.columns.iter().zip(&self.key).enumerate() {
            let at = ordinal + 2;
            if nulls.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1) {
                set(images, start, ordinal);
                continue;
            }
            let before = images.len();
            form.take(&mut reader, images)?;
            if *is_key {
                places.push(before..images.len());
            }
        }
        for ordinal in columns..columns + self.hidden {
            set(images, start, ordinal);
        }
        if reader.is_empty() {
            Ok(())
        } else {
            Err(Malformed("a row is longer than its columns"))
        }
    }
}

fn set(images: &mut [u8], start: usize, bit: usize) {
    if let Some(byte) = images.get_mut(start + bit / 8) {
        *byte |= 1 << (bit % 8);
    }
}
