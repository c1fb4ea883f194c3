//! What is not supported stops the connector with a reason, and nothing is skipped.

use pipeline_tests::{Connector, Database, Ended, Kafka, Server};

/// Delivers row 1, makes `change`, and expects the connector to stop at it: at once, though nothing comes after it, and again
/// when it is started again with row 3 behind the change, with only row 1 in the topic.
fn assert_stops_at(server: Server, stem: &str, change: impl FnOnce(&mut Database), reason: &[&str]) {
    let kafka = Kafka::shared();
    let mut database = server.database(stem);
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v JSON)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let rowmill = connector.start();
    database.exec("INSERT INTO t (id, v) VALUES (1, '{\"a\": [1, 2, 3], \"long\": \"some text\"}')");
    kafka.read(&[&connector.topic("t")], 1);
    change(&mut database);
    let check = |ended: Ended| {
        ended.assert_code(1);
        for word in reason {
            assert!(
                ended.reason().to_lowercase().contains(&word.to_lowercase()),
                "the last line lacks {word:?}:\n{}",
                ended.output()
            );
        }
        let rows: Vec<i64> = kafka.read_to_end(&connector.topic("t")).iter().map(|m| m.integer("id")).collect();
        // Row 1 may come again (at least once); nothing behind the change may come.
        assert!(!rows.is_empty() && rows.iter().all(|id| *id == 1), "rows {rows:?}");
    };
    check(rowmill.wait());
    database.exec("INSERT INTO t (id) VALUES (3)");
    check(connector.start().wait());
}

on_each_server!(
    an_insert_without_its_key_stops_the_connector_with_what_mends_it,
    a_table_whose_topic_kafka_refuses_stops_the_connector_when_it_appears,
);

fn an_insert_without_its_key_stops_the_connector_with_what_mends_it(server: Server) {
    assert_stops_at(
        server,
        "no_key",
        |database| {
            database.exec("ALTER TABLE t ADD COLUMN shard INT DEFAULT 0, DROP PRIMARY KEY, ADD PRIMARY KEY (id, shard)");
            database.exec("SET SESSION binlog_row_image = 'MINIMAL'");
            database.exec("INSERT INTO t (id) VALUES (2)");
            database.exec("SET SESSION binlog_row_image = 'FULL'");
        },
        &[".t", "key", "binlog_row_image=FULL"],
    );
}

fn a_table_whose_topic_kafka_refuses_stops_the_connector_when_it_appears(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("no_topic");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.source = "auto_add = \"t.*\"".to_owned();
    let rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (1)");
    kafka.read(&[&connector.topic("t")], 1);
    database.exec("CREATE TABLE `t größe` (id INT PRIMARY KEY)");
    let ended = rowmill.wait();
    ended.assert_code(1);
    assert!(
        ended.reason().contains(&format!("{}.t größe", database.name)),
        "the last line lacks the table:\n{}",
        ended.output()
    );
    // One that is there already is refused by the check, too.
    let checked = connector.check();
    checked.assert_code(1);
    assert!(checked.output().contains("t größe"), "{}", checked.output());
    database.exec("DROP TABLE `t größe`");
    connector.check().assert_code(0);
}

#[test]
fn a_document_that_is_no_unicode_stops_the_connector_and_is_named() {
    assert_stops_at(
        Server::shared(),
        "no_unicode",
        |database| {
            // MySQL puts the bytes of an utf16 column into a document as they are.
            database.exec("CREATE TABLE s (c VARCHAR(9) CHARACTER SET utf16)");
            database.exec("INSERT INTO s VALUES ('\u{1f600}')");
            database.exec("INSERT INTO t SELECT 2, JSON_ARRAY(c) FROM s");
        },
        &[".t", "`v`", "row 1", "UTF-8"],
    );
}

#[test]
fn a_text_that_unicode_does_not_have_stops_the_connector_and_is_named() {
    assert_stops_at(
        Server::shared(),
        "gbk",
        |database| {
            database.exec("ALTER TABLE t ADD COLUMN hanzi VARCHAR(10) CHARACTER SET gbk");
            // A code of gbk without a character: MySQL stores it, and shows a question mark.
            database.exec("INSERT INTO t VALUES (2, NULL, CONVERT(x'D6D0A2A0' USING gbk))");
            assert_eq!(database.value("SELECT hanzi FROM t WHERE id = 2"), "中?");
        },
        &[".t", "`hanzi`", "row 1", "gbk"],
    );
}
