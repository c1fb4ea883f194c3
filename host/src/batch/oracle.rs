//! MySQL as the oracle for values: bytes of row images captured from MySQL 9.7 beside what its own `SELECT` said of them
//! (dates and times as microseconds or days since 1970, ENUM, SET and BIT as numbers, binary values in hexadecimal digits).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::too_many_lines, reason = "lists of captured values")]

use arrow::array::{Array, ArrayRef, AsArray as _};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::column::Column;
use super::cursor::Cursor;
use super::fields::kind_and_type;
use super::plan::Decoder;
use crate::source::{Charset, ColumnType};

#[test]
fn every_number_has_mysqls_value() {
    check(
        ColumnType::Int { bytes: 1, unsigned: false },
        &[("80", "-128"), ("7f", "127"), ("00", "0"), ("ff", "-1"), ("b3", "-77")],
    );
    check(
        ColumnType::Int { bytes: 1, unsigned: true },
        &[("00", "0"), ("ff", "255"), ("80", "128"), ("01", "1")],
    );
    check(
        ColumnType::Int { bytes: 2, unsigned: false },
        &[
            ("0080", "-32768"),
            ("ff7f", "32767"),
            ("0000", "0"),
            ("ffff", "-1"),
            ("b3ff", "-77"),
        ],
    );
    check(
        ColumnType::Int { bytes: 2, unsigned: true },
        &[("0000", "0"), ("ffff", "65535"), ("0080", "32768"), ("0100", "1")],
    );
    check(
        ColumnType::Int { bytes: 3, unsigned: false },
        &[
            ("000080", "-8388608"),
            ("ffff7f", "8388607"),
            ("000000", "0"),
            ("ffffff", "-1"),
            ("b3ffff", "-77"),
        ],
    );
    check(
        ColumnType::Int { bytes: 3, unsigned: true },
        &[("000000", "0"), ("ffffff", "16777215"), ("000080", "8388608"), ("010000", "1")],
    );
    check(
        ColumnType::Int { bytes: 4, unsigned: false },
        &[
            ("00000080", "-2147483648"),
            ("ffffff7f", "2147483647"),
            ("00000000", "0"),
            ("ffffffff", "-1"),
            ("b3ffffff", "-77"),
        ],
    );
    check(
        ColumnType::Int { bytes: 4, unsigned: true },
        &[
            ("00000000", "0"),
            ("ffffffff", "4294967295"),
            ("00000080", "2147483648"),
            ("01000000", "1"),
        ],
    );
    check(
        ColumnType::Int { bytes: 8, unsigned: false },
        &[
            ("0000000000000080", "-9223372036854775808"),
            ("ffffffffffffff7f", "9223372036854775807"),
            ("0000000000000000", "0"),
            ("ffffffffffffffff", "-1"),
            ("b3ffffffffffffff", "-77"),
        ],
    );
    check(
        ColumnType::Int { bytes: 8, unsigned: true },
        &[
            ("0000000000000000", "0"),
            ("ffffffffffffffff", "18446744073709551615"),
            ("0000000000000080", "9223372036854775808"),
            ("0100000000000000", "1"),
        ],
    );
    check(
        ColumnType::Float,
        &[
            ("00000000", "0.0"),
            ("00000080", "-0.0"),
            ("0000c03f", "1.5"),
            ("d524f2d0", "-32500000768.0"),
            ("ffff7f7f", "3.4028234663852886e+38"),
            ("00008000", "1.1754943508222875e-38"),
        ],
    );
    check(
        ColumnType::Double,
        &[
            ("0000000000000000", "0.0"),
            ("000000000000f8bf", "-1.5"),
            ("ffffffffffffef7f", "1.7976931348623157e+308"),
            ("0000000000001000", "2.2250738585072014e-308"),
            ("9a9999999999b93f", "0.1"),
        ],
    );
    check(ColumnType::Year, &[("00", "0"), ("01", "1901"), ("ff", "2155"), ("7c", "2024")]);
    check(ColumnType::Bit { bits: 1 }, &[("00", "0"), ("01", "1")]);
    check(ColumnType::Bit { bits: 9 }, &[("0000", "0"), ("0101", "257"), ("01ff", "511")]);
    check(
        ColumnType::Bit { bits: 64 },
        &[
            ("0000000000000000", "0"),
            ("0000000000000001", "1"),
            ("ffffffffffffffff", "18446744073709551615"),
            ("8000000000000000", "9223372036854775808"),
        ],
    );
    check(
        ColumnType::Decimal { precision: 12, scale: 2 },
        &[
            ("800000000000", "0.00"),
            ("7ffffffffffe", "-0.01"),
            ("893b9ac9ff63", "9999999999.99"),
            ("76c46536009c", "-9999999999.99"),
            ("800012d68759", "1234567.89"),
        ],
    );
    check(ColumnType::Decimal { precision: 1, scale: 0 }, &[("76", "-9"), ("89", "9")]);
    check(
        ColumnType::Decimal { precision: 10, scale: 10 },
        &[("8000000001", "0.0000000001"), ("44653600f6", "-0.9999999999")],
    );
    check(
        ColumnType::Decimal { precision: 18, scale: 9 },
        &[("bb9ac9ff3b9ac9ff", "999999999.999999999"), ("7ffffffffffffffe", "-0.000000001")],
    );
    check(
        ColumnType::Decimal { precision: 20, scale: 5 },
        &[("7e1dbfd0f8a086fffffe", "-123456789012345.00001")],
    );
    check(
        ColumnType::Decimal { precision: 38, scale: 19 },
        &[
            ("76c4653600c4653600c4653600c4653600f6", "-9999999999999999999.9999999999999999999"),
            ("800000000000000001000000000000000000", "1.0000000000000000000"),
        ],
    );
    check(
        ColumnType::Decimal { precision: 65, scale: 30 },
        &[
            (
                "85f5e0ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff03e7",
                "99999999999999999999999999999999999.999999999999999999999999999999",
            ),
            (
                "7ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe",
                "-0.000000000000000000000000000001",
            ),
            (
                "7f439eb1ca484078caf1cb3fd0f8a086e2329affffffffffffffffffffff",
                "-12345678901234567890123456789012345.500000000000000000000000000000",
            ),
        ],
    );
}

