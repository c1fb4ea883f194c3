//! Keys of messages, `primaryKey`, partitions, and updates that change the key.

use pipeline_tests::{Connector, Database, Kafka, Message, Server, object_members};

use crate::document::JAVA_PARTITIONS;

on_each_server!(
    a_message_is_keyed_by_the_tables_key_in_key_order_with_values_as_in_the_row,
    a_row_image_that_lacks_the_key_takes_it_from_the_other_one,
    an_update_that_changes_the_key_is_two_records_each_by_its_own_key,
    a_table_without_a_key_keeps_its_order_in_partition_0_of_many,
    columns_that_are_not_in_the_row_image_are_left_out,
);

/// `schema.primaryKey` as it stands there.
fn primary_key(message: &Message) -> &str {
    object_members(object_members(&message.value)[0].1)[1].1
}

/// Messages of a topic in the order of the binlog.
fn in_order(kafka: &Kafka, topic: &str, count: usize) -> Vec<Message> {
    let mut messages = kafka.read(&[topic], count);
    // The halves of an update have one number.
    messages.sort_by_key(|m| (m.sequence(), m.op() == "UPDATE_AFTER"));
    messages
}

fn a_message_is_keyed_by_the_tables_key_in_key_order_with_values_as_in_the_row(server: Server) {
    // What stands in CREATE TABLE, a row, the key's columns, and the key.
    const TABLES: [(&str, &str, &str, Option<&str>); 16] = [
        ("a INT, b INT, PRIMARY KEY (b, a)", "1, 2", r#"["b","a"]"#, Some(r#"{"b":2,"a":1}"#)),
        (
            "a INT, b VARCHAR(9), c INT, d INT, PRIMARY KEY (d, b, a)",
            "1, 'é\"\\\\', 3, 4",
            r#"["d","b","a"]"#,
            Some(r#"{"d":4,"b":"é\"\\","a":1}"#),
        ),
        // A key over the start of a text still has all of it.
        (
            "a INT, t VARCHAR(99), PRIMARY KEY (t(3), a)",
            "1, 'abcdef'",
            r#"["t","a"]"#,
            Some(r#"{"t":"abcdef","a":1}"#),
        ),
        ("b BLOB, PRIMARY KEY (b(2))", "x'00FF80'", r#"["b"]"#, Some(r#"{"b":"AP+A"}"#)),
        // Of each type.
        (
            "k BIGINT UNSIGNED PRIMARY KEY",
            "18446744073709551615",
            r#"["k"]"#,
            Some(r#"{"k":18446744073709551615}"#),
        ),
        (
            "k DECIMAL(65,30) PRIMARY KEY",
            "-0.5",
            r#"["k"]"#,
            Some(r#"{"k":-0.500000000000000000000000000000}"#),
        ),
        ("k DOUBLE PRIMARY KEY", "-0.1", r#"["k"]"#, Some(r#"{"k":-0.1}"#)),
        ("k BINARY(4) PRIMARY KEY", "'a'", r#"["k"]"#, Some(r#"{"k":"YQAAAA=="}"#)),
        (
            "k BIT(1), l BIT(12), PRIMARY KEY (k, l)",
            "1, 4095",
            r#"["k","l"]"#,
            Some(r#"{"k":true,"l":4095}"#),
        ),
        (
            "k ENUM('x','😀') PRIMARY KEY, s SET('a','b')",
            "2, 3",
            r#"["k"]"#,
            Some(r#"{"k":"😀"}"#),
        ),
        (
            "k DATE, l DATETIME(6), m TIMESTAMP(3), n TIME(1), o YEAR, PRIMARY KEY (k, l, m, n, o)",
            "'1970-01-02', '1970-01-01 00:00:01.000999', '1970-01-01 00:00:01.5', '-1:02:03.4', 1999",
            r#"["k","l","m","n","o"]"#,
            Some(r#"{"k":86400000,"l":1000,"m":1500,"n":"-01:02:03.4","o":1999}"#),
        ),
        (
            "k VARCHAR(9) CHARACTER SET gbk PRIMARY KEY",
            "'中'",
            r#"["k"]"#,
            Some(r#"{"k":"中"}"#),
        ),
        // Without a primary key: the first unique one that has no NULL and whole columns only.
        (
            "a INT, b INT NOT NULL, c INT NOT NULL, d INT NOT NULL, UNIQUE one (a), UNIQUE two (c, b), UNIQUE three (d)",
            "1, 2, 3, 4",
            r#"["c","b"]"#,
            Some(r#"{"c":3,"b":2}"#),
        ),
        ("a INT NOT NULL, b INT, UNIQUE (a, b), KEY (a)", "1, 2", "[]", None),
        ("t VARCHAR(99) NOT NULL, UNIQUE (t(3))", "'abcdef'", "[]", None),
        ("a INT", "1", "[]", None),
    ];
    let kafka = Kafka::shared();
    let mut database = server.database("keys");
    database.exec("SET SESSION sql_mode = '', SESSION time_zone = '+00:00'");
    let names: Vec<String> = (0..TABLES.len()).map(|number| format!("t{number}")).collect();
    // The catalogue of MySQL 5.6 does not show labels beyond U+FFFF.
    let highest = if database.server.kind.names_columns() { "😀" } else { "☃" };
    for (name, (columns, ..)) in names.iter().zip(TABLES) {
        database.exec(&format!("CREATE TABLE {name} ({})", columns.replace('😀', highest)));
    }
    let connector = Connector::new(&mut database, &kafka, &names.join(","));
    for (name, (_, row, ..)) in names.iter().zip(TABLES) {
        database.exec(&format!("INSERT INTO {name} VALUES ({row})"));
        database.exec(&format!("DELETE FROM {name}"));
    }
    let rowmill = connector.start();
    for (name, (columns, _, primary, key)) in names.iter().zip(TABLES) {
        let messages = kafka.read(&[&connector.topic(name)], 2);
        for message in &messages {
            assert_eq!(primary_key(message), primary, "{columns}");
            assert_eq!(message.key, key.map(|key| key.replace('😀', highest)), "{columns}");
        }
        let partitions = if key.is_some() { 6 } else { 1 };
        assert_eq!(kafka.partitions(&connector.topic(name)), Some(partitions), "{columns}");
    }
    rowmill.terminate().assert_code(0);
}

fn a_row_image_that_lacks_the_key_takes_it_from_the_other_one(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("minimal");
    database.exec("CREATE TABLE t (a INT, v INT, b VARCHAR(9), w TEXT, PRIMARY KEY (b, a))");
    database.exec("CREATE TABLE u (v INT, k INT NOT NULL UNIQUE)");
    let single = Connector::new(&mut database, &kafka, "t,u");
    let mut connectors = [single, Connector::new(&mut database, &kafka, "t,u")];
    connectors[1].plugin = "builtin = \"envelope\"\nconfig = { update_mode = \"single\" }".to_owned();
    database.exec("SET SESSION binlog_row_image = 'MINIMAL'");
    database.exec("INSERT INTO t VALUES (1, 2, 'x', 'long'), (3, 4, 'y', 'text')");
    database.exec("UPDATE t SET v = 20 WHERE a = 1");
    database.exec("UPDATE t SET a = 5 WHERE a = 3");
    database.exec("DELETE FROM t WHERE a = 1");
    database.exec("INSERT INTO u VALUES (1, 2)");
    database.exec("UPDATE u SET v = 3");
    database.exec("DELETE FROM u");
    // Operation, key, image before, image after.
    type Shown = (
        &'static str,
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static [(&'static str, &'static str)],
    );
    const X: &str = r#"{"b":"x","a":1}"#;
    const OF_T: [Shown; 7] = [
        ("INSERT", X, &[], &[("a", "1"), ("v", "2"), ("b", "\"x\""), ("w", "\"long\"")]),
        (
            "INSERT",
            r#"{"b":"y","a":3}"#,
            &[],
            &[("a", "3"), ("v", "4"), ("b", "\"y\""), ("w", "\"text\"")],
        ),
        ("UPDATE_BEFOR", X, &[("a", "1"), ("b", "\"x\"")], &[]),
        ("UPDATE_AFTER", X, &[], &[("v", "20")]),
        ("UPDATE_BEFOR", r#"{"b":"y","a":3}"#, &[("a", "3"), ("b", "\"y\"")], &[]),
        // One column of the key changed, and the other is in the image before only.
        ("UPDATE_AFTER", r#"{"b":"y","a":5}"#, &[], &[("a", "5")]),
        ("DELETE", X, &[("a", "1"), ("b", "\"x\"")], &[]),
    ];
    const OF_U: [Shown; 4] = [
        ("INSERT", r#"{"k":2}"#, &[], &[("v", "1"), ("k", "2")]),
        ("UPDATE_BEFOR", r#"{"k":2}"#, &[("k", "2")], &[]),
        ("UPDATE_AFTER", r#"{"k":2}"#, &[], &[("v", "3")]),
        ("DELETE", r#"{"k":2}"#, &[("k", "2")], &[]),
    ];
    for (connector, is_single) in connectors.iter().zip([false, true]) {
        let rowmill = connector.start();
        for (table, expected) in [("t", OF_T.as_slice()), ("u", &OF_U)] {
            let mut expected = expected.to_vec();
            if is_single {
                // The update that keeps its key is one record with both images.
                let at = expected.iter().position(|shown| shown.0 == "UPDATE_BEFOR").unwrap();
                let before = expected.remove(at);
                expected[at].2 = before.2;
            }
            let messages = in_order(&kafka, &connector.topic(table), expected.len());
            for (message, (op, key, before, after)) in messages.iter().zip(expected) {
                assert_eq!((message.op().as_str(), message.key.as_deref()), (op, Some(key)));
                for (which, columns) in [("before", before), ("after", after)] {
                    let image = message.image(which);
                    let found: Vec<(&str, &str)> = image.iter().map(|(name, raw)| (name.as_str(), raw.as_str())).collect();
                    assert_eq!(found, columns, "{which} of {}", message.value);
                }
            }
        }
        rowmill.terminate().assert_code(0);
    }
}

fn an_update_that_changes_the_key_is_two_records_each_by_its_own_key(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("rekeyed");
    database.exec("CREATE TABLE t (mysql_id INT PRIMARY KEY, v INT)");
    let connectors = ["split", "single"].map(|mode| {
        let mut connector = Connector::new(&mut database, &kafka, "t");
        connector.plugin = format!("builtin = \"envelope\"\nconfig = {{ update_mode = \"{mode}\" }}");
        connector
    });
    for id in 1..=12 {
        database.exec(&format!("INSERT INTO t VALUES ({id}, 0)"));
        database.exec(&format!("UPDATE t SET mysql_id = {} WHERE mysql_id = {id}", id + 12));
    }
    for connector in &connectors {
        let rowmill = connector.start();
        let messages = in_order(&kafka, &connector.topic("t"), 12 * 3);
        rowmill.terminate().assert_code(0);
        for (id, messages) in (1_usize..).zip(messages.chunks(3)) {
            let shown: Vec<(String, String)> = messages.iter().map(|m| (m.op(), m.key.clone().unwrap())).collect();
            let key = |id: usize| format!("{{\"mysql_id\":{id}}}");
            let of = |op: &str, id| (op.to_owned(), key(id));
            assert_eq!(shown, [of("INSERT", id), of("UPDATE_BEFOR", id), of("UPDATE_AFTER", id + 12)]);
            assert_eq!(messages[1].sequence(), messages[2].sequence(), "both halves share one sequence id");
            for message in messages {
                let image = if message.op() == "UPDATE_BEFOR" { "before" } else { "after" };
                let id: usize = message.image(image)[0].1.parse().unwrap();
                assert_eq!(message.partition, JAVA_PARTITIONS[id - 1], "partition of {:?}", message.key);
                let other = if image == "before" { "after" } else { "before" };
                assert!(message.image(other).is_empty(), "{} shows one image", message.value);
            }
        }
    }
}

fn a_table_without_a_key_keeps_its_order_in_partition_0_of_many(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("keyless");
    database.exec("SET SESSION sql_mode = ''");
    database.exec("CREATE TABLE t (v INT)");
    let connector = Connector::new(&mut database, &kafka, "t");
    kafka.create_topic(&connector.topic("t"), 4);
    for v in 0..50 {
        database.exec(&format!("INSERT INTO t VALUES ({v})"));
    }
    database.exec("UPDATE t SET v = v + 100 ORDER BY v");
    database.exec("DELETE FROM t ORDER BY v");
    let rowmill = connector.start();
    let messages = kafka.read(&[&connector.topic("t")], 50 * 4);
    rowmill.terminate().assert_code(0);
    assert!(
        messages
            .iter()
            .all(|m| m.partition == 0 && m.key.is_none() && primary_key(m) == "[]")
    );
    let rows: Vec<(String, i64)> = messages.iter().map(|m| (m.op(), m.integer("v"))).collect();
    let of = |op: &str, v| (op.to_owned(), v);
    let mut expected: Vec<_> = (0..50).map(|v| of("INSERT", v)).collect();
    expected.extend((0..50).flat_map(|v| [of("UPDATE_BEFOR", v), of("UPDATE_AFTER", v + 100)]));
    expected.extend((100..150).map(|v| of("DELETE", v)));
    assert_eq!(rows, expected);
}

fn columns_that_are_not_in_the_row_image_are_left_out(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("absent");
    database.exec("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT DEFAULT 7, b INT, n INT, t TEXT)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let images = |database: &mut Database| {
        database.exec("INSERT INTO t (b, n) VALUES (1, NULL)");
        database.exec("UPDATE t SET n = 5, b = NULL");
        database.exec("DELETE FROM t");
    };
    database.exec("SET SESSION binlog_row_image = 'MINIMAL'");
    images(&mut database);
    database.exec("SET SESSION binlog_row_image = 'NOBLOB'");
    images(&mut database);
    let rowmill = connector.start();
    let messages = in_order(&kafka, &connector.topic("t"), 8);
    rowmill.terminate().assert_code(0);
    let shown: Vec<String> = messages
        .iter()
        .map(|m| {
            let image = [m.image("before"), m.image("after")].concat();
            image
                .iter()
                .map(|(name, raw)| format!("{name}={raw}"))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    let expected = [
        "id=1 b=1 n=null",
        "id=1",
        "b=null n=5",
        "id=1",
        "id=2 a=7 b=1 n=null",
        "id=2 a=7 b=1 n=null",
        "id=2 a=7 b=null n=5",
        "id=2 a=7 b=null n=5",
    ];
    assert_eq!(shown, expected);
    let columns: Vec<String> = serde_json::from_value(messages[0].json()["schema"]["dataColumn"].clone())
        .map(|columns: Vec<serde_json::Value>| columns.iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect())
        .unwrap();
    assert_eq!(columns, ["id", "a", "b", "n", "t"], "the schema has them all the same");
}
