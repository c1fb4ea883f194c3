//! Conditions over rows of every kind: what is kept, what is dropped, what is refused.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod changes;
mod values;

use rowmill_filter::Filter;
use rowmill_sdk::Error;
use rowmill_sdk::harness::{Mill, Milled, Rows, Shape};
use serde_json::{Value, json};

/// What comes out; none where all rows are dropped.
fn filtered(config: &Value, rows: &Rows) -> Result<Option<Milled>, Error> {
    Mill::<Filter>::new(&config.to_string())?.process(rows)
}

/// The numbers in column `id` of what comes out.
fn ids(condition: &str, rows: &Rows) -> Vec<i64> {
    let milled = filtered(&json!({"where": condition}), rows).unwrap_or_else(|error| unreachable!("{condition}: {error}"));
    let rows = milled.map_or(Vec::new(), |milled| milled.rows().unwrap());
    rows.iter().map(|row| id(row).unwrap()).collect()
}

fn id(row: &Value) -> Option<i64> {
    row["after"]["id"].as_i64().or(row["before"]["id"].as_i64())
}

fn refused(condition: &str) -> Error {
    let shape = Shape::new("shop", "t")
        .column("id", "int", &[])
        .column("name", "varchar(20)", &[])
        .column("doc", "json", &[])
        .column("day", "date", &[]);
    let rows = Rows::new(&shape).insert(vec![1.into(), "a".into(), "{}".into(), rowmill_sdk::harness::Value::Null]);
    filtered(&json!({"where": condition}), &rows)
        .err()
        .unwrap_or_else(|| unreachable!("{condition} is refused"))
}

#[test]
fn a_condition_that_makes_no_sense_is_refused_with_its_place() {
    for (condition, expected) in [
        ("", "at the end: a column or a constant is wanted here"),
        ("id = ", "at the end: a column or a constant is wanted here"),
        ("id = 1 AND", "at the end: a column"),
        ("id == 1", "at character 5, `= 1`: a column"),
        ("id = 1 2", "at character 8, `2`: the condition should end here"),
        ("(id = 1", "at the end: `)` is missing"),
        ("name = 'a", "at character 8, `'a`: the closing ' is missing"),
        (
            "id % 2 = 1",
            "at character 4, `% 2 = 1`: conditions compare values and do not calculate",
        ),
        (
            "lower(name) = 'a'",
            "at character 1, `lower(name) = 'a'`: conditions have no functions",
        ),
        ("id = (1 = 1)", "at character 6, `(1 = 1)`: a comparison is between values"),
        (
            "t.id = 1",
            "at character 1, `t.id = 1`: before a column's name and the dot stands `before` or `after`",
        ),
        ("id NOT 5", "behind a value and NOT stands IN, BETWEEN or LIKE"),
        ("id BETWEEN 1 OR 2", "BETWEEN wants two values"),
        ("name LIKE 'a' ESCAPE 'bc'", "behind ESCAPE stands one character"),
        ("id = 1x", "this is no number"),
        ("x'0' = id", "pairs of hexadecimal digits"),
    ] {
        let error = Mill::<Filter>::new(&json!({"where": condition}).to_string()).err().unwrap();
        assert_eq!(error.code, "bad-condition");
        assert!(error.message.contains(expected), "{condition}: {error}");
    }
    let deep = format!("{}id = 1{}", "(".repeat(100), ")".repeat(100));
    let error = Mill::<Filter>::new(&json!({"where": deep}).to_string()).err().unwrap();
    assert!(error.message.contains("nest 64 deep"), "{error}");
}

#[test]
fn a_condition_that_does_not_fit_a_table_is_refused_with_table_and_place() {
    for (condition, expected) in [
        (
            "nme = 'a'",
            "opening shop.t: `where`, at character 1, `nme = 'a'`: there is no column `nme`; the table has id, name, doc, day",
        ),
        ("id = 1 OR before.nme = 'a'", "at character 11"),
        ("id = 'a'", "a column of type `int` is compared with a number"),
        (
            "name = 1",
            "at character 8, `1`: a column of type `varchar(20)` is compared with a text in quotes",
        ),
        ("day > 5", "a text in quotes such as '2024-02-29'"),
        ("day > '5'", "a date such as '2024-02-29'"),
        ("doc = '{}'", "can only be asked for NULL"),
        ("id LIKE '1%'", "LIKE is for texts, and the column is of the type `int`"),
        (
            "id = name",
            "a column of type `int` can't be compared with one of type `varchar(20)`",
        ),
        ("op = 'truncate'", "`op` is one of 'insert', 'update' and 'delete'"),
        ("op < 'update'", "`op` is compared by = and <>"),
        ("name", "is compared with a text"),
        ("'a'", "this is no condition"),
        ("database = 1", "constants of these kinds can't be compared"),
    ] {
        let error = refused(condition);
        assert_eq!(error.code, "bad-condition");
        assert!(error.message.contains(expected), "{condition}: {error}");
    }
}

#[test]
fn an_option_that_is_not_known_is_refused() {
    for config in [
        json!({"where": "1", "update": "after"}),
        json!({}),
        json!({"where": "1", "updates": "never"}),
    ] {
        let error = Mill::<Filter>::new(&config.to_string()).err().unwrap();
        assert_eq!(error.code, "bad-configuration");
    }
}

#[test]
fn the_configuration_is_described_as_it_is_read() {
    let description: Value = serde_json::from_str(&rowmill_sdk::TransformRunner::<Filter>::describe()).unwrap();
    assert_eq!(
        (&description["name"], &description["kind"]),
        (&json!("filter"), &json!("transform"))
    );
    for (option, values) in [("updates", "updates"), ("absent", "absent")] {
        for value in description["config"]["properties"][option]["enum"].as_array().unwrap() {
            let config = json!({"where": "1", values: value});
            assert!(Mill::<Filter>::new(&config.to_string()).is_ok(), "{config}");
        }
    }
}
