//! Encodes the rows of a batch, one object each; a delete is a tombstone, a flag, or both.

use rowmill_json::{Clock, Keys, Side, Zone, comma, images, no_key, null};
use rowmill_sdk::{Batch, Error, Op, Output, Record};

use crate::options::{Deletes, Options};
use crate::table::{Parts, Table, metadata};

/// Writes all rows of `batch`.
pub(crate) fn encode(options: &Options, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
    let parts = &table.parts;
    let columns = (&parts.fragments, parts.columns.as_slice());
    let odd_dates = options.zero_date.into();
    let before = Side::new(columns, batch, false, odd_dates)?;
    let after = Side::new(columns, batch, true, odd_dates)?;
    let mut page = Page {
        options,
        parts,
        batch,
        zone: &mut table.zone,
        metadata: Clock::default(),
    };
    for row in 0..batch.rows() {
        let (flags, op) = (batch.flags(row), batch.op(row)?);
        if options.metadata {
            let gtid = |txn: usize| batch.transactions.gtid(txn);
            page.metadata.at((batch.ts(row), batch.txn(row)), |(ts, txn), text| {
                metadata(options, batch.schema, (*ts, gtid(*txn)), text);
            });
        }
        let (old, new) = images(op, row, before.as_ref(), after.as_ref())?;
        match (op, old, new) {
            (Op::Insert, _, Some(new)) => {
                let verb = if flags.is_snapshot() { Verb::Read } else { Verb::Create };
                page.record((row, verb), (new, old), None, output)?;
            }
            (Op::Update, Some(old), Some(new)) if flags.changes_key() => {
                page.gone(row, (old, Some(new)), output)?;
                page.record((row, Verb::Update), (new, Some(old)), Some(old), output)?;
            }
            (Op::Update, Some(old), Some(new)) => page.record((row, Verb::Update), (new, Some(old)), Some(old), output)?,
            (Op::Delete, Some(old), _) => page.gone(row, (old, new), output)?,
            _ => {}
        }
    }
    Ok(())
}

/// What happened to a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Update,
    Delete,
    Read,
}

/// The image that a record shows, and the other one, which may lend columns to the key.
type Sides<'s, 'a> = (&'s Side<'a>, Option<&'s Side<'a>>);

/// A batch with all that its rows share.
struct Page<'a> {
    options: &'a Options,
    parts: &'a Parts,
    batch: &'a Batch<'a>,
    zone: &'a mut Zone,
    metadata: Clock<(i64, usize)>,
}

impl<'p> Page<'p> {
    fn keys<'s>(&self, row: usize, (side, other): Sides<'s, '_>) -> Keys<'s, false>
    where
        'p: 's,
    {
        Keys {
            row,
            columns: &self.parts.key,
            fragments: &self.parts.fragments,
            side,
            other,
        }
    }

    /// A row that is gone, or has another key from now on.
    #[inline(never)]
    fn gone(&mut self, row: usize, sides: Sides<'_, '_>, output: &mut Output) -> Result<(), Error> {
        if self.options.deletes != Deletes::Tombstone {
            self.record((row, Verb::Delete), sides, None, output)?;
        }
        if self.options.deletes == Deletes::Flag || (self.parts.key.is_empty() && self.options.deletes == Deletes::Both) {
            return Ok(());
        }
        if self.parts.key.is_empty() {
            return Err(no_key(row, "set `deletes = \"flag\"`"));
        }
        let key = self.keys(row, sides);
        key.check()?;
        let text = key.text(self.zone, self.parts.fragments.get(self.parts.brace));
        output.tombstone(Record { row, ..Record::default() }, &text);
        Ok(())
    }

    #[inline(never)]
    fn record(
        &mut self,
        (row, verb): (usize, Verb),
        sides: Sides<'_, '_>,
        before: Option<&Side<'_>>,
        output: &mut Output,
    ) -> Result<(), Error> {
        let key = self.keys(row, sides);
        key.check()?;
        let Self { options, parts, zone, .. } = self;
        let (side, fragments) = (sides.0, &parts.fragments);
        let before = before.filter(|_| options.before);
        let metadata = self.metadata.text();
        let images = side.worst(row) + before.map_or(0, |side| side.worst(row));
        let worst = parts.constant_bytes + key.worst() + images + metadata.length();
        let seq = self.batch.seq(row);
        output.record(Record { row, ..Record::default() }, worst, |cursor| {
            let (cursor, key) = key.write_to_end(cursor, zone, fragments.get(parts.brace));
            let cursor = cursor.byte(b'{');
            let start = cursor.position();
            let mut cursor = side.write(cursor, row, zone);
            if options.deletes != Deletes::Tombstone {
                let flag = if verb == Verb::Delete { parts.deleted } else { parts.kept };
                cursor = comma(cursor, start).fragment(fragments.get(flag));
            }
            if options.metadata {
                let [create, update, delete, read] = parts.ops;
                let op = match verb {
                    Verb::Create => create,
                    Verb::Update => update,
                    Verb::Delete => delete,
                    Verb::Read => read,
                };
                cursor = comma(cursor, start).fragment(fragments.get(op)).unsigned(seq).fragment(metadata);
            }
            if options.before {
                cursor = comma(cursor, start).fragment(fragments.get(parts.before));
                cursor = match before {
                    Some(before) => before.write(cursor.byte(b'{'), row, zone).byte(b'}'),
                    None => null(cursor),
                };
            }
            (cursor.byte(b'}'), key)
        });
        Ok(())
    }
}
