//! Flat objects, byte by byte: values, deletes, what is added.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use rowmill_flat_json::FlatJson;
use rowmill_sdk::harness::{Bench, Delivered, Rows, Shape, Value};

fn encode(config: &str, rows: &Rows) -> Vec<Delivered> {
    Bench::<FlatJson>::new(config).unwrap().encode(rows).unwrap()
}

/// Keys and values as text; `-` where there is none.
fn texts(records: &[Delivered]) -> Vec<(String, String)> {
    let text = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or("-".into(), |bytes| String::from_utf8(bytes.clone()).unwrap());
    records.iter().map(|record| (text(&record.key), text(&record.value))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn pair() -> Shape {
    Shape::new("shop", "t")
        .column("id", "bigint", &[])
        .column("name", "varchar(20)", &[])
        .key(&[0])
}

fn row(id: i64, name: &str) -> Vec<Value> {
    vec![id.into(), name.into()]
}

fn changes() -> Rows {
    Rows::new(&pair())
        .insert(row(1, "a"))
        .update(row(1, "a"), row(1, "b"))
        .key_update(row(1, "b"), row(2, "b"))
        .delete(row(2, "b"))
}

#[test]
fn a_row_is_its_columns_and_a_delete_is_a_tombstone() {
    assert_eq!(
        texts(&encode("{}", &changes())),
        pairs(&[
            (r#"{"id":1}"#, r#"{"id":1,"name":"a"}"#),
            (r#"{"id":1}"#, r#"{"id":1,"name":"b"}"#),
            (r#"{"id":1}"#, "-"),
            (r#"{"id":2}"#, r#"{"id":2,"name":"b"}"#),
            (r#"{"id":2}"#, "-"),
        ])
    );
}

#[test]
fn deletes_can_be_flagged_rows() {
    let (kept, gone) = (r#","__deleted":false}"#, r#","__deleted":true}"#);
    let values = |config: &str| {
        texts(&encode(config, &changes()))
            .into_iter()
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        values(r#"{"deletes":"flag"}"#),
        [
            format!(r#"{{"id":1,"name":"a"{kept}"#),
            format!(r#"{{"id":1,"name":"b"{kept}"#),
            format!(r#"{{"id":1,"name":"b"{gone}"#),
            format!(r#"{{"id":2,"name":"b"{kept}"#),
            format!(r#"{{"id":2,"name":"b"{gone}"#)
        ]
    );
    let both = values(r#"{"deletes":"both"}"#);
    assert_eq!(both.iter().filter(|value| value.as_str() == "-").count(), 2);
    assert_eq!((both.len(), both[3].as_str()), (7, "-"));
}

#[test]
fn what_is_added_stands_behind_the_columns_with_the_prefix() {
    let config = r#"{"metadata":true,"before":true,"deletes":"flag","metadata_prefix":"_"}"#;
    let records = encode(
        config,
        &Rows::new(&pair())
            .insert(row(1, "a"))
            .update(row(1, "a"), row(1, "b"))
            .delete(row(1, "b")),
    );
    let metadata = |op: &str, seq: u8| {
        format!(
            concat!(
                r#""_op":"{op}","_seq":"161474879046100000{seq}","_ts":1614748870000,"_database":"shop","_table":"t","#,
                r#""_gtid":"3e11fa47-71ca-11e1-9e33-c80aa9429562:23""#
            ),
            op = op,
            seq = seq
        )
    };
    let values: Vec<_> = records.iter().map(Delivered::value_text).collect();
    assert_eq!(
        values,
        [
            format!(r#"{{"id":1,"name":"a","_deleted":false,{},"_before":null}}"#, metadata("c", 0)),
            format!(
                r#"{{"id":1,"name":"b","_deleted":false,{},"_before":{{"id":1,"name":"a"}}}}"#,
                metadata("u", 1)
            ),
            format!(r#"{{"id":1,"name":"b","_deleted":true,{},"_before":null}}"#, metadata("d", 2)),
        ]
    );
}

#[test]
fn a_column_with_the_name_of_what_is_added_is_refused_only_if_it_is_added() {
    let shape = Shape::new("d", "t")
        .column("__op", "int", &[])
        .column("__deleted", "int", &[])
        .key(&[0]);
    let rows = Rows::new(&shape).insert(vec![1.into(), 2.into()]);
    assert_eq!(encode("{}", &rows)[0].value_text(), r#"{"__op":1,"__deleted":2}"#);
    for config in [r#"{"metadata":true}"#, r#"{"deletes":"flag"}"#] {
        let error = Bench::<FlatJson>::new(config).unwrap().encode(&rows).unwrap_err();
        assert!(error.code == "name-taken" && error.message.contains("metadata_prefix"), "{error}");
    }
    assert_eq!(encode(r#"{"metadata":true,"metadata_prefix":"m_"}"#, &rows).len(), 1);
}

#[test]
fn a_delete_without_a_key_needs_a_flag() {
    let shape = Shape::new("d", "t").column("a", "int", &[]);
    let rows = Rows::new(&shape).insert(vec![1.into()]).delete(vec![1.into()]);
    let error = Bench::<FlatJson>::new("{}").unwrap().encode(&rows).unwrap_err();
    assert_eq!((error.code.as_str(), error.row), ("no-key", Some(1)));
    for config in [r#"{"deletes":"flag"}"#, r#"{"deletes":"both"}"#] {
        let records = texts(&encode(config, &rows));
        assert_eq!(
            records,
            pairs(&[("-", r#"{"a":1,"__deleted":false}"#), ("-", r#"{"a":1,"__deleted":true}"#)])
        );
    }
}

#[test]
fn an_image_without_columns_has_what_is_added_and_no_comma_too_many() {
    let shape = Shape::new("d", "t").column("a", "int", &[]);
    let records = encode(
        r#"{"deletes":"flag","before":true}"#,
        &Rows::new(&shape).insert(vec![Value::Absent]),
    );
    assert_eq!(records[0].value_text(), r#"{"__deleted":false,"__before":null}"#);
}

#[test]
fn values_have_the_form_that_the_options_say() {
    let moment = || Value::Int(1_709_251_199_123_456);
    let odd = || Value::OddDate("0000-00-00 00:00:00".into());
    for (config, mysql_type, written, expected) in [
        ("{}", "bigint unsigned", Value::Int(u64::MAX.into()), "18446744073709551615"),
        ("{}", "decimal(12,2)", Value::Decimal("-1.50".into()), "-1.50"),
        (
            r#"{"decimal":"string"}"#,
            "decimal(12,2)",
            Value::Decimal("-1.50".into()),
            r#""-1.50""#,
        ),
        ("{}", "date", Value::Int(19_782), r#""2024-02-29""#),
        ("{}", "datetime(3)", moment(), r#""2024-02-29 23:59:59.123""#),
        ("{}", "timestamp(6)", moment(), r#""2024-02-29T23:59:59.123456Z""#),
        ("{}", "time", Value::Int(-3_020_399_000_000), r#""-838:59:59""#),
        ("{}", "blob", Value::Bytes(vec![0xfb, 0xff]), r#""+/8=""#),
        ("{}", "bit(1)", Value::Bool(true), "true"),
        ("{}", "datetime", odd(), "null"),
        (r#"{"zero_date":"string"}"#, "datetime", odd(), r#""0000-00-00 00:00:00""#),
        (r#"{"zero_date":"epoch"}"#, "datetime(3)", odd(), r#""1970-01-01 00:00:00.000""#),
        (r#"{"zero_date":"epoch"}"#, "timestamp", odd(), r#""1970-01-01T00:00:00Z""#),
        (r#"{"datetime":"milliseconds"}"#, "date", Value::Int(19_782), "1709164800000"),
        (r#"{"datetime":"milliseconds"}"#, "datetime(6)", moment(), "1709251199123"),
        (r#"{"datetime":"milliseconds"}"#, "timestamp(6)", moment(), "1709251199123"),
    ] {
        let shape = Shape::new("d", "t").column("c", mysql_type, &[]);
        let record = encode(config, &Rows::new(&shape).insert(vec![written])).remove(0);
        assert_eq!(record.value_text(), format!(r#"{{"c":{expected}}}"#), "{config} {mysql_type}");
    }
}
