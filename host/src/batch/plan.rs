//! Which decoder a column gets: chosen once, when a version of its table is first seen.

use super::decimal::Decimal;
use crate::source::{Charset, ColumnType, Former, Spelling};

/// How one column's values are taken from a row image. Small and `Copy`: the row loop matches on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoder {
    /// Little-endian bytes as they are: integers of 1, 2, 4, 8 bytes, FLOAT, DOUBLE.
    Plain1,
    /// Two of them.
    Plain2,
    /// Four of them.
    Plain4,
    /// Eight of them.
    Plain8,
    /// MEDIUMINT.
    Medium,
    /// MEDIUMINT UNSIGNED.
    UnsignedMedium,
    /// YEAR.
    Year,
    /// BIT(1).
    Flag,
    /// BIT(n), n from 2.
    Bits(u8),
    /// DECIMAL up to 38 digits.
    Decimal(Decimal),
    /// DECIMAL of more.
    WideDecimal(Decimal),
    /// DATE.
    Date,
    /// DATETIME with its fractional digits.
    Datetime(u8),
    /// TIMESTAMP with its fractional digits.
    Timestamp(u8),
    /// TIME with its fractional digits.
    Time(u8),
    /// TIMESTAMP, TIME, DATETIME before MySQL 5.6.
    Former(Former),
    /// Text.
    Text {
        /// Of the column.
        charset: Charset,
        /// Bytes of the length.
        prefix: u8,
    },
    /// BINARY(n).
    FixedBinary {
        /// n.
        length: u16,
        /// Bytes of the length.
        prefix: u8,
    },
    /// Other bytes.
    Binary(u8),
    /// A COMPRESSED column.
    Packed {
        /// Of a text; none: bytes.
        charset: Option<Charset>,
        /// Bytes of the length.
        prefix: u8,
    },
    /// UUID, INET4, INET6.
    Spelled {
        /// Which.
        spelling: Spelling,
        /// Bytes of the length.
        prefix: u8,
    },
    /// ENUM.
    Enum {
        /// Bytes of the index.
        bytes: u8,
        /// Number of labels.
        labels: u16,
    },
    /// SET.
    Set {
        /// Bytes of the mask.
        bytes: u8,
        /// Bits that have labels.
        known: u64,
    },
    /// JSON, with the bytes of its length.
    Json(u8),
}

/// Bytes of a value in a row image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Always so many.
    Fixed(usize),
    /// As many as a length of so many bytes says.
    Prefixed(u8),
}

impl Decoder {
    /// The decoder for a type.
    ///
    /// # Errors
    /// What is wrong with the type, as text.
    pub(super) fn new(kind: &ColumnType) -> Result<Self, String> {
        Ok(match *kind {
            ColumnType::Int { bytes: 1, .. } => Self::Plain1,
            ColumnType::Int { bytes: 2, .. } => Self::Plain2,
            ColumnType::Int { bytes: 3, unsigned: false } => Self::Medium,
            ColumnType::Int { bytes: 3, unsigned: true } => Self::UnsignedMedium,
            ColumnType::Int { bytes: 4, .. } | ColumnType::Float => Self::Plain4,
            ColumnType::Int { bytes: 8, .. } | ColumnType::Double => Self::Plain8,
            ColumnType::Int { bytes, .. } => return Err(format!("an integer of {bytes} bytes")),
            ColumnType::Year => Self::Year,
            ColumnType::Bit { bits: 1 } => Self::Flag,
            ColumnType::Bit { bits } if (2..=64).contains(&bits) => Self::Bits(bits),
            ColumnType::Bit { bits } => return Err(format!("a BIT of {bits} bits")),
            ColumnType::Decimal { precision, scale } => match Decimal::new(precision, scale) {
                Some(decimal) if decimal.is_narrow() => Self::Decimal(decimal),
                Some(decimal) => Self::WideDecimal(decimal),
                None => return Err(format!("a DECIMAL({precision},{scale})")),
            },
            ColumnType::Date => Self::Date,
            ColumnType::Datetime { fsp } => Self::Datetime(digits(fsp)?),
            ColumnType::Timestamp { fsp } => Self::Timestamp(digits(fsp)?),
            ColumnType::Time { fsp } => Self::Time(digits(fsp)?),
            ColumnType::Former(former) => Self::Former(former),
            ColumnType::Text { charset, length_bytes } => Self::Text {
                charset,
                prefix: prefix(length_bytes)?,
            },
            ColumnType::FixedBinary { length, length_bytes } => Self::FixedBinary {
                length,
                prefix: prefix(length_bytes)?,
            },
            ColumnType::Binary { length_bytes } => Self::Binary(prefix(length_bytes)?),
            ColumnType::Packed { charset, length_bytes } => Self::Packed {
                charset,
                prefix: prefix(length_bytes)?,
            },
            ColumnType::Spelled { spelling, length_bytes } => Self::Spelled {
                spelling,
                prefix: prefix(length_bytes)?,
            },
            ColumnType::Enum { ref labels, bytes } if matches!(bytes, 1 | 2) => Self::Enum {
                bytes,
                labels: u16::try_from(labels.len()).unwrap_or(u16::MAX),
            },
            ColumnType::Enum { bytes, .. } => return Err(format!("an ENUM of {bytes} bytes")),
            ColumnType::Set { ref labels, bytes } if (1..=8).contains(&bytes) => Self::Set {
                bytes,
                known: low_bits(labels.len()),
            },
            ColumnType::Set { bytes, .. } => return Err(format!("a SET of {bytes} bytes")),
            ColumnType::Json { length_bytes } => Self::Json(prefix(length_bytes)?),
            ColumnType::JsonText => Self::Text {
                charset: Charset::Utf8mb4,
                prefix: 4,
            },
            ColumnType::Unsupported(ref text) => return Err(format!("the type {text}")),
        })
    }

