//! The open batch of one version of a table: rows go in, a [`Batch`] comes out, again and again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::anyhow;
use arrow::array::{ArrayRef, Int64Array, UInt8Array, UInt32Array, UInt64Array};
use arrow::datatypes::{Fields, Metadata, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::column::Column;
use super::cursor::Cursor;
use super::fields::{self, Shared};
use super::image::{KeyBytes, Place, Side};
use super::odd_dates::OddDates;
use super::partial;
use super::plan::Decoder;
use super::{Batch, Shape, Transactions};
use crate::fault::Fault;
use crate::source::{RowOp, Rows, Server, Table, Transaction};

/// Bits of the column `flags`.
pub(super) const FIRST_OF_TRANSACTION: u8 = 1;
pub(super) const LAST_OF_TRANSACTION: u8 = 2;
const KEY_CHANGED: u8 = 4;
/// Bit of the column `flags`: the row was read from its table.
pub const OF_SNAPSHOT: u8 = 8;

/// What a plan takes, about: for the table, and for each column beside its buffers' own struct.
const PLAN_BYTES: usize = 4096;
const COLUMN_BYTES: usize = 512;

/// What the rows of one event share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    /// Event time, milliseconds.
    pub(super) ts: i64,
    /// Header time of the transaction's first event, milliseconds.
    pub(super) checkpoint_ts: i64,
}

/// An open batch and all that its successors need.
#[derive(Debug)]
pub(super) struct Builder {
    table: Arc<Table>,
    fields: Fields,
    metadata: Metadata,
    /// One for each shape that came up.
    schemas: HashMap<Shape, Arc<Schema>>,
    /// Which columns belong to the key.
    key: Vec<bool>,
    seq: Vec<u64>,
    op: Vec<u8>,
    flags: Vec<u8>,
    ts: Vec<i64>,
    checkpoint_ts: Vec<i64>,
    txn: Vec<u32>,
    before: Side,
    after: Side,
    odd: OddDates,
    transactions: Transactions,
    /// Bytes of row images.
    bytes: usize,
    /// Of the last batch, which the next one is likely to be like: rows, and bytes of images. Room for as much is made with the first
    /// row, so that a builder without rows takes none.
    usual: (usize, usize),
    since: Option<Instant>,
    /// When it was last given rows, as its owner counts.
    pub(super) used: u64,
}

