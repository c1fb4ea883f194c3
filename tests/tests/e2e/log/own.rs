//! What needs a server of the test's own: settings that are global, stops and crashes.

use pipeline_tests::{Connector, Kafka, Kind, Server, until};

use super::{LAST, run_to_last, wait_for_last};

/// Ids of the rows of `t`, each once, in the order of the log; a repeated change has the number that it had.
pub(crate) fn ids_once(kafka: &Kafka, connector: &Connector) -> Vec<i64> {
    let mut rows: Vec<(u64, i64)> = kafka
        .read_to_end(&connector.topic("t"))
        .iter()
        .map(|message| (message.sequence(), message.integer("id")))
        .collect();
    rows.sort_unstable();
    rows.dedup();
    rows.into_iter().map(|(_, id)| id).collect()
}

fn checksums_may_be_turned_off_and_on_while_the_log_is_read(kind: Kind) {
    let kafka = Kafka::shared();
    let mut database = Server::start_of(kind, &["--binlog-checksum=NONE"]).database("checksum");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let mut wanted = Vec::new();
    // Once while it runs, once while it does not.
    for round in [0, 100] {
        let rowmill = (round == 0).then(|| connector.start());
        for (id, checksum) in [(1, "NONE"), (2, "CRC32"), (3, "NONE"), (4, "CRC32")] {
            database.exec(&format!("SET GLOBAL binlog_checksum = {checksum}"));
            database.exec(&format!("INSERT INTO t VALUES ({})", round + id));
            wanted.push(round + id);
            if rowmill.is_some() {
                wait_for_last(&kafka, &connector, id);
            }
        }
        if let Some(rowmill) = rowmill {
            rowmill.terminate().assert_code(0);
        }
    }
    run_to_last(&kafka, &connector, &mut database);
    wanted.push(LAST);
    assert_eq!(ids_once(&kafka, &connector), wanted);
}

#[test]
fn checksums_may_be_turned_off_and_on_while_mysqls_log_is_read() {
    checksums_may_be_turned_off_and_on_while_the_log_is_read(Kind::Mysql);
}

#[test]
fn checksums_may_be_turned_off_and_on_while_mysql_5_6s_log_is_read() {
    checksums_may_be_turned_off_and_on_while_the_log_is_read(Kind::Mysql56);
}

#[test]
fn checksums_may_be_turned_off_and_on_while_mariadbs_log_is_read() {
    checksums_may_be_turned_off_and_on_while_the_log_is_read(Kind::Mariadb);
}

fn a_server_that_stops_or_crashes_and_comes_back_is_read_on(kind: Kind) {
    let kafka = Kafka::shared();
    let mut database = Server::start_of(kind, &["--sync-binlog=1"]).database("restart");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let rowmill = connector.start();
    let xid = "'over a restart','',1";
    // MySQL 5.6 does not log what it commits after one.
    let has_xa = kind != Kind::Mysql56;
    if has_xa {
        database.exec(&format!("XA START {xid}"));
        database.exec("INSERT INTO t VALUES (100)");
        database.exec(&format!("XA END {xid}"));
        database.exec(&format!("XA PREPARE {xid}"));
    }
    let mut wanted = Vec::new();
    for (id, signal) in [(1, "TERM"), (2, "KILL")] {
        // The session of the prepared transaction may do nothing else on MariaDB.
        database.session().exec(&format!("INSERT INTO t VALUES ({id})"));
        wanted.push(id);
        wait_for_last(&kafka, &connector, id);
        database.restart(signal);
    }
    let file = database.log_end().0;
    let before = format!("{}{}", &file[..file.len() - 1], 1);
    let stops = database.query(&format!("SHOW BINLOG EVENTS IN '{before}'"));
    assert!(
        stops.iter().any(|row| row[2].as_deref() == Some("Stop")),
        "the first file ends with STOP"
    );
    if has_xa {
        database.exec(&format!("XA COMMIT {xid}"));
        wanted.push(100);
    }
    database.exec(&format!("INSERT INTO t VALUES ({LAST})"));
    wanted.push(LAST);
    wait_for_last(&kafka, &connector, LAST);
    rowmill.terminate().assert_code(0);
    assert_eq!(ids_once(&kafka, &connector), wanted);
}

#[test]
fn a_mysql_that_stops_or_crashes_and_comes_back_is_read_on_prepared_transactions_included() {
    a_server_that_stops_or_crashes_and_comes_back_is_read_on(Kind::Mysql);
}

#[test]
fn a_mysql_5_6_that_stops_or_crashes_and_comes_back_is_read_on() {
    a_server_that_stops_or_crashes_and_comes_back_is_read_on(Kind::Mysql56);
}

#[test]
fn a_mariadb_that_stops_or_crashes_and_comes_back_is_read_on_prepared_transactions_included() {
    a_server_that_stops_or_crashes_and_comes_back_is_read_on(Kind::Mariadb);
}

