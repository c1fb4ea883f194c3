//! Encodes the rows of a batch, one or two records each.

use rowmill_json::{Clock, Keys, Side, Zone, now};
use rowmill_sdk::json::{Cursor, Part, Span};
use rowmill_sdk::{Batch, Error, Op, Output, Record};

use crate::options::{Options, UpdateMode};
use crate::table::{Parts, Table, Verb};

/// Up to here all rows of a batch are taken to need what the one that needs most does.
const ALIKE_BYTES: usize = 64 << 10;

/// Writes all rows of `batch`.
pub(crate) fn encode(options: &Options, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
    let parts = &table.parts;
    let columns = (&parts.fragments, parts.columns.as_slice());
    let odd_dates = options.zero_date.into();
    let fragments = &parts.fragments;
    let (before, after) = (
        Side::new(columns, batch, false, odd_dates)?,
        Side::new(columns, batch, true, odd_dates)?,
    );
    let most = |side: &Option<Side<'_>>| side.as_ref().map_or(0, Side::most);
    let most = parts.constant_bytes.saturating_add(most(&before)).saturating_add(most(&after));
    let mut page = Page {
        most: (most <= ALIKE_BYTES).then_some(most),
        options,
        parts,
        head_after: fragments.get(parts.head_after),
        head_before: fragments.get(parts.head_before),
        between: fragments.part(parts.between),
        brace: fragments.get(parts.brace),
        batch,
        before,
        after,
        zone: &mut table.zone,
        ends: Default::default(),
        times: (i64::MIN, i64::MIN),
        leads: Default::default(),
        sequence: Sequence::default(),
        system: now(),
    };
    for row in 0..batch.rows() {
        page.times = (batch.ts(row), batch.checkpoint_ts(row));
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
    head_after: Span<'a>,
    head_before: Span<'a>,
    between: Part<'a>,
    most: Option<usize>,
    brace: Span<'a>,
    batch: &'a Batch<'a>,
    before: Option<Side<'a>>,
    after: Option<Side<'a>>,
    zone: &'a mut Zone,
    /// From the sequence id to the record's end, by verb.
    ends: [Clock<(i64, i64)>; 4],
    times: (i64, i64),
    /// From the image to the last digits of the sequence id, behind an `after` that is there and one that is not.
    leads: [Clock<u64>; 2],
    sequence: Sequence,
    system: i64,
}

impl Page<'_> {
    #[inline(never)]
    fn record(&mut self, row: usize, verb: Verb, images: Images, output: &mut Output) -> Result<(), Error> {
        let Self {
            parts,
            head_after,
            head_before,
            between,
            brace,
            most,
            before,
            after,
            zone,
            ends,
            times,
            leads,
            sequence,
            system,
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
        let worst = match *most {
            Some(most) => most,
            None => worst(parts, &key, first, second),
        };
        let fragments = &parts.fragments;
        let [with_after, without] = leads;
        let lead = if images == Images::Before { without } else { with_after };
        lead.at(sequence.high, |high, text| {
            let close = if images == Images::Before {
                parts.close_before
            } else {
                parts.close_after
            };
            text.extend_from_slice(fragments.get(close).bytes());
            if *high != 0 {
                text.extend_from_slice(high.to_string().as_bytes())
            }
        });
        let [a, b, c, d] = ends;
        let end = match verb {
            Verb::Insert => a,
            Verb::UpdateBefore => b,
            Verb::UpdateAfter => c,
            Verb::Delete => d,
        };
        end.at(*times, |(event, checkpoint), text| {
            self::times(*system, *event, *checkpoint, text);
            text.extend_from_slice(fragments.get(parts.tail(verb)).bytes());
        });
        output.record(Record { row, ..Record::default() }, worst, |cursor| {
            let (cursor, key) = key.write_to_end(cursor, zone, *brace);
            let head = if images == Images::After { *head_after } else { *head_before };
            let mut cursor = first.write(cursor.fragment(head), row, zone);
            if let Some(second) = second {
                cursor = second.write(cursor.part(*between), row, zone);
            }
            let cursor = sequence.write(cursor.part(lead.part()));
            (cursor.part(end.part()), key)
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

#[inline(never)]
fn worst(parts: &Parts, key: &Keys<'_, false>, first: &Side<'_>, second: Option<&Side<'_>>) -> usize {
    parts.constant_bytes + key.worst() + first.worst(key.row) + second.map_or(0, |side| side.worst(key.row))
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
            cursor.digits(self.low, 8)
        }
    }
}
