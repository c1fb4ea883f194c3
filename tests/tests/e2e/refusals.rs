//! What is not supported stops the connector with a reason, and nothing is skipped.

use std::collections::BTreeMap;

use pipeline_tests::{Connector, Database, Ended, Kafka, Kind, Server};

use crate::charsets::write_numbers;

/// Delivers row 1, makes `change`, and expects the connector to stop at it: at once, though nothing comes after it, and again
/// when it is started again with row 3 behind the change, with only row 1 in the topic.
fn assert_stops_at(server: Server, stem: &str, change: impl FnOnce(&mut Database), reason: &[&str]) {
    let kafka = Kafka::shared();
    let mut database = server.database(stem);
    database.exec(&format!("CREATE TABLE t (id INT PRIMARY KEY, v {})", database.server.kind.json()));
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
    rows_of_tables_that_nobody_chose_are_never_decoded,
    an_insert_without_its_key_stops_the_connector_with_what_mends_it,
    a_table_whose_topic_kafka_refuses_stops_the_connector_when_it_appears,
    a_code_without_a_character_is_refused_in_every_character_set_and_is_named,
    a_text_that_unicode_does_not_have_stops_the_connector_and_is_named,
);

fn rows_of_tables_that_nobody_chose_are_never_decoded(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("unchosen");
    database.exec("SET SESSION sql_mode = ''");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    database.exec("CREATE TABLE other (h VARCHAR(10) CHARACTER SET gbk, i INT)");
    let connector = Connector::new(&mut database, &kafka, "t");
    // In one transaction and in one statement with what is wanted.
    database.exec("CREATE TRIGGER also AFTER INSERT ON t FOR EACH ROW INSERT INTO other VALUES (CONVERT(x'D6D0A2A0' USING gbk), NEW.id)");
    database.exec("INSERT INTO t VALUES (1), (2)");
    database.exec("UPDATE other SET i = 7");
    database.exec("DELETE FROM other");
    database.exec("DROP TRIGGER also");
    database.exec("INSERT INTO t VALUES (3)");
    let rowmill = connector.start();
    let mut ids: Vec<i64> = kafka.read(&[&connector.topic("t")], 3).iter().map(|m| m.integer("id")).collect();
    rowmill.terminate().assert_code(0);
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
}

#[test]
fn a_type_that_cannot_be_decoded_matters_in_a_chosen_table_only() {
    let kafka = Kafka::shared();
    let mut database = Server::start_of(Kind::Mariadb, &["--mysql56-temporal-format=OFF"]).database("old_times");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    database.exec("CREATE TABLE old (id INT PRIMARY KEY, a TIME(3), b DATETIME, c TIMESTAMP(6) NULL)");
    let chosen = Connector::new(&mut database, &kafka, "old");
    let other = Connector::new(&mut database, &kafka, "t");
    database.exec("INSERT INTO old VALUES (1, '1:02:03.4', NOW(), NOW())");
    database.exec("INSERT INTO t VALUES (1)");
    let rowmill = other.start();
    assert_eq!(kafka.read(&[&other.topic("t")], 1)[0].integer("id"), 1);
    rowmill.terminate().assert_code(0);
    let ended = chosen.start().wait();
    ended.assert_code(1);
    assert!(ended.reason().contains(&format!("{}.old", database.name)), "{}", ended.output());
    assert!(kafka.read_to_end(&chosen.topic("old")).is_empty());
}

/// For each character set, a well-formed code that it has no character for, as the server itself says.
fn codes_without_a_character(database: &mut Database) -> Vec<(String, String)> {
    database.exec("SET SESSION sql_mode = ''");
    write_numbers(database);
    let sets = database.query("SELECT character_set_name, maxlen FROM information_schema.character_sets ORDER BY 1");
    // Half of a pair, which the server stores and shows as it is.
    let mut found = vec![("ucs2".to_owned(), "D800".to_owned())];
    for set in sets {
        let (name, most) = (set[0].clone().unwrap(), set[1].clone().unwrap());
        if name == "binary" || name.starts_with("utf") || name == "ucs2" {
            continue;
        }
        let (first, last, digits) = if most == "1" { (0x80, 0xff, 2) } else { (0x8000, 0xffff, 4) };
        let codes = database.query(&format!(
            "SELECT MIN(code) FROM (
               SELECT LPAD(HEX(n), {digits}, '0') AS code, CONVERT(UNHEX(LPAD(HEX(n), {digits}, '0')) USING {name}) AS text FROM numbers
               WHERE n BETWEEN {first} AND {last}
             ) AS texts WHERE CHAR_LENGTH(text) = 1 AND HEX(CONVERT(text USING utf32)) = '0000003F'"
        ));
        // Some sets have a character for every code.
        found.extend(codes[0][0].clone().map(|code| (name, code)));
    }
    found
}

fn a_code_without_a_character_is_refused_in_every_character_set_and_is_named(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("no_character");
    let mut codes = codes_without_a_character(&mut database);
    let mut connectors = BTreeMap::new();
    for (set, code) in &codes {
        database.exec(&format!(
            "CREATE TABLE {set} (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET {set})"
        ));
        let mut connector = Connector::new(&mut database, &kafka, set);
        connector.sink = "kind = \"stdout\"".to_owned();
        connectors.insert(set.clone(), connector);
        database.exec(&format!(
            "INSERT INTO {set} VALUES (1, 'x'), (2, CONVERT(CONCAT(CONVERT('y' USING {set}), CONVERT(x'{code}' USING {set})) USING {set}))"
        ));
    }
    // Of some sets the server does not store such a code, but a question mark.
    codes.retain(|(set, code)| database.value(&format!("SELECT HEX(v) FROM {set} WHERE id = 2")).ends_with(code));
    assert!(codes.len() >= 12, "{codes:?}");
    for codes in codes.chunks(4) {
        let running: Vec<_> = codes.iter().map(|(set, _)| connectors[set].start()).collect();
        for (process, (set, code)) in running.into_iter().zip(codes) {
            let ended = process.wait();
            ended.assert_code(1);
            let table = format!("column `v` (varchar(9)) of table {}.{set}, row 2", database.name);
            for word in [table.as_str(), "no text in", set] {
                assert!(
                    ended.reason().contains(word),
                    "x'{code}' in {set}: the last line lacks {word:?}:\n{}",
                    ended.output()
                );
            }
        }
    }
}

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

fn a_text_that_unicode_does_not_have_stops_the_connector_and_is_named(server: Server) {
    assert_stops_at(
        server,
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
