//! Very many tables at once.
//!
//! `ROWMILL_TEST_TABLES=10000 tests/run e2e very_many_tables` measures more of them than fit among the other tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pipeline_tests::{Chance, Connector, Database, Http, Kafka, Raises, Server, until};

use super::snapshot::copying;

/// Tables of a run among all the other tests.
const USUAL: usize = 250;
/// Rows of each before the connector starts.
const ROWS: usize = 3;
/// `limits.memory` where nothing is written, and what the debug build takes beside it, MiB; and what each table takes beside it by its name
/// and topic, KiB.
const LIMIT_MIB: u64 = 192;
const BASE_MIB: u64 = 100;
const TABLE_KIB: u64 = 4;

/// Waits for so many committed records, for as long as some come.
fn wait_for(http: &Http, records: usize) {
    let count = || http.metrics().sum("rowmill_records_total", &[]).unwrap_or_default();
    let records = u32::try_from(records).unwrap().into();
    let mut last = count();
    while last < records {
        last = until("more records", || Some(count()).filter(|now| *now > last));
    }
    assert!(last <= records, "{last} records, of {records}");
}

/// Tables of three columns.
fn narrow(database: &mut Database, tables: usize) {
    for table in 0..tables {
        database.exec(&format!(
            "CREATE TABLE t{table:05} (id INT PRIMARY KEY, name VARCHAR(100), at DATETIME(3))"
        ));
    }
}

/// That of each table the rows 0, 1, 2 and so on have come, in this order and none twice.
fn assert_each_row_came_once(kafka: &Kafka, connector: &Connector, tables: usize, rows: usize) {
    let topics: Vec<String> = (0..tables).map(|table| connector.topic(&format!("t{table:05}"))).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for message in kafka.read_to_ends(&topics) {
        found.entry(message.topic.clone()).or_default().push(message.integer("id"));
    }
    let all: Vec<i64> = (0..i64::try_from(rows).unwrap()).collect();
    for topic in topics {
        assert_eq!(found.get(topic), Some(&all), "{topic}");
    }
}

fn insert(database: &mut Database, table: usize, id: usize) {
    database.exec(&format!("INSERT INTO t{table:05} VALUES ({id}, 'row {id}', NOW())"));
}

/// Rounds of one row in each table, the second round in one transaction; each has come before the next one begins.
fn in_rounds(http: &Http, database: &mut Database, (rounds, tables): (usize, usize), row: impl Fn(&mut Database, usize, usize)) {
    for id in 0..rounds {
        if id == 1 {
            database.exec("BEGIN");
        }
        for table in 0..tables {
            row(database, table, id);
        }
        if id == 1 {
            database.exec("COMMIT");
        }
        wait_for(http, (id + 1) * tables);
    }
}

/// Reads changes of all tables, each into a topic of one partition.
fn reading_all(database: &mut Database, kafka: &Kafka) -> Connector {
    let mut connector = copying(database, kafka, "", "never");
    connector.source = "auto_add = \".*\"".to_owned();
    connector.sink.push_str("\npartitions_with_key = 1");
    connector
}

/// With so little room for what is known of tables; the log tells of new clients.
fn with_room(mut connector: Connector, tables: &str) -> Connector {
    connector.sections = format!("[limits]\ntables = \"{tables}\"");
    connector
        .variables
        .push(("RUST_LOG".to_owned(), "info,rowmill::sink=debug".to_owned()));
    connector
}

#[test]
fn very_many_tables_are_copied_and_read_on_within_the_default_limits() {
    let tables = std::env::var("ROWMILL_TEST_TABLES").map_or(USUAL, |text| text.parse().unwrap());
    let kafka = Kafka::shared();
    let mut database = Server::start(&["--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0"]).database("many");
    database.exec("SET SESSION sql_log_bin = 0");
    for table in 0..tables {
        database.exec(&format!(
            "CREATE TABLE t{table:05} (id INT PRIMARY KEY, name VARCHAR(100) NOT NULL, at DATETIME(3), KEY (name))"
        ));
        let rows: Vec<String> = (0..ROWS).map(|id| format!("({id}, 'row {id}', NOW())")).collect();
        database.exec(&format!("INSERT INTO t{table:05} VALUES {}", rows.join(",")));
    }
    database.exec("SET SESSION sql_log_bin = 1");
    let mut connector = copying(&mut database, &kafka, "", "initial");
    connector.source = "auto_add = \".*\"".to_owned();
    connector.sink.push_str("\npartitions_with_key = 1");
    let started = Instant::now();
    let rowmill = connector.start_listening();
    let told = |what: &str| {
        println!(
            "{what}: {:.1} s after the start, {} MiB resident at most",
            started.elapsed().as_secs_f64(),
            rowmill.peak_memory_mib()
        );
    };
    for table in (0..tables).step_by(50).chain([tables - 1]) {
        let topic = connector.topic(&format!("t{table:05}"));
        until(&topic, || kafka.partitions(&topic));
    }
    told("topics made");
    let http = rowmill.http();
    wait_for(&http, tables * ROWS);
    told("tables copied");
    database.exec("BEGIN");
    for table in 0..tables {
        insert(&mut database, table, ROWS);
    }
    database.exec("COMMIT");
    wait_for(&http, tables * (ROWS + 1));
    told("a transaction over all of them");
    for table in 0..tables {
        insert(&mut database, table, ROWS + 1);
    }
    wait_for(&http, tables * (ROWS + 2));
    told("a transaction for each");
    let peak = rowmill.peak_memory_mib();
    rowmill.terminate().assert_code(0);
    let most = LIMIT_MIB + BASE_MIB + u64::try_from(tables).unwrap() * TABLE_KIB / 1024;
    assert!(peak < most, "{peak} MiB were resident, of {most}");
    for table in [0, tables / 2, tables - 1] {
        let messages = kafka.read(&[&connector.topic(&format!("t{table:05}"))], ROWS + 2);
        let ids: Vec<i64> = messages.iter().map(|message| message.integer("id")).collect();
        assert_eq!(ids, (0..i64::try_from(ROWS + 2).unwrap()).collect::<Vec<_>>(), "t{table:05}");
    }
}

