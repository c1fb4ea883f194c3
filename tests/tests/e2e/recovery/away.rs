//! All brokers are away, or have no room, or take little: for longer than a delivery and a transaction may last.

use std::time::Duration;

use pipeline_tests::{Cluster, Connector, Database, Http, Server, until};
use serde_json::Value;

use super::lasting;
use super::load::{Load, TABLES, judge, tables, wait_for_last};

/// Deliveries and transactions that end soon.
const SHORT: &str = "\"delivery.timeout.ms\" = \"3000\", \"transaction.timeout.ms\" = \"3000\"";

fn loaded(stem: &str, cluster: &Cluster, properties: &str) -> (Database, Connector) {
    let mut database = Server::shared().database(stem);
    tables(&mut database);
    let mut connector = Connector::new(&mut database, &cluster.kafka, TABLES);
    connector.sink += &format!("\ntransactions = \"on\"\nproperties = {{ {properties} }}");
    (database, connector)
}

/// Waits until the connector says that it tries again, for a reason with these words.
fn retries(http: &Http, connector: &Connector, words: &str) {
    let own = format!("/api/connectors/{}", connector.name);
    until(&format!("a retry for {words:?}"), || {
        let told: Value = http.json(&own);
        let text = told["last_fault"]["text"].as_str().unwrap_or_default().to_owned();
        (told["state"] == "retrying" && text.contains(words)).then_some(())
    });
}

#[test]
fn brokers_that_are_away_longer_than_a_transaction_may_last_lose_and_repeat_nothing() {
    let cluster = Cluster::start(1, &[], &[]);
    let kafka = &cluster.kafka;
    // A long outage is one at the default settings.
    let is_long = std::env::var("ROWMILL_TEST_FAULT_S").is_ok();
    let (mut database, connector) = loaded("away", &cluster, if is_long { "" } else { SHORT });
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    let load = Load::start(&database, Duration::from_millis(if is_long { 40 } else { 10 }));
    kafka.read(&[&connector.topic("entries")], 50);
    cluster.kill(1);
    // More than a transaction holds waits in the log meanwhile.
    retries(&http, &connector, "connecting to the brokers");
    load.more(200);
    std::thread::sleep(lasting(Duration::from_secs(6)));
    retries(&http, &connector, &cluster.kafka.brokers);
    let peak = rowmill.peak_memory_mib();
    cluster.start_again(1);
    load.more(20);
    load.stop();
    wait_for_last(kafka, &connector, &mut database);
    rowmill.terminate().assert_code(0);
    judge(kafka, &connector, &mut database);
    assert!(peak < 250, "{peak} MiB were resident");
}
