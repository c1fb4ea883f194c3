//! Numbers, bits, bytes, ENUM and SET with their edge values, through `oracle`.

use pipeline_tests::{Kind as ServerKind, Server};

use crate::oracle::Kind::{Boolean, Bytes, Decimal, Double, Float, LargeBytes, Long, Text};
use crate::oracle::{Column, column, compare};
use crate::written::written;

on_each_server!(
    bits_of_every_width_are_whole_numbers,
    signs_are_those_of_the_right_column_among_all_types,
    integers_years_and_bits_are_what_the_server_says,
    decimals_keep_every_digit,
    floats_keep_every_digit,
    floats_of_every_magnitude_read_back_to_the_same_value,
    bytes_are_base64_of_what_the_server_stores,
    enums_and_sets_are_their_labels
);

fn integers_years_and_bits_are_what_the_server_says(server: Server) {
    compare(
        server,
        "v_int",
        &[
            column("tiny", "TINYINT", Long, &["-128", "127", "0", "-1", "NULL"]),
            column("tiny_u", "TINYINT UNSIGNED", Long, &["255", "0", "128", "NULL"]),
            column("tiny_1", "TINYINT(1)", Long, &["1", "0", "-128", "127", "NULL"]),
            column("small", "SMALLINT", Long, &["-32768", "32767", "0", "NULL"]),
            column("small_u", "SMALLINT UNSIGNED NOT NULL", Long, &["65535", "0", "32768"]),
            column("medium", "MEDIUMINT", Long, &["-8388608", "8388607", "-1", "0", "NULL"]),
            column("medium_u", "MEDIUMINT UNSIGNED", Long, &["16777215", "8388608", "0", "NULL"]),
            column("middle", "INT", Long, &["-2147483648", "2147483647", "-1", "0", "NULL"]),
            column("middle_u", "INT UNSIGNED", Long, &["4294967295", "2147483648", "0", "NULL"]),
            column("zero_filled", "INT(8) ZEROFILL", Long, &["42", "0", "4294967295", "NULL"]),
            column(
                "big",
                "BIGINT",
                Long,
                &["-9223372036854775808", "9223372036854775807", "-1", "0", "NULL", "9007199254740993"],
            ),
            column(
                "big_u",
                "BIGINT UNSIGNED NOT NULL",
                Long,
                &["18446744073709551615", "9223372036854775808", "0"],
            ),
            column("flag", "BOOL", Long, &["TRUE", "FALSE", "NULL"]),
            column("born", "YEAR", Long, &["1901", "2155", "0", "2000", "NULL"]),
            column("bit_1", "BIT(1)", Boolean, &["b'1'", "b'0'", "NULL"]),
            column("bit_2", "BIT(2)", Long, &["b'11'", "b'0'", "NULL"]),
            column("bit_8", "BIT(8)", Long, &["b'11111111'", "b'10000000'", "b'1'"]),
            column("bit_9", "BIT(9)", Long, &["b'111111111'", "b'100000000'", "NULL"]),
            column("bit_33", "BIT(33)", Long, &["8589934591", "4294967296", "0"]),
            column(
                "bit_64",
                "BIT(64) NOT NULL",
                Long,
                &["18446744073709551615", "9223372036854775808", "0", "255"],
            ),
        ],
    );
}

/// What is made for one test may stay as long as it runs.
fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn bits_of_every_width_are_whole_numbers(server: Server) {
    let columns: Vec<Column> = (1..=64_u32)
        .map(|width| {
            let most = u64::MAX >> (64 - width);
            let odd = 0xaaaa_aaaa_aaaa_aaaa & most;
            let values = [most, 1 << (width - 1), 0, odd, 1].map(|value| leaked(value.to_string()));
            let kind = if width == 1 { Boolean } else { Long };
            let null = if width % 2 == 0 { "" } else { " NOT NULL" };
            column(
                leaked(format!("bit_{width}")),
                leaked(format!("BIT({width}){null}")),
                kind,
                Box::leak(Box::new(values)),
            )
        })
        .collect();
    compare(server, "v_bits", &columns);
}

