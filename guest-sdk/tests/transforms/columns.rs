//! Other values, other columns.

use rowmill_sdk::{Date, Error, Field, Kind, Outcome, Schema};
use serde_json::{Value, json};

use super::{Given, sample};

fn edited(edit: impl FnOnce(&mut rowmill_sdk::Edit<'_>) -> Result<(), Error>) -> Given {
    let given = sample()
        .edit(|batch| {
            let mut changes = batch.edit();
            edit(&mut changes)?;
            changes.finish()
        })
        .unwrap();
    // Whatever was made, arrow-rs takes it.
    given.arrow();
    given
}

fn column<'r>(rows: &'r [Value], image: &str, name: &str) -> Vec<Option<&'r Value>> {
    rows.iter().map(|row| row.get(image).and_then(|image| image.get(name))).collect()
}

#[test]
fn a_value_is_changed_in_both_images_and_what_is_absent_stays_absent() {
    let given = edited(|edit| {
        edit.set("name", |image, out| match image.text("NAME")? {
            Some(name) => out.text(&name.chars().take(4).collect::<String>()),
            None => out.text("none"),
        })?;
        Ok(())
    });
    let rows = given.rows();
    let text = |text: &'static str| Value::from(text);
    let (name, chan, none, only) = (text("n\u{e4}me"), text("chan"), text("none"), text("only"));
    assert_eq!(
        column(&rows, "after", "name"),
        [Some(&name), Some(&chan), Some(&name), Some(&none), Some(&name), Some(&only), None]
    );
    assert_eq!(
        column(&rows, "before", "name"),
        [None, Some(&name), Some(&name), None, None, None, Some(&name)]
    );
    assert_eq!(given.message, sample().message, "the schema is the same");
}

#[test]
fn every_kind_of_value_can_be_read_and_written() {
    let given = edited(|edit| {
        edit.set("tiny", |image, out| out.int(image.int("tiny")?.map_or(7, |tiny| tiny + 1)))?
            .set("big", |image, out| out.uint(image.uint("big")?.unwrap_or(0)))?
            .set("ratio", |image, out| out.float(image.float("ratio")?.unwrap_or(0.0) * 2.0))?
            .set("price", |image, out| {
                out.decimal(&image.decimal("price")?.unwrap_or("1.005".to_owned()))
            })?
            .set("wide", |image, out| out.decimal(&image.decimal("wide")?.unwrap_or("-1".to_owned())))?
            .set("day", |image, out| match image.date("day")? {
                Some(day) => out.date(Date { day: 31, ..day }),
                None => out.keep(),
            })?
            .set("local", |image, out| {
                image.datetime("local")?.map_or(Ok(()), |local| out.datetime(local))
            })?
            .set("span", |image, out| image.time("span")?.map_or(Ok(()), |span| out.time(span)))?
            .set("flag", |image, out| out.bool(!image.bool("flag")?.unwrap_or(true)))?
            .set("size", |image, out| out.text(image.text("size")?.map_or("S", |_| "L")))?
            .set("tags", |image, out| {
                out.labels(image.labels("tags")?.unwrap_or_default().into_iter().rev())
            })?
            .set("document", |image, out| match image.json("document")? {
                Some(document) => out.json(&document["a"]),
                None => Ok(()),
            })?
            .set("raw", |image, out| out.bytes(image.bytes("raw")?.unwrap_or_default()))?;
        Ok(())
    });
    let row = &given.rows()[0]["after"];
    let expected = json!({
        "tiny": -127, "big": u64::MAX, "ratio": 0.2, "price": "9999999999.99",
        "wide": "-12345678901234567890123456789012345.012345678901234567890123456789",
        "day": "2021-03-31", "local": "2021-03-03 05:21:10.250001", "span": "-838:59:59.000000", "flag": false, "size": "L",
        "tags": "new,last", "document": "[1,null,\"x\"]", "raw": "0x00FF1080",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&row[name], value, "{name}");
    }
    let nulls = &given.rows()[3]["after"];
    assert_eq!(
        (&nulls["price"], &nulls["local"], &nulls["tags"]),
        (&json!("1.01"), &Value::Null, &json!(""))
    );
    assert_eq!(
        given.rows()[4]["after"]["day"],
        "0000-00-00",
        "a zero date that is kept keeps its text"
    );
}

#[test]
fn a_zero_date_that_gets_a_value_is_none_any_more() {
    let given = edited(|edit| {
        edit.set("day", |_, out| out.date(Date::from_days(0)))?;
        Ok(())
    });
    assert_eq!(given.rows()[4]["after"]["day"], "1970-01-01");
    let given = edited(|edit| edit.null("day").map(|_| ()));
    assert_eq!(given.rows()[4]["after"]["day"], Value::Null);
}

