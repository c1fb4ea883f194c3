//! Logs with and without checksums, and servers that change their mind.

use pipeline_tests::{Connector, Kafka, Kind, Server};

fn assert_follows(kind: Kind) {
    let kafka = Kafka::shared();
    let mut database = Server::start_of(kind, &[]).database("checksums");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut behind = Connector::new(&mut database, &kafka, "t");
    // The first file has another setting than the server when the second connector reads it.
    let (file, pos) = database.log_end();
    behind.start = format!("{{ file = \"{file}\", pos = {pos} }}");
    let along = Connector::new(&mut database, &kafka, "t");
    let rowmill = along.start();
    let mut rows = 0;
    for checksum in ["CRC32", "NONE", "CRC32", "NONE"] {
        database.exec(&format!("SET GLOBAL binlog_checksum = {checksum}"));
        for _ in 0..3 {
            rows += 1;
            database.exec(&format!("INSERT INTO t VALUES ({rows})"));
        }
        kafka.read(&[&along.topic("t")], rows);
        // One that starts within a file is sent the file's description first, changed.
        let (file, pos) = database.log_end();
        let mut within = Connector::new(&mut database, &kafka, "t");
        within.start = format!("{{ file = \"{file}\", pos = {pos} }}");
        let other = within.start();
        rows += 1;
        database.exec(&format!("INSERT INTO t VALUES ({rows})"));
        kafka.read(&[&within.topic("t")], 1);
        other.terminate().assert_code(0);
    }
    rowmill.terminate().assert_code(0);
    let rowmill = behind.start();
    let mut ids: Vec<i64> = kafka.read(&[&behind.topic("t")], rows).iter().map(|m| m.integer("id")).collect();
    rowmill.terminate().assert_code(0);
    ids.sort_unstable();
    assert!(ids.iter().copied().eq(1..=i64::try_from(rows).unwrap()), "{ids:?}");
    assert_eq!(kafka.records(&along.topic("t")), i64::try_from(rows).unwrap());
}

#[test]
fn a_server_of_mysql_that_switches_its_checksums_is_followed() {
    assert_follows(Kind::Mysql);
}

#[test]
fn a_server_of_mysql_5_6_that_switches_its_checksums_is_followed() {
    assert_follows(Kind::Mysql56);
}

#[test]
fn a_server_of_mariadb_that_switches_its_checksums_is_followed() {
    assert_follows(Kind::Mariadb);
}
