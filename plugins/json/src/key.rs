//! The key's columns: from the image that a record is about, else from the other.

use rowmill_sdk::json::{self, Cursor, Fragments, Part, Span};
use rowmill_sdk::{Error, Key, Schema};

use crate::image::Side;
use crate::{Zone, member};

/// The key's columns in key order: each one's ordinal, and the fragment that stands before its value; before the first name that is
/// `head`.
pub fn key_columns(schema: &Schema, fragments: &mut Fragments, head: &str) -> Vec<(usize, usize)> {
    let mut key = Vec::with_capacity(schema.key.len());
    for ordinal in &schema.key {
        let Some(field) = schema.columns.get(*ordinal) else { continue };
        let opening = if key.is_empty() { head } else { "," };
        key.push((*ordinal, fragments.push(&member(opening.as_bytes(), &field.name))));
    }
    key
}

/// A row whose images lack columns of the key, or have no value there.
#[cold]
pub fn missing_key(row: usize) -> Error {
    Error::new(
        "key-missing",
        "encoding a row: neither of its images has every column of the key, as after an INSERT that leaves a column of the key to its \
         default under binlog_row_image=MINIMAL; run SET GLOBAL binlog_row_image=FULL on the server, then start after this transaction",
    )
    .at_row(row)
}

/// A delete that should be a tombstone, in a table that has no key; `remedy` is what else to choose in the configuration.
#[cold]
pub fn no_key(row: usize, remedy: &str) -> Error {
    Error::new(
        "no-key",
        format!(
            "encoding a delete: its table has no key, so that there can be no tombstone of it; {remedy} in the plugin's configuration, or \
             give the table a key"
        ),
    )
    .at_row(row)
}

/// The key of one record. `columns` are the key's columns in key order: ordinal, and the fragment that stands before the value.
pub struct Keys<'a, const Q: bool> {
    /// The row.
    pub row: usize,
    /// Key columns.
    pub columns: &'a [(usize, usize)],
    /// Where the fragments are.
    pub fragments: &'a Fragments,
    /// The image that the record is about.
    pub side: &'a Side<'a, Q>,
    /// The other image, if there is one.
    pub other: Option<&'a Side<'a, Q>>,
}

impl<const Q: bool> Keys<'_, Q> {
    /// The image that holds a column.
    #[inline(always)]
    fn side_of(&self, column: usize) -> Option<&Side<'_, Q>> {
        if self.side.image.is_present(self.row, column) {
            Some(self.side)
        } else {
            self.other.filter(|side| side.image.is_present(self.row, column))
        }
    }

    /// Refuses a row without its key.
    ///
    /// # Errors
    /// `key-missing`.
    #[inline(always)]
    pub fn check(&self) -> Result<(), Error> {
        if self.side.image.is_whole(self.row) || self.columns.iter().all(|(column, _)| self.side_of(*column).is_some()) {
            return Ok(());
        }
        Err(missing_key(self.row))
    }

    /// Bytes that fragments and values take at most.
    #[inline(always)]
    pub fn worst(&self) -> usize {
        let value = |column: usize| self.side_of(column).map_or(0, |side| side.column_worst(self.row, column));
        self.columns
            .iter()
            .map(|(column, name)| self.fragments.part(*name).length() + value(*column))
            .sum()
    }

    /// Writes each column's fragment and value.
    #[inline(always)]
    pub fn write<'c>(&self, mut cursor: Cursor<'c>, zone: &mut Zone) -> Cursor<'c> {
        for (column, name) in self.columns {
            cursor = cursor.part(self.fragments.part(*name));
            if let Some(side) = self.side_of(*column) {
                cursor = side.column(cursor, self.row, *column, zone);
            }
        }
        cursor
    }

    /// Writes the key with the part `end` behind it, if the table has one.
    #[inline(always)]
    pub fn write_to_part<'c>(&self, cursor: Cursor<'c>, zone: &mut Zone, end: Part<'_>) -> (Cursor<'c>, Key) {
        self.write_closed(cursor, zone, |cursor| cursor.part(end))
    }

    /// Writes the key with `end` behind it, if the table has one.
    #[inline(always)]
    pub fn write_to_end<'c>(&self, cursor: Cursor<'c>, zone: &mut Zone, end: Span<'_>) -> (Cursor<'c>, Key) {
        self.write_closed(cursor, zone, |cursor| cursor.fragment(end))
    }

    #[inline(always)]
    fn write_closed<'c>(&self, cursor: Cursor<'c>, zone: &mut Zone, close: impl FnOnce(Cursor<'c>) -> Cursor<'c>) -> (Cursor<'c>, Key) {
        if self.columns.is_empty() {
            return (cursor, Key::None);
        }
        let cursor = close(self.write(cursor, zone));
        let end = cursor.position();
        (cursor, Key::Ends(end))
    }

    /// The same by itself, for what is rare.
    pub fn text(&self, zone: &mut Zone, end: Span<'_>) -> Vec<u8> {
        let mut text = Vec::new();
        json::write(&mut text, self.worst() + end.length(), |cursor| {
            self.write_to_end(cursor, zone, end)
        });
        text
    }
}
