//! Encodes the rows of a batch, one record each; of a change of the key also a tombstone of the old one.

use rowmill_json::no_key;
use rowmill_sdk::{Batch, Error, Key, Op, Output, Record};

use crate::datum::{self, LONG_BYTES};
use crate::image::Side;
use crate::key::KeyWriter;
use crate::options::{Options, Shape};
use crate::table::{Parts, Table};

/// Writes all rows of `batch`.
pub(crate) fn encode(options: &Options, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
    let parts = &table.parts;
    let plan = (&parts.fragments, parts.members.as_slice(), parts.labels.as_slice());
    let before = Side::new(plan, batch, false)?;
    let after = Side::new(plan, batch, true)?;
    let mut page = Page {
        options,
        parts,
        batch,
        keys: KeyWriter::new(parts, batch, (before.as_ref(), after.as_ref()), &mut table.zone)?,
    };
    for row in 0..batch.rows() {
        let flags = batch.flags(row);
        let old = before.as_ref().filter(|side| side.image.has(row));
        let new = after.as_ref().filter(|side| side.image.has(row));
        let missing = || Error::new("image-missing", "encoding a row: it lacks the image that its op has").at_row(row);
        match batch.op(row)? {
            Op::Insert => {
                let op = if flags.is_snapshot() { "r" } else { "c" };
                page.put((row, op), (None, Some(new.ok_or_else(missing)?)), output)?;
            }
            Op::Update => {
                let (old, new) = (old.ok_or_else(missing)?, new.ok_or_else(missing)?);
                if flags.changes_key() && options.shape == Shape::Row {
                    page.tombstone(row, output)?;
                }
                page.put((row, "u"), (Some(old), Some(new)), output)?;
            }
            Op::Delete if options.shape == Shape::Row => page.tombstone(row, output)?,
            Op::Delete => page.put((row, "d"), (Some(old.ok_or_else(missing)?), None), output)?,
        }
    }
    Ok(())
}

/// A batch with all that its rows share.
struct Page<'s, 'a> {
    options: &'s Options,
    parts: &'s Parts,
    batch: &'s Batch<'a>,
    keys: KeyWriter<'s, 'a>,
}

impl<'a> Page<'_, 'a> {
    /// A tombstone of the key that the row had.
    fn tombstone(&mut self, row: usize, output: &mut Output) -> Result<(), Error> {
        match self.keys.write(row, false)? {
            Some(key) => output.tombstone(Record { row, ..Record::default() }, key),
            None => return Err(no_key(row, "choose `shape = \"change\"`")),
        }
        Ok(())
    }

    /// A record of the row's images.
    fn put(
        &mut self,
        (row, op): (usize, &str),
        (before, after): (Option<&Side<'a>>, Option<&Side<'a>>),
        output: &mut Output,
    ) -> Result<(), Error> {
        let change = self.options.shape == Shape::Change;
        let before = before.filter(|_| change);
        for side in [before, after].into_iter().flatten() {
            side.check(row)?;
        }
        let images: usize = [before, after].into_iter().flatten().map(|side| side.worst(row)).sum();
        let transactions = self.batch.transactions;
        let txn = self.batch.txn(row);
        let (gtid, place) = (transactions.gtid(txn), transactions.place(txn));
        let (ts, seq) = (self.batch.ts(row), i64::try_from(self.batch.seq(row)).unwrap_or(i64::MAX));
        let worst = images + if change { 8 * LONG_BYTES + gtid.len() + place.len() } else { 0 };
        let key = self.keys.write(row, after.is_some())?;
        let frame = &self.parts.value;
        let all = worst + frame.length() + key.map_or(0, <[u8]>::len);
        output.record(Record { row, ..Record::default() }, all, |cursor| {
            let cursor = cursor.raw(key.unwrap_or_default());
            let ends = key.map_or(Key::None, |_| Key::Ends(cursor.position()));
            let cursor = frame.write(cursor, worst, |mut cursor| {
                if !change {
                    return match after {
                        Some(after) => after.write(cursor, row),
                        None => cursor,
                    };
                }
                for side in [before, after] {
                    // The branch of a union: null, or a row.
                    cursor = match side {
                        Some(side) => side.write(cursor.byte(2), row),
                        None => cursor.byte(0),
                    };
                }
                let cursor = datum::long(datum::long(datum::bytes(cursor, op.as_bytes()), ts), seq);
                datum::bytes(datum::bytes(cursor, gtid.as_bytes()), place.as_bytes())
            });
            (cursor, ends)
        });
        Ok(())
    }
}
