//! One column of one batch: its values with its rendering, in one choice a value.

use rowmill_sdk::json::{Cursor, DECIMAL_BYTES, FLOAT_BYTES, Fragments, INTEGER_BYTES};
use rowmill_sdk::{Bits, Bytes, Column, Error, Fixed, Values};

use crate::calendar;
use crate::form::Form;
use crate::zone::Zone;

/// Values, ready to be written.
#[derive(Clone, Copy)]
pub(crate) enum Cell<'a> {
    I8(Fixed<'a, 1>),
    I16(Fixed<'a, 2>),
    I32(Fixed<'a, 4>),
    I64(Fixed<'a, 8>),
    U8(Fixed<'a, 1>),
    U16(Fixed<'a, 2>),
    U32(Fixed<'a, 4>),
    U64(Fixed<'a, 8>),
    Truth(Fixed<'a, 1>),
    Bit(Bits<'a>),
    F32(Fixed<'a, 4>),
    F64(Fixed<'a, 8>),
    Decimal(Fixed<'a, 16>, u8),
    QuotedDecimal(Fixed<'a, 16>, u8),
    WideDecimal(Fixed<'a, 32>, u8, bool),
    Date(Fixed<'a, 4>),
    Datetime(Fixed<'a, 8>),
    DatetimeText(Fixed<'a, 8>, u8),
    Timestamp(Fixed<'a, 8>),
    Time(Fixed<'a, 8>, u8),
    Text(Bytes<'a>),
    Base64(Bytes<'a>),
    /// Index and the fragment of label 0.
    Label(Fixed<'a, 2>, usize),
    Labels(Fixed<'a, 8>, usize),
}

impl<'a> Cell<'a> {
    /// Joins a column's values with its rendering.
    pub(crate) fn new(form: Form, column: &Column<'a>) -> Result<Self, Error> {
        Ok(match (form, column.values) {
            (Form::Integer, Values::Int8(values)) => Self::I8(values),
            (Form::Integer, Values::Int16(values)) => Self::I16(values),
            (Form::Integer, Values::Int32(values)) => Self::I32(values),
            (Form::Integer, Values::Int64(values)) => Self::I64(values),
            (Form::Integer, Values::UInt8(values)) => Self::U8(values),
            (Form::Integer, Values::UInt16(values)) => Self::U16(values),
            (Form::Integer, Values::UInt32(values)) => Self::U32(values),
            (Form::Integer | Form::Bit { .. }, Values::UInt64(values)) => Self::U64(values),
            (Form::Truth, Values::Int8(values) | Values::UInt8(values)) => Self::Truth(values),
            (Form::Bit { .. }, Values::Bool(bits)) => Self::Bit(bits),
            (Form::Float, Values::Float32(values)) => Self::F32(values),
            (Form::Double, Values::Float64(values)) => Self::F64(values),
            (Form::Decimal { quoted: false }, Values::Decimal128(values, scale)) => Self::Decimal(values, scale),
            (Form::Decimal { quoted: true }, Values::Decimal128(values, scale)) => Self::QuotedDecimal(values, scale),
            (Form::Decimal { quoted }, Values::Decimal256(values, scale)) => Self::WideDecimal(values, scale, quoted),
            (Form::Date, Values::Int32(values)) => Self::Date(values),
            (Form::Datetime, Values::Int64(values)) => Self::Datetime(values),
            (Form::DatetimeText { fsp }, Values::Int64(values)) => Self::DatetimeText(values, fsp),
            (Form::Timestamp, Values::Int64(values)) => Self::Timestamp(values),
            (Form::Time { fsp }, Values::Int64(values)) => Self::Time(values, fsp),
            (Form::Text, Values::Bytes(bytes)) => Self::Text(bytes),
            (Form::Base64, Values::Bytes(bytes)) => Self::Base64(bytes),
            (Form::Label { first, count }, Values::UInt16(values)) => {
                in_range(values.iter().all(|value| usize::from(u16::from_le_bytes(value)) < count))?;
                Self::Label(values, first)
            }
            (Form::Labels { first, count }, Values::UInt64(values)) => {
                let unknown = u32::try_from(count).ok().and_then(|count| u64::MAX.checked_shl(count)).unwrap_or(0);
                in_range(values.iter().all(|value| u64::from_le_bytes(value) & unknown == 0))?;
                Self::Labels(values, first)
            }
            _ => {
                return Err(Error::new(
                    "unexpected-type",
                    "encoding a batch: a column is stored in another type than its schema says",
                ));
            }
        })
    }

    /// Bytes that a value of bounded width takes at most; what varies is in `varying`. Never less than `null`.
    pub(crate) fn widest(&self, form: Form, fragments: &Fragments) -> usize {
        let label = |i: usize| fragments.get(i).length();
        match (self, form) {
            (Self::Text(_) | Self::Base64(_), _) => 4,
            (Self::F32(_) | Self::F64(_), _) => FLOAT_BYTES,
            (Self::Decimal(..) | Self::QuotedDecimal(..) | Self::WideDecimal(..), _) => DECIMAL_BYTES,
            (Self::DatetimeText(..) | Self::Time(..), _) => 32,
            (Self::Label(..), Form::Label { first, count }) => (first..first + count).map(label).max().unwrap_or(0).max(4),
            (Self::Labels(..), Form::Labels { first, count }) => (first..first + count).map(|i| label(i) + 1).sum::<usize>() + 4,
            _ => INTEGER_BYTES,
        }
    }

    /// The bytes of values without a bound, and whether they become base64.
    pub(crate) fn varying(&self) -> Option<(Bytes<'a>, bool)> {
        match self {
            Self::Text(bytes) => Some((*bytes, false)),
            Self::Base64(bytes) => Some((*bytes, true)),
            _ => None,
        }
    }

    /// Writes the row's value, which is not null. What most tables are made of is written in line, with one writer for all
    /// whole numbers: the loop over a row's columns then fits the processor's instruction cache.
    #[inline(always)]
    pub(crate) fn write<'c>(&self, cursor: Cursor<'c>, row: usize, fragments: &Fragments, zone: &mut Zone) -> Cursor<'c> {
        let number = match *self {
            Self::I8(values) => i64::from(values.i8(row)),
            Self::I16(values) => i64::from(values.i16(row)),
            Self::I32(values) => i64::from(values.i32(row)),
            Self::I64(values) => values.i64(row),
            Self::U8(values) => i64::from(values.u8(row)),
            Self::U16(values) => i64::from(values.u16(row)),
            Self::U32(values) => i64::from(values.u32(row)),
            Self::Date(values) => zone.milliseconds(i64::from(values.i32(row)) * 86_400_000),
            Self::Datetime(values) => zone.milliseconds(values.i64(row).div_euclid(1000)),
            Self::Timestamp(values) => values.i64(row).div_euclid(1000),
            Self::Text(bytes) => return cursor.string(bytes.span(row)),
            Self::Label(values, first) => return cursor.fragment(fragments.get(first + usize::from(values.u16(row)))),
            Self::Decimal(values, scale) => return cursor.decimal128(values.i128(row), scale),
            Self::F64(values) => return cursor.double(values.f64(row)),
            _ => return cursor.apart(|cursor| self.rare(cursor, row, fragments)),
        };
        cursor.signed(number)
    }

    /// The other kinds.
    #[inline(always)]
    fn rare<'c>(&self, cursor: Cursor<'c>, row: usize, fragments: &Fragments) -> Cursor<'c> {
        match *self {
            Self::U64(values) => cursor.unsigned(values.u64(row)),
            Self::Truth(values) => truth(cursor, values.u8(row) != 0),
            Self::Bit(bits) => truth(cursor, bits.get(row)),
            Self::F32(values) => cursor.float(values.f32(row)),
            Self::QuotedDecimal(values, scale) => cursor.byte(b'"').decimal128(values.i128(row), scale).byte(b'"'),
            Self::WideDecimal(values, scale, false) => cursor.decimal256(values.bytes(row), scale),
            Self::WideDecimal(values, scale, true) => cursor.byte(b'"').decimal256(values.bytes(row), scale).byte(b'"'),
            Self::DatetimeText(values, fsp) => calendar::datetime(cursor, values.i64(row), fsp),
            Self::Time(values, fsp) => calendar::time(cursor, values.i64(row), fsp),
            Self::Base64(bytes) => cursor.byte(b'"').base64(bytes.get(row)).byte(b'"'),
            Self::Labels(values, first) => labels(cursor, values.u64(row), first, fragments),
            Self::I8(_)
            | Self::I16(_)
            | Self::I32(_)
            | Self::I64(_)
            | Self::U8(_)
            | Self::U16(_)
            | Self::U32(_)
            | Self::Date(_)
            | Self::Datetime(_)
            | Self::Timestamp(_)
            | Self::Text(_)
            | Self::Label(..)
            | Self::Decimal(..)
            | Self::F64(_) => cursor,
        }
    }
}

fn in_range(all: bool) -> Result<(), Error> {
    if all {
        Ok(())
    } else {
        Err(Error::new(
            "unknown-label",
            "encoding a batch: an ENUM or SET has a label that its schema lacks",
        ))
    }
}

#[inline(always)]
fn truth(cursor: Cursor<'_>, truth: bool) -> Cursor<'_> {
    if truth {
        cursor.word(u64::from_le_bytes(*b"true\0\0\0\0"), 4)
    } else {
        cursor.word(u64::from_le_bytes(*b"false\0\0\0"), 5)
    }
}

#[inline(always)]
fn labels<'c>(cursor: Cursor<'c>, mut set: u64, first: usize, fragments: &Fragments) -> Cursor<'c> {
    cursor.apart(|cursor| {
        let mut cursor = cursor.byte(b'"');
        while set != 0 {
            let label = usize::try_from(set.trailing_zeros()).unwrap_or(0);
            set &= set - 1;
            cursor = cursor.fragment(fragments.get(first + label));
            if set != 0 {
                cursor = cursor.byte(b',');
            }
        }
        cursor.byte(b'"')
    })
}
