//! Batches as encapsulated Arrow IPC messages: written for guests, and read back, checked, from transforms.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::{Context, bail};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Schema, SchemaRef, UInt8Type, UInt32Type, UInt64Type};
use arrow::ipc::reader::RecordBatchDecoder;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow::ipc::{MetadataVersion, convert::try_fb_to_schema, root_as_message};
use arrow::record_batch::RecordBatch;

use super::error::{Malformed, malformed};
use super::route;
use crate::batch::{Batch, Shape};

/// Buffers start at multiples of this many bytes: a cache line, and the widest vector load.
const ALIGNMENT: usize = 64;

/// A buffer for messages that has become larger is not used again.
const KEPT_BYTES: usize = 8 << 20;

/// Bytes before a message's flatbuffer: continuation mark and length.
const PREFIX: usize = 8;

/// Schemas that transforms may make of one connector's tables. A transform that makes more has no fixed output.
const MAX_RESHAPED: usize = 4096;

/// Ids of schemas that are made on trial come after this one; a connector never gets there.
const FIRST_ON_TRIAL: u32 = 1 << 31;

/// The columns that every batch starts with, so that the next plugin in the chain can read it.
const LEADING: [(&str, DataType); 6] = [
    ("seq", DataType::UInt64),
    ("op", DataType::UInt8),
    ("flags", DataType::UInt8),
    ("ts", DataType::Int64),
    ("checkpoint_ts", DataType::Int64),
    ("txn", DataType::UInt32),
];

/// Which schema: a table's version and shape, and what a transform made of it (0: nothing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    version: u32,
    shape: Shape,
    reshaped: u32,
}

/// A schema that plugins know, or can be told, by its id.
#[derive(Debug, Clone)]
pub(super) struct Announced {
    /// Never reused within the chain, so neither within an instance.
    pub id: u32,
    /// The encapsulated schema message.
    pub message: Arc<[u8]>,
    key: Key,
    schema: SchemaRef,
}

/// A batch on its way through the chain.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Its schema.
    pub announced: Arc<Announced>,
    /// Its rows.
    pub rows: RecordBatch,
}

impl Item {
    /// Its rows from `start` to `end`, without a copy.
    pub(super) fn slice(&self, start: usize, end: usize) -> Self {
        Self {
            announced: Arc::clone(&self.announced),
            rows: self.rows.slice(start, end - start),
        }
    }

    /// Bytes that its values take, about.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
        self.rows.columns().iter().map(bytes).sum()
    }
}

/// Every schema of the tables' present versions, and the buffer that messages are written to.
#[derive(Default)]
pub(super) struct Schemas {
    entries: HashMap<Key, Entry>,
    /// The present version of each (database, table).
    versions: HashMap<(String, String), u32>,
    /// Numbers of the schema messages that came from transforms.
    reshaped: HashMap<Arc<[u8]>, u32>,
    /// They are counted on from this one.
    reshaped_from: u32,
    last_id: u32,
    message: Vec<u8>,
}

struct Entry {
    announced: Arc<Announced>,
    writer: StreamWriter<Vec<u8>>,
}

impl Schemas {
    /// The batch as the first plugin gets it, and the ids of schemas that will not come again because it brings a new
    /// version of its table.
    ///
    /// # Errors
    /// Where the batch's schema is not the one that its version and shape had before: a defect of the host.
    pub(super) fn admit(&mut self, batch: &Batch) -> anyhow::Result<(Item, Vec<u32>)> {
        let key = Key {
            version: batch.table.version,
            shape: batch.shape,
            reshaped: 0,
        };
        let schema = batch.rows.schema_ref();
        let mut closed = Vec::new();
        if !self.entries.contains_key(&key) {
            closed = self.retire(&batch.table.database, &batch.table.name, key.version);
        }
        let announced = self.announce(key, schema)?;
        if !Arc::ptr_eq(&announced.schema, schema) && announced.schema != *schema {
            bail!(
                "a batch of {}.{} came with another schema than its table's version {} had: this is a defect of rowmill, please report it",
                batch.table.database,
                batch.table.name,
                key.version
            );
        }
        let rows = batch.rows.clone();
        Ok((Item { announced, rows }, closed))
    }

