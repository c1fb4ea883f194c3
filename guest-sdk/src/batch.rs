//! One batch of changes: a view over the record-batch message, without a copy.

use crate::Error;
use crate::column::{Bits, Buffers, Bytes, Column, Fixed};
use crate::flatbuffer::Pairs;
use crate::message::{self, Header};
use crate::schema::{ImagePlace, Place, Schema};
use crate::transactions::Transactions;

/// Changes of one table under one version of its schema, in binlog order.
///
/// [`Batch::iter`] and [`Batch::row`] give rows, [`Batch::edit`] changes the batch. For speed its columns can be read as they lie:
///
/// ```
/// use rowmill_sdk::{Batch, Schema, Values, harness::{Input, Rows}};
/// let rows = Rows::sample();
/// let ((schema, batch), transactions) = (rows.messages()?, rows.transactions());
/// let schema = Schema::read(&schema)?;
/// let batch = Batch::read(&schema, &batch, &transactions)?;
/// let ids = &batch.after.columns[schema.column("id")?];
/// let Values::Int64(values) = ids.values else { unreachable!("a BIGINT is one") };
/// let sum: i64 = (0..batch.rows()).filter(|row| batch.after.has(*row) && !ids.is_null(*row)).map(|row| values.i64(row)).sum();
/// assert_eq!((sum, batch.transactions.gtid(batch.txn(0))), (11, "3e11fa47-71ca-11e1-9e33-c80aa9429562:23"));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
pub struct Batch<'a> {
    /// The table's version.
    pub schema: &'a Schema,
    /// What column `txn` points into.
    pub transactions: &'a Transactions,
    /// Rows before their change; none where no row has one.
    pub before: Option<Image<'a>>,
    /// Rows after their change.
    pub after: Image<'a>,
    rows: usize,
    seq: Fixed<'a, 8>,
    op: Fixed<'a, 1>,
    flags: Fixed<'a, 1>,
    ts: Fixed<'a, 8>,
    checkpoint_ts: Fixed<'a, 8>,
    txn: Fixed<'a, 4>,
    odd_dates: Option<OddDates<'a>>,
    /// Where its buffers are.
    pub(crate) frame: Frame<'a>,
    /// The encapsulated message that this was read from.
    pub message: &'a [u8],
}

/// What happened to a row.
///
/// ```
/// use rowmill_sdk::{Op, harness::{Opened, Rows}};
/// let opened = Opened::new(&Rows::sample())?;
/// let ops = opened.batch()?.iter().map(|row| row.op()).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((ops[0], ops[1], ops[6]), (Op::Insert, Op::Update, Op::Delete));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A new row: `after` only.
    Insert,
    /// A changed row: both images.
    Update,
    /// A row that is gone: `before` only.
    Delete,
}

/// Bits of column `flags`.
///
/// ```
/// use rowmill_sdk::harness::{Opened, Rows, Shape};
/// let shape = Shape::new("shop", "orders").column("id", "bigint", &[]).key(&[0]);
/// let rows = Rows::new(&shape)
///     .transaction("3e11fa47-71ca-11e1-9e33-c80aa9429562:24", "binlog.000002:400", 7)
///     .insert(vec![1.into()])
///     .key_update(vec![1.into()], vec![2.into()]);
/// let opened = Opened::new(&rows)?;
/// let (insert, update) = (opened.batch()?.flags(0), opened.batch()?.flags(1));
/// assert!(insert.is_first() && !insert.is_last() && !insert.is_snapshot());
/// assert!(update.is_last() && update.changes_key());
/// assert_eq!(update.bits(), 0b110);
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// First row of its transaction ([example](Self)).
    pub fn is_first(self) -> bool {
        self.0 & 1 != 0
    }

    /// Last row of its transaction, where that was known when the batch was cut ([example](Self)).
    pub fn is_last(self) -> bool {
        self.0 & 2 != 0
    }

    /// The update changes the key ([example](Self)).
    #[inline]
    pub fn changes_key(self) -> bool {
        self.0 & 4 != 0
    }

    /// All of them, as column `flags` has them ([example](Self)).
    pub fn bits(self) -> u8 {
        self.0
    }

    /// A row of a snapshot ([example](Self)).
    pub fn is_snapshot(self) -> bool {
        self.0 & 8 != 0
    }
}

