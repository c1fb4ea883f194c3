//! Ops and images: which of them a condition sees, and what becomes of updates.

use rowmill_sdk::harness::{Rows, Shape, Value};
use serde_json::{Value as Json, json};

use super::{filtered, id, ids};

fn shape() -> Shape {
    Shape::new("shop", "orders")
        .column("id", "int", &[])
        .column("status", "varchar(10)", &[])
        .column("total", "int", &[])
        .key(&[0])
}

fn row(id: i64, status: &str) -> Vec<Value> {
    vec![id.into(), status.into(), 5.into()]
}

/// An insert, a delete, and updates between open and closed, by their id.
fn changes() -> Rows {
    Rows::new(&shape())
        .insert(row(1, "open"))
        .insert(row(2, "closed"))
        .update(row(3, "open"), row(3, "open"))
        .update(row(4, "open"), row(4, "closed"))
        .update(row(5, "closed"), row(5, "open"))
        .update(row(6, "closed"), row(6, "closed"))
        .delete(row(7, "open"))
        .delete(row(8, "closed"))
}

/// Ops and ids of what is kept.
fn told(config: &Json, rows: &Rows) -> Vec<(String, i64)> {
    let milled = filtered(config, rows).unwrap();
    let rows = milled.map_or(Vec::new(), |milled| milled.rows().unwrap());
    rows.iter()
        .map(|row| (row["op"].as_str().unwrap().to_owned(), id(row).unwrap()))
        .collect()
}

fn kept(updates: &str) -> Vec<i64> {
    let told = told(&json!({"where": "status = 'open'", "updates": updates}), &changes());
    told.into_iter().map(|(_, id)| id).collect()
}

#[test]
fn an_update_is_decided_by_the_images_that_the_configuration_says() {
    assert_eq!(ids("status = 'open'", &changes()), [1, 3, 4, 5, 7]);
    assert_eq!(kept("either"), [1, 3, 4, 5, 7]);
    assert_eq!(kept("after"), [1, 3, 5, 7]);
    assert_eq!(kept("before"), [1, 3, 4, 7]);
    assert_eq!(kept("both"), [1, 3, 7]);
}

#[test]
fn a_row_that_comes_to_pass_is_inserted_and_one_that_ceases_to_is_deleted() {
    let config = json!({"where": "status = 'open'", "updates": "split"});
    let expected = [("insert", 1), ("update", 3), ("delete", 4), ("insert", 5), ("delete", 7)];
    assert_eq!(told(&config, &changes()), expected.map(|(op, id)| (op.to_owned(), id)));
    let rows = filtered(&config, &changes()).unwrap().unwrap().rows().unwrap();
    assert_eq!(rows[2], json!({"op": "delete", "before": {"id": 4, "status": "open", "total": 5}}));
    assert_eq!(rows[3], json!({"op": "insert", "after": {"id": 5, "status": "open", "total": 5}}));
}

#[test]
fn before_and_after_name_an_image_and_are_null_where_there_is_none() {
    for (condition, expected) in [
        ("before.status = 'open' AND after.status = 'closed'", &[4][..]),
        ("before.status <> after.status", &[4, 5]),
        ("NOT before.status <=> after.status", &[1, 2, 4, 5, 7, 8]),
        ("before.id IS NULL", &[1, 2]),
        ("after.id IS NULL", &[7, 8]),
        ("op = 'update' AND after.status = 'open'", &[3, 5]),
        ("op <> 'update'", &[1, 2, 7, 8]),
        ("op IN ('INSERT', 'delete') AND status = 'open'", &[1, 7]),
        ("op NOT IN ('insert', 'delete')", &[3, 4, 5, 6]),
        ("database = 'shop' AND table LIKE 'ord%' AND id < 3", &[1, 2]),
        ("table = 'items'", &[]),
        ("before.total = after.total", &[3, 4, 5, 6]),
    ] {
        assert_eq!(ids(condition, &changes()), expected, "{condition}");
    }
}

