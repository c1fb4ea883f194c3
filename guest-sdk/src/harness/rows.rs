//! Rows of a batch, and the messages that they cross as.

use std::borrow::Cow;

use super::{Input, Shape, Value};
use crate::cells::Cells;
use crate::edit::{Bitmap, OddDates};
use crate::message::Parts;
use crate::{Error, Transactions};

/// A row's values, by column.
type Image = Option<Vec<Value>>;

/// Bits of column `flags`.
const FIRST: u8 = 1;
const LAST: u8 = 2;
const CHANGES_KEY: u8 = 4;
const SNAPSHOT: u8 = 8;

/// Changes of one table, in order.
///
/// ```
/// use rowmill_sdk::harness::{Opened, Rows, Shape, Value};
/// let shape = Shape::new("shop", "orders").column("id", "int", &[]).column("note", "text", &[]).key(&[0]);
/// let rows = Rows::new(&shape)
///     .transaction("3e11fa47-71ca-11e1-9e33-c80aa9429562:24", "binlog.000002:400", 7)
///     .insert(vec![1.into(), "a".into()])
///     .update(vec![1.into(), Value::Absent], vec![Value::Absent, Value::Null])
///     .transaction("3e11fa47-71ca-11e1-9e33-c80aa9429562:25", "binlog.000002:900", 8)
///     .key_update(vec![1.into(), Value::Null], vec![2.into(), Value::Null])
///     .delete(vec![2.into(), Value::Null]);
/// assert_eq!((rows.len(), rows.is_empty(), rows.transactions().xid(1)), (4, false, 8));
/// let opened = Opened::new(&rows)?;
/// let batch = opened.batch()?;
/// assert!(batch.flags(1).is_last() && batch.flags(2).changes_key() && !batch.flags(2).is_snapshot());
///
/// // Rows of a snapshot, at other times.
/// let read = Rows::new(&shape).at(1_700_000_000_000, 1_700_000_000_500).from_seq(7).snapshot().insert(vec![1.into(), "a".into()]);
/// let (schema, message) = read.messages()?; // what the host would give the plugin
/// assert!(!schema.is_empty() && !message.is_empty());
/// let opened = Opened::new(&read)?;
/// let batch = opened.batch()?;
/// assert_eq!((batch.seq(0), batch.ts(0), batch.flags(0).is_snapshot()), (7, 1_700_000_000_000, true));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rows {
    shape: Shape,
    rows: Vec<Row>,
    ts: i64,
    checkpoint_ts: i64,
    first_seq: u64,
    transactions: Vec<(String, String, u64)>,
    snapshot: bool,
}

#[derive(Debug, Clone)]
struct Row {
    op: u8,
    flags: u8,
    txn: usize,
    before: Image,
    after: Image,
}

impl Rows {
    /// No rows yet. The first has the sequence number 1614748790461000000 and each one more; the event time is
    /// 1614748870000 and so is the checkpoint's ([example](Self)).
    pub fn new(shape: &Shape) -> Self {
        Self {
            shape: shape.clone(),
            rows: Vec::new(),
            ts: 1_614_748_870_000,
            checkpoint_ts: 1_614_748_870_000,
            first_seq: 1_614_748_790_461_000_000,
            transactions: Vec::new(),
            snapshot: false,
        }
    }

    /// The same with other times, in milliseconds ([example](Self)).
    #[must_use]
    pub fn at(mut self, ts: i64, checkpoint_ts: i64) -> Self {
        (self.ts, self.checkpoint_ts) = (ts, checkpoint_ts);
        self
    }

    /// The same, counted from another sequence number ([example](Self)).
    #[must_use]
    pub fn from_seq(mut self, seq: u64) -> Self {
        self.first_seq = seq;
        self
    }

    /// The rows that follow belong to this transaction: its GTID, the place of its first event, the storage engine's id. Its first and last
    /// row are flagged so ([example](Self)).
    #[must_use]
    pub fn transaction(mut self, gtid: &str, place: &str, xid: u64) -> Self {
        self.transactions.push((gtid.to_owned(), place.to_owned(), xid));
        self
    }

    /// The rows that follow are rows of a snapshot ([example](Self)).
    #[must_use]
    pub fn snapshot(mut self) -> Self {
        self.snapshot = true;
        self
    }

    /// One more insert ([example](Self)).
    #[must_use]
    pub fn insert(self, after: Vec<Value>) -> Self {
        self.row(1, 0, None, Some(after))
    }

    /// One more update ([example](Self)).
    #[must_use]
    pub fn update(self, before: Vec<Value>, after: Vec<Value>) -> Self {
        self.row(2, 0, Some(before), Some(after))
    }

    /// One more update, one that changes the key ([example](Self)).
    #[must_use]
    pub fn key_update(self, before: Vec<Value>, after: Vec<Value>) -> Self {
        self.row(2, CHANGES_KEY, Some(before), Some(after))
    }

    /// One more delete ([example](Self)).
    #[must_use]
    pub fn delete(self, before: Vec<Value>) -> Self {
        self.row(3, 0, Some(before), None)
    }

    fn row(mut self, op: u8, flags: u8, before: Image, after: Image) -> Self {
        let flags = flags | if self.snapshot { SNAPSHOT } else { 0 };
        let txn = self.transactions.len().saturating_sub(1);
        self.rows.push(Row {
            op,
            flags,
            txn,
            before,
            after,
        });
        self
    }

