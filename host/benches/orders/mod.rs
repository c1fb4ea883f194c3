//! A batch of the benchmarks' table of eleven columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int8Array, Int64Array, StringArray, StructArray, TimestampMicrosecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use rowmill::batch::{Batch, Shape, Transactions};
use rowmill::source::Table;

/// Rows of a batch: about 0.6 MB of Arrow, which is what the pipeline cuts under load.
pub(crate) const ROWS: u32 = 4096;

/// 2024-01-01T00:00Z in microseconds.
const START_US: i64 = 1_704_067_200_000_000;

/// Inserts into the 11-column benchmark table, in transactions of 1000 rows.
pub(crate) fn batch() -> Batch {
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns().into_iter().unzip();
    let after = StructArray::new(fields.clone().into(), columns, None);
    let number = || (0..ROWS).map(u64::from);
    let schema = Schema::new(vec![
        Field::new("seq", DataType::UInt64, false),
        Field::new("op", DataType::UInt8, false),
        Field::new("flags", DataType::UInt8, false),
        Field::new("ts", DataType::Int64, false),
        Field::new("checkpoint_ts", DataType::Int64, false),
        Field::new("txn", DataType::UInt32, false),
        Field::new("after", DataType::Struct(fields.into()), true),
    ])
    .with_metadata(
        [
            ("rowmill.flavor", "mysql"),
            ("rowmill.server_version", "9.7.0"),
            ("rowmill.database", "bench"),
            ("rowmill.table", "orders"),
            ("rowmill.key", "[0]"),
            ("rowmill.time_zone", "UTC"),
            ("rowmill.topic", "mysql_orders"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let rows = usize::try_from(ROWS).expect("rows of a batch fit");
    let rows = RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(UInt64Array::from_iter_values(number().map(|i| 1_704_067_200_000_000_000 + i))),
            Arc::new(UInt8Array::from(vec![1; rows])),
            Arc::new(UInt8Array::from(vec![0; rows])),
            Arc::new(Int64Array::from(vec![START_US / 1000; rows])),
            Arc::new(Int64Array::from(vec![START_US / 1000; rows])),
            Arc::new(UInt32Array::from_iter_values((0..ROWS).map(|i| i / 1000))),
            Arc::new(after),
        ],
    )
    .expect("columns of one length");
    Batch {
        table: Arc::new(Table {
            hidden: 0,
            version: 1,
            database: "bench".to_owned(),
            name: "orders".to_owned(),
            columns: Vec::new(),
            key: vec![0],
        }),
        shape: Shape::default(),
        bytes: rows.get_array_memory_size(),
        rows,
        transactions: transactions(),
    }
}

fn transactions() -> Transactions {
    let mut transactions = Transactions::default();
    for number in 0..ROWS.div_ceil(1000) {
        transactions
            .gtids
            .push_str(&format!("3f0e5f0e-7f0c-11ee-a506-0242ac120002:{number}"));
        transactions.places.push_str(&format!("binlog.000002:{}", 157 + 155_000 * number));
        transactions.gtid_ends.push(u32::try_from(transactions.gtids.len()).expect("short"));
        transactions
            .place_ends
            .push(u32::try_from(transactions.places.len()).expect("short"));
        transactions.xids.push(u64::from(number) + 10);
    }
    transactions
}

/// Fields and values: id, customer, sku, title, status, price, weight, created, updated, active, note.
fn columns() -> Vec<(Field, ArrayRef)> {
    let rows = || 0..i64::from(ROWS);
    let text = |make: &dyn Fn(i64) -> Option<String>| -> ArrayRef { Arc::new(rows().map(make).collect::<StringArray>()) };
    let micros = |step: i64, zone: Option<&str>| -> ArrayRef {
        let array = TimestampMicrosecondArray::from_iter_values(rows().map(|i| START_US + i * 1_000_000 + step));
        Arc::new(array.with_timezone_opt(zone))
    };
    let decimals = Decimal128Array::from_iter_values(rows().map(|i| i128::from(i * 37 % 1_000_000)));
    let decimals = decimals.with_precision_and_scale(12, 2).expect("decimal(12,2)");
    let columns: Vec<(&str, &str, &str, ArrayRef)> = vec![
        ("id", "bigint", "int", Arc::new(Int64Array::from_iter_values(rows().map(|i| i + 1)))),
        (
            "customer",
            "int unsigned",
            "int",
            Arc::new((0..ROWS).map(|i| Some(i * 7919 % 100_003)).collect::<UInt32Array>()),
        ),
        ("sku", "varchar(32)", "string", text(&|i| Some(format!("SKU-{:08}", i % 50_000)))),
        (
            "title",
            "varchar(120)",
            "string",
            text(&|i| Some(format!("Item number {i} “deluxe” edition"))),
        ),
        (
            "status",
            "enum",
            "enum",
            Arc::new((0..ROWS).map(|i| u16::try_from(1 + i % 4).ok()).collect::<UInt16Array>()),
        ),
        ("price", "decimal(12,2)", "decimal", Arc::new(decimals)),
        (
            "weight",
            "double",
            "double",
            Arc::new(
                (0..ROWS)
                    .map(|i| (i % 10 != 0).then(|| f64::from(i) * 0.37))
                    .collect::<Float64Array>(),
            ),
        ),
        ("created", "datetime(3)", "datetime", micros(0, None)),
        ("updated", "timestamp(6)", "timestamp", micros(123_456, Some("+00:00"))),
        (
            "active",
            "tinyint",
            "int",
            Arc::new((0..ROWS).map(|i| i8::try_from(i % 2).ok()).collect::<Int8Array>()),
        ),
        (
            "note",
            "varchar(255)",
            "string",
            text(&|i| (i % 3 != 0).then(|| format!("note {:056x} with some text to fill", i128::from(i) * 0x9e37_79b9_7f4a_7c15))),
        ),
    ];
    columns
        .into_iter()
        .map(|(name, type_text, kind, values)| {
            let mut metadata = vec![("rowmill.type", type_text), ("rowmill.kind", kind)];
            match name {
                "created" => metadata.push(("rowmill.fsp", "3")),
                "updated" => metadata.push(("rowmill.fsp", "6")),
                "status" => metadata.push(("rowmill.labels", r#"["new","paid","sent","done"]"#)),
                _ if kind == "string" => metadata.push(("rowmill.charset", "utf8mb4")),
                _ => {}
            }
            let metadata: Vec<(String, String)> = metadata
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            let field = Field::new(name, values.data_type().clone(), true);
            (
                field.with_metadata(metadata.into_iter().collect::<std::collections::HashMap<_, _>>()),
                values,
            )
        })
        .collect()
}
