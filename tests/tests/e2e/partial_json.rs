//! Partial updates of JSON columns arrive with the document that MySQL holds afterwards.

use pipeline_tests::{Chance, Connector, Database, Kafka, Message, Server};

/// A document of everything that JSON has here, long enough that MySQL logs a difference rather than the whole.
const DOCUMENT: &str = r#"JSON_OBJECT(
    'a', JSON_ARRAY(1, JSON_OBJECT('b', 'x', 'long key', JSON_ARRAY()), NULL, 2.5),
    'a b', CAST('2024-02-29' AS DATE), 'é', true, 'q"uote', JSON_OBJECT('in', JSON_ARRAY(JSON_ARRAY(1, 2), JSON_ARRAY())),
    'dot.ted', 18446744073709551615, 'filler', REPEAT('some text ', 200))"#;

/// Changes as an application makes them. Paths of one statement are several differences.
const CHANGES: [&str; 14] = [
    "JSON_SET(v, '$.a[0]', 9)",
    "JSON_SET(v, '$.a[1].b', 'longer than it was before', '$.a[2]', CAST(1.25 AS DECIMAL(5,2)))",
    "JSON_REPLACE(v, '$.\"a b\"', JSON_OBJECT('now', 'an object'))",
    "JSON_REMOVE(v, '$.a[1].\"long key\"')",
    "JSON_SET(v, '$.new', JSON_ARRAY(1, 2, 3), '$.ab', 'between', '$.\"q\\\\\"uote\".in[1]', 'z')",
    "JSON_SET(v, '$.a[99]', 'at the end')",
    "JSON_REMOVE(v, '$.a[0]', '$.a[0].b')",
    "JSON_SET(v, '$.\"dot.ted\"', -1, '$.\"é\"', NULL)",
    "JSON_SET(v, '$.new[0]', JSON_OBJECT('x', JSON_ARRAY(true, false)))",
    "JSON_SET(v, '$.new[0].x[1]', 12345678901, '$.new[0].y', 1e100)",
    "JSON_REMOVE(v, '$.\"é\"', '$.ab')",
    "JSON_SET(v, '$.\"\"', 'empty name', '$.\"$[0]\"', 'a name like a path')",
    "JSON_REPLACE(v, '$.a', 'short')",
    "JSON_SET(v, '$.filler', REPEAT('other ', 300))",
];

fn document(message: &Message, which: &str) -> String {
    let members = message.image(which);
    let (_, raw) = members.iter().find(|(name, _)| name == "v").unwrap();
    serde_json::from_str(raw).unwrap_or_else(|_| raw.clone())
}

fn partial(database: &mut Database) {
    database.exec("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'");
}

/// Updates messages in the order of the binlog.
fn updates(kafka: &Kafka, topic: &str, count: usize) -> Vec<Message> {
    // One insert, and two halves each.
    let mut messages = kafka.read(&[topic], 1 + 2 * count);
    messages.sort_by_key(Message::sequence);
    messages
}

#[test]
fn every_partial_update_arrives_with_the_text_that_mysql_prints() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("partial");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, w JSON, v JSON, n INT)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let rowmill = connector.start();
    database.exec(&format!("INSERT INTO t VALUES (1, '[1]', {DOCUMENT}, 0)"));
    partial(&mut database);
    let mut texts = vec![database.value("SELECT v FROM t")];
    for change in CHANGES {
        database.exec(&format!("UPDATE t SET n = n + 1, v = {change}"));
        texts.push(database.value("SELECT v FROM t"));
    }
    let messages = updates(&kafka, &connector.topic("t"), CHANGES.len());
    rowmill.terminate().assert_code(0);
    compare(&messages, &texts);
}

fn compare(messages: &[Message], texts: &[String]) {
    for op in ["UPDATE_BEFOR", "UPDATE_AFTER"] {
        let halves: Vec<&Message> = messages.iter().filter(|m| m.op() == op).collect();
        assert_eq!(halves.len(), texts.len() - 1);
        let (which, skip) = if op == "UPDATE_AFTER" { ("after", 1) } else { ("before", 0) };
        for (message, expected) in halves.iter().zip(texts.iter().skip(skip)) {
            assert_eq!(document(message, which), *expected, "{which}");
        }
    }
}

#[test]
fn random_partial_updates_arrive_with_the_text_that_mysql_prints() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("partials");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v JSON, n INT)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let rowmill = connector.start();
    database.exec(&format!("INSERT INTO t VALUES (1, {DOCUMENT}, 0)"));
    partial(&mut database);
    let mut chance = Chance::new();
    let mut texts = vec![database.value("SELECT v FROM t")];
    for n in 0..200 {
        let mut call = String::new();
        let function = ["JSON_SET", "JSON_REPLACE", "JSON_REMOVE"][usize::try_from(chance.below(3)).unwrap()];
        for _ in 0..=chance.below(3) {
            let mut path = "$".to_owned();
            for _ in 0..=chance.below(3) {
                let legs = [".a", ".b", ".\"a b\"", ".zz", "[0]", "[1]", "[5]", ".\"é\"", ".new"];
                path.push_str(legs[usize::try_from(chance.below(9)).unwrap()]);
            }
            call.push_str(&format!(", '{path}'"));
            if function != "JSON_REMOVE" {
                let values = [
                    "1",
                    "'text'",
                    "JSON_ARRAY(1, 'x')",
                    "JSON_OBJECT('a', 1, 'b', JSON_ARRAY())",
                    "NULL",
                    "2.5",
                    "70000",
                    "true",
                ];
                call.push_str(&format!(", {}", values[usize::try_from(chance.below(8)).unwrap()]));
            }
        }
        database.exec(&format!("UPDATE t SET n = {n} + 1, v = {function}(v{call})"));
        texts.push(database.value("SELECT v FROM t"));
    }
    let messages = updates(&kafka, &connector.topic("t"), 200);
    rowmill.terminate().assert_code(0);
    compare(&messages, &texts);
}

#[test]
fn a_partial_update_without_the_document_before_stops_the_connector_with_what_mends_it() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("nodocument");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v JSON)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let rowmill = connector.start();
    database.exec(&format!("INSERT INTO t VALUES (1, {DOCUMENT})"));
    kafka.read(&[&connector.topic("t")], 1);
    partial(&mut database);
    database.exec("SET SESSION binlog_row_image = MINIMAL");
    database.exec("UPDATE t SET v = JSON_SET(v, '$.a[0]', 9)");
    let ended = rowmill.wait();
    ended.assert_code(1);
    for word in ["`v`", "binlog_row_image=FULL"] {
        assert!(ended.reason().contains(word), "the last line lacks {word:?}:\n{}", ended.output());
    }
    assert_eq!(kafka.read_to_end(&connector.topic("t")).len(), 1);
}
