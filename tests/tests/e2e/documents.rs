//! JSON: MySQL's binary documents with every kind of value, as it prints them, and MariaDB's, which are text.

use pipeline_tests::{Database, Kind as ServerKind, Message, Server};

use crate::oracle::Kind::LargeText;
use crate::oracle::{column, compare};
use crate::written::written;

#[test]
fn json_is_the_text_that_mysql_prints() {
    compare(
        Server::shared(),
        "v_json",
        &[
            column(
                "document",
                "JSON",
                LargeText,
                &[
                    "'null'",
                    "NULL",
                    "'true'",
                    "'false'",
                    "'0'",
                    "'-32768'",
                    "'65536'",
                    "'-2147483649'",
                    "'9223372036854775807'",
                    "'18446744073709551615'",
                    "'1.0'",
                    "'-0.0'",
                    "'1e20'",
                    "'1.5e-7'",
                    "'1e300'",
                    "'0.1'",
                    "'123456789012345678901234567890'",
                    "'\"\"'",
                    "'\"text\"'",
                    "'{}'",
                    "'[]'",
                    "'[[], {}, [[]], {\"\": {}}]'",
                    "'{\"bb\": 1, \"a\": 2, \"ccc\": [1, 2.5, null, true], \"B\": \"x\"}'",
                    "JSON_ARRAY('quote \" back \\\\ slash /', 'line\\nfeed\\r\\t\\b', '😀 漢字 é')",
                    "JSON_OBJECT('key \" with \\\\ quote', CHAR(1, 31, 127, 12 USING utf8mb4))",
                ],
            ),
            column(
                "opaque",
                "JSON NOT NULL",
                LargeText,
                &[
                    "JSON_ARRAY(CAST('123.450' AS DECIMAL(10,3)), CAST('-0.5' AS DECIMAL(65,30)), CAST(0 AS DECIMAL(5,0)))",
                    "JSON_OBJECT('d', CAST('2015-01-15' AS DATE))",
                    "JSON_OBJECT('dt', CAST('2015-01-15 23:24:25.123456' AS DATETIME(6)), 'z', CAST('2015-01-15 23:24:25' AS DATETIME))",
                    "JSON_OBJECT('t', CAST('-838:59:59' AS TIME), 'f', CAST('00:00:00.5' AS TIME(1)))",
                    "CAST(CAST('12:30:00' AS TIME(6)) AS JSON)",
                    "JSON_ARRAY(x'00FF', CAST('bytes' AS BINARY(10)))",
                    "JSON_ARRAY(b'1011')",
                    "JSON_OBJECT('stamp', CAST(TIMESTAMP'2015-01-15 23:24:25.1' AS JSON), 'zero', CAST('0000-00-00' AS DATE))",
                    "CAST(CAST('2015-01-15 00:00:00.120000' AS DATETIME(2)) AS JSON)",
                    "JSON_ARRAY(CAST(99999999999999999999999999999999999.999999999999999999999999999999 AS DECIMAL(65,30)))",
                    "JSON_ARRAY(ST_GeomFromText('LINESTRING(0 0,1 1)', 4326), CAST('{}' AS JSON), CONVERT('中' USING gbk))",
                    "JSON_OBJECT('empty', x'', 'long', REPEAT(x'00FF', 300))",
                    "JSON_ARRAY(CAST(2001 AS YEAR))",
                    "CAST(ST_GeomFromText('POINT(1 2.5)') AS JSON)",
                    "JSON_ARRAY(1e0, 1.5e0, 1e15, 1e16, 1e17, 1e-5, 123456.789e0, 2.2250738585072014e-308, 1.7976931348623157e308)",
                ],
            ),
            column(
                "large",
                "JSON",
                LargeText,
                &[
                    "JSON_OBJECT('long', REPEAT('x', 70000), 'k', JSON_ARRAY(1, 'two', JSON_OBJECT('three', 3)))",
                    "JSON_ARRAY(REPEAT('é', 100), REPEAT('y', 200))",
                    "JSON_ARRAY(REPEAT('z', 16384))",
                    // As deep as MySQL allows.
                    "CONCAT(REPEAT('[', 100), REPEAT(']', 100))",
                    "CONCAT(REPEAT('{\"a\":', 99), '[1]', REPEAT('}', 99))",
                    // Of two keys that are the same the last one counts; keys are ordered by length, then by bytes.
                    "'{\"b\": 1, \"a\": 2, \"b\": 3, \"aa\": 4, \"é\": 5, \"\": 6}'",
                    "NULL",
                ],
            ),
        ],
    );
}

