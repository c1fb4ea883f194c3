//! Keys, values and headers against what Debezium 3.5 wrote for the same rows. `tests/tests/e2e/debezium.rs` compares whole tables.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use rowmill_debezium_json::DebeziumJson;
use rowmill_sdk::harness::{Bench, Delivered, Rows, Shape, Value};
use serde_json::json;

const PLAIN: &str = r#"{"schemas_enable":false,"topic_prefix":"dbz"}"#;

fn encode(config: &str, rows: &Rows) -> Vec<Delivered> {
    Bench::<DebeziumJson>::new(config).unwrap().encode(rows).unwrap()
}

fn value(record: &Delivered) -> serde_json::Value {
    serde_json::from_slice(record.value.as_ref().unwrap()).unwrap()
}

fn pair() -> Shape {
    Shape::new("shop", "t")
        .column("id", "bigint", &[])
        .not_null()
        .column("name", "varchar(20)", &[])
        .key(&[0])
}

fn row(id: i64, name: &str) -> Vec<Value> {
    vec![id.into(), name.into()]
}

/// The value of one column, and its schema without what all have.
fn rendered(config: &str, mysql_type: &str, labels: &[&str], value: Value) -> (serde_json::Value, serde_json::Value) {
    let shape = Shape::new("d", "t").column("c", mysql_type, labels);
    let record = encode(config, &Rows::new(&shape).insert(vec![value])).remove(0);
    let whole = self::value(&record);
    let mut schema = whole["schema"]["fields"][1]["fields"][0].clone();
    for member in ["optional", "field"] {
        schema.as_object_mut().unwrap().remove(member);
    }
    (whole["payload"]["after"]["c"].clone(), schema)
}

