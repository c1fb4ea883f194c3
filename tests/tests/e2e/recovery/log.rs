//! The server's log is not any more what the position is a place in: it was reset.

use pipeline_tests::{Connector, Database, Ended, Kafka, Kind, Rowmill, Server};

fn table(server: Server) -> (Database, Connector) {
    let mut database = server.database("log");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &Kafka::shared(), "t");
    (database, connector)
}

/// Commits rows one by one.
fn rows(database: &mut Database, ids: std::ops::Range<i64>) {
    ids.for_each(|id| database.exec(&format!("INSERT INTO t VALUES ({id})")));
}

/// It has stopped for a reason with these words, and no more than `count` rows have come.
fn stopped(rowmill: Rowmill, connector: &Connector, count: usize, words: &[&str]) -> Ended {
    let ended = rowmill.wait();
    ended.assert_code(1);
    for word in words {
        assert!(ended.reason().contains(word), "the last line lacks {word:?}:\n{}", ended.output());
    }
    assert_eq!(Kafka::shared().read_to_end(&connector.topic("t")).len(), count);
    ended
}

fn reset(database: &mut Database) {
    let statement = if database.server.kind == Kind::Mysql {
        "RESET BINARY LOGS AND GTIDS"
    } else {
        "RESET MASTER"
    };
    database.exec(statement);
}

const BY_FILE: &[&str] = &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"];

/// The log is reset while the connector is away, and again while it reads; the new log grows less or more than the old one.
fn stops_where_the_log_was_reset(server: Server) {
    let (mut database, mut connector) = table(server);
    let kafka = Kafka::shared();
    let (mut next, mut count) = (0, 0);
    for (is_away, more) in [(true, 3), (true, 60), (false, 3), (false, 60)] {
        rows(&mut database, next..next + 20);
        (next, count) = (next + 20, count + 20);
        let rowmill = connector.start();
        kafka.read(&[&connector.topic("t")], count);
        let rowmill = if is_away {
            rowmill.terminate().assert_code(0);
            None
        } else {
            Some(rowmill)
        };
        reset(&mut database);
        rows(&mut database, next..next + more);
        next += more;
        let rowmill = rowmill.unwrap_or_else(|| connector.start());
        stopped(rowmill, &connector, count, &["reset", "take a new snapshot", "move the position"]);
        // Another connector begins with what comes next.
        connector = Connector::new(&mut database, &kafka, "t");
        count = 0;
    }
}

#[test]
fn a_log_of_mysql_that_was_reset_stops_the_connector_by_gtid() {
    stops_where_the_log_was_reset(Server::start_of(Kind::Mysql, &[]));
}

#[test]
fn a_log_of_mysql_that_was_reset_stops_the_connector_by_file() {
    stops_where_the_log_was_reset(Server::start_of(Kind::Mysql, BY_FILE));
}

#[test]
fn a_log_of_mariadb_that_was_reset_stops_the_connector() {
    stops_where_the_log_was_reset(Server::start_of(Kind::Mariadb, &[]));
}
