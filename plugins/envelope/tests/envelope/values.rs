//! Every kind of value with its edges, and the options that change values.

use rowmill_envelope::Envelope;
use rowmill_sdk::harness::{Bench, Rows, Shape, Value};

use super::{encode, images};

/// The type name and the JSON of one value of a type.
fn rendered(config: &str, mysql_type: &str, labels: &[&str], value: Value) -> (String, String) {
    rendered_in(config, "UTC", mysql_type, labels, value)
}

fn rendered_in(config: &str, zone: &str, mysql_type: &str, labels: &[&str], value: Value) -> (String, String) {
    let shape = Shape::new("d", "t").with("time_zone", zone).column("c", mysql_type, labels);
    let record = encode(config, &Rows::new(&shape).insert(vec![value])).remove(0);
    let whole: serde_json::Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
    let json = images(&record);
    let json = json
        .strip_prefix(r#""before":null,"after":{"dataColumn":{"c":"#)
        .unwrap()
        .strip_suffix("}}")
        .unwrap();
    (
        whole["schema"]["dataColumn"][0]["type"].as_str().unwrap().to_owned(),
        json.to_owned(),
    )
}

fn check(mysql_type: &str, value: Value, kind: &str, json: &str) {
    assert_eq!(
        rendered("{}", mysql_type, &[], value),
        (kind.to_owned(), json.to_owned()),
        "{mysql_type}"
    );
}

fn int(number: i128) -> Value {
    Value::Int(number)
}

/// Microseconds of a day and a time within it.
fn micros(days: i128, micros: i128) -> Value {
    Value::Int(days * 86_400_000_000 + micros)
}

#[test]
fn integers_are_exact_up_to_their_ends() {
    for (mysql_type, low, high) in [
        ("tinyint", i128::from(i8::MIN), i128::from(i8::MAX)),
        ("smallint", i128::from(i16::MIN), i128::from(i16::MAX)),
        ("mediumint", -8_388_608, 8_388_607),
        ("int", i128::from(i32::MIN), i128::from(i32::MAX)),
        ("bigint", i128::from(i64::MIN), i128::from(i64::MAX)),
        ("tinyint unsigned", 0, 255),
        ("smallint unsigned", 0, 65_535),
        ("int unsigned", 0, i128::from(u32::MAX)),
        ("bigint unsigned", 0, i128::from(u64::MAX)),
        ("year", 0, 2155),
        ("bit(64)", 0, i128::from(u64::MAX)),
    ] {
        check(mysql_type, int(low), "LONG", &low.to_string());
        check(mysql_type, int(high), "LONG", &high.to_string());
    }
}

#[test]
fn null_is_null_whatever_the_type() {
    for mysql_type in [
        "int",
        "bit(1)",
        "double",
        "decimal(10,2)",
        "decimal(65,30)",
        "date",
        "datetime(6)",
        "time",
        "text",
        "enum",
        "set",
        "blob",
    ] {
        assert_eq!(rendered("{}", mysql_type, &["a"], Value::Null).1, "null", "{mysql_type}");
    }
}

#[test]
fn one_bit_is_a_boolean_and_so_is_tinyint1_if_asked_for() {
    check("bit(1)", Value::Bool(true), "BOOLEAN", "true");
    check("bit(1)", Value::Bool(false), "BOOLEAN", "false");
    check("tinyint(1)", int(2), "LONG", "2");
    for (number, json) in [(0, "false"), (1, "true"), (-3, "true")] {
        assert_eq!(
            rendered(r#"{"tinyint1":"boolean"}"#, "tinyint(1)", &[], int(number)),
            ("BOOLEAN".into(), json.into())
        );
    }
    assert_eq!(
        rendered(r#"{"tinyint1":"boolean"}"#, "tinyint(4)", &[], int(1)),
        ("LONG".into(), "1".into())
    );
}

#[test]
fn a_tinyint_that_may_or_may_not_be_tinyint1_is_refused_where_that_matters() {
    let shape = Shape::new("d", "t")
        .column("n", "tinyint", &[])
        .column("flag", "tinyint", &[])
        .width_unknown("it was dropped");
    let rows = Rows::new(&shape).insert(vec![int(1), int(2)]);
    let error = Bench::<Envelope>::new(r#"{"tinyint1":"boolean"}"#)
        .unwrap()
        .encode(&rows)
        .unwrap_err();
    assert_eq!(error.code, "unknown-width");
    for text in ["d.t.flag ", "can't be told", "it was dropped"] {
        assert!(error.message.contains(text), "{}", error.message);
    }
    let record = encode("{}", &rows).remove(0);
    assert_eq!(images(&record), r#""before":null,"after":{"dataColumn":{"n":1,"flag":2}}"#);
}

#[test]
fn a_ddl_record_never_says_what_a_tinyint_is_that_may_or_may_not_be_tinyint1() {
    let event = serde_json::json!({"event":"ddl","topics":["p_t"],"seq":42,"ts":9,"checkpoint_ts":8,"operation":"ALTER","text":"x",
        "database":"d","table":"t","flavor":"mysql","key":[],
        "columns":[{"name":"flag","kind":"int","type":"tinyint","width_unknown":"it was dropped"}]});
    let control = |config: &str| Bench::<Envelope>::new(config).unwrap().control(&event);
    let error = control(r#"{"tinyint1":"boolean"}"#).unwrap_err();
    assert!(error.code == "unknown-width" && error.message.contains("d.t.flag "), "{error}");
    let records = control("{}").unwrap();
    assert!(records[0].value_text().contains(r#"{"name":"flag","type":"LONG"}"#));
}

#[test]
fn floating_point_numbers_are_the_shortest_text_that_reads_back() {
    for (number, json) in [
        (0.0, "0"),
        (-0.0, "-0.0"),
        (1.0, "1"),
        (-12.5, "-12.5"),
        (0.1, "0.1"),
        (0.3, "0.3"),
        (100.0, "100"),
        (1_234.000_001, "1234.000001"),
        (0.001, "0.001"),
        (999_999_999.999_999, "999999999.999999"),
        (123_456_789_012.0, "123456789012"),
        (f64::MAX, "1.7976931348623157e308"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (5e-324, "5e-324"),
        (1.0 / 3.0, "0.3333333333333333"),
    ] {
        let (kind, text) = rendered("{}", "double", &[], Value::Double(number));
        assert_eq!(kind, "DOUBLE");
        assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits(), "{text}");
        assert_eq!(text.replace("e+", "e"), json);
    }
    check("float", Value::Float(0.1), "DOUBLE", "0.1");
    check("float", Value::Float(16_777_216.0), "DOUBLE", "16777216");
}

#[test]
fn decimals_have_every_digit_and_exactly_their_decimals() {
    for (mysql_type, text) in [
        ("decimal(12,2)", "0.00"),
        ("decimal(12,2)", "-0.01"),
        ("decimal(12,2)", "9999999999.99"),
        ("decimal(12,2)", "-1234567.80"),
        ("decimal(10,0)", "1234567890"),
        ("decimal(9,7)", "12.0000001"),
        ("decimal(8,8)", "0.00000001"),
        ("decimal(20,10)", "1234567890.0987654321"),
        ("decimal(38,38)", "0.00000000000000000000000000000000000001"),
        ("decimal(38,0)", "99999999999999999999999999999999999999"),
        (
            "decimal(65,30)",
            "-99999999999999999999999999999999999.999999999999999999999999999999",
        ),
        ("decimal(65,0)", "10000000000000000000000000000000000000000000000000000000000000000"),
        ("decimal(65,30)", "0.000000000000000000000000000001"),
    ] {
        check(mysql_type, Value::Decimal(text.into()), "DOUBLE", text);
        let quoted = rendered(r#"{"decimal":"string"}"#, mysql_type, &[], Value::Decimal(text.into()));
        assert_eq!(quoted, ("STRING".into(), format!("\"{text}\"")));
    }
}

#[test]
fn text_is_escaped_where_json_demands_it_and_nowhere_else() {
    let all: String = (0..=0x7f_u8).map(char::from).chain("é漢\u{1F600}\u{2028}".chars()).collect();
    for text in [
        all.clone(),
        all.repeat(40),
        String::new(),
        "\"".into(),
        "0123456789abcdef\\".into(),
        "x".repeat(5000),
    ] {
        let (kind, json) = rendered("{}", "text", &[], Value::Text(text.clone()));
        assert_eq!(kind, "STRING");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        assert_eq!(
            json,
            serde_json::to_string(&text).unwrap(),
            "the same short escapes as others write"
        );
    }
    check(
        "json",
        Value::Text(r#"{"a": [1.0, "x"]}"#.into()),
        "STRING",
        r#""{\"a\": [1.0, \"x\"]}""#,
    );
}

#[test]
fn labels_stand_for_enum_and_set() {
    let enumerated = |index| rendered("{}", "enum", &["new", "pa\"id"], int(index));
    assert_eq!(enumerated(0), ("STRING".into(), "\"\"".into()));
    assert_eq!(enumerated(2), ("STRING".into(), r#""pa\"id""#.into()));
    let labels: Vec<String> = (0..64).map(|i| format!("l{i}")).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let set = |bits| rendered("{}", "set", &labels, int(bits)).1;
    assert_eq!(set(0), "\"\"");
    assert_eq!(set(0b101), r#""l0,l2""#);
    assert_eq!(set(i128::from(u64::MAX)), format!("\"{}\"", labels.join(",")));
}

#[test]
fn a_number_without_a_label_is_an_error_of_its_row() {
    let refused = |mysql_type: &str, fits: i128, more: i128| {
        let rows = Rows::new(&Shape::new("d", "t").column("c", mysql_type, &["a", "b"]));
        let rows = rows.insert(vec![int(fits)]).insert(vec![Value::Null]).insert(vec![int(more)]);
        let error = Bench::<Envelope>::new("{}").unwrap().encode(&rows).unwrap_err();
        (error.code, error.row)
    };
    assert_eq!(refused("enum", 2, 3), ("unknown-label".to_owned(), Some(2)));
    assert_eq!(refused("set", 3, 4), ("unknown-label".to_owned(), Some(2)));
}

#[test]
fn bytes_are_base64_with_padding() {
    for (bytes, json) in [
        (&b""[..], "\"\""),
        (b"f", "\"Zg==\""),
        (b"fo", "\"Zm8=\""),
        (b"foo", "\"Zm9v\""),
        (&[0xfb, 0xff, 0xfe, 0], "\"+//+AA==\""),
    ] {
        check("varbinary", Value::Bytes(bytes.to_vec()), "BYTES", json);
    }
}

#[test]
fn dates_are_milliseconds_in_the_time_zone() {
    check("date", int(0), "DATE", "0");
    check("datetime(6)", micros(0, -1), "DATE", "-1");
    check("datetime(6)", micros(1, 1999), "DATE", "86400001");
    let shanghai = |config: &str| rendered_in(config, "+08:00", "date", &[], int(18_689)).1;
    assert_eq!(shanghai("{}"), "1614700800000");
    assert_eq!(shanghai(r#"{"time_zone":"UTC"}"#), "1614729600000");
    // 2024-03-10 02:30 is skipped in New York and 2024-11-03 01:30 comes twice.
    let new_york = |value| rendered_in("{}", "America/New_York", "datetime", &[], value).1;
    assert_eq!(new_york(micros(19_792, 9_000_000_000)), "1710055800000");
    assert_eq!(new_york(micros(20_030, 5_400_000_000)), "1730611800000");
}

#[test]
fn a_timestamp_does_not_move_with_the_time_zone() {
    for zone in ["UTC", "+08:00", "America/New_York"] {
        let (kind, json) = rendered_in("{}", zone, "timestamp(6)", &[], int(1_614_748_870_123_999));
        assert_eq!((kind.as_str(), json.as_str()), ("DATE", "1614748870123"));
    }
}

#[test]
fn a_datetime_as_string_is_what_mysql_prints() {
    let text = |mysql_type: &str, value| rendered(r#"{"datetime":"string"}"#, mysql_type, &[], value);
    assert_eq!(
        text("datetime(6)", micros(18_689, 1)),
        ("STRING".into(), "\"2021-03-03 00:00:00.000001\"".into())
    );
    assert_eq!(text("datetime(3)", micros(-1, 86_399_120_000)).1, "\"1969-12-31 23:59:59.120\"");
    assert_eq!(text("datetime", micros(2_932_896, 0)).1, "\"9999-12-31 00:00:00\"");
    assert_eq!(text("datetime", micros(-354_285, 0)).1, "\"1000-01-01 00:00:00\"");
    assert_eq!(text("date", int(0)), ("DATE".into(), "0".into()));
}

#[test]
fn a_time_is_what_mysql_prints() {
    check("time", int(0), "STRING", "\"00:00:00\"");
    check("time(6)", int(-3_020_399_000_000), "STRING", "\"-838:59:59.000000\"");
    check("time(2)", int(3_661_120_000), "STRING", "\"01:01:01.12\"");
    check("time(6)", int(-1), "STRING", "\"-00:00:00.000001\"");
    check("time", int(100 * 3_600_000_000), "STRING", "\"100:00:00\"");
}

#[test]
fn zero_and_impossible_dates_are_null_unless_an_option_says_more() {
    let odd = |config: &str, mysql_type: &str, text: &str| rendered(config, mysql_type, &[], Value::OddDate(text.into())).1;
    for mysql_type in ["date", "datetime(3)", "timestamp"] {
        assert_eq!(odd("{}", mysql_type, "0000-00-00"), "null");
        assert_eq!(odd(r#"{"zero_date":"epoch"}"#, mysql_type, "2024-00-10"), "0");
        assert_eq!(odd(r#"{"zero_date":"string"}"#, mysql_type, "2024-00-10"), "\"2024-00-10\"");
    }
    let both = r#"{"zero_date":"epoch","datetime":"string"}"#;
    assert_eq!(odd(both, "datetime(3)", "0000-00-00 00:00:00.000"), "\"1970-01-01 00:00:00.000\"");
    assert_eq!(rendered(r#"{"zero_date":"string"}"#, "date", &[], Value::Null).1, "null");
}

#[test]
fn an_odd_date_belongs_to_its_row_image_and_column() {
    let shape = Shape::new("d", "t").column("a", "date", &[]).column("b", "date", &[]);
    let rows = Rows::new(&shape).insert(vec![int(0), Value::Null]).update(
        vec![Value::OddDate("0000-00-00".into()), Value::Null],
        vec![int(1), Value::OddDate("2024-02-31".into())],
    );
    let records = encode(r#"{"zero_date":"string"}"#, &rows);
    assert_eq!(images(&records[0]), r#""before":null,"after":{"dataColumn":{"a":0,"b":null}}"#);
    assert_eq!(
        images(&records[1]),
        r#""before":{"dataColumn":{"a":"0000-00-00","b":null}},"after":null"#
    );
    assert_eq!(
        images(&records[2]),
        r#""before":null,"after":{"dataColumn":{"a":86400000,"b":"2024-02-31"}}"#
    );
}

/// Values of a column: some are plain, others take what is done apart from the loop over a row's columns.
fn assorted() -> Vec<(&'static str, Vec<Value>)> {
    let text = |text: &str| Value::Text(text.to_owned());
    vec![
        (
            "bigint",
            vec![int(7), int(-9_999_999_999_999_999), int(i64::MIN.into()), int(123_456_789)],
        ),
        (
            "varchar(100)",
            vec![
                text("plain and longer than one block"),
                text("\"quoted\"\n"),
                text(""),
                Value::Null,
                text("é"),
            ],
        ),
        ("double", vec![Value::Double(0.1), Value::Null, Value::Double(-1e300)]),
        (
            "decimal(12,2)",
            vec![Value::Decimal("-0.05".into()), Value::Decimal("9999999999.99".into()), Value::Null],
        ),
        (
            "decimal(30,10)",
            vec![
                Value::Decimal("12345678901234567890.0123456789".into()),
                Value::Decimal("0.0000000001".into()),
            ],
        ),
        // New York's summer and winter.
        (
            "datetime(3)",
            vec![
                micros(19_700, 1_500),
                micros(19_900, 0),
                micros(-20_000, 999),
                Value::Null,
                micros(19_901, 0),
            ],
        ),
        ("date", vec![int(19_700), int(19_900)]),
        ("timestamp(6)", vec![int(1_614_748_870_123_999), Value::Null]),
        ("bigint unsigned", vec![int(u64::MAX.into()), int(0)]),
        ("varbinary(20)", vec![Value::Bytes(vec![0, 0xff]), Value::Null]),
        ("text", vec![text("last of its buffer")]),
    ]
}

#[test]
fn columns_stand_side_by_side_whatever_their_values_are() {
    let columns = assorted();
    let zone = "America/New_York";
    let shape = columns
        .iter()
        .enumerate()
        .fold(Shape::new("d", "t").with("time_zone", zone), |shape, (i, (mysql_type, _))| {
            shape.column(&format!("c{i}"), mysql_type, &[])
        });
    let alone: Vec<Vec<String>> = columns
        .iter()
        .map(|(mysql_type, values)| {
            values
                .iter()
                .map(|value| rendered_in("{}", zone, mysql_type, &[], value.clone()).1)
                .collect()
        })
        .collect();
    // With a long text in the batch, what a row takes at most is told row by row.
    for long in ["", "a long \"text\" ".repeat(10_000).as_str()] {
        let (mut rows, mut expected) = (Rows::new(&shape), Vec::new());
        for row in 0..300 {
            let at = |column: usize, values: usize| (row * (column + 1) + row / 7) % values;
            let mut values: Vec<Value> = columns
                .iter()
                .enumerate()
                .map(|(column, (_, values))| values[at(column, values.len())].clone())
                .collect();
            let mut texts: Vec<String> = alone
                .iter()
                .enumerate()
                .map(|(column, texts)| texts[at(column, texts.len())].clone())
                .collect();
            if row == 150 {
                values[10] = Value::Text(long.to_owned());
                texts[10] = serde_json::to_string(long).unwrap();
            }
            rows = rows.insert(values);
            let members: Vec<String> = texts.iter().enumerate().map(|(i, text)| format!("\"c{i}\":{text}")).collect();
            expected.push(format!("\"before\":null,\"after\":{{\"dataColumn\":{{{}}}}}", members.join(",")));
        }
        let written: Vec<String> = encode("{}", &rows).iter().map(images).collect();
        assert_eq!(written.len(), expected.len());
        for (row, (written, expected)) in written.iter().zip(&expected).enumerate() {
            assert_eq!(written, expected, "row {row}");
        }
    }
}
