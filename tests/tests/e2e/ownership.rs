//! One process at a time runs a connector, whoever else is started, dies or stands still; and what one leaves open is not seen.

use pipeline_tests::{Connector, Database, Kafka, Message, Proxy, Rowmill, Server, Traffic, until};

/// Rows of one transaction of a load.
const PAIR: usize = 2;

fn table(database: &mut Database) {
    database.exec("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, pair INT NOT NULL)");
}

/// Commits pairs of rows.
fn pairs(database: &mut Database, from: usize, count: usize) {
    for pair in from..from + count {
        database.exec(&format!("INSERT INTO t (pair) VALUES ({pair}), ({pair})"));
    }
}

/// What a `read_committed` reader sees once the last row has come: every row once, with rising numbers.
fn verify(kafka: &Kafka, topic: &str, rows: usize) -> Vec<Message> {
    let mut messages = kafka.read_until(&[topic], |read| read.len() >= rows);
    messages.sort_by_key(Message::sequence);
    let ids: Vec<i64> = messages.iter().map(|m| m.integer("id")).collect();
    let wanted: Vec<i64> = (1..=i64::try_from(rows).unwrap()).collect();
    assert_eq!(ids, wanted);
    assert!(messages.windows(2).all(|two| two[0].sequence() < two[1].sequence()));
    messages
}

fn owns(rowmill: &Rowmill) {
    rowmill.wait_for_log("that it runs the connector", |log| log.contains("this process runs the connector"));
}

fn waits(rowmill: &Rowmill) {
    rowmill.wait_for_log("that it waits", |log| log.contains("waiting for the connector"));
}

/// Readers see nothing that was committed behind a transaction that is open, such as one of a connector that was just killed.
#[test]
fn a_transaction_that_another_connector_left_open_hides_no_position() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("hidden");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (1)");
    kafka.read(&[&connector.topic("t")], 1);
    let open = kafka.open_transaction("rowmill_positions", "somebody-else");
    database.exec("INSERT INTO t VALUES (2)");
    kafka.read(&[&connector.topic("t")], 2);
    rowmill.terminate().assert_code(0);
    let rowmill = connector.start();
    rowmill.wait_for_log("the wait", |line| line.contains("waiting for the end of a transaction"));
    // One of which nothing is hidden does not wait.
    let other = Connector::new(&mut database, &kafka, "t");
    let beside = other.start();
    database.exec("INSERT INTO t VALUES (4)");
    kafka.read(&[&other.topic("t")], 1);
    beside.terminate().assert_code(0);
    open.abort();
    database.exec("INSERT INTO t VALUES (3)");
    kafka.read_until(&[&connector.topic("t")], |read| {
        read.iter().any(|message| message.integer("id") == 3)
    });
    rowmill.terminate().assert_code(0);
    assert_eq!(kafka.records(&connector.topic("t")), 4, "nothing came again");
}

#[test]
fn a_second_process_waits_and_takes_over_when_the_first_dies() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("takeover");
    table(&mut database);
    let mut connector = Connector::new(&mut database, &kafka, "t");
    let topic = connector.topic("t");
    let first = connector.start();
    pairs(&mut database, 0, 10);
    kafka.read(&[&topic], 10 * PAIR);
    // One beside it, and one whose cache is its own, as on another machine.
    let second = connector.start();
    waits(&second);
    connector.top = format!("cache_dir = {:?}", connector.file("elsewhere"));
    let third = connector.start();
    waits(&third);
    pairs(&mut database, 10, 10);
    kafka.read(&[&topic], 20 * PAIR);
    first.kill();
    pairs(&mut database, 20, 10);
    kafka.read(&[&topic], 30 * PAIR);
    until("one that runs the connector", || {
        let running = |rowmill: &Rowmill| rowmill.log().contains("this process runs the connector");
        (running(&second) != running(&third)).then_some(())
    });
    second.terminate().assert_code(0);
    pairs(&mut database, 30, 10);
    verify(&kafka, &topic, 40 * PAIR);
    owns(&third);
    third.terminate().assert_code(0);
}

#[test]
fn an_owner_that_stood_still_writes_nothing_when_it_wakes_and_waits_for_its_turn() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("zombie");
    table(&mut database);
    let connector = Connector::new(&mut database, &kafka, "t");
    let topic = connector.topic("t");
    let first = connector.start();
    pairs(&mut database, 0, 20);
    kafka.read(&[&topic], 20 * PAIR);
    let second = connector.start();
    waits(&second);
    first.signal("STOP");
    // What it has read and not committed when it stops must not come twice.
    pairs(&mut database, 20, 20);
    kafka.read(&[&topic], 40 * PAIR);
    owns(&second);
    first.signal("CONT");
    pairs(&mut database, 40, 20);
    first.wait_for_log("that it is not the owner any more", |log| log.contains("starting again"));
    kafka.read(&[&topic], 60 * PAIR);
    second.kill();
    pairs(&mut database, 60, 20);
    kafka.read(&[&topic], 80 * PAIR);
    first.terminate().assert_code(0);
    verify(&kafka, &topic, 80 * PAIR);
}

