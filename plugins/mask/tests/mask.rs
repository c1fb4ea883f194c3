//! What becomes of values, rule by rule, and which rules are refused.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use rowmill_mask::Mask;
use rowmill_sdk::harness::{Mill, Milled, Rows, Shape, Value};
use rowmill_sdk::{Error, Kind};
use serde_json::{Value as Json, json};

fn masked(config: &Json, rows: &Rows) -> Result<Milled, Error> {
    Ok(Mill::<Mask>::new(&config.to_string())?.process(rows)?.unwrap())
}

fn one_rule(rule: Json) -> Json {
    json!({"salt": "pepper", "rules": [rule]})
}

fn customers() -> Shape {
    Shape::new("shop", "customers")
        .column("id", "bigint", &[])
        .column("email", "varchar(100)", &[])
        .not_null()
        .column("note", "text", &[])
        .key(&[0])
}

fn row(id: i64, email: &str) -> Vec<Value> {
    vec![id.into(), email.into(), "note".into()]
}

/// SHA-256 of `peppera@b.c`, and HMAC-SHA-256 of `a@b.c` with the key `pepper`, by another implementation.
const PLAIN: &str = "0430ccee28a2ef77a5405f545d9fdcd5f34a6a949517df97fd8722289ffa1f33";
const HMAC: &str = "c4c5568d8408b3497e7fe99d55c681d064653c34f49351269842abefda1a50af";

#[test]
fn equal_values_have_equal_digests_in_both_images_and_in_other_tables() {
    let rule = json!({"pattern": ".*\\.e?mail", "method": "hash"});
    let rows = Rows::new(&customers())
        .insert(row(1, "a@b.c"))
        .update(row(1, "a@b.c"), row(1, "x"))
        .update(row(1, "x"), row(1, "a@b.c"))
        .delete(row(1, "a@b.c"));
    let milled = masked(&one_rule(rule.clone()), &rows).unwrap();
    let rows = milled.rows().unwrap();
    assert_eq!(rows[0]["after"]["email"], HMAC);
    assert_eq!(
        (&rows[1]["before"]["email"], &rows[2]["after"]["email"], &rows[3]["before"]["email"]),
        (&json!(HMAC), &json!(HMAC), &json!(HMAC))
    );
    assert_ne!(rows[1]["after"]["email"], HMAC);
    assert_eq!(rows[0]["after"]["note"], "note");
    let other = Shape::new("crm", "contacts").column("mail", "char(50)", &[]);
    let other = masked(&one_rule(rule), &Rows::new(&other).insert(vec!["a@b.c".into()])).unwrap();
    assert_eq!(other.rows().unwrap()[0]["after"]["mail"], HMAC);
    let schema = milled.schema().unwrap();
    let email = &schema.columns[1];
    assert_eq!(
        (email.kind, email.mysql_type.as_str(), email.not_null),
        (Kind::String, "char(64)", true)
    );
}

#[test]
fn sha256_is_what_mysql_makes_of_salt_and_value() {
    let rule = json!({"columns": ["email"], "method": "hash", "algorithm": "sha256"});
    let rows = masked(&one_rule(rule), &Rows::new(&customers()).insert(row(1, "a@b.c")))
        .unwrap()
        .rows()
        .unwrap();
    assert_eq!(rows[0]["after"]["email"], PLAIN);
}

#[test]
fn a_number_is_hashed_by_its_digits_whatever_its_width() {
    let digest = |mysql_type: &str, value: Value| {
        let shape = Shape::new("d", "t").column("c", mysql_type, &[]);
        let rows = Rows::new(&shape).insert(vec![value]);
        masked(&one_rule(json!({"columns": ["c"], "method": "hash"})), &rows)
            .unwrap()
            .rows()
            .unwrap()[0]["after"]["c"]
            .clone()
    };
    let seven = digest("varchar(5)", "7".into());
    for mysql_type in [
        "tinyint",
        "smallint",
        "mediumint",
        "int unsigned",
        "bigint",
        "bigint unsigned",
        "year",
        "bit(3)",
    ] {
        let expected = if mysql_type == "year" {
            digest("text", "0007".into())
        } else {
            seven.clone()
        };
        assert_eq!(digest(mysql_type, Value::Int(7)), expected, "{mysql_type}");
    }
    assert_eq!(digest("decimal(5,2)", Value::Decimal("7.00".into())), digest("text", "7.00".into()));
    assert_eq!(
        digest("date", Value::OddDate("0000-00-00".into())),
        digest("text", "0000-00-00".into())
    );
}

