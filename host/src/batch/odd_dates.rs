//! The column `odd_dates`: what MySQL prints for dates that no calendar has, row by row.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, NullBufferBuilder, StringArray, StructArray, UInt8Array, UInt16Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use arrow::error::ArrowError;

/// Entries in the order of rows, before images first.
#[derive(Debug, Default)]
pub(super) struct OddDates {
    entries: Vec<Entry>,
    row: usize,
    image: u8,
}

#[derive(Debug)]
struct Entry {
    row: usize,
    image: u8,
    column: u16,
    text: String,
}

impl OddDates {
    /// What comes next belongs to this row's image: 0 before, 1 after.
    #[inline]
    pub(super) fn at(&mut self, row: usize, image: u8) {
        self.row = row;
        self.image = image;
    }

    /// Notes a date of the current image.
    pub(super) fn push(&mut self, column: usize, text: String) {
        self.entries.push(Entry {
            row: self.row,
            image: self.image,
            column: u16::try_from(column).unwrap_or(u16::MAX),
            text,
        });
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets what belongs to rows from `rows` on.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.entries.retain(|entry| entry.row < rows);
    }

    /// The Arrow type of the column.
    pub(super) fn data_type() -> DataType {
        DataType::List(item())
    }

    /// The column of `rows` rows, null where a row has no such date; nothing is left afterwards.
    pub(super) fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        let entries = std::mem::take(&mut self.entries);
        let mut lengths = vec![0; rows];
        for entry in &entries {
            if let Some(length) = lengths.get_mut(entry.row) {
                *length += 1;
            }
        }
        let mut valid = NullBufferBuilder::new(rows);
        for length in &lengths {
            valid.append(*length > 0);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt8Array::from_iter_values(entries.iter().map(|entry| entry.image))),
            Arc::new(UInt16Array::from_iter_values(entries.iter().map(|entry| entry.column))),
            Arc::new(StringArray::from_iter_values(entries.iter().map(|entry| &entry.text))),
        ];
        let values = StructArray::try_new(fields(), columns, None)?;
        let list = ListArray::try_new(item(), OffsetBuffer::from_lengths(lengths), Arc::new(values), valid.finish())?;
        Ok(Arc::new(list))
    }
}

fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Struct(fields()), false))
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("image", DataType::UInt8, false),
        Field::new("column", DataType::UInt16, false),
        Field::new("text", DataType::Utf8, false),
    ])
}