fn signs_are_those_of_the_right_column_among_all_types(server: Server) {
    // The log counts signs among numeric columns only.
    let wide = |name, sql_type, most: &'static [&'static str]| column(name, sql_type, Long, most);
    compare(
        server,
        "v_signs",
        &[
            column("born", "YEAR", Long, &["2000", "0"]),
            wide("u1", "INT UNSIGNED", &["4294967295", "0"]),
            column("bits", "BIT(3)", Long, &["5", "0"]),
            wide("u2", "BIGINT UNSIGNED", &["18446744073709551615", "0"]),
            column("money", "DECIMAL(5,2) UNSIGNED", Decimal, &["1.5", "0"]),
            column("text", "VARCHAR(9)", Text, &["'a'", "NULL"]),
            wide("i1", "SMALLINT", &["-32768", "-1"]),
            column("ratio", "FLOAT UNSIGNED", Float, &["2.5", "0"]),
            wide("u3", "TINYINT UNSIGNED", &["255", "0"]),
            column("label", "ENUM('a','b')", Text, &["'a'", "'b'"]),
            column("labels", "SET('a','b')", Text, &["'a,b'", "''"]),
            wide("u4", "SMALLINT UNSIGNED", &["65535", "0"]),
            column("spot", "POINT", LargeBytes, &["ST_GeomFromText('POINT(0 0)')", "NULL"]),
            column("ratio_wide", "DOUBLE", Double, &["-2.5", "0"]),
            wide("u5", "MEDIUMINT UNSIGNED", &["16777215", "0"]),
            column("blob", "BLOB", LargeBytes, &["x'00'", "NULL"]),
            wide("i2", "MEDIUMINT", &["-8388608", "-1"]),
            wide("u6", "BIGINT UNSIGNED", &["9223372036854775808", "0"]),
        ],
    );
}

fn decimals_keep_every_digit(server: Server) {
    compare(
        server,
        "v_dec",
        &[
            column(
                "widest",
                "DECIMAL(65,30)",
                Decimal,
                &[
                    "99999999999999999999999999999999999.999999999999999999999999999999",
                    "-99999999999999999999999999999999999.999999999999999999999999999999",
                    "0.000000000000000000000000000001",
                    "-0.000000000000000000000000000001",
                    "0",
                    "NULL",
                    "12345678901234567890.123456789",
                ],
            ),
            column(
                "whole_65",
                "DECIMAL(65,0)",
                Decimal,
                &["-99999999999999999999999999999999999999999999999999999999999999999", "1", "NULL"],
            ),
            column(
                "only_30",
                "DECIMAL(30,30)",
                Decimal,
                &["0.999999999999999999999999999999", "-0.5", "0"],
            ),
            column(
                "money",
                "DECIMAL(12,2) NOT NULL",
                Decimal,
                &["9999999999.99", "-9999999999.99", "0.01", "-0.01", "0", "-0.00"],
            ),
            column("whole", "DECIMAL(10,0)", Decimal, &["9999999999", "-1", "0", "NULL"]),
            column("filled", "DECIMAL(6,2) ZEROFILL", Decimal, &["1.5", "0", "9999.99", "NULL"]),
            column("one", "DECIMAL(1,0)", Decimal, &["9", "-9", "0"]),
            column("nine", "DECIMAL(9,0)", Decimal, &["999999999", "-999999999", "1"]),
            column(
                "nine_nine",
                "DECIMAL(18,9)",
                Decimal,
                &["999999999.999999999", "-0.000000001", "1.5"],
            ),
            column("nineteen", "DECIMAL(19,0) UNSIGNED", Decimal, &["9999999999999999999", "0", "NULL"]),
            column(
                "thirty_eight",
                "DECIMAL(38,10)",
                Decimal,
                &["9999999999999999999999999999.9999999999", "-1.0000000001", "NULL"],
            ),
            column(
                "thirty_nine",
                "DECIMAL(39,1)",
                Decimal,
                &["99999999999999999999999999999999999999.9", "-0.1", "NULL"],
            ),
        ],
    );
}

