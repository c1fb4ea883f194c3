//! Canal's flat messages, byte by byte: operations, values, types, statements.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use rowmill_canal_json::CanalJson;
use rowmill_sdk::harness::{Bench, Delivered, Rows, Shape, Value};

fn encode(config: &str, rows: &Rows) -> Vec<Delivered> {
    Bench::<CanalJson>::new(config).unwrap().encode(rows).unwrap()
}

/// A value with the clock's time taken out.
fn timeless(record: &Delivered) -> String {
    let text = record.value_text();
    let (before, rest) = text.rsplit_once(",\"ts\":").unwrap();
    let (time, after) = rest.split_once(',').unwrap();
    assert!(time.parse::<i64>().unwrap() > 1_600_000_000_000, "a time in milliseconds: {time}");
    format!("{before},\"ts\":0,{after}")
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

#[test]
fn each_operation_is_one_message_with_its_members_in_the_order_of_their_names() {
    let rows = Rows::new(&pair())
        .insert(row(1, "a"))
        .update(row(1, "a"), row(1, "b"))
        .update(row(1, "b"), row(1, "b"))
        .delete(row(1, "b"));
    let records = encode("{}", &rows);
    let message = |data: &str, seq: u8, old: &str, kind: &str| {
        format!(
            concat!(
                r#"{{"data":[{data}],"database":"shop","es":1614748870000,"gtid":"3e11fa47-71ca-11e1-9e33-c80aa9429562:23","#,
                r#""id":161474879046100000{seq},"isDdl":false,"mysqlType":{{"id":"bigint","name":"varchar(20)"}},"old":{old},"#,
                r#""pkNames":["id"],"sql":"","sqlType":{{"id":-5,"name":12}},"table":"t","ts":0,"type":"{kind}"}}"#
            ),
            data = data,
            seq = seq,
            old = old,
            kind = kind
        )
    };
    assert_eq!(
        records.iter().map(timeless).collect::<Vec<_>>(),
        [
            message(r#"{"id":"1","name":"a"}"#, 0, "null", "INSERT"),
            message(r#"{"id":"1","name":"b"}"#, 1, r#"[{"name":"a"}]"#, "UPDATE"),
            message(r#"{"id":"1","name":"b"}"#, 2, "[{}]", "UPDATE"),
            message(r#"{"id":"1","name":"b"}"#, 3, "null", "DELETE"),
        ]
    );
    assert!(records.iter().all(|record| record.key_text() == r#"{"id":"1"}"#));
}

#[test]
fn values_are_texts_or_null() {
    for (config, mysql_type, labels, written, expected) in [
        ("{}", "int", &[][..], Value::Null, "null"),
        (
            "{}",
            "bigint unsigned",
            &[],
            Value::Int(u64::MAX.into()),
            r#""18446744073709551615""#,
        ),
        ("{}", "tinyint(1)", &[], Value::Int(1), r#""1""#),
        ("{}", "bit(1)", &[], Value::Bool(true), r#""1""#),
        ("{}", "double", &[], Value::Double(3.0), r#""3.0""#),
        ("{}", "double", &[], Value::Double(-1.5e10), r#""-1.5E10""#),
        ("{}", "year", &[], Value::Int(0), r#""0000""#),
        (
            "{}",
            "decimal(65,30)",
            &[],
            Value::Decimal("-0.000000000000000000000000000001".into()),
            r#""-0.000000000000000000000000000001""#,
        ),
        ("{}", "date", &[], Value::Int(19_782), r#""2024-02-29""#),
        (
            "{}",
            "datetime(3)",
            &[],
            Value::Int(1_709_251_199_123_000),
            r#""2024-02-29 23:59:59.123""#,
        ),
        (
            "{}",
            "timestamp",
            &[],
            Value::Int(1_709_251_199_000_000),
            r#""2024-03-01 07:59:59""#,
        ),
        (
            r#"{"time_zone":"America/New_York"}"#,
            "timestamp(6)",
            &[],
            Value::Int(1_709_251_199_000_001),
            r#""2024-02-29 18:59:59.000001""#,
        ),
        (
            r#"{"time_zone":"America/New_York"}"#,
            "timestamp",
            &[],
            Value::Int(1_720_000_000_000_000),
            r#""2024-07-03 05:46:40""#,
        ),
        ("{}", "time", &[], Value::Int(-3_020_399_000_000), r#""-838:59:59""#),
        ("{}", "date", &[], Value::OddDate("0000-00-00".into()), r#""0000-00-00""#),
        ("{}", "enum", &["a", "b"], Value::Int(2), r#""2""#),
        ("{}", "set", &["a", "b"], Value::Int(3), r#""3""#),
        (r#"{"enum":"label"}"#, "enum", &["a", "b"], Value::Int(2), r#""b""#),
        (r#"{"enum":"label"}"#, "set", &["a", "b"], Value::Int(3), r#""a,b""#),
        ("{}", "json", &[], r#"{"a": 1}"#.into(), r#""{\"a\": 1}""#),
        ("{}", "blob", &[], Value::Bytes(vec![0x41, 0xe9, 0]), "\"A\u{e9}\\u0000\""),
    ] {
        let shape = Shape::new("d", "t").with("time_zone", "+08:00").column("c", mysql_type, labels);
        let text = encode(config, &Rows::new(&shape).insert(vec![written]))[0].value_text();
        assert!(
            text.starts_with(&format!(r#"{{"data":[{{"c":{expected}}}],"#)),
            "{mysql_type}: {text}"
        );
    }
}

#[test]
fn types_are_named_in_mysqls_way_and_in_javas() {
    let shape = Shape::new("d", "t")
        .column("a", "tinyint unsigned", &[])
        .column("b", "enum", &["x", "it's"])
        .column("c", "text", &[])
        .column("d", "varbinary(5)", &[])
        .column("e", "timestamp(3)", &[])
        .column("f", "decimal(10,2)", &[])
        .column("g", "char(3)", &[])
        .column("h", "year", &[]);
    let text = encode("{}", &Rows::new(&shape).insert(vec![Value::Null; 8]))[0].value_text();
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        whole["mysqlType"],
        serde_json::json!({"a":"tinyint unsigned","b":"enum('x','it''s')","c":"text","d":"varbinary(5)","e":"timestamp(3)",
            "f":"decimal(10,2)","g":"char(3)","h":"year"})
    );
    assert_eq!(
        whole["sqlType"],
        serde_json::json!({"a":-6,"b":4,"c":2005,"d":2004,"e":93,"f":3,"g":1,"h":12})
    );
    assert_eq!(whole["pkNames"], serde_json::Value::Null);
}

#[test]
fn the_type_of_an_unsigned_number_is_as_large_as_its_value() {
    let shape = Shape::new("d", "t")
        .column("a", "tinyint unsigned", &[])
        .column("b", "smallint unsigned", &[])
        .column("c", "mediumint unsigned", &[])
        .column("d", "int unsigned", &[])
        .column("e", "bigint unsigned", &[])
        .key(&[4, 1]);
    let whole = |row: [i128; 5]| -> serde_json::Value {
        let rows = Rows::new(&shape).insert(row.map(Value::Int).to_vec());
        serde_json::from_str(&encode("{}", &rows)[0].value_text()).unwrap()
    };
    let low = whole([127, 32_767, 8_388_607, 2_147_483_647, i64::MAX.into()]);
    assert_eq!(low["sqlType"], serde_json::json!({"a":-6,"b":5,"c":4,"d":4,"e":-5}));
    let high = whole([128, 32_768, 8_388_608, 2_147_483_648, 1 << 63]);
    assert_eq!(high["sqlType"], serde_json::json!({"a":5,"b":4,"c":4,"d":-5,"e":3}));
    assert_eq!(high["pkNames"], serde_json::json!(["b", "e"]), "the table's order, not the key's");
    let rows = Rows::new(&shape).insert(vec![Value::Null, Value::Int(1), Value::Null, Value::Null, Value::Int(1)]);
    let text = encode("{}", &rows)[0].value_text();
    assert!(text.contains(r#""sqlType":{"a":-6,"b":5,"c":4,"d":4,"e":-5}"#), "{text}");
}

#[test]
fn a_statement_is_a_message_of_its_own() {
    let event = serde_json::json!({"event":"ddl","topics":["p_t"],"seq":42,"ts":9,"checkpoint_ts":8,"operation":"ALTER",
        "text":"ALTER TABLE t ADD c int -- \"x\"","database":"d","table":"t"});
    let records = Bench::<CanalJson>::new("{}").unwrap().control(&event).unwrap();
    let text = timeless(&records[0]);
    assert_eq!(
        text,
        concat!(
            r#"{"data":null,"database":"d","es":9,"gtid":"","id":42,"isDdl":true,"mysqlType":null,"old":null,"pkNames":null,"#,
            r#""sql":"ALTER TABLE t ADD c int -- \"x\"","sqlType":null,"table":"t","ts":0,"type":"ALTER"}"#
        )
    );
    assert_eq!(
        (records[0].topic.as_str(), records[0].partition, records[0].timestamp),
        ("p_t", 0, Some(9))
    );
}

#[test]
fn a_source_zone_without_a_name_matters_only_to_tables_with_timestamps() {
    let rows = Rows::new(&pair().with("time_zone", "???")).insert(row(1, "a"));
    assert_eq!(encode("{}", &rows).len(), 1);
    let shape = Shape::new("d", "t").with("time_zone", "???").column("c", "timestamp", &[]);
    let rows = Rows::new(&shape).insert(vec![Value::Int(0)]);
    let error = Bench::<CanalJson>::new("{}").unwrap().encode(&rows).unwrap_err();
    assert!(error.code == "unknown-time-zone" && error.message.contains("TIMESTAMP"), "{error}");
    assert!(Bench::<CanalJson>::new(r#"{"time_zone":"Mars/Olympus"}"#).is_err());
}