#[test]
fn of_more_tables_than_there_is_room_for_each_row_comes_once_and_in_order() {
    const TABLES: usize = 240;
    let kafka = Kafka::shared();
    let mut database = Server::start(&["--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0"]).database("crowd");
    narrow(&mut database, TABLES);
    let connector = with_room(reading_all(&mut database, &kafka), "1MiB");
    let rowmill = connector.start_listening();
    rowmill.wait_for_log("the stream", |line| line.contains("streaming"));
    let http = rowmill.http();
    in_rounds(&http, &mut database, (4, TABLES), insert);
    let metrics = http.metrics();
    let value = |name: &str| metrics.sum(name, &[]).unwrap();
    assert!(
        value("rowmill_schemas_closed_total") > 500.0,
        "{}",
        value("rowmill_schemas_closed_total")
    );
    assert!(value("rowmill_schemas_open") < 200.0, "{}", value("rowmill_schemas_open"));
    let log = rowmill.terminate().assert_code(0).output();
    let clients = log.matches("a new client has no handles of topics").count();
    assert!(clients >= 2, "{clients} new clients: {log}");
    assert_each_row_came_once(&kafka, &connector, TABLES, 4);
}

#[test]
fn killed_while_tables_come_and_go_it_loses_and_repeats_nothing() {
    const TABLES: usize = 120;
    const KILLS: usize = 8;
    let kafka = Kafka::shared();
    let mut database = Server::start(&["--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0"]).database("crowd_killed");
    narrow(&mut database, TABLES);
    let mut connector = with_room(reading_all(&mut database, &kafka), "512KiB");
    // Rows come before the first process has begun.
    connector.start = database.here();
    let mut chance = Chance::new();
    let (over, mut clients) = (AtomicBool::new(false), 0);
    let mut session = database.session();
    let rows = std::thread::scope(|scope| {
        let ends = Raises(&over);
        let writer = scope.spawn(|| {
            let mut id = 0;
            while !over.load(Ordering::Acquire) {
                for table in 0..TABLES {
                    session.exec(&format!("INSERT INTO t{table:05} VALUES ({id}, 'row {id}', NOW())"));
                }
                id += 1;
            }
            id
        });
        for _ in 0..KILLS {
            let rowmill = connector.start();
            rowmill.wait_for_log("the stream", |line| line.contains("streaming"));
            std::thread::sleep(Duration::from_millis(300 + chance.below(2500)));
            clients += rowmill.kill().output().matches("a new client has no handles of topics").count();
        }
        drop(ends);
        writer.join().unwrap()
    });
    assert!(clients > 0, "no client was made anew before a kill");
    let rowmill = connector.start();
    let last = connector.topic(&format!("t{:05}", TABLES - 1));
    kafka.read(&[&last], rows);
    rowmill.terminate().assert_code(0);
    println!("{} rows, {clients} new clients before {KILLS} kills", rows * TABLES);
    assert_each_row_came_once(&kafka, &connector, TABLES, rows);
}

#[test]
fn tables_of_a_thousand_columns_stay_within_the_limits_however_many_they_are() {
    const TABLES: usize = 120;
    const COLUMNS: usize = 1000;
    let kafka = Kafka::shared();
    let mut database = Server::start(&["--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0"]).database("wide");
    let columns: Vec<String> = (0..COLUMNS).map(|column| format!("column_{column} INT")).collect();
    for table in 0..TABLES {
        database.exec(&format!("CREATE TABLE t{table:05} (id INT PRIMARY KEY, {})", columns.join(",")));
    }
    let connector = reading_all(&mut database, &kafka);
    let rowmill = connector.start_listening();
    rowmill.wait_for_log("the stream", |line| line.contains("streaming"));
    let http = rowmill.http();
    in_rounds(&http, &mut database, (3, TABLES), |database, table, id| {
        database.exec(&format!("INSERT INTO t{table:05} (id) VALUES ({id})"));
    });
    let peak = rowmill.peak_memory_mib();
    println!("{TABLES} tables of {COLUMNS} columns: {peak} MiB resident at most");
    rowmill.terminate().assert_code(0);
    assert!(peak < LIMIT_MIB + BASE_MIB, "{peak} MiB were resident");
    assert_each_row_came_once(&kafka, &connector, TABLES, 3);
}
