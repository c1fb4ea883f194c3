//! The values of a row as readable JSON: exact, and like MySQL prints them where JSON has no such value.

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, StructArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Field, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value, json};

use crate::batch::is_set;
use crate::sink::base64;

/// One image of a row: column names and values, in the table's order. None where the row has no such image.
pub(super) type Image = Map<String, Value>;

/// The image `name` (`before` or `after`) of a row. Columns that the log does not have are left out.
pub(super) fn image(rows: &RecordBatch, name: &str, row: usize) -> Option<Image> {
    let side: &StructArray = rows.column_by_name(name)?.as_struct_opt()?;
    if row >= side.len() || side.is_null(row) {
        return None;
    }
    let present = rows.column_by_name(&format!("{name}_present"));
    let present = present.and_then(|present| present.as_any().downcast_ref::<FixedSizeBinaryArray>());
    let present = present.filter(|present| present.is_valid(row)).map(|present| present.value(row));
    let mut image = Map::new();
    for (ordinal, (field, column)) in side.fields().iter().zip(side.columns()).enumerate() {
        if present.is_none_or(|present| is_set(present, ordinal)) {
            let odd = || odd_date(rows, row, u8::from(name == "after"), ordinal);
            let found = if column.is_null(row) {
                odd().map(Value::from)
            } else {
                value(field, column, row)
            };
            image.insert(field.name().clone(), found.unwrap_or(Value::Null));
        }
    }
    Some(image)
}

/// What MySQL prints for a date that no calendar has.
fn odd_date(rows: &RecordBatch, row: usize, image: u8, ordinal: usize) -> Option<String> {
    let lists = rows.column_by_name("odd_dates")?.as_list_opt::<i32>()?;
    if lists.is_null(row) {
        return None;
    }
    let entries = lists.value(row);
    let entries: &StructArray = entries.as_struct_opt()?;
    let images = entries.column_by_name("image")?.as_primitive_opt::<UInt8Type>()?;
    let columns = entries.column_by_name("column")?.as_primitive_opt::<UInt16Type>()?;
    let texts = entries.column_by_name("text")?.as_string_opt::<i32>()?;
    let at = (0..entries.len()).find(|at| images.value(*at) == image && usize::from(columns.value(*at)) == ordinal)?;
    Some(texts.value(at).to_owned())
}

/// A value that is not NULL; none of a type that no batch has.
fn value(field: &Field, column: &ArrayRef, row: usize) -> Option<Value> {
    let note = |name: &str| field.metadata().get(name).map_or("", String::as_str);
    let fsp = || note("rowmill.fsp").parse().unwrap_or(6);
    Some(match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Int8 => column.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => column.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 if note("rowmill.kind") == "enum" => label(note("rowmill.labels"), column.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt16 => column.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 if note("rowmill.kind") == "set" => labels(note("rowmill.labels"), column.as_primitive::<UInt64Type>().value(row)),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).into(),
        // By way of its shortest text: the nearest double has digits that nobody stored.
        DataType::Float32 => column
            .as_primitive::<Float32Type>()
            .value(row)
            .to_string()
            .parse::<f64>()
            .ok()?
            .into(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).into(),
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value_as_string(row).into(),
        DataType::Decimal256(..) => column.as_primitive::<Decimal256Type>().value_as_string(row).into(),
        DataType::Date32 => date(column.as_primitive::<Date32Type>().value(row))?.into(),
        DataType::Timestamp(_, zone) => {
            let text = moment(column.as_primitive::<TimestampMicrosecondType>().value(row), fsp())?;
            let zone = if zone.is_some() { "Z" } else { "" };
            format!("{text}{zone}").into()
        }
        DataType::Duration(_) => time(column.as_primitive::<DurationMicrosecondType>().value(row), fsp()).into(),
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Binary => bytes(column.as_binary::<i32>().value(row)),
        _ => return None,
    })
}

/// Bytes that are no text.
pub(super) fn bytes(bytes: &[u8]) -> Value {
    json!({ "base64": base64(bytes) })
}

fn label(labels: &str, index: u16) -> Value {
    let labels: Vec<String> = serde_json::from_str(labels).unwrap_or_default();
    // 0 is the empty error value.
    let label = usize::from(index).checked_sub(1).map(|at| labels.get(at).cloned());
    match label {
        None => "".into(),
        Some(Some(label)) => label.into(),
        Some(None) => index.into(),
    }
}

