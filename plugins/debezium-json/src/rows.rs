//! Encodes the rows of a batch: a create, an update or a delete each, with its tombstone; a change of the key is a delete and a create.

use rowmill_json::{Clock, Keys, OddDates, Side, Zone, images, now_nanoseconds};
use rowmill_sdk::{Batch, Error, Op, Output, Record};

use crate::options::Options;
use crate::source::{self, Origin};
use crate::table::{Parts, Table};

/// Writes all rows of `batch`.
pub(crate) fn encode(options: &Options, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
    let parts = &table.parts;
    let columns = (&parts.fragments, parts.columns.as_slice());
    let before = Side::new(columns, batch, false, OddDates::EpochOrNull)?;
    let after = Side::new(columns, batch, true, OddDates::EpochOrNull)?;
    let mut page = Page {
        options,
        parts,
        batch,
        zone: &mut table.zone,
        opening: Clock::default(),
        closing: Clock::default(),
        end: end(options),
    };
    for row in 0..batch.rows() {
        let (flags, op) = (batch.flags(row), batch.op(row)?);
        let origin = (batch.ts(row), batch.txn(row), flags.is_snapshot());
        page.at(origin);
        let (old, new) = images(op, row, before.as_ref(), after.as_ref())?;
        match (op, old, new) {
            (Op::Insert, _, Some(new)) => {
                let verb = if flags.is_snapshot() { b'r' } else { b'c' };
                page.record((row, verb), Shown::Created(new, old), output)?;
            }
            (Op::Update, Some(old), Some(new)) if flags.changes_key() => page.rekeyed(row, old, new, output)?,
            (Op::Update, Some(old), Some(new)) => page.record((row, b'u'), Shown::Updated(old, new), output)?,
            (Op::Delete, Some(old), _) => {
                page.record((row, b'd'), Shown::Deleted(old, new), output)?;
                page.tombstone(row, Shown::Deleted(old, new), output);
            }
            _ => {}
        }
    }
    Ok(())
}

/// From the value of `op` to the end: the time at which the row was handled.
fn end(options: &Options) -> Vec<u8> {
    let now = now_nanoseconds();
    let close = if options.schemas_enable { "}}" } else { "}" };
    format!("\",\"ts_ms\":{},\"ts_us\":{},\"ts_ns\":{now}{close}", now / 1_000_000, now / 1000).into_bytes()
}

/// The images that a record shows. A second one that is not shown may lend columns to the key.
#[derive(Clone, Copy)]
enum Shown<'s, 'a> {
    Created(&'s Side<'a>, Option<&'s Side<'a>>),
    Updated(&'s Side<'a>, &'s Side<'a>),
    Deleted(&'s Side<'a>, Option<&'s Side<'a>>),
}

impl<'s, 'a> Shown<'s, 'a> {
    /// The key's columns with what stands before each.
    fn keys(self, row: usize, parts: &'s Parts, columns: &'s [(usize, usize)]) -> Keys<'s, false>
    where
        'a: 's,
    {
        let (side, other) = match self {
            Self::Created(side, other) | Self::Deleted(side, other) => (side, other),
            Self::Updated(old, new) => (new, Some(old)),
        };
        Keys {
            row,
            columns,
            fragments: &parts.fragments,
            side,
            other,
        }
    }
}

/// A batch with all that its rows share.
struct Page<'a> {
    options: &'a Options,
    parts: &'a Parts,
    batch: &'a Batch<'a>,
    zone: &'a mut Zone,
    opening: Clock<Origin>,
    closing: Clock<Origin>,
    end: Vec<u8>,
}

impl Page<'_> {
    fn at(&mut self, origin: Origin) {
        let Self { options, batch, .. } = *self;
        self.opening
            .at(origin, |origin, text| source::opening(options, batch.schema, *origin, text));
        self.closing
            .at(origin, |origin, text| source::closing(options, batch, *origin, text));
    }

    #[inline(never)]
    fn record(&mut self, (row, verb): (usize, u8), shown: Shown<'_, '_>, output: &mut Output) -> Result<(), Error> {
        let Self {
            parts,
            zone,
            opening,
            closing,
            end,
            ..
        } = self;
        let key = shown.keys(row, parts, &parts.key);
        key.check()?;
        let (first, second) = match shown {
            Shown::Created(side, _) | Shown::Deleted(side, _) => (side, None),
            Shown::Updated(old, new) => (old, Some(new)),
        };
        let (head, close) = match shown {
            Shown::Created(..) => (parts.head_after, parts.close),
            Shown::Updated(..) => (parts.head_before, parts.close),
            Shown::Deleted(..) => (parts.head_before, parts.close_deleted),
        };
        let texts = opening.text().length() + closing.text().length() + end.len();
        let images = first.worst(row) + second.map_or(0, |side| side.worst(row));
        let worst = parts.constant_bytes + key.worst() + images + texts;
        let (fragments, seq) = (&parts.fragments, self.batch.seq(row));
        output.record(Record { row, ..Record::default() }, worst, |cursor| {
            let (cursor, key) = key.write_to_end(cursor, zone, fragments.get(parts.key_end));
            let mut cursor = first.write(cursor.fragment(fragments.get(head)), row, zone);
            if let Some(second) = second {
                cursor = second.write(cursor.fragment(fragments.get(parts.between)), row, zone);
            }
            let cursor = cursor.fragment(fragments.get(close)).fragment(opening.text());
            let cursor = cursor.unsigned(seq).fragment(closing.text());
            (cursor.byte(verb).raw(end), key)
        });
        Ok(())
    }

    /// A tombstone of the key, if the table has one.
    fn tombstone(&mut self, row: usize, shown: Shown<'_, '_>, output: &mut Output) {
        let parts = self.parts;
        if self.options.tombstones_on_delete && !parts.key.is_empty() {
            let key = shown.keys(row, parts, &parts.key);
            let text = key.text(self.zone, parts.fragments.get(parts.key_end));
            output.tombstone(Record { row, ..Record::default() }, &text);
        }
    }

    /// An update that changes the key: a delete and a tombstone of the old one, each with the new one, and a create with the old one.
    #[inline(never)]
    fn rekeyed(&mut self, row: usize, old: &Side<'_>, new: &Side<'_>, output: &mut Output) -> Result<(), Error> {
        let (gone, come) = (Shown::Deleted(old, Some(new)), Shown::Created(new, Some(old)));
        let (old_key, new_key) = (self.plain(row, gone), self.plain(row, come));
        self.record((row, b'd'), gone, output)?;
        output.header("__debezium.newkey", &new_key);
        if self.options.tombstones_on_delete {
            self.tombstone(row, gone, output);
            output.header("__debezium.newkey", &new_key);
        }
        self.record((row, b'c'), come, output)?;
        output.header("__debezium.oldkey", &old_key);
        Ok(())
    }

    /// A key without its schema.
    fn plain(&mut self, row: usize, shown: Shown<'_, '_>) -> Vec<u8> {
        let parts = self.parts;
        let key = shown.keys(row, parts, &parts.plain_key);
        key.text(self.zone, parts.fragments.get(parts.brace))
    }
}
