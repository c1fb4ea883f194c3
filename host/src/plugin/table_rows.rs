//! A plain table's rows as inserts in the contract's columns: each column gets the type that a MySQL table would give it.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, bail};
use arrow::array::{ArrayRef, Int64Array, StructArray, UInt8Array, UInt32Array, UInt64Array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;

/// Sequence number of the first row, and when the rows were changed: fixed, so that the same file gives the same records.
const FIRST_SEQ: u64 = 1_614_748_790_461_000_000;
const TS: i64 = 1_614_748_870_000;

/// The rows of a table, inserted.
///
/// # Errors
/// Names a column of a type that no table of MySQL has.
pub(super) fn inserted(table: &RecordBatch) -> anyhow::Result<RecordBatch> {
    let rows = table.num_rows();
    let mut fields = Vec::with_capacity(table.num_columns());
    let mut columns = Vec::with_capacity(table.num_columns());
    for (field, column) in table.schema().fields().iter().zip(table.columns()) {
        let (field, column) = as_mysql(field, column)?;
        fields.push(field);
        columns.push(column);
    }
    if columns.is_empty() {
        bail!("its table has no columns");
    }
    let fields = Fields::from(fields);
    let after = StructArray::try_new(fields.clone(), columns, Some(NullBuffer::new_valid(rows))).context("join its columns")?;
    let schema = Schema::new_with_metadata(
        vec![
            Field::new("seq", DataType::UInt64, false),
            Field::new("op", DataType::UInt8, false),
            Field::new("flags", DataType::UInt8, false),
            Field::new("ts", DataType::Int64, false),
            Field::new("checkpoint_ts", DataType::Int64, false),
            Field::new("txn", DataType::UInt32, false),
            Field::new("after", DataType::Struct(fields), true),
        ],
        metadata(table.schema().metadata()),
    );
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from_iter_values((FIRST_SEQ..).take(rows))),
        Arc::new(UInt8Array::from(vec![1; rows])),
        Arc::new(UInt8Array::from(vec![0; rows])),
        Arc::new(Int64Array::from(vec![TS; rows])),
        Arc::new(Int64Array::from(vec![TS; rows])),
        Arc::new(UInt32Array::from(vec![0; rows])),
        Arc::new(after),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).context("join its columns")
}

/// What the contract wants to know of a table; what the file says itself counts.
fn metadata(own: &arrow::datatypes::Metadata) -> HashMap<String, String> {
    let defaults = [
        ("flavor", "mysql"),
        ("server_version", "9.7.0"),
        ("database", "database"),
        ("table", "table"),
        ("key", "[]"),
        ("time_zone", "UTC"),
        ("topic", "mysql_table"),
    ];
    let named = |(key, value): (&str, &str)| (format!("rowmill.{key}"), value.to_owned());
    let mut all: HashMap<String, String> = defaults.into_iter().map(named).collect();
    let known = own.iter().filter(|(key, _)| key.starts_with("rowmill."));
    all.extend(known.map(|(key, value)| (key.clone(), value.clone())));
    all
}

/// The column as a table of MySQL would have it.
fn as_mysql(field: &Field, column: &ArrayRef) -> anyhow::Result<(Field, ArrayRef)> {
    let microseconds = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let (kind, mysql_type, stored) = match field.data_type() {
        DataType::Int8 => ("int", "tinyint", DataType::Int8),
        DataType::Int16 => ("int", "smallint", DataType::Int16),
        DataType::Int32 => ("int", "int", DataType::Int32),
        DataType::Int64 => ("int", "bigint", DataType::Int64),
        DataType::UInt8 => ("int", "tinyint unsigned", DataType::UInt8),
        DataType::UInt16 => ("int", "smallint unsigned", DataType::UInt16),
        DataType::UInt32 => ("int", "int unsigned", DataType::UInt32),
        DataType::UInt64 => ("int", "bigint unsigned", DataType::UInt64),
        DataType::Boolean => ("bit", "bit(1)", DataType::Boolean),
        DataType::Float16 | DataType::Float32 => ("float", "float", DataType::Float32),
        DataType::Float64 => ("double", "double", DataType::Float64),
        DataType::Decimal128(..) | DataType::Decimal256(..) => return decimal(field, column),
        DataType::Date32 | DataType::Date64 => ("date", "date", DataType::Date32),
        DataType::Timestamp(_, None) => ("datetime", "datetime(6)", microseconds(None)),
        DataType::Timestamp(_, Some(_)) => ("timestamp", "timestamp(6)", microseconds(Some("+00:00"))),
        DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) => ("time", "time(6)", DataType::Duration(TimeUnit::Microsecond)),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ("string", "text", DataType::Utf8),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            ("binary", "blob", DataType::Binary)
        }
        DataType::Null => {
            return Ok((
                described(field, DataType::Utf8, "string", "text"),
                new_null_array(&DataType::Utf8, column.len()),
            ));
        }
        DataType::Dictionary(_, values) => {
            let plain = Field::new(field.name(), DataType::clone(values), true);
            let column = cast(column, values).with_context(|| format!("unfold the dictionary of column {:?}", field.name()))?;
            return as_mysql(&plain, &column);
        }
        other => bail!(
            "column {:?} is of the type {other}, which no column of MySQL is: cast it, for nested types to JSON text",
            field.name()
        ),
    };
    let times = matches!(field.data_type(), DataType::Time32(_) | DataType::Time64(_));
    // A time of day is a number of units, as a duration is.
    let between = if times {
        cast(&cast(column, &DataType::Time64(TimeUnit::Microsecond))?, &DataType::Int64)?
    } else {
        Arc::clone(column)
    };
    let cast = cast(&between, &stored).with_context(|| format!("turn column {:?} into {stored}", field.name()))?;
    Ok((described(field, stored, kind, mysql_type), cast))
}

fn decimal(field: &Field, column: &ArrayRef) -> anyhow::Result<(Field, ArrayRef)> {
    match field.data_type() {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) if *scale >= 0 && *precision <= 76 => {
            let text = format!("decimal({precision},{scale})");
            let stored = if *precision <= 38 {
                DataType::Decimal128(*precision, *scale)
            } else {
                DataType::Decimal256(*precision, *scale)
            };
            let cast = cast(column, &stored).with_context(|| format!("turn column {:?} into {stored}", field.name()))?;
            Ok((described(field, stored, "decimal", &text), cast))
        }
        other => bail!(
            "column {:?} is of the type {other}: a DECIMAL of MySQL has no negative scale",
            field.name()
        ),
    }
}

/// The field with the contract's metadata; what it has of that itself counts where its type stays.
fn described(field: &Field, stored: DataType, kind: &str, mysql_type: &str) -> Field {
    let mut metadata: HashMap<String, String> = [
        ("rowmill.kind".to_owned(), kind.to_owned()),
        ("rowmill.type".to_owned(), mysql_type.to_owned()),
    ]
    .into();
    if matches!(kind, "datetime" | "timestamp" | "time") {
        metadata.insert("rowmill.fsp".to_owned(), "6".to_owned());
    }
    if kind == "string" {
        metadata.insert("rowmill.charset".to_owned(), "utf8mb4".to_owned());
    }
    if stored == *field.data_type() && field.metadata().contains_key("rowmill.kind") {
        metadata.extend(field.metadata().clone());
    }
    Field::new(field.name(), stored, true).with_metadata(metadata)
}