    /// Bytes of a value in a row image.
    pub(super) fn extent(self) -> Extent {
        let fraction = super::temporal::fraction_bytes;
        Extent::Fixed(usize::from(match self {
            Self::Plain1 | Self::Year | Self::Flag => 1,
            Self::Plain2 => 2,
            Self::Medium | Self::UnsignedMedium | Self::Date => 3,
            Self::Plain4 => 4,
            Self::Plain8 => 8,
            Self::Bits(bits) => bits.div_ceil(8),
            Self::Decimal(decimal) | Self::WideDecimal(decimal) => return Extent::Fixed(decimal.bytes()),
            Self::Datetime(fsp) => 5 + fraction(fsp),
            Self::Timestamp(fsp) => 4 + fraction(fsp),
            Self::Time(fsp) => 3 + fraction(fsp),
            Self::Former(former) => super::former::bytes(former),
            Self::Enum { bytes, .. } | Self::Set { bytes, .. } => bytes,
            Self::Text { prefix, .. }
            | Self::FixedBinary { prefix, .. }
            | Self::Binary(prefix)
            | Self::Packed { prefix, .. }
            | Self::Spelled { prefix, .. }
            | Self::Json(prefix) => {
                return Extent::Prefixed(prefix);
            }
        }))
    }

    /// Bytes of a value in its Arrow array; 0 for texts and bits.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Plain1 => 1,
            Self::Plain2 | Self::Year | Self::Enum { .. } => 2,
            Self::Plain4 | Self::Medium | Self::UnsignedMedium | Self::Date => 4,
            Self::Plain8 | Self::Bits(_) | Self::Datetime(_) | Self::Timestamp(_) | Self::Time(_) | Self::Former(_) | Self::Set { .. } => 8,
            Self::Decimal(_) => 16,
            Self::WideDecimal(_) => 32,
            Self::Flag
            | Self::Text { .. }
            | Self::FixedBinary { .. }
            | Self::Binary(_)
            | Self::Packed { .. }
            | Self::Spelled { .. }
            | Self::Json(_) => 0,
        }
    }
}

/// A mask of the lowest `count` bits.
pub(super) fn low_bits(count: usize) -> u64 {
    match u32::try_from(count) {
        Ok(count) if count < 64 => (1 << count) - 1,
        _ => u64::MAX,
    }
}

fn digits(fsp: u8) -> Result<u8, String> {
    if fsp > 6 {
        return Err(format!("{fsp} fractional digits"));
    }
    Ok(fsp)
}

fn prefix(bytes: u8) -> Result<u8, String> {
    if (1..=4).contains(&bytes) {
        return Ok(bytes);
    }
    Err(format!("a length of {bytes} bytes"))
}
