//! Rows that tables have before the connector starts: the same records as those of changes, each row as the table has it, also while it
//! changes.

mod moving;
mod purged;
mod refused;
mod requested;
mod values;

use std::time::Duration;

use pipeline_tests::{Connector, Database, Kafka, Kind, Message, Proxy, Rowmill, Server, Traffic, until};

on_each_server!(
    existing_rows_come_once_and_then_the_changes,
    only_ends_when_all_rows_are_delivered,
    never_copies_none,
    a_killed_copy_goes_on_where_it_was,
    keys_of_every_type_lead_through_a_table,
);

/// A connector that copies what is there.
pub(crate) fn copying(database: &mut Database, kafka: &Kafka, tables: &str, snapshot: &str) -> Connector {
    let mut connector = Connector::new(database, kafka, tables);
    connector.start = "\"latest\"".to_owned();
    connector.snapshot = snapshot.to_owned();
    connector
}

/// Rows 1 to `rows`, by doubling.
pub(crate) fn fill(database: &mut Database, table: &str, rows: u32) {
    database.exec(&format!("INSERT INTO {table} (id, text) VALUES (1, 'row 1')"));
    let mut have = 1;
    while have < rows {
        let more = have.min(rows - have);
        database.exec(&format!(
            "INSERT INTO {table} (id, text) SELECT id + {have}, CONCAT('row ', id + {have}) FROM {table} ORDER BY id LIMIT {more}"
        ));
        have += more;
    }
}

/// Waits until all tables are copied.
pub(crate) fn wait_for_last_table(rowmill: &Rowmill) {
    rowmill.wait_for_log("the last table", |line| line.contains("tables_left=0"));
}

/// Puts a proxy before the server through which each statement takes milliseconds, so that a copy of many chunks is not done before it
/// is meddled with, however quick the machine.
fn slowed(connector: &mut Connector) -> Proxy {
    let proxy = Proxy::to(connector.address.1);
    proxy.set(Traffic::Delay(Duration::from_millis(2)));
    connector.address.1 = proxy.port;
    proxy
}

/// Waits until rows of table `t` are committed.
fn wait_for_rows(kafka: &Kafka, connector: &Connector) {
    let topic = connector.topic("t");
    until("some rows", || {
        let records = kafka.partitions(&topic).map_or(0, |_| kafka.records(&topic));
        (records > 0).then_some(())
    });
}

fn ids(messages: &[Message]) -> Vec<i64> {
    messages.iter().map(|message| message.integer("id")).collect()
}

fn existing_rows_come_once_and_then_the_changes(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("existing");
    for table in ["keyed", "vacant"] {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, text VARCHAR(20))"));
    }
    database.exec("CREATE TABLE plain (id INT, text VARCHAR(20))");
    fill(&mut database, "keyed", 1000);
    fill(&mut database, "plain", 500);
    let mut connector = copying(&mut database, &kafka, "keyed,plain,vacant", "initial");
    connector.source = "snapshot_chunk_rows = 100".to_owned();
    connector.sink.push_str("\npartitions_with_key = 1");
    let rowmill = connector.start();
    let keyed = kafka.read(&[&connector.topic("keyed")], 1000);
    assert_eq!(ids(&keyed), (1..=1000).collect::<Vec<i64>>());
    let plain = kafka.read(&[&connector.topic("plain")], 500);
    let mut found = ids(&plain);
    found.sort_unstable();
    assert_eq!(found, (1..=500).collect::<Vec<i64>>());
    for message in keyed.iter().chain(&plain) {
        assert_eq!(message.op(), "INSERT");
        assert_eq!(message.column("text"), Some(format!("\"row {}\"", message.integer("id"))));
    }
    database.exec("UPDATE keyed SET text = 'new' WHERE id = 7");
    database.exec("INSERT INTO plain VALUES (501, 'row 501')");
    database.exec("INSERT INTO vacant VALUES (1, 'row 1')");
    let changed = kafka.read(&[&connector.topic("keyed")], 1002);
    assert_eq!([changed[1000].op(), changed[1001].op()], ["UPDATE_BEFOR", "UPDATE_AFTER"]);
    assert_eq!(kafka.read(&[&connector.topic("plain")], 501)[500].integer("id"), 501);
    assert_eq!(kafka.read(&[&connector.topic("vacant")], 1)[0].op(), "INSERT");
    rowmill.terminate().assert_code(0);
    // A second start has nothing to copy.
    let rowmill = connector.start();
    database.exec("INSERT INTO vacant VALUES (2, 'row 2')");
    kafka.read(&[&connector.topic("vacant")], 2);
    rowmill.terminate().assert_code(0);
    let counts = ["keyed", "plain", "vacant"].map(|table| kafka.records(&connector.topic(table)));
    assert!(counts[0] >= 1002 && kafka.read_to_end(&connector.topic("keyed")).len() == 1002);
    assert_eq!(kafka.read_to_end(&connector.topic("plain")).len(), 501);
    assert_eq!(kafka.read_to_end(&connector.topic("vacant")).len(), 2);
    // Numbers rise over both kinds of rows.
    let numbers: Vec<u64> = kafka.read_to_end(&connector.topic("keyed")).iter().map(Message::sequence).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
}

