//! What others do to the connector's topics while it runs.

use std::time::{Duration, Instant};

use pipeline_tests::{Connector, Database, Kafka, Kind, Message, Server, until};

pub(super) fn table(stem: &str) -> Database {
    let mut database = Server::shared().database(stem);
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    database
}

pub(super) fn rows(database: &mut Database, ids: std::ops::Range<i64>) {
    ids.for_each(|id| database.exec(&format!("INSERT INTO t VALUES ({id})")));
}

pub(super) fn ids(messages: &[Message]) -> Vec<i64> {
    let mut ids: Vec<i64> = messages.iter().map(|message| message.integer("id")).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_topic_that_is_deleted_is_made_again_and_has_what_came_after() {
    let kafka = Kafka::shared();
    let mut database = table("deleted");
    let connector = Connector::new(&mut database, &kafka, "t");
    let topic = connector.topic("t");
    let rowmill = connector.start();
    rows(&mut database, 0..10);
    kafka.read(&[&topic], 10);
    kafka.delete_topics(&[&topic]);
    until("the topic to be gone", || kafka.partitions(&topic).is_none().then_some(()));
    rows(&mut database, 10..20);
    let gone = Instant::now();
    let again = kafka.read(&[&topic], 10);
    let took = gone.elapsed();
    // A delivery is tried for 60 s.
    assert!(took < Duration::from_secs(30), "it was made again after {took:?}");
    assert_eq!(ids(&again), (10..20).collect::<Vec<_>>());
    assert!(rowmill.log().contains("starting again"), "{}", rowmill.log());
    rowmill.terminate().assert_code(0);
    assert_eq!(kafka.read_to_end(&topic).len(), 10, "nothing comes twice");
}

#[test]
fn event_times_that_the_topic_refuses_stop_the_connector_naming_the_setting_and_nothing_is_lost() {
    let kafka = Kafka::shared();
    let mut database = Server::shared_of(Kind::Mariadb).database("ahead");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let topic = connector.topic("t");
    let rowmill = connector.start();
    rows(&mut database, 0..5);
    kafka.read(&[&topic], 5);
    // Two hours ahead of the broker's clock; a topic takes one.
    database.exec("SET TIMESTAMP = UNIX_TIMESTAMP() + 7200");
    rows(&mut database, 5..6);
    database.exec("SET TIMESTAMP = DEFAULT");
    rows(&mut database, 6..10);
    for rowmill in [rowmill, connector.start()] {
        let ended = rowmill.wait();
        ended.assert_code(1);
        for word in [topic.as_str(), "message.timestamp.after.max.ms", "ahead of the broker's clock"] {
            assert!(ended.reason().contains(word), "the last line lacks {word:?}:\n{}", ended.output());
        }
    }
    assert_eq!(ids(&kafka.read_to_end(&topic)), (0..5).collect::<Vec<_>>());
    kafka.set_of_topic(&topic, "message.timestamp.after.max.ms", "9000000");
    let rowmill = connector.start();
    kafka.read(&[&topic], 10);
    rowmill.terminate().assert_code(0);
    assert_eq!(ids(&kafka.read_to_end(&topic)), (0..10).collect::<Vec<_>>());
}
