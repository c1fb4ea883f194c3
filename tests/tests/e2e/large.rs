//! What is larger than others: rows above 16 MiB, which MySQL splits over packets, and transactions above what may be in memory.

use pipeline_tests::{Connector, Database, Kafka, Server, until};
use serde_json::Value;

/// Rows of the transaction, each of 16 kB: 320 MB together.
const ROWS: i64 = 20_000;

/// On a server of its own: other tests' connectors should not have to read this.
fn database(stem: &str) -> Database {
    Server::start(&["--max-allowed-packet=256M"]).database(stem)
}

/// Bytes that the server's log has grown by since it ended at `before`.
fn logged(database: &mut Database, before: &(String, u64)) -> u64 {
    let after = database.log_end();
    assert_eq!(after.0, before.0, "the log went on in another file");
    after.1 - before.1
}

#[test]
fn a_compressed_transaction_of_hundreds_of_megabytes_goes_through_in_bounded_memory() {
    let kafka = Kafka::shared();
    let mut database = database("huge");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
    let connector = Connector::new(&mut database, &kafka, "t");
    database.exec("SET SESSION binlog_transaction_compression = ON, cte_max_recursion_depth = 100000");
    let before = database.log_end();
    database.exec(&format!(
        "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) SELECT i, REPEAT('rowmill ', 2000) FROM n"
    ));
    let packed = logged(&mut database, &before);
    let unpacked: u64 = database
        .value("SELECT MAX(uncompressed_bytes_counter) FROM performance_schema.binary_log_transaction_compression_stats")
        .parse()
        .unwrap();
    assert!(
        unpacked > 300_000_000 && packed < 30_000_000,
        "{unpacked} bytes unpacked, {packed} in the log"
    );
    let rowmill = connector.start();
    let topic = connector.topic("t");
    until("all rows", || (kafka.records(&topic) >= ROWS).then_some(()));
    let peak = rowmill.peak_memory_mib();
    rowmill.terminate().assert_code(0);
    assert_eq!(kafka.records(&topic), ROWS);
    assert!(peak < 200, "{peak} MiB were resident");
}

#[test]
fn rows_of_more_than_16_mib_arrive_whole() {
    let mut database = database("long");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)");
    let mut connector = Connector::new(&mut database, &Kafka::shared(), "t");
    let path = connector.file("rows.jsonl");
    // Kafka takes no such records: the way up to the sink is meant here.
    connector.sink = format!("kind = \"file\"\npath = \"{}\"", path.display());
    connector.plugin.push_str("\nmemory = \"256MiB\"\ncall_timeout_ms = 60000");
    connector.sections = "[limits]\nmemory = \"1GiB\"".to_owned();
    // With what stands around it the second one ends exactly with a full packet, or near it.
    let sizes = [20_000_000, 16_777_215 - 40, 33_554_430, 5];
    for (id, size) in sizes.iter().enumerate() {
        database.exec(&format!(
            "INSERT INTO t VALUES ({id}, CONCAT(REPEAT('0123456789', {size} DIV 10), 'end'))"
        ));
    }
    database.exec("UPDATE t SET v = CONCAT(v, '!') WHERE id = 0");
    let rowmill = connector.start();
    let lines = || std::fs::read_to_string(&path).unwrap_or_default();
    until("all rows", || (lines().matches('\n').count() >= sizes.len() + 2).then_some(()));
    rowmill.terminate().assert_code(0);
    let column = |line: &str, image: &str, name: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let message: Value = serde_json::from_str(line["value"].as_str().unwrap()).unwrap();
        message["payload"][image]["dataColumn"][name].clone()
    };
    let value = |size: usize, end: &str| format!("{}end{end}", "0123456789".repeat(size / 10));
    let text = lines();
    let mut found = text.lines();
    for (id, size) in sizes.into_iter().enumerate() {
        let line = found.next().unwrap();
        assert!(
            column(line, "after", "id") == id && column(line, "after", "v") == value(size, ""),
            "row {id} is another"
        );
    }
    let (before, after) = (found.next().unwrap(), found.next().unwrap());
    assert!(column(before, "before", "v") == value(sizes[0], "") && column(after, "after", "v") == value(sizes[0], "!"));
}

#[test]
fn an_event_above_the_limit_is_passed_over_in_a_table_that_nobody_chose_and_stops_in_one_that_is_chosen() {
    let kafka = Kafka::shared();
    let mut database = database("above");
    for table in ["t", "other"] {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, v LONGTEXT)"));
    }
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.sections = "[limits]\nrow = \"1MiB\"".to_owned();
    let topic = connector.topic("t");
    let rowmill = connector.start();
    let mut expected = 0;
    for compression in ["OFF", "ON"] {
        database.exec(&format!("SET SESSION binlog_transaction_compression = {compression}"));
        database.exec(&format!("INSERT INTO other VALUES ({expected}, REPEAT('x', 60000000))"));
        database.exec(&format!("INSERT INTO t VALUES ({expected}, 'small')"));
        expected += 1;
        kafka.read(&[&topic], expected);
    }
    let peak = rowmill.peak_memory_mib();
    rowmill.terminate().assert_code(0);
    assert!(peak < 150, "{peak} MiB were resident");
    for (compression, kind) in [("OFF", "WRITE_ROWS event"), ("ON", "WRITE_ROWS event")] {
        let mut connector = Connector::new(&mut database, &kafka, "t");
        connector.sections = "[limits]\nrow = \"1MiB\"".to_owned();
        database.exec(&format!("SET SESSION binlog_transaction_compression = {compression}"));
        database.exec("REPLACE INTO t VALUES (7, REPEAT('x', 60000000))");
        let ended = connector.start().wait();
        ended.assert_code(1);
        let reason = ended.reason();
        assert!(reason.contains(kind) && reason.contains("raise limits.row"), "{}", ended.output());
        assert_eq!(kafka.records(&connector.topic("t")), 0);
        database.exec("DELETE FROM t WHERE id = 7");
    }
    // What can't be compressed, as one event.
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.sections = "[limits]\nrow = \"1MiB\"".to_owned();
    database.exec("SET SESSION cte_max_recursion_depth = 100000");
    database.exec(
        "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 6000) \
         SELECT i, TO_BASE64(RANDOM_BYTES(1000)) FROM n",
    );
    let ended = connector.start().wait();
    ended.assert_code(1);
    let reason = ended.reason();
    assert!(
        reason.contains("TRANSACTION_PAYLOAD") && reason.contains("raise limits.row"),
        "{}",
        ended.output()
    );
    connector.sections.clear();
    let rowmill = connector.start();
    until("all rows", || (kafka.records(&connector.topic("t")) == 5901).then_some(()));
    rowmill.terminate().assert_code(0);
}