#[test]
fn null_stays_null_and_absent_stays_absent() {
    for rule in [
        json!({"columns": ["email"], "method": "hash"}),
        json!({"columns": ["email"], "method": "partial"}),
        json!({"columns": ["email"], "method": "redact", "value": "x"}),
        json!({"columns": ["email"], "method": "zero"}),
        json!({"columns": ["email"], "method": "null"}),
    ] {
        let rows = Rows::new(&customers()).insert(vec![1.into(), Value::Null, "n".into()]).update(
            vec![1.into(), Value::Absent, Value::Absent],
            vec![Value::Absent, Value::Absent, "m".into()],
        );
        let rows = masked(&one_rule(rule), &rows).unwrap().rows().unwrap();
        assert_eq!(rows[0]["after"], json!({"id": 1, "email": null, "note": "n"}));
        assert_eq!(rows[1], json!({"op": "update", "before": {"id": 1}, "after": {"note": "m"}}));
    }
}

#[test]
fn characters_are_kept_at_both_ends_and_counted_as_characters() {
    for (rule, text, expected) in [
        (json!({"first": 2, "last": 1}), "secret", "se***t"),
        (json!({}), "abc", "***"),
        (json!({"first": 1}), "\u{e4}\u{f6}\u{1f600}", "\u{e4}**"),
        (
            json!({"last": 1, "with": "\u{2022}"}),
            "\u{e4}\u{f6}\u{1f600}",
            "\u{2022}\u{2022}\u{1f600}",
        ),
        (json!({"first": 2, "last": 2}), "abcd", "****"),
        (json!({"first": 2, "last": 2}), "abcde", "ab*de"),
        (json!({"first": 9}), "abc", "***"),
        (json!({"first": 1, "width": 3}), "a long one", "a***"),
        (json!({"width": 3}), "x", "***"),
        (json!({"first": 1}), "", ""),
    ] {
        let mut rule = rule;
        rule["columns"] = json!(["customers.email"]);
        rule["method"] = json!("partial");
        let rows = masked(&one_rule(rule.clone()), &Rows::new(&customers()).insert(row(1, text)))
            .unwrap()
            .rows()
            .unwrap();
        assert_eq!(rows[0]["after"]["email"], expected, "{rule}");
    }
}

#[test]
fn a_constant_or_a_zero_stands_for_every_type() {
    let sample = Rows::sample();
    let everything_but_the_key = json!({"pattern": "rowmill\\.sample\\.(?:[a-hj-z].*|instant)", "method": "zero"});
    let milled = masked(&one_rule(everything_but_the_key), &sample).unwrap();
    assert_eq!(
        milled.rows().unwrap()[0]["after"],
        json!({
            "id": 1, "name": "", "tiny": 0, "small": 0, "medium": 0, "big": 0, "ratio": 0.0, "single": 0.0, "price": "0.00",
            "wide": "0.000000000000000000000000000000", "day": "1970-01-01", "local": "1970-01-01 00:00:00.000000",
            "instant": "1970-01-01 00:00:00.000", "span": "00:00:00.000000", "born": 0, "flag": false, "bits": 0, "size": "S",
            "tags": "", "document": "null", "raw": "", "body": ""
        })
    );
    for (column, value, expected) in [
        ("name", json!("gone"), json!("gone")),
        ("tiny", json!(-5), json!(-5)),
        ("big", json!(u64::MAX), json!(u64::MAX)),
        ("price", json!("1.5"), json!("1.50")),
        ("ratio", json!(2.5), json!(2.5)),
        ("flag", json!(true), json!(true)),
        ("size", json!("M"), json!("M")),
        ("document", json!("{\"a\": 1}"), json!("{\"a\": 1}")),
        ("raw", json!("x"), json!("x")),
    ] {
        let rule = json!({"columns": [column], "method": "redact", "value": value});
        let rows = masked(&one_rule(rule), &sample).unwrap().rows().unwrap();
        assert_eq!(rows[0]["after"][column], expected, "{column}");
    }
    let rule = json!({"columns": ["day", "name"], "method": "null"});
    let milled = masked(&one_rule(rule), &sample).unwrap();
    assert!(
        milled
            .rows()
            .unwrap()
            .iter()
            .all(|row| row["after"]["day"].is_null() && row["before"]["name"].is_null())
    );
}

#[test]
fn a_column_that_becomes_null_may_be_null() {
    let rows = Rows::new(&customers()).insert(row(1, "a"));
    let milled = masked(&one_rule(json!({"columns": ["email"], "method": "null"})), &rows).unwrap();
    assert!(!milled.schema().unwrap().columns[1].not_null);
}

#[test]
fn a_key_may_be_hashed_but_not_made_alike() {
    let rows = Rows::new(&customers()).insert(row(1, "a"));
    let hashed = masked(&one_rule(json!({"columns": ["id"], "method": "hash"})), &rows).unwrap();
    assert_eq!(hashed.schema().unwrap().key, [0]);
    for method in ["zero", "null"] {
        let error = masked(&one_rule(json!({"columns": ["id"], "method": method})), &rows)
            .err()
            .unwrap();
        assert!(
            error.code == "key-masked" && error.message.contains("`id`") && error.message.contains("allow_key"),
            "{error}"
        );
        assert!(masked(&one_rule(json!({"columns": ["id"], "method": method, "allow_key": true})), &rows).is_ok());
    }
}