fn only_ends_when_all_rows_are_delivered(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("only");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(20))");
    fill(&mut database, "t", 300);
    let mut connector = copying(&mut database, &kafka, "t", "only");
    connector.start().wait().assert_code(0);
    assert_eq!(kafka.read_to_end(&connector.topic("t")).len(), 300);
    database.exec("INSERT INTO t VALUES (301, '')");
    // All is copied: a second run adds nothing.
    connector.start().wait().assert_code(0);
    assert_eq!(kafka.read_to_end(&connector.topic("t")).len(), 300);
    // Going on from there loses nothing.
    connector.snapshot = "initial".to_owned();
    let rowmill = connector.start();
    assert_eq!(kafka.read(&[&connector.topic("t")], 301)[300].integer("id"), 301);
    rowmill.terminate().assert_code(0);
}

fn never_copies_none(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("never");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(20))");
    fill(&mut database, "t", 10);
    let connector = copying(&mut database, &kafka, "t", "never");
    let rowmill = connector.start();
    rowmill.wait_for_log("streaming", |line| line.contains("streaming"));
    database.exec("INSERT INTO t VALUES (11, '')");
    kafka.read(&[&connector.topic("t")], 1);
    rowmill.terminate().assert_code(0);
    assert_eq!(ids(&kafka.read_to_end(&connector.topic("t"))), [11]);
}

fn a_killed_copy_goes_on_where_it_was(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("killed");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(20))");
    let rows = 20_000;
    fill(&mut database, "t", rows);
    let mut connector = copying(&mut database, &kafka, "t", "initial");
    connector.source = "snapshot_chunk_rows = 5".to_owned();
    connector.sink.push_str("\npartitions_with_key = 1\ncommit_interval_ms = 1");
    let topic = connector.topic("t");
    let proxy = slowed(&mut connector);
    let rowmill = connector.start();
    wait_for_rows(&kafka, &connector);
    rowmill.kill();
    proxy.set(Traffic::Pass);
    let rowmill = connector.start();
    rowmill.wait_for_log("a copy that goes on", |line| line.contains("going on with the copy"));
    rowmill.wait_for_log("the end of the copy", |line| line.contains("a table is copied"));
    database.exec("INSERT INTO t VALUES (100000, 'last')");
    let messages = kafka.read_until(&[&topic], |messages| {
        messages.last().is_some_and(|message| message.integer("id") == 100_000)
    });
    rowmill.terminate().assert_code(0);
    let mut found = ids(&messages);
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), usize::try_from(rows).unwrap() + 1);
}