    /// The encapsulated record-batch message of an item, valid until the next one is written.
    ///
    /// # Errors
    /// Where Arrow can't write it: a defect.
    pub(super) fn write(&mut self, item: &Item) -> anyhow::Result<&[u8]> {
        let entry = self.entries.get_mut(&item.announced.key).context("find the schema of a batch")?;
        // A very large row's is not kept for those that come after it.
        if self.message.capacity() > KEPT_BYTES {
            self.message = Vec::new();
        }
        self.message.clear();
        // One buffer serves all schemas: a connector of a thousand tables keeps one message, not a thousand.
        std::mem::swap(entry.writer.get_mut(), &mut self.message);
        let written = entry.writer.write(&item.rows);
        std::mem::swap(entry.writer.get_mut(), &mut self.message);
        written.context("write a batch as an Arrow message")?;
        Ok(&self.message)
    }

    /// An item of the same schema from a message that a transform made.
    pub(super) fn changed(item: &Item, message: &[u8]) -> Result<Item, Malformed> {
        let rows = read_batch(message, &item.announced.schema)?;
        check_rows(&rows, &item.rows)?;
        Ok(Item {
            announced: Arc::clone(&item.announced),
            rows,
        })
    }

    /// An item of another schema from the messages that a transform made.
    pub(super) fn reshaped(&mut self, item: &Item, schema: &[u8], message: &[u8]) -> Result<Item, Malformed> {
        let number = match self.reshaped.get(schema) {
            Some(number) => *number,
            None if self.reshaped.len() >= MAX_RESHAPED => {
                return Err(malformed!("the {}th schema; {MAX_RESHAPED} are allowed", MAX_RESHAPED + 1));
            }
            None => u32::try_from(self.reshaped.len()).map_or(u32::MAX, |count| self.reshaped_from + count + 1),
        };
        let key = Key {
            reshaped: number,
            ..item.announced.key
        };
        let announced = match self.entries.get(&key) {
            Some(entry) => Arc::clone(&entry.announced),
            None => {
                let read = Arc::new(read_schema(schema)?);
                self.reshaped.insert(schema.into(), number);
                self.announce(key, &read)
                    .map_err(|error| malformed!("a schema that can't be written again: {error:#}"))?
            }
        };
        let rows = read_batch(message, &announced.schema)?;
        check_rows(&rows, &item.rows)?;
        Ok(Item { announced, rows })
    }

    /// Schemas for a trial, whose ids differ from those of every live one.
    pub(super) fn on_trial() -> Self {
        Self {
            last_id: FIRST_ON_TRIAL,
            reshaped_from: FIRST_ON_TRIAL,
            ..Self::default()
        }
    }

    /// Takes a live schema as it is, id and all.
    ///
    /// # Errors
    /// Where Arrow can't write it: a defect.
    pub(super) fn adopt(&mut self, announced: &Arc<Announced>) -> anyhow::Result<()> {
        let entry = Entry {
            announced: Arc::clone(announced),
            writer: stream(&announced.schema)?,
        };
        self.entries.insert(announced.key, entry);
        Ok(())
    }

    /// Forgets what transforms made, and returns the ids: other versions of them make others.
    pub(super) fn forget_reshaped(&mut self) -> Vec<u32> {
        let mut closed = Vec::new();
        self.entries.retain(|key, entry| {
            let is_own = key.reshaped == 0;
            if !is_own {
                closed.push(entry.announced.id);
            }
            is_own
        });
        self.reshaped.clear();
        closed
    }

    fn announce(&mut self, key: Key, schema: &SchemaRef) -> anyhow::Result<Arc<Announced>> {
        if let Some(entry) = self.entries.get(&key) {
            return Ok(Arc::clone(&entry.announced));
        }
        let mut writer = stream(schema)?;
        self.last_id += 1;
        let announced = Arc::new(Announced {
            id: self.last_id,
            message: std::mem::take(writer.get_mut()).into(),
            key,
            schema: Arc::clone(schema),
        });
        let entry = Entry {
            announced: Arc::clone(&announced),
            writer,
        };
        self.entries.insert(key, entry);
        Ok(announced)
    }

