//! How the values of a column under way are kept, and what becomes of them.

#![expect(
    clippy::as_conversions,
    reason = "offsets end below 2 GiB: `end` refuses a column that grows past that"
)]

use std::borrow::Cow;

use super::{Cells, Old, Written};
use crate::Error;
use crate::column::Values;
use crate::json::{self, Cursor};
use crate::message::Parts;
use crate::schema::Storage;
use crate::tree::Layout;

/// Values up to this many bytes are copied in words: a copy of a length that the compiler does not know is a call.
const FEW: usize = 64;

/// Bytes that a column may be given before more than one of its values is known.
const GUESSED: usize = 1 << 20;

impl Cells {
    /// Takes back what the row under way has.
    #[inline(always)]
    pub(super) fn undo(&mut self) {
        if self.written == Written::Value {
            self.take_back();
        }
    }

    #[cold]
    fn take_back(&mut self) {
        self.valid.pop();
        match self.field.storage {
            Storage::Bits => self.bits.pop(),
            Storage::Bytes => {
                self.values.truncate(self.values.len().saturating_sub(4));
                self.data.truncate(self.last_offset());
            }
            _ => self.values.truncate(self.values.len().saturating_sub(self.width)),
        }
        self.written = Written::No;
    }

    fn last_offset(&self) -> usize {
        self.values
            .last_chunk::<4>()
            .map_or(0, |offset| u32::from_le_bytes(*offset) as usize)
    }

    #[inline(always)]
    pub(super) fn fixed(&mut self, bytes: &[u8]) {
        self.undo();
        self.values.extend_from_slice(bytes);
        self.valid.push(true);
        self.written = Written::Value;
    }

    pub(super) fn bit(&mut self, bit: bool) {
        self.undo();
        self.bits.push(bit);
        self.valid.push(true);
        self.written = Written::Value;
    }

    #[inline(always)]
    pub(super) fn data(&mut self, bytes: &[u8]) {
        self.undo();
        self.room(bytes.len());
        if bytes.len() <= FEW {
            json::write(&mut self.data, bytes.len(), |cursor| (few(cursor, bytes), ()));
        } else {
            self.data.extend_from_slice(bytes);
        }
        self.written();
    }

    /// Makes room for this many bytes of a row.
    #[inline(always)]
    pub(super) fn room(&mut self, bytes: usize) {
        let needed = bytes + json::SLACK;
        if self.data.capacity() - self.data.len() < needed {
            self.grow(needed);
        }
    }

    /// The first time to what all rows take where they are like this one, within reason; `reserve` doubles it where they are not.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, needed: usize) {
        let left = self.rows.saturating_sub(self.valid.len());
        let all = if self.data.is_empty() {
            needed.saturating_mul(left).min(GUESSED)
        } else {
            0
        };
        self.data.reserve(needed.max(all));
    }

    /// Ends a text.
    #[inline(always)]
    pub(super) fn written(&mut self) {
        self.values.extend_from_slice(&(self.data.len() as u32).to_le_bytes());
        self.valid.push(true);
        self.written = Written::Value;
    }

    /// A row that the filling function is not asked for: null.
    pub(crate) fn skip(&mut self) {
        self.written = Written::Null;
        self.settle(None);
    }

    /// Ends a row whose value, where nothing else was written, is NULL.
    #[inline(always)]
    pub(crate) fn end<'b>(&mut self, old: impl FnOnce() -> Option<Old<'b>>) -> Result<(), Error> {
        if self.written == Written::Value {
            self.kept.push(false);
            self.written = Written::No;
        } else {
            self.settle(old());
        }
        if self.data.len() > i32::MAX as usize {
            return Err(Error::new(
                "too-large",
                format!("writing column `{}`: a batch's column holds at most 2 GiB", self.field.name),
            ));
        }
        Ok(())
    }

    #[inline(never)]
    fn settle(&mut self, old: Option<Old<'_>>) {
        let kept = self.written == Written::Kept;
        self.written = Written::No;
        let value = old.filter(|old| kept && !old.column.is_null(old.row));
        self.kept.push(kept);
        self.valid.push(value.is_some());
        let bytes = value.map_or(Cow::Borrowed([].as_slice()), raw);
        match self.field.storage {
            Storage::Bits => self.bits.push(bytes.first().is_some_and(|bit| *bit == 1)),
            Storage::Bytes => {
                self.data.extend_from_slice(&bytes);
                self.values.extend_from_slice(&(self.data.len() as u32).to_le_bytes());
            }
            _ => {
                let end = self.values.len() + self.width;
                self.values.extend_from_slice(bytes.get(..self.width).unwrap_or_default());
                self.values.resize(end, 0);
            }
        }
    }

    /// Whether the row under way has been written.
    pub(crate) fn is_untouched(&self) -> bool {
        self.written == Written::No
    }

    /// Whether the row under way keeps its old value.
    pub(crate) fn is_kept(&self) -> bool {
        self.written == Written::Kept
    }

    /// What the column holds.
    #[cfg(feature = "harness")]
    pub(crate) fn kind(&self) -> crate::Kind {
        self.field.kind
    }

    /// A column of the same type without rows.
    pub(crate) fn emptied(&self, rows: usize) -> Self {
        Self::new(&self.field, rows)
    }

    /// What was written in a row.
    pub(crate) fn value(&self, row: usize) -> Option<Old<'_>> {
        if !self.valid.get(row) {
            return None;
        }
        let buffers = crate::column::Buffers {
            valid: None,
            first: if self.field.storage == Storage::Bits {
                &self.bits.bytes
            } else {
                &self.values
            },
            second: &self.data,
        };
        let column = buffers.column(self.field.storage, self.valid.len()).ok()?;
        Some(Old { column, row })
    }

    /// The chosen rows of what was written.
    pub(crate) fn take(&mut self, rows: &[u32]) {
        use crate::edit::{fixed, texts};
        self.valid.take(rows);
        self.kept.take(rows);
        match self.field.storage {
            Storage::Bits => self.bits = self.bits.taken(rows),
            Storage::Bytes => (self.values, self.data) = texts(&self.values, &self.data, rows),
            _ => self.values = fixed(&self.values, self.width, rows),
        }
    }

    /// Adds the column to a message.
    pub(crate) fn add_to<'a>(self, parts: &mut Parts<'a>) {
        parts.nodes.push((self.valid.len(), self.valid.unset()));
        let valid = if self.valid.unset() == 0 {
            Vec::new()
        } else {
            self.valid.bitmap().bytes
        };
        parts.buffers.push(Cow::Owned(valid));
        match self.field.storage {
            Storage::Bits => parts.buffers.push(Cow::Owned(self.bits.bytes)),
            Storage::Bytes => parts.buffers.extend([Cow::Owned(self.values), Cow::Owned(self.data)]),
            _ => parts.buffers.push(Cow::Owned(self.values)),
        }
    }

    /// Whether a field of this layout is what it holds.
    pub(crate) fn fits(&self, layout: Layout) -> bool {
        match layout {
            Layout::Bits => self.field.storage == Storage::Bits,
            Layout::Bytes => self.field.storage == Storage::Bytes,
            Layout::Fixed(width) => self.field.storage != Storage::Bytes && width == self.width,
            _ => false,
        }
    }
}

