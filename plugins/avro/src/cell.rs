//! One column of one batch in Avro's binary encoding.

use rowmill_json::{set_labels, shortest, time_text};
use rowmill_sdk::json::{Cursor, Fragments};
use rowmill_sdk::{Bits, Bytes, Column, Error, Field, Fixed, Kind, Values};

use crate::datum::{self, LONG_BYTES};

/// A column's labels in the table's fragments, if it has some: of an ENUM each with its length, of a SET as they are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Labels {
    pub(crate) first: usize,
    pub(crate) count: usize,
}

impl Labels {
    /// Puts a column's labels into `fragments`.
    pub(crate) fn of(field: &Field, fragments: &mut Fragments) -> Self {
        let mut numbers = Vec::new();
        if field.kind == Kind::Enum {
            numbers.push(fragments.push(&datum::text(b"")));
        }
        for label in &field.labels {
            numbers.push(match field.kind {
                Kind::Enum => fragments.push(&datum::text(label.as_bytes())),
                _ => fragments.push(label.as_bytes()),
            });
        }
        Self {
            first: numbers.first().copied().unwrap_or(0),
            count: numbers.len(),
        }
    }
}

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
    Bit(Bits<'a>),
    BitBytes(Fixed<'a, 8>, usize),
    F32(Fixed<'a, 4>),
    F64(Fixed<'a, 8>),
    Decimal(Fixed<'a, 16>),
    WideDecimal(Fixed<'a, 32>),
    Time(Fixed<'a, 8>, u8),
    Bytes(Bytes<'a>),
    Label(Fixed<'a, 2>, usize),
    Labels(Fixed<'a, 8>, usize),
}

impl<'a> Cell<'a> {
    /// Joins a column's values with what its schema says.
    pub(crate) fn new(field: &Field, labels: Labels, column: &Column<'a>) -> Result<Self, Error> {
        column.check_labels(field)?;
        Ok(match (field.kind, column.values) {
            (Kind::Enum, Values::UInt16(values)) => Self::Label(values, labels.first),
            (Kind::Set, Values::UInt64(values)) => Self::Labels(values, labels.first),
            (Kind::Bit, Values::UInt64(values)) => {
                let bytes = field.length.unwrap_or(64).div_ceil(8).clamp(1, 8);
                Self::BitBytes(values, usize::try_from(bytes).unwrap_or(8))
            }
            (Kind::Time, Values::Int64(values)) => Self::Time(values, field.fsp),
            (_, Values::Int8(values)) => Self::I8(values),
            (_, Values::Int16(values)) => Self::I16(values),
            (_, Values::Int32(values)) => Self::I32(values),
            (_, Values::Int64(values)) => Self::I64(values),
            (_, Values::UInt8(values)) => Self::U8(values),
            (_, Values::UInt16(values)) => Self::U16(values),
            (_, Values::UInt32(values)) => Self::U32(values),
            (_, Values::UInt64(values)) => Self::U64(values),
            (_, Values::Bool(bits)) => Self::Bit(bits),
            (_, Values::Float32(values)) => Self::F32(values),
            (_, Values::Float64(values)) => Self::F64(values),
            (_, Values::Decimal128(values, _)) => Self::Decimal(values),
            (_, Values::Decimal256(values, _)) => Self::WideDecimal(values),
            (_, Values::Bytes(bytes)) => Self::Bytes(bytes),
        })
    }

    /// Bytes that a value of bounded width takes at most; what varies is in `varying`.
    pub(crate) fn widest(&self, labels: Labels, fragments: &Fragments) -> usize {
        let label = |i: usize| fragments.get(i).length();
        let all = labels.first..labels.first + labels.count;
        match self {
            Self::Label(..) => all.map(label).max().unwrap_or(0),
            Self::Labels(..) => LONG_BYTES + all.map(|i| label(i) + 1).sum::<usize>(),
            Self::Decimal(_) | Self::WideDecimal(_) | Self::Time(..) => LONG_BYTES + 33,
            _ => LONG_BYTES,
        }
    }

    /// The bytes of values without a bound.
    pub(crate) fn varying(&self) -> Option<Bytes<'a>> {
        match self {
            Self::Bytes(bytes) => Some(*bytes),
            _ => None,
        }
    }

    /// Writes the row's value, which is not null.
    #[inline(always)]
    pub(crate) fn write<'c>(&self, cursor: Cursor<'c>, row: usize, fragments: &Fragments) -> Cursor<'c> {
        let number = match *self {
            Self::I8(values) => i64::from(values.i8(row)),
            Self::I16(values) => i64::from(values.i16(row)),
            Self::I32(values) => i64::from(values.i32(row)),
            Self::I64(values) => values.i64(row),
            Self::U8(values) => i64::from(values.u8(row)),
            Self::U16(values) => i64::from(values.u16(row)),
            Self::U32(values) => i64::from(values.u32(row)),
            Self::Bytes(bytes) => {
                let span = bytes.span(row);
                return datum::length(cursor, span.length()).fragment(span);
            }
            Self::F64(values) => return cursor.word(u64::from_le_bytes(values.bytes(row)), 8),
            Self::Label(values, first) => return cursor.fragment(fragments.get(first + usize::from(values.u16(row)))),
            Self::Decimal(values) => return decimal(cursor, values.bytes(row)),
            _ => return cursor.apart(|cursor| self.rare(cursor, row, fragments)),
        };
        datum::long(cursor, number)
    }

    #[inline(always)]
    fn rare<'c>(&self, cursor: Cursor<'c>, row: usize, fragments: &Fragments) -> Cursor<'c> {
        match *self {
            Self::U64(values) => decimal(cursor, u128::from(values.u64(row)).to_le_bytes()),
            Self::Bit(bits) => cursor.byte(u8::from(bits.get(row))),
            Self::BitBytes(values, count) => {
                let bytes = values.u64(row).to_be_bytes();
                datum::bytes(cursor, bytes.get(8 - count..).unwrap_or(&bytes))
            }
            Self::F32(values) => cursor.word(u64::from(values.u32(row)), 4),
            Self::WideDecimal(values) => decimal(cursor, values.bytes(row)),
            Self::Time(values, fsp) => datum::bytes(cursor, time_text(values.i64(row), fsp).as_bytes()),
            Self::Labels(values, first) => labels(cursor, values.u64(row), first, fragments),
            _ => cursor,
        }
    }
}

/// Bytes of an unscaled value: two's complement, the highest byte first.
#[inline(always)]
fn decimal<const N: usize>(cursor: Cursor<'_>, mut unscaled: [u8; N]) -> Cursor<'_> {
    unscaled.reverse();
    datum::bytes(cursor, shortest(&unscaled))
}

/// The labels of a SET, joined by commas.
fn labels<'c>(cursor: Cursor<'c>, set: u64, first: usize, fragments: &Fragments) -> Cursor<'c> {
    let chosen = (0..64_usize).filter(|bit| set >> bit & 1 == 1);
    let lengths = chosen.map(|bit| fragments.get(first + bit).length() + 1);
    let length = lengths.sum::<usize>().saturating_sub(1);
    set_labels(datum::length(cursor, length), set, first, (fragments, b","))
}
