//! Streams as arrow-rs reads them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::ipc::reader::StreamReader;
use rowmill_arrow_ipc::ArrowIpc;
use rowmill_sdk::harness::{Bench, Delivered, Rows, Shape, Value};

fn encode(config: &str, rows: &Rows) -> Vec<Delivered> {
    Bench::<ArrowIpc>::new(config).unwrap().encode(rows).unwrap()
}

fn read(record: &Delivered) -> RecordBatch {
    read_stream(record.value.as_deref().unwrap())
}

/// What the plugin is given, as arrow-rs reads it.
fn given(rows: &Rows) -> RecordBatch {
    let (schema, batch) = rows.messages().unwrap();
    read_stream(&[schema, batch].concat())
}

fn read_stream(bytes: &[u8]) -> RecordBatch {
    let reader = StreamReader::try_new(Cursor::new(bytes), None).unwrap();
    let mut batches: Vec<_> = reader.map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1, "one batch a stream");
    batches.remove(0)
}

/// Every kind of column.
fn wide() -> Shape {
    Shape::new("shop", "t")
        .column("id", "bigint", &[])
        .column("tiny", "tinyint", &[])
        .column("small", "smallint unsigned", &[])
        .column("middle", "int", &[])
        .column("big", "bigint unsigned", &[])
        .column("f", "float", &[])
        .column("d", "double", &[])
        .column("bit", "bit(1)", &[])
        .column("money", "decimal(12,2)", &[])
        .column("wide", "decimal(65,30)", &[])
        .column("day", "date", &[])
        .column("clock", "datetime(6)", &[])
        .column("name", "varchar(20)", &[])
        .column("bytes", "blob", &[])
        .column("label", "enum", &["a", "b"])
        .key(&[0])
}

fn full(id: i64) -> Vec<Value> {
    let decimal = |text: &str| Value::Decimal(text.to_owned());
    vec![
        id.into(),
        Value::Int(-1),
        Value::Int(65_535),
        Value::Int(7),
        Value::Int(u64::MAX.into()),
        Value::Float(1.5),
        Value::Double(-0.1),
        Value::Bool(true),
        decimal("-1.28"),
        decimal("-99999999999999999999999999999999999.999999999999999999999999999999"),
        Value::Int(19_782),
        Value::Int(-1),
        Value::Text("Größe".into()),
        Value::Bytes(vec![0, 255]),
        Value::Int(2),
    ]
}

fn nulls(id: i64) -> Vec<Value> {
    let mut row = vec![Value::Null; 15];
    row[0] = id.into();
    row
}

fn changes() -> Rows {
    let mut odd = full(4);
    odd[10] = Value::OddDate("0000-00-00".into());
    let mut absent = full(5);
    absent[12] = Value::Absent;
    Rows::new(&wide())
        .insert(full(1))
        .update(full(1), nulls(1))
        .delete(nulls(1))
        .insert(odd.clone())
        .update(odd, absent)
        .delete(full(6))
}

#[test]
fn a_batch_is_one_stream_without_a_key() {
    let rows = changes();
    let records = encode("{}", &rows);
    assert_eq!(records.len(), 1);
    assert_eq!(read(&records[0]), given(&rows));
    assert_eq!((records[0].row, &records[0].key), (0, &None));
}

#[test]
fn each_row_is_a_stream_with_its_key_and_all_together_are_the_batch() {
    let rows = changes();
    let records = encode(r#"{"records":"row"}"#, &rows);
    let read: Vec<_> = records.iter().map(read).collect();
    assert!(read.iter().all(|batch| batch.num_rows() == 1));
    let batch = given(&rows);
    assert_eq!(concat_batches(batch.schema_ref(), &read).unwrap(), batch);
    let keys: Vec<_> = records.iter().map(Delivered::key_text).collect();
    let key = |id: u8| format!("{{\"id\":{id}}}");
    assert_eq!(keys, [key(1), key(1), key(1), key(4), key(5), key(6)]);
    assert_eq!(records.iter().map(|record| record.row).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn rows_without_before_have_streams_of_their_batchs_own_schema() {
    let shape = Shape::new("d", "t").column("a", "varchar(5)", &[]);
    let rows = Rows::new(&shape).insert(vec!["x".into()]).insert(vec![Value::Null]);
    let records = encode(r#"{"records":"row"}"#, &rows);
    let batch = given(&rows);
    assert_eq!(
        concat_batches(batch.schema_ref(), &records.iter().map(read).collect::<Vec<_>>()).unwrap(),
        batch
    );
    assert!(records.iter().all(|record| record.key.is_none()));
}

#[test]
fn a_header_has_the_transactions_that_rows_point_to() {
    let told = r#"[{"gtid":"3e11fa47-71ca-11e1-9e33-c80aa9429562:23","position":"binlog.000002:4","xid":1}]"#;
    for config in ["{}", r#"{"records":"row"}"#] {
        for record in encode(config, &changes()) {
            assert_eq!(record.headers, [("transactions".to_owned(), told.as_bytes().to_vec())]);
        }
    }
}