/// A few bytes, word by word.
#[inline(always)]
fn few<'a>(mut cursor: Cursor<'a>, bytes: &[u8]) -> Cursor<'a> {
    let (words, rest) = bytes.as_chunks();
    for word in words {
        cursor = cursor.word(u64::from_le_bytes(*word), 8);
    }
    let last = match bytes.last_chunk() {
        // The upper bytes of the last eight; where there are none, the two shifts leave none.
        Some(last) => u64::from_le_bytes(*last) >> 1 >> (63 - 8 * rest.len()),
        None => rest.iter().rev().fold(0, |so_far, byte| so_far << 8 | u64::from(*byte)),
    };
    cursor.word(last, rest.len())
}

/// A value's bytes; of a bit, one byte.
pub(crate) fn raw(old: Old<'_>) -> Cow<'_, [u8]> {
    let row = old.row;
    match old.column.values {
        Values::Int8(values) | Values::UInt8(values) => Cow::Owned(values.bytes(row).to_vec()),
        Values::Int16(values) | Values::UInt16(values) => Cow::Owned(values.bytes(row).to_vec()),
        Values::Int32(values) | Values::UInt32(values) | Values::Float32(values) => Cow::Owned(values.bytes(row).to_vec()),
        Values::Int64(values) | Values::UInt64(values) | Values::Float64(values) => Cow::Owned(values.bytes(row).to_vec()),
        Values::Decimal128(values, _) => Cow::Owned(values.bytes(row).to_vec()),
        Values::Decimal256(values, _) => Cow::Owned(values.bytes(row).to_vec()),
        Values::Bool(bits) => Cow::Owned(vec![u8::from(bits.get(row))]),
        Values::Bytes(bytes) => Cow::Borrowed(bytes.get(row)),
    }
}

#[cfg(test)]
mod tests {
    use crate::column::Values;
    use crate::{Cells, Error, Field};

    #[test]
    fn values_of_every_length_are_what_was_written() -> Result<(), Error> {
        let source: Vec<u8> = (0..=255).collect();
        let lengths: Vec<usize> = (0..80).chain([250, 0, 7]).collect();
        let mut cells = Cells::new(&Field::new("raw", "varbinary(255)")?, lengths.len());
        for length in &lengths {
            cells.bytes(b"taken back")?;
            cells.bytes(source.get(..*length).unwrap_or_default())?;
            cells.end(|| None)?;
        }
        for (row, length) in lengths.iter().enumerate() {
            let written = cells.value(row).and_then(|value| match value.column.values {
                Values::Bytes(bytes) => Some(bytes.get(row).to_vec()),
                _ => None,
            });
            assert_eq!(written.as_deref(), source.get(..*length));
        }
        Ok(())
    }
}
