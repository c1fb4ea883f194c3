//! Values against constants and against each other.

use rowmill_sdk::harness::{Rows, Shape, Value};

use super::ids;

/// Rows of two columns: `id`, counted from 1, and `c` of this type.
fn column(mysql_type: &str, labels: &[&str], values: Vec<Value>) -> Rows {
    let shape = Shape::new("shop", "t")
        .column("id", "int", &[])
        .column("c", mysql_type, labels)
        .key(&[0]);
    let numbered = values.into_iter().zip(1_i64..);
    numbered.fold(Rows::new(&shape), |rows, (value, id)| rows.insert(vec![id.into(), value]))
}

fn check(rows: &Rows, conditions: &[(&str, &[i64])]) {
    for (condition, expected) in conditions {
        assert_eq!(ids(condition, rows), *expected, "{condition}");
    }
}

#[test]
fn whole_numbers_are_compared_exactly_over_their_whole_range() {
    let big = |number: i128| Value::Int(number);
    let rows = column(
        "bigint unsigned",
        &[],
        vec![big(0), big(1), big(i64::MAX.into()), big(u64::MAX.into()), Value::Null],
    );
    check(
        &rows,
        &[
            ("c > -1", &[1, 2, 3, 4]),
            ("c = -1", &[]),
            ("c <> -1", &[1, 2, 3, 4]),
            ("c = 18446744073709551615", &[4]),
            ("c < 18446744073709551615", &[1, 2, 3]),
            ("c <= 18446744073709551615.5", &[1, 2, 3, 4]),
            ("c >= 18446744073709551616", &[]),
            ("c > 9223372036854775807", &[4]),
            ("c = 1.0", &[2]),
            ("c = 0.5", &[]),
            ("c > 0.5", &[2, 3, 4]),
            ("c < 0.5", &[1]),
            ("c BETWEEN 1 AND 1e19", &[2, 3]),
            ("c NOT BETWEEN 1 AND 1e19", &[1, 4]),
            ("c IN (0, 18446744073709551615, 1e30, 0.5)", &[1, 4]),
            ("c NOT IN (0, 1)", &[3, 4]),
            ("c NOT IN (0, NULL)", &[]),
            ("c IN (0, NULL)", &[1]),
            ("c = '1'", &[2]),
            ("1 < c", &[3, 4]),
            ("c", &[2, 3, 4]),
            ("NOT c", &[1]),
            ("c IS NULL", &[5]),
            ("c IS NOT NULL", &[1, 2, 3, 4]),
            ("c <=> NULL", &[5]),
            ("NOT c <=> 1", &[1, 3, 4, 5]),
            ("c = NULL", &[]),
            ("NOT (c = NULL)", &[]),
        ],
    );
    let small = column("tinyint", &[], vec![big(-128), big(-1), big(0), big(127)]);
    check(
        &small,
        &[
            ("c >= -1000", &[1, 2, 3, 4]),
            ("c < -128", &[]),
            ("c <= -128", &[1]),
            ("c > 126.5", &[4]),
            ("c <> 1000", &[1, 2, 3, 4]),
        ],
    );
}

#[test]
fn decimals_are_compared_with_all_of_their_digits() {
    let decimal = |text: &str| Value::Decimal(text.to_owned());
    let rows = column(
        "decimal(12,2)",
        &[],
        vec![decimal("0.10"), decimal("-0.10"), decimal("9999999999.99"), decimal("0.30")],
    );
    check(
        &rows,
        &[
            ("c = 0.1", &[1]),
            ("c = .1000", &[1]),
            ("c > 0.1", &[3, 4]),
            ("c > 0.1000000000000000000000000001", &[3, 4]),
            ("c >= 0.0999999999999999999999999999", &[1, 3, 4]),
            ("c < -0.0999", &[2]),
            ("c <= 9999999999.99", &[1, 2, 3, 4]),
            ("c < 9999999999.99", &[1, 2, 4]),
            ("c IN (0.3, -0.1)", &[2, 4]),
            ("c = '0.30'", &[4]),
        ],
    );
    let wide = "-12345678901234567890123456789012345.012345678901234567890123456789";
    let more = "-12345678901234567890123456789012345.012345678901234567890123456788";
    let rows = column("decimal(65,30)", &[], vec![decimal(wide), decimal(more), decimal("0")]);
    check(
        &rows,
        &[
            (&format!("c = {wide}"), &[1]),
            (&format!("c > {wide}"), &[2, 3]),
            (&format!("c IN ({wide}, {more}, 5, 6)"), &[1, 2]),
            ("c < -1e40", &[]),
            ("c > -1e40", &[1, 2, 3]),
            ("c < 1e400", &[1, 2, 3]),
        ],
    );
}

