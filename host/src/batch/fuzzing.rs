//! What holds for row images and JSON, whatever the bytes are: an error or a batch that is sound, the same each time and however
//! it is cut. Fuzz targets and tests call it; a promise that is broken is a panic.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a promise that is broken is a panic"
)]

mod json;
mod sound;
#[cfg(test)]
mod tests;

pub use json::{check_json, check_partial_json};
pub use sound::{Slice, check_batch, check_same_rows};

use std::sync::Arc;
use std::time::Duration;

use super::builder::Builder;
use super::cursor::Cursor;
use super::fields::Shared;
use super::{Batch, Batcher};
use crate::config::{BatchLimits, Topics};
use crate::source::{
    Change, Event, Flavor, Interpreter, Released, Rows, Server, check_table_map, events, interpreter, interpreter_of, transaction_of,
};

/// Columns times bytes of row images: a row that lacks most columns takes few bytes in the log and many as an Arrow row, and
/// more of it than this takes longer than it shows.
const MOST_CELLS: usize = 1 << 22;

fn server() -> Server {
    Server {
        flavor: Flavor::Mysql,
        version: "9.7.0".to_owned(),
        time_zone: "UTC".to_owned(),
    }
}

/// A batcher that cuts after so many rows and bytes.
fn batcher(max_rows: usize, max_bytes: usize) -> Batcher {
    let limits = BatchLimits {
        max_rows,
        max_bytes,
        max_delay: Duration::from_millis(20),
    };
    let topics = Topics {
        prefix: "fuzz".to_owned(),
        pattern: "{prefix}_{table}".to_owned(),
        partitions_with_key: 6,
        partitions_without_key: 1,
        replication: -1,
    };
    Batcher::new(limits, 1 << 16, server(), topics)
}

/// All that a run of events came to.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// Changes other than rows, and errors.
    told: Vec<String>,
    /// Arrow batches.
    rows: Vec<arrow::record_batch::RecordBatch>,
    /// Positions as text.
    places: Vec<String>,
}

/// A binlog file without its magic and without checksums, through interpreter and batcher, past errors too.
pub fn check_events(data: &[u8]) {
    let first = run(data);
    assert!(first == run(data), "the same events mean something else the second time");
}

fn run(data: &[u8]) -> Outcome {
    let mut run = Run {
        interpreter: interpreter(),
        batcher: batcher(64, 1 << 20),
        sequence: 1,
        outcome: Outcome::default(),
    };
    for event in &events(data) {
        run.event(event);
    }
    run.take_batches();
    let held: usize = run.outcome.rows.iter().map(arrow::record_batch::RecordBatch::num_rows).sum();
    assert_eq!(u64::try_from(held).unwrap() + 1, run.sequence, "each row has its number");
    run.outcome
}

struct Run {
    interpreter: Interpreter,
    batcher: Batcher,
    sequence: u64,
    outcome: Outcome,
}

impl Run {
    fn event(&mut self, event: &Event) {
        let transaction = self.interpreter.transaction().clone();
        match self.interpreter.read(event) {
            Ok(Change::Packed) => self.packed(event),
            Ok(Change::Release) => self.release(event),
            Ok(change) => take(change, &transaction, &mut self.batcher, &mut self.sequence, &mut self.outcome.told),
            Err(fault) => self.outcome.told.push(fault.to_string()),
        }
        let position = self.interpreter.position();
        if let Some(set) = &position.gtid {
            crate::position::check_gtid_set(set);
        }
        self.outcome.places.push(position.to_string());
    }

    fn packed(&mut self, event: &Event) {
        let mut payload = match self.interpreter.unpack(event) {
            Ok(payload) => payload,
            Err(fault) => return self.outcome.told.push(fault.to_string()),
        };
        loop {
            match payload.next() {
                Ok(Some(packed)) => {
                    let transaction = self.interpreter.transaction().clone();
                    match self.interpreter.read_packed(packed) {
                        Ok(Change::Release) => self.release(packed.event),
                        Ok(change) => take(change, &transaction, &mut self.batcher, &mut self.sequence, &mut self.outcome.told),
                        Err(fault) => self.outcome.told.push(fault.to_string()),
                    }
                }
                Ok(None) => return,
                Err(fault) => return self.outcome.told.push(fault.to_string()),
            }
        }
    }

    /// The rows of an XA transaction.
    fn release(&mut self, event: &Event) {
        let mut release = match self.interpreter.release(event) {
            Ok(release) => release,
            Err(fault) => return self.outcome.told.push(fault.to_string()),
        };
        let transaction = self.interpreter.transaction().clone();
        while let Ok(Released::Rows(held)) = release.next(Duration::ZERO) {
            let change = Change::Rows(held.rows());
            take(change, &transaction, &mut self.batcher, &mut self.sequence, &mut self.outcome.told);
        }
        match self.interpreter.released(release, event) {
            Ok(change) => take(change, &transaction, &mut self.batcher, &mut self.sequence, &mut self.outcome.told),
            Err(fault) => self.outcome.told.push(fault.to_string()),
        }
    }

    fn take_batches(&mut self) {
        for batch in self.batcher.close_all().unwrap() {
            check_batch(&batch);
            self.outcome.rows.push(batch.rows);
        }
    }
}

