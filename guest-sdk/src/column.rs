//! One column of a batch: typed views over its buffers. Values are read in place, at any alignment.

#![expect(clippy::as_conversions, reason = "Arrow's offsets are 32 bits wide and fit usize on every target")]

use crate::Error;
use crate::json::Span;
use crate::schema::Storage;
use crate::{Field, Kind};

/// One column: which rows are null, and the values.
///
/// ```
/// use rowmill_sdk::{Values, harness::{Opened, Rows}};
/// let opened = Opened::new(&Rows::sample())?;
/// let batch = opened.batch()?;
/// let names = &batch.after.columns[batch.schema.column("name")?];
/// let Values::Bytes(texts) = names.values else { unreachable!("a VARCHAR is one") };
/// let known = (0..batch.rows()).filter(|row| !names.is_null(*row));
/// assert_eq!(known.last().map(|row| texts.get(row)), Some(&b"only this"[..]));
/// assert!(names.is_null(3) && names.valid.is_some());
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Column<'a> {
    /// Unset where a row is null; none where no row is.
    pub valid: Option<Bits<'a>>,
    /// The values; those of null rows mean nothing.
    pub values: Values<'a>,
}

impl Column<'_> {
    /// Whether the row is null ([example](Self)).
    #[inline(always)]
    pub fn is_null(&self, row: usize) -> bool {
        self.valid.is_some_and(|valid| !valid.get(row))
    }

    /// Refuses an ENUM or SET with a value that none of the field's labels stands for: who writes labels by their numbers asks once a batch.
    /// Other columns have nothing to refuse.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows, Shape, Value};
    /// let shape = Shape::new("shop", "shirts").column("size", "enum", &["S", "M", "L"]);
    /// let checked = |number| {
    ///     let opened = Opened::new(&Rows::new(&shape).insert(vec![Value::Null]).insert(vec![Value::Int(number)]))?;
    ///     let batch = opened.batch()?;
    ///     batch.after.columns[0].check_labels(&batch.schema.columns[0])
    /// };
    /// assert_eq!((checked(0), checked(3)), (Ok(()), Ok(()))); // 0 is MySQL's empty text
    /// assert_eq!(checked(4).map_err(|error| (error.code, error.row)), Err(("unknown-label".to_owned(), Some(1))));
    /// ```
    ///
    /// # Errors
    /// `unknown-label`, of its row.
    pub fn check_labels(&self, field: &Field) -> Result<(), Error> {
        let count = field.labels.len();
        match (field.kind, self.values) {
            (Kind::Enum, Values::UInt16(values)) => self.all(values, |value| usize::from(u16::from_le_bytes(value)) <= count),
            (Kind::Set, Values::UInt64(values)) => {
                let shift = u32::try_from(count).unwrap_or(u32::MAX);
                let unknown = u64::MAX.checked_shl(shift).unwrap_or(0);
                self.all(values, |value| u64::from_le_bytes(value) & unknown == 0)
            }
            _ => Ok(()),
        }
    }

    /// Refuses the first row whose value has no label. Null rows may hold anything, but seldom do: they are looked at last.
    fn all<const N: usize>(&self, values: Fixed<'_, N>, has_label: impl Fn([u8; N]) -> bool) -> Result<(), Error> {
        if values.iter().all(&has_label) {
            return Ok(());
        }
        let mut rows = values.iter().enumerate();
        match rows.position(|(row, value)| !has_label(value) && !self.is_null(row)) {
            None => Ok(()),
            Some(row) => Err(Error::new(
                "unknown-label",
                "encoding a batch: an ENUM or SET has a label that its schema lacks",
            )
            .at_row(row)),
        }
    }
}