#[test]
fn floating_point_numbers_are_compared_as_doubles() {
    let rows = column("double", &[], vec![0.1.into(), (-0.0).into(), 1e300.into(), Value::Null]);
    check(
        &rows,
        &[
            ("c = 0.1", &[1]),
            ("c > 0.1", &[3]),
            ("c >= 1e300", &[3]),
            ("c = 0", &[2]),
            ("c < 1e301", &[1, 2, 3]),
            ("c <> 0.1", &[2, 3]),
        ],
    );
    let rows = column("float", &[], vec![Value::Float(0.1), Value::Float(0.5)]);
    // As MySQL has it: a FLOAT is widened, and the nearest one to 0.1 is not 0.1.
    check(&rows, &[("c = 0.1", &[]), ("c > 0.1", &[1, 2]), ("c = 0.5", &[2])]);
}

#[test]
fn texts_are_compared_character_by_character() {
    let rows = column(
        "varchar(20)",
        &[],
        vec!["abc".into(), "ABC".into(), "".into(), "n\u{e4}me".into(), Value::Null, "10%".into()],
    );
    check(
        &rows,
        &[
            ("c = 'abc'", &[1]),
            ("c <> 'abc'", &[2, 3, 4, 6]),
            ("c > 'abc'", &[4]),
            ("c < 'B'", &[2, 3, 6]),
            ("c = \"abc\"", &[1]),
            ("c = ''", &[3]),
            ("c IN ('abc', '', 'x', 'y')", &[1, 3]),
            ("c LIKE 'n_me'", &[4]),
            ("c LIKE 'N%'", &[]),
            ("c NOT LIKE '%b%'", &[2, 3, 4, 6]),
            ("c LIKE '10|%' ESCAPE '|'", &[6]),
            ("c LIKE '10\\%'", &[6]),
            ("c LIKE NULL", &[]),
            ("c = 'it''s' OR c = 'a\\'b' OR c = 'abc'", &[1]),
            ("`c` = 'abc' AND C = 'abc'", &[1]),
        ],
    );
    let rows = column("varbinary(4)", &[], vec![Value::Bytes(vec![0, 0xff]), Value::Bytes(vec![0x61])]);
    check(
        &rows,
        &[
            ("c = x'00ff'", &[1]),
            ("c = 0x00FF", &[1]),
            ("c > 'a'", &[]),
            ("c = 'a'", &[2]),
            ("c < X'00ff01'", &[1]),
        ],
    );
}

#[test]
fn labels_are_texts_and_numbers() {
    let rows = column(
        "enum",
        &["new", "paid", "gone"],
        vec![Value::Int(1), Value::Int(2), Value::Int(3), Value::Int(0), Value::Null],
    );
    check(
        &rows,
        &[
            ("c = 'paid'", &[2]),
            ("c IN ('new', 'gone')", &[1, 3]),
            ("c <> 'paid'", &[1, 3, 4]),
            ("c LIKE '%n%'", &[1, 3]),
            ("c = ''", &[4]),
            ("c = 2", &[2]),
            ("c > 'new'", &[2]),
            ("c = 'other'", &[]),
        ],
    );
    let rows = column("set", &["a", "b", "c"], vec![Value::Int(0), Value::Int(5), Value::Int(2)]);
    check(
        &rows,
        &[("c = 'a,c'", &[2]), ("c LIKE '%b%'", &[3]), ("c = ''", &[1]), ("c = 5", &[2])],
    );
}

