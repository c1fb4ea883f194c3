//! Where rows go: topics, partitions, keys, headers, and which names are refused.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use rowmill_flat_json::FlatJson;
use rowmill_route::Route;
use rowmill_sdk::Error;
use rowmill_sdk::harness::{Bench, Delivered, Mill, Milled, Rows, Shape, Value};
use serde_json::{Value as Json, json};

fn routed(config: &Json, rows: &Rows) -> Result<Milled, Error> {
    Ok(Mill::<Route>::new(&config.to_string())?.process(rows)?.unwrap())
}

/// The records that an encoder makes of what comes out.
fn records(config: &Json, rows: &Rows) -> Vec<Delivered> {
    Bench::<FlatJson>::new("{}")
        .unwrap()
        .encode(&routed(config, rows).unwrap())
        .unwrap()
}

fn shape() -> Shape {
    Shape::new("shop", "orders")
        .column("id", "bigint", &[])
        .column("region", "varchar(300)", &[])
        .column("shard", "int", &[])
        .key(&[0])
}

fn row(id: i64, region: &str) -> Vec<Value> {
    vec![id.into(), region.into(), 3.into()]
}

fn topic_of(config: &Json, region: &str) -> Result<Json, Error> {
    let milled = routed(config, &Rows::new(&shape()).insert(row(1, region)))?;
    Ok(milled.rows()?[0]["route"]["topic"].clone())
}

#[test]
fn a_topic_is_made_of_table_op_and_columns() {
    let rows = Rows::new(&shape())
        .insert(row(1, "eu"))
        .update(row(1, "eu"), row(1, "us"))
        .delete(row(1, "us"));
    for (topic, expected) in [
        (
            "{database}.{table}.{op}",
            ["shop.orders.insert", "shop.orders.update", "shop.orders.delete"],
        ),
        ("{topic}-{column:REGION}", ["mysql_orders-eu", "mysql_orders-us", "mysql_orders-us"]),
        ("all", ["all"; 3]),
        ("n{column:shard}", ["n3"; 3]),
    ] {
        let topics: Vec<String> = records(&json!({"topic": topic}), &rows)
            .into_iter()
            .map(|record| record.topic)
            .collect();
        assert_eq!(topics, expected, "{topic}");
    }
    let by_column = records(&json!({"topic_column": "region"}), &rows);
    assert_eq!(
        by_column.iter().map(|record| record.topic.as_str()).collect::<Vec<_>>(),
        ["eu", "us", "us"]
    );
}

#[test]
fn characters_that_no_topic_has_become_underscores_or_are_refused() {
    for (region, expected) in [
        ("a b", "a_b"),
        ("gr\u{f6}\u{df}e", "gr__e"),
        ("a/b:c\"d", "a_b_c_d"),
        ("A-b.c_9", "A-b.c_9"),
        ("\u{1f600}", "_"),
    ] {
        assert_eq!(topic_of(&json!({"topic_column": "region"}), region).unwrap(), expected);
        let strict = topic_of(&json!({"topic_column": "region", "illegal": "refuse"}), region);
        match strict {
            Ok(topic) => assert!(topic == region && region == "A-b.c_9"),
            Err(error) => assert_eq!((error.code.as_str(), error.row), ("bad-topic", Some(0))),
        }
    }
    for region in ["", ".", "..", "x".repeat(250).as_str()] {
        for illegal in ["replace", "refuse"] {
            let error = topic_of(&json!({"topic_column": "region", "illegal": illegal}), region)
                .err()
                .unwrap();
            assert_eq!((error.code.as_str(), error.row), ("bad-topic", Some(0)));
            assert!(
                region.is_empty() || region.starts_with('.') || !error.message.contains(region),
                "no value is told"
            );
        }
    }
    assert_eq!(
        topic_of(&json!({"topic_column": "region"}), &"x".repeat(249)).unwrap(),
        "x".repeat(249)
    );
    // A table's name may have such characters as well.
    let shape = Shape::new("shop", "bestellungen f\u{fc}r").column("id", "int", &[]);
    let milled = routed(&json!({"topic": "{table}"}), &Rows::new(&shape).insert(vec![1.into()])).unwrap();
    assert_eq!(milled.rows().unwrap()[0]["route"]["topic"], "bestellungen_f_r");
}

