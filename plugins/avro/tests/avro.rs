//! Records as the Apache project's own reader for Rust reads them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use apache_avro::types::Value as Read;
use apache_avro::{Decimal, Reader, Schema, from_avro_datum};
use num_bigint::BigInt;
use rowmill_avro::Avro;
use rowmill_sdk::harness::{Bench, Delivered, Rows, Shape, Value};
use serde_json::json;

const IDS: &str = r#"{"schema_ids":{"shop.t":258},"key_schema_ids":{"shop.t":7}}"#;

fn encode(config: &str, rows: &Rows) -> Vec<Delivered> {
    Bench::<Avro>::new(config).unwrap().encode(rows).unwrap()
}

/// The schema that a record's own file has, and the record.
fn embedded(record: &Delivered) -> (Schema, Vec<(String, Read)>) {
    let reader = Reader::new(record.value.as_deref().unwrap()).unwrap();
    let schema = reader.writer_schema().clone();
    let mut read: Vec<_> = reader.map(Result::unwrap).collect();
    assert_eq!(read.len(), 1, "one record a file");
    (schema, fields(read.remove(0)))
}

fn fields(value: Read) -> Vec<(String, Read)> {
    let Read::Record(fields) = value else { unreachable_value(&value) };
    fields
}

/// Fails the test.
fn unreachable_value(value: &Read) -> ! {
    assert!(matches!(value, Read::Record(_)), "no record: {value:?}");
    std::process::abort()
}

/// The value of a field that is a union with null.
fn inner(value: &Read) -> Read {
    if let Read::Union(_, value) = value {
        (**value).clone()
    } else {
        value.clone()
    }
}