#[test]
fn json_of_mariadb_is_the_text_that_was_stored() {
    compare(
        Server::shared_of(ServerKind::Mariadb),
        "v_json",
        &[
            column(
                "document",
                "JSON",
                LargeText,
                &[
                    "'null'",
                    "NULL",
                    "'{\"b\": 1,   \"a\":[ ], \"b\": 1.50e+01}'",
                    "'[\"\\\\u00e9\", \"😀\", 1234567890123456789012345678901234567890]'",
                    "JSON_OBJECT('day', DATE'2024-02-29', 'number', 1.50, 'bytes', x'41')",
                    "CONCAT('[\"', REPEAT('x', 70000), '\"]')",
                ],
            ),
            column(
                "loose",
                "JSON COMPRESSED",
                LargeText,
                &["'{\"a\" : 1}'", "CONCAT('[', REPEAT('1,', 5000), '1]')", "NULL"],
            ),
        ],
    );
}

/// Writes each expression into a JSON column, and holds what arrives against what MySQL prints.
fn check(database: &mut Database, expressions: &[String]) {
    let messages = written(database, "v JSON", expressions);
    let expected = database.query("SELECT v FROM t ORDER BY id");
    for ((message, expected), expression) in messages.iter().zip(&expected).zip(expressions) {
        assert!(expected[0].is_some(), "{expression} is NULL");
        let found: Option<String> = serde_json::from_str(&message.column("v").unwrap()).unwrap();
        assert!(found == expected[0], "{}", difference(expression, message, expected[0].as_deref()));
    }
}

fn difference(expression: &str, message: &Message, expected: Option<&str>) -> String {
    let cut = |text: &str| text.chars().take(300).collect::<String>();
    let found = message.column("v").unwrap();
    let same = found.bytes().zip(expected.unwrap_or_default().bytes()).take_while(|(a, b)| a == b);
    let at = same.count();
    format!(
        "{} of {} arrives as {}, MySQL prints {}; they differ after {at} bytes",
        message.integer("id"),
        cut(expression),
        cut(&found),
        cut(expected.unwrap_or("NULL"))
    )
}

