//! Rows that are written once, and what arrives of them: for many values of few columns, where `oracle` would take long.

use pipeline_tests::{Connector, Database, Kafka, Message};

/// Makes table `t` with a column `id` and these columns, inserts a row for each of `values` (what stands after the id), and gives
/// the messages of all rows in their order.
pub(crate) fn written(database: &mut Database, columns: &str, values: &[String]) -> Vec<Message> {
    written_by(database, columns, values, |_| ())
}

/// The same, with a connector that `change` has changed.
pub(crate) fn written_by(database: &mut Database, columns: &str, values: &[String], change: impl FnOnce(&mut Connector)) -> Vec<Message> {
    let kafka = Kafka::shared();
    database.exec(&format!("CREATE TABLE t (id INT PRIMARY KEY, {columns})"));
    let mut connector = Connector::new(database, &kafka, "t");
    connector.sink.push_str("\npartitions_with_key = 1");
    change(&mut connector);
    database.exec("BEGIN");
    for (id, row) in values.iter().enumerate() {
        database.exec(&format!("INSERT INTO t VALUES ({id}, {row})"));
    }
    database.exec("COMMIT");
    let rowmill = connector.start();
    let messages = kafka.read(&[&connector.topic("t")], values.len());
    rowmill.terminate().assert_code(0);
    messages
}