fn take(change: Change<'_>, transaction: &crate::source::Transaction, batcher: &mut Batcher, sequence: &mut u64, told: &mut Vec<String>) {
    match change {
        Change::Rows(rows) => {
            assert_eq!(rows.first.present.len(), rows.table.columns.len().div_ceil(8));
            assert_eq!(rows.second.present.len(), rows.table.columns.len().div_ceil(8));
            if rows.table.columns.len() * rows.data.len() > MOST_CELLS {
                return;
            }
            if let Err(fault) = batcher.add(&rows, transaction, sequence) {
                told.push(fault.to_string());
            }
        }
        Change::Commit { xid } => batcher.end_transaction(xid),
        Change::Nothing => {}
        other => told.push(format!("{other:?}")),
    }
}

/// Two bytes with the length of a TABLE_MAP event's body, that, a byte that chooses the kind of row event, and its body: rows that
/// can be decoded are the same however batches are cut, and as long as they are measured to be.
pub fn check_row_image(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let Some((map, rest)) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length))) else {
        return;
    };
    let Some((kind, body)) = rest.split_first() else { return };
    let Some(table) = check_table_map(map) else { return };
    Builder::new(&table, &server(), "topic", &mut Shared::default()).expect("a table that is taken can be planned");
    const KINDS: [u8; 10] = [30, 31, 32, 39, 23, 24, 25, 166, 167, 168];
    let events = transaction_of(KINDS[usize::from(*kind) % KINDS.len()], map, body);
    let whole = decode(&events, map, usize::MAX);
    let again = decode(&events, map, usize::MAX);
    assert_eq!(whole.fault, again.fault);
    assert!(rows_of(&whole) == rows_of(&again));
    let cut = decode(&events, map, 2);
    assert_eq!(whole.fault, cut.fault);
    assert_eq!(whole.sequence, cut.sequence);
    let mut from = 0;
    for part in &cut.batches {
        assert!(part.rows.num_rows() <= 2);
        let rows = part.rows.num_rows();
        let expected = Slice {
            batch: &whole.batches[0],
            from,
        };
        check_same_rows(expected, Slice { batch: part, from: 0 }, rows, true).unwrap();
        from += rows;
    }
    assert_eq!(u64::try_from(from).unwrap(), whole.sequence);
}

struct Decoded {
    batches: Vec<Batch>,
    sequence: u64,
    fault: Option<String>,
}

fn rows_of(decoded: &Decoded) -> Vec<&arrow::record_batch::RecordBatch> {
    decoded.batches.iter().map(|batch| &batch.rows).collect()
}

fn decode(events: &[Event], map: &[u8], max_rows: usize) -> Decoded {
    let mut interpreter = interpreter_of(map);
    let mut batcher = batcher(max_rows, usize::MAX);
    let (mut sequence, mut fault, mut told) = (0, None, false);
    for event in events {
        let transaction = interpreter.transaction().clone();
        match interpreter.read(event) {
            Ok(Change::Rows(rows)) => {
                told = true;
                if rows.table.columns.len() * rows.data.len() > MOST_CELLS {
                    continue;
                }
                fault = batcher.add(&rows, &transaction, &mut sequence).err().map(|fault| fault.to_string());
                if fault.is_none() && !rows.is_partial {
                    check_measure(&rows, sequence);
                }
            }
            Ok(_) => {}
            Err(error) => fault = Some(error.to_string()),
        }
    }
    assert!(told || fault.is_some(), "rows are handed out or refused");
    let batches = batcher.close_all().unwrap();
    batches.iter().for_each(check_batch);
    let held: usize = batches.iter().map(|batch| batch.rows.num_rows()).sum();
    assert_eq!(
        u64::try_from(held).unwrap(),
        sequence,
        "rows before the one at fault are kept, and no others"
    );
    Decoded { batches, sequence, fault }
}

/// What can be decoded can be measured, and its rows make up all of the bytes.
fn check_measure(rows: &Rows<'_>, count: u64) {
    let builder = Builder::new(rows.table, &server(), "topic", &mut Shared::default()).unwrap();
    let (largest, at) = builder.largest_image(rows).expect("what is decoded can be measured");
    let count = usize::try_from(count).unwrap();
    let mut cursor = Cursor::new(rows.data);
    let row = |cursor: &mut Cursor<'_>| (!cursor.rest().is_empty()).then(|| builder.measure(rows, cursor).unwrap());
    let sizes: Vec<usize> = std::iter::from_fn(|| row(&mut cursor)).collect();
    assert_eq!(sizes.iter().sum::<usize>(), rows.data.len());
    assert!(sizes.len() <= count);
    // An update has two images.
    let of_largest = sizes.get(at).copied().unwrap_or_default();
    assert!(largest <= of_largest && of_largest <= 2 * largest);
}

/// A TABLE_MAP event's body; a table that is taken can be planned and described.
pub fn check_table(body: &[u8]) {
    let Some(table) = check_table_map(body) else { return };
    let builder = Builder::new(&table, &server(), "topic", &mut Shared::default());
    assert!(builder.is_ok(), "a table that is taken can be planned");
    let described = super::describe_columns(&table);
    assert_eq!(described.as_array().map(Vec::len), Some(table.columns.len()));
    let fields = super::fields::column_fields(&table, &mut Shared::default());
    assert_eq!(fields.len(), table.columns.len());
    let named = |(field, column): (&Arc<arrow::datatypes::Field>, &crate::source::Column)| *field.name() == column.name;
    assert!(fields.iter().zip(&table.columns).all(named));
}