#[test]
fn a_value_of_every_type_within_json_is_the_text_that_mysql_prints() {
    const TYPES: [(&str, &[&str]); 36] = [
        ("TINYINT UNSIGNED", &["255"]),
        ("INT", &["-2147483648"]),
        ("BIGINT UNSIGNED", &["18446744073709551615", "9223372036854775808"]),
        ("BOOL", &["TRUE"]),
        ("FLOAT", &["0.1", "3.4028235e38", "-1.17549435e-38"]),
        ("DOUBLE", &["0.1", "-0e0", "5e-324"]),
        (
            "DECIMAL(65,30)",
            &["-99999999999999999999999999999999999.999999999999999999999999999999", "0"],
        ),
        (
            "DECIMAL(65,0)",
            &["99999999999999999999999999999999999999999999999999999999999999999"],
        ),
        ("DECIMAL(30,30)", &["-0.000000000000000000000000000001"]),
        ("DECIMAL(5,2) ZEROFILL", &["1.5"]),
        ("BIT(1)", &["b'1'", "b'0'"]),
        ("BIT(9)", &["b'111111111'"]),
        ("BIT(64)", &["18446744073709551615", "0"]),
        ("YEAR", &["0", "1901", "2155"]),
        ("DATE", &["'2024-02-29'", "'0000-00-00'", "'2024-00-10'", "'9999-12-31'"]),
        ("DATETIME", &["'2024-02-29 23:59:59'", "'0000-00-00 00:00:00'"]),
        ("DATETIME(3)", &["'1000-01-01 00:00:00.120'"]),
        ("TIMESTAMP(6) NULL", &["'2038-01-19 03:14:07.999999'", "'0000-00-00'"]),
        ("TIME", &["'838:59:59'", "'-838:59:59'", "'-00:00:01'"]),
        ("TIME(6)", &["'-00:00:00.000001'", "'100:00:00.5'"]),
        ("CHAR(5)", &["'a  '"]),
        ("VARCHAR(20) CHARACTER SET latin1", &["'é\"\\\\'"]),
        ("TEXT CHARACTER SET gbk", &["'中'"]),
        ("BINARY(5)", &["'a'"]),
        ("VARBINARY(300)", &["''", "x'00FF'", "REPEAT(x'A5', 300)"]),
        ("TINYBLOB", &["x'01'"]),
        ("BLOB", &["REPEAT('x', 57)", "REPEAT('x', 58)"]),
        ("MEDIUMBLOB", &["x'02'"]),
        ("LONGBLOB", &["REPEAT(x'00', 70000)"]),
        ("ENUM('a','é')", &["2", "'no such'"]),
        ("SET('a','b','c')", &["5", "''"]),
        (
            "GEOMETRY",
            &[
                "ST_GeomFromText('POINT(1 2.5)', 4326)",
                "ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')",
            ],
        ),
        ("JSON", &["'{\"b\": [1]}'"]),
        // MySQL does not convert these; what is no UTF-8 then stops the connector.
        ("VARCHAR(20) CHARACTER SET utf16", &["'plain \"'", "''"]),
        ("CHAR(20) CHARACTER SET ucs2", &["'a'"]),
        ("TEXT CHARACTER SET utf32", &["'b\\\\'"]),
    ];
    let mut database = Server::shared().database("json_kinds");
    database.exec("SET SESSION sql_mode = 'ALLOW_INVALID_DATES', SESSION time_zone = '+00:00'");
    let mut expressions = Vec::new();
    for (number, (kind, values)) in TYPES.iter().enumerate() {
        database.exec(&format!("CREATE TABLE kind_{number} (n INT PRIMARY KEY, c {kind})"));
        for (n, value) in values.iter().enumerate() {
            database.exec(&format!("INSERT INTO kind_{number} VALUES ({n}, {value})"));
            let from = format!("FROM kind_{number} WHERE n = {n}");
            // As an element, as a member, and alone, which is stored in another form.
            expressions.push(format!("(SELECT JSON_ARRAY(c, 1, c) {from})"));
            expressions.push(format!("(SELECT JSON_OBJECT('key', c) {from})"));
            if !kind.contains("CHAR") && !kind.contains("TEXT") && !kind.contains("ENUM") && !kind.contains("SET(") {
                expressions.push(format!("(SELECT CAST(c AS JSON) {from})"));
            }
        }
    }
    check(&mut database, &expressions);
}

#[test]
fn numbers_within_json_are_the_digits_that_mysql_prints() {
    let mut database = Server::shared().database("json_numbers");
    let mut expressions = Vec::new();
    // The borders of the forms in which whole numbers are stored, as SQL and as JSON.
    for bits in [7, 8, 15, 16, 31, 32, 53, 63, 64] {
        let power = 1_i128 << bits;
        let near: Vec<String> = [-power - 1, -power, 1 - power, power - 1, power, power + 1]
            .map(|n| n.to_string())
            .to_vec();
        expressions.push(format!("'[{}]'", near.join(",")));
        expressions.push(format!("JSON_ARRAY({})", near.join(",")));
        expressions.extend(near.iter().map(|n| format!("'{n}'")));
    }
    // Doubles of every magnitude, and those next to them, whose shortest texts are long.
    let mut doubles = Vec::new();
    for exponent in -323..=308 {
        for digits in ["1", "1.5", "9.999999999999999", "1.2345678901234567", "7.000000000000001"] {
            let value: f64 = format!("{digits}e{exponent}").parse().unwrap();
            doubles.extend([value, -value.next_up(), value.next_down()].map(|v| format!("{v:e}")));
        }
    }
    doubles.retain(|text| text.parse::<f64>().is_ok_and(f64::is_finite));
    expressions.extend(doubles.chunks(200).map(|some| format!("JSON_ARRAY({})", some.join(","))));
    expressions.extend(doubles.chunks(200).map(|some| format!("'[{}]'", some.join(","))));
    expressions.push("'[0.0, -0.0, -0, 0e5, 1E2, 1e+2, 100e-2, 1.0, 1.10, 123456789012345678901234567890, 0.1e1, -1e-400]'".to_owned());
    check(&mut database, &expressions);
}