    /// Forgets the schemas of a table's former version and returns their ids.
    fn retire(&mut self, database: &str, table: &str, version: u32) -> Vec<u32> {
        let former = self.versions.insert((database.to_owned(), table.to_owned()), version);
        let Some(former) = former.filter(|former| *former != version) else {
            return Vec::new();
        };
        let mut closed = Vec::new();
        self.entries.retain(|key, entry| {
            if key.version == former {
                closed.push(entry.announced.id);
            }
            key.version != former
        });
        closed
    }
}

/// A writer that has written the schema message.
fn stream(schema: &Schema) -> anyhow::Result<StreamWriter<Vec<u8>>> {
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5).context("set up Arrow messages")?;
    StreamWriter::try_new_with_options(Vec::new(), schema, options).context("write a schema as an Arrow message")
}

/// The schema in a message from a guest.
fn read_schema(message: &[u8]) -> Result<Schema, Malformed> {
    let schema = guarded("schema", || {
        let (header, _) = split(message)?;
        let header = root_as_message(header).map_err(|error| malformed!("a schema message that is no flatbuffer: {error}"))?;
        let schema = header
            .header_as_schema()
            .ok_or_else(|| malformed!("a message that is not a schema message"))?;
        try_fb_to_schema(schema).map_err(|error| malformed!("a schema that Arrow refuses: {error}"))
    })?;
    for (at, (name, data_type)) in LEADING.iter().enumerate() {
        match schema.fields().get(at) {
            Some(field) if field.name() == name && field.data_type() == data_type && !field.is_nullable() => {}
            _ => return Err(malformed!("a schema whose column {at} is not {name} {data_type}, not null")),
        }
    }
    if let Some(field) = schema.fields().iter().find(|field| has_dictionary(field.data_type())) {
        return Err(malformed!(
            "column {:?} with a dictionary, which do not cross",
            field.name().chars().take(64).collect::<String>()
        ));
    }
    route::check_schema(&schema)?;
    Ok(schema)
}

/// Holds what a transform made of a batch against what it was given: changes keep their order, and each belongs to a row that was there. A
/// row that is made of another has that one's `seq` and `txn`.
fn check_rows(made: &RecordBatch, given: &RecordBatch) -> Result<(), Malformed> {
    let Some((made_seq, given_seq)) = sequences(made).zip(sequences(given)) else {
        return Err(malformed!("a batch without its column seq"));
    };
    if !made_seq.is_sorted() {
        return Err(malformed!("rows whose seq descends: changes have to keep their order"));
    }
    let mut given_seq = given_seq.iter().peekable();
    for seq in made_seq {
        while given_seq.next_if(|given| *given < seq).is_some() {}
        if given_seq.peek() != Some(&seq) {
            return Err(malformed!("a row with seq {seq}, which no row of the batch has that it was given"));
        }
    }
    let ops = made.column_by_name("op").and_then(|op| op.as_primitive_opt::<UInt8Type>());
    if let Some(op) = ops.and_then(|ops| ops.values().iter().find(|op| !(1..=3).contains(*op))) {
        return Err(malformed!("a row with op {op}; 1, 2 and 3 are defined"));
    }
    let highest = |rows: &RecordBatch| {
        rows.column_by_name("txn")?
            .as_primitive_opt::<UInt32Type>()?
            .values()
            .iter()
            .max()
            .copied()
    };
    match (highest(made), highest(given)) {
        (Some(made), Some(given)) if made > given => Err(malformed!("a row of transaction {made}, where {given} is the last one")),
        _ => Ok(()),
    }
}

fn sequences(rows: &RecordBatch) -> Option<&[u64]> {
    Some(rows.column_by_name("seq")?.as_primitive_opt::<UInt64Type>()?.values())
}