/// Definitions of keys, and an expression over a number `n` for each of their columns.
fn keys(kind: Kind) -> Vec<(&'static str, &'static str, &'static str)> {
    let mut all = vec![
        ("k BIGINT UNSIGNED", "k", "18446744073709551615 - n * 3"),
        ("k INT", "k", "n * 7 - 500"),
        ("k MEDIUMINT", "k", "n - 500"),
        ("k YEAR", "k", "1901 + n % 250"),
        ("k DOUBLE", "k", "n / 7 - 50"),
        ("k FLOAT", "k", "n / 7 - 50"),
        ("k DECIMAL(30,10)", "k", "n / 7 - 50"),
        ("k BIT(20)", "k", "n * 3"),
        ("k DATE", "k", "DATE('2020-01-01') + INTERVAL n DAY"),
        (
            "k DATETIME(3)",
            "k",
            "TIMESTAMP('2020-01-01') + INTERVAL n * 70 MINUTE + INTERVAL n * 1000 MICROSECOND",
        ),
        (
            "k TIMESTAMP(6)",
            "k",
            "TIMESTAMP('2020-01-01') + INTERVAL n * 70 MINUTE + INTERVAL n MICROSECOND",
        ),
        ("k TIME(2)", "k", "SEC_TO_TIME(n * 1000 - 500000)"),
        (
            "k VARCHAR(20) COLLATE utf8mb4_general_ci",
            "k",
            "CONCAT(CHAR(65 + n % 26), CHAR(97 + n % 26), n)",
        ),
        (
            "k CHAR(20) COLLATE utf8mb4_bin",
            "k",
            "CONCAT(CHAR(65 + n % 26), n, IF(n % 2, 'ä', ''))",
        ),
        ("k VARCHAR(20) CHARACTER SET gbk", "k", "CONCAT('中', n)"),
        ("k CHAR(9) CHARACTER SET ucs2", "k", "CONCAT('a', n)"),
        ("k VARCHAR(20) CHARACTER SET utf8", "k", "CONCAT('ß', n)"),
        ("k BINARY(6)", "k", "CONCAT(n, '\\0')"),
        ("k VARBINARY(9)", "k", "CONCAT(n, CHAR(0), 'x')"),
        (
            "k VARCHAR(9), l INT, m CHAR(3) COLLATE utf8mb4_general_ci",
            "k, l, m",
            "CONCAT('k', n % 3), n % 7, n",
        ),
        ("k ENUM('z', 'y', 'x'), l INT", "k, l", "1 + n % 3, n"),
        ("k SET('z', 'y', 'x'), l INT", "k, l", "n % 8, n"),
        ("k TEXT, l INT", "k(3), l", "CONCAT('abc', n), n"),
    ];
    if kind == Kind::Mariadb {
        all.push((
            "k UUID",
            "k",
            "CONCAT('00000000-0000-1000-8', LPAD(n % 10, 3, '0'), '-', LPAD(HEX(n), 12, '0'))",
        ));
        all.push(("k INET6", "k", "CONCAT('2001:db8::', HEX(n))"));
    }
    if kind != Kind::Mysql56 {
        all.push((
            "k VARCHAR(20) COLLATE utf8mb4_unicode_520_ci",
            "k",
            "CONCAT(CHAR(65 + n % 26), CHAR(97 + n % 26), n)",
        ));
    }
    all
}

fn keys_of_every_type_lead_through_a_table(server: Server) {
    let kafka = Kafka::shared();
    let kind = server.kind;
    let mut database = server.database("keys");
    database.exec("CREATE TABLE numbers (n INT PRIMARY KEY)");
    let numbers: Vec<String> = (0..250).map(|n| format!("({n})")).collect();
    database.exec(&format!("INSERT INTO numbers VALUES {}", numbers.join(",")));
    database.exec("SET SESSION time_zone = '+00:00'");
    let keys = keys(kind);
    let mut names = Vec::new();
    for (at, (columns, key, expression)) in keys.iter().enumerate() {
        let name = format!("t{at}");
        let columns = columns.replace(" COLLATE", " CHARACTER SET utf8mb4 COLLATE");
        let columns: Vec<String> = columns.split(", ").fold(Vec::new(), |mut all, part| {
            // Labels have commas of their own.
            match all.last_mut() {
                Some(last) if part.starts_with('\'') => *last = format!("{last}, {part}"),
                _ => all.push(part.to_owned()),
            }
            all
        });
        let columns: Vec<String> = columns.iter().map(|column| format!("{column} NOT NULL")).collect();
        database.exec(&format!("CREATE TABLE {name} ({}, n INT, PRIMARY KEY ({key}))", columns.join(", ")));
        database.exec(&format!("INSERT INTO {name} SELECT {expression}, n FROM numbers ORDER BY n"));
        names.push(name);
    }
    let mut connector = copying(&mut database, &kafka, &names.join(","), "only");
    connector.source = "snapshot_chunk_rows = 7".to_owned();
    connector.sink.push_str("\npartitions_with_key = 1");
    connector.start().wait().assert_code(0);
    for (name, (columns, ..)) in names.iter().zip(&keys) {
        let mut found: Vec<i64> = kafka
            .read_to_end(&connector.topic(name))
            .iter()
            .map(|message| message.integer("n"))
            .collect();
        found.sort_unstable();
        assert_eq!(found, (0..250).collect::<Vec<i64>>(), "{columns}");
    }
}
