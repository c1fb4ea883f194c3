//! Columns that go, get other names and other types, and what is refused.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use rowmill_project::Project;
use rowmill_sdk::harness::{Mill, Milled, Opened, Rows, Shape, Value};
use rowmill_sdk::{Error, Kind};
use serde_json::{Value as Json, json};

fn projected(config: &Json, rows: &Rows) -> Result<Milled, Error> {
    Ok(Mill::<Project>::new(&config.to_string())?.process(rows)?.unwrap())
}

fn shape() -> Shape {
    Shape::new("shop", "orders")
        .column("id", "int", &[])
        .not_null()
        .column("a", "varchar(10)", &[])
        .column("b", "varchar(10)", &[])
        .key(&[0])
}

fn row(id: i64) -> Vec<Value> {
    vec![id.into(), "x".into(), "y".into()]
}

fn names(milled: &Milled) -> Vec<String> {
    milled.schema().unwrap().columns.into_iter().map(|column| column.name).collect()
}

fn refusal(config: &Json) -> Error {
    projected(config, &Rows::new(&shape()).insert(row(1))).err().unwrap()
}

#[test]
fn columns_are_kept_dropped_and_renamed_in_both_images() {
    let rows = Rows::new(&shape()).update(row(1), row(1));
    for (config, expected) in [
        (json!({"keep": ["B", "id"]}), json!({"id": 1, "b": "y"})),
        (json!({"drop": ["a"]}), json!({"id": 1, "b": "y"})),
        (json!({"rename": {"a": "c"}}), json!({"id": 1, "c": "x", "b": "y"})),
        (json!({"rename": {"a": "b", "b": "a"}}), json!({"id": 1, "b": "x", "a": "y"})),
        (json!({"drop": ["a"], "rename": {"b": "a", "id": "ID"}}), json!({"ID": 1, "a": "y"})),
        (
            json!({"cast": {"id": "varchar(11)"}, "rename": {"id": "a", "a": "id"}}),
            json!({"a": "1", "id": "x", "b": "y"}),
        ),
    ] {
        let milled = projected(&config, &rows).unwrap();
        let row = &milled.rows().unwrap()[0];
        assert_eq!((&row["before"], &row["after"]), (&expected, &expected), "{config}");
        assert_eq!(milled.schema().unwrap().key, [0]);
    }
    assert!(projected(&json!({}), &rows).unwrap().unchanged);
}

#[test]
fn a_column_that_gets_another_type_stays_not_null() {
    let milled = projected(&json!({"cast": {"id": "bigint"}}), &Rows::new(&shape()).insert(row(1))).unwrap();
    let id = &milled.schema().unwrap().columns[0];
    assert_eq!((id.kind, id.mysql_type.as_str(), id.not_null), (Kind::Int, "bigint", true));
}

#[test]
fn what_can_not_be_is_refused_with_table_and_column() {
    for (config, code, expected) in [
        (
            json!({"drop": ["c"]}),
            "no-such-column",
            "opening shop.orders: `drop` names column `c`, and the table has id, a, b",
        ),
        (json!({"rename": {"c": "d"}}), "no-such-column", "`rename` names column `c`"),
        (json!({"cast": {"c": "int"}}), "no-such-column", "`cast` names column `c`"),
        (json!({"rename": {"a": "B"}}), "column-exists", "two columns come out as `b`"),
        (json!({"drop": ["id"]}), "bad-key", "column `id` belongs to the key"),
        (json!({"keep": ["a"]}), "bad-key", "column `id` belongs to the key"),
        (
            json!({"keep": ["a"], "key": ["b"]}),
            "bad-key",
            "`key` names `b`, and no such column comes out",
        ),
        (json!({"drop": ["id", "a", "b"]}), "no-columns", "no column would be left"),
        (
            json!({"cast": {"a": "date"}}),
            "no-such-cast",
            "there is no cast from `varchar(10)` to `date`",
        ),
        (json!({"cast": {"a": "money"}}), "no-such-cast", "reading the type `money`"),
        (json!({"keep": ["a"], "drop": ["b"]}), "bad-configuration", "leave one of them out"),
        (json!({"kep": []}), "bad-configuration", "unknown field `kep`"),
    ] {
        let error = refusal(&config);
        assert!(error.code == code && error.message.contains(expected), "{config}: {error}");
    }
    let lenient = json!({"drop": ["c", "a"], "rename": {"d": "e"}, "cast": {"f": "int"}, "missing": "ignore"});
    assert_eq!(
        names(&projected(&lenient, &Rows::new(&shape()).insert(row(1))).unwrap()),
        ["id", "b"]
    );
}

