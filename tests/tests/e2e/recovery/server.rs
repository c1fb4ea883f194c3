//! The server is restarted, or dies, while rows are written and read.

use std::time::Duration;

use pipeline_tests::{Connector, Kafka, Kind, Server};

use super::load::{Load, TABLES, judge, tables, wait_for_last};

fn server_goes_away_again_and_again(kind: Kind) {
    let kafka = Kafka::shared();
    let mut database = Server::start_of(kind, &[]).database("dies");
    tables(&mut database);
    let connector = Connector::new(&mut database, &kafka, TABLES);
    let rowmill = connector.start();
    let load = Load::start(&database, Duration::from_millis(2));
    for signal in ["KILL", "TERM", "KILL"] {
        let before = kafka.records(&connector.topic("entries"));
        kafka.read_until(&[&connector.topic("entries")], |read| {
            i64::try_from(read.len()).unwrap() > before + 50
        });
        database.restart(signal);
    }
    load.more(20);
    load.stop();
    wait_for_last(&kafka, &connector, &mut database);
    rowmill.terminate().assert_code(0);
    judge(&kafka, &connector, &mut database);
}

#[test]
fn a_mysql_that_dies_and_restarts_under_load_loses_and_repeats_nothing() {
    server_goes_away_again_and_again(Kind::Mysql);
}

#[test]
fn a_mariadb_that_dies_and_restarts_under_load_loses_and_repeats_nothing() {
    server_goes_away_again_and_again(Kind::Mariadb);
}

#[test]
fn a_mysql56_that_dies_and_restarts_under_load_loses_and_repeats_nothing() {
    server_goes_away_again_and_again(Kind::Mysql56);
}
