//! Dead letters: rows that were kept from the others, told so that a person can read them and a program can send them again.
//! `docs/dead-letters.md` has the form.

mod arrow_form;
mod notice;
mod record;
mod replay;
mod told;
mod values;

pub(super) use notice::Notices;
pub(super) use record::send;
pub use replay::{Outcome, Replayed, replay};
pub use told::{DeadLetter, dead_letters};

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Int64Type, UInt8Type, UInt32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use serde_json::Value;

use self::values::Image;
use super::decode::now_ms;
use crate::batch::{Batch, Undecoded, describe_columns, is_set};
use crate::config::{Config, OnError};
use crate::fault::Fault;
use crate::plugin::Rejected;
use crate::source::{self, RowOp, Table};

/// What the stages have to know of dead letters.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// Whose they are.
    pub(super) connector: String,
    /// Where they go.
    pub(super) topic: Arc<str>,
    /// What a row does whose record is too large.
    pub(super) sink: OnError,
    /// A row of more bytes is told without its long values: a letter has it in several forms.
    pub(super) most: usize,
}

/// Share of `limits.memory` up to which a row is told whole.
const ROW_SHARE: usize = 8;

impl Rules {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            connector: config.name.clone(),
            topic: Arc::from(config.sink.dead_letter_topic.as_str()),
            sink: config.sink.on_error,
            most: config.limits.memory / ROW_SHARE,
        }
    }
}

/// Who did not take a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Decoder,
    Plugin,
    Sink,
}

impl Stage {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Decoder => "decoder",
            Self::Plugin => "plugin",
            Self::Sink => "sink",
        }
    }
}

/// Why a row was not taken.
#[derive(Debug, Clone)]
pub(super) struct Reason {
    pub(super) stage: Stage,
    /// Short and stable.
    pub(super) code: String,
    /// In words, without a value of the row.
    pub(super) text: String,
    /// Name and SHA-256 of the plugin.
    pub(super) plugin: Option<(String, String)>,
    /// Whether the row becomes a letter, or is only counted.
    pub(super) on_error: OnError,
}

impl From<Rejected> for Reason {
    fn from(rejected: Rejected) -> Self {
        Self {
            stage: Stage::Plugin,
            code: rejected.code,
            text: rejected.text,
            plugin: Some((rejected.plugin, rejected.sha256)),
            on_error: rejected.on_error,
        }
    }
}

/// The row in the form from which it can be had again.
#[derive(Debug)]
enum Original {
    /// An Arrow stream.
    Arrow(Vec<u8>),
    /// What stands in the log, its columns by image, and what the table's columns are.
    Images { images: Vec<u8>, held: Value, columns: Value },
    /// So many bytes, which are too many.
    TooLarge(usize),
    /// An Arrow stream that would be too long, and was left out with the long values of the images.
    Cut,
}

/// A row that was not taken, and why.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) reason: Reason,
    pub(super) database: String,
    pub(super) table: String,
    op: &'static str,
    gtid: String,
    /// File and offset of the transaction.
    pub(super) place: String,
    /// Number within the transaction, from 0.
    row: Option<u64>,
    sequence: u64,
    /// Event time, milliseconds.
    event_ms: i64,
    /// When it was not taken, milliseconds.
    time_ms: i64,
    key: Option<Value>,
    before: Option<Image>,
    after: Option<Image>,
    original: Original,
    /// Places and lengths of values that are left out.
    cut: Image,
}

impl Letter {
    /// Of the row of a batch that has this number; of one with more than `most` bytes without its long values.
    ///
    /// # Errors
    /// `Stop` where no row has: a plugin has changed the column `seq`.
    pub(super) fn of_row(batch: &Batch, sequence: u64, reason: Reason, most: usize) -> Result<Self, Fault> {
        let rows = &batch.rows;
        let Some((row, op, txn)) = find(rows, sequence) else {
            let Batch { table, .. } = batch;
            let text = format!(
                "a row of {}.{} was not taken ({}: {}), and can't be told: a plugin has given it another seq than it had",
                table.database, table.name, reason.code, reason.text
            );
            return Err(Fault::stop(anyhow::Error::msg(text)));
        };
        let (gtid, place) = batch.transactions.names(txn);
        let first = batch.transactions.first_sequences.get(txn);
        let is_whole = bytes(rows, row) <= most;
        let mut cut = Image::new();
        let mut image = |name| told(name, values::image(rows, name, row), is_whole, &mut cut);
        let (before, after) = (image("before"), image("after"));
        let original = match is_whole {
            true => Original::Arrow(arrow_form::write(rows, row).map_err(Fault::stop)?),
            false => Original::Cut,
        };
        Ok(Self {
            database: batch.table.database.clone(),
            table: batch.table.name.clone(),
            op: match op {
                1 => "INSERT",
                2 => "UPDATE",
                _ => "DELETE",
            },
            gtid: gtid.to_owned(),
            place: place.to_owned(),
            row: first.and_then(|first| sequence.checked_sub(*first)),
            sequence,
            event_ms: event_ms(rows, row),
            time_ms: now_ms(),
            key: key(&batch.table, after.as_ref(), before.as_ref(), &[]),
            before,
            after,
            original,
            cut,
            reason,
        })
    }

