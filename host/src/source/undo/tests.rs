//! What was before, told by what is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{Definition, Description, Flavor, Known, Sketch};
use crate::source::effect::{Step, steps};
use crate::source::sql::Dialect;

/// A table of columns `name type`; a type that ends with `!` is NOT NULL. `key` is the primary one.
fn table(columns: &[&str], key: &[&str]) -> Definition {
    let column = |text: &&str| {
        let (name, kind) = text.split_once(' ').unwrap();
        let (kind, nullable) = kind.strip_suffix('!').map_or((kind, true), |kind| (kind, false));
        let charset = kind.contains("char").then_some("latin1");
        Known::new(name.to_owned(), kind.to_owned(), charset, nullable).unwrap()
    };
    Definition {
        columns: columns.iter().map(column).collect(),
        key: key.iter().map(|name| (*name).to_owned()).collect(),
        has_primary: !key.is_empty(),
        has_unique: !key.is_empty(),
    }
}

/// What was before the statements, told by what is after them and a map of what was, which tells no more than types.
fn before(after: &Definition, then: &Definition, texts: &[&str], told: bool) -> Result<Vec<String>, String> {
    let mut sketch = Sketch::new(after);
    for text in texts.iter().rev() {
        for step in steps("d", text, Dialect::default()).unwrap().iter().rev() {
            if let Step::Alter { changes, .. } = step {
                sketch.undo(changes)?;
            }
        }
    }
    let (signs, nullable) = (then.signs(), then.nullable_bits());
    let mut map = then.fill(
        &Description {
            columns: then.columns.iter().map(|column| column.form.coded()).collect(),
            width: then.columns.len(),
            nullable: &nullable,
            ..Description::default()
        },
        &signs,
    );
    map.names.clear();
    if !told {
        map.unsigned = &[];
        map.text = super::super::table_map::Collations::default();
    }
    let found = sketch.settle(&map, Flavor::Mysql)?;
    assert_eq!(found.misfit(&map), None);
    let names = found.columns.iter().map(|column| column.name.clone());
    Ok(names.chain(["|".to_owned()]).chain(found.key).collect())
}

fn told(after: &[&str], then: &[&str], texts: &[&str]) -> String {
    let found = before(&table(after, &["id"]), &table(then, &["id"]), texts, true);
    found.unwrap_or_else(|doubt| vec!["?".to_owned(), doubt]).join(" ")
}

#[test]
fn added_columns_go_and_renamed_ones_get_their_names_back() {
    let then = ["id int!", "a varchar(3)"];
    assert_eq!(
        told(&["id int!", "b int", "a varchar(3)"], &then, &["ALTER TABLE t ADD b INT AFTER id"]),
        "id a | id"
    );
    assert_eq!(
        told(
            &["a varchar(3)", "b int", "id int!"],
            &["a varchar(3)", "id int!"],
            &["ALTER TABLE t ADD b INT AFTER a"]
        ),
        "a id | id"
    );
    let swap = ["ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a"];
    assert_eq!(
        told(&["id int!", "a int", "b int"], &["id int!", "b int", "a int"], &swap),
        "id b a | id"
    );
    let both = [
        "ALTER TABLE t ADD x INT",
        "ALTER TABLE t CHANGE id key_id BIGINT NOT NULL",
        "ALTER TABLE t RENAME COLUMN key_id TO id",
    ];
    assert_eq!(told(&["id bigint!", "x int"], &["id int!"], &both), "id | id");
    let after = table(&["nr int!", "a varchar(3)"], &["nr"]);
    let found = before(&after, &table(&then, &["id"]), &["ALTER TABLE t RENAME COLUMN id TO nr"], false);
    assert_eq!(found.unwrap().join(" "), "id a | id");
}

#[test]
fn what_a_dropped_or_redefined_column_was_is_taken_from_the_map_where_it_tells() {
    let drop = ["ALTER TABLE t DROP b"];
    assert_eq!(
        told(&["id int!", "a varchar(3)"], &["id int!", "b date", "a varchar(3)"], &drop),
        "id b a | id"
    );
    let modify = ["ALTER TABLE t MODIFY a BIGINT UNSIGNED"];
    assert_eq!(told(&["id int!", "a bigint unsigned"], &["id int!", "a int"], &modify), "id a | id");
    let moved = ["ALTER TABLE t MODIFY a DATE FIRST"];
    assert_eq!(
        told(&["a date", "id int!", "b int"], &["id int!", "b int", "a date"], &moved),
        "id b a | id"
    );
    let convert = ["ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4"];
    assert_eq!(
        told(&["id int!", "a varchar(12)"], &["id int!", "a varchar(3)"], &convert),
        "id a | id"
    );
}

#[test]
fn what_may_have_been_more_than_one_table_is_none() {
    let doubt = |after: &[&str], then: &[&str], text: &str| {
        let found = told(after, then, &[text]);
        assert!(found.starts_with("? "), "{text}: {found}");
        found
    };
    assert!(doubt(&["id int!", "a int"], &["id int!", "b int", "a int"], "ALTER TABLE t DROP b").contains("where its column b was"));
    assert!(doubt(&["id int!"], &["id int!", "b date!"], "ALTER TABLE t DROP b").contains("part of its key"));
    assert!(doubt(&["id int!", "a date"], &["id int!", "a date"], "ALTER TABLE t ADD PRIMARY KEY (id)").contains("its key"));
    assert!(
        doubt(
            &["id int!", "a enum('x')"],
            &["id int!", "a enum('y')"],
            "ALTER TABLE t MODIFY a ENUM('x')"
        )
        .contains("labels")
    );
    assert!(doubt(&["id int!", "b int"], &["id int!"], "ALTER TABLE t DROP x").contains("columns"));
    assert!(doubt(&["id int!", "b int"], &["id int!"], "ALTER TABLE t ADD x INT").contains("no column x"));
    assert!(doubt(&["id int!", "a date"], &["id int!", "a time", "b int"], "ALTER TABLE t DROP b").contains("not what the log has"));
}

#[test]
fn a_map_that_tells_types_only_leaves_signs_and_character_sets_open() {
    let untold = |after: &[&str], then: &[&str], text: &str| before(&table(after, &["id"]), &table(then, &["id"]), &[text], false);
    let text = "ALTER TABLE t MODIFY a BIGINT";
    assert!(
        untold(&["id int!", "a bigint"], &["id int!", "a int"], text)
            .unwrap_err()
            .contains("sign")
    );
    let text = "ALTER TABLE t DROP a";
    assert!(
        untold(&["id int!"], &["id int!", "a varchar(3)"], text)
            .unwrap_err()
            .contains("character set")
    );
    assert!(untold(&["id int!"], &["id int!", "a decimal(5,2)"], text).is_ok());
}

#[test]
fn a_key_that_stands_in_for_a_primary_one_is_as_doubtful_as_what_happened_to_its_columns() {
    let mut after = table(&["id int!", "a date"], &[]);
    after.key = vec!["id".to_owned()];
    after.has_unique = true;
    let then = table(&["id int!", "a date"], &[]);
    for text in [
        "ALTER TABLE t ADD UNIQUE (id)",
        "CREATE UNIQUE INDEX i ON t (id)",
        "ALTER TABLE t MODIFY a DATE",
    ] {
        assert!(before(&after, &then, &[text], true).unwrap_err().contains("its key"), "{text}");
    }
    assert!(before(&after, &then, &["ALTER TABLE t ADD INDEX (a)"], true).is_ok());
}