    /// Number of rows ([example](Self)).
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row ([example](Self)).
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The transactions that the rows belong to; where none was named, one that all of them do ([example](Self)).
    pub fn transactions(&self) -> Transactions {
        let unnamed = [(
            "3e11fa47-71ca-11e1-9e33-c80aa9429562:23".to_owned(),
            "binlog.000002:4".to_owned(),
            1,
        )];
        let named = if self.transactions.is_empty() {
            &unnamed[..]
        } else {
            &self.transactions
        };
        let mut all = Transactions::default();
        let end = |text: &str| u32::try_from(text.len()).unwrap_or(0);
        for (gtid, place, xid) in named {
            all.gtids.push_str(gtid);
            all.gtid_ends.push(end(&all.gtids));
            all.places.push_str(place);
            all.place_ends.push(end(&all.places));
            all.xids.push(*xid);
        }
        all
    }

    /// The schema message and the record-batch message ([example](Self)).
    ///
    /// # Errors
    /// `harness` where a value is not one of its column's type.
    pub fn messages(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let images = |after: bool| self.rows.iter().map(move |row| if after { &row.after } else { &row.before });
        let values = || images(false).chain(images(true)).flatten().flatten();
        let has_before = images(false).any(Option::is_some);
        let partial = values().any(|value| matches!(value, Value::Absent));
        let odd = values().any(|value| matches!(value, Value::OddDate(_)));
        let mut parts = Parts::default();
        self.leading(&mut parts);
        if has_before {
            self.image(images(false), &mut parts)?;
        }
        self.image(images(true), &mut parts)?;
        if partial && has_before {
            self.present(images(false), &mut parts);
        }
        if partial {
            self.present(images(true), &mut parts);
        }
        if odd {
            self.odd_dates().add_to(&mut parts);
        }
        let tree = self.shape.tree(has_before, partial, odd);
        Ok((tree.message(), parts.message(self.rows.len())))
    }

    /// Sequence number, op, flags, times and transaction.
    fn leading(&self, parts: &mut Parts<'_>) {
        let marked = !self.transactions.is_empty();
        let txn = |at: Option<usize>| at.and_then(|at| self.rows.get(at)).map(|row| row.txn);
        let flags = self.rows.iter().enumerate().map(|(at, row)| {
            let first = marked && txn(at.checked_sub(1)) != Some(row.txn);
            let last = marked && txn(Some(at + 1)) != Some(row.txn);
            row.flags | if first { FIRST } else { 0 } | if last { LAST } else { 0 }
        });
        let each = |bytes: [u8; 8]| self.rows.iter().flat_map(|_| bytes).collect::<Vec<u8>>();
        let seqs = (self.first_seq..).zip(&self.rows);
        let buffers = [
            seqs.flat_map(|(seq, _)| seq.to_le_bytes()).collect(),
            self.rows.iter().map(|row| row.op).collect(),
            flags.collect(),
            each(self.ts.to_le_bytes()),
            each(self.checkpoint_ts.to_le_bytes()),
            self.rows
                .iter()
                .flat_map(|row| u32::try_from(row.txn).unwrap_or(0).to_le_bytes())
                .collect(),
        ];
        for buffer in buffers {
            parts.nodes.push((self.rows.len(), 0));
            parts.buffers.extend([Cow::Borrowed([].as_slice()), Cow::Owned(buffer)]);
        }
    }

    fn image<'i>(&self, images: impl Iterator<Item = &'i Image> + Clone, parts: &mut Parts<'_>) -> Result<(), Error> {
        let mut valid = Bitmap::default();
        images.clone().for_each(|image| valid.push(image.is_some()));
        parts.nodes.push((self.rows.len(), valid.unset()));
        parts.buffers.push(Cow::Owned(valid.bytes));
        for (i, field) in self.shape.columns.iter().enumerate() {
            let mut cells = Cells::new(field, self.rows.len());
            for image in images.clone() {
                let value = image.as_ref().and_then(|image| image.get(i)).unwrap_or(&Value::Null);
                value.write(&mut cells)?;
                cells.end(|| None)?;
            }
            cells.add_to(parts);
        }
        Ok(())
    }

    fn present<'i>(&self, images: impl Iterator<Item = &'i Image>, parts: &mut Parts<'_>) {
        let width = self.shape.columns.len().div_ceil(8);
        let mut valid = Bitmap::default();
        let mut bytes = Vec::new();
        for image in images {
            let partial = image.as_ref().filter(|image| image.contains(&Value::Absent));
            valid.push(partial.is_some());
            let mut bits = Bitmap::default();
            for value in partial.into_iter().flatten() {
                bits.push(*value != Value::Absent);
            }
            bits.bytes.resize(width, 0);
            bytes.append(&mut bits.bytes);
        }
        parts.nodes.push((self.rows.len(), valid.unset()));
        parts.buffers.extend([Cow::Owned(valid.bytes), Cow::Owned(bytes)]);
    }

    fn odd_dates(&self) -> OddDates {
        let mut found = OddDates::default();
        for row in &self.rows {
            let start = found.texts.len();
            for (after, image) in [(0_u8, &row.before), (1, &row.after)] {
                for (column, value) in (0_u16..).zip(image.iter().flatten()) {
                    if let Value::OddDate(text) = value {
                        found.images.push(after);
                        found.columns.extend_from_slice(&column.to_le_bytes());
                        found.texts.push(text.clone().into_bytes());
                    }
                }
            }
            found.valid.push(found.texts.len() > start);
            found.ends.push(found.texts.len());
        }
        found
    }
}

impl Input for Rows {
    fn messages(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        Self::messages(self)
    }

    fn transactions(&self) -> Transactions {
        Self::transactions(self)
    }
}