#[test]
fn columns_are_removed_and_renamed_and_all_that_counts_them_follows() {
    let given = edited(|edit| {
        edit.remove("name")?.remove("tiny")?.rename("id", "number")?.rename("day", "date")?;
        Ok(())
    });
    assert_eq!(given.schema.columns.len(), 20);
    assert_eq!(
        (given.schema.key.as_slice(), given.schema.columns[0].name.as_str()),
        (&[0][..], "number")
    );
    let rows = given.rows();
    assert_eq!(rows[4]["after"]["date"], "0000-00-00");
    assert_eq!(
        rows[5],
        json!({"op": "update", "before": {"number": 4}, "after": {}}),
        "only what the image had"
    );
    assert_eq!(rows[0]["after"]["body"], "two\nlines");
}

#[test]
fn only_chosen_columns_are_left() {
    let given = edited(|edit| {
        edit.keep_only(["price", "ID"])?;
        Ok(())
    });
    let names: Vec<_> = given.schema.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!((names, given.schema.key.as_slice()), (vec!["id", "price"], &[0][..]));
    assert_eq!(given.rows()[1]["after"], json!({"id": 1, "price": "0.01"}));
}

#[test]
fn columns_are_added_with_all_that_the_contract_says_of_a_column() {
    let given = edited(|edit| {
        edit.add(Field::new("total", "decimal(14,2)")?, |image, out| {
            image.decimal("price")?.map_or(Ok(()), |price| out.decimal(&price))
        })?
        .add(Field::new("level", "enum")?.with_labels(["low", "high"]), |_, out| out.text("high"))?
        .add(Field::new("at", "datetime(3)")?, |image, out| out.int(image.row().ts() * 1000))?;
        Ok(())
    });
    let (total, level) = (&given.schema.columns[22], &given.schema.columns[23]);
    assert_eq!(
        (total.kind, total.mysql_type.as_str(), total.name.as_str()),
        (Kind::Decimal, "decimal(14,2)", "total")
    );
    assert_eq!((level.kind, level.labels.len()), (Kind::Enum, 2));
    let rows = given.rows();
    assert_eq!(rows[0]["after"]["total"], "9999999999.99");
    assert_eq!(rows[0]["after"]["at"], "2021-03-03 05:21:10.000");
    assert_eq!(
        rows[5]["after"],
        json!({"name": "only this", "total": null, "level": "high", "at": "2021-03-03 05:21:10.000"})
    );
    assert_eq!(rows[6]["before"]["level"], "high");
}

#[test]
fn a_column_is_replaced_by_one_of_another_type() {
    let given = edited(|edit| {
        edit.replace("price", Field::new("cents", "bigint")?, |image, out| {
            match image.decimal("price")? {
                Some(price) => out
                    .decimal(&price.replace('.', ""))
                    .or_else(|_| out.int(price.replace('.', "").parse().unwrap())),
                None => Ok(()),
            }
        })?;
        Ok(())
    });
    assert_eq!(
        (given.schema.columns[8].name.as_str(), given.schema.columns[8].kind),
        ("cents", Kind::Int)
    );
    assert_eq!(given.rows()[0]["after"]["cents"], 999_999_999_999_i64);
}

#[test]
fn a_key_column_goes_only_with_another_key() {
    let given = sample();
    let batch = given.batch();
    let mut edit = batch.edit();
    edit.remove("id").unwrap();
    let error = edit.finish().unwrap_err();
    assert_eq!(error.code, "key-removed");
    assert!(error.message.contains("`id`"), "{error}");
    let given = edited(|edit| {
        edit.remove("id")?.key(["body", "name"]);
        Ok(())
    });
    let key: Vec<_> = given.schema.key.iter().map(|i| given.schema.columns[*i].name.as_str()).collect();
    assert_eq!(key, ["body", "name"]);
    let given = edited(|edit| {
        edit.remove("id")?.key(Vec::<String>::new());
        Ok(())
    });
    assert!(given.schema.key.is_empty());
}

#[test]
fn what_can_not_be_is_an_error_that_names_the_column() {
    let given = sample();
    let batch = given.batch();
    let code = |edit: &dyn Fn(&mut rowmill_sdk::Edit<'_>) -> Option<Error>| {
        let error = edit(&mut batch.edit()).unwrap();
        (error.code.clone(), error.message)
    };
    for (expected, (code, message)) in [
        ("no-such-column", code(&|edit| edit.remove("nme").err())),
        ("column-exists", code(&|edit| edit.rename("id", "Name").err())),
        (
            "column-exists",
            code(&|edit| edit.add(Field::new("name", "int").unwrap(), |_, _| Ok(())).err()),
        ),
        ("wrong-type", code(&|edit| edit.set("name", |_, out| out.int(1)).err())),
        (
            "wrong-type",
            code(&|edit| edit.set("name", |image, _| image.int("name").map(|_| ())).err()),
        ),
        ("wrong-type", code(&|edit| edit.set("name", |_, out| out.bytes(b"\xff")).err())),
        ("unknown-label", code(&|edit| edit.set("size", |_, out| out.text("XXL")).err())),
        ("out-of-range", code(&|edit| edit.set("tiny", |_, out| out.int(128)).err())),
        (
            "out-of-range",
            code(&|edit| edit.set("tiny", |image, _| image.int("big").map(|_| ())).err()),
        ),
        ("bad-decimal", code(&|edit| edit.set("price", |_, out| out.decimal("1e3")).err())),
    ] {
        assert_eq!(code, expected, "{message}");
        assert!(message.contains('`'), "{message}");
    }
}

