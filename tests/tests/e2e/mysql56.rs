//! MySQL 5.6: what its log has in other forms than that of newer servers arrives the same, and positions hold.

use pipeline_tests::{Connector, Database, Kafka, Kind as ServerKind, Server};

use crate::log::own::ids_once;
use crate::oracle::Kind::{Bytes, Decimal, Double, Instant, LargeBytes, LargeText, Long, Text, WallClock};
use crate::oracle::{column, compare_in};
use crate::xa::prepare;

fn wait_for(kafka: &Kafka, connector: &Connector, id: i64) {
    let key = format!("{{\"id\":{id}}}");
    kafka.read_until(&[&connector.topic("t")], |read| read.iter().any(|m| m.key.as_deref() == Some(&key)));
}

#[test]
fn rows_in_events_of_version_1_without_checksums_are_what_the_server_says() {
    let options = ["--log-bin-use-v1-row-events=ON", "--binlog-checksum=NONE"];
    let mut database = Server::start_of(ServerKind::Mysql56, &options).database("version_1");
    let (file, pos) = database.log_end();
    compare_in(
        &mut database,
        &[
            column("tiny_u", "TINYINT UNSIGNED", Long, &["255", "0", "NULL"]),
            column("big", "BIGINT", Long, &["-9223372036854775808", "NULL", "1"]),
            column("money", "DECIMAL(20,4)", Decimal, &["-1234567890.5", "0.0001", "NULL"]),
            column("ratio", "DOUBLE", Double, &["-0e0", "1e300", "NULL"]),
            column("bits", "BIT(12)", Long, &["4095", "0", "NULL"]),
            column("name", "VARCHAR(300) CHARACTER SET gbk", Text, &["REPEAT('中', 300)", "''", "NULL"]),
            column("notes", "TEXT", LargeText, &["REPEAT('😀', 300)", "''", "NULL"]),
            column("raw", "BINARY(4)", Bytes, &["x'0100'", "'abcd'", "NULL"]),
            column("blob", "BLOB", LargeBytes, &["REPEAT(x'00ff', 300)", "''", "NULL"]),
            column("label", "ENUM('ä','b')", Text, &["'ä'", "'b'", "NULL"]),
            column("labels", "SET('a','ö','c')", Text, &["'a,c'", "'ö'", "NULL"]),
            column("span", "TIME(2)", Text, &["'-12:34:56.78'", "'838:59:59'", "NULL"]),
            column("clock", "DATETIME(6)", WallClock, &["'2024-02-29 23:59:58.999999'", "NULL"]),
            column("stamp", "TIMESTAMP(3) NULL", Instant, &["'2024-06-15 12:34:56.789'", "NULL"]),
        ],
        |_, _| (),
    );
    let events = database.log_events(&file, pos);
    let kinds: Vec<&str> = events
        .iter()
        .map(|row| row[2].as_deref().unwrap())
        .filter(|kind| kind.contains("_rows"))
        .collect();
    for kind in ["Write_rows_v1", "Update_rows_v1", "Delete_rows_v1"] {
        assert!(kinds.contains(&kind), "no {kind} in the log");
    }
    assert!(kinds.iter().all(|kind| kind.ends_with("_v1")), "{kinds:?}");
}

/// Restarts of every kind, each behind rows, a DDL statement, and rows.
fn restarts(database: &mut Database, connector: &Connector) {
    let kafka = Kafka::shared();
    let mut rowmill = connector.start();
    let mut wanted = Vec::new();
    let insert = |database: &mut Database, wanted: &mut Vec<i64>| {
        let id = i64::try_from(wanted.len()).unwrap() + 1;
        database.exec(&format!("INSERT INTO t (id) VALUES ({id})"));
        wanted.push(id);
        id
    };
    for (round, statement) in [
        "ALTER TABLE t ADD COLUMN a INT UNSIGNED DEFAULT 4000000000 FIRST",
        "FLUSH BINARY LOGS",
        "ALTER TABLE t ADD COLUMN b VARCHAR(9) CHARACTER SET latin1 DEFAULT 'ä' AFTER a",
        "ALTER TABLE t ADD INDEX (a)",
        "TRUNCATE TABLE t",
        "RENAME TABLE t TO u, u TO t",
    ]
    .into_iter()
    .enumerate()
    {
        let id = insert(database, &mut wanted);
        wait_for(&kafka, connector, id);
        if round % 2 == 0 {
            rowmill.kill();
        } else {
            rowmill.terminate().assert_code(0);
        }
        insert(database, &mut wanted);
        database.exec(statement);
        insert(database, &mut wanted);
        rowmill = connector.start();
    }
    let id = insert(database, &mut wanted);
    wait_for(&kafka, connector, id);
    rowmill.terminate().assert_code(0);
    assert_eq!(ids_once(&kafka, connector), wanted);
    let messages = kafka.read_to_end(&connector.topic("t"));
    for message in messages {
        let id = message.integer("id");
        let names: Vec<String> = message.image("after").into_iter().map(|(name, _)| name).collect();
        // The first statement comes behind two rows, the third behind eight.
        let expected: &[&str] = match id {
            ..=2 => &["id"],
            3..=8 => &["a", "id"],
            _ => &["a", "b", "id"],
        };
        assert_eq!(names, expected, "row {id}");
        if id > 8 {
            assert_eq!(
                (message.column("a").as_deref(), message.column("b").as_deref()),
                (Some("4000000000"), Some("\"ä\""))
            );
        }
    }
}

