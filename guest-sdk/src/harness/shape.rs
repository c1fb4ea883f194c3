//! A table's version, described as MySQL would, and its Arrow schema as the contract has it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};

/// A table: names, columns, key.
#[derive(Debug, Clone)]
pub struct Shape {
    metadata: HashMap<String, String>,
    pub(super) columns: Vec<Arc<Field>>,
}

impl Shape {
    /// A table without columns yet, on a MySQL 9.7 whose zone is UTC.
    pub fn new(database: &str, table: &str) -> Self {
        let shape = Self {
            metadata: HashMap::new(),
            columns: Vec::new(),
        };
        shape
            .with("flavor", "mysql")
            .with("server_version", "9.7.0")
            .with("database", database)
            .with("table", table)
            .with("key", "[]")
            .with("time_zone", "UTC")
            .with("topic", &format!("mysql_{table}"))
    }

    /// The same with other metadata: `flavor`, `time_zone`, `server_version`, `topic`.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(format!("rowmill.{key}"), value.to_owned());
        self
    }

    /// The same with this key: ordinals from 0, in key order.
    #[must_use]
    pub fn key(self, ordinals: &[usize]) -> Self {
        self.with("key", &format!("{ordinals:?}"))
    }

    /// The same with one more column of a type as MySQL writes it: `int unsigned`, `decimal(12,2)`, `timestamp(6)`, `enum`.
    /// `labels` are those of ENUM and SET.
    ///
    /// # Panics
    /// Where the type is none of MySQL's.
    #[must_use]
    pub fn column(mut self, name: &str, mysql_type: &str, labels: &[&str]) -> Self {
        let (base, numbers) = parts(mysql_type);
        let first = numbers.first().copied();
        let (kind, data_type) = arrow_type(&base, &numbers, mysql_type.contains("unsigned"));
        let mut metadata = HashMap::from([
            ("rowmill.type".to_owned(), mysql_type.to_owned()),
            ("rowmill.kind".to_owned(), kind.to_owned()),
        ]);
        if matches!(kind, "datetime" | "timestamp" | "time") {
            metadata.insert("rowmill.fsp".to_owned(), first.unwrap_or(0).to_string());
        }
        if matches!(base.as_str(), "bit" | "binary") {
            metadata.insert("rowmill.length".to_owned(), first.unwrap_or(1).to_string());
        }
        if matches!(kind, "enum" | "set") {
            metadata.insert("rowmill.labels".to_owned(), serde_json::Value::from(labels.to_vec()).to_string());
        }
        if kind == "string" {
            metadata.insert("rowmill.charset".to_owned(), "utf8mb4".to_owned());
        }
        self.columns
            .push(Arc::new(Field::new(name, data_type, true).with_metadata(metadata)));
        self
    }

    /// The same, whose last column is a TINYINT of which it is not known, for this reason, whether it has a display width.
    #[must_use]
    pub fn width_unknown(mut self, reason: &str) -> Self {
        if let Some(column) = self.columns.pop() {
            let mut metadata = column.metadata().clone();
            metadata.insert("rowmill.width_unknown".to_owned(), reason.to_owned());
            self.columns.push(Arc::new(Field::clone(&column).with_metadata(metadata)));
        }
        self
    }

    /// The Arrow schema; optional columns as asked for.
    pub(super) fn schema(&self, before: bool, partial: bool, odd_dates: bool) -> Schema {
        let image = DataType::Struct(Fields::from(self.columns.clone()));
        let present = DataType::FixedSizeBinary(i32::try_from(self.columns.len().div_ceil(8)).unwrap_or(i32::MAX));
        let mut fields = vec![
            Field::new("seq", DataType::UInt64, false),
            Field::new("op", DataType::UInt8, false),
            Field::new("flags", DataType::UInt8, false),
            Field::new("ts", DataType::Int64, false),
            Field::new("checkpoint_ts", DataType::Int64, false),
            Field::new("txn", DataType::UInt32, false),
        ];
        if before {
            fields.push(Field::new("before", image.clone(), true));
        }
        fields.push(Field::new("after", image, true));
        if partial && before {
            fields.push(Field::new("before_present", present.clone(), true));
        }
        if partial {
            fields.push(Field::new("after_present", present, true));
        }
        if odd_dates {
            fields.push(Field::new("odd_dates", odd_dates_type(), true));
        }
        Schema::new_with_metadata(fields, self.metadata.clone())
    }
}

pub(super) fn odd_date_fields() -> Fields {
    Fields::from(vec![
        Field::new("image", DataType::UInt8, false),
        Field::new("column", DataType::UInt16, false),
        Field::new("text", DataType::Utf8, false),
    ])
}

fn odd_dates_type() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Struct(odd_date_fields()), false)))
}

/// `decimal(12,2) unsigned` is `decimal`, 12 and 2.
fn parts(mysql_type: &str) -> (String, Vec<u8>) {
    let base = mysql_type.split(['(', ' ']).next().unwrap_or_default().to_owned();
    let inner = mysql_type
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .map_or("", |(inner, _)| inner);
    (base, inner.split(',').filter_map(|number| number.trim().parse().ok()).collect())
}

fn arrow_type(base: &str, numbers: &[u8], unsigned: bool) -> (&'static str, DataType) {
    let integer = |signed: DataType, other: DataType| ("int", if unsigned { other } else { signed });
    let number = |i: usize, default: u8| numbers.get(i).copied().unwrap_or(default);
    match base {
        "tinyint" => integer(DataType::Int8, DataType::UInt8),
        "smallint" => integer(DataType::Int16, DataType::UInt16),
        "mediumint" | "int" => integer(DataType::Int32, DataType::UInt32),
        "bigint" => integer(DataType::Int64, DataType::UInt64),
        "year" => ("year", DataType::UInt16),
        "bit" if number(0, 1) == 1 => ("bit", DataType::Boolean),
        "bit" => ("bit", DataType::UInt64),
        "float" => ("float", DataType::Float32),
        "double" => ("double", DataType::Float64),
        "decimal" => {
            let (precision, scale) = (number(0, 10), i8::try_from(number(1, 0)).unwrap_or(0));
            (
                "decimal",
                if precision <= 38 {
                    DataType::Decimal128(precision, scale)
                } else {
                    DataType::Decimal256(precision, scale)
                },
            )
        }
        "date" => ("date", DataType::Date32),
        "datetime" => ("datetime", DataType::Timestamp(TimeUnit::Microsecond, None)),
        "timestamp" => ("timestamp", DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))),
        "time" => ("time", DataType::Duration(TimeUnit::Microsecond)),
        "char" | "varchar" | "text" => ("string", DataType::Utf8),
        "enum" => ("enum", DataType::UInt16),
        "set" => ("set", DataType::UInt64),
        "json" => ("json", DataType::Utf8),
        "binary" | "varbinary" | "blob" | "geometry" | "vector" => ("binary", DataType::Binary),
        _ => {
            assert!(base.is_empty(), "the harness knows no type `{base}`");
            ("int", DataType::Null)
        }
    }
}
