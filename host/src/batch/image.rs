//! One side of the rows of an open batch: the images before, or those after.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, FixedSizeBinaryArray, NullBufferBuilder, StructArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Fields};
use arrow::error::ArrowError;

use super::column::Column;
use super::cursor::Cursor;
use super::flaw::Flaw;
use super::odd_dates::OddDates;
use super::plan::{Decoder, Extent};
use crate::source::Image;

/// The images of one side.
#[derive(Debug)]
pub(super) struct Side {
    columns: Vec<Column>,
    /// Columns behind them that are no columns of the table: `Table::hidden`.
    hidden: usize,
    valid: NullBufferBuilder,
    rows: usize,
    /// Which columns each image holds; empty while all images are whole.
    present: Vec<u8>,
    partial: NullBufferBuilder,
    is_partial: bool,
}

/// A flaw, and the column it is in.
#[derive(Debug)]
pub(super) struct Place {
    /// Ordinal of the column; none where the image as a whole is wrong.
    pub(super) column: Option<usize>,
    /// What is wrong.
    pub(super) flaw: Flaw,
}

impl From<Flaw> for Place {
    fn from(flaw: Flaw) -> Self {
        Self { column: None, flaw }
    }
}

/// Bytes of a hidden column.
pub(super) const HIDDEN_BYTES: usize = 8;

/// Bytes of the key's columns in one image, in ordinal order.
pub(super) type KeyBytes<'a> = Vec<(usize, &'a [u8])>;

impl Side {
    /// Without rows.
    pub(super) fn new(decoders: &[Decoder], hidden: usize) -> Self {
        Self {
            hidden,
            columns: decoders.iter().map(|decoder| Column::new(*decoder)).collect(),
            valid: NullBufferBuilder::new(0),
            rows: 0,
            present: Vec::new(),
            partial: NullBufferBuilder::new(0),
            is_partial: false,
        }
    }

    /// How its columns are taken.
    pub(super) fn decoders(&self) -> Vec<Decoder> {
        self.columns.iter().map(Column::decoder).collect()
    }