#[test]
fn every_label_has_mysqls_index() {
    check(
        ColumnType::Enum {
            labels: labels(3),
            bytes: 1,
        },
        &[("01", "1"), ("03", "3"), ("00", "0"), ("00", "0")],
    );
    check(
        ColumnType::Enum {
            labels: labels(300),
            bytes: 2,
        },
        &[("0100", "1"), ("2c01", "300"), ("0001", "256")],
    );
    check(
        ColumnType::Set {
            labels: labels(3),
            bytes: 1,
        },
        &[("00", "0"), ("05", "5"), ("07", "7")],
    );
    check(
        ColumnType::Set {
            labels: labels(20),
            bytes: 3,
        },
        &[("000008", "524288"), ("010108", "524545")],
    );
    check(
        ColumnType::Set {
            labels: labels(64),
            bytes: 8,
        },
        &[
            ("0000000000000080", "9223372036854775808"),
            ("0100000002000080", "9223372045444710401"),
        ],
    );
}

#[test]
fn every_text_and_binary_value_has_mysqls_bytes() {
    check(
        ColumnType::Text {
            charset: Charset::Utf8mb4,
            length_bytes: 2,
        },
        &[
            ("0000", ""),
            ("0500706c61696e", "plain"),
            ("19004772c3bcc39f6520e2809ce6bca2e5ad97e2809d20f09f9880", "Grüße “漢字” 😀"),
            ("030061000a", "a\0\n"),
        ],
    );
    check(
        ColumnType::Text {
            charset: Charset::Utf8mb4,
            length_bytes: 1,
        },
        &[("06706164646564", "padded"), ("02c3a9", "é")],
    );
    check(
        ColumnType::Text {
            charset: Charset::Utf8mb4,
            length_bytes: 4,
        },
        &[("040000006c6f6e67", "long")],
    );
    check(
        ColumnType::Text {
            charset: Charset::Latin1,
            length_bytes: 1,
        },
        &[
            ("05706c61696e", "plain"),
            ("0680828c8e9e9f", "€‚ŒŽžŸ"),
            ("06a0e4f6fcdfff", "\u{a0}äöüßÿ"),
            ("05818d8f909d", "\u{81}\u{8d}\u{8f}\u{90}\u{9d}"),
            ("0791929394959697", "‘’“”•–—"),
        ],
    );
    check(
        ColumnType::Text {
            charset: Charset::Ascii,
            length_bytes: 1,
        },
        &[("05706c61696e", "plain"), ("02007f", "\0\u{7f}")],
    );
    check(
        ColumnType::FixedBinary {
            length: 4,
            length_bytes: 1,
        },
        &[
            ("00", "00000000"),
            ("0101", "01000000"),
            ("0101", "01000000"),
            ("03010203", "01020300"),
            ("04ffffffff", "FFFFFFFF"),
        ],
    );
    check(ColumnType::Binary { length_bytes: 2 }, &[("0000", ""), ("030000ff00", "00FF00")]);
    check(
        ColumnType::Binary { length_bytes: 4 },
        &[(
            "19000000e610000001010000000000000000000040000000000000f03f",
            "E610000001010000000000000000000040000000000000F03F",
        )],
    );
}