#[test]
fn a_create_has_debeziums_members_in_its_order() {
    let record = encode(PLAIN, &Rows::new(&pair()).insert(row(1, "a"))).remove(0);
    assert_eq!(record.key_text(), r#"{"id":1}"#);
    let text = record.value_text();
    let (head, rest) = text.split_once(r#","ts_ms":"#).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        head,
        format!(r#"{{"before":null,"after":{{"id":1,"name":"a"}},"source":{{"version":"{version}","connector":"mysql","name":"dbz""#)
    );
    assert!(
        rest.starts_with(concat!(
            r#"1614748870000,"snapshot":"false","db":"shop","sequence":"[\"1614748790461000000\"]","ts_us":1614748870000000,"#,
            r#""ts_ns":1614748870000000000,"table":"t","server_id":0,"gtid":"3e11fa47-71ca-11e1-9e33-c80aa9429562:23","#,
            r#""file":"binlog.000002","pos":4,"row":0,"thread":null,"query":null},"transaction":null,"op":"c","ts_ms":"#
        )),
        "{rest}"
    );
    let whole = value(&record);
    let (ms, ns) = (whole["ts_ms"].as_i64().unwrap(), whole["ts_ns"].as_i64().unwrap());
    assert_eq!((ms, whole["ts_us"].as_i64().unwrap()), (ns / 1_000_000, ns / 1000));
}

#[test]
fn with_schemas_a_key_and_a_value_say_what_they_are() {
    let config = r#"{"topic_prefix":"dbz"}"#;
    let record = encode(config, &Rows::new(&pair()).insert(row(1, "a"))).remove(0);
    let key: serde_json::Value = serde_json::from_slice(record.key.as_ref().unwrap()).unwrap();
    let id = json!({"type":"int64","optional":false,"field":"id"});
    let name = json!({"type":"string","optional":true,"field":"name"});
    assert_eq!(
        key,
        json!({"schema":{"type":"struct","fields":[id],"optional":false,"name":"dbz.shop.t.Key"},"payload":{"id":1}})
    );
    let whole = value(&record);
    let schema = &whole["schema"];
    assert_eq!(
        (&schema["name"], &schema["version"], &schema["optional"]),
        (&json!("dbz.shop.t.Envelope"), &json!(2), &json!(false))
    );
    for (at, field) in ["before", "after"].into_iter().enumerate() {
        assert_eq!(
            schema["fields"][at],
            json!({"type":"struct","fields":[id,name],"optional":true,"name":"dbz.shop.t.Value","field":field})
        );
    }
    let names: Vec<_> = schema["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["field"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["before", "after", "source", "transaction", "op", "ts_ms", "ts_us", "ts_ns"]);
    let members: Vec<_> = whole["payload"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, names);
    let source: Vec<_> = schema["fields"][2]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["field"].as_str().unwrap())
        .collect();
    let members: Vec<_> = whole["payload"]["source"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, source);
}

#[test]
fn an_update_has_both_images_and_a_delete_is_followed_by_its_tombstone() {
    let rows = Rows::new(&pair()).update(row(1, "a"), row(1, "b")).delete(row(1, "b"));
    let records = encode(PLAIN, &rows);
    let update = value(&records[0]);
    assert_eq!(
        (&update["op"], &update["before"]["name"], &update["after"]["name"]),
        (&json!("u"), &json!("a"), &json!("b"))
    );
    let delete = value(&records[1]);
    assert_eq!((&delete["op"], &delete["after"]), (&json!("d"), &json!(null)));
    assert_eq!(delete["before"], json!({"id":1,"name":"b"}));
    assert_eq!((records[2].key_text().as_str(), &records[2].value), (r#"{"id":1}"#, &None));
    assert_eq!(records.len(), 3);
    let config = r#"{"schemas_enable":false,"tombstones_on_delete":false}"#;
    assert_eq!(encode(config, &rows).len(), 2);
}

#[test]
fn a_change_of_the_key_is_a_delete_a_tombstone_and_a_create_that_name_each_other() {
    let rows = Rows::new(&pair()).insert(row(9, "z")).key_update(row(1, "a"), row(2, "a"));
    for config in [PLAIN, "{}"] {
        let records = encode(config, &rows);
        let header = |record: &Delivered| -> Vec<String> {
            let text = |(name, value): &(String, Vec<u8>)| format!("{name}={}", String::from_utf8_lossy(value));
            record.headers.iter().map(text).collect()
        };
        assert_eq!(
            records.iter().map(header).collect::<Vec<_>>(),
            [
                vec![],
                vec![r#"__debezium.newkey={"id":2}"#.to_owned()],
                vec![r#"__debezium.newkey={"id":2}"#.to_owned()],
                vec![r#"__debezium.oldkey={"id":1}"#.to_owned()]
            ]
        );
        let op = |record: &Delivered| {
            let whole = value(record);
            let payload = whole.get("payload").unwrap_or(&whole);
            payload["op"].as_str().unwrap().to_owned()
        };
        assert_eq!((op(&records[1]).as_str(), op(&records[3]).as_str()), ("d", "c"));
        assert!(records[1].key_text().contains("1") && records[2].key == records[1].key && records[2].value.is_none());
        assert_ne!(records[3].key, records[1].key);
    }
}

#[test]
fn a_table_without_a_key_has_neither_keys_nor_tombstones() {
    let shape = Shape::new("d", "t").column("a", "int", &[]);
    let records = encode(PLAIN, &Rows::new(&shape).insert(vec![1.into()]).delete(vec![1.into()]));
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|record| record.key.is_none() && record.value.is_some()));
}

#[test]
fn numbers_are_what_debezium_wrote() {
    let int = |number: i128| Value::Int(number);
    for (mysql_type, written, expected, schema) in [
        ("tinyint", int(-128), json!(-128), json!({"type":"int16"})),
        ("tinyint unsigned", int(255), json!(255), json!({"type":"int16"})),
        ("smallint", int(-32768), json!(-32768), json!({"type":"int16"})),
        ("smallint unsigned", int(65535), json!(65535), json!({"type":"int32"})),
        ("mediumint unsigned", int(16_777_215), json!(16_777_215), json!({"type":"int32"})),
        ("int", int(-1), json!(-1), json!({"type":"int32"})),
        (
            "int unsigned",
            int(4_294_967_295),
            json!(4_294_967_295_u32),
            json!({"type":"int64"}),
        ),
        ("bigint", int(i64::MIN.into()), json!(i64::MIN), json!({"type":"int64"})),
        ("bigint unsigned", int(i64::MAX.into()), json!(i64::MAX), json!({"type":"int64"})),
        (
            "year",
            int(1901),
            json!(1901),
            json!({"type":"int32","name":"io.debezium.time.Year","version":1}),
        ),
        ("bit(1)", Value::Bool(true), json!(true), json!({"type":"boolean"})),
        ("float", Value::Float(-12.5), json!(-12.5), json!({"type":"float"})),
        ("double", Value::Double(0.1), json!(0.1), json!({"type":"double"})),
    ] {
        assert_eq!(rendered("{}", mysql_type, &[], written), (expected, schema), "{mysql_type}");
    }
    let bits = |length: &str| json!({"type":"bytes","name":"io.debezium.data.Bits","version":1,"parameters":{"length":length}});
    for (length, number, expected) in [
        ("2", 3, "Aw=="),
        ("12", 0xaaa, "qgo="),
        ("64", i128::from(u64::MAX), "//////////8="),
    ] {
        assert_eq!(
            rendered("{}", &format!("bit({length})"), &[], int(number)),
            (json!(expected), bits(length))
        );
    }
    let decimal = |scale: &str, precision: &str| {
        json!({"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,
            "parameters":{"scale":scale,"connect.decimal.precision":precision}})
    };
    let widest = "-99999999999999999999999999999999999.999999999999999999999999999999";
    for (mysql_type, text, expected, schema) in [
        ("decimal(12,2)", "-9999999999.99", "/xcrWvAB", decimal("2", "12")),
        ("decimal(10,0)", "1234567890", "SZYC0g==", decimal("0", "10")),
        ("decimal(12,2)", "127.99", "Mf8=", decimal("2", "12")),
        ("decimal(12,2)", "1.29", "AIE=", decimal("2", "12")),
        ("decimal(12,2)", "0.00", "AA==", decimal("2", "12")),
        ("decimal(5,2) unsigned", "999.99", "AYaf", decimal("2", "5")),
        (
            "decimal(65,30)",
            widest,
            "/wzp2OOAPG91dBC5sca6EIXayfYAAAAAAAAAAQ==",
            decimal("30", "65"),
        ),
    ] {
        let written = Value::Decimal(text.to_owned());
        assert_eq!(rendered("{}", mysql_type, &[], written), (json!(expected), schema), "{text}");
        let written = Value::Decimal(text.to_owned());
        let string = r#"{"decimal_handling_mode":"string"}"#;
        assert_eq!(rendered(string, mysql_type, &[], written).0, json!(text));
    }
    let double = r#"{"decimal_handling_mode":"double"}"#;
    let (number, schema) = rendered(double, "decimal(65,30)", &[], Value::Decimal(widest.to_owned()));
    assert_eq!((number, schema), (json!(-1e35), json!({"type":"double"})));
    let precise = r#"{"bigint_unsigned_handling_mode":"precise"}"#;
    assert_eq!(
        rendered(precise, "bigint unsigned", &[], int(i64::MAX.into())),
        (json!("f/////////8="), decimal("0", "20"))
    );
    assert_eq!(
        rendered(precise, "bigint unsigned", &[], int(u64::MAX.into())).0,
        json!("AP//////////")
    );
}

#[test]
fn an_unsigned_number_past_the_signed_ones_is_an_error_of_its_row() {
    let shape = Shape::new("d", "t").column("n", "bigint unsigned", &[]);
    let rows = Rows::new(&shape)
        .insert(vec![Value::Int(i64::MAX.into())])
        .insert(vec![Value::Int(1 << 63)]);
    let error = Bench::<DebeziumJson>::new("{}").unwrap().encode(&rows).unwrap_err();
    assert_eq!((error.code.as_str(), error.row), ("value-out-of-range", Some(1)));
    assert!(error.message.contains("BIGINT UNSIGNED"), "{error}");
}

#[test]
fn texts_bytes_and_labels_are_what_debezium_wrote() {
    let named = |name: &str| json!({"type":"string","name":format!("io.debezium.data.{name}"),"version":1});
    let (document, schema) = rendered("{}", "json", &[], r#"{"a": "x\"y", "b": [1, 2.5, null], "c": {}}"#.into());
    assert_eq!(
        (document, schema),
        (json!(r#"{"a":"x\"y","b":[1,2.5,null],"c":{}}"#), named("Json"))
    );
    let with = |name: &str, allowed: &str| json!({"type":"string","name":name,"version":1,"parameters":{"allowed":allowed}});
    assert_eq!(
        rendered("{}", "enum", &["new", "it's, \"so\""], Value::Int(2)),
        (json!("it's, \"so\""), with("io.debezium.data.Enum", "new,it's\\, \"so\""))
    );
    assert_eq!(
        rendered("{}", "set", &["a", "b", "c"], Value::Int(5)),
        (json!("a,c"), with("io.debezium.data.EnumSet", "a,b,c"))
    );
    for (mode, kind, expected) in [
        ("bytes", "bytes", "+/8A"),
        ("base64", "string", "+/8A"),
        ("base64-url-safe", "string", "-_8A"),
        ("hex", "string", "fbff00"),
    ] {
        let config = format!(r#"{{"binary_handling_mode":"{mode}"}}"#);
        let written = Value::Bytes(vec![0xfb, 0xff, 0]);
        assert_eq!(
            rendered(&config, "varbinary(20)", &[], written),
            (json!(expected), json!({"type":kind}))
        );
    }
    let vector: Vec<u8> = [1.5_f32, -2.0, 0.1].iter().flat_map(|number| number.to_le_bytes()).collect();
    let schema = json!({"type":"array","items":{"type":"float","optional":false},"name":"io.debezium.data.FloatVector","version":1});
    assert_eq!(
        rendered("{}", "vector(3)", &[], Value::Bytes(vector)),
        (json!([1.5, -2, 0.1]), schema)
    );
}

#[test]
fn a_tables_own_bytes_that_are_no_geometry_are_an_error_of_their_row() {
    let shape = Shape::new("d", "t").column("g", "geometry", &[]);
    let wkb = [0, 0, 0, 0, 1, 1, 0, 0, 0].to_vec();
    let rows = Rows::new(&shape)
        .insert(vec![Value::Bytes(wkb.clone())])
        .insert(vec![Value::Bytes(vec![1, 2])]);
    let error = Bench::<DebeziumJson>::new("{}").unwrap().encode(&rows).unwrap_err();
    assert_eq!((error.code.as_str(), error.row), ("malformed-geometry", Some(1)));
    let (geometry, schema) = rendered("{}", "geometry", &[], Value::Bytes([&[0xe6, 0x10, 0, 0], &wkb[4..]].concat()));
    assert_eq!(geometry, json!({"wkb":"AQEAAAA=","srid":4326}));
    assert_eq!((&schema["type"], &schema["doc"]), (&json!("struct"), &json!("Geometry")));
}

/// Microseconds of 2024-02-29 23:59:59 and more.
fn moment(more: i128) -> Value {
    Value::Int(1_709_251_199_000_000 + more)
}

#[test]
fn dates_and_times_are_what_debezium_wrote_in_each_mode() {
    let debezium = |kind: &str, name: &str| json!({"type":kind,"name":format!("io.debezium.time.{name}"),"version":1});
    let connect = |kind: &str, name: &str| json!({"type":kind,"name":format!("org.apache.kafka.connect.data.{name}"),"version":1});
    let day = || Value::Int(19_782);
    let span = || Value::Int(45_296_789_012);
    for (mode, mysql_type, written, expected, schema) in [
        (
            "adaptive_time_microseconds",
            "date",
            day(),
            json!(19_782),
            debezium("int32", "Date"),
        ),
        ("connect", "date", day(), json!(19_782), connect("int32", "Date")),
        ("isostring", "date", day(), json!("2024-02-29Z"), debezium("string", "IsoDate")),
        (
            "adaptive_time_microseconds",
            "datetime",
            moment(0),
            json!(1_709_251_199_000_i64),
            debezium("int64", "Timestamp"),
        ),
        (
            "adaptive_time_microseconds",
            "datetime(3)",
            moment(123_000),
            json!(1_709_251_199_123_i64),
            debezium("int64", "Timestamp"),
        ),
        (
            "adaptive_time_microseconds",
            "datetime(4)",
            moment(123_400),
            json!(1_709_251_199_123_400_i64),
            debezium("int64", "MicroTimestamp"),
        ),
        (
            "connect",
            "datetime(6)",
            moment(123_456),
            json!(1_709_251_199_123_i64),
            connect("int64", "Timestamp"),
        ),
        (
            "isostring",
            "datetime(6)",
            moment(123_400),
            json!("2024-02-29T23:59:59.1234Z"),
            debezium("string", "IsoTimestamp"),
        ),
        (
            "isostring",
            "datetime(6)",
            moment(0),
            json!("2024-02-29T23:59:59Z"),
            debezium("string", "IsoTimestamp"),
        ),
        (
            "adaptive_time_microseconds",
            "time(6)",
            span(),
            json!(45_296_789_012_i64),
            debezium("int64", "MicroTime"),
        ),
        (
            "adaptive_time_microseconds",
            "time",
            Value::Int(-3_020_399_000_000),
            json!(-3_020_399_000_000_i64),
            debezium("int64", "MicroTime"),
        ),
        ("connect", "time(6)", span(), json!(45_296_789), connect("int32", "Time")),
        (
            "isostring",
            "time(6)",
            span(),
            json!("12:34:56.789012Z"),
            debezium("string", "IsoTime"),
        ),
        (
            "connect",
            "timestamp(6)",
            moment(100_000),
            json!("2024-02-29T23:59:59.100000Z"),
            debezium("string", "ZonedTimestamp"),
        ),
        (
            "isostring",
            "timestamp",
            moment(0),
            json!("2024-02-29T23:59:59Z"),
            debezium("string", "ZonedTimestamp"),
        ),
    ] {
        let config = format!(r#"{{"time_precision_mode":"{mode}"}}"#);
        assert_eq!(
            rendered(&config, mysql_type, &[], written),
            (expected, schema),
            "{mode} {mysql_type}"
        );
    }
}

#[test]
fn a_time_that_is_no_time_of_day_is_an_error_where_it_has_to_be_one() {
    let shape = Shape::new("d", "t").column("c", "time", &[]);
    for micros in [-1, 86_400_000_000] {
        let rows = Rows::new(&shape).insert(vec![Value::Null]).insert(vec![Value::Int(micros)]);
        for mode in ["connect", "isostring"] {
            let config = format!(r#"{{"time_precision_mode":"{mode}"}}"#);
            let error = Bench::<DebeziumJson>::new(&config).unwrap().encode(&rows).unwrap_err();
            assert_eq!((error.code.as_str(), error.row), ("value-out-of-range", Some(1)), "{mode}");
        }
        assert_eq!(encode("{}", &rows).len(), 2);
    }
}

#[test]
fn a_zero_date_is_null_or_where_that_may_not_be_the_epoch() {
    let shape = Shape::new("d", "t")
        .column("a", "date", &[])
        .column("b", "date", &[])
        .not_null()
        .column("c", "datetime(6)", &[])
        .not_null();
    let odd = || Value::OddDate("0000-00-00".into());
    let rows = Rows::new(&shape).insert(vec![odd(), odd(), odd()]);
    assert_eq!(value(&encode(PLAIN, &rows)[0])["after"], json!({"a":null,"b":0,"c":0}));
    let config = r#"{"schemas_enable":false,"time_precision_mode":"isostring"}"#;
    assert_eq!(
        value(&encode(config, &rows)[0])["after"],
        json!({"a":null,"b":"1970-01-01Z","c":"1970-01-01T00:00:00Z"})
    );
}

#[test]
fn an_absent_column_is_left_out_and_a_key_that_is_absent_comes_from_the_other_image() {
    let rows = Rows::new(&pair()).update(vec![1.into(), Value::Absent], vec![Value::Absent, Value::Null]);
    let record = encode(PLAIN, &rows).remove(0);
    let whole = value(&record);
    assert_eq!((&whole["before"], &whole["after"]), (&json!({"id":1}), &json!({"name":null})));
    assert_eq!(record.key_text(), r#"{"id":1}"#);
    let rows = Rows::new(&pair()).insert(vec![Value::Absent, "b".into()]);
    let error = Bench::<DebeziumJson>::new(PLAIN).unwrap().encode(&rows).unwrap_err();
    assert_eq!((error.code.as_str(), error.row), ("key-missing", Some(0)));
}

#[test]
fn hostile_names_stay_names() {
    let evil = "a\"b\\c\n\u{1}}]é\u{1F600}";
    let shape = Shape::new(evil, evil).column(evil, "enum", &[evil]).key(&[0]);
    let record = encode("{}", &Rows::new(&shape).insert(vec![Value::Int(1)])).remove(0);
    let whole = value(&record);
    let source = &whole["payload"]["source"];
    assert_eq!(
        (&source["db"], &source["table"], &whole["payload"]["after"][evil]),
        (&json!(evil), &json!(evil), &json!(evil))
    );
    assert_eq!(whole["schema"]["fields"][0]["fields"][0]["field"], json!(evil));
}

#[test]
fn a_change_of_mariadb_has_the_schema_of_its_connector() {
    let rows = Rows::new(&pair().with("flavor", "mariadb")).insert(row(1, "a"));
    let whole = value(&encode("{}", &rows)[0]);
    assert_eq!(whole["payload"]["source"]["connector"], json!("mariadb"));
    assert_eq!(whole["schema"]["fields"][2]["name"], json!("io.debezium.connector.mariadb.Source"));
}

#[test]
fn an_unknown_option_is_an_error_that_names_it() {
    let error = Bench::<DebeziumJson>::new(r#"{"decimal.handling.mode":"string"}"#).err().unwrap();
    assert!(
        error.message.contains("decimal.handling.mode") && error.message.contains("decimal_handling_mode"),
        "{error}"
    );
}
