//! The stored values of a table's key in row images, as bytes by which two images of one row are told to be so.

use super::cursor::Cursor;
use super::flaw::Flaw;
use super::image::{HIDDEN_BYTES, is_set, null_bits};
use super::plan::{Decoder, Extent};
use crate::source::{ColumnType, Image, RowOp, Rows, Table};

/// Takes keys out of the images of one version of a table.
#[derive(Debug)]
pub struct Keys {
    extents: Vec<Extent>,
    /// Of each column of the key, in ordinal order.
    key: Vec<(usize, Padding)>,
    hidden: usize,
}

/// What may be left out at a value's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Padding {
    Nothing,
    /// Zero bytes, behind a length of so many bytes.
    Zeros(usize),
}

/// What an event says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// All of it, or that it is gone.
    Whole,
    /// Some of its columns.
    Part,
    /// Some of its columns, and that its key was another one.
    Moved,
}

impl Keys {
    /// Of a table; `None` where it has no key, or one whose stored form depends on who reads it.
    pub fn of(table: &Table) -> Option<Self> {
        if table.key.is_empty() {
            return None;
        }
        let mut key = Vec::new();
        for (ordinal, column) in table.columns.iter().enumerate().filter(|(ordinal, _)| table.key.contains(ordinal)) {
            key.push((
                ordinal,
                match column.kind {
                    ColumnType::FixedBinary { length_bytes, .. } | ColumnType::Spelled { length_bytes, .. } => {
                        Padding::Zeros(length_bytes.into())
                    }
                    ColumnType::Former(_) | ColumnType::Json { .. } | ColumnType::JsonText | ColumnType::Packed { .. } => return None,
                    _ => Padding::Nothing,
                },
            ));
        }
        let extents = table
            .columns
            .iter()
            .map(|column| Decoder::new(&column.kind).ok().map(Decoder::extent));
        Some(Self {
            extents: extents.collect::<Option<_>>()?,
            key,
            hidden: table.hidden,
        })
    }

    /// Hands over the key of each image of an event, and what the event says of that row; `false` where it can't be told. Of a column
    /// that an image lacks the image before it speaks.
    pub fn each(&self, rows: &Rows<'_>, mut take: impl FnMut(&[u8], Told)) -> bool {
        // The images of these have another form.
        !rows.is_partial && self.walk(rows, &mut take).is_ok()
    }

    fn walk(&self, rows: &Rows<'_>, take: &mut impl FnMut(&[u8], Told)) -> Result<(), Flaw> {
        let mut cursor = Cursor::new(rows.data);
        let (mut old, mut new) = (Vec::new(), Vec::new());
        while !cursor.rest().is_empty() {
            old.clear();
            self.image(&rows.first, &mut cursor, &[], &mut old)?;
            match rows.op {
                RowOp::Insert => take(&old, if rows.first.whole { Told::Whole } else { Told::Part }),
                // Gone is gone, however little is told of it.
                RowOp::Delete => take(&old, Told::Whole),
                RowOp::Update => {
                    new.clear();
                    self.image(&rows.second, &mut cursor, &old, &mut new)?;
                    let moved = old != new;
                    if moved {
                        take(&old, Told::Whole);
                    }
                    let told = match (rows.second.whole, moved) {
                        (true, _) => Told::Whole,
                        (false, false) => Told::Part,
                        (false, true) => Told::Moved,
                    };
                    take(&new, told);
                }
            }
        }
        Ok(())
    }

    /// Takes the key of the image at the cursor's place, and the image; what it lacks is that of `other`.
    fn image(&self, image: &Image, cursor: &mut Cursor<'_>, other: &[u8], key: &mut Vec<u8>) -> Result<(), Flaw> {
        let columns = self.extents.len();
        let nulls = null_bits(image, columns + self.hidden, cursor)?;
        let mut bit = 0;
        let mut wanted = self.key.iter().peekable();
        for (ordinal, extent) in self.extents.iter().enumerate() {
            let is_key = wanted.next_if(|(at, _)| *at == ordinal);
            if !image.whole && !is_set(&image.present, ordinal) {
                if is_key.is_some() && other.is_empty() {
                    return Err(Flaw::Short);
                }
                if is_key.is_some() {
                    // One part of it is not told: the whole is the other image's.
                    key.clear();
                    key.extend_from_slice(other);
                    return self.rest(image, (nulls, bit), ordinal, cursor);
                }
                continue;
            }
            let is_null = is_set(nulls, bit);
            bit += 1;
            if is_null {
                continue;
            }
            let value = match *extent {
                Extent::Fixed(bytes) => cursor.take(bytes)?,
                Extent::Prefixed(prefix) => {
                    let all = cursor.rest();
                    cursor.prefixed(prefix)?;
                    all.get(..all.len() - cursor.rest().len()).ok_or(Flaw::Short)?
                }
            };
            if let Some((_, padding)) = is_key {
                append(value, *padding, key);
            }
        }
        self.hide(image, nulls, bit, cursor)
    }

