//! Every supported type with its edge values, through `oracle`.

use crate::oracle::Kind::{Boolean, Bytes, Decimal, Double, Float, Instant, LargeBytes, LargeText, Long, Text, WallClock};
use crate::oracle::{column, compare};

#[test]
fn integers_years_and_bits_are_what_mysql_says() {
    compare(
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

#[test]
fn decimals_and_floats_keep_every_digit() {
    compare(
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
            column("wide_u", "DOUBLE UNSIGNED NOT NULL", Double, &["0.5", "100", "9007199254740993"]),
        ],
    );
}

#[test]
fn text_is_what_mysql_says_in_every_character_set() {
    compare(
        "v_text",
        &[
            column(
                "fixed",
                "CHAR(10)",
                Text,
                &["'abc'", "''", "'trailing  '", "'😀😀😀😀😀😀😀😀😀😀'", "NULL"],
            ),
            column("fixed_255", "CHAR(255)", Text, &["REPEAT('😀', 255)", "'x'", "NULL"]),
            column(
                "fixed_latin",
                "CHAR(20) CHARACTER SET latin1",
                Text,
                &["'Zürich €œŸ'", "'ÿ'", "NULL"],
            ),
            column("fixed_ascii", "CHAR(3) CHARACTER SET ascii", Text, &["'abc'", "''", "NULL"]),
            column(
                "short",
                "VARCHAR(20)",
                Text,
                &["'plain'", "'😀 emoji'", "''", "'trailing   '", "NULL"],
            ),
            column(
                "quotes",
                "VARCHAR(200) NOT NULL",
                Text,
                &[
                    "'\"quoted\" \\\\ back/slash'",
                    "'\\n\\r\\t\\b\\0'",
                    "CHAR(1, 31, 127, 11, 12 USING utf8mb4)",
                    "'{\"a\":[1]}'",
                ],
            ),
            column(
                "separators",
                "VARCHAR(50)",
                Text,
                &["_utf8mb4 x'E280A8E280A9EFBBBF'", "'é'", "_utf8mb4 x'65CC81'"],
            ),
            column(
                "long_length",
                "VARCHAR(300)",
                Text,
                &["REPEAT('ä', 300)", "REPEAT('z', 255)", "REPEAT('z', 256)", "''", "NULL"],
            ),
            column(
                "latin",
                "VARCHAR(100) CHARACTER SET latin1",
                Text,
                &["CONVERT(x'8081828D8F90919D9FA0FF' USING latin1)", "'naïve café'", "'€'", "NULL"],
            ),
            column(
                "three_bytes",
                "VARCHAR(100) CHARACTER SET utf8mb3",
                Text,
                &["'漢字 かな'", "'￿'", "''", "NULL"],
            ),
            column("plain", "VARCHAR(100) CHARACTER SET ascii", Text, &["'~!@#'", "''", "NULL"]),
            column("sorted", "VARCHAR(30) COLLATE utf8mb4_bin", Text, &["'Binär'", "'b'", "NULL"]),
            column("tiny_text", "TINYTEXT", LargeText, &["REPEAT('é', 127)", "''", "NULL"]),
            column(
                "normal_text",
                "TEXT CHARACTER SET latin1",
                LargeText,
                &["REPEAT('é', 40000)", "'a'", "NULL"],
            ),
            column("medium_text", "MEDIUMTEXT", LargeText, &["REPEAT('😀', 20000)", "''", "NULL"]),
            column(
                "long_text",
                "LONGTEXT CHARACTER SET utf8mb3",
                LargeText,
                &["REPEAT('漢', 60000)", "'b'", "NULL"],
            ),
        ],
    );
}

#[test]
fn bytes_are_base64_of_what_mysql_stores() {
    compare(
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

#[test]
fn enums_and_sets_are_their_labels() {
    compare(
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
                "ENUM('it''s \"quoted\"','back\\\\slash','tab\\there','😀')",
                Text,
                &["1", "2", "3", "4", "NULL"],
            ),
            column("latin", "ENUM('é','ü') CHARACTER SET latin1", Text, &["'é'", "'ü'", "NULL"]),
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

#[test]
fn json_is_the_text_that_mysql_prints() {
    compare(
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
fn dates_and_times_are_what_mysql_says_to_the_millisecond() {
    const CLOCK: &[&str] = &[
        "'2024-02-29 23:59:59.999999'",
        "'1000-01-01 00:00:00'",
        "'9999-12-31 23:59:59'",
        "'1969-12-31 23:59:59.123456'",
        "'1970-01-01 08:00:00.0005'",
        "'0000-00-00 00:00:00'",
        "'2024-00-10 01:02:03'",
        "'2024-02-31 00:00:00'",
        "NULL",
    ];
    const STAMP: &[&str] = &[
        "'1970-01-01 00:00:01'",
        "'2038-01-19 03:14:07'",
        "'0000-00-00 00:00:00'",
        "'2024-06-15 12:34:56.789123'",
        "NULL",
    ];
    const SPAN: &[&str] = &[
        "'838:59:59'",
        "'-838:59:59'",
        "'00:00:00'",
        "'-00:00:00.5'",
        "'-00:00:01'",
        "'-12:34:56.999999'",
        "'23:59:59.000001'",
        "'100:00:00.100000'",
        "NULL",
    ];
    compare(
        "v_time",
        &[
            column(
                "day",
                "DATE",
                WallClock,
                &[
                    "'2021-03-03'",
                    "'1000-01-01'",
                    "'9999-12-31'",
                    "'1969-12-31'",
                    "'0000-00-00'",
                    "'2024-00-10'",
                    "'2024-02-31'",
                    "NULL",
                ],
            ),
            column("clock", "DATETIME", WallClock, CLOCK),
            column("clock_1", "DATETIME(1)", WallClock, CLOCK),
            column("clock_2", "DATETIME(2)", WallClock, CLOCK),
            column("clock_3", "DATETIME(3)", WallClock, CLOCK),
            column("clock_4", "DATETIME(4)", WallClock, CLOCK),
            column("clock_5", "DATETIME(5)", WallClock, CLOCK),
            column("clock_6", "DATETIME(6)", WallClock, CLOCK),
            column("stamp", "TIMESTAMP NULL", Instant, STAMP),
            column("stamp_1", "TIMESTAMP(1) NULL", Instant, STAMP),
            column("stamp_2", "TIMESTAMP(2) NULL", Instant, STAMP),
            column("stamp_3", "TIMESTAMP(3) NULL", Instant, STAMP),
            column("stamp_4", "TIMESTAMP(4) NULL", Instant, STAMP),
            column("stamp_5", "TIMESTAMP(5) NULL", Instant, STAMP),
            column("stamp_6", "TIMESTAMP(6) NULL", Instant, STAMP),
            column("span", "TIME", Text, SPAN),
            column("span_1", "TIME(1)", Text, SPAN),
            column("span_2", "TIME(2)", Text, SPAN),
            column("span_3", "TIME(3)", Text, SPAN),
            column("span_4", "TIME(4)", Text, SPAN),
            column("span_5", "TIME(5)", Text, SPAN),
            column("span_6", "TIME(6)", Text, SPAN),
        ],
    );
}

#[test]
fn geometry_and_vectors_are_mysqls_own_bytes() {
    compare(
        "v_geo",
        &[
            column(
                "place",
                "GEOMETRY",
                LargeBytes,
                &[
                    "ST_GeomFromText('POINT(1 -2.5)')",
                    "ST_GeomFromText('LINESTRING(0 0,1 1,2 1)', 4326)",
                    "NULL",
                ],
            ),
            column("spot", "POINT", LargeBytes, &["ST_GeomFromText('POINT(0 0)')", "NULL"]),
            column(
                "area",
                "MULTIPOLYGON",
                LargeBytes,
                &["ST_GeomFromText('MULTIPOLYGON(((0 0,4 0,4 4,0 0)))')", "NULL"],
            ),
            column(
                "embedding",
                "VECTOR(3)",
                LargeBytes,
                &["STRING_TO_VECTOR('[1,-2.5,0]')", "STRING_TO_VECTOR('[0.1]')", "NULL"],
            ),
            column(
                "long_embedding",
                "VECTOR(16383)",
                LargeBytes,
                &[
                    "STRING_TO_VECTOR(CONCAT('[', REPEAT('1.5,', 4000), '3.4e38]'))",
                    "STRING_TO_VECTOR('[-0]')",
                ],
            ),
            column(
                "anything",
                "GEOMETRYCOLLECTION",
                LargeBytes,
                &[
                    "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')",
                    "ST_GeomFromText('GEOMETRYCOLLECTION EMPTY')",
                ],
            ),
        ],
    );
}