/// What a reader finds in the only column of a table; the column's name is `c`.
fn read(mysql_type: &str, labels: &[&str], written: Value) -> Read {
    let shape = Shape::new("shop", "t").column("c", mysql_type, labels);
    let record = encode(r#"{"framing":"embedded"}"#, &Rows::new(&shape).insert(vec![written])).remove(0);
    inner(&embedded(&record).1[0].1)
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

fn pair_schema() -> Schema {
    let text = json!({"type":"record","name":"t","namespace":"shop","fields":[{"name":"id","type":"long"},
        {"name":"name","type":["null","string"],"default":null}]});
    Schema::parse_str(&text.to_string()).unwrap()
}

#[test]
fn a_registrys_reader_finds_id_and_row_behind_the_zero_byte() {
    let record = encode(IDS, &Rows::new(&pair()).insert(row(-3, "Größe"))).remove(0);
    let value = record.value.unwrap();
    assert_eq!(value[..5], [0, 0, 0, 1, 2]);
    let read = fields(from_avro_datum(&pair_schema(), &mut &value[5..], None).unwrap());
    assert_eq!((&read[0].1, inner(&read[1].1)), (&Read::Long(-3), Read::String("Größe".into())));
    let key = record.key.unwrap();
    assert_eq!(key[..5], [0, 0, 0, 0, 7]);
    let schema = json!({"type":"record","name":"t_key","namespace":"shop","fields":[{"name":"id","type":"long"}]});
    let schema = Schema::parse_str(&schema.to_string()).unwrap();
    assert_eq!(fields(from_avro_datum(&schema, &mut &key[5..], None).unwrap())[0].1, Read::Long(-3));
}

#[test]
fn a_delete_and_an_old_key_are_tombstones() {
    let rows = Rows::new(&pair())
        .update(row(1, "a"), row(1, "b"))
        .key_update(row(1, "b"), row(2, "b"))
        .delete(row(2, "b"));
    let records = encode(IDS, &rows);
    let key = |id: i64| Some(vec![0, 0, 0, 0, 7, u8::try_from(2 * id).unwrap()]);
    let told: Vec<_> = records.iter().map(|record| (record.key.clone(), record.value.is_some())).collect();
    assert_eq!(told, [(key(1), true), (key(1), false), (key(2), true), (key(2), false)]);
}

#[test]
fn a_file_of_one_record_tells_its_schema_and_has_a_json_key() {
    let record = encode(r#"{"framing":"embedded"}"#, &Rows::new(&pair()).insert(row(1, "a"))).remove(0);
    let (schema, read) = embedded(&record);
    assert_eq!(schema, pair_schema());
    assert_eq!(read[0], ("id".to_owned(), Read::Long(1)));
    assert_eq!(record.key_text(), r#"{"id":1}"#);
    let again = encode(r#"{"framing":"embedded"}"#, &Rows::new(&pair()).insert(row(1, "a"))).remove(0);
    assert_eq!(record.value, again.value, "the same row is the same bytes");
}

#[test]
fn a_change_has_both_images_and_says_what_happened_when() {
    let config = r#"{"framing":"embedded","shape":"change"}"#;
    let rows = Rows::new(&pair())
        .insert(row(1, "a"))
        .key_update(row(1, "a"), row(2, "b"))
        .delete(row(2, "b"));
    let records = encode(config, &rows);
    assert_eq!(
        records.iter().map(Delivered::key_text).collect::<Vec<_>>(),
        [r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":2}"#]
    );
    let image = |value: &Read| match inner(value) {
        Read::Null => None,
        value => {
            let read = fields(value);
            Some((read[0].1.clone(), inner(&read[1].1)))
        }
    };
    let a = Some((Read::Long(1), Read::String("a".into())));
    let b = Some((Read::Long(2), Read::String("b".into())));
    let expected = [(None, a.clone(), "c"), (a, b.clone(), "u"), (b, None, "d")];
    for (i, (record, (before, after, op))) in records.iter().zip(expected).enumerate() {
        let read = embedded(record).1;
        assert_eq!((image(&read[0].1), image(&read[1].1)), (before, after));
        let seq = 1_614_748_790_461_000_000 + i64::try_from(i).unwrap();
        let rest: Vec<_> = read[2..].iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        assert_eq!(
            rest,
            [
                ("op", Read::String(op.into())),
                ("ts", Read::TimestampMillis(1_614_748_870_000)),
                ("seq", Read::Long(seq)),
                ("gtid", Read::String("3e11fa47-71ca-11e1-9e33-c80aa9429562:23".into())),
                ("position", Read::String("binlog.000002:4".into())),
            ]
        );
    }
}

/// The unscaled value of a decimal.
fn unscaled(value: Read) -> BigInt {
    let decimal: Decimal = if let Read::Decimal(decimal) = value {
        decimal
    } else {
        Decimal::from(vec![])
    };
    decimal.into()
}

#[test]
fn values_come_back_exactly() {
    let bytes = |bytes: &[u8]| Read::Bytes(bytes.to_vec());
    for (mysql_type, labels, written, expected) in [
        ("tinyint", &[][..], Value::Int(-128), Read::Int(-128)),
        ("smallint unsigned", &[], Value::Int(65_535), Read::Int(65_535)),
        ("mediumint unsigned", &[], Value::Int(16_777_215), Read::Int(16_777_215)),
        ("int", &[], Value::Int(i32::MIN.into()), Read::Int(i32::MIN)),
        ("int unsigned", &[], Value::Int(u32::MAX.into()), Read::Long(u32::MAX.into())),
        ("bigint", &[], Value::Int(i64::MIN.into()), Read::Long(i64::MIN)),
        ("bigint", &[], Value::Int(i64::MAX.into()), Read::Long(i64::MAX)),
        ("year", &[], Value::Int(0), Read::Int(0)),
        ("bit(1)", &[], Value::Bool(true), Read::Boolean(true)),
        ("bit(12)", &[], Value::Int(0xaaa), bytes(&[0x0a, 0xaa])),
        ("bit(64)", &[], Value::Int(u64::MAX.into()), bytes(&[0xff; 8])),
        ("float", &[], Value::Float(-0.1), Read::Float(-0.1)),
        ("double", &[], Value::Double(5e-324), Read::Double(5e-324)),
        ("date", &[], Value::Int(-1), Read::Date(-1)),
        ("datetime(6)", &[], Value::Int(-1), Read::LocalTimestampMicros(-1)),
        ("timestamp", &[], Value::Int(1_000_000), Read::TimestampMicros(1_000_000)),
        (
            "time(3)",
            &[],
            Value::Int(-3_020_399_001_000),
            Read::String("-838:59:59.001".into()),
        ),
        ("varchar(9)", &[], "\u{0}é".into(), Read::String("\u{0}é".into())),
        ("json", &[], r#"{"a": 1}"#.into(), Read::String(r#"{"a": 1}"#.into())),
        ("enum", &["a", "é"], Value::Int(2), Read::String("é".into())),
        ("enum", &["a"], Value::Int(0), Read::String(String::new())),
        ("set", &["a", "b", "c"], Value::Int(5), Read::String("a,c".into())),
        ("set", &["a"], Value::Int(0), Read::String(String::new())),
        ("blob", &[], Value::Bytes(vec![0, 0xff]), bytes(&[0, 0xff])),
        ("text", &[], Value::Text("x".repeat(100_000)), Read::String("x".repeat(100_000))),
        ("int", &[], Value::Null, Read::Null),
        ("date", &[], Value::OddDate("0000-00-00".into()), Read::Null),
    ] {
        assert_eq!(read(mysql_type, labels, written), expected, "{mysql_type}");
    }
    let widest = "-99999999999999999999999999999999999.999999999999999999999999999999";
    for (mysql_type, text) in [("decimal(12,2)", "-1.28"), ("decimal(12,2)", "0.00"), ("decimal(65,30)", widest)] {
        let number = unscaled(read(mysql_type, &[], Value::Decimal(text.into())));
        assert_eq!(
            number.to_string(),
            text.replace(['.'], "").replace("-00", "-").parse::<BigInt>().unwrap().to_string()
        );
    }
    let number = unscaled(read("bigint unsigned", &[], Value::Int(u64::MAX.into())));
    assert_eq!(number.to_string(), u64::MAX.to_string());
}

#[test]
fn a_schema_without_id_is_refused_with_what_to_register() {
    for (config, option) in [("{}", "schema_ids"), (r#"{"schema_ids":{"shop.t":1}}"#, "key_schema_ids")] {
        let error = Bench::<Avro>::new(config).unwrap().encode(&Rows::new(&pair())).unwrap_err();
        assert_eq!(error.code, "no-schema-id");
        assert!(error.message.contains(&format!("{option} = {{ \"shop.t\"")), "{error}");
        let schema = error.message.rsplit_once(": {\"type\"").unwrap().1;
        Schema::parse_str(&format!("{{\"type\"{schema}")).unwrap();
    }
    let config = r#"{"schema_ids":{"shop.t":1},"key":"json"}"#;
    assert_eq!(encode(config, &Rows::new(&pair()).insert(row(1, "a")))[0].key_text(), r#"{"id":1}"#);
}

#[test]
fn an_id_that_stands_for_another_schema_is_refused() {
    let error = Bench::<Avro>::new("{}").unwrap().encode(&Rows::new(&pair())).unwrap_err();
    let fingerprint = error.message.split_once("fingerprint = \"").unwrap().1[..16].to_owned();
    let config = json!({"schema_ids":{"shop.t":{"id":1,"fingerprint":fingerprint}},"key":"json"}).to_string();
    assert_eq!(encode(&config, &Rows::new(&pair()).insert(row(1, "a"))).len(), 1);
    let altered = pair().column("added", "int", &[]);
    let error = Bench::<Avro>::new(&config).unwrap().encode(&Rows::new(&altered)).unwrap_err();
    assert!(error.code == "schema-changed" && error.message.contains("added"), "{error}");
}

#[test]
fn names_that_avro_does_not_take_are_changed_and_kept_beside() {
    let shape = Shape::new("my-shop", "1st").column("größe", "int", &[]).column("2", "int", &[]);
    let record = encode(r#"{"framing":"embedded"}"#, &Rows::new(&shape).insert(vec![1.into(), 2.into()])).remove(0);
    let (schema, read) = embedded(&record);
    assert_eq!(read.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["gr__e", "_2"]);
    let Schema::Record(record) = schema else {
        unreachable_value(&Read::Null)
    };
    assert_eq!(record.name.fullname(None), "my_shop._1st");
    assert_eq!(record.fields[0].custom_attributes["rowmill.column"], json!("größe"));
    let clash = Shape::new("d", "t").column("a b", "int", &[]).column("a_b", "int", &[]);
    let error = Bench::<Avro>::new(r#"{"framing":"embedded"}"#)
        .unwrap()
        .encode(&Rows::new(&clash))
        .unwrap_err();
    assert_eq!(error.code, "name-taken");
}

#[test]
fn what_a_record_can_not_hold_is_an_error_of_its_row() {
    let code = |rows: Rows, config: &str| {
        let error = Bench::<Avro>::new(config).unwrap().encode(&rows).unwrap_err();
        assert_eq!(error.row, Some(1), "{error}");
        error.code
    };
    let embedded = r#"{"framing":"embedded"}"#;
    let first = || Rows::new(&pair()).insert(row(1, "a"));
    assert_eq!(code(first().insert(vec![2.into(), Value::Absent]), embedded), "partial-image");
    assert_eq!(code(first().insert(vec![Value::Null, "a".into()]), embedded), "unexpected-null");
    assert_eq!(code(first().insert(vec![Value::Absent, "a".into()]), embedded), "partial-image");
    let size = Rows::new(&Shape::new("d", "t").column("size", "enum", &["S", "M"]));
    assert_eq!(code(size.insert(vec![2.into()]).insert(vec![3.into()]), embedded), "unknown-label");
    let keyless = Shape::new("d", "t").column("a", "int", &[]);
    let rows = Rows::new(&keyless).insert(vec![1.into()]).delete(vec![1.into()]);
    assert_eq!(code(rows.clone(), embedded), "no-key");
    let records = encode(r#"{"framing":"embedded","shape":"change"}"#, &rows);
    assert!(records.len() == 2 && records.iter().all(|record| record.key.is_none()));
}

#[test]
fn options_that_go_together_badly_are_refused() {
    for config in [
        r#"{"framing":"embedded","schema_ids":{"d.t":1}}"#,
        r#"{"key":"json","key_schema_ids":{"d.t":1}}"#,
        r#"{"schema_ids":{"d.t":"1"}}"#,
        r#"{"schema":1}"#,
    ] {
        assert_eq!(Bench::<Avro>::new(config).err().unwrap().code, "bad-configuration", "{config}");
    }
}