/// Values of a column by how they are stored; `Field::kind` says what they mean.
///
/// ```
/// use rowmill_sdk::{Values, harness::{Opened, Rows}};
/// /// Any number, as near as a double comes.
/// fn number(values: &Values<'_>, row: usize) -> Option<f64> {
///     Some(match values {
///         Values::Int8(values) => values.i8(row).into(),
///         Values::Int16(values) => values.i16(row).into(),
///         Values::Int32(values) => values.i32(row).into(),
///         Values::Int64(values) => values.i64(row) as f64,
///         Values::UInt8(values) => values.u8(row).into(),
///         Values::UInt16(values) => values.u16(row).into(),
///         Values::UInt32(values) => values.u32(row).into(),
///         Values::UInt64(values) => values.u64(row) as f64,
///         Values::Float32(values) => values.f32(row).into(),
///         Values::Float64(values) => values.f64(row),
///         Values::Decimal128(values, decimals) => values.i128(row) as f64 / 10_f64.powi((*decimals).into()),
///         _ => return None,
///     })
/// }
/// let opened = Opened::new(&Rows::sample())?;
/// let batch = opened.batch()?;
/// let first = |name| Ok::<_, rowmill_sdk::Error>(number(&batch.after.columns[batch.schema.column(name)?].values, 0));
/// assert_eq!((first("tiny")?, first("ratio")?), (Some(-128.0), Some(0.1)));
/// assert_eq!((first("price")?, first("name")?), (Some(9_999_999_999.99), None));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "named as Arrow's types")]
pub enum Values<'a> {
    Int8(Fixed<'a, 1>),
    Int16(Fixed<'a, 2>),
    Int32(Fixed<'a, 4>),
    Int64(Fixed<'a, 8>),
    UInt8(Fixed<'a, 1>),
    UInt16(Fixed<'a, 2>),
    UInt32(Fixed<'a, 4>),
    UInt64(Fixed<'a, 8>),
    Float32(Fixed<'a, 4>),
    Float64(Fixed<'a, 8>),
    Bool(Bits<'a>),
    /// Unscaled values and the number of decimals.
    Decimal128(Fixed<'a, 16>, u8),
    /// Unscaled values and the number of decimals.
    Decimal256(Fixed<'a, 32>, u8),
    Bytes(Bytes<'a>),
}

/// Bits, least significant first.
///
/// ```
/// use rowmill_sdk::{Values, harness::{Opened, Rows}};
/// let opened = Opened::new(&Rows::sample())?;
/// let batch = opened.batch()?;
/// let Values::Bool(flags) = batch.after.columns[batch.schema.column("flag")?].values else { unreachable!("a BIT(1) is one") };
/// assert!(flags.get(0) && !flags.get(1_000_000));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Bits<'a>(&'a [u8]);

impl<'a> Bits<'a> {
    pub(crate) fn new(bytes: &'a [u8], rows: usize) -> Result<Self, Error> {
        bytes
            .get(..rows.div_ceil(8))
            .map(Self)
            .ok_or_else(|| Error::malformed("a bitmap is shorter than its batch"))
    }

    /// Bit of the row; false past the end ([example](Self)).
    #[inline(always)]
    pub fn get(&self, row: usize) -> bool {
        self.0.get(row >> 3).is_some_and(|byte| byte >> (row & 7) & 1 == 1)
    }
}

/// Values of `N` bytes, little-endian. A row past the end reads as zero.
///
/// ```
/// use rowmill_sdk::{Values, harness::{Opened, Rows}};
/// let opened = Opened::new(&Rows::sample())?;
/// let batch = opened.batch()?;
/// let Values::Int64(ids) = batch.after.columns[batch.schema.column("id")?].values else { unreachable!("a BIGINT is one") };
/// assert_eq!((ids.i64(2), ids.bytes(2), ids.i64(1_000_000)), (2, [2, 0, 0, 0, 0, 0, 0, 0], 0));
/// // A whole column in one go: of null rows it is 0 here.
/// assert_eq!(ids.iter().map(i64::from_le_bytes).max(), Some(4));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Fixed<'a, const N: usize>(&'a [[u8; N]]);

impl<'a, const N: usize> Fixed<'a, N> {
    pub(crate) fn new(bytes: &'a [u8], rows: usize) -> Result<Self, Error> {
        let chunks: &'a [[u8; N]] = bytes.as_chunks().0;
        chunks
            .get(..rows)
            .map(Self)
            .ok_or_else(|| Error::malformed("a value buffer is shorter than its batch"))
    }

    /// The row's bytes ([example](Self)).
    #[inline(always)]
    pub fn bytes(&self, row: usize) -> [u8; N] {
        match self.0.get(row) {
            Some(bytes) => *bytes,
            None => [0; N],
        }
    }

    /// Every row's bytes ([example](Self)).
    pub fn iter(&self) -> impl Iterator<Item = [u8; N]> + 'a {
        self.0.iter().copied()
    }
}

macro_rules! numbers {
    ($($n:literal: $($name:ident $number:ty),+;)+) => {$(
        impl Fixed<'_, $n> {$(
            #[doc = concat!("The row's value as `", stringify!($number), "` ([example](Values)).")]
            #[inline(always)]
            pub fn $name(&self, row: usize) -> $number {
                <$number>::from_le_bytes(self.bytes(row))
            }
        )+}
    )+};
}

numbers! {
    1: i8 i8, u8 u8;
    2: i16 i16, u16 u16;
    4: i32 i32, u32 u32, f32 f32;
    8: i64 i64, u64 u64, f64 f64;
    16: i128 i128;
}

/// Texts or byte strings: offsets into one buffer.
///
/// ```
/// use rowmill_sdk::{Values, harness::{Opened, Rows}, json};
/// let opened = Opened::new(&Rows::sample())?;
/// let batch = opened.batch()?;
/// let Values::Bytes(names) = batch.after.columns[batch.schema.column("name")?].values else { unreachable!("a VARCHAR is one") };
/// assert_eq!((names.rows(), names.get(1), names.length(1)), (7, &b"changed"[..], 7));
/// assert_eq!(names.longest(), (0..7).map(|row| names.length(row)).max().unwrap_or(0));
/// let (mut out, name) = (Vec::new(), names.span(1));
/// json::write(&mut out, name.worst(), |cursor| (cursor.string(name), ()));
/// assert_eq!(out, b"\"changed\"");
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Bytes<'a> {
    offsets: &'a [[u8; 4]],
    data: &'a [u8],
}

impl<'a> Bytes<'a> {
    /// Checks that offsets ascend and stay within `data`.
    pub(crate) fn new(offsets: &'a [u8], data: &'a [u8], rows: usize) -> Result<Self, Error> {
        if rows == 0 {
            return Ok(Self { offsets: &[], data });
        }
        let offsets = offsets
            .as_chunks()
            .0
            .get(..=rows)
            .ok_or_else(|| Error::malformed("an offset buffer is shorter than its batch"))?;
        let mut last = 0;
        let mut ascending = true;
        for offset in offsets {
            let offset = i32::from_le_bytes(*offset);
            ascending &= offset >= last;
            last = offset;
        }
        if !ascending || last as usize > data.len() {
            return Err(Error::malformed("offsets do not ascend within their data"));
        }
        Ok(Self { offsets, data })
    }

    /// Where the row's bytes start and end.
    #[inline(always)]
    fn bounds(&self, row: usize) -> (usize, usize) {
        match self.offsets.get(row..row + 2) {
            Some([start, end]) => (u32::from_le_bytes(*start) as usize, u32::from_le_bytes(*end) as usize),
            _ => (0, 0),
        }
    }

    /// Number of rows ([example](Self)).
    pub fn rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Length of the row's bytes ([example](Self)).
    #[inline(always)]
    pub fn length(&self, row: usize) -> usize {
        let (start, end) = self.bounds(row);
        end - start
    }

    /// Length of the longest row's bytes ([example](Self)).
    pub fn longest(&self) -> usize {
        let number = |offset: &[u8; 4]| u32::from_le_bytes(*offset);
        let ends = self.offsets.iter().skip(1);
        let longest = self.offsets.iter().zip(ends).map(|(start, end)| number(end) - number(start)).max();
        longest.map_or(0, |longest| longest as usize)
    }

    /// The row's bytes ([example](Self)).
    #[inline]
    pub fn get(&self, row: usize) -> &'a [u8] {
        let (start, end) = self.bounds(row);
        self.data.get(start..end).unwrap_or_default()
    }

    /// The row's bytes, for the writer: it copies in blocks and so looks past their end where the buffer goes on ([example](Self)).
    #[inline(always)]
    pub fn span(&self, row: usize) -> Span<'a> {
        let (start, end) = self.bounds(row);
        Span::new(self.data, start, end)
    }
}

/// A column's buffers, raw.
pub(crate) struct Buffers<'a> {
    pub(crate) valid: Option<Bits<'a>>,
    pub(crate) first: &'a [u8],
    pub(crate) second: &'a [u8],
}

impl<'a> Buffers<'a> {
    pub(crate) fn column(self, storage: Storage, rows: usize) -> Result<Column<'a>, Error> {
        let first = self.first;
        let values = match storage {
            Storage::Int8 => Values::Int8(Fixed::new(first, rows)?),
            Storage::Int16 => Values::Int16(Fixed::new(first, rows)?),
            Storage::Int32 => Values::Int32(Fixed::new(first, rows)?),
            Storage::Int64 => Values::Int64(Fixed::new(first, rows)?),
            Storage::UInt8 => Values::UInt8(Fixed::new(first, rows)?),
            Storage::UInt16 => Values::UInt16(Fixed::new(first, rows)?),
            Storage::UInt32 => Values::UInt32(Fixed::new(first, rows)?),
            Storage::UInt64 => Values::UInt64(Fixed::new(first, rows)?),
            Storage::Float32 => Values::Float32(Fixed::new(first, rows)?),
            Storage::Float64 => Values::Float64(Fixed::new(first, rows)?),
            Storage::Bits => Values::Bool(Bits::new(first, rows)?),
            Storage::Decimal128(scale) => Values::Decimal128(Fixed::new(first, rows)?, scale),
            Storage::Decimal256(scale) => Values::Decimal256(Fixed::new(first, rows)?, scale),
            Storage::Bytes => Values::Bytes(Bytes::new(first, self.second, rows)?),
            Storage::Other => return Err(Error::malformed("a column has a type that no table's column has")),
        };
        Ok(Column { valid: self.valid, values })
    }
}