/// Rows before or after their change.
///
/// ```
/// use rowmill_sdk::harness::{Opened, Rows, Shape, Value};
/// let shape = Shape::new("shop", "orders").column("id", "bigint", &[]).column("note", "text", &[]).key(&[0]);
/// // Under binlog_row_image=MINIMAL an update tells the key of the row before it, and of the row after it what it has set.
/// let rows = Rows::new(&shape).update(vec![1.into(), Value::Absent], vec![Value::Absent, Value::Null]);
/// let opened = Opened::new(&rows)?;
/// let after = opened.batch()?.after;
/// assert!(after.has(0) && !after.is_whole(0));
/// assert!(!after.is_present(0, 0)); // no word of `id`
/// assert!(after.is_present(0, 1) && after.columns[1].is_null(0)); // `note` is NULL now
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
pub struct Image<'a> {
    /// The table's columns, in order.
    pub columns: Vec<Column<'a>>,
    valid: Option<Bits<'a>>,
    present: Option<Present<'a>>,
}

impl Image<'_> {
    /// Whether the row has this image ([example](Self)).
    #[inline]
    pub fn has(&self, row: usize) -> bool {
        self.valid.is_none_or(|valid| valid.get(row))
    }

    /// Whether the row's image has every column ([example](Self)).
    #[inline]
    pub fn is_whole(&self, row: usize) -> bool {
        self.present
            .as_ref()
            .is_none_or(|present| present.valid.is_some_and(|valid| !valid.get(row)))
    }

    /// Whether the column is in the row's image. One that is not is absent, which is not NULL ([example](Self)).
    #[inline]
    pub fn is_present(&self, row: usize, column: usize) -> bool {
        self.is_whole(row) || self.present.as_ref().is_some_and(|present| present.get(row, column))
    }
}

struct Present<'a> {
    valid: Option<Bits<'a>>,
    bytes: &'a [u8],
    width: usize,
}

impl Present<'_> {
    fn get(&self, row: usize, column: usize) -> bool {
        column / 8 < self.width
            && self
                .bytes
                .get(row * self.width + column / 8)
                .is_some_and(|byte| byte >> (column % 8) & 1 == 1)
    }
}

struct OddDates<'a> {
    valid: Option<Bits<'a>>,
    offsets: &'a [[u8; 4]],
    image: Fixed<'a, 1>,
    column: Fixed<'a, 2>,
    text: Bytes<'a>,
    items: usize,
}

