//! One column of one batch: its values with its form, in one choice a value.

use rowmill_sdk::json::{Cursor, DECIMAL_BYTES, FLOAT_BYTES, Fragments, INTEGER_BYTES};
use rowmill_sdk::{Bits, Bytes, Column, Error, Fixed, Values};

use crate::form::{Binary, Form};
use crate::zone::Zone;
use crate::{calendar, wide, wkt};

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
    BitNumber(Bits<'a>),
    BitBytes(Fixed<'a, 8>, u8),
    F32(Fixed<'a, 4>),
    F64(Fixed<'a, 8>),
    JavaF32(Fixed<'a, 4>),
    JavaF64(Fixed<'a, 8>),
    Year(Fixed<'a, 2>),
    Decimal(Fixed<'a, 16>, u8),
    QuotedDecimal(Fixed<'a, 16>, u8),
    WideDecimal(Fixed<'a, 32>, u8, bool),
    Unscaled(Fixed<'a, 16>),
    WideUnscaled(Fixed<'a, 32>),
    UnscaledU64(Fixed<'a, 8>),
    QuotedU64(Fixed<'a, 8>),
    Rounded(Fixed<'a, 16>, u8),
    WideRounded(Fixed<'a, 32>, u8),
    RoundedU64(Fixed<'a, 8>),
    Date(Fixed<'a, 4>),
    DateText(Fixed<'a, 4>, u8),
    Datetime(Fixed<'a, 8>),
    DatetimeText(Fixed<'a, 8>, u8),
    Timestamp(Fixed<'a, 8>),
    Instant(Fixed<'a, 8>, u8),
    Local(Fixed<'a, 8>, u8),
    Time(Fixed<'a, 8>, u8, u8),
    Text(Bytes<'a>),
    Document(Bytes<'a>),
    Compact(Bytes<'a>),
    Binary(Bytes<'a>, Binary),
    Geometry(Bytes<'a>, bool),
    WellKnownText(Bytes<'a>),
    Vector(Bytes<'a>),
    /// Index and the fragment of label 0.
    Label(Fixed<'a, 2>, usize),
    Labels(Fixed<'a, 8>, usize),
    LabelList(Fixed<'a, 8>, usize),
}

impl<'a> Cell<'a> {
    /// Joins a column's values with its form. Labels were checked.
    pub(crate) fn new(form: Form, column: &Column<'a>) -> Result<Self, Error> {
        Ok(match (form, column.values) {
            (Form::Integer, values) => Self::integer(values)?,
            (Form::Truth, Values::Int8(values) | Values::UInt8(values)) => Self::Truth(values),
            (Form::Bit | Form::BitNumber, Values::UInt64(values)) => Self::U64(values),
            (Form::Bit, Values::Bool(bits)) => Self::Bit(bits),
            (Form::BitNumber, Values::Bool(bits)) => Self::BitNumber(bits),
            (Form::BitBytes(bytes), Values::UInt64(values)) => Self::BitBytes(values, bytes),
            (Form::Float, Values::Float32(values)) => Self::F32(values),
            (Form::Double, Values::Float64(values)) => Self::F64(values),
            (Form::Text, Values::Bytes(bytes)) => Self::Text(bytes),
            (Form::Document, Values::Bytes(bytes)) => Self::Document(bytes),
            (Form::Compact, Values::Bytes(bytes)) => Self::Compact(bytes),
            (Form::Bytes(binary), Values::Bytes(bytes)) => Self::Binary(bytes, binary),
            (Form::Geometry, Values::Bytes(bytes)) => Self::Geometry(wide::geometries(bytes, column)?, false),
            (Form::Point, Values::Bytes(bytes)) => Self::Geometry(wide::points(bytes, column)?, true),
            (Form::WellKnownText, Values::Bytes(bytes)) => Self::WellKnownText(wkt::geometries(bytes, column)?),
            (Form::Vector, Values::Bytes(bytes)) => Self::Vector(bytes),
            (Form::Label { first, .. }, Values::UInt16(values)) => Self::Label(values, first),
            (Form::Labels { first, .. }, Values::UInt64(values)) => Self::Labels(values, first),
            (Form::LabelList { first, .. }, Values::UInt64(values)) => Self::LabelList(values, first),
            (form, values) => Self::number(form, values)
                .or_else(|| Self::moment(form, values))
                .map_or_else(|| Err(unexpected()), Ok)?
                .checked(form, column)?,
        })
    }

    fn integer(values: Values<'a>) -> Result<Self, Error> {
        Ok(match values {
            Values::Int8(values) => Self::I8(values),
            Values::Int16(values) => Self::I16(values),
            Values::Int32(values) => Self::I32(values),
            Values::Int64(values) => Self::I64(values),
            Values::UInt8(values) => Self::U8(values),
            Values::UInt16(values) => Self::U16(values),
            Values::UInt32(values) => Self::U32(values),
            Values::UInt64(values) => Self::U64(values),
            _ => return Err(unexpected()),
        })
    }

    fn number(form: Form, values: Values<'a>) -> Option<Self> {
        Some(match (form, values) {
            (Form::Decimal { quoted: false }, Values::Decimal128(values, scale)) => Self::Decimal(values, scale),
            (Form::Decimal { quoted: true }, Values::Decimal128(values, scale)) => Self::QuotedDecimal(values, scale),
            (Form::Decimal { quoted }, Values::Decimal256(values, scale)) => Self::WideDecimal(values, scale, quoted),
            (Form::Unscaled, Values::Decimal128(values, _)) => Self::Unscaled(values),
            (Form::Unscaled, Values::Decimal256(values, _)) => Self::WideUnscaled(values),
            (Form::Unscaled, Values::UInt64(values)) => Self::UnscaledU64(values),
            (Form::Rounded, Values::Decimal128(values, scale)) => Self::Rounded(values, scale),
            (Form::Rounded, Values::Decimal256(values, scale)) => Self::WideRounded(values, scale),
            (Form::Rounded, Values::UInt64(values)) => Self::RoundedU64(values),
            (Form::QuotedInteger, Values::UInt64(values)) => Self::QuotedU64(values),
            (Form::Signed, Values::UInt64(values)) => Self::U64(values),
            (Form::JavaFloat, Values::Float32(values)) => Self::JavaF32(values),
            (Form::JavaDouble, Values::Float64(values)) => Self::JavaF64(values),
            (Form::Year, Values::UInt16(values)) => Self::Year(values),
            _ => return None,
        })
    }

    fn moment(form: Form, values: Values<'a>) -> Option<Self> {
        Some(match (form, values) {
            (Form::Date, Values::Int32(values)) => Self::Date(values),
            (Form::Days, Values::Int32(values)) => Self::I32(values),
            (Form::DateText { suffix }, Values::Int32(values)) => Self::DateText(values, suffix),
            (Form::Datetime, Values::Int64(values)) => Self::Datetime(values),
            (Form::DatetimeText { fsp }, Values::Int64(values)) => Self::DatetimeText(values, fsp),
            (Form::Timestamp | Form::DayTime, Values::Int64(values)) => Self::Timestamp(values),
            (Form::Microseconds, Values::Int64(values)) => Self::I64(values),
            (Form::Instant { fsp }, Values::Int64(values)) => Self::Instant(values, fsp),
            (Form::Local { fsp }, Values::Int64(values)) => Self::Local(values, fsp),
            (Form::Time { fsp, suffix }, Values::Int64(values)) => Self::Time(values, fsp, suffix),
            _ => return None,
        })
    }

    /// Refuses the first row with a value that the form can't hold.
    fn checked(self, form: Form, column: &Column<'_>) -> Result<Self, Error> {
        let fits: fn(i64) -> bool = match form {
            Form::Signed => |number| number >= 0,
            Form::DayTime | Form::Time { suffix: b'Z', .. } => |microseconds| (0..86_400_000_000).contains(&microseconds),
            _ => return Ok(self),
        };
        let (Self::U64(values) | Self::Timestamp(values) | Self::Time(values, ..)) = self else {
            return Ok(self);
        };
        let outside = |(row, value): &(usize, [u8; 8])| !column.is_null(*row) && !fits(i64::from_le_bytes(*value));
        match values.iter().enumerate().find(outside) {
            None => Ok(self),
            Some((row, _)) => Err(Error::new(
                "value-out-of-range",
                "encoding a row: a column has a value that the chosen form can't hold: a BIGINT UNSIGNED from 2^63 on as a signed number, or a \
                 TIME below zero or past a day as a time of day; choose another form in the plugin's configuration",
            )
            .at_row(row)),
        }
    }

    /// Bytes that a value of bounded width takes at most; what varies is in `varying`. Never less than `null`.
    pub(crate) fn widest(&self, form: Form, fragments: &Fragments) -> usize {
        let label = |i: usize| fragments.get(i).length();
        match (self, form) {
            _ if self.varying().is_some() => 4,
            (
                Self::F32(_)
                | Self::F64(_)
                | Self::JavaF32(_)
                | Self::JavaF64(_)
                | Self::Rounded(..)
                | Self::WideRounded(..)
                | Self::RoundedU64(_),
                _,
            ) => FLOAT_BYTES,
            (Self::Decimal(..) | Self::QuotedDecimal(..) | Self::WideDecimal(..) | Self::Unscaled(_) | Self::WideUnscaled(_), _) => {
                DECIMAL_BYTES
            }
            (
                Self::DatetimeText(..)
                | Self::Instant(..)
                | Self::Local(..)
                | Self::DateText(..)
                | Self::Time(..)
                | Self::BitBytes(..)
                | Self::QuotedU64(_)
                | Self::UnscaledU64(_),
                _,
            ) => 32,
            (Self::Label(..), Form::Label { first, count }) => (first..first + count).map(label).max().unwrap_or(0).max(4),
            (Self::Labels(..), Form::Labels { first, count }) => (first..first + count).map(|i| label(i) + 1).sum::<usize>() + 4,
            (Self::LabelList(..), Form::LabelList { first, count }) => (first..first + count).map(|i| label(i) + 3).sum::<usize>() + 4,
            _ => INTEGER_BYTES,
        }
    }

    /// The bytes of values without a bound, and what becomes of them.
    pub(crate) fn varying(&self) -> Option<(Bytes<'a>, Growth)> {
        match self {
            Self::Text(bytes) | Self::Compact(bytes) => Some((*bytes, Growth::Escaped)),
            Self::Document(bytes) => Some((*bytes, Growth::Alike)),
            Self::Binary(bytes, Binary::Base64 | Binary::UrlSafe) => Some((*bytes, Growth::Base64)),
            Self::Binary(bytes, Binary::Hex) => Some((*bytes, Growth::Doubled)),
            Self::Binary(bytes, Binary::Latin1) => Some((*bytes, Growth::Sixfold)),
            Self::Geometry(bytes, _) => Some((*bytes, Growth::Geometry)),
            Self::WellKnownText(bytes) => Some((*bytes, Growth::WellKnownText)),
            Self::Vector(bytes) => Some((*bytes, Growth::Floats)),
            _ => None,
        }
    }

    /// Writes the row's value, which is not null, if that is of a common kind and takes a few steps; else the cursor comes back as it was.
    /// Nothing is called on the way: a call would have to be told what lives in which register, and WebAssembly's compilers then keep
    /// all of it in memory.
    #[inline(always)]
    pub(crate) fn write_plain<'c>(
        &self,
        cursor: Cursor<'c>,
        row: usize,
        fragments: &Fragments,
        zone: &Zone,
    ) -> Result<Cursor<'c>, Cursor<'c>> {
        let number = match *self {
            Self::I8(values) => i64::from(values.i8(row)),
            Self::I16(values) => i64::from(values.i16(row)),
            Self::I32(values) => i64::from(values.i32(row)),
            Self::I64(values) => values.i64(row),
            Self::U8(values) => i64::from(values.u8(row)),
            Self::U16(values) => i64::from(values.u16(row)),
            Self::U32(values) => i64::from(values.u32(row)),
            Self::Date(values) => match zone.known_milliseconds(i64::from(values.i32(row)) * 86_400_000) {
                Some(number) => number,
                None => return Err(cursor),
            },
            Self::Datetime(values) => match zone.known_milliseconds(values.i64(row).div_euclid(1000)) {
                Some(number) => number,
                None => return Err(cursor),
            },
            Self::Timestamp(values) => values.i64(row).div_euclid(1000),
            Self::Text(bytes) => return cursor.plain_string(bytes.span(row)),
            Self::Label(values, first) => return Ok(cursor.part(fragments.part(first + usize::from(values.u16(row))))),
            Self::Decimal(values, scale) => return cursor.short_decimal(values.i128(row), scale),
            _ => return Err(cursor),
        };
        cursor.short_signed(number)
    }

    /// Writes the row's value, which is not null.
    pub(crate) fn write<'c>(&self, cursor: Cursor<'c>, row: usize, fragments: &Fragments, zone: &mut Zone) -> Cursor<'c> {
        let number = match *self {
            Self::I64(values) => values.i64(row),
            Self::Date(values) => zone.milliseconds(i64::from(values.i32(row)) * 86_400_000),
            Self::Datetime(values) => zone.milliseconds(values.i64(row).div_euclid(1000)),
            Self::Timestamp(values) => values.i64(row).div_euclid(1000),
            Self::Text(bytes) => return cursor.string(bytes.span(row)),
            Self::Decimal(values, scale) => return cursor.decimal128(values.i128(row), scale),
            Self::F64(values) => return cursor.double(values.f64(row)),
            _ => {
                return match self.write_plain(cursor, row, fragments, zone) {
                    Ok(cursor) => cursor,
                    Err(cursor) => self.rare(cursor, row, fragments, zone),
                };
            }
        };
        cursor.signed(number)
    }

    /// The other kinds.
    #[inline(always)]
    fn rare<'c>(&self, cursor: Cursor<'c>, row: usize, fragments: &Fragments, zone: &Zone) -> Cursor<'c> {
        match *self {
            Self::U64(values) => cursor.unsigned(values.u64(row)),
            Self::Truth(values) => truth(cursor, values.u8(row) != 0),
            Self::Bit(bits) => truth(cursor, bits.get(row)),
            Self::BitNumber(bits) => cursor.byte(if bits.get(row) { b'1' } else { b'0' }),
            Self::F32(values) => cursor.float(values.f32(row)),
            Self::QuotedDecimal(values, scale) => cursor.byte(b'"').decimal128(values.i128(row), scale).byte(b'"'),
            Self::WideDecimal(values, scale, false) => cursor.decimal256(values.bytes(row), scale),
            Self::WideDecimal(values, scale, true) => cursor.byte(b'"').decimal256(values.bytes(row), scale).byte(b'"'),
            Self::DateText(values, suffix) => calendar::date(cursor, i64::from(values.i32(row)), suffix),
            Self::DatetimeText(values, fsp) => calendar::datetime(cursor, values.i64(row), fsp),
            Self::Instant(values, fsp) => calendar::instant(cursor, values.i64(row), fsp),
            Self::Local(values, fsp) => calendar::datetime(cursor, zone.wall(values.i64(row)), fsp),
            Self::Time(values, fsp, suffix) => calendar::time(cursor, values.i64(row), fsp, suffix),
            Self::QuotedU64(values) => cursor.byte(b'"').unsigned(values.u64(row)).byte(b'"'),
            Self::Labels(values, first) => labels(cursor.byte(b'"'), values.u64(row), first, (fragments, b",")).byte(b'"'),
            Self::LabelList(values, first) => label_list(cursor, values.u64(row), first, fragments),
            Self::Binary(bytes, Binary::Base64) => cursor.byte(b'"').base64(bytes.get(row)).byte(b'"'),
            _ => self.seldom(cursor, row),
        }
    }

    /// What only some formats have.
    fn seldom<'c>(&self, cursor: Cursor<'c>, row: usize) -> Cursor<'c> {
        match *self {
            Self::BitBytes(values, count) => {
                let bytes = values.bytes(row);
                wide::base64(cursor, bytes.get(..usize::from(count)).unwrap_or(&bytes))
            }
            Self::Unscaled(values) => wide::unscaled(cursor, values.bytes(row)),
            Self::WideUnscaled(values) => wide::unscaled(cursor, values.bytes(row)),
            Self::UnscaledU64(values) => wide::unscaled(cursor, u128::from(values.u64(row)).to_le_bytes()),
            Self::Rounded(values, scale) => wide::rounded(cursor, |text| text.decimal128(values.i128(row), scale)),
            Self::WideRounded(values, scale) => wide::rounded(cursor, |text| text.decimal256(values.bytes(row), scale)),
            Self::RoundedU64(values) => wide::rounded(cursor, |text| text.unsigned(values.u64(row))),
            Self::Document(bytes) => cursor.raw(bytes.get(row)),
            Self::Compact(bytes) => wide::compact(cursor, bytes.get(row)),
            Self::Binary(bytes, Binary::UrlSafe) => wide::url_safe(cursor, bytes.get(row)),
            Self::Binary(bytes, Binary::Hex) => wide::hex(cursor, bytes.get(row)),
            Self::Binary(bytes, Binary::Latin1) => wide::latin1(cursor, bytes.get(row)),
            Self::Geometry(bytes, point) => wide::geometry(cursor, bytes.get(row), point),
            Self::Vector(bytes) => wide::vector(cursor, bytes.get(row)),
            Self::WellKnownText(bytes) => cursor.byte(b'"').raw(&wkt::text(bytes.get(row)).unwrap_or_default()).byte(b'"'),
            Self::JavaF32(values) => wide::java_float(cursor, values.f32(row)),
            Self::JavaF64(values) => wide::java_double(cursor, values.f64(row)),
            Self::Year(values) => cursor.digits(values.u16(row).into(), 4),
            _ => cursor,
        }
    }

    /// Whether two rows of the same column have the same value, neither of which is null.
    pub(crate) fn same(&self, row: usize, other: &Self, there: usize) -> bool {
        fn equal<const N: usize>(left: Fixed<'_, N>, row: usize, right: Fixed<'_, N>, there: usize) -> bool {
            left.bytes(row) == right.bytes(there)
        }
        if let (Some((left, _)), Some((right, _))) = (self.varying(), other.varying()) {
            return left.get(row) == right.get(there);
        }
        if let (Some(left), Some(right)) = (self.one_byte(), other.one_byte()) {
            return equal(left, row, right, there);
        }
        if let (Some(left), Some(right)) = (self.eight_bytes(), other.eight_bytes()) {
            return equal(left, row, right, there);
        }
        match (*self, *other) {
            (
                Self::I16(left) | Self::U16(left) | Self::Year(left) | Self::Label(left, _),
                Self::I16(right) | Self::U16(right) | Self::Year(right) | Self::Label(right, _),
            ) => equal(left, row, right, there),
            (
                Self::I32(left) | Self::U32(left) | Self::F32(left) | Self::JavaF32(left) | Self::Date(left) | Self::DateText(left, _),
                Self::I32(right)
                | Self::U32(right)
                | Self::F32(right)
                | Self::JavaF32(right)
                | Self::Date(right)
                | Self::DateText(right, _),
            ) => equal(left, row, right, there),
            (
                Self::Decimal(left, _) | Self::QuotedDecimal(left, _) | Self::Unscaled(left) | Self::Rounded(left, _),
                Self::Decimal(right, _) | Self::QuotedDecimal(right, _) | Self::Unscaled(right) | Self::Rounded(right, _),
            ) => equal(left, row, right, there),
            (
                Self::WideDecimal(left, ..) | Self::WideUnscaled(left) | Self::WideRounded(left, _),
                Self::WideDecimal(right, ..) | Self::WideUnscaled(right) | Self::WideRounded(right, _),
            ) => equal(left, row, right, there),
            (Self::Bit(left) | Self::BitNumber(left), Self::Bit(right) | Self::BitNumber(right)) => left.get(row) == right.get(there),
            _ => false,
        }
    }

    /// Whether an unsigned number has its highest bit set.
    pub(crate) fn is_high(&self, row: usize) -> bool {
        match *self {
            Self::U8(values) => values.u8(row) >> 7 != 0,
            Self::U16(values) => values.u16(row) >> 15 != 0,
            Self::U32(values) => values.u32(row) >> 31 != 0,
            Self::U64(values) => values.u64(row) >> 63 != 0,
            _ => false,
        }
    }

    fn one_byte(&self) -> Option<Fixed<'a, 1>> {
        match *self {
            Self::I8(values) | Self::U8(values) | Self::Truth(values) => Some(values),
            _ => None,
        }
    }

    fn eight_bytes(&self) -> Option<Fixed<'a, 8>> {
        match *self {
            Self::I64(values)
            | Self::U64(values)
            | Self::F64(values)
            | Self::JavaF64(values)
            | Self::BitBytes(values, _)
            | Self::UnscaledU64(values)
            | Self::QuotedU64(values)
            | Self::RoundedU64(values)
            | Self::Datetime(values)
            | Self::DatetimeText(values, _)
            | Self::Timestamp(values)
            | Self::Instant(values, _)
            | Self::Local(values, _)
            | Self::Time(values, ..)
            | Self::Labels(values, _)
            | Self::LabelList(values, _) => Some(values),
            _ => None,
        }
    }
}

/// What becomes of bytes without a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Growth {
    Escaped,
    Base64,
    Alike,
    Doubled,
    Sixfold,
    Geometry,
    WellKnownText,
    Floats,
}

impl Growth {
    /// Bytes that a value of such a length takes at most, quotes included.
    pub(crate) fn most(self, length: usize) -> usize {
        match self {
            Self::Base64 => length / 3 * 4 + 6,
            _ => self.seldom(length),
        }
    }

    /// Bytes that a row's value takes at most, quotes included.
    #[inline(always)]
    pub(crate) fn worst(self, bytes: &Bytes<'_>, row: usize) -> usize {
        match self {
            Self::Escaped => bytes.span(row).worst(),
            Self::Base64 => bytes.length(row) / 3 * 4 + 6,
            _ => self.seldom(bytes.length(row)),
        }
    }

    #[inline(never)]
    fn seldom(self, length: usize) -> usize {
        match self {
            Self::Doubled => 2 * length + 2,
            Self::Geometry => length / 3 * 4 + 2 * FLOAT_BYTES + 64,
            // Eight bytes of a coordinate take 28 characters, and nine of a collection's head as many.
            Self::WellKnownText => 4 * length + 64,
            Self::Floats => length / 4 * (FLOAT_BYTES + 1) + 4,
            Self::Sixfold | Self::Escaped | Self::Base64 => 6 * length + 2,
            Self::Alike => length,
        }
    }
}

#[cold]
fn unexpected() -> Error {
    Error::new(
        "unexpected-type",
        "encoding a batch: a column is stored in another type than its schema says",
    )
}

#[inline(always)]
fn truth(cursor: Cursor<'_>, truth: bool) -> Cursor<'_> {
    if truth {
        cursor.word(u64::from_le_bytes(*b"true\0\0\0\0"), 4)
    } else {
        cursor.word(u64::from_le_bytes(*b"false\0\0\0"), 5)
    }
}

/// The labels of a SET, of which number `first` is that of its lowest bit, with what stands between them.
#[inline(always)]
pub fn labels<'c>(cursor: Cursor<'c>, mut set: u64, first: usize, (fragments, between): (&Fragments, &[u8])) -> Cursor<'c> {
    cursor.apart(|mut cursor| {
        while set != 0 {
            let label = usize::try_from(set.trailing_zeros()).unwrap_or(0);
            set &= set - 1;
            cursor = cursor.fragment(fragments.get(first + label));
            if set != 0 {
                cursor = cursor.raw(between);
            }
        }
        cursor
    })
}

fn label_list<'c>(cursor: Cursor<'c>, set: u64, first: usize, fragments: &Fragments) -> Cursor<'c> {
    if set == 0 {
        return cursor.byte(b'[').byte(b']');
    }
    labels(cursor.byte(b'[').byte(b'"'), set, first, (fragments, b"\",\""))
        .byte(b'"')
        .byte(b']')
}
