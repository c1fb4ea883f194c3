//! What the comparisons with other programs share: the statements, and how two values are told apart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pipeline_tests::{Connector, Database, environment};
use serde_json::{Map, Value, json};

const CHANGES: &str = include_str!("peers/changes.sql");

/// Who statements may be for.
const PEERS: [&str; 4] = ["mysql", "mariadb", "maxwell", "canal"];

/// The statements for one of them, in order.
pub(crate) fn statements(peer: &str) -> impl Iterator<Item = &'static str> {
    CHANGES.lines().filter(|line| !line.starts_with("--")).filter_map(move |line| {
        let split = line.split_once(": ");
        match split.filter(|(names, _)| names.split(',').all(|name| PEERS.contains(&name))) {
            Some((names, statement)) => names.split(',').any(|name| name == peer).then_some(statement),
            None => Some(line),
        }
    })
}

/// A file or folder of these tests.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(&environment("CARGO_MANIFEST_DIR")).join(name)
}

/// Takes members out.
pub(crate) fn strip(object: &mut Value, names: &[&str]) {
    for name in names {
        object.as_object_mut().unwrap().remove(*name);
    }
}

/// Holds what rowmill wrote of each table against what the other program did: all the same, and as much of it.
pub(crate) fn assert_same(
    tables: &[&str],
    expected: &BTreeMap<String, Vec<Value>>,
    actual: &BTreeMap<String, Vec<Value>>,
    alike: &dyn Fn(&str, &Value, &Value) -> bool,
) {
    let mut found = Vec::new();
    for table in tables {
        let (expected, actual) = (&expected[*table], &actual[*table]);
        for (i, (expected, actual)) in expected.iter().zip(actual).enumerate() {
            found.extend(differences(expected, actual, &format!("{table}.{i}"), alike));
        }
        assert_eq!(expected.len(), actual.len(), "{table}: {actual:#?}");
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// The topics of these tables, each of its own.
pub(crate) fn topics(connector: &Connector, database: &Database, tables: &[&str]) -> Vec<String> {
    let topic = |table: &&str| format!("{}.{}.{table}", connector.prefix, database.name);
    tables.iter().map(topic).collect()
}

/// What is not the same in two JSON values, by where it is. `alike` is asked by the name of a member about values that are not equal.
fn differences(expected: &Value, actual: &Value, at: &str, alike: &dyn Fn(&str, &Value, &Value) -> bool) -> Vec<String> {
    match (expected, actual) {
        (Value::Object(left), Value::Object(right)) => {
            let names: BTreeSet<_> = left.keys().chain(right.keys()).collect();
            let side = |object: &Map<String, Value>, name: &str| object.get(name).cloned().unwrap_or_else(|| json!("(missing)"));
            names
                .into_iter()
                .flat_map(|name| differences(&side(left, name), &side(right, name), &format!("{at}.{name}"), alike))
                .collect()
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let both = left.iter().zip(right).enumerate();
            both.flat_map(|(i, (left, right))| differences(left, right, &format!("{at}.{i}"), alike))
                .collect()
        }
        (left, right) if left == right || alike(at.trim_start_matches('.'), left, right) => Vec::new(),
        _ => vec![format!("{at}: the other has {expected}, rowmill {actual}")],
    }
}

/// Whether two numbers are one, however many digits of it are written.
pub(crate) fn same_number(left: &Value, right: &Value, single: bool) -> bool {
    let (Some(left), Some(right)) = (left.as_f64(), right.as_f64()) else {
        return false;
    };
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a FLOAT is one of 32 bits")]
    // Reading two spellings of one number may differ in its last bit.
    let equal = left.to_bits().abs_diff(right.to_bits()) <= 1 || (single && left as f32 == right as f32);
    equal
}

/// Documents of the same values, however a number is written.
pub(crate) fn same_document(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same_document(l, r)),
        (Value::Object(left), Value::Object(right)) => {
            left.keys().eq(right.keys()) && left.iter().all(|(name, value)| same_document(value, &right[name]))
        }
        (left, right) => left == right,
    }
}
