//! One column of an open batch: values go from a row image straight into the buffers that Arrow takes over.

use arrow::array::{ArrayData, ArrayRef, BooleanBufferBuilder, NullBufferBuilder, make_array};
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::cursor::Cursor;
use super::flaw::Flaw;
use super::plan::{Decoder, low_bits};
use super::temporal::{self, Moment};
use super::{former, json, mariadb, text};

/// The buffers of one column, and how they are filled. Those that its type does not use stay empty.
#[derive(Debug)]
pub(super) struct Column {
    decoder: Decoder,
    rows: usize,
    valid: NullBufferBuilder,
    /// Values of fixed width.
    fixed: MutableBuffer,
    /// Values of one bit.
    bits: BooleanBufferBuilder,
    /// Texts and binary values, one after the other, and where each starts; one entry more than rows.
    bytes: Vec<u8>,
    starts: Vec<i32>,
    /// Sizes of the last batch, which the next one is likely to have too.
    usual: Usual,
}

#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    rows: usize,
    bytes: usize,
}

impl Column {
    /// Empty.
    pub(super) fn new(decoder: Decoder) -> Self {
        Self {
            decoder,
            rows: 0,
            valid: NullBufferBuilder::new(0),
            fixed: MutableBuffer::new(0),
            bits: BooleanBufferBuilder::new(0),
            bytes: Vec::new(),
            starts: Vec::new(),
            usual: Usual::default(),
        }
    }

    /// How its values are taken.
    pub(super) fn decoder(&self) -> Decoder {
        self.decoder
    }

    /// Makes room for as much as the last batch held.
    fn begin(&mut self) {
        let rows = self.usual.rows;
        self.valid = NullBufferBuilder::new(rows);
        match self.decoder.width() {
            0 if self.decoder == Decoder::Flag => self.bits = BooleanBufferBuilder::new(rows),
            0 => {
                self.starts = Vec::with_capacity(rows + 1);
                self.starts.push(0);
                self.bytes = Vec::with_capacity(self.usual.bytes);
            }
            width => self.fixed = MutableBuffer::new(rows * width),
        }
    }

    /// Appends NULL.
    #[inline]
    pub(super) fn push_null(&mut self) {
        if self.rows == 0 {
            self.begin();
        }
        match self.decoder.width() {
            0 if self.decoder == Decoder::Flag => self.bits.append(false),
            0 => self.starts.push(self.starts.last().copied().unwrap_or(0)),
            width => self.fixed.extend_zeros(width),
        }
        self.valid.append_null();
        self.rows += 1;
    }

    /// Takes a value off `cursor`. A date that no calendar has becomes NULL, and its text comes back. After an error the
    /// column is to be truncated.
    #[inline]
    pub(super) fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<String>, Flaw> {
        if self.rows == 0 {
            self.begin();
        }
        match self.decoder {
            Decoder::Plain1 => self.fixed.push(cursor.byte()?),
            Decoder::Plain2 => self.fixed.push(u16::from_le_bytes(cursor.array()?)),
            Decoder::Plain4 => self.fixed.push(u32::from_le_bytes(cursor.array()?)),
            Decoder::Plain8 => self.fixed.push(u64::from_le_bytes(cursor.array()?)),
            Decoder::Medium => {
                let [low, middle, high] = cursor.array()?;
                self.fixed.push(i32::from_le_bytes([0, low, middle, high]) >> 8);
            }
            Decoder::UnsignedMedium => {
                let [low, middle, high] = cursor.array()?;
                self.fixed.push(u32::from_le_bytes([low, middle, high, 0]));
            }
            Decoder::Year => self.fixed.push(match cursor.byte()? {
                0 => 0,
                years => 1900 + u16::from(years),
            }),
            Decoder::Flag => self.bits.append(bits(cursor, 1)? == 1),
            Decoder::Bits(width) => self.fixed.push(bits(cursor, width)?),
            Decoder::Decimal(decimal) => self.fixed.push(decimal.narrow(cursor.take(decimal.bytes())?)?),
            Decoder::WideDecimal(decimal) => self.fixed.push(decimal.wide(cursor.take(decimal.bytes())?)?),
            Decoder::Date => match temporal::date(cursor)? {
                Moment::Real(days) => self.fixed.push(days),
                Moment::Odd(text) => return Ok(self.push_odd(text)),
            },
            Decoder::Datetime(fsp) => match temporal::datetime(cursor, fsp)? {
                Moment::Real(micros) => self.fixed.push(micros),
                Moment::Odd(text) => return Ok(self.push_odd(text)),
            },
            Decoder::Timestamp(fsp) => match temporal::timestamp(cursor, fsp)? {
                Moment::Real(micros) => self.fixed.push(micros),
                Moment::Odd(text) => return Ok(self.push_odd(text)),
            },
            Decoder::Time(fsp) => self.fixed.push(temporal::time(cursor, fsp)?),
            Decoder::Former(former) => match former::moment(cursor, former)? {
                Moment::Real(micros) => self.fixed.push(micros),
                Moment::Odd(text) => return Ok(self.push_odd(text)),
            },
            Decoder::Enum { bytes, labels } => self.fixed.push(label(cursor, bytes, labels)?),
            Decoder::Set { bytes, known } => self.fixed.push(mask(cursor, bytes, known)?),
            Decoder::Text { .. }
            | Decoder::FixedBinary { .. }
            | Decoder::Binary(_)
            | Decoder::Packed { .. }
            | Decoder::Spelled { .. }
            | Decoder::Json(_) => self.push_bytes(cursor)?,
        }
        self.valid.append_non_null();
        self.rows += 1;
        Ok(None)
    }

