//! Keys: an Avro record by an id of the registry, or a JSON object.

use rowmill_json::{Keys, OddDates, Zone, missing_key};
use rowmill_sdk::{Batch, Error, json};

use crate::frame::Frame;
use crate::image::Side;
use crate::table::{KeyPlan, Parts};

/// Writes the keys of a batch's rows, one at a time.
pub(crate) struct KeyWriter<'s, 'a> {
    parts: &'s Parts,
    key: &'s [usize],
    sides: (Option<&'s Side<'a>>, Option<&'s Side<'a>>),
    texts: (Option<rowmill_json::Side<'s>>, Option<rowmill_json::Side<'s>>),
    zone: &'s mut Zone,
    text: Vec<u8>,
}

impl<'s, 'a> KeyWriter<'s, 'a> {
    pub(crate) fn new(
        parts: &'s Parts,
        batch: &'s Batch<'a>,
        sides: (Option<&'s Side<'a>>, Option<&'s Side<'a>>),
        zone: &'s mut Zone,
    ) -> Result<Self, Error> {
        let mut texts = (None, None);
        if let KeyPlan::Json { columns, .. } = &parts.key {
            let columns = (&parts.fragments, columns.as_slice());
            texts = (
                rowmill_json::Side::new(columns, batch, false, OddDates::Null)?,
                rowmill_json::Side::new(columns, batch, true, OddDates::Null)?,
            );
        }
        Ok(Self {
            parts,
            key: &batch.schema.key,
            sides,
            texts,
            zone,
            text: Vec::new(),
        })
    }

    /// The key that the row has after its change, or had before it; none where the table has none. Columns that the image lacks come
    /// from the other.
    pub(crate) fn write(&mut self, row: usize, after: bool) -> Result<Option<&[u8]>, Error> {
        self.text.clear();
        match &self.parts.key {
            KeyPlan::None => return Ok(None),
            KeyPlan::Avro(frame) => self.avro(frame, row, after)?,
            KeyPlan::Json { key, end, .. } => {
                let (old, new) = (
                    self.texts.0.as_ref().filter(|side| side.image.has(row)),
                    self.texts.1.as_ref().filter(|side| side.image.has(row)),
                );
                let (side, other) = if after { (new, old) } else { (old, new) };
                let fragments = &self.parts.fragments;
                let keys = Keys {
                    row,
                    columns: key,
                    fragments,
                    side: side.ok_or_else(|| missing_key(row))?,
                    other,
                };
                keys.check()?;
                self.text = keys.text(self.zone, fragments.get(*end));
            }
        }
        Ok(Some(&self.text))
    }

    fn avro(&mut self, frame: &Frame, row: usize, after: bool) -> Result<(), Error> {
        let (old, new) = (
            self.sides.0.filter(|side| side.image.has(row)),
            self.sides.1.filter(|side| side.image.has(row)),
        );
        let sides = if after { [new, old] } else { [old, new] };
        let holder = |column: usize| sides.into_iter().flatten().find(|side| side.image.is_present(row, column));
        let mut worst = 0;
        for column in self.key {
            // In a key nothing is null: a zero date is refused too.
            let side = holder(*column)
                .filter(|side| side.knows(row, *column))
                .ok_or_else(|| missing_key(row))?;
            let labels = self.parts.labels.get(*column).copied().unwrap_or_default();
            worst += side.column_worst(row, *column, labels);
        }
        json::write(&mut self.text, worst + frame.length(), |cursor| {
            let cursor = frame.write(cursor, worst, |mut cursor| {
                for column in self.key {
                    if let Some(side) = holder(*column) {
                        cursor = side.column(cursor, row, *column);
                    }
                }
                cursor
            });
            (cursor, ())
        });
        Ok(())
    }
}
