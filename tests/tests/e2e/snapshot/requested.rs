//! Copies that somebody asks for.

use pipeline_tests::{Kafka, Rowmill, Server, object_members};

use super::{copying, fill, ids};

on_each_server!(
    a_connector_that_never_copies_does_so_on_request,
    requests_of_a_stopped_connector_are_taken_up_once_at_its_start,
    of_a_table_without_a_key_every_change_is_told_and_then_all_rows,
    a_request_outlives_a_death_at_each_step_and_each_row_comes_once,
);

fn wait_until_copied(rowmill: &Rowmill) {
    rowmill.wait_for_log("the end of the copy", |line| line.contains("a table is copied"));
}

fn a_connector_that_never_copies_does_so_on_request(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("asked");
    for table in ["t", "other"] {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, text VARCHAR(20))"));
        fill(&mut database, table, 300);
    }
    let mut connector = copying(&mut database, &kafka, "t,other", "never");
    connector.source = "snapshot_chunk_rows = 70".to_owned();
    connector.sink.push_str("\npartitions_with_key = 1");
    let rowmill = connector.start();
    rowmill.wait_for_log("the stream", |line| line.contains("streaming"));
    database.exec("UPDATE t SET text = 'changed' WHERE id = 5");
    kafka.read(&[&connector.topic("t")], 2);
    let asked = connector.spawn(&["snapshot", "--table", "t"]).wait();
    asked.assert_code(0);
    let printed: serde_json::Value = serde_json::from_str(&asked.stdout.join("")).unwrap();
    assert_eq!(printed["tables"], serde_json::json!([format!("{}.t", database.name)]));
    wait_until_copied(&rowmill);
    database.exec("INSERT INTO t VALUES (301, 'last')");
    let messages = kafka.read_until(&[&connector.topic("t")], |messages| {
        messages.last().is_some_and(|message| message.integer("id") == 301)
    });
    let wanted: Vec<i64> = [5, 5].into_iter().chain(1..=301).collect();
    assert_eq!(ids(&messages), wanted);
    assert_eq!(messages[6].column("text").as_deref(), Some("\"changed\""));
    let numbers: Vec<u64> = messages.iter().map(pipeline_tests::Message::sequence).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert!(kafka.read_to_end(&connector.topic("other")).is_empty());
    // Once more: the table is done by now.
    connector.spawn(&["snapshot", "--table", "t"]).wait().assert_code(0);
    let twice = kafka.read(&[&connector.topic("t")], 303 + 301);
    assert_eq!(ids(&twice)[303..], (1..=301).collect::<Vec<i64>>());
    rowmill.terminate().assert_code(0);
    let shown = connector.spawn(&["position", "show"]).wait();
    assert!(!shown.assert_code(0).output().contains("copying"), "nothing is left to copy");
}

fn requests_of_a_stopped_connector_are_taken_up_once_at_its_start(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("later");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(20))");
    fill(&mut database, "t", 100);
    let mut connector = copying(&mut database, &kafka, "t", "only");
    connector.sink.push_str("\npartitions_with_key = 1");
    connector.start().wait().assert_code(0);
    assert_eq!(kafka.records(&connector.topic("t")), 100);
    for _ in 0..2 {
        connector.spawn(&["snapshot", "--table", "t"]).wait().assert_code(0);
    }
    // Both ask for the same: the rows come once more, not twice.
    let ended = connector.start().wait();
    assert_eq!(ended.assert_code(0).output().matches("a copy was asked for").count(), 2);
    let copied: Vec<i64> = (1..=100).chain(1..=100).collect();
    assert_eq!(ids(&kafka.read_to_end(&connector.topic("t"))), copied);
    // And are not asked for any more.
    connector.start().wait().assert_code(0);
    connector.snapshot = "never".to_owned();
    let rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (101, 'last')");
    kafka.read(&[&connector.topic("t")], 201);
    rowmill.terminate().assert_code(0);
    assert_eq!(kafka.records(&connector.topic("t")), 201);
}

