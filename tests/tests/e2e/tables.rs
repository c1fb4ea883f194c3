//! Very many tables at once.
//!
//! `ROWMILL_TEST_TABLES=10000 tests/run e2e very_many_tables` measures more of them than fit among the other tests.

use std::time::Instant;

use pipeline_tests::{Database, Http, Kafka, Server, until};

use super::snapshot::copying;

/// Tables of a run among all the other tests.
const USUAL: usize = 250;
/// Rows of each before the connector starts.
const ROWS: usize = 3;
/// `limits.memory` where nothing is written, and what the debug build takes beside it, MiB; and what it may know of each table, KiB.
const LIMIT_MIB: u64 = 192;
const BASE_MIB: u64 = 120;
const TABLE_KIB: u64 = 64;

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

fn insert(database: &mut Database, table: usize, id: usize) {
    database.exec(&format!("INSERT INTO t{table:05} VALUES ({id}, 'row {id}', NOW())"));
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
