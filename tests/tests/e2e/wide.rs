//! Rows that are large, and rows of which much comes, at the default limits: what fits goes through within `limits.memory`, what does not
//! is refused with the settings that mend it.

use pipeline_tests::{Connector, Database, Ended, Kafka, Rowmill, Server, until};

use super::snapshot::{copying, wait_for_last_table};

/// `limits.memory` where nothing is written, MiB.
const DEFAULT_MIB: u64 = 192;
/// What the debug build takes beside it: itself, its libraries, the compiled plugin, stacks, buffers of both connections.
const BASE_MIB: u64 = 120;
/// The largest record that Kafka is to take here.
const RECORD: &str = "100000000";

#[track_caller]
fn assert_bounded(rowmill: &Rowmill, limit_mib: u64) {
    let peak = rowmill.peak_memory_mib();
    println!("{peak} MiB were resident at most, limits.memory = {limit_mib} MiB");
    assert!(
        peak < limit_mib + BASE_MIB,
        "{peak} MiB were resident, with limits.memory = {limit_mib} MiB"
    );
}

/// A table `t (id, v)` on a server of its own, and a connector of it whose topic takes large records.
fn large(stem: &str) -> (Database, Kafka, Connector) {
    let kafka = Kafka::shared();
    let mut database = Server::start(&["--max-allowed-packet=256M"]).database(stem);
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector
        .sink
        .push_str(&format!("\nproperties = {{ \"message.max.bytes\" = \"{RECORD}\" }}"));
    kafka.create_topic_with(&connector.topic("t"), 1, &[("max.message.bytes", RECORD)]);
    (database, kafka, connector)
}

/// Waits for so many committed records.
fn wait_for(rowmill: &Rowmill, records: u32) {
    let http = rowmill.http();
    until("all records", || {
        (http.metrics().sum("rowmill_records_total", &[]) >= Some(f64::from(records))).then_some(())
    });
}

