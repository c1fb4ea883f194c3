//! Three brokers, of which one at a time dies or goes away while rows are written and read.

use std::time::{Duration, Instant};

use pipeline_tests::{Cluster, Connector, Server};

use super::load::{Load, TABLES, judge, tables, wait_for_last};

#[test]
fn brokers_that_die_and_leaders_that_move_under_load_lose_and_repeat_nothing() {
    let cluster = Cluster::of_three();
    let kafka = &cluster.kafka;
    let mut database = Server::shared().database("brokers");
    tables(&mut database);
    let mut connector = Connector::new(&mut database, kafka, TABLES);
    // Each broker leads two partitions of a table's topic.
    connector.sink += "\ntransactions = \"on\"";
    let rowmill = connector.start();
    let load = Load::start(&database, Duration::from_millis(40));
    let more = || {
        let before = kafka.records(&connector.topic("entries"));
        kafka.read_until(&[&connector.topic("entries")], |read| {
            i64::try_from(read.len()).unwrap() > before + 30
        });
    };
    more();
    for n in 1..=3 {
        if n == 2 {
            // It hands over what it leads, among that perhaps the transactions.
            cluster.stop(n);
        } else {
            cluster.kill(n);
        }
        more();
        cluster.start_again(n);
        // So that it leads again, too.
        cluster.admin(
            "org.apache.kafka.tools.LeaderElectionCommand",
            &["--election-type", "preferred", "--all-topic-partitions"],
        );
        more();
    }
    load.stop();
    wait_for_last(kafka, &connector, &mut database);
    rowmill.terminate().assert_code(0);
    judge(kafka, &connector, &mut database);
}

#[test]
fn a_broker_that_vanishes_without_a_word_holds_changes_up_for_seconds() {
    let cluster = Cluster::of_three();
    let kafka = &cluster.kafka;
    let mut database = Server::shared().database("vanishes");
    tables(&mut database);
    let connector = Connector::new(&mut database, kafka, TABLES);
    let rowmill = connector.start();
    let load = Load::start(&database, Duration::from_millis(40));
    let topic = connector.topic("entries");
    kafka.read(&[&topic], 30);
    // It coordinates the transactions; its connections stay as they are, and nobody answers.
    let n = usize::try_from(kafka.leader("__transaction_state", 0)).unwrap();
    let began = Instant::now();
    cluster.signal(n, "STOP");
    kafka.read_new(&topic, 60);
    let took = began.elapsed();
    cluster.signal(n, "CONT");
    // Requests wait for 60 s.
    assert!(took < Duration::from_secs(45), "changes came again after {took:?}");
    load.stop();
    wait_for_last(kafka, &connector, &mut database);
    rowmill.terminate().assert_code(0);
    judge(kafka, &connector, &mut database);
}
