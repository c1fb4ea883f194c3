//! A plugin by itself: what is found of its file, and what it makes of batches that come from no source.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int64Array, ListArray, NullArray, RecordBatch, StringArray, Time32SecondArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::{Int32Type, UInt64Type};
use arrow::ipc::writer::{FileWriter, StreamWriter};

use super::super::{Sample, Tried, Tryout, inspect};
use super::{Lab, guests, plugin};

fn file(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), batch.schema_ref()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn a_report_says_what_a_plugin_is_and_what_it_asks_for() {
    let lab = Lab::new();
    let wasm = guests::probe('A');
    let report = inspect(&plugin(&lab.put("probe.wasm", &wasm), "nothing"), &wasm);
    assert!(report.verdict.is_ok(), "{:?}", report.verdict);
    assert_eq!((report.what.as_str(), report.bytes), ("a WebAssembly component", wasm.len()));
    assert_eq!(report.description["kind"], "encoder");
    assert!(report.compile.is_some() && report.imports.iter().any(|(name, given)| name.ends_with("output@1.0.0") && *given));
    assert!(report.exports.iter().any(|name| name == "rowmill:plugin/encode@1.0.0"));
}

#[test]
fn a_report_of_what_does_not_load_says_what_it_is() {
    let lab = Lab::new();
    for (bytes, what) in [
        (&b""[..], "empty"),
        (b"\0asm\x01\0\0\0", "a core WebAssembly module"),
        (b"\x7fELF", "native or precompiled code"),
        (b"hello", "not WebAssembly"),
    ] {
        let report = inspect(&plugin(&lab.put("x.wasm", bytes), "nothing"), bytes);
        assert_eq!(report.what, what);
        assert!(report.verdict.is_err() && report.compile.is_none());
    }
}

#[test]
fn a_transform_by_itself_drops_keeps_and_garbles_as_in_a_chain() {
    let lab = Lab::new();
    let path = lab.put("sieve.wasm", &guests::sieve());
    let sample = Sample::of_everything().unwrap();
    let run = |task: &str| Tryout::start(&plugin(&path, task), &lab.cache).unwrap().run(&sample);
    assert!(matches!(run("drop").unwrap(), Tried::Dropped));
    let Tried::Batch(same) = run("same").unwrap() else {
        panic!("a batch comes out")
    };
    let Tried::Batch(again) = run("again").unwrap() else {
        panic!("a batch comes out")
    };
    assert_eq!((same.rows().unwrap().len(), same.rows().unwrap()), (7, again.rows().unwrap()));
    for task in ["cut", "garbage", "swapped"] {
        assert!(run(task).is_err(), "{task}");
    }
}

#[test]
fn a_plain_tables_rows_are_inserts_of_a_table_that_mysql_could_have() {
    let dictionary: DictionaryArray<Int32Type> = ["x", "y"].into_iter().collect();
    let plain = table(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2]))),
        ("name", Arc::new(StringArray::from(vec![Some("a"), None]))),
        ("paid", Arc::new(BooleanArray::from(vec![true, false]))),
        ("at", Arc::new(TimestampNanosecondArray::from(vec![1_614_748_870_123_456_789, 0]))),
        ("clock", Arc::new(Time32SecondArray::from(vec![3_661, 0]))),
        ("kind", Arc::new(dictionary)),
        ("nothing", Arc::new(NullArray::new(2))),
    ]);
    for bytes in [file(&plain), stream(&plain)] {
        let samples = Sample::read(&bytes).unwrap();
        let rows = &samples[0].batch.rows;
        assert_eq!(rows.column_by_name("op").unwrap().len(), 2);
        let after = rows.column_by_name("after").unwrap().as_struct();
        assert_eq!(after.column_by_name("name").unwrap().null_count(), 1);
        let kinds: Vec<_> = after
            .fields()
            .iter()
            .map(|field| field.metadata()["rowmill.type"].clone())
            .collect();
        assert_eq!(kinds, ["bigint", "text", "bit(1)", "datetime(6)", "time(6)", "text", "text"]);
        // An encoder that is written with the SDK can read it.
        let envelope = crate::config::Plugin {
            origin: crate::config::PluginOrigin::Builtin("envelope".to_owned()),
            config: serde_json::json!({"datetime": "string"}),
            ..plugin(std::path::Path::new("envelope"), "nothing")
        };
        let lab = Lab::new();
        let Tried::Records(records) = Tryout::start(&envelope, &lab.cache).unwrap().run(&samples[0]).unwrap() else {
            panic!("records come out")
        };
        let value = String::from_utf8_lossy(records[0].entry(0).unwrap().1.unwrap()).into_owned();
        let shown = r#""dataColumn":{"id":1,"name":"a","paid":true,"at":"2021-03-03 05:21:10.123456","clock":"01:01:01.000000","kind":"x","nothing":null}"#;
        assert!(value.contains(shown), "{value}");
    }
}

#[test]
fn a_batch_in_the_contracts_columns_is_taken_as_it_is() {
    let sample = Sample::of_everything().unwrap();
    let again = Sample::read(&file(&sample.batch.rows)).unwrap();
    assert_eq!(again[0].batch.rows, sample.batch.rows);
    assert_eq!((again[0].batch.shape, &*again[0].topic), (sample.batch.shape, "mysql_sample"));
    assert_eq!(again[0].batch.transactions.xids.len(), 2);
    assert_eq!(again[0].clone().first(3).rows(), 3);
    let seq = sample.batch.rows.column_by_name("seq").unwrap();
    assert!(seq.as_primitive::<UInt64Type>().values().is_sorted());
}

#[test]
fn a_file_that_holds_no_rows_of_a_table_is_refused_with_its_column() {
    let nested = table(vec![(
        "tags",
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])])),
    )]);
    let error = format!("{:#}", Sample::read(&file(&nested)).unwrap_err());
    assert!(error.contains("\"tags\"") && error.contains("JSON"), "{error}");
    let empty = table(vec![("id", Arc::new(Int64Array::from(Vec::<i64>::new())))]);
    assert!(Sample::read(&file(&empty)).unwrap_err().to_string().contains("no rows"));
    let whole = file(&table(vec![("id", Arc::new(Int64Array::from(vec![1; 1000])))]));
    // Cut or changed anywhere it is an error or a batch, never a panic.
    for at in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5a;
        let _ = Sample::read(&damaged);
        let _ = Sample::read(&whole[..at]);
    }
}
