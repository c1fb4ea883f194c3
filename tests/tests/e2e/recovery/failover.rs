//! The server dies for good, and a replica takes its place behind the same address.

use std::time::Duration;

use pipeline_tests::{Connector, Database, Kafka, Kind, Proxy, Server, until};

use super::load::{Load, TABLES, judge, tables, wait_for_last};

/// A primary with the tables of the load, its replica, and what stands before them.
fn pair(kind: Kind, options: &[&str]) -> (Database, Database, Proxy) {
    let mut database = Server::start_of(kind, options).database("failover");
    tables(&mut database);
    let replica = database.server.replica(options);
    catches_up(&mut database, &replica);
    let standby = database.on(replica);
    let proxy = Proxy::to(database.server.port);
    (database, standby, proxy)
}

/// Waits until the replica has what the primary has now.
fn catches_up(database: &mut Database, replica: &Server) {
    let last = database.value("SELECT MAX(id) FROM (SELECT id FROM entries UNION SELECT 0) AS all_of_them");
    let count = format!("SELECT COUNT(*) FROM `{}`.entries WHERE id >= {last}", database.name);
    let mut session = replica.session();
    until("the replica to have it all", || {
        let exists = session.query(&format!(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = '{}' AND table_name = 'counters'",
            database.name
        ));
        if exists.is_empty() {
            return None;
        }
        (last == "0" || session.value(&count) != "0").then_some(())
    });
}

fn connector_goes_on_by_gtid(kind: Kind) {
    let kafka = Kafka::shared();
    let (database, mut standby, proxy) = pair(kind, &[]);
    let mut database = database;
    let mut connector = Connector::new(&mut database, &kafka, TABLES);
    connector.address.1 = proxy.port;
    let rowmill = connector.start();
    let load = Load::start(&database, Duration::from_millis(3));
    let more = |count: i64| {
        let before = kafka.records(&connector.topic("entries"));
        kafka.read_until(&[&connector.topic("entries")], |read| {
            i64::try_from(read.len()).unwrap() > before + count
        });
    };
    more(100);
    // Only what the replica has got survives: so that it is all of it, nothing is written at the moment.
    load.stop();
    catches_up(&mut database, &standby.server);
    database.server.down("KILL");
    standby.server.promote();
    proxy.lead_to(standby.server.port);
    let load = Load::start(&standby, Duration::from_millis(3));
    more(100);
    load.stop();
    wait_for_last(&kafka, &connector, &mut standby);
    rowmill.terminate().assert_code(0);
    judge(&kafka, &connector, &mut standby);
}

#[test]
fn after_a_failover_a_connector_of_mysql_goes_on_by_gtid_without_loss() {
    connector_goes_on_by_gtid(Kind::Mysql);
}

#[test]
fn after_a_failover_a_connector_of_mariadb_goes_on_by_gtid_without_loss() {
    connector_goes_on_by_gtid(Kind::Mariadb);
}

/// Transactions that the connector has delivered, and the replica never got.
fn some_are_lost(kind: Kind, options: &[&str], words: &[&str]) {
    let kafka = Kafka::shared();
    let (mut database, mut standby, proxy) = pair(kind, options);
    let mut connector = Connector::new(&mut database, &kafka, TABLES);
    connector.address.1 = proxy.port;
    let rowmill = connector.start();
    database.exec("INSERT INTO entries (filler) VALUES ('both have it')");
    kafka.read(&[&connector.topic("entries")], 1);
    catches_up(&mut database, &standby.server);
    standby.exec(if kind == Kind::Mysql { "STOP REPLICA" } else { "STOP SLAVE" });
    database.exec("INSERT INTO entries (filler) VALUES ('only the primary has it')");
    kafka.read(&[&connector.topic("entries")], 2);
    database.server.down("KILL");
    standby.server.promote();
    proxy.lead_to(standby.server.port);
    standby.exec("INSERT INTO entries (filler) VALUES ('the new primary goes on')");
    let ended = rowmill.wait();
    ended.assert_code(1);
    for word in words {
        assert!(ended.reason().contains(word), "the last line lacks {word:?}:\n{}", ended.output());
    }
    assert_eq!(
        kafka.records(&connector.topic("entries")),
        2,
        "nothing of the other history is delivered"
    );
}

#[test]
fn a_mysql_that_lacks_what_was_delivered_is_not_read() {
    some_are_lost(Kind::Mysql, &[], &["lacks"]);
}

#[test]
fn a_mariadb_that_lacks_what_was_delivered_is_not_read() {
    some_are_lost(Kind::Mariadb, &[], &["move the position"]);
}

#[test]
fn a_position_by_file_is_not_looked_up_on_another_server() {
    some_are_lost(
        Kind::Mysql,
        &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"],
        &["another server", "gtid_mode"],
    );
}