/// The number of MiB behind these words of a reason.
#[track_caller]
fn named(ended: &Ended, words: &str) -> u64 {
    let reason = ended.reason();
    let number = reason.split(words).nth(1).and_then(|rest| rest.split("MiB").next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no {words:?}: {}", ended.output()))
}

#[test]
fn rows_of_20_mb_come_and_one_of_60_mb_becomes_a_letter_within_the_default_limits() {
    let (mut database, kafka, mut connector) = large("twenty");
    connector.plugin.push_str("\non_error = \"dead_letter\"");
    let insert = |database: &mut Database, id: usize, tens: usize| {
        database.exec(&format!("INSERT INTO t VALUES ({id}, CONCAT(REPEAT('0123456789', {tens}), {id}))"));
    };
    // As fast as they can be read.
    for (id, tens) in [2_000_000, 2_000_000, 2_000_000, 6_000_000, 1].into_iter().enumerate() {
        insert(&mut database, id, tens);
    }
    let rowmill = connector.start_listening();
    wait_for(&rowmill, 4);
    assert_bounded(&rowmill, DEFAULT_MIB);
    rowmill.terminate().assert_code(0);
    let messages = kafka.read(&[&connector.topic("t")], 4);
    let texts: Vec<String> = messages.iter().map(|message| message.column("v").unwrap()).collect();
    let found: Vec<(usize, &str)> = texts.iter().map(|text| (text.len(), &text[text.len() - 3..])).collect();
    let large = 20_000_003;
    assert_eq!(found, [(large, "90\""), (large, "91\""), (large, "92\""), (13, "94\"")]);
    let letters = kafka.read_to_end(&connector.topic("dead_letters"));
    assert_eq!(letters.len(), 1);
    let header = |name: &str| {
        letters[0]
            .headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!((header("code"), header("stage")), (Some("out_of_memory"), Some("plugin")));
    assert_eq!(header("left_out"), Some("arrow,values"));
    assert_eq!(letters[0].key.as_deref(), Some("{\"id\":3}"));
    assert_eq!(letters[0].json()["cut"]["after.v"], 60_000_001);
}

#[test]
fn a_row_of_60_mb_and_its_update_are_refused_with_the_limits_that_they_need_and_come_with_these() {
    let (mut database, kafka, mut connector) = large("sixty");
    let plugin = connector.plugin.clone();
    let topic = connector.topic("t");
    let mut records = 0;
    for sql in [
        "INSERT INTO t VALUES (1, REPEAT('0123456789', 6000000))",
        "UPDATE t SET v = CONCAT(v, '!')",
    ] {
        database.exec(sql);
        let ended = connector.start().wait();
        ended.assert_code(1);
        assert!(ended.reason().contains(&format!("{}.t", database.name)), "{}", ended.reason());
        let (memory, all) = (named(&ended, "the plugin's memory to "), named(&ended, "limits.memory to "));
        connector.plugin = format!("{plugin}\nmemory = \"{memory}MiB\"");
        connector.sections = format!("[limits]\nmemory = \"{all}MiB\"");
        let rowmill = connector.start_listening();
        let more = if records == 0 { 1 } else { 2 };
        wait_for(&rowmill, more);
        records += more;
        assert_bounded(&rowmill, all);
        rowmill.terminate().assert_code(0);
    }
    assert_eq!(kafka.records(&topic), i64::from(records));
}

#[test]
fn a_plugin_that_makes_much_of_a_batch_gets_smaller_ones_and_all_of_it_comes_in_order() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("much");
    let columns: Vec<String> = (0..900).map(|n| format!("a_column_with_the_number_{n:03} INT")).collect();
    database.exec(&format!("CREATE TABLE t (id INT PRIMARY KEY, {})", columns.join(", ")));
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.sink.push_str("\npartitions_with_key = 1");
    // 300 bytes each in the log, and some 100,000 as a record: all are one batch, of which 150 MB come.
    database.exec("SET SESSION cte_max_recursion_depth = 10000");
    database.exec("INSERT INTO t (id) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) SELECT i FROM n");
    let rowmill = connector.start_listening();
    wait_for(&rowmill, 1500);
    let calls = rowmill.http().metrics().value("rowmill_plugin_call_seconds_count", &[]);
    assert!(calls >= 5.0, "{calls}");
    assert_bounded(&rowmill, DEFAULT_MIB);
    rowmill.terminate().assert_code(0);
    let topic = connector.topic("t");
    let keys: Vec<String> = kafka
        .read(&[&topic], 1500)
        .into_iter()
        .map(|message| message.key.unwrap())
        .collect();
    assert_eq!(keys, (1..=1500).map(|id| format!("{{\"id\":{id}}}")).collect::<Vec<_>>());
}

#[test]
fn a_batch_above_a_plugins_memory_goes_to_it_in_smaller_ones() {
    let (mut database, kafka, mut connector) = large("smaller");
    connector.sections = "[batch]\nmax_bytes = \"64MiB\"".to_owned();
    connector.plugin.push_str("\nmemory = \"16MiB\"");
    database.exec("SET SESSION cte_max_recursion_depth = 10000");
    database.exec(
        "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) SELECT i, REPEAT('0123456789', 100000) FROM n",
    );
    let rowmill = connector.start_listening();
    wait_for(&rowmill, 30);
    assert_bounded(&rowmill, DEFAULT_MIB);
    rowmill.terminate().assert_code(0);
    let ids: Vec<i64> = kafka
        .read(&[&connector.topic("t")], 30)
        .iter()
        .map(|message| message.integer("id"))
        .collect();
    assert_eq!(ids, (1..=30).collect::<Vec<_>>());
}

#[test]
fn a_table_of_rows_of_a_megabyte_is_copied_within_the_default_limits() {
    let rows = 150;
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("megabytes");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)");
    database.exec("SET SESSION sql_log_bin = 0, cte_max_recursion_depth = 10000");
    database.exec(&format!(
        "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
         SELECT i, REPEAT('0123456789', 100000) FROM n"
    ));
    database.exec("SET SESSION sql_log_bin = 1");
    let mut connector = copying(&mut database, &kafka, "t", "initial");
    connector.sink.push_str("\nproperties = { \"message.max.bytes\" = \"2000000\" }");
    kafka.create_topic_with(&connector.topic("t"), 1, &[("max.message.bytes", "2000000")]);
    let rowmill = connector.start_listening();
    wait_for_last_table(&rowmill);
    wait_for(&rowmill, rows);
    assert_bounded(&rowmill, DEFAULT_MIB);
    rowmill.terminate().assert_code(0);
    let keys = kafka
        .read_to_end(&connector.topic("t"))
        .into_iter()
        .map(|message| message.key.unwrap());
    assert_eq!(
        keys.collect::<Vec<_>>(),
        (1..=rows).map(|id| format!("{{\"id\":{id}}}")).collect::<Vec<_>>()
    );
}
