//! Batches without a source: from Arrow files, and made up.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, bail};
use arrow::array::AsArray;
use arrow::datatypes::UInt32Type;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::record_batch::RecordBatch;
use rowmill_sdk::harness::{Rows, Shape, Value};

use super::table_rows;
use crate::batch::{Batch, Shape as BatchShape, Transactions};
use crate::source::Table;

/// How an Arrow IPC file begins; a stream has no such mark.
const FILE_MARK: &[u8] = b"ARROW1";

/// Names that only a batch of the contract has together.
const CONTRACT: [&str; 3] = ["seq", "op", "after"];

/// A batch that a plugin can be given.
#[derive(Debug, Clone)]
pub struct Sample {
    pub(super) batch: Batch,
    pub(super) topic: Arc<str>,
}

impl Sample {
    /// The batches of an Arrow IPC file or stream: in the contract's columns, or of a plain table, whose rows are taken as inserted.
    ///
    /// # Errors
    /// What is wrong with the bytes, and what mends it.
    pub fn read(bytes: &[u8]) -> anyhow::Result<Vec<Self>> {
        // Whoever made these bytes; arrow-rs asserts here and there.
        let read = catch_unwind(AssertUnwindSafe(|| record_batches(bytes)));
        let Ok(read) = read else {
            bail!("it is damaged: Arrow can't read it")
        };
        let batches = read.context("read it as an Arrow IPC file or stream (uncompressed; pyarrow.ipc.new_file writes one)")?;
        if batches.iter().all(|batch| batch.num_rows() == 0) {
            bail!("it holds no rows");
        }
        let filled = batches.into_iter().filter(|batch| batch.num_rows() > 0);
        filled
            .map(|batch| {
                let is_contract = CONTRACT.iter().all(|name| batch.column_by_name(name).is_some());
                let rows = if is_contract { batch } else { table_rows::inserted(&batch)? };
                Self::of(rows)
            })
            .collect()
    }

    /// Changes of a table with a column of every type, among them what is rare: NULLs, a zero date, an image that lacks columns.
    ///
    /// # Errors
    /// A defect.
    pub fn of_everything() -> anyhow::Result<Self> {
        Self::made(&Rows::sample())
    }

    /// Changes of a table as most are: whole numbers, texts, a price, times; three inserts to an update.
    ///
    /// # Errors
    /// A defect.
    pub fn of_orders(rows: usize) -> anyhow::Result<Self> {
        let shape = Shape::new("shop", "orders")
            .column("id", "bigint", &[])
            .column("customer", "int unsigned", &[])
            .column("name", "varchar(100)", &[])
            .column("email", "varchar(200)", &[])
            .column("price", "decimal(12,2)", &[])
            .column("amount", "smallint", &[])
            .column("created", "datetime(6)", &[])
            .column("changed", "timestamp", &[])
            .column("state", "enum", &["new", "paid", "sent"])
            .column("note", "text", &[])
            .key(&[0]);
        let row = |id: i64, state: i128| -> Vec<Value> {
            let moment = 1_704_067_200_000_000 + i128::from(id) * 1_000_000;
            let note = if id % 3 == 0 {
                Value::Null
            } else {
                Value::from("left at the door, as agreed on the telephone")
            };
            vec![
                id.into(),
                (id % 977).into(),
                format!("Customer number {}", id % 977).as_str().into(),
                format!("customer{}@example.com", id % 977).as_str().into(),
                Value::Decimal(format!("{}.{:02}", id % 500, id % 100)),
                (id % 12).into(),
                Value::Int(moment + 123_456),
                Value::Int(moment),
                Value::Int(state),
                note,
            ]
        };
        let mut all = Rows::new(&shape);
        for id in (1..).take(rows) {
            all = if id % 4 == 0 {
                all.update(row(id, 1), row(id, 2))
            } else {
                all.insert(row(id, 1))
            };
        }
        Self::made(&all)
    }

    /// At most the first `rows` rows.
    #[must_use]
    pub fn first(mut self, rows: usize) -> Self {
        let kept = self.batch.rows.num_rows().min(rows);
        self.batch.rows = self.batch.rows.slice(0, kept);
        self
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.batch.rows.num_rows()
    }

    /// Of rows that were made up.
    pub(super) fn made(rows: &Rows) -> anyhow::Result<Self> {
        let (schema, batch) = rows.messages().context("make a batch")?;
        let read = record_batches(&[schema, batch].concat()).context("read a batch that was made")?;
        let mut sample = Self::of(read.into_iter().next().context("find a batch that was made")?)?;
        let made = rows.transactions();
        sample.batch.transactions = Transactions {
            gtids: made.gtids,
            gtid_ends: made.gtid_ends,
            places: made.places,
            place_ends: made.place_ends,
            first_sequences: vec![0; made.xids.len()],
            xids: made.xids,
        };
        Ok(sample)
    }

    fn of(rows: RecordBatch) -> anyhow::Result<Self> {
        static VERSION: AtomicU32 = AtomicU32::new(1);
        let schema = rows.schema();
        let text = |key: &str, default: &str| schema.metadata().get(key).cloned().unwrap_or_else(|| default.to_owned());
        let name = text("rowmill.table", "table");
        let topic = text("rowmill.topic", &format!("mysql_{name}"));
        let table = Table {
            version: VERSION.fetch_add(1, Ordering::Relaxed),
            database: text("rowmill.database", "database"),
            name,
            columns: Vec::new(),
            hidden: 0,
            key: Vec::new(),
        };
        let has = |name: &str| rows.column_by_name(name).is_some();
        let transactions = unnamed(&rows)?;
        Ok(Self {
            batch: Batch {
                table: Arc::new(table),
                shape: BatchShape {
                    before: has("before"),
                    partial: has("after_present"),
                    odd_dates: has("odd_dates"),
                },
                bytes: rows.get_array_memory_size(),
                transactions,
                rows,
            },
            topic: topic.into(),
        })
    }
}

/// As many transactions as column `txn` points at, without names.
fn unnamed(rows: &RecordBatch) -> anyhow::Result<Transactions> {
    /// A file with more than this did not come from rowmill.
    const MOST: u32 = 1 << 20;
    let txn = rows.column_by_name("txn").and_then(|txn| txn.as_primitive_opt::<UInt32Type>());
    let last = txn.and_then(|txn| txn.values().iter().copied().max()).unwrap_or(0);
    if last > MOST {
        bail!("column txn points at transaction {last}; at most {MOST} are expected");
    }
    let count = usize::try_from(last).unwrap_or(0) + 1;
    Ok(Transactions {
        gtids: String::new(),
        gtid_ends: vec![0; count],
        places: String::new(),
        place_ends: vec![0; count],
        xids: vec![0; count],
        first_sequences: vec![0; count],
    })
}

fn record_batches(bytes: &[u8]) -> Result<Vec<RecordBatch>, ArrowError> {
    if bytes.starts_with(FILE_MARK) {
        FileReader::try_new(Cursor::new(bytes), None)?.collect()
    } else {
        StreamReader::try_new(bytes, None)?.collect()
    }
}