#[test]
fn a_row_without_the_value_goes_to_its_own_topic_or_is_refused() {
    let rows = Rows::new(&shape()).insert(vec![1.into(), Value::Null, 3.into()]).update(
        vec![1.into(), "eu".into(), Value::Absent],
        vec![Value::Absent, Value::Absent, 4.into()],
    );
    let own = records(&json!({"topic": "r_{column:region}"}), &rows);
    // What an image after the change lacks is as it was before.
    assert_eq!((own[0].topic.as_str(), own[1].topic.as_str()), ("", "r_eu"));
    let error = routed(&json!({"topic": "r_{column:region}", "missing": "refuse"}), &rows)
        .err()
        .unwrap();
    assert_eq!((error.code.as_str(), error.row), ("column-missing", Some(0)));
}

#[test]
fn a_partition_is_a_columns_or_a_hash_as_kafkas_client_has_it() {
    let rows = Rows::new(&shape())
        .insert(row(1, "foobar"))
        .insert(vec![2.into(), "foobar".into(), Value::Null])
        .delete(row(3, "foobar"));
    let partitions = |config: Json| records(&config, &rows).iter().map(|record| record.partition).collect::<Vec<_>>();
    assert_eq!(partitions(json!({"partition_column": "shard"})), [3, -1, 3]);
    // murmur2("foobar") is -790332482; with its sign bit unset 1357151166, of which the rest by 12 is 6.
    assert_eq!(
        partitions(json!({"partition_hash": ["region"], "partitions": 12})),
        [1_357_151_166 % 12; 3]
    );
    let two = partitions(json!({"partition_hash": ["region", "shard"], "partitions": 1000}));
    assert!(two[0] == two[2] && two[0] != two[1] && two.iter().all(|partition| (0..1000).contains(partition)));
    let negative = Rows::new(&shape()).insert(vec![1.into(), "a".into(), (-1).into()]);
    let error = routed(&json!({"partition_column": "shard"}), &negative).err().unwrap();
    assert_eq!((error.code.as_str(), error.row), ("bad-partition", Some(0)));
}

#[test]
fn a_key_is_json_of_columns_or_a_text() {
    let rows = Rows::new(&shape())
        .insert(row(7, "e\"u"))
        .update(
            vec![8.into(), "us".into(), Value::Absent],
            vec![Value::Absent, Value::Absent, 4.into()],
        )
        .delete(row(9, "x"));
    let keys = |config: Json| records(&config, &rows).iter().map(Delivered::key_text).collect::<Vec<_>>();
    assert_eq!(
        keys(json!({"key_columns": ["region", "ID"]})),
        [
            r#"{"region":"e\"u","id":7}"#,
            r#"{"region":"us","id":8}"#,
            r#"{"region":"x","id":9}"#
        ]
    );
    assert_eq!(keys(json!({"key": "{table}/{column:id}"})), ["orders/7", "orders/8", "orders/9"]);
    let null = Rows::new(&shape()).insert(vec![1.into(), Value::Null, 3.into()]);
    assert_eq!(
        records(&json!({"key_columns": ["region"]}), &null)[0].key_text(),
        r#"{"region":null}"#
    );
    let error = routed(&json!({"key": "{column:region}"}), &null).err().unwrap();
    assert_eq!((error.code.as_str(), error.row), ("column-missing", Some(0)));
    let absent = Rows::new(&shape()).insert(vec![1.into(), Value::Absent, 3.into()]);
    let error = routed(&json!({"key_columns": ["region"]}), &absent).err().unwrap();
    assert_eq!((error.code.as_str(), error.row), ("key-missing", Some(0)));
}

