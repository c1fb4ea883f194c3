//! Differences written here, held against the text of the result, and the same ones damaged.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::super::json;
use super::{Flaw, INSERT, Leg, REMOVE, REPLACE, apply, legs};

/// A document of objects, arrays, strings, integers up to 16 bits and literals, in containers with offsets of two bytes.
fn binary(text: &str) -> Vec<u8> {
    let mut out = vec![0];
    let kind = write(&serde_json::from_str(text).unwrap(), &mut out);
    *out.first_mut().unwrap() = kind;
    out
}

fn write(value: &serde_json::Value, out: &mut Vec<u8>) -> u8 {
    use serde_json::Value;
    match value {
        Value::Null => out.push(0),
        Value::Bool(true) => out.push(1),
        Value::Bool(false) => out.push(2),
        Value::Number(number) => {
            out.extend_from_slice(&i16::try_from(number.as_i64().unwrap()).unwrap().to_le_bytes());
            return 5;
        }
        Value::String(text) => {
            out.push(u8::try_from(text.len()).unwrap());
            out.extend_from_slice(text.as_bytes());
            return 12;
        }
        Value::Array(cells) => {
            small(&[], &cells.iter().collect::<Vec<_>>(), out);
            return 2;
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| (key.len(), (*key).clone()));
            let keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
            let values: Vec<_> = members.iter().map(|(_, value)| *value).collect();
            small(&keys, &values, out);
            return 0;
        }
    }
    4
}

fn small(keys: &[&str], values: &[&serde_json::Value], out: &mut Vec<u8>) {
    let short = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    let start = out.len();
    let mut body = Vec::new();
    let heads = 4 + keys.len() * 4 + values.len() * 3;
    let mut head = Vec::new();
    for key in keys {
        head.extend_from_slice(&short(heads + body.len()));
        head.extend_from_slice(&short(key.len()));
        body.extend_from_slice(key.as_bytes());
    }
    for value in values {
        let mut bytes = Vec::new();
        let kind = write(value, &mut bytes);
        head.push(kind);
        if matches!(kind, 4 | 5) {
            bytes.resize(2, 0);
            head.extend_from_slice(&bytes);
        } else {
            head.extend_from_slice(&short(heads + body.len()));
            body.extend_from_slice(&bytes);
        }
    }
    out.extend_from_slice(&short(values.len()));
    out.extend_from_slice(&short(heads + body.len()));
    out.extend_from_slice(&head);
    out.extend_from_slice(&body);
    assert_eq!(out.len() - start, heads + body.len());
}

fn difference(operation: u8, path: &str, value: &str) -> Vec<u8> {
    let mut out = vec![operation, u8::try_from(path.len()).unwrap()];
    out.extend_from_slice(path.as_bytes());
    if operation != REMOVE {
        let value = binary(value);
        out.push(u8::try_from(value.len()).unwrap());
        out.extend_from_slice(&value);
    }
    out
}