    /// Of a row that could not be decoded.
    pub(super) fn of_undecoded(undecoded: Undecoded, on_error: OnError) -> Self {
        let table = &undecoded.table;
        let image = |name| undecoded.readable.as_ref().and_then(|batch| values::image(&batch.rows, name, 0));
        let raw = |mut image: Image| {
            for ordinal in &undecoded.flawed {
                bytes_of_number(table, *ordinal, &undecoded, &mut image);
            }
            image
        };
        let (before, after) = (image("before").map(raw), image("after").map(raw));
        let source::Transaction { gtid, file, pos, .. } = &undecoded.transaction;
        Self {
            database: table.database.clone(),
            table: table.name.clone(),
            op: match undecoded.op {
                RowOp::Insert => "INSERT",
                RowOp::Update => "UPDATE",
                RowOp::Delete => "DELETE",
            },
            gtid: gtid.clone(),
            place: format!("{file}:{pos}"),
            row: Some(undecoded.row),
            sequence: undecoded.seq,
            event_ms: undecoded.ts,
            time_ms: now_ms(),
            key: key(table, after.as_ref(), before.as_ref(), &undecoded.flawed),
            before,
            after,
            cut: Image::new(),
            original: match undecoded.images {
                Some(images) => Original::Images {
                    images,
                    held: held(table, undecoded.op, &undecoded.first, &undecoded.second),
                    columns: describe_columns(table),
                },
                None => Original::TooLarge(undecoded.bytes),
            },
            reason: Reason {
                stage: Stage::Decoder,
                code: undecoded.code.to_owned(),
                text: undecoded.text,
                plugin: None,
                on_error,
            },
        }
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        // The readable form takes some three times as much as the other.
        4 * match &self.original {
            Original::Arrow(bytes) | Original::Images { images: bytes, .. } => bytes.len(),
            Original::TooLarge(_) | Original::Cut => 0,
        }
    }
}

/// Bytes of a row's values, about.
fn bytes(rows: &RecordBatch, row: usize) -> usize {
    let one = rows.slice(row, 1);
    let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
    one.columns().iter().map(bytes).sum()
}

/// An image as a letter is to have it.
fn told(name: &str, image: Option<Image>, is_whole: bool, cut: &mut Image) -> Option<Image> {
    image.map(|image| if is_whole { image } else { record::shortened(name, &image, cut) })
}

/// Index, operation and transaction of the row that has this number.
fn find(rows: &RecordBatch, sequence: u64) -> Option<(usize, u8, usize)> {
    let sequences = rows.column_by_name("seq")?.as_primitive_opt::<UInt64Type>()?;
    let row = sequences.values().iter().position(|seq| *seq == sequence)?;
    let op = rows.column_by_name("op")?.as_primitive_opt::<UInt8Type>()?.values().get(row)?;
    let txn = rows.column_by_name("txn")?.as_primitive_opt::<UInt32Type>()?.values().get(row)?;
    Some((row, *op, usize::try_from(*txn).ok()?))
}

fn event_ms(rows: &RecordBatch, row: usize) -> i64 {
    let ts = rows.column_by_name("ts").and_then(|ts| ts.as_primitive_opt::<Int64Type>());
    ts.and_then(|ts| ts.values().get(row).copied()).unwrap_or_default()
}

/// The key's columns in key order, each of the image after, else of the one before; none where one is missing or at fault.
fn key(table: &Table, after: Option<&Image>, before: Option<&Image>, flawed: &[usize]) -> Option<Value> {
    let value = |ordinal: &usize| {
        let name = &table.columns.get(*ordinal)?.name;
        let found = after
            .and_then(|image| image.get(name))
            .or_else(|| before.and_then(|image| image.get(name)))?;
        (!flawed.contains(ordinal)).then(|| (name.clone(), found.clone()))
    };
    let key: Option<Image> = table.key.iter().map(value).collect();
    key.filter(|key| !key.is_empty()).map(Value::Object)
}

/// A column at fault with a fixed length was read as a number: shows the bytes that it was made of.
fn bytes_of_number(table: &Table, ordinal: usize, undecoded: &Undecoded, image: &mut Image) {
    let read_as = undecoded.readable.as_ref().and_then(|batch| batch.table.columns.get(ordinal));
    let (Some(column), Some(source::ColumnType::Bit { bits })) = (table.columns.get(ordinal), read_as.map(|column| &column.kind)) else {
        return;
    };
    if let Some(value) = image.get_mut(&column.name)
        && let Some(number) = value.as_u64()
    {
        let bytes = number.to_be_bytes();
        let start = bytes.len().saturating_sub(usize::from(*bits) / 8);
        *value = values::bytes(bytes.get(start..).unwrap_or_default());
    }
}

/// The names of the columns that each image holds.
fn held(table: &Table, op: RowOp, first: &source::Image, second: &source::Image) -> Value {
    let names = |image: &source::Image| -> Value {
        let is_held = |ordinal: usize| image.whole || is_set(&image.present, ordinal);
        let columns = table.columns.iter().enumerate();
        columns
            .filter(|(ordinal, _)| is_held(*ordinal))
            .map(|(_, column)| Value::from(column.name.as_str()))
            .collect()
    };
    match op {
        RowOp::Insert => serde_json::json!({ "after": names(second) }),
        RowOp::Delete => serde_json::json!({ "before": names(first) }),
        RowOp::Update => serde_json::json!({ "before": names(first), "after": names(second) }),
    }
}
