//! Rows that can't be decoded, or are larger than they may be: what there is to tell of them, for a dead letter.

use std::sync::Arc;

use super::Batch;
use super::builder::{Builder, Stamp};
use super::cursor::Cursor;
use super::fields::Shared;
use super::image::Place;
use super::plan::{Decoder, Extent};
use crate::config::Topics;
use crate::source::{ColumnType, Image, RowOp, Rows, Server, Table, Transaction};

/// A row that was left out of its batch.
#[derive(Debug)]
pub struct Undecoded {
    /// The table's version.
    pub table: Arc<Table>,
    /// What was to be done with it.
    pub op: RowOp,
    /// Its transaction.
    pub transaction: Transaction,
    /// Its number in the connector.
    pub seq: u64,
    /// Its number in the transaction, from 0.
    pub row: u64,
    /// Event time, milliseconds.
    pub ts: i64,
    /// Bytes of its images.
    pub bytes: usize,
    /// The images as they came; none of a row that is too large.
    pub images: Option<Vec<u8>>,
    /// Columns that the only image, or the one before, has.
    pub first: Image,
    /// Columns that the image after has; as `first` where there is one only.
    pub second: Image,
    /// The row in a batch of its own, in which the columns at fault are bytes; none where that can't be made.
    pub readable: Option<Batch>,
    /// Ordinals of the columns at fault.
    pub flawed: Vec<usize>,
    /// A short name for what is wrong.
    pub code: &'static str,
    /// In words, without any value.
    pub text: String,
}

/// What rows of one event share.
pub(super) struct About<'a> {
    pub(super) server: &'a Server,
    pub(super) topics: &'a Topics,
    pub(super) transaction: &'a Transaction,
    /// The event.
    pub(super) rows: &'a Rows<'a>,
    /// `limits.row`.
    pub(super) limit: usize,
    /// Whether rows may be left out at all.
    pub(super) may_pass: bool,
}

/// Which row it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    pub(super) seq: u64,
    /// Number of its transaction's first row.
    pub(super) first: u64,
    /// Within its event, from 0.
    pub(super) number: usize,
    pub(super) stamp: Stamp,
}

/// Why a row is left out.
#[derive(Debug)]
pub(super) enum Unfit {
    /// Bytes that can't be decoded.
    Flawed(Place),
    /// So many bytes are more than `limits.row`.
    TooLarge(usize),
}

impl Unfit {
    /// Whether other rows of the event can be told from it.
    pub(super) fn is_rows_own(&self) -> bool {
        match self {
            Self::Flawed(place) => place.flaw.code().is_some(),
            Self::TooLarge(_) => true,
        }
    }
}

impl Undecoded {
    #[cold]
    pub(super) fn new(about: &About<'_>, images: &[u8], refused: Refused, unfit: Unfit) -> Self {
        let rows = about.rows;
        let Transaction { file, pos, .. } = about.transaction;
        let at = format!("row {} of an event in the transaction at {file}:{pos}", refused.number + 1);
        let (code, text, first_flawed) = match unfit {
            Unfit::TooLarge(bytes) => {
                let limit = about.limit;
                let text =
                    format!("{at} has {bytes} bytes, more than the {limit} that limits.row allows; raise it, and limits.memory with it");
                ("row_too_large", text, None)
            }
            Unfit::Flawed(Place { column, flaw }) => {
                let named = column.and_then(|ordinal| rows.table.columns.get(ordinal));
                let of = named.map(|column| format!("column `{}` ({}) of ", column.name, column.type_text));
                let text = format!("decoding {}{at}: {flaw}", of.unwrap_or_default());
                (flaw.code().unwrap_or("invalid_value"), text, column)
            }
        };
        let (readable, flawed) = match first_flawed {
            Some(ordinal) => salvage(about, images, refused, ordinal),
            None => (None, Vec::new()),
        };
        Self {
            table: Arc::clone(rows.table),
            op: rows.op,
            transaction: about.transaction.clone(),
            seq: refused.seq,
            row: refused.seq.saturating_sub(refused.first),
            ts: refused.stamp.ts,
            bytes: images.len(),
            images: (code != "row_too_large").then(|| images.to_vec()),
            first: rows.first.clone(),
            second: rows.second.clone(),
            readable,
            flawed,
            code,
            text,
        }
    }
}

/// The row with the columns at fault taken as bytes, beginning with `ordinal`; and which columns these are.
fn salvage(about: &About<'_>, images: &[u8], refused: Refused, ordinal: usize) -> (Option<Batch>, Vec<usize>) {
    let rows = about.rows;
    let topic = about.topics.name(&rows.table.database, &rows.table.name);
    let mut table = Table::clone(rows.table);
    let mut flawed = Vec::new();
    let mut next = Some(ordinal);
    while let Some(ordinal) = next.filter(|ordinal| !flawed.contains(ordinal)) {
        flawed.push(ordinal);
        let Some(raw) = table.columns.get_mut(ordinal).and_then(|column| Some((raw(&column.kind)?, column))) else {
            return (None, flawed);
        };
        let (kind, column) = raw;
        column.kind = kind;
        let table = Arc::new(table.clone());
        let Ok(mut builder) = Builder::new(&table, about.server, &topic, &mut Shared::default()) else {
            return (None, flawed);
        };
        builder.enter(about.transaction, refused.first);
        let row = Rows {
            table: &table,
            first: rows.first.clone(),
            second: rows.second.clone(),
            data: images,
            ..*rows
        };
        match builder.push(&row, &mut Cursor::new(images), refused.seq, 0, refused.stamp) {
            Ok(()) => return (builder.finish().ok().flatten(), flawed),
            Err(place) => next = place.column,
        }
    }
    (None, flawed)
}

/// A type that takes any bytes where this one takes its values: numbers of as many bytes stand for those of a fixed length.
fn raw(kind: &ColumnType) -> Option<ColumnType> {
    match Decoder::new(kind).ok()?.extent() {
        Extent::Prefixed(length_bytes) => Some(ColumnType::Binary { length_bytes }),
        Extent::Fixed(bytes) => {
            let bits = u8::try_from(bytes.checked_mul(8)?).ok()?;
            (8..=64).contains(&bits).then_some(ColumnType::Bit { bits })
        }
    }
}