impl<'a> Batch<'a> {
    /// Reads an encapsulated record-batch message of `schema` ([example](Self)).
    ///
    /// # Errors
    /// `malformed-message` where a buffer lies outside of the message or is too short.
    pub fn read(schema: &'a Schema, bytes: &'a [u8], transactions: &'a Transactions) -> Result<Self, Error> {
        let frame = Frame::read(bytes)?;
        let rows = frame.rows;
        let places = &schema.places;
        let image = |place: &ImagePlace, present: Option<Place>| -> Result<Image<'a>, Error> {
            let columns = schema.columns.iter().zip(&place.columns);
            Ok(Image {
                columns: columns
                    .map(|(field, at)| frame.buffers(*at)?.column(field.storage, rows))
                    .collect::<Result<_, _>>()?,
                valid: frame.valid(place.at)?,
                present: present.map(|at| frame.present(at, schema.columns.len())).transpose()?,
            })
        };
        Ok(Self {
            schema,
            transactions,
            before: places
                .before
                .as_ref()
                .map(|place| image(place, places.before_present))
                .transpose()?,
            after: image(&places.after, places.after_present)?,
            rows,
            seq: frame.fixed(places.seq)?,
            op: frame.fixed(places.op)?,
            flags: frame.fixed(places.flags)?,
            ts: frame.fixed(places.ts)?,
            checkpoint_ts: frame.fixed(places.checkpoint_ts)?,
            txn: frame.fixed(places.txn)?,
            odd_dates: places.odd_dates.map(|at| frame.odd_dates(at)).transpose()?,
            frame,
            message: bytes,
        })
    }

    /// Number of rows ([example](Self)).
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Order of the row's change in the connector; both halves of an update share it.
    ///
    /// ```
    /// use rowmill_sdk::{Op, harness::{Opened, Rows}};
    /// let opened = Opened::new(&Rows::sample().at(1_614_748_870_000, 1_614_748_869_000))?;
    /// let batch = opened.batch()?;
    /// assert_eq!((batch.seq(0), batch.seq(2)), (1_614_748_790_461_000_000, 1_614_748_790_461_000_002));
    /// assert_eq!((batch.op(2)?, batch.flags(2).changes_key()), (Op::Update, true));
    /// assert_eq!(batch.ts(2) - batch.checkpoint_ts(2), 1000);
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    #[inline]
    pub fn seq(&self, row: usize) -> u64 {
        self.seq.u64(row)
    }

    /// What happened to the row ([example](Self::seq)).
    ///
    /// # Errors
    /// `unknown-op` for a number that this SDK does not know.
    #[inline]
    pub fn op(&self, row: usize) -> Result<Op, Error> {
        match self.op.u8(row) {
            1 => Ok(Op::Insert),
            2 => Ok(Op::Update),
            3 => Ok(Op::Delete),
            op => Err(Error::new("unknown-op", format!("reading the op of a row: {op} is none of 1, 2, 3")).at_row(row)),
        }
    }

    /// Flags of the row ([example](Self::seq)).
    #[inline]
    pub fn flags(&self, row: usize) -> Flags {
        Flags(self.flags.u8(row))
    }

    /// Event time, in milliseconds since 1970-01-01T00:00Z ([example](Self::seq)).
    #[inline]
    pub fn ts(&self, row: usize) -> i64 {
        self.ts.i64(row)
    }

    /// Header time of the transaction's first event, in milliseconds since 1970-01-01T00:00Z ([example](Self::seq)).
    #[inline]
    pub fn checkpoint_ts(&self, row: usize) -> i64 {
        self.checkpoint_ts.i64(row)
    }

    /// Index of the row's transaction in `transactions` ([example](Self)).
    #[inline]
    pub fn txn(&self, row: usize) -> usize {
        usize::try_from(self.txn.u32(row)).unwrap_or(usize::MAX)
    }

    /// The batch as an Arrow IPC stream: the schema's message, its own, and the end of the stream.
    ///
    /// ```
    /// use arrow::ipc::reader::StreamReader;
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let opened = Opened::new(&Rows::sample())?;
    /// let stream = opened.batch()?.stream().concat();
    /// let mut batches = StreamReader::try_new(stream.as_slice(), None)?;
    /// assert_eq!(batches.next().transpose()?.map(|batch| batch.num_rows()), Some(7));
    /// assert!(batches.next().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stream(&self) -> [&'a [u8]; 3] {
        const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        [&self.schema.message, self.message, &END]
    }

    /// Whether the batch may hold zero or impossible dates, which are null in their columns ([example](Self::odd_date)).
    pub fn has_odd_dates(&self) -> bool {
        self.odd_dates.is_some()
    }

    /// The text that MySQL prints for a zero or impossible date; `after` chooses the image. None where the value is not one.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let opened = Opened::new(&Rows::sample())?;
    /// let batch = opened.batch()?;
    /// let day = batch.schema.column("day")?;
    /// assert!(batch.has_odd_dates() && batch.after.columns[day].is_null(4));
    /// assert_eq!(batch.odd_date(4, true, day), Some(&b"0000-00-00"[..]));
    /// assert_eq!(batch.odd_date(0, true, day), None); // a date as any other
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    pub fn odd_date(&self, row: usize, after: bool, column: usize) -> Option<&'a [u8]> {
        let odd = self.odd_dates.as_ref()?;
        if odd.valid.is_some_and(|valid| !valid.get(row)) {
            return None;
        }
        let bound = |at: usize| {
            odd.offsets
                .get(at)
                .and_then(|offset| usize::try_from(i32::from_le_bytes(*offset)).ok())
        };
        let found = |i: &usize| odd.image.u8(*i) == u8::from(after) && usize::from(odd.column.u16(*i)) == column;
        (bound(row)?..bound(row + 1)?.min(odd.items)).find(found).map(|i| odd.text.get(i))
    }
}

