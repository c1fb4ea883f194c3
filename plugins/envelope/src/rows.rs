//! Encodes the rows of a batch, one or two records each.

use rowmill_sdk::json::{Cursor, Span};
use rowmill_sdk::{Batch, Error, Key, Op, Output, Record};

use crate::image::Side;
use crate::options::{Options, UpdateMode};
use crate::table::{Parts, Table, Verb};
use crate::zone::Zone;

/// Writes all rows of `batch`.
pub(crate) fn encode(options: &Options, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
    let parts = &table.parts;
    let mut page = Page {
        options,
        parts,
        batch,
        before: Side::new(options, parts, batch, false)?,
        after: Side::new(options, parts, batch, true)?,
        zone: &mut table.zone,
        times: Times::new(crate::now()),
        sequence: Sequence::default(),
    };
    for row in 0..batch.rows() {
        page.times.at(batch.ts(row), batch.checkpoint_ts(row));
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
    times: Times,
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
        let keyed = if images == Images::Both {
            (second.unwrap_or(first), Some(first))
        } else {
            (first, other)
        };
        let key = KeyColumns { parts, row, sides: keyed };
        key.check()?;
        let worst = parts.constant_bytes + key.worst() + first.worst(row) + second.map_or(0, |side| side.worst(row));
        let fragments = &parts.fragments;
        output.record(Record { row, ..Record::default() }, worst, |cursor| {
            let (cursor, key) = key.write(cursor, zone);
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

/// The key of a record: from the image that it is about, else from the other.
struct KeyColumns<'a> {
    parts: &'a Parts,
    row: usize,
    sides: (&'a Side<'a>, Option<&'a Side<'a>>),
}

impl<'a> KeyColumns<'a> {
    /// The image that holds a column.
    #[inline(always)]
    fn side(&self, column: usize) -> Option<&'a Side<'a>> {
        let (first, other) = self.sides;
        if first.image.is_present(self.row, column) {
            Some(first)
        } else {
            other.filter(|side| side.image.is_present(self.row, column))
        }
    }

    #[inline(always)]
    fn check(&self) -> Result<(), Error> {
        if self.sides.0.image.is_whole(self.row) || self.parts.key.iter().all(|(column, _)| self.side(*column).is_some()) {
            return Ok(());
        }
        Err(Error::new(
            "key-missing",
            "encoding a row: neither of its images has every column of the key, as after an INSERT that leaves a column of the key to its \
             default under binlog_row_image=MINIMAL; run SET GLOBAL binlog_row_image=FULL on the server, then start after this transaction",
        )
        .at_row(self.row))
    }

    /// Bytes that the key takes at most.
    #[inline(always)]
    fn worst(&self) -> usize {
        let value = |column: usize| self.side(column).map_or(0, |side| side.column_worst(self.row, column));
        self.parts
            .key
            .iter()
            .map(|(column, name)| self.parts.fragments.get(*name).length() + value(*column))
            .sum::<usize>()
            + 1
    }

    #[inline(always)]
    fn write<'c>(&self, mut cursor: Cursor<'c>, zone: &mut Zone) -> (Cursor<'c>, Key) {
        if self.parts.key.is_empty() {
            return (cursor, Key::None);
        }
        for (column, name) in &self.parts.key {
            cursor = cursor.fragment(self.parts.fragments.get(*name));
            if let Some(side) = self.side(*column) {
                cursor = side.column(cursor, self.row, *column, zone);
            }
        }
        let cursor = cursor.byte(b'}');
        let end = cursor.position();
        (cursor, Key::Ends(end))
    }
}

/// `","timestamp":{…},"op":"`, rendered anew only when a time changes: mostly once a transaction.
struct Times {
    system: i64,
    of: Option<(i64, i64)>,
    text: Vec<u8>,
    length: usize,
}

impl Times {
    fn new(system: i64) -> Self {
        Self {
            system,
            of: None,
            text: Vec::new(),
            length: 0,
        }
    }

    #[inline(always)]
    fn at(&mut self, event: i64, checkpoint: i64) {
        if self.of != Some((event, checkpoint)) {
            self.render(event, checkpoint);
        }
    }

    #[inline(never)]
    fn render(&mut self, event: i64, checkpoint: i64) {
        self.of = Some((event, checkpoint));
        self.text.clear();
        self.text.extend_from_slice(b"\",\"timestamp\":{\"eventTime\":");
        self.text.extend_from_slice(event.to_string().as_bytes());
        self.text.extend_from_slice(b",\"systemTime\":");
        self.text.extend_from_slice(self.system.to_string().as_bytes());
        self.text.extend_from_slice(b",\"checkpointTime\":");
        self.text.extend_from_slice(checkpoint.to_string().as_bytes());
        self.text.extend_from_slice(b"},\"op\":\"");
        self.length = self.text.len();
        // Room for the last block.
        self.text.extend_from_slice(&[0; 16]);
    }

    #[inline(always)]
    fn text(&self) -> Span<'_> {
        Span::new(&self.text, 0, self.length)
    }
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