    /// Rows, those without an image included.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether an image lacks a column.
    pub(super) fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Takes one image off `cursor`. The bytes of the columns that `key` names are appended to `key_bytes`. After an error
    /// the side is to be truncated.
    pub(super) fn push<'a>(
        &mut self,
        image: &Image,
        cursor: &mut Cursor<'a>,
        odd: &mut OddDates,
        key: &[bool],
        key_bytes: &mut KeyBytes<'a>,
    ) -> Result<(), Place> {
        let nulls = null_bits(image, self.columns.len() + self.hidden, cursor)?;
        let mut bit = 0;
        for (ordinal, column) in self.columns.iter_mut().enumerate() {
            if !image.whole && !is_set(&image.present, ordinal) {
                column.push_null();
                continue;
            }
            let is_null = is_set(nulls, bit);
            bit += 1;
            if is_null {
                column.push_null();
                continue;
            }
            let before = cursor.rest();
            let place = |flaw| Place {
                column: Some(ordinal),
                flaw,
            };
            if let Some(text) = column.push(cursor).map_err(place)? {
                odd.push(ordinal, text);
            }
            if key.get(ordinal).copied().unwrap_or(false) {
                let taken = before.len() - cursor.rest().len();
                key_bytes.push((ordinal, before.get(..taken).unwrap_or(before)));
            }
        }
        if self.hidden > 0 {
            self.pass_hidden(image, (nulls, bit), cursor)?;
        }
        if !image.whole || self.is_partial {
            self.note_present(image);
        }
        self.valid.append_non_null();
        self.rows += 1;
        Ok(())
    }

    /// Appends a row that has no image on this side.
    pub(super) fn push_none(&mut self) {
        for column in &mut self.columns {
            column.push_null();
        }
        if self.is_partial {
            self.present.resize(self.present.len() + self.columns.len().div_ceil(8), 0);
            self.partial.append_null();
        }
        self.valid.append_null();
        self.rows += 1;
    }

    /// Bytes that one image at `cursor` takes.
    pub(super) fn measure(&self, image: &Image, cursor: &mut Cursor<'_>) -> Result<usize, Place> {
        let start = cursor.rest().len();
        let nulls = null_bits(image, self.columns.len() + self.hidden, cursor)?;
        let mut bit = 0;
        for (ordinal, column) in self.columns.iter().enumerate() {
            if !image.whole && !is_set(&image.present, ordinal) {
                continue;
            }
            if !is_set(nulls, bit) {
                let skipped = match column.decoder().extent() {
                    Extent::Fixed(bytes) => cursor.take(bytes),
                    Extent::Prefixed(bytes) => cursor.prefixed(bytes),
                };
                skipped.map_err(|flaw| Place {
                    column: Some(ordinal),
                    flaw,
                })?;
            }
            bit += 1;
        }
        self.pass_hidden(image, (nulls, bit), cursor)?;
        Ok(start - cursor.rest().len())
    }

    /// Passes over the hidden columns, whose NULL bits begin at `bit`.
    fn pass_hidden(&self, image: &Image, (nulls, mut bit): (&[u8], usize), cursor: &mut Cursor<'_>) -> Result<(), Flaw> {
        for ordinal in (self.columns.len()..).take(self.hidden) {
            if image.whole || is_set(&image.present, ordinal) {
                if !is_set(nulls, bit) {
                    cursor.take(HIDDEN_BYTES)?;
                }
                bit += 1;
            }
        }
        Ok(())
    }

    /// Notes which columns the image holds; the first partial image makes up for the whole ones before it.
    #[cold]
    fn note_present(&mut self, image: &Image) {
        let width = self.columns.len().div_ceil(8);
        if !self.is_partial {
            self.is_partial = true;
            self.present.resize(self.rows * width, 0);
            self.partial.append_n_nulls(self.rows);
        }
        let start = self.present.len();
        if image.whole {
            self.partial.append_null();
        } else {
            self.partial.append_non_null();
            self.present.extend(image.present.iter().take(width));
        }
        self.present.resize(start + width, 0);
        // Nobody is to see the hidden ones; those in the last byte of the others are the only ones that were taken.
        if let (1.., Some(last)) = (self.columns.len() % 8, self.present.last_mut()) {
            *last &= u8::MAX >> (8 - self.columns.len() % 8);
        }
    }

    /// Cuts off what an unfinished row left behind.
    pub(super) fn truncate(&mut self, rows: usize) {
        for column in &mut self.columns {
            column.truncate(rows);
        }
        self.valid.truncate(rows);
        if self.is_partial {
            self.partial.truncate(rows);
            self.present.truncate(rows * self.columns.len().div_ceil(8));
        }
        self.rows = self.rows.min(rows);
    }

    /// The struct array of all rows; the side is empty afterwards, but for `finish_present`.
    pub(super) fn finish(&mut self, fields: &Fields) -> Result<ArrayRef, ArrowError> {
        let arrays = fields
            .iter()
            .zip(&mut self.columns)
            .map(|(field, column)| column.finish(field.data_type()))
            .collect::<Result<Vec<_>, _>>()?;
        let rows = std::mem::take(&mut self.rows);
        let array = StructArray::try_new_with_length(fields.clone(), arrays, self.valid.finish(), rows)?;
        Ok(Arc::new(array))
    }

    /// The bitsets of `rows` rows: null where the image is whole.
    pub(super) fn finish_present(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        let width = self.columns.len().div_ceil(8);
        if !self.is_partial {
            self.present.resize(rows * width, 0);
            self.partial.append_n_nulls(rows);
        }
        self.is_partial = false;
        let values = Buffer::from_vec(std::mem::take(&mut self.present));
        let width = i32::try_from(width).unwrap_or(i32::MAX);
        let array = FixedSizeBinaryArray::try_new(width, values, self.partial.finish())?;
        debug_assert_eq!(array.data_type(), &DataType::FixedSizeBinary(width));
        Ok(Arc::new(array))
    }
}

/// The NULL bits at the front of an image: one for each column that the image holds.
#[inline]
pub(super) fn null_bits<'a>(image: &Image, columns: usize, cursor: &mut Cursor<'a>) -> Result<&'a [u8], Flaw> {
    let held = if image.whole {
        columns
    } else {
        (0..columns).filter(|ordinal| is_set(&image.present, *ordinal)).count()
    };
    if held == 0 {
        return Err(Flaw::NoBytes);
    }
    cursor.take(held.div_ceil(8))
}

/// Whether the bit `at` is set; one past the end is not.
#[inline]
pub fn is_set(bits: &[u8], at: usize) -> bool {
    bits.get(at / 8).is_some_and(|byte| byte & (1 << (at % 8)) != 0)
}