fn labels(labels: &str, mask: u64) -> Value {
    let labels: Vec<String> = serde_json::from_str(labels).unwrap_or_default();
    let chosen = labels.iter().enumerate().filter(|(bit, _)| *bit < 64 && mask & (1 << bit) != 0);
    chosen.map(|(_, label)| label.as_str()).collect::<Vec<_>>().join(",").into()
}

fn date(days: i32) -> Option<String> {
    let epoch = jiff::civil::Date::constant(1970, 1, 1);
    let date = epoch.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    Some(format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()))
}

/// `2024-01-31 12:00:00.123`.
pub(super) fn moment(micros: i64, fsp: u8) -> Option<String> {
    let seconds = micros.div_euclid(1_000_000);
    let days = i32::try_from(seconds.div_euclid(86_400)).ok()?;
    let second = seconds.rem_euclid(86_400);
    Some(format!(
        "{} {:02}:{:02}:{:02}{}",
        date(days)?,
        second / 3600,
        second / 60 % 60,
        second % 60,
        fraction(micros.rem_euclid(1_000_000), fsp)
    ))
}

fn time(micros: i64, fsp: u8) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let seconds = micros / 1_000_000;
    format!(
        "{sign}{:02}:{:02}:{:02}{}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        fraction(i64::try_from(micros % 1_000_000).unwrap_or(0), fsp)
    )
}

fn fraction(micros: i64, fsp: u8) -> String {
    let digits = format!("{micros:06}");
    match digits.get(..usize::from(fsp.min(6))) {
        None | Some("") => String::new(),
        Some(digits) => format!(".{digits}"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Arc;

    use arrow::array::{
        BinaryArray, Date32Array, Decimal128Array, DurationMicrosecondArray, Float32Array, StringArray, TimestampMicrosecondArray,
        UInt16Array, UInt64Array,
    };

    use super::*;

    #[test]
    fn values_read_as_mysql_prints_them_and_keep_every_digit() {
        let of = |notes: &[(&str, &str)], array: ArrayRef| {
            let notes = notes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let field = Field::new("c", array.data_type().clone(), true).with_metadata(notes.collect::<std::collections::HashMap<_, _>>());
            value(&field, &array, 0).unwrap()
        };
        let decimal = Decimal128Array::from(vec![-1_234_567_890_123_456_789_012_i128]);
        let decimal = decimal.with_precision_and_scale(30, 4).unwrap();
        assert_eq!(of(&[], Arc::new(decimal)), "-123456789012345678.9012");
        assert_eq!(
            of(&[], Arc::new(UInt64Array::from(vec![u64::MAX]))).to_string(),
            "18446744073709551615"
        );
        assert_eq!(of(&[], Arc::new(Float32Array::from(vec![0.1_f32]))).to_string(), "0.1");
        assert_eq!(of(&[], Arc::new(Date32Array::from(vec![-1]))), "1969-12-31");
        let fsp = [("rowmill.fsp", "3")];
        let utc = TimestampMicrosecondArray::from(vec![-1_000]).with_timezone("+00:00");
        assert_eq!(of(&fsp, Arc::new(utc)), "1969-12-31 23:59:59.999Z");
        assert_eq!(
            of(
                &[("rowmill.fsp", "0")],
                Arc::new(TimestampMicrosecondArray::from(vec![86_400_000_000]))
            ),
            "1970-01-02 00:00:00"
        );
        let time = DurationMicrosecondArray::from(vec![-3_020_399_000_000]);
        assert_eq!(of(&fsp, Arc::new(time)), "-838:59:59.000");
        let labels = [("rowmill.labels", "[\"a\",\"b,c\"]")];
        let kind = |kind| [labels[0], ("rowmill.kind", kind)];
        assert_eq!(of(&kind("enum"), Arc::new(UInt16Array::from(vec![2]))), "b,c");
        assert_eq!(of(&kind("enum"), Arc::new(UInt16Array::from(vec![0]))), "");
        assert_eq!(of(&kind("set"), Arc::new(UInt64Array::from(vec![3]))), "a,b,c");
        assert_eq!(of(&[], Arc::new(StringArray::from(vec!["ä"]))), "ä");
        assert_eq!(
            of(&[], Arc::new(BinaryArray::from(vec![&b"\xff\x00"[..]]))),
            json!({"base64": "/wA="})
        );
    }
}
