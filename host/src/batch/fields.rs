//! A table's version as an Arrow schema, with the metadata that `docs/plugin-contract.md` lists.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Metadata, Schema, TimeUnit};

use super::Shape;
use super::odd_dates::OddDates;
use crate::source::{Column, ColumnType, Flavor, Former, Server, Table};

/// So many kinds of columns share their metadata.
const MOST_SHARED: usize = 1024;
/// Metadata with more bytes of values is a column's own: it has long labels.
const LARGEST_SHARED: usize = 256;

/// Metadata of columns: those of one type have the same, of however many tables they are.
#[derive(Debug, Default)]
pub(super) struct Shared(HashSet<Metadata>);

impl Shared {
    fn of(&mut self, metadata: Metadata) -> Metadata {
        if let Some(shared) = self.0.get(&metadata) {
            return shared.clone();
        }
        if metadata.iter().map(|(_, value)| value.len()).sum::<usize>() <= LARGEST_SHARED {
            if self.0.len() >= MOST_SHARED {
                // Whoever has it keeps it.
                self.0.clear();
            }
            self.0.insert(metadata.clone());
        }
        metadata
    }
}

/// Metadata of every schema of a table's version.
pub(super) fn table_metadata(server: &Server, table: &Table, topic: &str) -> Metadata {
    let flavor = match server.flavor {
        Flavor::Mysql => "mysql",
        Flavor::Mariadb => "mariadb",
    };
    [
        ("rowmill.flavor", flavor.to_owned()),
        ("rowmill.server_version", server.version.clone()),
        ("rowmill.database", table.database.clone()),
        ("rowmill.table", table.name.clone()),
        ("rowmill.key", json_list(&table.key)),
        ("rowmill.time_zone", server.time_zone.clone()),
        ("rowmill.topic", topic.to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The fields of `before` and `after`.
pub(super) fn column_fields(table: &Table, shared: &mut Shared) -> Fields {
    table.columns.iter().map(|column| column_field(column, shared)).collect()
}

/// The schema of a batch of one shape.
pub(super) fn schema(columns: &Fields, shape: Shape, metadata: &Metadata) -> Arc<Schema> {
    let mut fields = vec![
        Field::new("seq", DataType::UInt64, false),
        Field::new("op", DataType::UInt8, false),
        Field::new("flags", DataType::UInt8, false),
        Field::new("ts", DataType::Int64, false),
        Field::new("checkpoint_ts", DataType::Int64, false),
        Field::new("txn", DataType::UInt32, false),
    ];
    let present = DataType::FixedSizeBinary(i32::try_from(columns.len().div_ceil(8)).unwrap_or(i32::MAX));
    if shape.before {
        fields.push(Field::new("before", DataType::Struct(columns.clone()), true));
    }
    fields.push(Field::new("after", DataType::Struct(columns.clone()), true));
    if shape.partial && shape.before {
        fields.push(Field::new("before_present", present.clone(), true));
    }
    if shape.partial {
        fields.push(Field::new("after_present", present, true));
    }
    if shape.odd_dates {
        fields.push(Field::new("odd_dates", OddDates::data_type(), true));
    }
    Arc::new(Schema::new_with_metadata(fields, metadata.clone()))
}

/// A table's columns as a `ddl` control event lists them, see `docs/plugin-contract.md`.
pub fn describe_columns(table: &Table) -> serde_json::Value {
    let column = |column: &Column| {
        let mut described = serde_json::json!({
            "name": column.name,
            "kind": kind_and_type(&column.kind).0,
            "type": column.type_text,
        });
        let length = match column.kind {
            ColumnType::Bit { bits } => Some(u16::from(bits)),
            ColumnType::FixedBinary { length, .. } => Some(length),
            _ => None,
        };
        let reason = column.width_unknown.as_deref();
        if let Some(members) = described.as_object_mut() {
            members.extend(length.map(|length| ("length".to_owned(), length.into())));
            members.extend(reason.map(|reason| ("width_unknown".to_owned(), reason.into())));
        }
        described
    };
    table.columns.iter().map(column).collect()
}

/// Always nullable: a column may be missing in an image, and a row may have no image.
fn column_field(column: &Column, shared: &mut Shared) -> Field {
    let (kind, data_type) = kind_and_type(&column.kind);
    let mut metadata = Metadata::new()
        .with("rowmill.type", column.type_text.as_str())
        .with("rowmill.kind", kind);
    let mut note = |name: &str, value: String| metadata.insert(name, value);
    if !column.nullable {
        note("rowmill.not_null", "true".to_owned());
    }
    if let Some(reason) = &column.width_unknown {
        note("rowmill.width_unknown", reason.clone());
    }
    match &column.kind {
        ColumnType::Spelled { .. } => {
            note("rowmill.charset", "ascii".to_owned());
        }
        ColumnType::Text { charset, .. }
        | ColumnType::Packed {
            charset: Some(charset), ..
        } => {
            note("rowmill.charset", charset.name().to_owned());
        }
        ColumnType::Datetime { fsp } | ColumnType::Timestamp { fsp } | ColumnType::Time { fsp } => {
            note("rowmill.fsp", fsp.to_string());
        }
        ColumnType::Date | ColumnType::Former(_) => {
            note("rowmill.fsp", "0".to_owned());
        }
        ColumnType::Enum { labels, .. } | ColumnType::Set { labels, .. } => {
            note("rowmill.labels", json_list(labels));
        }
        ColumnType::Bit { bits } => {
            note("rowmill.length", bits.to_string());
        }
        ColumnType::FixedBinary { length, .. } => {
            note("rowmill.length", length.to_string());
        }
        _ => {}
    }
    Field::new(&column.name, data_type, true).with_metadata(shared.of(metadata))
}

/// `rowmill.kind` and the Arrow type of a column type.
pub(super) fn kind_and_type(kind: &ColumnType) -> (&'static str, DataType) {
    match *kind {
        ColumnType::Int { bytes, unsigned } => ("int", int_type(bytes, unsigned)),
        ColumnType::Year => ("year", DataType::UInt16),
        ColumnType::Bit { bits: 1 } => ("bit", DataType::Boolean),
        ColumnType::Bit { .. } => ("bit", DataType::UInt64),
        ColumnType::Float => ("float", DataType::Float32),
        ColumnType::Double => ("double", DataType::Float64),
        ColumnType::Decimal { precision, scale } => {
            // MySQL's scale ends at 30, so the conversion always holds.
            let scale = i8::try_from(scale).unwrap_or(i8::MAX);
            if precision <= 38 {
                ("decimal", DataType::Decimal128(precision, scale))
            } else {
                ("decimal", DataType::Decimal256(precision, scale))
            }
        }
        ColumnType::Date => ("date", DataType::Date32),
        ColumnType::Datetime { .. } => ("datetime", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ColumnType::Timestamp { .. } => ("timestamp", DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))),
        ColumnType::Time { .. } => ("time", DataType::Duration(TimeUnit::Microsecond)),
        ColumnType::Former(Former::Datetime) => kind_and_type(&ColumnType::Datetime { fsp: 0 }),
        ColumnType::Former(Former::Timestamp) => kind_and_type(&ColumnType::Timestamp { fsp: 0 }),
        ColumnType::Former(Former::Time) => kind_and_type(&ColumnType::Time { fsp: 0 }),
        ColumnType::Text { .. } | ColumnType::Spelled { .. } | ColumnType::Packed { charset: Some(_), .. } => ("string", DataType::Utf8),
        ColumnType::FixedBinary { .. } | ColumnType::Binary { .. } | ColumnType::Packed { charset: None, .. } => {
            ("binary", DataType::Binary)
        }
        ColumnType::Enum { .. } => ("enum", DataType::UInt16),
        ColumnType::Set { .. } => ("set", DataType::UInt64),
        ColumnType::Json { .. } | ColumnType::JsonText => ("json", DataType::Utf8),
        // Refused before a schema is made.
        ColumnType::Unsupported(_) => ("unsupported", DataType::Null),
    }
}

fn int_type(bytes: u8, unsigned: bool) -> DataType {
    match (bytes, unsigned) {
        (1, false) => DataType::Int8,
        (1, true) => DataType::UInt8,
        (2, false) => DataType::Int16,
        (2, true) => DataType::UInt16,
        (8, false) => DataType::Int64,
        (8, true) => DataType::UInt64,
        (_, false) => DataType::Int32,
        (_, true) => DataType::UInt32,
    }
}

fn json_list<T: Into<serde_json::Value> + Clone>(items: &[T]) -> String {
    serde_json::Value::Array(items.iter().cloned().map(Into::into).collect()).to_string()
}