#[test]
fn headers_are_added_behind_others_and_left_out_where_a_value_is_missing() {
    let rows = Rows::new(&shape())
        .insert(row(1, "eu"))
        .insert(vec![2.into(), Value::Null, 3.into()]);
    let config = json!({"headers": {"origin": "{database}.{table}", "region": "{column:region}"}});
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let made = records(&config, &rows);
    assert_eq!(made[0].headers, [header("origin", "shop.orders"), header("region", "eu")]);
    assert_eq!(made[1].headers, [header("origin", "shop.orders")]);
    let twice = Mill::<Route>::new(r#"{"headers": {"more": "x"}}"#)
        .unwrap()
        .process(&routed(&config, &rows).unwrap())
        .unwrap()
        .unwrap();
    assert_eq!(
        twice.rows().unwrap()[1]["route"]["headers"],
        json!([["origin", "shop.orders"], ["more", "x"]])
    );
}

#[test]
fn a_later_route_leaves_what_it_does_not_speak_of() {
    let rows = Rows::new(&shape())
        .insert(row(1, "eu"))
        .insert(vec![2.into(), Value::Null, 3.into()]);
    let first = routed(&json!({"topic": "first", "partition_column": "shard"}), &rows).unwrap();
    let second = Mill::<Route>::new(r#"{"topic": "r_{column:region}"}"#)
        .unwrap()
        .process(&first)
        .unwrap()
        .unwrap();
    let routes = second.rows().unwrap();
    assert_eq!(
        (&routes[0]["route"]["topic"], &routes[0]["route"]["partition"]),
        (&json!("r_eu"), &json!(3))
    );
    assert_eq!(routes[1]["route"]["topic"], "first");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for (config, expected) in [
        (json!({}), "it says nothing of topic"),
        (json!({"topic": "a", "topic_column": "b"}), "leave one of them out"),
        (json!({"partition_hash": ["a"]}), "go together"),
        (json!({"partitions": 3, "topic": "a"}), "go together"),
        (json!({"partition_hash": ["a"], "partitions": 0}), "go together"),
        (
            json!({"partition_hash": ["a"], "partitions": 3, "partition_column": "a"}),
            "leave one of them out",
        ),
        (json!({"key": "a", "key_columns": ["b"]}), "leave one of them out"),
        (json!({"topic": "{colum:x}"}), "`topic`: `{colum:x}` has {colum:x}"),
        (json!({"headers": {"a": "{"}}), "`headers`: `{` has a single brace"),
        (json!({"topics": "a"}), "unknown field `topics`"),
    ] {
        let error = Mill::<Route>::new(&config.to_string()).err().unwrap();
        assert!(
            error.code == "bad-configuration" && error.message.contains(expected),
            "{config}: {error}"
        );
    }
    for config in [
        json!({"topic": "{column:nothing}"}),
        json!({"topic_column": "nothing"}),
        json!({"partition_column": "nothing"}),
        json!({"key_columns": ["nothing"]}),
        json!({"headers": {"a": "{column:nothing}"}}),
    ] {
        let error = routed(&config, &Rows::new(&shape()).insert(row(1, "eu"))).err().unwrap();
        assert!(
            error.code == "no-such-column" && error.message.contains("in shop.orders, which has id, region, shard"),
            "{error}"
        );
    }
}

#[test]
fn rows_of_every_kind_are_routed() {
    let milled = routed(
        &json!({"topic": "t_{column:size}", "headers": {"h": "{column:document}"}}),
        &Rows::sample(),
    )
    .unwrap();
    let rows = milled.rows().unwrap();
    assert_eq!(
        (rows.len(), &rows[0]["route"]["topic"], &rows[3]["route"]["topic"]),
        (7, &json!("t_M"), &json!(null))
    );
}