#[test]
fn the_first_rule_that_is_for_a_column_counts() {
    let config = json!({"salt": "s", "rules": [
        {"columns": ["crm.customers.email", "EMAIL"], "method": "redact", "value": "first"},
        {"columns": ["customers.email"], "pattern": "shop\\..*\\.note", "method": "redact", "value": "second"},
    ]});
    let rows = masked(&config, &Rows::new(&customers()).insert(row(1, "a")))
        .unwrap()
        .rows()
        .unwrap();
    assert_eq!(
        (&rows[0]["after"]["email"], &rows[0]["after"]["note"]),
        (&json!("first"), &json!("second"))
    );
}

#[test]
fn a_table_without_hidden_columns_goes_on_as_it_came() {
    let config = one_rule(json!({"columns": ["other.secret"], "pattern": "customers", "method": "zero"}));
    assert!(masked(&config, &Rows::new(&customers()).insert(row(1, "a"))).unwrap().unchanged);
}

#[test]
fn a_slip_in_a_columns_name_is_refused() {
    let rows = Rows::new(&customers()).insert(row(1, "a"));
    for name in ["customers.emial", "shop.customers.emial"] {
        let rule = json!({"columns": [name], "method": "zero"});
        let error = masked(&one_rule(rule), &rows).err().unwrap();
        assert_eq!(error.code, "no-such-column");
        assert!(
            error.message.contains("opening shop.customers: rule 1") && error.message.contains(name),
            "{error}"
        );
        assert!(masked(&one_rule(json!({"columns": [name], "method": "zero", "optional": true})), &rows).is_ok());
    }
    // Of other tables nothing is known, and a name alone is for those that have it.
    for name in ["other.emial", "crm.customers.emial", "emial"] {
        assert!(masked(&one_rule(json!({"columns": [name], "method": "zero"})), &rows).is_ok());
    }
}

#[test]
fn a_rule_that_makes_no_sense_is_refused_by_its_number() {
    for (config, expected) in [
        (json!({"rules": []}), "there is none"),
        (
            json!({"rules": [{"columns": ["a"], "method": "hash"}]}),
            "rule 1 of `rules`: `hash` needs `salt`",
        ),
        (one_rule(json!({"method": "zero"})), "neither by `columns` nor by `pattern`"),
        (one_rule(json!({"columns": ["a.b.c.d"], "method": "zero"})), "`a.b.c.d` is none of"),
        (one_rule(json!({"columns": ["a."], "method": "zero"})), "`a.` is none of"),
        (
            one_rule(json!({"pattern": "(", "method": "zero"})),
            "`pattern` is no regular expression",
        ),
        (
            one_rule(json!({"columns": ["a"], "method": "hash", "first": 1})),
            "`first` is of the method `partial`, not of `hash`",
        ),
        (one_rule(json!({"columns": ["a"], "method": "redact"})), "`redact` needs a `value`"),
        (
            one_rule(json!({"columns": ["a"], "method": "encrypt"})),
            "unknown variant `encrypt`",
        ),
        (
            one_rule(json!({"columns": ["a"], "method": "zero", "colums": []})),
            "unknown field `colums`",
        ),
    ] {
        let error = Mill::<Mask>::new(&config.to_string()).err().unwrap();
        assert!(error.code == "bad-configuration" && error.message.contains(expected), "{error}");
    }
}

#[test]
fn a_method_that_does_not_fit_a_column_is_refused() {
    for (column, rule) in [
        ("tiny", json!({"method": "partial"})),
        ("document", json!({"method": "partial"})),
        ("tiny", json!({"method": "redact", "value": "x"})),
        ("size", json!({"method": "redact", "value": "XL"})),
        ("day", json!({"method": "redact", "value": "1970-01-01"})),
        ("document", json!({"method": "redact", "value": "{"})),
    ] {
        let mut rule = rule;
        rule["columns"] = json!([column]);
        let error = masked(&one_rule(rule), &Rows::sample()).err().unwrap();
        assert!(
            error.code == "wrong-type" && error.message.contains(&format!("column `{column}`")),
            "{error}"
        );
    }
    // What does not fit its range is refused with the row.
    let error = masked(
        &one_rule(json!({"columns": ["tiny"], "method": "redact", "value": 300})),
        &Rows::sample(),
    )
    .err()
    .unwrap();
    assert_eq!((error.code.as_str(), error.row), ("out-of-range", Some(0)));
}

#[test]
fn the_sample_is_hashed_whole() {
    let milled = masked(&one_rule(json!({"pattern": ".*", "method": "hash"})), &Rows::sample()).unwrap();
    for row in milled.rows().unwrap() {
        for image in ["before", "after"] {
            let values = row[image].as_object().into_iter().flatten().map(|(_, value)| value);
            assert!(
                values
                    .filter(|value| !value.is_null())
                    .all(|value| value.as_str().unwrap().len() == 64)
            );
        }
    }
}
