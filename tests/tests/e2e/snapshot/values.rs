//! Each value of a copied row is that of the same row in the stream, byte for byte.

use std::collections::BTreeMap;

use pipeline_tests::{Connector, Kafka, Kind, Message, Server, array_items, object_members};

use super::copying;

on_each_server!(
    a_copied_row_is_the_streamed_row_in_every_byte,
    texts_of_every_character_set_are_copied_as_they_are_streamed,
);

/// A type, and values of it as SQL; each column has NULL, too.
type Samples = (&'static str, &'static [&'static str]);

const EVERYWHERE: &[Samples] = &[
    ("TINYINT", &["-128", "127", "0"]),
    ("TINYINT(1)", &["1", "-5"]),
    ("TINYINT UNSIGNED", &["255"]),
    ("SMALLINT", &["-32768", "32767"]),
    ("SMALLINT UNSIGNED", &["65535"]),
    ("MEDIUMINT", &["-8388608", "8388607", "-1"]),
    ("MEDIUMINT UNSIGNED", &["16777215", "8388608"]),
    ("INT", &["-2147483648", "2147483647"]),
    ("INT(8) UNSIGNED ZEROFILL", &["42", "4294967295"]),
    ("BIGINT", &["-9223372036854775808", "9223372036854775807"]),
    ("BIGINT UNSIGNED", &["18446744073709551615"]),
    ("YEAR", &["1901", "2155", "0"]),
    ("BIT(1)", &["b'1'", "b'0'"]),
    ("BIT(9)", &["b'111111111'", "b'1'"]),
    ("BIT(64)", &["18446744073709551615", "1"]),
    ("FLOAT", &["3.4028235e38", "1.4e-45", "0.1", "-0e0"]),
    ("FLOAT(7,3)", &["1234.5678", "-0.0005"]),
    (
        "DOUBLE",
        &["1.7976931348623157e308", "4.9e-324", "0.1e0 + 0.2e0", "-0e0", "1e15", "1e16"],
    ),
    ("DOUBLE(12,2)", &["1234567890.125", "-0.004"]),
    (
        "DECIMAL(65,30)",
        &[
            "-99999999999999999999999999999999999.999999999999999999999999999999",
            "0",
            "0.000000000000000000000000000001",
        ],
    ),
    (
        "DECIMAL(65,0)",
        &["-99999999999999999999999999999999999999999999999999999999999999999", "1"],
    ),
    ("DECIMAL(30,30)", &["0.999999999999999999999999999999", "-0.5", "0"]),
    ("DECIMAL(12,2)", &["-0.01", "9999999999.99", "-0.00"]),
    ("DECIMAL(6,2) ZEROFILL", &["1.5", "0", "9999.99"]),
    ("DECIMAL(18,9)", &["999999999.999999999", "-0.000000001"]),
    (
        "DATE",
        &[
            "'0000-00-00'",
            "'2024-02-29'",
            "'9999-12-31'",
            "'2024-00-10'",
            "'2024-02-31'",
            "'0001-01-01'",
        ],
    ),
    (
        "DATETIME",
        &["'0000-00-00'", "'2024-02-29 23:59:59'", "'1000-01-01'", "'2024-02-31 01:02:03'"],
    ),
    ("DATETIME(1)", &["'2024-02-29 23:59:59.9'", "'1969-12-31 23:59:59.1'"]),
    ("DATETIME(3)", &["'2024-02-29 23:59:59.999'"]),
    (
        "DATETIME(6)",
        &["'2024-02-29 23:59:59.999999'", "'9999-12-31 23:59:59.000001'", "'0000-00-00'"],
    ),
    ("TIMESTAMP NULL", &["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "0"]),
    ("TIMESTAMP(2) NULL", &["'2024-02-29 23:59:59.99'"]),
    ("TIMESTAMP(4) NULL", &["'2024-02-29 23:59:59.9999'"]),
    ("TIMESTAMP(6) NULL", &["'2024-02-29 23:59:59.999999'", "0"]),
    ("TIME", &["'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:01'"]),
    ("TIME(1)", &["'-00:00:00.1'", "'12:34:56.7'"]),
    ("TIME(3)", &["'-00:00:00.001'", "'838:59:58.999'"]),
    ("TIME(6)", &["'-838:59:58.999999'", "'00:00:00.000001'", "'-00:00:00.000001'"]),
    ("CHAR(5)", &["'a '", "''", "'ä€'"]),
    ("VARCHAR(300)", &["'a  '", "''", "REPEAT('x', 300)", "'\\0\\n\"\\\\'"]),
    ("TINYTEXT", &["'t'", "''"]),
    ("TEXT", &["REPEAT('ü', 1000)"]),
    ("MEDIUMTEXT", &["REPEAT('m', 70000)"]),
    ("LONGTEXT", &["'l'"]),
    ("BINARY(5)", &["'a'", "x'0001000000'", "x'0000000000'", "''"]),
    ("VARBINARY(300)", &["x'00ff00'", "''", "REPEAT('y', 300)"]),
    ("TINYBLOB", &["x'00'", "''"]),
    ("BLOB", &["REPEAT(x'fe', 1000)"]),
    ("MEDIUMBLOB", &["REPEAT('z', 70000)"]),
    ("LONGBLOB", &["x'ff'"]),
    ("ENUM('one', 'two', 'with '' quote', 'ä')", &["'two'", "4", "''", "'with '' quote'"]),
    ("SET('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i')", &["'a,i'", "''", "511"]),
    ("SET('a') CHARACTER SET latin1", &["'a'"]),
];

const MYSQL: &[Samples] = &[
    (
        "JSON",
        &[
            "'{\"b\": 1.50, \"a\": [true, null, \"\\\\u00e4\\\\n\"], \"long key\": {\"x\": -0.0}}'",
            "'[1e100, 18446744073709551615, -9223372036854775808, 0.1, 1e-7]'",
            "JSON_OBJECT('d', CAST('2024-02-29' AS DATE), 't', CAST('12:34:56.789' AS TIME(3)), 'n', CAST(1.50 AS DECIMAL(5,2)), 'b', x'00ff')",
            "'null'",
            "'\"text\"'",
        ],
    ),
    ("POINT", &["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(1 2)', 4326)"]),
    ("GEOMETRY", &["ST_GeomFromText('LINESTRING(0 0, 1 1.5)')"]),
    ("VECTOR(3)", &["STRING_TO_VECTOR('[1, 2.5, -3]')"]),
    ("INT AS (1 + 1) VIRTUAL", &[]),
    ("VARCHAR(9) AS (CONCAT('s', 1)) STORED", &[]),
    ("INT INVISIBLE", &["7"]),
];

const MARIADB: &[Samples] = &[
    ("JSON", &["'{\"b\": 1.50,\"a\":[ true ]}'"]),
    ("POINT", &["ST_GeomFromText('POINT(1 2)')"]),
    (
        "UUID",
        &["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'"],
    ),
    ("INET6", &["'2001:db8::ff00:42:8329'", "'::'", "'::ffff:192.0.2.1'"]),
    ("INET4", &["'192.0.2.1'", "'0.0.0.0'"]),
    ("VARCHAR(300) COMPRESSED", &["REPEAT('c', 300)", "''", "'short'"]),
    ("BLOB COMPRESSED", &["REPEAT(x'00', 3000)", "''"]),
    ("MEDIUMTEXT COMPRESSED", &["REPEAT('ä', 3000)"]),
    ("INT AS (1 + 1) VIRTUAL", &[]),
    ("VARCHAR(9) AS (CONCAT('s', 1)) STORED", &[]),
    ("INT INVISIBLE", &["7"]),
];

const MYSQL56: &[Samples] = &[("POINT", &["ST_GeomFromText('POINT(1 2)')"])];

/// What a record says of its table and its row.
fn said(message: &Message) -> (String, String) {
    let members: BTreeMap<String, &str> = object_members(&message.value).into_iter().collect();
    let payload: BTreeMap<String, &str> = object_members(members["payload"]).into_iter().collect();
    assert_eq!((payload["op"], payload["before"]), ("\"INSERT\"", "null"));
    (members["schema"].to_owned(), payload["after"].to_owned())
}

fn a_copied_row_is_the_streamed_row_in_every_byte(server: Server) {
    let kafka = Kafka::shared();
    let kind = server.kind;
    let mut database = server.database("same");
    let own = match kind {
        Kind::Mysql => MYSQL,
        Kind::Mariadb => MARIADB,
        Kind::Mysql56 => MYSQL56,
    };
    let samples: Vec<&Samples> = EVERYWHERE.iter().chain(own).collect();
    let columns: Vec<String> = samples
        .iter()
        .enumerate()
        .map(|(at, (sql_type, _))| format!("c{at} {sql_type}"))
        .collect();
    database.exec("SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'");
    database.exec(&format!(
        "CREATE TABLE t (id INT PRIMARY KEY, {}) CHARACTER SET utf8mb4",
        columns.join(", ")
    ));
    database.exec("CREATE TABLE bare (a VARCHAR(9), b DECIMAL(5,2), c BLOB)");
    let mut streaming = Connector::new(&mut database, &kafka, "t,bare");
    let most = samples.iter().map(|(_, values)| values.len()).max().unwrap();
    for row in 0..=most {
        let given: Vec<(usize, &str)> = samples
            .iter()
            .enumerate()
            .filter(|(_, (_, values))| !values.is_empty())
            .map(|(at, (_, values))| (at, values.get(row).copied().unwrap_or(if row == most { "NULL" } else { values[0] })))
            .collect();
        let names: Vec<String> = given.iter().map(|(at, _)| format!("c{at}")).collect();
        let values: Vec<&str> = given.iter().map(|(_, value)| *value).collect();
        database.exec(&format!(
            "INSERT INTO t (id, {}) VALUES ({row}, {})",
            names.join(", "),
            values.join(", ")
        ));
    }
    database.exec("INSERT INTO bare VALUES ('x', -1.5, x'00'), (NULL, NULL, NULL)");
    let mut copying = copying(&mut database, &kafka, "t,bare", "only");
    for connector in [&mut streaming, &mut copying] {
        connector.sink.push_str("\npartitions_with_key = 1");
    }
    let rowmill = streaming.start();
    copying.start().wait().assert_code(0);
    for (table, rows) in [("t", most + 1), ("bare", 2)] {
        let streamed = kafka.read(&[&streaming.topic(table)], rows);
        let copied = kafka.read_to_end(&copying.topic(table));
        assert_eq!(copied.len(), rows);
        for (one, other) in streamed.iter().zip(&copied) {
            let (streamed_columns, copied_columns) = (one.image("after"), other.image("after"));
            for (at, (expected, found)) in streamed_columns.iter().zip(&copied_columns).enumerate() {
                let sql_type = if at == 0 || table == "bare" { "" } else { samples[at - 1].0 };
                assert_eq!(found, expected, "{sql_type}");
            }
            assert_eq!(said(other), said(one));
            assert_eq!(other.key, one.key);
        }
    }
    assert!(!array_items("[1]").is_empty());
    rowmill.terminate().assert_code(0);
}

fn texts_of_every_character_set_are_copied_as_they_are_streamed(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("sets");
    let sql = "SELECT character_set_name FROM information_schema.character_sets WHERE character_set_name <> 'binary' ORDER BY 1";
    let sets: Vec<String> = database.query(sql).iter().map(|row| row[0].clone().unwrap()).collect();
    let columns: Vec<String> = sets
        .iter()
        .map(|set| format!("`c_{set}` CHAR(9) CHARACTER SET {set}, `v_{set}` VARCHAR(30) CHARACTER SET {set}, `e_{set}` ENUM('a', 'b') CHARACTER SET {set}"))
        .collect();
    database.exec("SET SESSION sql_mode = ''");
    database.exec(&format!("CREATE TABLE t (id INT PRIMARY KEY, {})", columns.join(", ")));
    let mut streaming = Connector::new(&mut database, &kafka, "t");
    for (id, text) in ["abc  ", "äöß", "Ωжק", "中文字", "ｱｲｳ", "แมว", "", "~\\"].iter().enumerate() {
        let text = text.replace('\\', "\\\\");
        let values: Vec<String> = sets
            .iter()
            .map(|set| format!("CONVERT('{text}' USING {set}), CONVERT('{text}' USING {set}), 'b'"))
            .collect();
        database.exec(&format!("INSERT INTO t VALUES ({id}, {})", values.join(", ")));
    }
    let mut copying = copying(&mut database, &kafka, "t", "only");
    for connector in [&mut streaming, &mut copying] {
        connector.sink.push_str("\npartitions_with_key = 1");
    }
    let rowmill = streaming.start();
    copying.start().wait().assert_code(0);
    let streamed = kafka.read(&[&streaming.topic("t")], 8);
    let copied = kafka.read_to_end(&copying.topic("t"));
    for (one, other) in streamed.iter().zip(&copied) {
        assert_eq!(other.image("after"), one.image("after"));
    }
    assert_eq!(copied.len(), 8);
    rowmill.terminate().assert_code(0);
}