fn text(document: &[u8]) -> String {
    let mut out = Vec::new();
    json::append(document, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// An operation, a path, and a value.
type Step = (u8, &'static str, &'static str);

fn applied(document: &str, differences: &[(u8, &str, &str)]) -> Result<String, Flaw> {
    let all: Vec<u8> = differences.iter().flat_map(|(o, p, v)| difference(*o, p, v)).collect();
    Ok(text(&apply(&binary(document), &all)?))
}

#[test]
fn values_are_replaced_inserted_and_removed_at_their_paths() {
    let document = r#"{"a": [1, {"b": "x"}, null], "bb": {"c": true}, "a b": "s"}"#;
    let cases: [(&[Step], &str); 8] = [
        (&[], r#"{"a": [1, {"b": "x"}, null], "bb": {"c": true}, "a b": "s"}"#),
        (
            &[(REPLACE, "$.a[1].b", "[7]")],
            r#"{"a": [1, {"b": [7]}, null], "bb": {"c": true}, "a b": "s"}"#,
        ),
        (
            &[(REMOVE, "$.a[0]", "")],
            r#"{"a": [{"b": "x"}, null], "bb": {"c": true}, "a b": "s"}"#,
        ),
        (&[(REMOVE, r#"$."a b""#, "")], r#"{"a": [1, {"b": "x"}, null], "bb": {"c": true}}"#),
        // Shorter keys come first, then the order of bytes.
        (
            &[(INSERT, "$.b", "1"), (INSERT, "$.ba", "2"), (INSERT, r#"$."\"""#, "3")],
            r#"{"\"": 3, "a": [1, {"b": "x"}, null], "b": 1, "ba": 2, "bb": {"c": true}, "a b": "s"}"#,
        ),
        (
            &[(INSERT, "$.a[1]", "2")],
            r#"{"a": [1, 2, {"b": "x"}, null], "bb": {"c": true}, "a b": "s"}"#,
        ),
        (
            &[(INSERT, "$.a[9]", "{}")],
            r#"{"a": [1, {"b": "x"}, null, {}], "bb": {"c": true}, "a b": "s"}"#,
        ),
        (&[(REPLACE, "$", "[1, \"y\"]"), (REPLACE, "$[0]", "false")], r#"[false, "y"]"#),
    ];
    for (differences, expected) in cases {
        assert_eq!(applied(document, differences).unwrap(), expected);
    }
}

#[test]
fn later_differences_see_what_earlier_ones_made() {
    let differences = [
        (INSERT, "$.n", r#"{"deep": []}"#),
        (INSERT, "$.n.deep[0]", "1"),
        (INSERT, "$.n.deep[0]", "0"),
        (REMOVE, "$.old", ""),
    ];
    assert_eq!(applied(r#"{"old": 1}"#, &differences).unwrap(), r#"{"n": {"deep": [0, 1]}}"#);
}

#[test]
fn what_does_not_fit_the_document_is_a_flaw() {
    for difference in [
        (REPLACE, "$.x", "1"),
        (REMOVE, "$.x", ""),
        (INSERT, "$.a", "1"),
        (REPLACE, "$.a[1]", "1"),
        (REMOVE, "$.a[1]", ""),
        (INSERT, "$.a.b", "1"),
        (INSERT, "$.a[0].b", "1"),
        (REMOVE, "$", ""),
        (REPLACE, "a", "1"),
        (REPLACE, "$.", "1"),
        (REPLACE, "$[x]", "1"),
        (REPLACE, "$.\"a", "1"),
    ] {
        assert!(
            matches!(applied(r#"{"a": [1]}"#, &[difference]), Err(Flaw::Difference(_))),
            "{difference:?}"
        );
    }
    assert!(matches!(apply(&binary("[1]"), &[9, 1, b'$']), Err(Flaw::Difference(_))));
    assert_eq!(apply(&binary("[1]"), &[0, 200]), Err(Flaw::Short));
}

#[test]
fn a_document_whose_offsets_cross_does_not_grow() {
    // Two members with the same value, which is longer than half of the document.
    let mut document = binary(r#"["xxxxxxxxxxxxxxxxxxxx", "y"]"#);
    let first = [document.get(6).copied().unwrap(), document.get(7).copied().unwrap()];
    document.get_mut(9..11).unwrap().copy_from_slice(&first);
    assert!(apply(&document, &difference(REMOVE, "$[0]", "")).is_err());
    // Two members whose keys are all that stands behind the entries.
    let mut document = binary(&format!(r#"{{"{}": 1, "{}": 2}}"#, "a".repeat(24), "b".repeat(24)));
    let whole: Vec<u8> = document.get(5..7).unwrap().iter().copied().chain([48, 0]).collect();
    for entry in [5..9, 9..13] {
        document.get_mut(entry).unwrap().copy_from_slice(&whole);
    }
    assert!(apply(&document, &difference(INSERT, "$.c", "1")).is_err());
}

#[test]
fn names_in_quotes_are_read_like_json() {
    let path = r#"$.plain."with \"quotes\" and \\ and . and [0]"[12]."é""#;
    let cells = [
        Leg::Member("plain".into()),
        Leg::Member(r#"with "quotes" and \ and . and [0]"#.into()),
        Leg::Cell(12),
        Leg::Member("é".into()),
    ];
    assert_eq!(legs(path.as_bytes()).unwrap(), cells);
}

proptest! {
    #[test]
    fn damaged_documents_and_differences_never_panic(
        hits in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u8>()), 0..5),
    ) {
        let mut document = binary(r#"{"a": [1, {"b": "x"}, null], "bb": {"c": true}, "a b": "s"}"#);
        let mut differences = [difference(REPLACE, "$.a[1].b", "[7]"), difference(INSERT, "$.bb.d", "1"), difference(REMOVE, "$.a[0]", "")].concat();
        for (one, at, value) in hits {
            let bytes = if one { &mut document } else { &mut differences };
            let at = at.index(bytes.len());
            *bytes.get_mut(at).unwrap() = value;
        }
        if let Ok(document) = apply(&document, &differences) {
            let _ = json::append(&document, &mut Vec::new());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(document in proptest::collection::vec(any::<u8>(), 0..60), differences in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = apply(&document, &differences);
    }

    #[test]
    fn arbitrary_paths_never_panic(path in "\\$[.\\[\\]\"\\\\a0é]{0,20}") {
        let _ = legs(path.as_bytes());
    }
}