fn an_incident_stops_and_says_what_to_do(kind: Kind) {
    let kafka = Kafka::shared();
    let options = ["--max-binlog-stmt-cache-size=4096", "--binlog-stmt-cache-size=4096"];
    let mut database = Server::start_of(kind, &options).database("incident");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    database.exec("CREATE TABLE lost (v VARCHAR(2000)) ENGINE = MyISAM");
    let connector = Connector::new(&mut database, &kafka, "t");
    database.exec("INSERT INTO t VALUES (1)");
    // Nothing is left before it for the second one, which begins right there.
    let late = Connector::new(&mut database, &kafka, "t");
    // More than fits, and not to be taken back: the server logs that it lost something.
    let rows = ["(REPEAT('x', 1500))"; 8].join(",");
    database.try_exec(&format!("INSERT INTO lost VALUES {rows}")).unwrap_err();
    assert_eq!(database.value("SELECT COUNT(*) FROM lost"), "8");
    database.exec("INSERT INTO t VALUES (2)");
    for _ in 0..2 {
        let stopped = connector.start().wait();
        stopped.assert_code(1);
        for word in ["INCIDENT", "lost events", "snapshot"] {
            assert!(stopped.reason().contains(word), "no {word:?} in {}", stopped.output());
        }
        assert_eq!(ids_once(&kafka, &connector), [1]);
    }
    let stopped = late.start().wait();
    stopped.assert_code(1);
    assert!(stopped.reason().contains("INCIDENT"), "{}", stopped.output());
    // The way on that the reason names.
    let (file, pos) = database.log_end();
    let set = connector
        .spawn(&["position", "set", "--file", &file, "--pos", &pos.to_string()])
        .wait();
    set.assert_code(0);
    run_to_last(&kafka, &connector, &mut database);
    assert_eq!(ids_once(&kafka, &connector), [1, LAST]);
}

#[test]
fn an_incident_of_mysql_stops_and_says_what_to_do() {
    an_incident_stops_and_says_what_to_do(Kind::Mysql);
}

#[test]
fn an_incident_of_mysql_5_6_stops_and_says_what_to_do() {
    an_incident_stops_and_says_what_to_do(Kind::Mysql56);
}

#[test]
fn an_incident_of_mariadb_stops_and_says_what_to_do() {
    an_incident_stops_and_says_what_to_do(Kind::Mariadb);
}

/// The position of the last row is the last of its file, is read on from the next one, and is still good when its own is gone.
fn a_position_outlives_the_file_that_it_was_in(kind: Kind) {
    let kafka = Kafka::shared();
    let mut database = Server::start_of(kind, &[]).database("purged");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let mut wanted = Vec::new();
    for id in 1..=4 {
        database.exec(&format!("INSERT INTO t VALUES ({id})"));
        wanted.push(id);
        let rowmill = connector.start();
        wait_for_last(&kafka, &connector, id);
        if id % 2 == 0 {
            database.exec("FLUSH BINARY LOGS");
        }
        rowmill.terminate().assert_code(0);
        if id % 2 == 1 {
            database.exec("FLUSH BINARY LOGS");
        }
        let (file, _) = database.log_end();
        // It keeps a file as long as a reader or its own recovery may need it.
        until("the files before to go", || {
            database.exec(&format!("PURGE BINARY LOGS TO '{file}'"));
            (database.query("SHOW BINARY LOGS").len() == 1).then_some(())
        });
    }
    run_to_last(&kafka, &connector, &mut database);
    wanted.push(LAST);
    assert_eq!(ids_once(&kafka, &connector), wanted);
    assert_eq!(kafka.records(&connector.topic("t")), 5, "nothing came again");
}

#[test]
fn a_position_outlives_the_file_that_it_was_in_on_mysql() {
    a_position_outlives_the_file_that_it_was_in(Kind::Mysql);
}

#[test]
fn a_position_outlives_the_file_that_it_was_in_on_mysql_5_6() {
    a_position_outlives_the_file_that_it_was_in(Kind::Mysql56);
}

#[test]
fn a_position_outlives_the_file_that_it_was_in_on_mariadb() {
    a_position_outlives_the_file_that_it_was_in(Kind::Mariadb);
}

#[test]
fn gtids_may_be_turned_on_and_off_while_the_log_is_read() {
    let kafka = Kafka::shared();
    let mut database = Server::start(&["--gtid-mode=OFF", "--enforce-gtid-consistency=ON"]).database("gtid_mode");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    let (file, pos) = database.log_end();
    connector.start = format!("{{ file = \"{file}\", pos = {pos} }}");
    let mut rowmill = connector.start();
    let modes = [
        "OFF",
        "OFF_PERMISSIVE",
        "ON_PERMISSIVE",
        "ON",
        "ON_PERMISSIVE",
        "OFF_PERMISSIVE",
        "OFF",
    ];
    let mut wanted = Vec::new();
    for (mode, first) in modes.iter().zip((10_i64..).step_by(10)) {
        database.exec(&format!("SET GLOBAL gtid_mode = {mode}"));
        // Read at once, read after a crash of the connector, read after a pause of it, over the end of a file or not.
        for (step, id) in (first..first + 4).enumerate() {
            if step == 2 {
                database.exec("FLUSH BINARY LOGS");
            }
            database.exec(&format!("INSERT INTO t VALUES ({id})"));
            wanted.push(id);
            match step {
                0 => wait_for_last(&kafka, &connector, id),
                1 => {
                    rowmill.kill();
                    rowmill = connector.start();
                    wait_for_last(&kafka, &connector, id);
                }
                2 => {
                    wait_for_last(&kafka, &connector, id);
                    rowmill.terminate().assert_code(0);
                    rowmill = connector.start();
                }
                _ => wait_for_last(&kafka, &connector, id),
            }
        }
    }
    rowmill.terminate().assert_code(0);
    assert_eq!(ids_once(&kafka, &connector), wanted);
}
