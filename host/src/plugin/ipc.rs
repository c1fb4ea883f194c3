//! Schemas and batches in encapsulated Arrow IPC messages that come from transforms, read and checked.

mod plain;
mod texts;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Schema, SchemaRef, UInt8Type, UInt32Type, UInt64Type};
use arrow::ipc::reader::RecordBatchDecoder;
use arrow::ipc::{MetadataVersion, convert::try_fb_to_schema, root_as_message};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

#[cfg(test)]
pub(super) use plain::tests::message;
pub(super) use texts::as_bytes;

use super::error::{Malformed, clipped, malformed};
use super::route;

/// Bytes before a message's flatbuffer: continuation mark and length.
const PREFIX: usize = 8;

/// The columns that every batch starts with, so that the next plugin in the chain can read it.
const LEADING: [(&str, DataType); 6] = [
    ("seq", DataType::UInt64),
    ("op", DataType::UInt8),
    ("flags", DataType::UInt8),
    ("ts", DataType::Int64),
    ("checkpoint_ts", DataType::Int64),
    ("txn", DataType::UInt32),
];

/// The schema in a message from a guest.
pub(super) fn read_schema(message: &[u8]) -> Result<Schema, Malformed> {
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
            clipped(field.name())
        ));
    }
    route::check_schema(&schema)?;
    Ok(schema)
}

/// Holds what a transform made of a batch against what it was given: changes keep their order, and each belongs to a row that was there. A
/// row that is made of another has that one's `seq` and `txn`.
pub(super) fn check_rows(made: &RecordBatch, given: &RecordBatch) -> Result<(), Malformed> {
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

/// A batch from a guest.
#[derive(Debug)]
pub(super) struct Read {
    pub rows: RecordBatch,
    /// The message, where the next plugin can be given it as it is. The rows lie in it.
    pub message: Option<Buffer>,
}

/// The rows in a message from a guest, every buffer and value validated. They lie where the message does. `bytes` is what [`as_bytes`] makes
/// of `schema`.
pub(super) fn read_batch(message: Vec<u8>, (schema, bytes): (&SchemaRef, &SchemaRef)) -> Result<Read, Malformed> {
    let message = Buffer::from_vec(message);
    guarded("batch", || {
        let (header, body) = split(&message)?;
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
        let is_plain = plain::is_plain(schema.fields(), &header, &batch, body);
        let body = message.slice(message.len() - body.len());
        let none = HashMap::new();
        let rows = RecordBatchDecoder::try_new(&body, batch, Arc::clone(bytes), &none, &MetadataVersion::V5)
            .and_then(RecordBatchDecoder::read_record_batch)
            .map_err(|error| malformed!("a batch that Arrow refuses: {error}"))?;
        let columns = rows.columns().iter().zip(schema.fields());
        let columns = columns
            .map(|(column, field)| texts::as_texts(column, field))
            .collect::<Result<_, _>>()?;
        let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &count)
            .map_err(|error| malformed!("a batch that Arrow refuses: {error}"))?;
        Ok(Read {
            rows,
            message: is_plain.then(|| message.clone()),
        })
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
