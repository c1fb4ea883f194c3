//! How the values of a column under way are kept, and what becomes of them.

#![expect(
    clippy::as_conversions,
    reason = "offsets end below 2 GiB: `end` refuses a column that grows past that"
)]

use std::borrow::Cow;

use super::{Cells, Old, Written};
use crate::Error;
use crate::column::Values;
use crate::edit::Bitmap;
use crate::message::Parts;
use crate::schema::Storage;
use crate::tree::Layout;

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
        self.data.extend_from_slice(bytes);
        self.written();
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
    pub(crate) fn end(&mut self, old: Option<Old<'_>>) -> Result<(), Error> {
        if self.written == Written::Value {
            self.kept.push(false);
            self.written = Written::No;
        } else {
            self.settle(old);
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
        use crate::edit::{bits, fixed, texts};
        let chosen = |from: &Bitmap| match crate::Bits::new(&from.bytes, from.len()) {
            Ok(from) => bits(from, rows),
            Err(_) => Bitmap::default(),
        };
        self.valid = chosen(&self.valid);
        self.kept = chosen(&self.kept);
        match self.field.storage {
            Storage::Bits => self.bits = chosen(&self.bits),
            Storage::Bytes => (self.values, self.data) = texts(&self.values, &self.data, rows),
            _ => self.values = fixed(&self.values, self.width, rows),
        }
    }

    /// Adds the column to a message.
    pub(crate) fn add_to<'a>(self, parts: &mut Parts<'a>) {
        parts.nodes.push((self.valid.len(), self.valid.unset()));
        let valid = if self.valid.unset() == 0 { Vec::new() } else { self.valid.bytes };
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
