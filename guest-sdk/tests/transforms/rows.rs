//! Fewer rows, or more.

use arrow::array::{Array, UInt32Array};
use rowmill_sdk::{Error, Op, Outcome};

use super::{Given, sample};

#[test]
fn any_rows_that_are_kept_are_what_arrow_rs_takes() {
    let given = sample();
    let whole = given.arrow();
    for mask in 1..127_u32 {
        let kept = given
            .edit(|batch| {
                let mut edit = batch.edit();
                edit.retain(|row| Ok(mask >> row.number() & 1 == 1))?;
                edit.finish()
            })
            .unwrap();
        let indices = UInt32Array::from_iter_values((0..7).filter(|row| mask >> row & 1 == 1));
        let expected = arrow::compute::take_record_batch(&whole, &indices).unwrap();
        assert_eq!(kept.arrow(), expected, "rows {mask:#b}");
        assert_eq!(kept.message, given.message, "the schema is the same");
    }
}

#[test]
fn a_batch_of_which_nothing_is_kept_is_dropped() {
    assert!(
        sample()
            .edit(|batch| {
                let mut edit = batch.edit();
                edit.retain(|_| Ok(false))?;
                edit.finish()
            })
            .is_none()
    );
}

#[test]
fn a_row_may_come_out_several_times() {
    let given = sample();
    let twice = given
        .edit(|batch| {
            let mut edit = batch.edit();
            edit.select(&[0, 0, 4, 6, 6])?;
            edit.finish()
        })
        .unwrap();
    let expected = arrow::compute::take_record_batch(&given.arrow(), &UInt32Array::from(vec![0, 0, 4, 6, 6])).unwrap();
    assert_eq!(twice.arrow(), expected);
}

#[test]
fn a_selection_that_makes_no_sense_is_refused() {
    let given = sample();
    let batch = given.batch();
    for rows in [&[7][..], &[2, 1]] {
        assert_eq!(batch.edit().select(rows).err().unwrap().code, "bad-selection");
    }
    let mut edit = batch.edit();
    edit.null("name").unwrap();
    assert_eq!(edit.select(&[0]).err().unwrap().code, "bad-selection");
}

#[test]
fn an_error_says_which_row_it_is_about() {
    let given = sample();
    let batch = given.batch();
    let refuse = |_: rowmill_sdk::Row<'_>| Err::<bool, _>(Error::new("no", "judging a row"));
    assert_eq!(batch.edit().retain(refuse).err().unwrap().row, Some(0));
    let mut edit = batch.edit();
    edit.retain(|row| Ok(row.number() > 3)).unwrap();
    let error = edit.set("price", |_, out| out.decimal("99999999999")).err().unwrap();
    assert_eq!((error.code.as_str(), error.row), ("out-of-range", Some(4)), "{error}");
}

#[test]
fn rows_that_are_dropped_after_a_change_keep_the_others_values() {
    let after = |given: &Given, row: usize| given.rows()[row]["after"]["name"].clone();
    let given = sample()
        .edit(|batch| {
            let mut edit = batch.edit();
            edit.set("name", |image, out| out.text(&format!("row {}", image.row().number())))?;
            edit.retain(|row| Ok(matches!(row.number(), 1 | 4)))?;
            edit.finish()
        })
        .unwrap();
    assert_eq!((after(&given, 0), after(&given, 1)), ("row 1".into(), "row 4".into()));
    assert!(matches!(sample().batch().edit().finish(), Ok(Outcome::Unchanged)));
}

/// Updates told as inserts and deletes.
fn told(batch: &rowmill_sdk::Batch<'_>, told: impl Fn(usize) -> Op) -> Result<Outcome, Error> {
    let mut edit = batch.edit();
    edit.op(|row| match row.op()? {
        Op::Update => Ok(told(row.number())),
        op => Ok(op),
    })?;
    edit.finish()
}

#[test]
fn an_update_is_told_as_an_insert_or_a_delete() {
    let given = sample();
    // Rows 1 and 2 are updates, the second one of which changes the key; 5 is one whose images lack columns.
    let ops = |row: usize| if row == 2 { Op::Delete } else { Op::Insert };
    let out = given.edit(|batch| told(batch, ops)).unwrap();
    let (rows, before) = (out.rows(), given.rows());
    let seen: Vec<_> = rows.iter().map(|row| row["op"].as_str().unwrap()).collect();
    assert_eq!(seen, ["insert", "insert", "delete", "insert", "insert", "insert", "delete"]);
    assert_eq!((rows[1].get("before"), &rows[1]["after"]), (None, &before[1]["after"]));
    assert_eq!((&rows[2]["before"], rows[2].get("after")), (&before[2]["before"], None));
    let batch = out.batch();
    assert!((0..7).all(|row| !batch.flags(row).changes_key()), "only an update changes the key");
    let arrow = out.arrow();
    let nulls = |name: &str| {
        (0..7)
            .filter(|row| arrow.column_by_name(name).unwrap().is_null(*row))
            .collect::<Vec<_>>()
    };
    assert_eq!((nulls("before"), nulls("after")), (vec![0, 1, 3, 4, 5], vec![2, 6]));
    let fewer = given.edit(|batch| {
        let mut edit = batch.edit();
        edit.op(|row| Ok(if row.number() == 2 { Op::Delete } else { row.op()? }))?;
        edit.retain(|row| Ok(row.number() > 1))?;
        edit.finish()
    });
    let ops: Vec<_> = fewer.unwrap().rows().iter().map(|row| row["op"].clone()).collect();
    assert_eq!(ops, ["delete", "insert", "insert", "update", "delete"]);
}

#[test]
fn a_change_that_lacks_its_image_is_refused_and_one_that_stays_changes_nothing() {
    let given = sample();
    let batch = given.batch();
    let error = batch.edit().op(|_| Ok(Op::Update)).err().unwrap();
    assert_eq!((error.code.as_str(), error.row), ("image-missing", Some(0)));
    assert_eq!(told(&batch, |_| Op::Update).unwrap(), Outcome::Unchanged);
}