fn floats_keep_every_digit(server: Server) {
    compare(
        server,
        "v_float",
        &[
            column(
                "single",
                "FLOAT",
                Float,
                &[
                    "3.4028235e38",
                    "-3.4028235e38",
                    "1.17549435e-38",
                    "1.4e-45",
                    "0.1",
                    "-0e0",
                    "0",
                    "16777217",
                    "NULL",
                ],
            ),
            column(
                "wide",
                "DOUBLE",
                Double,
                &[
                    "1.7976931348623157e308",
                    "-1.7976931348623157e308",
                    "2.2250738585072014e-308",
                    "4.9e-324",
                    "0.1e0 + 0.2e0",
                    "-0e0",
                    "0",
                    "1e15",
                    "1e16",
                    "1e22",
                    "123456789012345680",
                    "1e-5",
                    "-1.5",
                    "NULL",
                ],
            ),
            column("rounded", "FLOAT(7,3)", Float, &["1234.5678", "-0.0005", "0.1", "NULL"]),
            column("rounded_wide", "DOUBLE(12,2)", Double, &["1234567890.125", "-0.004", "0.1", "NULL"]),
            column("filled_float", "FLOAT ZEROFILL", Float, &["1.5", "0", "3.4e38"]),
            column("wide_u", "DOUBLE UNSIGNED NOT NULL", Double, &["0.5", "100", "9007199254740993"]),
        ],
    );
}

fn floats_of_every_magnitude_read_back_to_the_same_value(server: Server) {
    // Long texts and their neighbours at every exponent; the borders of what a plain fraction can say; powers of two.
    let mut doubles = Vec::new();
    for exponent in -324..=308 {
        for digits in ["1", "1.5", "9.999999999999999", "1.2345678901234567"] {
            let value: f64 = format!("{digits}e{exponent}").parse().unwrap();
            doubles.extend([value, -value.next_down(), value.next_up()]);
        }
    }
    doubles.extend(
        (0..64)
            .flat_map(|bits| [1_u64 << bits, (1 << bits) - 1])
            .map(|n| n.to_string().parse::<f64>().unwrap()),
    );
    doubles.extend((0..2000).map(|n| f64::from(n * 37) / 1e6 + f64::from(n)));
    let mut floats = Vec::new();
    for exponent in -46..=38 {
        for digits in ["1", "1.5", "9.999999", "1.2345678"] {
            let value: f32 = format!("{digits}e{exponent}").parse().unwrap();
            floats.extend([value, -value.next_down(), value.next_up()]);
        }
    }
    doubles.retain(|value| value.is_finite());
    floats.retain(|value| value.is_finite());
    let rows: Vec<String> = (0..doubles.len())
        .map(|row| format!("{:e}, {:e}", doubles[row], f64::from(floats[row % floats.len()])))
        .collect();
    let mut database = server.database("v_floats");
    let messages = written(&mut database, "d DOUBLE, f FLOAT", &rows);
    // A column prints all digits; an expression is cut to 22 characters.
    database.exec("CREATE TABLE wide (id INT, d DOUBLE, f DOUBLE)");
    database.exec("INSERT INTO wide SELECT id, d, f * 1e0 FROM t");
    let expected = database.query("SELECT d, f FROM wide ORDER BY id");
    for (message, expected) in messages.iter().zip(&expected) {
        for ((name, kind), expected) in [("d", Double), ("f", Float)].into_iter().zip(expected) {
            let raw = message.column(name).unwrap();
            let difference = kind.difference(expected.as_deref(), &raw);
            assert_eq!(difference, None, "{raw} of row {}", message.integer("id"));
        }
    }
}

