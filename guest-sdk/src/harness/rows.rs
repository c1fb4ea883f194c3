//! Rows of a batch, and the messages that they cross as.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeBinaryArray, Int64Array, ListArray, RecordBatch, StringArray, StructArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::ipc::writer::StreamWriter;

use super::arrays::array;
use super::shape::odd_date_fields;
use super::{Shape, Value};
use crate::{Error, Transactions};

/// A row's values, by column.
type Image = Option<Vec<Value>>;

/// Changes of one table, in order.
#[derive(Debug, Clone)]
pub struct Rows {
    shape: Shape,
    rows: Vec<Row>,
    ts: i64,
    checkpoint_ts: i64,
    first_seq: u64,
}

#[derive(Debug, Clone)]
struct Row {
    op: u8,
    flags: u8,
    before: Image,
    after: Image,
}

impl Rows {
    /// No rows yet. The first has the sequence number 1614748790461000000 and each one more; the event time is
    /// 1614748870000 and so is the checkpoint's.
    pub fn new(shape: &Shape) -> Self {
        Self {
            shape: shape.clone(),
            rows: Vec::new(),
            ts: 1_614_748_870_000,
            checkpoint_ts: 1_614_748_870_000,
            first_seq: 1_614_748_790_461_000_000,
        }
    }

    /// The same with other times, in milliseconds.
    #[must_use]
    pub fn at(mut self, ts: i64, checkpoint_ts: i64) -> Self {
        (self.ts, self.checkpoint_ts) = (ts, checkpoint_ts);
        self
    }

    /// The same, counted from another sequence number.
    #[must_use]
    pub fn from_seq(mut self, seq: u64) -> Self {
        self.first_seq = seq;
        self
    }

    /// One more insert.
    #[must_use]
    pub fn insert(self, after: Vec<Value>) -> Self {
        self.row(1, 0, None, Some(after))
    }

    /// One more update.
    #[must_use]
    pub fn update(self, before: Vec<Value>, after: Vec<Value>) -> Self {
        self.row(2, 0, Some(before), Some(after))
    }

    /// One more update, one that changes the key.
    #[must_use]
    pub fn key_update(self, before: Vec<Value>, after: Vec<Value>) -> Self {
        self.row(2, 4, Some(before), Some(after))
    }

    /// One more delete.
    #[must_use]
    pub fn delete(self, before: Vec<Value>) -> Self {
        self.row(3, 0, Some(before), None)
    }

    fn row(mut self, op: u8, flags: u8, before: Image, after: Image) -> Self {
        self.rows.push(Row { op, flags, before, after });
        self
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// One transaction, which every row belongs to.
    pub fn transactions(&self) -> Transactions {
        let gtid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23";
        let place = "binlog.000002:4";
        let end = |text: &str| vec![u32::try_from(text.len()).unwrap_or(0)];
        Transactions {
            gtids: gtid.into(),
            gtid_ends: end(gtid),
            places: place.into(),
            place_ends: end(place),
            xids: vec![1],
        }
    }

    /// The schema message and the record-batch message.
    ///
    /// # Errors
    /// `harness` where arrow-rs refuses the values.
    pub fn messages(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let batch = self.record_batch().map_err(refused)?;
        let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref()).map_err(refused)?;
        let schema = writer.get_ref().clone();
        writer.write(&batch).map_err(refused)?;
        let batch = writer.get_ref().get(schema.len()..).unwrap_or_default().to_vec();
        Ok((schema, batch))
    }