#[test]
fn a_key_goes_only_for_another_one_and_updates_say_whether_they_change_it() {
    let other = |id: i64, a: &str| vec![id.into(), a.into(), "y".into()];
    let rows = Rows::new(&shape())
        .insert(row(1))
        .update(other(1, "x"), other(1, "z"))
        .key_update(other(1, "z"), other(2, "z"))
        .delete(other(2, "z"));
    let milled = projected(&json!({"drop": ["id"], "rename": {"a": "code"}, "key": ["code"]}), &rows).unwrap();
    let schema = milled.schema().unwrap();
    assert_eq!((schema.key.as_slice(), schema.columns[0].name.as_str()), (&[0][..], "code"));
    let opened = Opened::new(&milled).unwrap();
    let batch = opened.batch().unwrap();
    let changes: Vec<bool> = (0..batch.rows()).map(|row| batch.flags(row).changes_key()).collect();
    assert_eq!(changes, [false, true, false, false]);
    let keyless = projected(&json!({"drop": ["id"], "key": []}), &rows).unwrap();
    assert!(keyless.schema().unwrap().key.is_empty());
}

#[test]
fn another_key_needs_the_row_as_it_was() {
    let absent = || Value::Absent;
    let known = Rows::new(&shape()).update(vec![1.into(), "x".into(), absent()], vec![absent(), absent(), "z".into()]);
    assert!(projected(&json!({"key": ["a"]}), &known).is_ok());
    let unknown = Rows::new(&shape()).update(vec![1.into(), absent(), absent()], vec![absent(), "z".into(), absent()]);
    let error = projected(&json!({"key": ["a"]}), &unknown).err().unwrap();
    assert_eq!((error.code.as_str(), error.row), ("key-missing", Some(0)));
}

/// One value cast: what it becomes, or the error's code.
fn cast(from: &str, value: Value, to: &str) -> Result<Json, String> {
    let shape = Shape::new("d", "t").column("k", "int", &[]).column("c", from, &["S", "M", "L"]);
    let rows = Rows::new(&shape).insert(vec![1.into(), value]);
    let milled = projected(&json!({"cast": {"c": to}}), &rows).map_err(|error| {
        assert!(
            error.code == "no-such-cast" || (error.row == Some(0) && error.message.contains("column `c`")),
            "{error}"
        );
        error.code
    })?;
    Ok(milled.rows().unwrap()[0]["after"]["c"].clone())
}

