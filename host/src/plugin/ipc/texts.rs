//! Texts in a batch from a guest. They are read as bytes and held against UTF-8 here, many at once: value by value, as Arrow does it, takes
//! longer than all else that is looked at.

#![expect(unsafe_code, reason = "Arrow makes texts of bytes only by looking at each of them once more")]

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, ListArray, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};

use crate::plugin::error::{Malformed, clipped, malformed};

/// The same schema with bytes where it has texts, and without what a reader does not need.
pub(in crate::plugin) fn as_bytes(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new(fields_as_bytes(schema.fields())))
}

fn fields_as_bytes(fields: &Fields) -> Fields {
    fields.iter().map(field_as_bytes).collect()
}

fn field_as_bytes(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Utf8 => DataType::Binary,
        DataType::Struct(fields) => DataType::Struct(fields_as_bytes(fields)),
        DataType::List(field) => DataType::List(field_as_bytes(field)),
        other => other.clone(),
    };
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}

/// A column that was read by such a schema, as the real one has it.
pub(super) fn as_texts(column: &ArrayRef, field: &Field) -> Result<ArrayRef, Malformed> {
    let refused = |error| malformed!("a column that Arrow refuses: {error}");
    Ok(match field.data_type() {
        DataType::Utf8 => Arc::new(texts(column.as_binary_opt().ok_or_else(|| other_type(field))?, field)?),
        DataType::Struct(fields) => {
            let column = column.as_struct_opt().ok_or_else(|| other_type(field))?;
            let children = column.columns().iter().zip(fields).map(|(column, field)| as_texts(column, field));
            let children = children.collect::<Result<_, _>>()?;
            let made = StructArray::try_new_with_length(fields.clone(), children, column.nulls().cloned(), column.len());
            Arc::new(made.map_err(refused)?)
        }
        DataType::List(item)
            if column
                .as_list_opt::<i32>()
                .is_some_and(|list| list.value_type() != *item.data_type()) =>
        {
            let list = column.as_list::<i32>();
            let items = as_texts(list.values(), item)?;
            let made = ListArray::try_new(Arc::clone(item), list.offsets().clone(), items, list.nulls().cloned());
            Arc::new(made.map_err(refused)?)
        }
        _ => Arc::clone(column),
    })
}

#[cold]
fn other_type(field: &Field) -> Malformed {
    malformed!("column {:?} in another type than its schema has", clipped(field.name()))
}

fn texts(bytes: &BinaryArray, field: &Field) -> Result<StringArray, Malformed> {
    let refused = |what: &str| malformed!("column {:?} with {what}", clipped(field.name()));
    let (offsets, values, nulls) = bytes.clone().into_parts();
    let place = |offset: &i32| usize::try_from(*offset).unwrap_or(usize::MAX);
    let ends: &[i32] = &offsets;
    let (first, last) = (ends.first().map_or(0, place), ends.last().map_or(0, place));
    let Some(Ok(text)) = values.get(first..last).map(simdutf8::basic::from_utf8) else {
        return Err(refused("a text that is no UTF-8"));
    };
    // Each of them has to be a text by itself; in ASCII there is nothing to cut through.
    if !text.is_ascii() && ends.iter().any(|end| !text.is_char_boundary(place(end).saturating_sub(first))) {
        return Err(refused("a text that is no UTF-8: it ends within a character"));
    }
    // SAFETY: the offsets were looked at when the bytes were read; the bytes between any two of them are UTF-8.
    Ok(unsafe { StringArray::new_unchecked(offsets, values, nulls) })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use arrow::array::{Int64Array, RecordBatch};
    use arrow::buffer::OffsetBuffer;

    use super::*;
    use crate::plugin::ipc::plain::tests::{buffers, message};
    use crate::plugin::ipc::read_batch;
    use crate::plugin::schemas::ALIGNMENT;

    fn read(message: Vec<u8>, schema: &SchemaRef) -> Result<RecordBatch, String> {
        let read = read_batch(message, (schema, &as_bytes(schema)));
        read.map(|read| read.rows).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_come_back_wherever_they_are() {
        let text = |texts: &[Option<&str>]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
        let two = text(&[Some("“a”"), None, Some(""), Some("😀 and more")]);
        let raw: ArrayRef = Arc::new(BinaryArray::from(vec![&b"\xff"[..], b"", b"\x80", b"x"]));
        let inner = StructArray::from(vec![
            (Arc::new(Field::new("text", DataType::Utf8, true)), Arc::clone(&two)),
            (Arc::new(Field::new("raw", DataType::Binary, true)), raw),
        ]);
        let item = Arc::new(Field::new("item", DataType::Utf8, true));
        let list = |offsets: Vec<i32>| ListArray::new(Arc::clone(&item), OffsetBuffer::new(offsets.into()), Arc::clone(&two), None);
        let columns: [(&str, ArrayRef); 5] = [
            ("plain", text(&[Some("ascii"), Some("only"), None, Some("here")])),
            ("inner", Arc::new(inner)),
            ("list", Arc::new(list(vec![0, 1, 1, 3, 4]))),
            ("number", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
            ("nothing", text(&[None, None, None, None])),
        ];
        let rows = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap();
        for rows in [rows.clone(), rows.slice(1, 3), rows.slice(2, 0)] {
            assert_eq!(read(message(&rows, ALIGNMENT), rows.schema_ref()).unwrap(), rows);
        }
    }

    #[test]
    fn a_text_that_is_none_is_refused_by_its_columns_name() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["aé", "b"]));
        let rows = RecordBatch::try_from_iter([("name", texts)]).unwrap();
        let (whole, schema) = (message(&rows, ALIGNMENT), rows.schema_ref());
        // Validity, offsets, bytes.
        let [_, (offsets, _), (bytes, length)] = buffers(&whole)[..] else {
            unreachable!()
        };
        assert_eq!(&whole[bytes..bytes + length], "aéb".as_bytes());
        let mut wrong = whole.clone();
        wrong[bytes] = 0xff;
        let refused = read(wrong, schema).unwrap_err();
        assert!(refused.contains("column \"name\" with a text that is no UTF-8"), "{refused}");
        // The first text ends between the two bytes of its second character.
        let mut cut = whole.clone();
        assert_eq!(cut[offsets + 4], 3);
        cut[offsets + 4] = 2;
        let refused = read(cut, schema).unwrap_err();
        assert!(refused.contains("it ends within a character"), "{refused}");
        // What no text is made of may be anything.
        let mut shorter = whole;
        (shorter[offsets + 8], shorter[bytes + 3]) = (3, 0xff);
        assert_eq!(read(shorter, schema).unwrap().column(0).as_string::<i32>().value(1), "");
    }

    #[test]
    fn offsets_that_descend_or_reach_too_far_are_refused() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["aé", "b"]));
        let rows = RecordBatch::try_from_iter([("name", texts)]).unwrap();
        let whole = message(&rows, ALIGNMENT);
        let (offsets, _) = buffers(&whole)[1];
        for (at, offset) in [(4, 5), (8, 9), (8, 1), (7, 0x80)] {
            let mut wrong = whole.clone();
            wrong[offsets + at] = offset;
            assert!(read(wrong, rows.schema_ref()).is_err(), "{at}: {offset}");
        }
    }
}
