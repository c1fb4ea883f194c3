//! MySQL's binary JSON to the text that MySQL prints: keys in stored order, `, ` and `: ` between them, its own form of
//! doubles. A streaming writer: no tree. Format: the comment at the head of MySQL's `json_binary.h`.

use std::io::Write as _;

use super::cursor::Cursor;
use super::flaw::Flaw;
use super::{json_scalar, text};

/// MySQL itself refuses documents that nest deeper.
pub(super) const MAX_DEPTH: u8 = 100;

/// Appends the text of a document. An empty value stands for the literal `null`, as in MySQL.
pub(super) fn append(document: &[u8], text: &mut Vec<u8>) -> Result<(), Flaw> {
    let mut writer = Writer {
        text,
        budget: document.len(),
    };
    match document.split_first() {
        Some((kind, value)) => writer.value(*kind, value, 0),
        None => writer.literal(0),
    }
}

struct Writer<'t> {
    text: &'t mut Vec<u8>,
    /// Values and bytes of strings that may still come: a sound document never reads a byte twice, so what it holds is no more
    /// than its length. Keeps a document whose offsets run in circles from growing without end.
    budget: usize,
}

/// An object or array: where its parts are.
pub(super) struct Container<'d> {
    /// From its count to its end.
    pub(super) bytes: &'d [u8],
    /// Offsets and counts have four bytes, not two.
    large: bool,
    /// Entries.
    pub(super) count: usize,
    keys_at: usize,
    values_at: usize,
}

impl Writer<'_> {
    /// Writes a value of which `bytes` begins with the first byte after its type; what follows it may be there too.
    fn value(&mut self, kind: u8, bytes: &[u8], depth: u8) -> Result<(), Flaw> {
        let mut cursor = Cursor::new(bytes);
        match kind {
            0..=3 => return self.container(kind, bytes, depth),
            4 => return self.literal(cursor.byte()?),
            5 => self.number(i16::from_le_bytes(cursor.array()?)),
            6 => self.number(u16::from_le_bytes(cursor.array()?)),
            7 => self.number(i32::from_le_bytes(cursor.array()?)),
            8 => self.number(u32::from_le_bytes(cursor.array()?)),
            9 => self.number(i64::from_le_bytes(cursor.array()?)),
            10 => self.number(u64::from_le_bytes(cursor.array()?)),
            11 => json_scalar::double(f64::from_le_bytes(cursor.array()?), self.text)?,
            12 => {
                let length = length(&mut cursor)?;
                return self.string(cursor.take(length)?);
            }
            15 => {
                let kind = cursor.byte()?;
                let length = length(&mut cursor)?;
                self.spend(length)?;
                json_scalar::opaque(kind, cursor.take(length)?, self.text)?;
            }
            _ => return Err(Flaw::Json("a value has an unknown type")),
        }
        Ok(())
    }

    fn number(&mut self, number: impl std::fmt::Display) {
        // Writing to a `Vec` can't fail.
        let _ = write!(self.text, "{number}");
    }

    fn literal(&mut self, code: u8) -> Result<(), Flaw> {
        self.text.extend_from_slice(match code {
            0 => b"null",
            1 => b"true",
            2 => b"false",
            _ => return Err(Flaw::Json("a literal is neither null, true nor false")),
        });
        Ok(())
    }

    fn string(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        self.spend(bytes.len())?;
        text::utf8(bytes)?;
        json_scalar::quoted(bytes, self.text);
        Ok(())
    }

    fn container(&mut self, kind: u8, bytes: &[u8], depth: u8) -> Result<(), Flaw> {
        if depth >= MAX_DEPTH {
            return Err(Flaw::Json("values nest deeper than 100"));
        }
        let is_object = kind < 2;
        let container = Container::new(bytes, kind % 2 == 1, is_object)?;
        self.text.push(if is_object { b'{' } else { b'[' });
        for index in 0..container.count {
            self.spend(1)?;
            if index > 0 {
                self.text.extend_from_slice(b", ");
            }
            if is_object {
                self.string(container.key(index)?)?;
                self.text.extend_from_slice(b": ");
            }
            let (kind, value) = container.value(index)?;
            self.value(kind, value, depth + 1)?;
        }
        self.text.push(if is_object { b'}' } else { b']' });
        Ok(())
    }

    fn spend(&mut self, amount: usize) -> Result<(), Flaw> {
        self.budget = self.budget.checked_sub(amount).ok_or(Flaw::Json("offsets run in circles"))?;
        Ok(())
    }
}