fn of_a_table_without_a_key_every_change_is_told_and_then_all_rows(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("plain_asked");
    database.exec("CREATE TABLE t (id INT, text VARCHAR(20))");
    fill(&mut database, "t", 50);
    let mut connector = copying(&mut database, &kafka, "t", "initial");
    connector.sink.push_str("\npartitions_with_key = 1");
    let rowmill = connector.start();
    kafka.read(&[&connector.topic("t")], 50);
    rowmill.kill();
    connector.spawn(&["snapshot", "--table", "t"]).wait().assert_code(0);
    // Told by the stream, though the copy that is asked for has it, too.
    database.exec("DELETE FROM t WHERE id > 40");
    let rowmill = connector.start();
    wait_until_copied(&rowmill);
    let messages = kafka.read(&[&connector.topic("t")], 50 + 10 + 40);
    rowmill.terminate().assert_code(0);
    assert!(messages[50..60].iter().all(|message| message.op() == "DELETE"));
    let mut copied = ids(&messages[60..]);
    copied.sort_unstable();
    assert_eq!(copied, (1..=40).collect::<Vec<i64>>());
    assert_eq!(kafka.records(&connector.topic("t")), 100);
}

fn a_request_outlives_a_death_at_each_step_and_each_row_comes_once(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("asked_steps");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(20))");
    fill(&mut database, "t", 300);
    let mut connector = copying(&mut database, &kafka, "t", "never");
    connector.source = "snapshot_chunk_rows = 50".to_owned();
    connector.sink.push_str("\npartitions_with_key = 1");
    let rowmill = connector.start();
    rowmill.wait_for_log("the stream", |line| line.contains("streaming"));
    rowmill.terminate().assert_code(0);
    connector.spawn(&["snapshot", "--table", "t"]).wait().assert_code(0);
    // Up to the commit the request is still there, from then on the table is among those to copy.
    for step in [
        "Loaded",
        "Decided",
        "Stored",
        "Flushed",
        "Committed",
        "Copied",
        "Sent",
        "TableCopied",
    ] {
        connector.dies_at(step, 1);
    }
    let rowmill = connector.start();
    wait_until_copied(&rowmill);
    rowmill.terminate().assert_code(0);
    assert_eq!(ids(&kafka.read_to_end(&connector.topic("t"))), (1..=300).collect::<Vec<i64>>());
}

#[test]
fn a_table_that_the_connector_does_not_have_is_refused_by_its_name() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("refused_copy");
    let mut connector = copying(&mut database, &kafka, "t", "never");
    let ended = connector.spawn(&["snapshot", "--table", "t,other"]).wait();
    assert!(
        ended.assert_code(2).reason().contains(&format!("{}.other", database.name)),
        "{}",
        ended.reason()
    );
    // Nothing listens on this port.
    connector.sink = "brokers = \"127.0.0.1:1\"".to_owned();
    let ended = connector.spawn(&["snapshot", "--table", "t"]).wait();
    assert!(ended.assert_code(1).reason().contains("127.0.0.1:1"), "{}", ended.reason());
}

#[test]
fn without_transactions_and_to_a_file_a_request_is_taken_up_once_too() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("elsewhere");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(20))");
    fill(&mut database, "t", 100);
    let mut plain = copying(&mut database, &kafka, "t", "never");
    plain.sink.push_str("\npartitions_with_key = 1\ntransactions = \"off\"");
    let mut file = copying(&mut database, &kafka, "t", "never");
    file.sink = "kind = \"file\"\npath = \"out.jsonl\"".to_owned();
    let lines = |connector: &pipeline_tests::Connector| std::fs::read_to_string(connector.file("out.jsonl")).unwrap_or_default();
    for connector in [&plain, &file] {
        let rowmill = connector.start();
        rowmill.wait_for_log("the stream", |line| line.contains("streaming"));
        connector.spawn(&["snapshot", "--table", "t"]).wait().assert_code(0);
        wait_until_copied(&rowmill);
        rowmill.terminate().assert_code(0);
        let again = connector.start();
        again.wait_for_log("the stream", |line| line.contains("streaming"));
        database.exec("UPDATE t SET text = CONCAT(text, 'x') WHERE id = 100");
        if connector.name == plain.name {
            let messages = kafka.read(&[&connector.topic("t")], 102);
            assert_eq!(ids(&messages)[..100], (1..=100).collect::<Vec<i64>>());
        } else {
            pipeline_tests::until("the change", || (lines(connector).lines().count() >= 102).then_some(()));
        }
        again.terminate().assert_code(0);
    }
    assert_eq!(kafka.records(&plain.topic("t")), 102);
    let lines = lines(&file);
    assert_eq!(lines.lines().count(), 102);
    let first = object_members(lines.lines().next().unwrap());
    assert!(first.iter().any(|(name, _)| name == "value"), "{first:?}");
    let left = std::fs::read_dir(file.file("out.jsonl").parent().unwrap()).unwrap();
    let names: Vec<String> = left
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.iter().all(|name| !name.contains(".note-")), "{names:?}");
}