#[test]
fn rows_of_a_snapshot_can_be_told_from_changes() {
    let rows = Rows::new(&shape()).snapshot().insert(row(1, "open"));
    assert_eq!(ids("snapshot", &rows), [1]);
    assert_eq!(ids("NOT snapshot OR status = 'closed'", &rows), [0_i64; 0]);
    assert_eq!(ids("snapshot = FALSE", &changes()).len(), 8);
}

#[test]
fn a_column_may_have_the_name_of_what_a_condition_knows() {
    let shape = Shape::new("shop", "t")
        .column("id", "int", &[])
        .column("op", "int", &[])
        .column("table", "int", &[]);
    let rows = Rows::new(&shape).insert(vec![1.into(), 7.into(), 8.into()]);
    assert_eq!(ids("`op` = 7 AND after.op = 7 AND after.`table` = 8 AND op = 'insert'", &rows), [1]);
}

/// Images as `binlog_row_image=MINIMAL` has them: the key before, what changed after.
fn minimal() -> Rows {
    let absent = || Value::Absent;
    Rows::new(&shape())
        .update(vec![1.into(), absent(), absent()], vec![absent(), "open".into(), absent()])
        .update(vec![2.into(), absent(), absent()], vec![absent(), absent(), 9.into()])
        .delete(vec![3.into(), absent(), absent()])
}

#[test]
fn a_row_is_decided_wherever_columns_that_its_images_lack_do_not_matter() {
    for (condition, updates, expected) in [
        ("id >= 1", "either", &[1, 2, 3][..]),
        ("id = 2", "after", &[2]),
        ("id > 5 AND status = 'open'", "both", &[]),
        ("id < 5 OR status = 'open'", "split", &[1, 2, 3]),
        ("op = 'delete' OR after.id = 2", "either", &[2, 3]),
        ("after.id <=> before.id", "either", &[1, 2]),
    ] {
        let told = told(&json!({"where": condition, "updates": updates}), &minimal());
        assert_eq!(told.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), expected, "{condition}");
    }
}

#[test]
fn a_row_that_can_not_be_decided_is_refused_kept_or_dropped() {
    let config = |absent: &str, updates: &str| json!({"where": "status = 'open'", "absent": absent, "updates": updates});
    let error = filtered(&config("refuse", "either"), &minimal()).err().unwrap();
    assert_eq!((error.code.as_str(), error.row), ("column-absent", Some(1)));
    assert!(error.message.contains("binlog_row_image=FULL"), "{error}");
    let kept = |absent: &str, updates: &str| told(&config(absent, updates), &minimal()).len();
    assert_eq!((kept("keep", "either"), kept("drop", "either")), (3, 1));
    assert_eq!((kept("keep", "after"), kept("drop", "after")), (3, 1));
    assert_eq!(kept("drop", "both"), 0);
    // Such an image makes no insert.
    let coming = Rows::new(&shape()).update(
        vec![1.into(), "closed".into(), 5.into()],
        vec![Value::Absent, "open".into(), Value::Absent],
    );
    let error = filtered(&config("refuse", "split"), &coming).err().unwrap();
    assert_eq!((error.code.as_str(), error.row), ("column-absent", Some(0)));
}

#[test]
fn a_batch_of_which_nothing_is_dropped_goes_on_as_it_came() {
    let milled = filtered(&json!({"where": "id > 0"}), &changes()).unwrap().unwrap();
    assert!(milled.unchanged);
    assert!(filtered(&json!({"where": "id < 0"}), &changes()).unwrap().is_none());
}

#[test]
fn rows_of_every_kind_are_filtered() {
    let sample = Rows::sample();
    assert_eq!(ids("name IS NOT NULL AND id = 1 AND op = 'insert'", &sample), [1]);
    let out = filtered(&json!({"where": "op = 'insert'"}), &sample).unwrap().unwrap();
    assert_eq!(out.rows().unwrap().len(), 3);
}