impl<'d> Container<'d> {
    /// The container at the start of `bytes`.
    pub(super) fn new(bytes: &'d [u8], large: bool, is_object: bool) -> Result<Self, Flaw> {
        let width = if large { 4 } else { 2 };
        let mut container = Self {
            bytes,
            large,
            count: 0,
            keys_at: 2 * width,
            values_at: 2 * width,
        };
        container.count = container.number(0)?;
        let size = container.number(width)?;
        container.bytes = bytes.get(..size).ok_or(Flaw::Json("a container ends after the document"))?;
        let entries = if is_object {
            container.values_at += container.count.saturating_mul(width + 2);
            width + 2 + width + 1
        } else {
            width + 1
        };
        // So that a made-up count can't keep the loop going, and a part that is taken out is a document itself.
        if container.count.saturating_mul(entries).saturating_add(2 * width) > size {
            return Err(Flaw::Json("a container holds more entries than it has room for"));
        }
        Ok(container)
    }

    /// A key of an object.
    pub(super) fn key(&self, index: usize) -> Result<&'d [u8], Flaw> {
        let width = if self.large { 4 } else { 2 };
        let entry = self.keys_at + index * (width + 2);
        let start = self.number(entry)?;
        let length = self.bytes.get(entry + width..).and_then(<[u8]>::first_chunk::<2>);
        let length = usize::from(u16::from_le_bytes(*length.ok_or(Flaw::Json("a key's entry is cut"))?));
        start
            .checked_add(length)
            .and_then(|end| self.bytes.get(start..end))
            .ok_or(Flaw::Json("a key lies outside of its object"))
    }

    /// Type and bytes of a value: small ones stand in the entry itself.
    pub(super) fn value(&self, index: usize) -> Result<(u8, &'d [u8]), Flaw> {
        let width = if self.large { 4 } else { 2 };
        let entry = self.values_at + index * (width + 1);
        let kind = *self.bytes.get(entry).ok_or(Flaw::Json("a value's entry is cut"))?;
        let start = match kind {
            4..=6 => entry + 1,
            7 | 8 if self.large => entry + 1,
            _ => self.number(entry + 1)?,
        };
        let value = self.bytes.get(start..).ok_or(Flaw::Json("a value lies outside of its container"))?;
        Ok((kind, value))
    }

    /// The offset, count or size at a place.
    fn number(&self, at: usize) -> Result<usize, Flaw> {
        let bytes = self.bytes.get(at..).unwrap_or_default();
        let number = if self.large {
            bytes
                .first_chunk()
                .and_then(|bytes| usize::try_from(u32::from_le_bytes(*bytes)).ok())
        } else {
            bytes.first_chunk().map(|bytes| usize::from(u16::from_le_bytes(*bytes)))
        };
        number.ok_or(Flaw::Json("a container is cut"))
    }
}

/// A length in groups of seven bits, lowest first; the eighth bit says that another follows.
pub(super) fn length(cursor: &mut Cursor<'_>) -> Result<usize, Flaw> {
    let mut length = 0_u64;
    for shift in [0, 7, 14, 21, 28] {
        let byte = cursor.byte()?;
        length |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(length).map_err(|_| Flaw::Json("a string is too long"));
        }
    }
    Err(Flaw::Json("a length goes on after five bytes"))
}