fn has_dictionary(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(..) => true,
        DataType::Struct(fields) => fields.iter().any(|field| has_dictionary(field.data_type())),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::Map(field, _) => has_dictionary(field.data_type()),
        DataType::RunEndEncoded(_, values) => has_dictionary(values.data_type()),
        DataType::Union(fields, _) => fields.iter().any(|(_, field)| has_dictionary(field.data_type())),
        _ => false,
    }
}

/// The rows in a message from a guest, every buffer and value validated.
fn read_batch(message: &[u8], schema: &SchemaRef) -> Result<RecordBatch, Malformed> {
    guarded("batch", || {
        let (header, body) = split(message)?;
        let header = root_as_message(header).map_err(|error| malformed!("a batch message that is no flatbuffer: {error}"))?;
        let batch = header
            .header_as_record_batch()
            .ok_or_else(|| malformed!("a message that is not a record-batch message"))?;
        if batch.compression().is_some() {
            return Err(malformed!("a compressed batch"));
        }
        // arrow-rs slices the body by these numbers without looking at them first.
        for buffer in batch.buffers().into_iter().flatten() {
            let start = usize::try_from(buffer.offset()).ok();
            let end = start
                .zip(usize::try_from(buffer.length()).ok())
                .and_then(|(start, length)| start.checked_add(length));
            if end.is_none_or(|end| end > body.len()) {
                return Err(malformed!("a batch whose buffers reach beyond its body of {} bytes", body.len()));
            }
        }
        let body = Buffer::from_slice_ref(body);
        let none = HashMap::new();
        RecordBatchDecoder::try_new(&body, batch, Arc::clone(schema), &none, &MetadataVersion::V5)
            .and_then(RecordBatchDecoder::read_record_batch)
            .map_err(|error| malformed!("a batch that Arrow refuses: {error}"))
    })
}

/// Flatbuffer and body of an encapsulated message.
fn split(message: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let cut = || malformed!("a message of {} bytes that is cut short", message.len());
    let (prefix, rest) = message.split_first_chunk::<PREFIX>().ok_or_else(cut)?;
    let (mark, length) = prefix.split_at(PREFIX / 2);
    if mark != [0xff; 4] {
        return Err(malformed!("bytes that do not start like an encapsulated Arrow message"));
    }
    let length = length.iter().rev().fold(0_usize, |so_far, byte| (so_far << 8) | usize::from(*byte));
    rest.split_at_checked(length).ok_or_else(cut)
}

/// Runs a reader of hostile bytes. arrow-rs promises errors, but asserts here and there: a panic is an error all the same.
fn guarded<T>(what: &str, read: impl FnOnce() -> Result<T, Malformed>) -> Result<T, Malformed> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(malformed!("a {what} message that Arrow can't read")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use arrow::array::{ArrayRef, UInt8Array, UInt32Array, UInt64Array};

    use super::*;

    fn rows(seq: &[u64], op: u8, txn: u32) -> RecordBatch {
        let columns: [(&str, ArrayRef); 3] = [
            ("seq", Arc::new(UInt64Array::from(seq.to_vec()))),
            ("op", Arc::new(UInt8Array::from(vec![op; seq.len()]))),
            ("txn", Arc::new(UInt32Array::from(vec![txn; seq.len()]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn rows_of_a_transform_are_some_of_those_that_it_was_given_in_their_order() {
        let given = rows(&[5, 6, 6, 9], 1, 2);
        for seq in [&[][..], &[5, 6, 6, 9], &[6], &[9, 9, 9], &[5, 9]] {
            assert_eq!(check_rows(&rows(seq, 3, 0), &given), Ok(()), "{seq:?}");
        }
        let refused = |seq: &[u64], op, txn| check_rows(&rows(seq, op, txn), &given).unwrap_err().to_string();
        assert!(refused(&[6, 5], 1, 0).contains("seq descends"));
        for seq in [&[4][..], &[5, 7], &[9, 10]] {
            assert!(refused(seq, 1, 0).contains("which no row of the batch has"), "{seq:?}");
        }
        assert!(refused(&[5], 0, 0).contains("op 0") && refused(&[5], 4, 0).contains("op 4"));
        assert!(refused(&[5], 1, 3).contains("transaction 3, where 2 is the last one"));
    }
}
