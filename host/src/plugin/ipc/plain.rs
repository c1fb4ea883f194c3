//! Whether a transform's message can go on to the next plugin as it is: everything in it lies as the host itself would write it.

use arrow::datatypes::{DataType, Fields};
use arrow::ipc::{Buffer, FieldNode, Message, MetadataVersion, RecordBatch};

use crate::plugin::schemas::ALIGNMENT;

/// Holds a message, whose buffers are known to lie in its body, against what the contract says of one. Of types that tables don't have, it is
/// never sure.
pub(super) fn is_plain(fields: &Fields, message: &Message<'_>, batch: &RecordBatch<'_>, body: &[u8]) -> bool {
    let whole = usize::try_from(message.bodyLength()).is_ok_and(|length| length == body.len());
    if !whole || message.version() != MetadataVersion::V5 || batch.variadicBufferCounts().is_some() {
        return false;
    }
    let (Some(nodes), Some(buffers)) = (batch.nodes(), batch.buffers()) else {
        return false;
    };
    let mut walk = Walk {
        nodes: nodes.into_iter(),
        buffers: buffers.into_iter(),
        body,
        end: 0,
    };
    let known = fields.iter().try_for_each(|field| walk.field(field.data_type()));
    known.is_some() && walk.nodes.next().is_none() && walk.buffers.next().is_none()
}

/// The rest of a message's nodes and buffers; a step gives `None` where something is not as it would be written.
struct Walk<'a, N, B> {
    nodes: N,
    buffers: B,
    body: &'a [u8],
    /// Where the last buffer ended.
    end: usize,
}

