//! Between the connector and the server: lines that are cut, that stand still, that nobody answers.

use std::time::{Duration, Instant};

use pipeline_tests::{Connector, Cut, Database, Direction, Kafka, Proxy, Server, Traffic, until};

use super::load::{Load, TABLES, judge, tables, wait_for_last};
use super::{lasting, tries_again};

/// The dump stream's heartbeats come each second, and a stream is dead after fifteen.
const SILENCE: Duration = Duration::from_secs(15);

/// A connector that reaches the shared server through a proxy.
fn through_proxy(stem: &str) -> (Database, Connector, Proxy) {
    let mut database = Server::shared().database(stem);
    tables(&mut database);
    let proxy = Proxy::to(database.server.port);
    let mut connector = Connector::new(&mut database, &Kafka::shared(), TABLES);
    connector.address.1 = proxy.port;
    (database, connector, proxy)
}

/// All passes again: new records come within seconds.
fn comes_back(kafka: &Kafka, connector: &Connector, proxy: &Proxy) {
    proxy.set(Traffic::Pass);
    let (passed, before) = (Instant::now(), kafka.records(&connector.topic("entries")));
    kafka.read_until(&[&connector.topic("entries")], |read| i64::try_from(read.len()).unwrap() > before);
    let took = passed.elapsed();
    assert!(took < Duration::from_secs(12), "it came back after {took:?}");
}

#[test]
fn connections_that_are_cut_again_and_again_lose_and_repeat_nothing() {
    let kafka = Kafka::shared();
    let (mut database, connector, proxy) = through_proxy("cut");
    let rowmill = connector.start();
    let load = Load::start(&database, Duration::from_millis(2));
    for round in 0..8 {
        let (before, made) = (kafka.records(&connector.topic("entries")), proxy.connections());
        kafka.read_until(&[&connector.topic("entries")], |read| {
            i64::try_from(read.len()).unwrap() > before + 20
        });
        proxy.cut(if round % 2 == 0 { Cut::Reset } else { Cut::Close });
        until("new connections", || (proxy.connections() > made).then_some(()));
    }
    load.stop();
    wait_for_last(&kafka, &connector, &mut database);
    rowmill.terminate().assert_code(0);
    judge(&kafka, &connector, &mut database);
}

#[test]
fn a_server_that_refuses_connections_is_found_again_within_seconds() {
    let kafka = Kafka::shared();
    let (mut database, connector, proxy) = through_proxy("refused");
    let rowmill = connector.start();
    let load = Load::start(&database, Duration::from_millis(5));
    kafka.read(&[&connector.topic("entries")], 20);
    proxy.set(Traffic::Refuse);
    proxy.cut(Cut::Reset);
    let line = tries_again(&rowmill, &format!("connecting to MySQL at 127.0.0.1:{}", proxy.port));
    assert!(line.contains("attempt=") && line.contains("wait_ms="), "{line}");
    // The fault has to last for a while: there is nothing to wait for.
    std::thread::sleep(lasting(Duration::from_secs(4)));
    comes_back(&kafka, &connector, &proxy);
    load.stop();
    wait_for_last(&kafka, &connector, &mut database);
    rowmill.terminate().assert_code(0);
    judge(&kafka, &connector, &mut database);
}

#[test]
fn a_connection_that_stands_still_is_noticed_within_three_heartbeats() {
    let kafka = Kafka::shared();
    let (mut database, connector, proxy) = through_proxy("frozen");
    let rowmill = connector.start();
    let load = Load::start(&database, Duration::from_millis(5));
    kafka.read(&[&connector.topic("entries")], 20);
    // What we say still gets through; nothing comes back.
    proxy.set(Traffic::Only(Direction::ToServer));
    let frozen = Instant::now();
    tries_again(&rowmill, "silent for 15 s");
    let took = frozen.elapsed();
    assert!(took < SILENCE + Duration::from_secs(5), "it was noticed after {took:?}");
    proxy.set(Traffic::Freeze);
    std::thread::sleep(lasting(Duration::from_secs(1)));
    comes_back(&kafka, &connector, &proxy);
    load.stop();
    wait_for_last(&kafka, &connector, &mut database);
    rowmill.terminate().assert_code(0);
    judge(&kafka, &connector, &mut database);
}

#[test]
fn a_slow_line_delivers_all_of_it() {
    let kafka = Kafka::shared();
    let (mut database, connector, proxy) = through_proxy("slow");
    proxy.set(Traffic::Delay(Duration::from_millis(20)));
    let rowmill = connector.start();
    let load = Load::start(&database, Duration::from_millis(5));
    load.more(100);
    proxy.set(Traffic::Throttle(40_000));
    load.more(100);
    load.stop();
    wait_for_last(&kafka, &connector, &mut database);
    let ended = rowmill.terminate();
    ended.assert_code(0);
    assert!(!ended.output().contains("starting again"), "{}", ended.output());
    judge(&kafka, &connector, &mut database);
}