    /// The rows as the contract's columns.
    ///
    /// # Errors
    /// What arrow-rs says.
    pub fn record_batch(&self) -> Result<RecordBatch, arrow::error::ArrowError> {
        let images = |after: bool| self.rows.iter().map(move |row| if after { &row.after } else { &row.before });
        let values = || images(false).chain(images(true)).flatten().flatten();
        let has_before = images(false).any(Option::is_some);
        let partial = values().any(|value| matches!(value, Value::Absent));
        let odd = values().any(|value| matches!(value, Value::OddDate(_)));
        let schema = self.shape.schema(has_before, partial, odd);
        let counted = || (0..).zip(&self.rows);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(counted().map(|(i, _)| self.first_seq + i).collect::<UInt64Array>()),
            Arc::new(self.rows.iter().map(|row| row.op).collect::<UInt8Array>()),
            Arc::new(self.rows.iter().map(|row| row.flags).collect::<UInt8Array>()),
            Arc::new(self.rows.iter().map(|_| self.ts).collect::<Int64Array>()),
            Arc::new(self.rows.iter().map(|_| self.checkpoint_ts).collect::<Int64Array>()),
            Arc::new(self.rows.iter().map(|_| 0).collect::<UInt32Array>()),
        ];
        if has_before {
            columns.push(self.image(images(false)));
        }
        columns.push(self.image(images(true)));
        if partial && has_before {
            columns.push(self.present(images(false))?);
        }
        if partial {
            columns.push(self.present(images(true))?);
        }
        if odd {
            columns.push(self.odd_dates(&schema)?);
        }
        RecordBatch::try_new(Arc::new(schema), columns)
    }

    fn image<'a>(&self, images: impl Iterator<Item = &'a Image> + Clone) -> ArrayRef {
        let columns = self.shape.columns.iter().enumerate().map(|(i, field)| {
            let values: Vec<&Value> = images
                .clone()
                .map(|image| image.as_ref().and_then(|image| image.get(i)).unwrap_or(&Value::Null))
                .collect();
            array(field.data_type(), &values)
        });
        let valid = NullBuffer::from_iter(images.clone().map(Option::is_some));
        let fields = Fields::from(self.shape.columns.clone());
        Arc::new(StructArray::new(fields, columns.collect(), Some(valid)))
    }

    fn present<'a>(&self, images: impl Iterator<Item = &'a Image>) -> Result<ArrayRef, arrow::error::ArrowError> {
        let width = self.shape.columns.len().div_ceil(8);
        let bits = images.map(|image| {
            let image = image.as_ref().filter(|image| image.contains(&Value::Absent))?;
            let mut bits = vec![0_u8; width];
            for (i, value) in image.iter().enumerate() {
                if let Some(byte) = bits.get_mut(i / 8) {
                    *byte |= u8::from(*value != Value::Absent) << (i % 8);
                }
            }
            Some(bits)
        });
        let width = i32::try_from(width).unwrap_or(i32::MAX);
        Ok(Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bits, width)?))
    }

    fn odd_dates(&self, schema: &Schema) -> Result<ArrayRef, arrow::error::ArrowError> {
        let (mut images, mut columns, mut texts, mut lengths) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for row in &self.rows {
            let start = texts.len();
            for (after, image) in [(0_u8, &row.before), (1, &row.after)] {
                for (column, value) in (0_u16..).zip(image.iter().flatten()) {
                    if let Value::OddDate(text) = value {
                        images.push(after);
                        columns.push(column);
                        texts.push(text.clone());
                    }
                }
            }
            lengths.push(texts.len() - start);
        }
        let valid = NullBuffer::from_iter(lengths.iter().map(|length| *length > 0));
        let items = StructArray::new(
            odd_date_fields(),
            vec![
                Arc::new(UInt8Array::from(images)),
                Arc::new(UInt16Array::from(columns)),
                Arc::new(StringArray::from(texts)),
            ],
            None,
        );
        let item = match schema.field_with_name("odd_dates")?.data_type() {
            DataType::List(item) => Arc::clone(item),
            other => Arc::new(Field::new("item", other.clone(), false)),
        };
        Ok(Arc::new(ListArray::try_new(
            item,
            OffsetBuffer::from_lengths(lengths),
            Arc::new(items),
            Some(valid),
        )?))
    }
}

fn refused(cause: arrow::error::ArrowError) -> Error {
    Error::new("harness", format!("making a batch: {cause}"))
}