#[test]
fn restarts_behind_ddl_statements_lose_nothing_by_gtid() {
    let kafka = Kafka::shared();
    let mut database = Server::shared_of(ServerKind::Mysql56).database("restarts");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    assert!(connector.start.contains("gtid"), "{}", connector.start);
    restarts(&mut database, &connector);
}

#[test]
fn restarts_behind_ddl_statements_lose_nothing_by_file_and_offset() {
    let kafka = Kafka::shared();
    let mut database = Server::start_of(ServerKind::Mysql56, &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]).database("restarts");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    assert!(connector.start.contains("pos"), "{}", connector.start);
    restarts(&mut database, &connector);
    let shown = connector.spawn(&["position", "show"]).wait();
    shown.assert_code(0);
    assert!(shown.output().contains("\"binlog.000002\""), "{}", shown.output());
}

#[test]
fn labels_that_the_catalogue_does_not_show_stop_the_connector_and_are_named() {
    let kafka = Kafka::shared();
    let mut database = Server::shared_of(ServerKind::Mysql56).database("labels");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, mood ENUM('\u{1f600}', 'b') CHARACTER SET utf8mb4)");
    // In a character set that has no others, a question mark is one.
    database.exec(
        "CREATE TABLE plain (id INT PRIMARY KEY, mood ENUM('?', 'ä') CHARACTER SET latin1, s SET('a?', '\u{20ac}') CHARACTER SET utf8)",
    );
    let stopping = Connector::new(&mut database, &kafka, "t");
    let plain = Connector::new(&mut database, &kafka, "plain");
    database.exec("INSERT INTO t VALUES (1, 1)");
    database.exec("INSERT INTO plain VALUES (1, 1, 3)");
    let ended = stopping.start().wait();
    ended.assert_code(1);
    for word in [
        format!("{}.t", database.name).as_str(),
        "labels of column mood",
        "leave the table out",
    ] {
        assert!(ended.reason().contains(word), "no {word} in {}", ended.output());
    }
    assert_eq!(kafka.read_to_end(&stopping.topic("t")), []);
    let rowmill = plain.start();
    let message = kafka.read(&[&plain.topic("plain")], 1).remove(0);
    rowmill.terminate().assert_code(0);
    assert_eq!(message.column("mood").as_deref(), Some("\"?\""));
    assert_eq!(message.column("s").as_deref(), Some("\"a?,\u{20ac}\""));
}

/// This server logs them when they are committed, as transactions like others.
fn xa(mut database: Database) {
    let kafka = Kafka::shared();
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let rowmill = connector.start();
    let xid = |name: &str| format!("'{}','{name}',7", connector.name);
    let [mut first, mut second, mut third] = [database.session(), database.session(), database.session()];
    prepare(&mut first, &xid("a"), &["INSERT INTO t VALUES (10), (11)"]);
    prepare(
        &mut second,
        &xid("b"),
        &[
            "INSERT INTO t VALUES (20)",
            "SAVEPOINT s",
            "INSERT INTO t VALUES (21)",
            "ROLLBACK TO s",
        ],
    );
    prepare(&mut third, &xid("c"), &["INSERT INTO t VALUES (30)"]);
    database.exec("INSERT INTO t VALUES (1)");
    second.exec(&format!("XA COMMIT {}", xid("b")));
    third.exec(&format!("XA ROLLBACK {}", xid("c")));
    wait_for(&kafka, &connector, 20);
    rowmill.terminate().assert_code(0);
    database.exec("INSERT INTO t VALUES (2)");
    first.exec(&format!("XA COMMIT {}", xid("a")));
    third.exec(&format!("XA START {}", xid("d")));
    third.exec("INSERT INTO t VALUES (40)");
    third.exec(&format!("XA END {}", xid("d")));
    third.exec(&format!("XA COMMIT {} ONE PHASE", xid("d")));
    database.exec("INSERT INTO t VALUES (3)");
    let rowmill = connector.start();
    wait_for(&kafka, &connector, 3);
    rowmill.terminate().assert_code(0);
    assert_eq!(ids_once(&kafka, &connector), [1, 20, 2, 10, 11, 40, 3]);
}

#[test]
fn xa_transactions_arrive_when_they_are_committed() {
    xa(Server::shared_of(ServerKind::Mysql56).database("xa"));
}

#[test]
fn xa_transactions_without_gtids_arrive_when_they_are_committed() {
    xa(Server::start_of(ServerKind::Mysql56, &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]).database("xa"));
}
