//! Encodes the rows of a batch, one or two records each.

use rowmill_json::{Clock, Keys, Side, Zone, now};
use rowmill_sdk::json::Cursor;
use rowmill_sdk::{Batch, Error, Op, Output, Record};

use crate::options::{Options, UpdateMode};
use crate::table::{Parts, Table, Verb};

/// Writes all rows of `batch`.
pub(crate) fn encode(options: &Options, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
    let parts = &table.parts;
    let columns = (&parts.fragments, parts.columns.as_slice());
    let odd_dates = options.zero_date.into();
    let mut page = Page {
        options,
        parts,
        batch,
        before: Side::new(columns, batch, false, odd_dates)?,
        after: Side::new(columns, batch, true, odd_dates)?,
        zone: &mut table.zone,
        times: Clock::default(),
        sequence: Sequence::default(),
    };
    let system = now();
    for row in 0..batch.rows() {
        page.times
            .at((batch.ts(row), batch.checkpoint_ts(row)), |(event, checkpoint), text| {
                times(system, *event, *checkpoint, text);
            });
        page.sequence.at(batch.seq(row));
        match batch.op(row)? {
            Op::Insert => page.record(row, Verb::Insert, Images::After, output)?,
            Op::Delete => page.record(row, Verb::Delete, Images::Before, output)?,
            Op::Update if options.update_mode == UpdateMode::Single && !batch.flags(row).changes_key() => {
                page.record(row, Verb::UpdateAfter, Images::Both, output)?;
            }
            Op::Update => {
                page.record(row, Verb::UpdateBefore, Images::Before, output)?;
                page.record(row, Verb::UpdateAfter, Images::After, output)?;
            }
        }
    }
    Ok(())
}

/// Which images a record shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Images {
    Before,
    After,
    Both,
}

/// A batch with all that its rows share.
struct Page<'a> {
    options: &'a Options,
    parts: &'a Parts,
    batch: &'a Batch<'a>,
    before: Option<Side<'a>>,
    after: Option<Side<'a>>,
    zone: &'a mut Zone,
    times: Clock<(i64, i64)>,
    sequence: Sequence,
}

impl Page<'_> {
    #[inline(never)]
    fn record(&mut self, row: usize, verb: Verb, images: Images, output: &mut Output) -> Result<(), Error> {
        let Self {
            parts,
            before,
            after,
            zone,
            times,
            sequence,
            ..
        } = self;
        let before = before.as_ref().filter(|side| side.image.has(row));
        let after = after.as_ref().filter(|side| side.image.has(row));
        // The first image that the record shows, the second, and where key columns that the first lacks come from.
        let (first, second, other) = match images {
            Images::Before => (before, None, after),
            Images::After => (after, None, before),
            Images::Both => (before, after, after),
        };
        let Some(first) = first else { return Err(no_image(row)) };
        if images == Images::Both && second.is_none() {
            return Err(no_image(row));
        }
        let (side, other) = if images == Images::Both {
            (second.unwrap_or(first), Some(first))
        } else {
            (first, other)
        };
        let key = Keys {
            row,
            columns: &parts.key,
            fragments: &parts.fragments,
            side,
            other,
        };
        key.check()?;
        let worst = parts.constant_bytes + key.worst() + first.worst(row) + second.map_or(0, |side| side.worst(row));
        let fragments = &parts.fragments;
        output.record(Record { row, ..Record::default() }, worst, |cursor| {
            let (cursor, key) = key.write_to_end(cursor, zone, fragments.get(parts.brace));
            let head = if images == Images::After {
                parts.head_after
            } else {
                parts.head_before
            };
            let mut cursor = first.write(cursor.fragment(fragments.get(head)), row, zone);
            if let Some(second) = second {
                cursor = second.write(cursor.fragment(fragments.get(parts.between)), row, zone);
            }
            let close = if images == Images::Before {
                parts.close_before
            } else {
                parts.close_after
            };
            let cursor = sequence.write(cursor.fragment(fragments.get(close))).fragment(times.text());
            (cursor.fragment(fragments.get(parts.tail(verb))), key)
        });
        if self.options.headers {
            self.headers(row, verb, output);
        }
        Ok(())
    }

    #[inline(never)]
    fn headers(&self, row: usize, verb: Verb, output: &mut Output) {
        let Batch { schema, transactions, .. } = self.batch;
        output.header("op", verb.name().as_bytes());
        output.header("database", schema.database.as_bytes());
        output.header("table", schema.table.as_bytes());
        output.header("gtid", transactions.gtid(self.batch.txn(row)).as_bytes());
        output.header("sequenceId", self.batch.seq(row).to_string().as_bytes());
    }
}

#[cold]
fn no_image(row: usize) -> Error {
    Error::new("image-missing", "encoding a row: it lacks the image that its op has").at_row(row)
}

/// `","timestamp":{…},"op":"`.
fn times(system: i64, event: i64, checkpoint: i64, text: &mut Vec<u8>) {
    let line = format!("\",\"timestamp\":{{\"eventTime\":{event},\"systemTime\":{system},\"checkpointTime\":{checkpoint}}},\"op\":\"");
    text.extend_from_slice(line.as_bytes());
}

/// The sequence id as text: its last eight digits change from row to row, the rest seldom does.
#[derive(Default)]
struct Sequence {
    high: u64,
    low: u64,
}

/// What the last eight digits count to.
const LOW: u64 = 100_000_000;

impl Sequence {
    #[inline(always)]
    fn at(&mut self, seq: u64) {
        let low = seq.wrapping_sub(self.high.wrapping_mul(LOW));
        if low < LOW {
            self.low = low;
        } else {
            (self.high, self.low) = (seq / LOW, seq % LOW);
        }
    }

    #[inline(always)]
    fn write<'c>(&self, cursor: Cursor<'c>) -> Cursor<'c> {
        if self.high == 0 {
            cursor.unsigned(self.low)
        } else {
            cursor.unsigned(self.high).digits(self.low, 8)
        }
    }
}