#[test]
fn a_value_is_cast_exactly_or_refused() {
    let int = |number: i128| Value::Int(number);
    let decimal = |text: &str| Value::Decimal(text.to_owned());
    let lossy = || Err("cast-lossy".to_owned());
    for (from, value, to, expected) in [
        ("bigint", int(127), "tinyint", Ok(json!(127))),
        ("bigint", int(128), "tinyint", lossy()),
        ("bigint", int(-1), "int unsigned", lossy()),
        ("bigint unsigned", int(u64::MAX.into()), "bigint", lossy()),
        (
            "bigint unsigned",
            int(u64::MAX.into()),
            "decimal(20,0)",
            Ok(json!("18446744073709551615")),
        ),
        (
            "bigint unsigned",
            int(u64::MAX.into()),
            "varchar(20)",
            Ok(json!("18446744073709551615")),
        ),
        ("int", int(8_388_608), "mediumint", lossy()),
        ("int", int(2), "bit(1)", lossy()),
        ("int", int(1), "bit(1)", Ok(json!(true))),
        ("int", int(16), "bit(4)", lossy()),
        ("int", int(2022), "year", Ok(json!(2022))),
        ("int", int(3000), "year", lossy()),
        ("decimal(10,2)", decimal("12.00"), "int", Ok(json!(12))),
        ("decimal(10,2)", decimal("12.01"), "int", lossy()),
        ("decimal(10,2)", decimal("12.50"), "decimal(10,1)", Ok(json!("12.5"))),
        ("decimal(10,2)", decimal("12.55"), "decimal(10,1)", lossy()),
        ("decimal(10,2)", decimal("-1000.00"), "decimal(3,0)", lossy()),
        ("decimal(10,2)", decimal("0.10"), "double", Ok(json!(0.1))),
        ("decimal(20,2)", decimal("123456789012345678.12"), "double", lossy()),
        ("bigint", int(9_007_199_254_740_993), "double", lossy()),
        ("bigint", int(-5), "double", Ok(json!(-5.0))),
        ("double", 5.0.into(), "int", Ok(json!(5))),
        ("double", 5.5.into(), "int", lossy()),
        ("double", 1e300.into(), "bigint", lossy()),
        ("double", 0.1.into(), "float", lossy()),
        ("double", 0.5.into(), "float", Ok(json!(0.5))),
        ("float", Value::Float(0.5), "double", Ok(json!(0.5))),
        ("double", 0.1.into(), "decimal(5,2)", Err("no-such-cast".to_owned())),
        ("varchar(20)", "-12".into(), "smallint", Ok(json!(-12))),
        ("varchar(20)", "12.0".into(), "int", Ok(json!(12))),
        ("varchar(20)", "x".into(), "int", lossy()),
        ("varchar(20)", "".into(), "int", lossy()),
        ("varchar(20)", "1e5".into(), "decimal(10,2)", lossy()),
        ("varchar(20)", "1.5".into(), "decimal(10,2)", Ok(json!("1.50"))),
        ("varchar(20)", "n\u{e4}me".into(), "varchar(4)", Ok(json!("n\u{e4}me"))),
        ("varchar(20)", "n\u{e4}me".into(), "char(3)", lossy()),
        ("varchar(20)", "{\"a\": 1}".into(), "json", Ok(json!("{\"a\": 1}"))),
        ("varchar(20)", "{".into(), "json", lossy()),
        ("json", "[1]".into(), "text", Ok(json!("[1]"))),
        ("varchar(20)", "ab".into(), "blob", Ok(json!("ab"))),
        ("varchar(20)", "ab".into(), "binary(3)", lossy()),
        ("blob", Value::Bytes(vec![0xff]), "text", lossy()),
        ("blob", Value::Bytes(b"ok".to_vec()), "text", Ok(json!("ok"))),
        ("enum", int(2), "varchar(1)", Ok(json!("M"))),
        ("set", int(5), "text", Ok(json!("S,L"))),
        ("enum", int(2), "int", Err("no-such-cast".to_owned())),
        ("date", int(18_689), "datetime", Ok(json!("2021-03-03 00:00:00"))),
        ("datetime(3)", int(18_689 * 86_400_000_000), "date", Ok(json!("2021-03-03"))),
        ("datetime(3)", int(18_689 * 86_400_000_000 + 1000), "date", lossy()),
        ("datetime(3)", int(1_614_748_870_250_000), "datetime(1)", lossy()),
        (
            "datetime(3)",
            int(1_614_748_870_250_000),
            "datetime(2)",
            Ok(json!("2021-03-03 05:21:10.25")),
        ),
        (
            "timestamp(6)",
            int(1_614_748_870_000_000),
            "timestamp",
            Ok(json!("2021-03-03 05:21:10")),
        ),
        ("time(3)", int(-1_500_000), "time(1)", Ok(json!("-00:00:01.5"))),
        ("time(3)", int(-1_500_000), "time", lossy()),
        ("timestamp", int(0), "datetime", Err("no-such-cast".to_owned())),
        ("date", Value::OddDate("0000-00-00".into()), "varchar(10)", Ok(json!("0000-00-00"))),
        ("date", Value::OddDate("0000-00-00".into()), "datetime", lossy()),
        ("int", Value::Null, "varchar(1)", Ok(json!(null))),
        ("date", Value::Null, "varchar(1)", Ok(json!(null))),
    ] {
        assert_eq!(cast(from, value.clone(), to), expected, "{value:?} from {from} to {to}");
    }
}

#[test]
fn every_column_of_the_sample_becomes_a_text() {
    let columns = [
        "id", "name", "tiny", "big", "ratio", "price", "wide", "day", "local", "span", "flag", "bits", "size", "tags", "document",
    ];
    let casts: serde_json::Map<String, Json> = columns.iter().map(|column| ((*column).to_owned(), json!("text"))).collect();
    let milled = projected(&json!({"cast": casts}), &Rows::sample()).unwrap();
    let rows = milled.rows().unwrap();
    assert_eq!(
        rows[0]["after"]["wide"],
        "-12345678901234567890123456789012345.012345678901234567890123456789"
    );
    assert_eq!(
        (&rows[0]["after"]["id"], &rows[0]["after"]["flag"], &rows[0]["after"]["tags"]),
        (&json!("1"), &json!("1"), &json!("new,last"))
    );
    assert_eq!(rows[4]["after"]["day"], "0000-00-00");
    assert!(rows[5]["after"].get("id").is_none(), "what is absent stays so");
}