    /// Passes over the columns from `ordinal` on.
    fn rest(&self, image: &Image, (nulls, mut bit): (&[u8], usize), ordinal: usize, cursor: &mut Cursor<'_>) -> Result<(), Flaw> {
        for (ordinal, extent) in self.extents.iter().enumerate().skip(ordinal) {
            if !image.whole && !is_set(&image.present, ordinal) {
                continue;
            }
            if !is_set(nulls, bit) {
                match *extent {
                    Extent::Fixed(bytes) => cursor.take(bytes)?,
                    Extent::Prefixed(prefix) => cursor.prefixed(prefix)?,
                };
            }
            bit += 1;
        }
        self.hide(image, nulls, bit, cursor)
    }

    fn hide(&self, image: &Image, nulls: &[u8], mut bit: usize, cursor: &mut Cursor<'_>) -> Result<(), Flaw> {
        let columns = self.extents.len();
        for ordinal in columns..columns + self.hidden {
            if image.whole || is_set(&image.present, ordinal) {
                if !is_set(nulls, bit) {
                    cursor.take(HIDDEN_BYTES)?;
                }
                bit += 1;
            }
        }
        Ok(())
    }

    /// Splits row images into pieces: each row's bytes and its key.
    pub fn split<'a>(&self, images: &'a [u8], whole: &Image, mut take: impl FnMut(&'a [u8], &[u8])) -> bool {
        let mut cursor = Cursor::new(images);
        let mut key = Vec::new();
        while !cursor.rest().is_empty() {
            let all = cursor.rest();
            key.clear();
            if self.image(whole, &mut cursor, &[], &mut key).is_err() {
                return false;
            }
            take(all.get(..all.len() - cursor.rest().len()).unwrap_or(all), &key);
        }
        true
    }
}

/// Appends a value with its length, so that two columns' values can't be taken for two others.
fn append(value: &[u8], padding: Padding, key: &mut Vec<u8>) {
    let value = match padding {
        Padding::Nothing => value,
        Padding::Zeros(prefix) => {
            let bytes = value.get(prefix..).unwrap_or_default();
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            bytes.get(..end).unwrap_or_default()
        }
    };
    key.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    key.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Arc;

    use super::*;
    use crate::source::Column;

    fn table() -> Arc<Table> {
        let column = |name: &str, kind| Column {
            name: name.to_owned(),
            type_text: String::new(),
            kind,
            nullable: true,
            width_unknown: None,
        };
        Arc::new(Table {
            version: 1,
            database: "d".to_owned(),
            name: "t".to_owned(),
            columns: vec![
                column("a", ColumnType::Int { bytes: 1, unsigned: false }),
                column("text", ColumnType::Binary { length_bytes: 1 }),
                column(
                    "b",
                    ColumnType::FixedBinary {
                        length: 4,
                        length_bytes: 1,
                    },
                ),
            ],
            hidden: 0,
            key: vec![2, 0],
        })
    }

    fn told(op: RowOp, first: &Image, second: &Image, data: &[u8]) -> Vec<(Vec<u8>, Told)> {
        let table = table();
        let rows = Rows {
            table: &table,
            op,
            first: first.clone(),
            second: second.clone(),
            data,
            is_partial: false,
            timestamp: 0,
        };
        let mut all = Vec::new();
        assert!(Keys::of(&table).unwrap().each(&rows, |key, told| all.push((key.to_vec(), told))));
        all
    }

    fn whole() -> Image {
        Image {
            present: vec![0b111],
            whole: true,
        }
    }

    const KEY: [u8; 11] = [1, 0, 0, 0, 7, 2, 0, 0, 0, 8, 9];

    #[test]
    fn a_row_has_one_key_however_its_value_is_padded() {
        let padded = told(RowOp::Insert, &whole(), &whole(), &[0b000, 7, 1, b'x', 4, 8, 9, 0, 0]);
        let cut = told(RowOp::Delete, &whole(), &whole(), &[0b010, 7, 2, 8, 9]);
        assert_eq!(padded, vec![(KEY.to_vec(), Told::Whole)]);
        assert_eq!(cut, padded);
    }

    #[test]
    fn an_update_tells_of_both_keys_and_a_partial_one_of_a_part() {
        let both = told(RowOp::Update, &whole(), &whole(), &[0b010, 6, 2, 8, 9, 0b010, 7, 2, 8, 9]);
        assert_eq!(both.len(), 2);
        assert_eq!(both.last(), Some(&(KEY.to_vec(), Told::Whole)));
        let keys = Image {
            present: vec![0b101],
            whole: false,
        };
        let text = Image {
            present: vec![0b010],
            whole: false,
        };
        let part = told(RowOp::Update, &keys, &text, &[0, 7, 2, 8, 9, 0, 1, b'y']);
        assert_eq!(part, vec![(KEY.to_vec(), Told::Part)]);
    }

    #[test]
    fn images_are_split_into_rows_with_their_keys() {
        let table = table();
        let keys = Keys::of(&table).unwrap();
        let images = [0b010, 7, 2, 8, 9, 0b010, 8, 0];
        let mut pieces = Vec::new();
        assert!(keys.split(&images, &whole(), |row, key| pieces.push((row.to_vec(), key.to_vec()))));
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces.first(), Some(&(vec![0b010, 7, 2, 8, 9], KEY.to_vec())));
        assert!(!keys.split(&images[..3], &whole(), |_, _| {}));
    }
}