impl<'a, 'f, N: Iterator<Item = &'f FieldNode>, B: Iterator<Item = &'f Buffer>> Walk<'a, N, B> {
    fn field(&mut self, data_type: &DataType) -> Option<()> {
        let node = self.nodes.next()?;
        self.validity(node)?;
        match data_type {
            DataType::Struct(fields) => fields.iter().try_for_each(|field| self.field(field.data_type())),
            DataType::List(field) => {
                self.offsets()?;
                self.field(field.data_type())
            }
            DataType::Utf8 | DataType::Binary => {
                self.offsets()?;
                self.buffer().map(drop)
            }
            DataType::Boolean | DataType::FixedSizeBinary(_) => self.buffer().map(drop),
            other if other.is_primitive() => self.buffer().map(drop),
            _ => None,
        }
    }

    /// Behind the one before, at a multiple of the alignment.
    fn buffer(&mut self) -> Option<&'a [u8]> {
        let buffer = self.buffers.next()?;
        let start = usize::try_from(buffer.offset()).ok()?;
        let end = start.checked_add(usize::try_from(buffer.length()).ok()?)?;
        if !start.is_multiple_of(ALIGNMENT) || start < self.end {
            return None;
        }
        self.end = end;
        self.body.get(start..end)
    }

    /// Arrow has looked at the bits of a column that says it has nulls; of one that says it has none, all have to be set.
    fn validity(&mut self, node: &FieldNode) -> Option<()> {
        let bits = self.buffer()?;
        if node.null_count() != 0 || bits.is_empty() {
            return Some(());
        }
        let rows = usize::try_from(node.length()).ok()?;
        let (whole, rest) = bits.split_at_checked(rows / 8)?;
        let set = match rows % 8 {
            0 => true,
            over => rest.first()?.trailing_ones() >= u32::try_from(over).ok()?,
        };
        (set && whole.iter().all(|byte| *byte == u8::MAX)).then_some(())
    }

    /// Offsets start at zero: what is before the first value is not there.
    fn offsets(&mut self) -> Option<()> {
        let offsets = self.buffer()?;
        offsets.first_chunk().is_none_or(|first| *first == [0; 4]).then_some(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int64Array, ListArray, StringArray, StructArray};
    use arrow::datatypes::{Field, Int32Type, SchemaRef};
    use arrow::ipc::root_as_message;
    use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
    use arrow::record_batch::RecordBatch;

    use super::*;
    use crate::plugin::ipc::{PREFIX, as_bytes, read_batch};

    fn rows() -> RecordBatch {
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("one"), None, Some("three")]));
        let number: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let inner = StructArray::from(vec![
            (Arc::new(Field::new("text", DataType::Utf8, true)), text),
            (Arc::new(Field::new("number", DataType::Int64, true)), Arc::clone(&number)),
        ]);
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None]), None, Some(vec![])]);
        let columns: [(&str, ArrayRef); 4] = [
            ("number", number),
            ("inner", Arc::new(inner)),
            ("is", Arc::new(BooleanArray::from(vec![true, false, true]))),
            ("lists", Arc::new(lists)),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
    }

    /// The message of rows, buffers at multiples of `alignment`.
    pub(in crate::plugin) fn message(rows: &RecordBatch, alignment: usize) -> Vec<u8> {
        let options = IpcWriteOptions::try_new(alignment, false, MetadataVersion::V5).unwrap();
        let mut writer = StreamWriter::try_new_with_options(Vec::new(), rows.schema_ref(), options).unwrap();
        writer.get_mut().clear();
        writer.write(rows).unwrap();
        std::mem::take(writer.get_mut())
    }

    /// Where each buffer starts in the message, and its length.
    pub(in crate::plugin::ipc) fn buffers(message: &[u8]) -> Vec<(usize, usize)> {
        let head = usize::try_from(u32::from_le_bytes(message[4..8].try_into().unwrap())).unwrap() + PREFIX;
        let header = root_as_message(&message[PREFIX..]).unwrap();
        let batch = header.header_as_record_batch().unwrap();
        let place = |at: i64| usize::try_from(at).unwrap();
        let found = batch.buffers().unwrap().iter();
        found
            .map(|buffer| (head + place(buffer.offset()), place(buffer.length())))
            .collect()
    }

    fn goes_on(message: Vec<u8>, schema: &SchemaRef) -> bool {
        let read = read_batch(message.clone(), (schema, &as_bytes(schema))).unwrap();
        assert!(read.message.as_ref().is_none_or(|kept| **kept == *message));
        read.message.is_some()
    }

    #[test]
    fn a_message_goes_on_as_it_is_where_all_in_it_lies_as_the_host_writes_it() {
        let rows = rows();
        let schema = rows.schema_ref();
        assert!(goes_on(message(&rows, ALIGNMENT), schema));
        assert!(goes_on(message(&rows.slice(1, 2), ALIGNMENT), schema));
        assert!(goes_on(message(&rows.slice(0, 0), ALIGNMENT), schema));
        assert!(!goes_on(message(&rows, 8), schema), "buffers at multiples of 8");
        let mut longer = message(&rows, ALIGNMENT);
        longer.extend([0; ALIGNMENT]);
        assert!(!goes_on(longer, schema), "more than the body");
    }

    #[test]
    fn a_column_that_denies_its_nulls_or_begins_before_its_first_value_is_written_anew() {
        let rows = rows();
        let plain = message(&rows, ALIGNMENT);
        // The count of `text`, the third node, says that there are none.
        let mut denied = plain.clone();
        let at = {
            let header = root_as_message(&plain[PREFIX..]).unwrap();
            let nodes = header.header_as_record_batch().unwrap().nodes().unwrap();
            std::ptr::from_ref(nodes.get(2)).addr() - plain.as_ptr().addr() + 8
        };
        assert_eq!(denied[at], 1);
        denied[at] = 0;
        // Its validity is the fourth buffer.
        let bits = buffers(&plain)[3].0;
        assert_eq!(denied[bits], 0b101);
        assert!(!goes_on(denied.clone(), rows.schema_ref()));
        denied[bits] = 0b111;
        assert!(goes_on(denied, rows.schema_ref()));
        // Validity and values of `number`, validity of `inner` and of `text`, then the offsets.
        let places = buffers(&plain);
        let mut later = plain.clone();
        assert_eq!(later[places[4].0..places[4].0 + 8], [0, 0, 0, 0, 3, 0, 0, 0]);
        later[places[4].0] = 1;
        assert!(!goes_on(later, rows.schema_ref()));
    }
}
