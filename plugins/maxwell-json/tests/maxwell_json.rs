//! Maxwell's messages, byte by byte: operations, values, keys, options.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use rowmill_maxwell_json::MaxwellJson;
use rowmill_sdk::harness::{Bench, Delivered, Rows, Shape, Value};

fn encode(config: &str, rows: &Rows) -> Vec<Delivered> {
    Bench::<MaxwellJson>::new(config).unwrap().encode(rows).unwrap()
}

fn pair() -> Shape {
    Shape::new("shop", "t")
        .column("Id", "bigint", &[])
        .column("name", "varchar(20)", &[])
        .key(&[0])
}

fn row(id: i64, name: &str) -> Vec<Value> {
    vec![id.into(), name.into()]
}

#[test]
fn each_operation_is_one_message() {
    let rows = Rows::new(&pair())
        .insert(row(1, "a"))
        .update(row(1, "a"), row(1, "b"))
        .update(row(1, "b"), row(1, "b"))
        .key_update(row(1, "b"), row(2, "b"))
        .delete(row(2, "b"));
    let records = encode("{}", &rows);
    let head = |kind: &str| format!(r#"{{"database":"shop","table":"t","type":"{kind}","ts":1614748870,"xid":1,"data":"#);
    assert_eq!(
        records.iter().map(Delivered::value_text).collect::<Vec<_>>(),
        [
            format!(r#"{}{{"Id":1,"name":"a"}}}}"#, head("insert")),
            format!(r#"{}{{"Id":1,"name":"b"}},"old":{{"name":"a"}}}}"#, head("update")),
            format!(r#"{}{{"Id":1,"name":"b"}}}}"#, head("update")),
            format!(r#"{}{{"Id":2,"name":"b"}},"old":{{"Id":1}}}}"#, head("update")),
            format!(r#"{}{{"Id":2,"name":"b"}}}}"#, head("delete")),
        ]
    );
    let key = |id: u8| format!(r#"{{"database":"shop","table":"t","pk.id":{id}}}"#);
    assert_eq!(
        records.iter().map(Delivered::key_text).collect::<Vec<_>>(),
        [key(1), key(1), key(1), key(2), key(2)]
    );
}

#[test]
fn what_is_old_is_what_an_update_has_changed_null_included() {
    let shape = Shape::new("d", "t")
        .column("a", "int", &[])
        .column("b", "decimal(65,30)", &[])
        .column("c", "blob", &[])
        .column("d", "date", &[])
        .column("e", "double", &[])
        .column("f", "enum", &["x", "y"])
        .column("g", "bit(1)", &[])
        .column("h", "tinyint", &[]);
    let decimal = |text: &str| Value::Decimal(format!("{text}.000000000000000000000000000000"));
    let old = vec![
        Value::Null,
        decimal("1"),
        Value::Bytes(vec![1]),
        Value::OddDate("0000-00-00".into()),
        Value::Double(1.5),
        Value::Int(1),
        Value::Bool(true),
        Value::Int(1),
    ];
    let new = vec![
        Value::Int(0),
        decimal("2"),
        Value::Bytes(vec![]),
        Value::Null,
        Value::Double(2.5),
        Value::Int(2),
        Value::Bool(false),
        Value::Int(2),
    ];
    let changed = |rows: Rows| {
        let text = encode("{}", &rows)[0].value_text();
        text.split_once(r#","old":"#).map(|(_, old)| old.trim_end_matches('}').to_owned())
    };
    assert_eq!(
        changed(Rows::new(&shape).update(old.clone(), new.clone())).unwrap(),
        r#"{"a":null,"b":1.000000000000000000000000000000,"c":"AQ==","d":"0000-00-00","e":1.5,"f":"x","g":1,"h":1"#
    );
    assert_eq!(changed(Rows::new(&shape).update(old.clone(), old.clone())), None);
    assert_eq!(changed(Rows::new(&shape).update(new.clone(), new)), None);
}

#[test]
fn a_column_that_an_image_lacks_is_not_said_to_have_changed() {
    let rows = Rows::new(&pair()).update(vec![1.into(), Value::Absent], vec![Value::Absent, "b".into()]);
    let record = encode(r#"{"output_commit_info":false}"#, &rows).remove(0);
    assert_eq!(
        record.value_text(),
        r#"{"database":"shop","table":"t","type":"update","ts":1614748870,"data":{"Id":1,"name":"b"}}"#
    );
    assert_eq!(record.key_text(), r#"{"database":"shop","table":"t","pk.id":1}"#);
}

#[test]
fn options_add_and_leave_out_members() {
    let shape = pair().key(&[1, 0]);
    let config = concat!(
        r#"{"output_binlog_position":true,"output_gtid_position":true,"output_primary_keys":true,"output_primary_key_columns":true,"#,
        r#""output_nulls":false,"kafka_key_format":"array"}"#
    );
    let record = encode(config, &Rows::new(&shape).insert(vec![1.into(), Value::Null])).remove(0);
    assert_eq!(
        record.value_text(),
        concat!(
            r#"{"database":"shop","table":"t","type":"insert","ts":1614748870,"xid":1,"position":"binlog.000002:4","#,
            r#""gtid":"3e11fa47-71ca-11e1-9e33-c80aa9429562:23","primary_key":[null,1],"primary_key_columns":["name","Id"],"data":{"Id":1}}"#
        )
    );
    assert_eq!(record.key_text(), r#"["shop","t",[{"name":null},{"id":1}]]"#);
}

#[test]
fn without_nulls_what_is_old_has_none_either() {
    let rows = Rows::new(&pair()).update(vec![1.into(), Value::Null], row(1, "b"));
    let text = encode(r#"{"output_nulls":false}"#, &rows)[0].value_text();
    assert!(text.ends_with(r#""data":{"Id":1,"name":"b"},"old":{}}"#), "{text}");
}

#[test]
fn a_table_without_a_key_has_messages_without_keys() {
    let shape = Shape::new("d", "t").column("a", "int", &[]);
    for format in ["hash", "array"] {
        let config = format!(r#"{{"kafka_key_format":"{format}","output_primary_keys":true}}"#);
        let record = encode(&config, &Rows::new(&shape).insert(vec![1.into()])).remove(0);
        assert_eq!(record.key, None);
        assert!(
            record.value_text().contains(r#","primary_key":[],"data":"#),
            "{}",
            record.value_text()
        );
    }
}

#[test]
fn values_have_maxwells_forms() {
    for (mysql_type, labels, written, expected) in [
        ("bigint unsigned", &[][..], Value::Int(u64::MAX.into()), "18446744073709551615"),
        ("bit(1)", &[], Value::Bool(true), "1"),
        ("bit(64)", &[], Value::Int(u64::MAX.into()), "18446744073709551615"),
        ("decimal(12,2)", &[], Value::Decimal("1.50".into()), "1.50"),
        ("date", &[], Value::Int(19_782), r#""2024-02-29""#),
        (
            "datetime(3)",
            &[],
            Value::Int(1_709_251_199_123_000),
            r#""2024-02-29 23:59:59.123""#,
        ),
        ("timestamp", &[], Value::Int(1_709_251_199_000_000), r#""2024-02-29 23:59:59""#),
        ("time(6)", &[], Value::Int(-1), r#""-00:00:00.000001""#),
        ("year", &[], Value::Int(2024), "2024"),
        ("enum", &["a", "b"], Value::Int(2), r#""b""#),
        ("set", &["a", "b\"", "c"], Value::Int(7), r#"["a","b\"","c"]"#),
        ("set", &["a"], Value::Int(0), "[]"),
        ("json", &[], r#"{"a": [1, "x"]}"#.into(), r#"{"a": [1, "x"]}"#),
        ("blob", &[], Value::Bytes(vec![0xfb, 0xff]), r#""+/8=""#),
        (
            "geometry",
            &[],
            Value::Bytes([&[0; 4], &[1, 1, 0, 0, 0][..], &1.5_f64.to_le_bytes(), &(-2.0_f64).to_le_bytes()].concat()),
            r#""POINT (1.5 -2)""#,
        ),
    ] {
        let shape = Shape::new("d", "t").column("c", mysql_type, labels);
        let text = encode("{}", &Rows::new(&shape).insert(vec![written]))[0].value_text();
        assert!(text.ends_with(&format!(r#","data":{{"c":{expected}}}}}"#)), "{mysql_type}: {text}");
    }
}

#[test]
fn zero_dates_are_their_text_unless_they_are_to_be_null() {
    let shape = Shape::new("d", "t").column("c", "date", &[]);
    let rows = Rows::new(&shape).insert(vec![Value::OddDate("0000-00-00".into())]);
    for (config, expected) in [
        ("{}", r#""data":{"c":"0000-00-00"}}"#),
        (r#"{"output_nulls":false}"#, r#""data":{"c":"0000-00-00"}}"#),
        (r#"{"output_null_zerodates":true}"#, r#""data":{"c":null}}"#),
        (r#"{"output_null_zerodates":true,"output_nulls":false}"#, r#""data":{}}"#),
    ] {
        let text = encode(config, &rows)[0].value_text();
        assert!(text.ends_with(expected), "{config}: {text}");
    }
}