#[test]
fn of_several_values_for_one_row_the_last_counts() {
    let given = edited(|edit| {
        edit.set("name", |_, out| {
            out.text("first")?;
            out.null()?;
            out.text("second")
        })?
        .set("flag", |_, out| {
            out.bool(true)?;
            out.null()
        })?
        .set("small", |_, out| {
            out.int(5)?;
            out.keep()
        })?;
        Ok(())
    });
    let row = &given.rows()[0]["after"];
    assert_eq!(
        (&row["name"], &row["flag"], &row["small"]),
        (&json!("second"), &Value::Null, &json!(65_535))
    );
    let outcome = sample().batch().edit().finish().unwrap();
    assert_eq!(outcome, Outcome::Unchanged);
}

#[test]
fn with_another_key_updates_say_anew_whether_they_change_it() {
    let flags = |given: &Given| {
        let batch = given.batch();
        (0..batch.rows()).map(|row| batch.flags(row).changes_key()).collect::<Vec<_>>()
    };
    assert_eq!(flags(&sample()), [false, false, true, false, false, false, false]);
    let by_name = |batch: &rowmill_sdk::Batch<'_>| {
        let mut edit = batch.edit();
        edit.retain(|row| Ok(row.number() != 5))?;
        edit.key(["name"]);
        edit.finish()
    };
    let keyed = sample().edit(by_name).unwrap();
    assert_eq!(flags(&keyed), [false, true, false, false, false, false]);
    // The last update's image before lacks the name: nothing is known of it.
    let all = sample().edit(|batch| {
        let mut edit = batch.edit();
        edit.key(["name"]);
        edit.finish()
    });
    assert_eq!(flags(&all.unwrap()), [false, true, false, false, false, false, false]);
    // A key of what is made of others is compared as it comes out.
    let made = sample().edit(|batch| {
        let mut edit = batch.edit();
        edit.retain(|row| Ok(row.number() < 3))?;
        edit.replace("name", Field::new("name", "char(2)")?, |_, out| out.hex(&[7]))?;
        edit.key(["name", "tiny"]);
        edit.finish()
    });
    let made = made.unwrap();
    assert_eq!(flags(&made), [false, false, false]);
    assert_eq!(column(&made.rows(), "after", "name"), [Some(&json!("07")); 3]);
    made.arrow();
}

#[test]
fn a_column_whose_values_become_null_may_be_null() {
    let shape = rowmill_sdk::harness::Shape::new("d", "t").column("a", "int", &[]).not_null();
    let given = Given::of(&rowmill_sdk::harness::Rows::new(&shape).insert(vec![1.into()]));
    assert!(given.schema.columns[0].not_null);
    let out = given.edit(|batch| {
        let mut edit = batch.edit();
        edit.null("a")?;
        edit.finish()
    });
    assert!(!out.unwrap().schema.columns[0].not_null);
}

/// The schema of what comes out is kept for the next batch: what is asked for then counts, not what was.
#[test]
fn one_edit_after_another_of_the_same_table_makes_what_it_says() {
    let given = sample();
    let other = |name: &str| Field::new(name, "char(64)").unwrap();
    type Change<'c> = &'c dyn Fn(&mut rowmill_sdk::Edit<'_>) -> Result<(), Error>;
    let changes: [(Change<'_>, &str); 9] = [
        (&|edit| edit.rename("name", "title").map(drop), "title"),
        (&|edit| edit.rename("name", "label").map(drop), "label"),
        (&|_| Ok(()), "name"),
        (
            &|edit| edit.replace("name", other("name"), |_, out| out.text("x")).map(drop),
            "name",
        ),
        (
            &|edit| edit.replace("name", Field::new("name", "int")?, |_, out| out.int(1)).map(drop),
            "name",
        ),
        (&|edit| edit.remove("body").map(drop), "name"),
        (&|edit| edit.add(other("digest"), |_, out| out.text("y")).map(drop), "digest"),
        (
            &|edit| {
                edit.table("archive").key(["name"]);
                Ok(())
            },
            "name",
        ),
        (&|edit| edit.route_partition(|_, out| out.int(0)).map(drop), "name"),
    ];
    let made = |given: &Given, change: Change<'_>| {
        let milled = given.edit(|batch| {
            let mut edit = batch.edit();
            change(&mut edit)?;
            edit.finish()
        });
        let milled = milled.unwrap();
        (milled.message.clone(), milled.rows())
    };
    for (i, (change, column)) in changes.iter().chain(&changes).enumerate() {
        let (message, rows) = made(&given, *change);
        assert!(Schema::read(&message).unwrap().find(column).is_some(), "change {i}");
        // Twice in a row, and by itself, of a schema that was read for it alone.
        for other in [&given, &sample()] {
            assert!(made(other, *change) == (message.clone(), rows.clone()), "change {i}");
        }
    }
}