#[test]
fn json_has_the_text_that_mysql_prints() {
    check(
        ColumnType::Json { length_bytes: 4 },
        &[
            ("020000000400", "null"),
            ("020000000401", "true"),
            ("050000000200000400", "[]"),
            ("050000000000000400", "{}"),
            ("020000000c00", "\"\""),
            ("090000000b0000000000000080", "-0.0"),
            (
                "6800000002090067000b1f000b27000b2f000b37000b3f000b47000b4f000b57000b5f00000000000000f03f00003426f56b0c430000901ec4bcd6421656e79eaf03d23cbc89d897b2d29c3c2a108ece895b054319bdc9fd14dd1643ffffffffffffef7f0100000000000000",
                "[1.0, 1e15, 100000000000000.0, 0.000000000000001, 1e-16, 751452743123461.2, 1608882928643910.2, 1.7976931348623157e308, 5e-324]",
            ),
            (
                "4c0000000209004b00057f0005ffff071f000723000727000a2b000933000a3b000b430000800000c063ffff7011010000000000010000000000000000000080ffffffffffffffff000000000000f043",
                "[127, -1, 32768, -40000, 70000, 4294967296, -9223372036854775808, 18446744073709551615, 1.8446744073709552e19]",
            ),
            (
                "1f0000000202001e000c0a000c1a000f08090a660d225c2f20c3a9f09f988003011f7f",
                "[\"\\b\\t\\nf\\r\\\"\\\\/ é😀\", \"\\u0001\\u001f\u{7f}\"]",
            ),
            (
                "360000000003003500190001001a0001001b000200001d000501000c330061626161010016000b000100020c006302000a000400000402000178",
                "{\"a\": {\"c\": [null, false]}, \"b\": 1, \"aa\": \"x\"}",
            ),
            (
                "4200000002030041000f0d000f16000f1f00f6070b027ffffffecdf6070b028000000000f620421e80bc614e35b7bf87350e34c02f075f790000000000000000000000000000",
                "[-1.50, 0.00, 12345678901234567890123456789012345.000000000000000000000000000000]",
            ),
            (
                "3900000002040038000f10000f1a000f24000f2e000a0800000000001e95190b080000000591cbffff0b08c0d40119760100000c08c0d40119761f9519",
                "[\"2015-01-15\", \"-838:59:59.000000\", \"23:24:25.120000\", \"2015-01-15 23:24:25.120000\"]",
            ),
            (
                "4f0000000203004e000f0d000f49000f4c000f3a616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161610f010a0f00",
                "[\"base64:type15:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\\nYQ==\", \"base64:type15:Cg==\", \"base64:type15:\"]",
            ),
        ],
    );
}

/// Each value takes all of its bytes and has the expected rendering.
pub(super) fn check(kind: ColumnType, cases: &[(&str, &str)]) {
    for (hex, expected) in cases {
        let (array, odd) = decode(&kind, hex);
        assert_eq!(odd, None, "{kind:?} {hex}");
        match kind {
            ColumnType::Float | ColumnType::Double => {
                let expected: f64 = expected.parse().unwrap();
                assert_eq!(number(&array).to_bits(), expected.to_bits(), "{kind:?} {hex}: {expected}");
            }
            _ => assert_eq!(&show(&array), expected, "{kind:?} {hex}"),
        }
    }
}

pub(super) fn check_odd(kind: ColumnType, cases: &[(&str, &str)]) {
    for (hex, expected) in cases {
        let (array, odd) = decode(&kind, hex);
        assert!(array.is_null(0), "{kind:?} {hex}");
        assert_eq!(odd.as_deref(), Some(*expected), "{kind:?} {hex}");
    }
}

fn decode(kind: &ColumnType, hex: &str) -> (ArrayRef, Option<String>) {
    let bytes = unhex(hex);
    let mut column = Column::new(Decoder::new(kind).unwrap());
    let mut cursor = Cursor::new(&bytes);
    let odd = column.push(&mut cursor).unwrap();
    assert_eq!(cursor.rest(), b"", "{kind:?} {hex}");
    let array = column.finish(&kind_and_type(kind).1).unwrap();
    assert_eq!(array.len(), 1);
    (array, odd)
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair.iter().fold(0, |value, digit| value * 16 + digit)).unwrap())
        .collect()
}

fn number(array: &ArrayRef) -> f64 {
    match array.data_type() {
        DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(0)),
        _ => array.as_primitive::<Float64Type>().value(0),
    }
}

fn show(array: &ArrayRef) -> String {
    match array.data_type() {
        DataType::Int8 => array.as_primitive::<Int8Type>().value(0).to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(0).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(0).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(0).to_string(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(0).to_string(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(0).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(0).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(0).to_string(),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(0).to_string(),
        DataType::Timestamp(..) => array.as_primitive::<TimestampMicrosecondType>().value(0).to_string(),
        DataType::Duration(_) => array.as_primitive::<DurationMicrosecondType>().value(0).to_string(),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(0),
        DataType::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(0),
        DataType::Boolean => u8::from(array.as_boolean().value(0)).to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(0).to_owned(),
        DataType::Binary => {
            let bytes = array.as_binary::<i32>().value(0);
            bytes.iter().map(|byte| format!("{byte:02X}")).collect()
        }
        other => panic!("no column has the type {other}"),
    }
}

fn labels(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("l{number}")).collect()
}