impl Builder {
    /// Plans the columns of a version of a table.
    ///
    /// # Errors
    /// `Stop` for a type that can't be decoded, by table and column.
    pub(super) fn new(table: &Arc<Table>, server: &Server, topic: &str, shared: &mut Shared) -> Result<Self, Fault> {
        let decoders = table
            .columns
            .iter()
            .map(|column| {
                Decoder::new(&column.kind).map_err(|kind| {
                    Fault::Stop(anyhow!(
                        "column `{}` of table {}.{} is {kind}, which can't be decoded yet; leave the table out of source.tables",
                        column.name,
                        table.database,
                        table.name
                    ))
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            table: Arc::clone(table),
            fields: fields::column_fields(table, shared),
            metadata: fields::table_metadata(server, table, topic),
            schemas: HashMap::new(),
            key: (0..table.columns.len()).map(|ordinal| table.key.contains(&ordinal)).collect(),
            seq: Vec::new(),
            op: Vec::new(),
            flags: Vec::new(),
            ts: Vec::new(),
            checkpoint_ts: Vec::new(),
            txn: Vec::new(),
            before: Side::new(&decoders, table.hidden),
            after: Side::new(&decoders, table.hidden),
            odd: OddDates::default(),
            transactions: Transactions::default(),
            bytes: 0,
            usual: (0, 0),
            since: None,
            used: 0,
        })
    }

    /// The version that it holds rows of.
    pub(super) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> usize {
        self.seq.len()
    }

    /// Bytes of row images so far.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that it takes beside its rows, about.
    pub(super) fn plan_bytes(&self) -> usize {
        PLAN_BYTES + self.table.columns.len() * (2 * size_of::<Column>() + COLUMN_BYTES)
    }

    /// Bytes of row images for which it has made room.
    pub(super) fn room(&self) -> usize {
        if self.seq.is_empty() { 0 } else { self.bytes.max(self.usual.1) }
    }

    /// When its first row came.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// `seq` of its first row.
    pub(super) fn first_seq(&self) -> Option<u64> {
        self.seq.first().copied()
    }

    /// Rows from now on belong to this transaction, whose first row has the number `first`.
    pub(super) fn enter(&mut self, transaction: &Transaction, first: u64) {
        self.transactions.push(transaction, first);
    }

    /// Whether no transaction has been entered since the batch was begun.
    pub(super) fn has_no_transaction(&self) -> bool {
        self.transactions.is_empty()
    }

    /// The newest transaction has ended: notes its id, and the flag where the row at `last` is its last one.
    pub(super) fn leave(&mut self, xid: u64, last: bool) {
        if let Some(known) = self.transactions.xids.last_mut() {
            *known = xid;
        }
        if let Some(flags) = self.flags.last_mut()
            && last
        {
            *flags |= LAST_OF_TRANSACTION;
        }
    }

    /// Takes one row off `cursor`. After an error the batch is as it was before.
    pub(super) fn push(&mut self, rows: &Rows<'_>, cursor: &mut Cursor<'_>, seq: u64, flags: u8, stamp: Stamp) -> Result<(), Place> {
        let row = self.seq.len();
        let length = cursor.rest().len();
        let flags = match self.push_images(rows, cursor) {
            Ok(true) => flags | KEY_CHANGED,
            Ok(false) => flags,
            Err(place) => {
                self.before.truncate(row);
                self.after.truncate(row);
                self.odd.truncate(row);
                return Err(place);
            }
        };
        if row == 0 {
            self.begin();
        }
        self.seq.push(seq);
        self.op.push(match rows.op {
            RowOp::Insert => 1,
            RowOp::Update => 2,
            RowOp::Delete => 3,
        });
        self.flags.push(flags);
        self.ts.push(stamp.ts);
        self.checkpoint_ts.push(stamp.checkpoint_ts);
        self.txn.push(self.transactions.newest());
        self.bytes += length - cursor.rest().len();
        Ok(())
    }

    fn begin(&mut self) {
        self.since = Some(Instant::now());
        let rows = self.usual.0 + self.usual.0 / 16;
        self.seq.reserve(rows);
        self.op.reserve(rows);
        self.flags.reserve(rows);
        self.ts.reserve(rows);
        self.checkpoint_ts.reserve(rows);
        self.txn.reserve(rows);
    }

    /// Decodes the image or images of one row; whether an update changed the key.
    fn push_images(&mut self, rows: &Rows<'_>, cursor: &mut Cursor<'_>) -> Result<bool, Place> {
        let row = self.seq.len();
        match rows.op {
            RowOp::Insert => {
                self.odd.at(row, 1);
                self.after.push(&rows.first, cursor, &mut self.odd, &[], &mut KeyBytes::new())?;
                // While no row has an image before, that side stays empty and is left out of the batch.
                if self.before.rows() > 0 {
                    self.before.push_none();
                }
                Ok(false)
            }
            RowOp::Delete => {
                self.begin_before(row);
                self.odd.at(row, 0);
                self.before.push(&rows.first, cursor, &mut self.odd, &[], &mut KeyBytes::new())?;
                self.after.push_none();
                Ok(false)
            }
            RowOp::Update => {
                self.begin_before(row);
                let (mut old, mut new) = (KeyBytes::new(), KeyBytes::new());
                self.odd.at(row, 0);
                self.before.push(&rows.first, cursor, &mut self.odd, &self.key, &mut old)?;
                self.odd.at(row, 1);
                self.after.push(&rows.second, cursor, &mut self.odd, &self.key, &mut new)?;
                Ok(key_changed(&old, &new))
            }
        }
    }

    fn begin_before(&mut self, row: usize) {
        while self.before.rows() < row {
            self.before.push_none();
        }
    }

    /// The row images of a partial update as those of a whole one; an error with the number of its row, from 0.
    pub(super) fn expand(&self, rows: &Rows<'_>) -> Result<Vec<u8>, (usize, Place)> {
        partial::expand(&self.after.decoders(), rows)
    }

    /// Passes over one row; its bytes.
    pub(super) fn measure(&self, rows: &Rows<'_>, cursor: &mut Cursor<'_>) -> Result<usize, Place> {
        let images = self.measure_images(rows, cursor)?;
        Ok(images.0 + images.1)
    }

    /// Passes over one row; the bytes of its image or images.
    fn measure_images(&self, rows: &Rows<'_>, cursor: &mut Cursor<'_>) -> Result<(usize, usize), Place> {
        let first = self.after.measure(&rows.first, cursor)?;
        let second = match rows.op {
            RowOp::Update => self.after.measure(&rows.second, cursor)?,
            RowOp::Insert | RowOp::Delete => 0,
        };
        Ok((first, second))
    }

    /// Passes over one row; the bytes of its larger image.
    pub(super) fn measure_image(&self, rows: &Rows<'_>, cursor: &mut Cursor<'_>) -> Result<usize, Place> {
        self.measure_images(rows, cursor).map(|(first, second)| first.max(second))
    }

    /// Bytes of the largest image of the event's rows, and the number of its row from 0.
    pub(super) fn largest_image(&self, rows: &Rows<'_>) -> Result<(usize, usize), (usize, Place)> {
        let mut cursor = Cursor::new(rows.data);
        let (mut largest, mut at, mut row) = (0, 0, 0);
        while !cursor.rest().is_empty() {
            let bytes = self.measure_image(rows, &mut cursor).map_err(|place| (row, place))?;
            if bytes > largest {
                (largest, at) = (bytes, row);
            }
            row += 1;
        }
        Ok((largest, at))
    }

    /// The batch of all rows so far; `None` without any. The builder is empty afterwards.
    ///
    /// # Errors
    /// `Stop` where Arrow refuses what was built, which would be a defect of this program.
    pub(super) fn finish(&mut self) -> Result<Option<Batch>, Fault> {
        if self.seq.is_empty() {
            return Ok(None);
        }
        self.usual = (self.seq.len(), self.bytes);
        let shape = Shape {
            before: self.before.rows() > 0,
            partial: self.before.is_partial() || self.after.is_partial(),
            odd_dates: !self.odd.is_empty(),
        };
        let rows = self.record_batch(shape).map_err(|error| {
            let tried = format!("building a batch of table {}.{}", self.table.database, self.table.name);
            Fault::stop(anyhow::Error::new(error).context(tried))
        })?;
        self.bytes = 0;
        self.since = None;
        let transactions = std::mem::take(&mut self.transactions);
        Ok(Some(Batch {
            table: Arc::clone(&self.table),
            shape,
            bytes: rows.get_array_memory_size() + transactions.bytes(),
            rows,
            transactions,
        }))
    }

    fn record_batch(&mut self, shape: Shape) -> Result<RecordBatch, ArrowError> {
        let rows = self.seq.len();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(std::mem::take(&mut self.seq))),
            Arc::new(UInt8Array::from(std::mem::take(&mut self.op))),
            Arc::new(UInt8Array::from(std::mem::take(&mut self.flags))),
            Arc::new(Int64Array::from(std::mem::take(&mut self.ts))),
            Arc::new(Int64Array::from(std::mem::take(&mut self.checkpoint_ts))),
            Arc::new(UInt32Array::from(std::mem::take(&mut self.txn))),
        ];
        if shape.before {
            columns.push(self.before.finish(&self.fields)?);
        }
        columns.push(self.after.finish(&self.fields)?);
        if shape.partial && shape.before {
            columns.push(self.before.finish_present(rows)?);
        }
        if shape.partial {
            columns.push(self.after.finish_present(rows)?);
        }
        if shape.odd_dates {
            columns.push(self.odd.finish(rows)?);
        }
        let schema = self
            .schemas
            .entry(shape)
            .or_insert_with(|| fields::schema(&self.fields, shape, &self.metadata));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
    }
}

/// Whether a key column that both images hold differs. One that only one of them holds was not changed.
fn key_changed(old: &KeyBytes<'_>, new: &KeyBytes<'_>) -> bool {
    old.iter()
        .any(|(ordinal, bytes)| new.iter().any(|(other, value)| other == ordinal && value != bytes))
}
