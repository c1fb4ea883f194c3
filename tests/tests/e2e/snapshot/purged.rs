//! Changes that the server purged before the connector read them.

use std::collections::BTreeMap;

use pipeline_tests::{Connector, Database, Kafka, Kind, Message, Server, until};

use super::{copying, fill, ids, wait_for_last_table};

/// A connector that has read 100 rows, and a server that has purged what came after: of `t` an insert, an update and a delete, of `plain`,
/// which has no key, an insert.
fn left_behind(server: Server) -> (Database, Connector) {
    let kafka = Kafka::shared();
    let mut database = server.database("gap");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(20))");
    database.exec("CREATE TABLE plain (id INT, text VARCHAR(20))");
    let mut connector = copying(&mut database, &kafka, "t,plain", "initial");
    connector.sink.push_str("\npartitions_with_key = 1");
    let rowmill = connector.start();
    rowmill.wait_for_log("the stream", |line| line.contains("streaming"));
    fill(&mut database, "t", 100);
    kafka.read(&[&connector.topic("t")], 100);
    rowmill.terminate().assert_code(0);
    // So that the position is not the very end of what is purged.
    database.exec("INSERT INTO t VALUES (101, 'lost')");
    database.exec("UPDATE t SET text = 'lost' WHERE id = 1");
    database.exec("DELETE FROM t WHERE id = 2");
    database.exec("INSERT INTO plain VALUES (1, 'row 1')");
    database.exec("FLUSH BINARY LOGS");
    let (file, _) = database.log_end();
    until("the files before to go", || {
        database.exec(&format!("PURGE BINARY LOGS TO '{file}'"));
        (database.query("SHOW BINARY LOGS").len() == 1).then_some(())
    });
    (database, connector)
}

fn stops_with_what_was_lost(server: Server, lost: impl Fn(&mut Database) -> String) {
    let (mut database, connector) = left_behind(server);
    let ended = connector.start().wait();
    let lost = lost(&mut database);
    let reason = ended.assert_code(1).reason();
    for part in [lost.as_str(), "purged", "source.on_purged", "position set"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    // Nothing has been touched: it stops again.
    connector.start().wait().assert_code(1);
}

fn copies_everything_anew(server: Server) {
    let kafka = Kafka::shared();
    let (mut database, mut connector) = left_behind(server);
    connector.source = "on_purged = \"snapshot\"".to_owned();
    let rowmill = connector.start();
    let warned = rowmill.wait_for_log("the warning", |line| line.contains("has purged changes"));
    assert!(warned.contains("deleted meanwhile"), "{warned}");
    wait_for_last_table(&rowmill);
    database.exec("DELETE FROM t WHERE id = 3");
    let messages = kafka.read(&[&connector.topic("t")], 201);
    let plain = kafka.read(&[&connector.topic("plain")], 1);
    rowmill.terminate().assert_code(0);
    assert_eq!(ids(&plain), [1]);
    let mut rows: BTreeMap<i64, String> = BTreeMap::new();
    for message in &messages {
        match message.op().as_str() {
            "DELETE" => drop(rows.remove(&message.integer("id"))),
            _ => drop(rows.insert(message.integer("id"), message.column("text").unwrap())),
        }
    }
    // Row 2 is the one that was deleted meanwhile, of which nobody is told.
    let wanted: Vec<i64> = (1..=101).filter(|id| *id != 3).collect();
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), wanted);
    assert_eq!(
        (rows[&1].as_str(), rows[&101].as_str(), rows[&2].as_str()),
        ("\"lost\"", "\"lost\"", "\"row 2\"")
    );
    let numbers: Vec<u64> = messages.iter().map(Message::sequence).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    // The gap is behind: a restart copies nothing.
    let rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (102, 'new')");
    kafka.read(&[&connector.topic("t")], 202);
    rowmill.terminate().assert_code(0);
    assert_eq!(kafka.records(&connector.topic("t")), 202);
}

fn without_gtids(kind: Kind) -> Server {
    Server::start_of(kind, &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"])
}

#[test]
fn mysql_stops_and_names_the_transactions_that_were_purged() {
    stops_with_what_was_lost(Server::start(&[]), |database| {
        let all = database.gtids();
        let last: u64 = all.rsplit('-').next().unwrap().parse().unwrap();
        format!("{}-{last}", last - 3)
    });
}

#[test]
fn mariadb_stops_and_names_the_transactions_that_were_purged() {
    stops_with_what_was_lost(Server::start_of(Kind::Mariadb, &[]), |database| {
        let last: u64 = database.gtids().rsplit('-').next().unwrap().parse().unwrap();
        format!("{} to {last} of domain 0", last - 3)
    });
}

#[test]
fn without_gtids_the_files_are_named_that_were_purged() {
    for kind in [Kind::Mysql, Kind::Mysql56] {
        stops_with_what_was_lost(without_gtids(kind), |database| format!("before {}", database.log_end().0));
    }
}

#[test]
fn after_a_purge_mysql_is_copied_anew() {
    copies_everything_anew(Server::start(&[]));
}

#[test]
fn after_a_purge_mysql_5_6_without_gtids_is_copied_anew() {
    copies_everything_anew(without_gtids(Kind::Mysql56));
}

#[test]
fn after_a_purge_mariadb_is_copied_anew() {
    copies_everything_anew(Server::start_of(Kind::Mariadb, &[]));
}
