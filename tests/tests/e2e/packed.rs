//! Compressed transactions arrive as if they were not compressed.

use pipeline_tests::{Connector, Kafka, Server};

/// Rows enough that the payload is unpacked in many pieces.
const ROWS: i64 = 5_000;

#[test]
fn transactions_that_a_session_compresses_arrive_whole_and_in_order() {
    let kafka = Kafka::shared();
    let mut database = Server::start(&[]).database("packed");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
    database.exec("CREATE TABLE other (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    database.exec("INSERT INTO t VALUES (0, 'plain')");
    database.exec("SET SESSION binlog_transaction_compression = ON, cte_max_recursion_depth = 10000");
    database.exec(&format!(
        "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) SELECT i, REPEAT(SHA2(i, 256), 10) FROM n"
    ));
    database.exec("BEGIN");
    database.exec("INSERT INTO other VALUES (1)");
    database.exec("UPDATE t SET v = 'changed' WHERE id = 7");
    database.exec("SAVEPOINT a");
    database.exec("INSERT INTO other VALUES (2)");
    database.exec("DELETE FROM t WHERE id = 8");
    database.exec("COMMIT");
    database.exec("CREATE TABLE made SELECT * FROM other");
    database.exec("SET SESSION binlog_transaction_compression = OFF");
    database.exec("ALTER TABLE t ADD COLUMN w INT");
    database.exec("INSERT INTO t VALUES (-1, 'plain', 1)");
    let status =
        database.value("SELECT COUNT(*) FROM performance_schema.binary_log_transaction_compression_stats WHERE compression_type = 'ZSTD'");
    assert_ne!(status, "0", "the server compressed something");
    let rowmill = connector.start();
    // One insert each, an update as two halves, a delete, the last insert.
    let expected = usize::try_from(ROWS).unwrap() + 5;
    let topic = connector.topic("t");
    let mut messages = kafka.read(&[&topic], expected);
    rowmill.terminate().assert_code(0);
    messages.sort_by_key(|m| (m.sequence(), m.op() == "UPDATE_AFTER"));
    let seen: Vec<(String, i64)> = messages.iter().map(|m| (m.op(), m.integer("id"))).collect();
    let mut wanted: Vec<(String, i64)> = (0..=ROWS).map(|id| ("INSERT".to_owned(), id)).collect();
    wanted.extend([("UPDATE_BEFOR", 7), ("UPDATE_AFTER", 7), ("DELETE", 8), ("INSERT", -1)].map(|(op, id)| (op.to_owned(), id)));
    assert_eq!(seen, wanted);
    // A new start comes after all of it: nothing is sent again.
    database.exec("SET SESSION binlog_transaction_compression = ON");
    database.exec("INSERT INTO t VALUES (-2, 'more', 2)");
    let rowmill = connector.start();
    kafka.read(&[&topic], expected + 1);
    rowmill.terminate().assert_code(0);
    assert_eq!(kafka.read_to_end(&topic).len(), expected + 1);
}