/// A record batch's body and where its buffers are.
pub(crate) struct Frame<'a> {
    body: &'a [u8],
    rows: usize,
    pub(crate) nodes: Pairs<'a>,
    buffers: Pairs<'a>,
}

impl<'a> Frame<'a> {
    /// Of an encapsulated record-batch message.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, body) = message::open(bytes, Header::RecordBatch)?;
        if header.table(3)?.is_some() {
            return Err(Error::malformed("it is compressed"));
        }
        Ok(Self {
            body,
            rows: usize::try_from(header.i64(0)?).map_err(|_| Error::malformed("it has a negative length"))?,
            nodes: header.pairs(1)?,
            buffers: header.pairs(2)?,
        })
    }

    pub(crate) fn buffer(&self, i: usize) -> Result<&'a [u8], Error> {
        let (at, length) = self.buffers.get(i)?;
        self.body
            .get(at..)
            .and_then(|rest| rest.get(..length))
            .ok_or_else(|| Error::malformed("a buffer lies outside of the body"))
    }

    fn valid_of(&self, at: Place, rows: usize) -> Result<Option<Bits<'a>>, Error> {
        let (length, nulls) = self.nodes.get(at.node)?;
        if length != rows {
            return Err(Error::malformed("a column has another length than its batch"));
        }
        if nulls == 0 {
            Ok(None)
        } else {
            Bits::new(self.buffer(at.buffer)?, rows).map(Some)
        }
    }

    fn valid(&self, at: Place) -> Result<Option<Bits<'a>>, Error> {
        self.valid_of(at, self.rows)
    }

    pub(crate) fn buffers(&self, at: Place) -> Result<Buffers<'a>, Error> {
        self.buffers_of(at, self.rows)
    }

    /// The second buffer is empty for types that have none.
    fn buffers_of(&self, at: Place, rows: usize) -> Result<Buffers<'a>, Error> {
        Ok(Buffers {
            valid: self.valid_of(at, rows)?,
            first: self.buffer(at.buffer + 1)?,
            second: self.buffer(at.buffer + 2).unwrap_or_default(),
        })
    }

    fn fixed<const N: usize>(&self, at: Place) -> Result<Fixed<'a, N>, Error> {
        self.valid(at)?;
        Fixed::new(self.buffer(at.buffer + 1)?, self.rows)
    }

    fn present(&self, at: Place, columns: usize) -> Result<Present<'a>, Error> {
        let width = columns.div_ceil(8);
        let bytes = self.buffer(at.buffer + 1)?;
        match self.rows.checked_mul(width).and_then(|length| bytes.get(..length)) {
            Some(bytes) => Ok(Present {
                valid: self.valid(at)?,
                bytes,
                width,
            }),
            None => Err(Error::malformed("a presence bitset is shorter than its batch")),
        }
    }

    /// A list of structs: list, struct, image, column, text, one node each; buffers 2, 1, 2, 2, 3.
    fn odd_dates(&self, at: Place) -> Result<OddDates<'a>, Error> {
        let (node, buffer) = (at.node, at.buffer);
        let valid = self.valid(at)?;
        let (items, _) = self.nodes.get(node + 1)?;
        let offsets = self.buffer(buffer + 1)?.as_chunks().0;
        if self.rows > 0 && offsets.len() <= self.rows {
            return Err(Error::malformed("an offset buffer is shorter than its batch"));
        }
        let text = self.buffers_of(
            Place {
                node: node + 4,
                buffer: buffer + 7,
            },
            items,
        )?;
        Ok(OddDates {
            valid,
            offsets,
            image: Fixed::new(self.buffer(buffer + 4)?, items)?,
            column: Fixed::new(self.buffer(buffer + 6)?, items)?,
            text: Bytes::new(text.first, text.second, items)?,
            items,
        })
    }
}