fn bytes_are_base64_of_what_the_server_stores(server: Server) {
    compare(
        server,
        "v_bytes",
        &[
            column(
                "padded",
                "BINARY(5)",
                Bytes,
                &["'a'", "''", "x'0000000000'", "x'FF00FF0000'", "NULL"],
            ),
            column("padded_255", "BINARY(255) NOT NULL", Bytes, &["'x'", "REPEAT(x'80', 255)", "''"]),
            column("short", "VARBINARY(20)", Bytes, &["x'00'", "x'610000'", "''", "x'FFFEFD'", "NULL"]),
            column(
                "long_length",
                "VARBINARY(1000)",
                Bytes,
                &["REPEAT(x'00FF', 500)", "REPEAT('a', 255)", "REPEAT('a', 256)", "NULL"],
            ),
            column("binary_text", "VARCHAR(10) CHARACTER SET binary", Bytes, &["'ab'", "x'E4'", "NULL"]),
            column("tiny_blob", "TINYBLOB", LargeBytes, &["REPEAT(x'0A', 255)", "''", "NULL"]),
            column("normal_blob", "BLOB", LargeBytes, &["REPEAT(x'DEADBEEF', 16000)", "x'00'", "NULL"]),
            column("medium_blob", "MEDIUMBLOB", LargeBytes, &["REPEAT('xyz', 30000)", "''", "NULL"]),
            column("long_blob", "LONGBLOB", LargeBytes, &["REPEAT(x'01', 100000)", "'b'", "NULL"]),
        ],
    );
}

/// An ENUM type with so many labels.
fn many_labels(count: u32) -> String {
    let labels: Vec<String> = (1..=count).map(|n| format!("'label {n}'")).collect();
    format!("ENUM({})", labels.join(","))
}

fn enums_and_sets_are_their_labels(server: Server) {
    compare(
        server,
        "v_enum",
        &[
            column(
                "status",
                "ENUM('new','paid','sent') NOT NULL",
                Text,
                &["'new'", "'sent'", "'no such label'", "2"],
            ),
            column("maybe", "ENUM('a','b')", Text, &["'b'", "NULL", "''"]),
            column(
                "hostile",
                "ENUM('it''s \"quoted\"','back\\\\slash','tab\\there','☃')",
                Text,
                &["1", "2", "3", "4", "NULL"],
            ),
            // The catalogue of MySQL 5.6 does not show such labels.
            column("high", "ENUM('a\\tb','😀')", Text, &["1", "2", "NULL"]).not_on(ServerKind::Mysql56),
            column("spaced_high", "SET('a b','é','😀',' x') NOT NULL", Text, &["15", "4", "''", "9"]).not_on(ServerKind::Mysql56),
            column("latin", "ENUM('é','ü') CHARACTER SET latin1", Text, &["'é'", "'ü'", "NULL"]),
            column(
                "emptied",
                "ENUM('','a',' b','c, d','A ') COLLATE utf8mb4_bin",
                Text,
                &["1", "2", "3", "4", "5", "NULL"],
            ),
            column("two_bytes", leaked(many_labels(300)), Text, &["1", "255", "256", "300", "NULL"]),
            column("spaced", "SET('a b','é','☃',' x') NOT NULL", Text, &["15", "4", "''", "9"]),
            column("marks", "SET('a','b','c') NOT NULL", Text, &["''", "'a'", "'a,c'", "'a,b,c'"]),
            column("marks_latin", "SET('ä','ö') CHARACTER SET latin1", Text, &["'ä,ö'", "'ö'", "NULL"]),
            column(
                "nine",
                "SET('1','2','3','4','5','6','7','8','9')",
                Text,
                &["256", "511", "0", "NULL"],
            ),
            column(
                "sixty_four",
                "SET('a01','a02','a03','a04','a05','a06','a07','a08','a09','a10','a11','a12','a13','a14','a15','a16',\
                 'a17','a18','a19','a20','a21','a22','a23','a24','a25','a26','a27','a28','a29','a30','a31','a32',\
                 'a33','a34','a35','a36','a37','a38','a39','a40','a41','a42','a43','a44','a45','a46','a47','a48',\
                 'a49','a50','a51','a52','a53','a54','a55','a56','a57','a58','a59','a60','a61','a62','a63','a64')",
                Text,
                &["'a64'", "'a01,a64'", "18446744073709551615", "''", "NULL"],
            ),
        ],
    );
}