#[test]
fn dates_and_times_are_compared_with_texts() {
    let days = column(
        "date",
        &[],
        vec![
            Value::Int(18_689),
            Value::Int(18_690),
            Value::OddDate("0000-00-00".into()),
            Value::OddDate("2021-02-30".into()),
            Value::Null,
        ],
    );
    check(
        &days,
        &[
            ("c = '2021-03-03'", &[1]),
            ("c > '2021-03-03'", &[2]),
            ("c > '2021-03-03 00:00:01'", &[2]),
            ("c >= '2021-03-03 00:00:01'", &[2]),
            ("c <= '2021-03-03 23:59:59'", &[1, 3, 4]),
            ("c = '0000-00-00'", &[3]),
            ("c > '0000-00-00'", &[1, 2, 4]),
            ("c < '2021-03-01'", &[3, 4]),
            ("c > '2021-02-28'", &[1, 2, 4]),
            ("c > '2021-02-30'", &[1, 2]),
            ("c IS NULL", &[5]),
            ("c IN ('2021-03-04', '0000-00-00')", &[2, 3]),
        ],
    );
    let moment = 1_614_748_870_250_000;
    let moments = column(
        "datetime(6)",
        &[],
        vec![
            Value::Int(moment),
            Value::Int(moment + 1),
            Value::OddDate("0000-00-00 00:00:00.000000".into()),
        ],
    );
    check(
        &moments,
        &[
            ("c = '2021-03-03 05:21:10.25'", &[1]),
            ("c > '2021-03-03T05:21:10.250000'", &[2]),
            ("c > '2021-03-03 05:21:10.2500005'", &[2]),
            ("c >= '2021-03-03'", &[1, 2]),
            ("c < '2021-03-03'", &[3]),
        ],
    );
    let instants = column("timestamp(3)", &[], vec![Value::Int(moment)]);
    check(
        &instants,
        &[
            ("c = '2021-03-03 05:21:10.25'", &[1]),
            ("c = '2021-03-03T06:21:10.25+01:00'", &[1]),
            ("c = '2021-03-03 05:21:10.25Z'", &[1]),
        ],
    );
    let spans = column("time", &[], vec![Value::Int(-3_020_399_000_000), Value::Int(0)]);
    check(
        &spans,
        &[
            ("c = '-838:59:59'", &[1]),
            ("c < '00:00:00.0001'", &[1, 2]),
            ("c > '-00:00:01'", &[2]),
        ],
    );
    let years = column("year", &[], vec![Value::Int(2021), Value::Int(0)]);
    check(&years, &[("c >= 2000", &[1]), ("c = 0", &[2])]);
}

#[test]
fn bits_are_numbers() {
    check(
        &column("bit(1)", &[], vec![true.into(), false.into()]),
        &[("c", &[1]), ("c = 0", &[2]), ("c = TRUE", &[1])],
    );
    check(
        &column("bit(12)", &[], vec![Value::Int(0xabc)]),
        &[("c = 2748", &[1]), ("c > 2748", &[])],
    );
}

#[test]
fn columns_are_compared_with_each_other_exactly() {
    let shape = Shape::new("shop", "t")
        .column("id", "int", &[])
        .column("a", "bigint unsigned", &[])
        .column("b", "decimal(20,4)", &[])
        .column("x", "double", &[])
        .column("d", "date", &[])
        .column("m", "datetime(3)", &[]);
    let decimal = |text: &str| Value::Decimal(text.to_owned());
    let rows = Rows::new(&shape)
        .insert(vec![
            1.into(),
            Value::Int(5),
            decimal("5.0000"),
            5.0.into(),
            Value::Int(1),
            Value::Int(86_400_000_000),
        ])
        .insert(vec![
            2.into(),
            Value::Int(5),
            decimal("5.0001"),
            5.5.into(),
            Value::Int(1),
            Value::Int(86_400_000_001),
        ])
        .insert(vec![
            3.into(),
            Value::Null,
            decimal("-1.0000"),
            Value::Null,
            Value::OddDate("0000-00-00".into()),
            Value::Int(0),
        ]);
    check(
        &rows,
        &[
            ("a = b", &[1]),
            ("a < b", &[2]),
            ("a <=> b", &[1]),
            ("NOT a <=> b", &[2, 3]),
            ("a <> b", &[2]),
            ("x > a", &[2]),
            ("b < x", &[2]),
            ("d = m", &[1]),
            ("d < m", &[2, 3]),
        ],
    );
}

#[test]
fn truth_has_three_values() {
    let rows = column("int", &[], vec![1.into(), 0.into(), Value::Null]);
    check(
        &rows,
        &[
            ("c = 1 OR c = 0", &[1, 2]),
            ("c = 1 OR NOT c = 1", &[1, 2]),
            ("(c = 1) IS UNKNOWN", &[3]),
            ("(c = 1) IS NOT TRUE", &[2, 3]),
            ("c IS FALSE", &[2]),
            ("c IS NOT FALSE", &[1, 3]),
            ("c = 1 AND TRUE OR id = 3", &[1, 3]),
            ("NOT (c = 1 AND id > 0)", &[2]),
            ("NOT NOT c = 1", &[1]),
            ("! (c = 1) && id < 5 || id = 1", &[1, 2]),
            ("NULL", &[]),
            ("TRUE", &[1, 2, 3]),
            ("FALSE OR NULL IS NULL", &[1, 2, 3]),
        ],
    );
}
