//! What a plugin keeps, written with the SDK, in the real program.

use pipeline_tests::{Connector, Database, Kafka, Server, until};

use crate::dead_letters::guest;

/// Inserts one row after the other until one comes of which `seen` says that it was awaited; values so far.
fn insert_until(database: &mut Database, connector: &Connector, what: &str, mut seen: impl FnMut() -> bool) -> usize {
    until(what, || {
        database.exec("INSERT INTO t SELECT COALESCE(MAX(id), 0) + 1 FROM t");
        let count: usize = database.value("SELECT COUNT(*) FROM t").parse().unwrap();
        Kafka::shared().read_bytes(&connector.topic("t"), count);
        seen().then_some(count)
    })
}

#[test]
fn a_count_goes_on_over_a_swap_a_kill_and_a_restart() {
    let mut database = Server::shared().database("kept");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &Kafka::shared(), "t");
    connector.sink += "\npartitions_with_key = 1";
    let file = connector.file("tally.wasm");
    let put = |more: &[u8]| {
        let new = file.with_extension("new");
        // A component may end with sections that mean nothing: another version of the same plugin.
        let wasm = [std::fs::read(guest("tally")).unwrap(), more.to_vec()].concat();
        std::fs::write(&new, wasm).unwrap();
        std::fs::rename(&new, &file).unwrap();
    };
    put(&[]);
    connector.plugin = format!("path = {file:?}");
    let rowmill = connector.start();
    insert_until(&mut database, &connector, "a first row", || true);
    put(&[0, 5, 1, b'x', b'a', b'b', b'c']);
    insert_until(&mut database, &connector, "the swap", || rowmill.log().contains("plugin swapped"));
    insert_until(&mut database, &connector, "a row behind it", || true);
    rowmill.kill();
    let rowmill = connector.start();
    insert_until(&mut database, &connector, "a row after the kill", || true);
    rowmill.terminate().assert_code(0);
    let rowmill = connector.start();
    let count = insert_until(&mut database, &connector, "a row after the restart", || true);
    rowmill.terminate().assert_code(0);
    let read = Kafka::shared().read_to_end(&connector.topic("t"));
    let values: Vec<&str> = read.iter().map(|message| message.value.as_str()).collect();
    let expected: Vec<String> = (1..=count).map(|number| format!("t {number}")).collect();
    assert_eq!(values, expected);
    assert!(count >= 5);
}