#[test]
fn strings_and_keys_within_json_are_the_text_that_mysql_prints() {
    let mut database = Server::shared().database("json_texts");
    let mut expressions = Vec::new();
    for first in (0..0x500_u32).step_by(64) {
        let codes: Vec<String> = (first..first + 64).map(|code| format!("_utf32 x'{code:08x}'")).collect();
        expressions.push(format!("JSON_ARRAY(CONVERT(CONCAT({}) USING utf8mb4))", codes.join(",")));
        expressions.push(format!("JSON_OBJECT(CONVERT(CONCAT({}) USING utf8mb4), 1)", codes.join(",")));
    }
    for text in [
        // Escapes as JSON writes them; halves of a pair; what looks like the end of a string.
        r#"["\\u0000\\u001f\\u007f\\u0080\\u2028\\u2029\\ufeff\\uffff\\ud83d\\ude00", "\\/ \\b \\f \\n \\r \\t \\" \\\\\\\\"]"#,
        r#"{"\\u00e9": 1, "é": 2, "e\\u0301": 3, "E": 4, "": 5, " ": 6, "a\\"b": 7}"#,
        // Keys in order of length, then of bytes; of equal ones the last.
        r#"{"b": 1, "a": 2, "b": 3, "aa": 4, "B": 5, "é": 6, "ab": 7, "😀": 8, "aaa": 9, "zz": 10, "0": 11, "b": {"b": 1, "b": 2}}"#,
        r#"{"key": null, "KEY": true, "Key": false, "kEy": []}"#,
    ] {
        expressions.push(format!("'{text}'"));
    }
    // Lengths at which the form of a length, or of an offset, changes.
    for length in [0, 1, 126, 127, 128, 129, 16_382, 16_383, 16_384, 16_385, 65_530, 65_535, 65_536] {
        expressions.push(format!("JSON_ARRAY(REPEAT('x', {length}), 7)"));
        expressions.push(format!("JSON_QUOTE(REPEAT('é', {length}))"));
        if length < 65_536 {
            expressions.push(format!("JSON_OBJECT(REPEAT('k', {length}), REPEAT('v', {length}), 'z', 1)"));
        }
    }
    check(&mut database, &expressions);
}

#[test]
fn deep_and_wide_documents_are_the_text_that_mysql_prints() {
    let mut database = Server::shared().database("json_deep");
    let mut expressions = vec![
        "CONCAT(REPEAT('[', 100), REPEAT(']', 100))".to_owned(),
        "CONCAT(REPEAT('{\"a\":', 99), '[1]', REPEAT('}', 99))".to_owned(),
        "CONCAT(REPEAT('[{\"key\":', 49), '[null, {}]', REPEAT('}]', 49))".to_owned(),
        format!("CONCAT(REPEAT('[', 99), '[', REPEAT('\"text\",', 20000), '1]', REPEAT(']', 99))"),
    ];
    // From so many elements on they take two bytes, and their places four.
    for count in [
        1, 2, 4_000, 5_400, 13_100, 13_110, 16_383, 16_384, 21_844, 21_846, 65_535, 65_536, 70_000,
    ] {
        let numbers: Vec<String> = (0..count).map(|n| (n % 10_000).to_string()).collect();
        expressions.push(format!("'[{}]'", numbers.join(",")));
        if count < 60_000 {
            let members: Vec<String> = (0..count).map(|n| format!("\"{n:x}\":{}", n % 3 == 0)).collect();
            expressions.push(format!("'{{{}}}'", members.join(",")));
        }
    }
    check(&mut database, &expressions);
}