#[test]
fn a_process_that_is_killed_and_started_again_has_its_connector_at_once() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("again");
    table(&mut database);
    let connector = Connector::new(&mut database, &kafka, "t");
    let topic = connector.topic("t");
    for round in 0..5 {
        let rowmill = connector.start();
        pairs(&mut database, round, 1);
        kafka.read(&[&topic], (round + 1) * PAIR);
        rowmill.kill();
    }
    verify(&kafka, &topic, 5 * PAIR);
}

#[test]
fn a_transaction_larger_than_kafka_takes_comes_in_parts_and_goes_on_in_the_middle() {
    const ROWS: usize = 60_000;
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("parts");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, filler VARCHAR(200))");
    database.exec("CREATE TABLE other (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &kafka, "t,other");
    connector.sink += "\ntransaction_max_bytes = \"1MiB\"";
    connector.source = "transaction_markers = true".to_owned();
    database.exec("INSERT INTO t VALUES (0, 'before')");
    database.exec("SET SESSION cte_max_recursion_depth = 1000000");
    database.exec("BEGIN");
    for part in 0..6 {
        let (from, to) = (part * ROWS / 6 + 1, (part + 1) * ROWS / 6);
        database.exec(&format!(
            "INSERT INTO t WITH RECURSIVE n AS (SELECT {from} AS id UNION ALL SELECT id + 1 FROM n WHERE id < {to}) SELECT id, REPEAT('x', 100) FROM n"
        ));
        database.exec(&format!("INSERT INTO other VALUES ({part})"));
    }
    database.exec("COMMIT");
    database.exec("INSERT INTO t VALUES (1000000, 'after')");
    let topic = connector.topic("t");
    // At first so slow that it is within the transaction when it is killed, however late that is.
    let slow = Proxy::to(connector.address.1);
    slow.set(Traffic::Throttle(2 << 20));
    connector.address.1 = slow.port;
    let mut resumed = 0;
    let mut seen = 0;
    while seen < ROWS {
        let rowmill = connector.start();
        seen = kafka.read(&[&topic], (seen + 2_000).min(ROWS)).len();
        resumed += usize::from(rowmill.kill().output().contains("going on inside a transaction"));
        if resumed > 0 {
            slow.set(Traffic::Pass);
        }
    }
    assert!(resumed > 0, "no start went on inside the transaction");
    let rowmill = connector.start();
    let last = |m: &Message| m.op() == "INSERT" && m.integer("id") == 1_000_000;
    kafka.read_until(&[&topic], |read| {
        read.last().is_some_and(last) || (read.len() > ROWS && read.iter().rev().take(5).any(last))
    });
    rowmill.terminate().assert_code(0);
    for (topic, rows, markers) in [(topic, ROWS + 2, 3), (connector.topic("other"), 6, 1)] {
        let messages = kafka.read_to_end(&topic);
        let count = |op: &str| messages.iter().filter(|m| m.op() == op).count();
        assert_eq!(
            (count("TRANSACTION_BEGIN"), count("TRANSACTION_END")),
            (markers, markers),
            "{topic}"
        );
        let mut inserts: Vec<&Message> = messages.iter().filter(|m| m.op() == "INSERT").collect();
        inserts.sort_by_key(|m| m.sequence());
        let ids: Vec<i64> = inserts.iter().map(|m| m.integer("id")).collect();
        assert_eq!(ids.len(), rows, "{topic}");
        assert!(ids.windows(2).all(|two| two[0] < two[1]), "each once, in the order of the log");
    }
}

#[test]
fn a_position_is_moved_only_while_no_process_runs_the_connector_on_any_machine() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("standstill");
    table(&mut database);
    let mut connector = Connector::new(&mut database, &kafka, "t");
    let rowmill = connector.start();
    pairs(&mut database, 0, 1);
    kafka.read(&[&connector.topic("t")], PAIR);
    let start = connector.start.clone();
    let gtid = start.split('"').nth(1).unwrap();
    // With a cache of its own, it can't see the other process's lock.
    let elsewhere = format!("cache_dir = {:?}", connector.file("elsewhere"));
    for top in [elsewhere, String::new()] {
        connector.top = top;
        let refused = connector.spawn(&["position", "set", "--gtid", gtid]).wait();
        refused.assert_code(1);
        assert!(refused.reason().contains("runs already: stop it first"), "{}", refused.output());
    }
    rowmill.terminate().assert_code(0);
    connector.spawn(&["position", "set", "--gtid", gtid]).wait().assert_code(0);
    let rowmill = connector.start();
    kafka.read(&[&connector.topic("t")], 2 * PAIR);
    rowmill.terminate().assert_code(0);
}