    fn push_bytes(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Flaw> {
        match self.decoder {
            Decoder::Text { charset, prefix } => text::append(charset, cursor.prefixed(prefix)?, &mut self.bytes)?,
            Decoder::FixedBinary { length, prefix } => {
                let value = cursor.prefixed(prefix)?;
                let missing = usize::from(length).checked_sub(value.len()).ok_or(Flaw::TooWide(value.len()))?;
                self.bytes.extend_from_slice(value);
                self.bytes.resize(self.bytes.len() + missing, 0);
            }
            Decoder::Binary(prefix) => self.bytes.extend_from_slice(cursor.prefixed(prefix)?),
            Decoder::Packed { charset, prefix } => {
                let value = mariadb::unpack(cursor.prefixed(prefix)?)?;
                match charset {
                    Some(charset) => text::append(charset, &value, &mut self.bytes)?,
                    None => self.bytes.extend_from_slice(&value),
                }
            }
            Decoder::Spelled { spelling, prefix } => mariadb::spell(spelling, cursor.prefixed(prefix)?, &mut self.bytes)?,
            Decoder::Json(prefix) => json::append(cursor.prefixed(prefix)?, &mut self.bytes)?,
            _ => {}
        }
        self.starts.push(i32::try_from(self.bytes.len()).map_err(|_| Flaw::TooMuchText)?);
        Ok(())
    }

    #[cold]
    fn push_odd(&mut self, text: String) -> Option<String> {
        self.push_null();
        Some(text)
    }

    /// Cuts off what an unfinished row left behind.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.valid.truncate(rows);
        match self.decoder.width() {
            0 if self.decoder == Decoder::Flag => self.bits.truncate(rows),
            0 => {
                self.starts.truncate(rows + 1);
                let end = self.starts.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
                self.bytes.truncate(end);
            }
            width => self.fixed.truncate(rows * width),
        }
        self.rows = self.rows.min(rows);
    }

    /// The array of all rows; the column is empty afterwards.
    pub(super) fn finish(&mut self, kind: &DataType) -> Result<ArrayRef, ArrowError> {
        if self.rows == 0 {
            self.begin();
        }
        // A sixteenth more, so that batches of about the same size do not grow their buffers at the end.
        self.usual = Usual {
            rows: self.rows + self.rows / 16,
            bytes: self.bytes.len() + self.bytes.len() / 16,
        };
        let data = ArrayData::builder(kind.clone())
            .len(std::mem::take(&mut self.rows))
            .nulls(self.valid.finish());
        let data = match self.decoder.width() {
            0 if self.decoder == Decoder::Flag => data.add_buffer(self.bits.finish().into_inner()),
            0 => data
                .add_buffer(Buffer::from_vec(std::mem::take(&mut self.starts)))
                .add_buffer(Buffer::from_vec(std::mem::take(&mut self.bytes))),
            _ => data.add_buffer(std::mem::replace(&mut self.fixed, MutableBuffer::new(0)).into()),
        };
        Ok(make_array(data.build()?))
    }
}

fn bits(cursor: &mut Cursor<'_>, width: u8) -> Result<u64, Flaw> {
    let value = cursor.big(width.div_ceil(8))?;
    if value & !low_bits(usize::from(width)) != 0 {
        return Err(Flaw::Bit);
    }
    Ok(value)
}

fn label(cursor: &mut Cursor<'_>, bytes: u8, labels: u16) -> Result<u16, Flaw> {
    let index = if bytes == 1 {
        u16::from(cursor.byte()?)
    } else {
        u16::from_le_bytes(cursor.array()?)
    };
    if index > labels {
        return Err(Flaw::Enum { index, labels });
    }
    Ok(index)
}

fn mask(cursor: &mut Cursor<'_>, bytes: u8, known: u64) -> Result<u64, Flaw> {
    let mask = cursor.little(bytes)?;
    if mask & !known != 0 {
        return Err(Flaw::Set(mask & !known));
    }
    Ok(mask)
}
