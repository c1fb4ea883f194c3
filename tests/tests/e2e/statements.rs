//! Statements in the log in place of the rows that they changed: sessions whose `binlog_format` is not ROW.

use pipeline_tests::{Connector, Database, Kafka, Kind, Server};

fn ids(kafka: &Kafka, connector: &Connector, table: &str) -> Vec<i64> {
    let mut rows: Vec<(u64, i64)> = kafka
        .read_to_end(&connector.topic(table))
        .iter()
        .map(|message| (message.sequence(), message.integer("id")))
        .collect();
    rows.sort_unstable();
    rows.into_iter().map(|(_, id)| id).collect()
}

/// A function may change rows.
const TRUST: &str = "--log-bin-trust-function-creators=ON";

/// A server of its own: what it logs stops whoever reads tables that nobody can name.
fn database(kind: Kind, stem: &str) -> Database {
    let options: &[&str] = match kind {
        // With GTIDs it forbids CREATE TABLE … SELECT.
        Kind::Mysql56 => &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF", TRUST],
        Kind::Mysql | Kind::Mariadb => &[TRUST],
    };
    let mut database = Server::start_of(kind, options).database(stem);
    for table in ["t", "u"] {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, v INT)"));
    }
    database
}

/// Statements on other tables, some of which read the chosen one, between rows of it; then one that changes it, and a row behind.
fn stops_or_warns(kind: Kind, format: &str) {
    let kafka = Kafka::shared();
    let mut database = database(kind, "statements");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    let mut by_statement = database.session();
    by_statement.exec(&format!("SET SESSION binlog_format = {format}"));
    database.exec("INSERT INTO t VALUES (1, 1)");
    for sql in [
        "INSERT INTO u VALUES (1, 1), (2, 2)",
        "UPDATE u JOIN t USING (id) SET u.v = t.v + 7",
        "DELETE x FROM u AS x LEFT JOIN t ON t.id = x.id WHERE t.id IS NULL",
        "REPLACE u (id) VALUES (3)",
        "CREATE TABLE made (id INT PRIMARY KEY) SELECT id FROM t",
        "BEGIN",
        "INSERT INTO u VALUES (4, 4)",
        "UPDATE u SET v = 5 WHERE id = 4",
        "COMMIT",
        "CREATE TEMPORARY TABLE passing (id INT)",
        "INSERT INTO passing VALUES (1)",
        "DROP TEMPORARY TABLE passing",
    ] {
        by_statement.exec(sql);
    }
    database.exec("INSERT INTO t VALUES (2, 2)");
    by_statement.exec("INSERT INTO t VALUES (3, 3)");
    by_statement.exec("UPDATE t, u SET t.v = 9 WHERE t.id = 3");
    database.exec("INSERT INTO t VALUES (4, 4)");
    for _ in 0..2 {
        let stopped = connector.start().wait();
        stopped.assert_code(1);
        let table = format!("{}.t", database.name);
        for word in [table.as_str(), "binlog_format=ROW", "source.statements", "binlog."] {
            assert!(stopped.reason().contains(word), "no {word} in {}", stopped.output());
        }
        assert!(!stopped.output().contains("VALUES"), "no row value is shown: {}", stopped.output());
        assert_eq!(ids(&kafka, &connector, "t"), [1, 2]);
    }
    connector.source = "statements = \"warn\"".to_owned();
    let rowmill = connector.start();
    rowmill.wait_for_log("the warning", |line| {
        line.contains("WARN") && line.contains(&format!("{}.t", database.name))
    });
    kafka.read_until(&[&connector.topic("t")], |read| read.iter().any(|m| m.integer("id") == 4));
    rowmill.terminate().assert_code(0);
    assert_eq!(ids(&kafka, &connector, "t"), [1, 2, 4]);
}

#[test]
fn a_statement_on_a_chosen_table_stops_or_warns_and_others_pass_on_mysql() {
    stops_or_warns(Kind::Mysql, "STATEMENT");
}

#[test]
fn a_statement_on_a_chosen_table_stops_or_warns_and_others_pass_on_mysql_5_6() {
    stops_or_warns(Kind::Mysql56, "STATEMENT");
}

#[test]
fn a_statement_on_a_chosen_table_stops_or_warns_and_others_pass_on_mariadb() {
    stops_or_warns(Kind::Mariadb, "MIXED");
}

/// What a statement changes that does not name its tables, and a table that a statement fills.
fn what_is_not_named_stops(kind: Kind) {
    let kafka = Kafka::shared();
    let mut database = database(kind, "unnamed");
    database.exec("CREATE FUNCTION f() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (2, 2); RETURN 1; END");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.tables = String::new();
    connector.source = "auto_add = \"t|filled\"".to_owned();
    database.exec("INSERT INTO t VALUES (1, 1)");
    let mut by_statement = database.session();
    by_statement.exec("SET SESSION binlog_format = STATEMENT");
    by_statement.query("SELECT f()");
    by_statement.exec("CREATE TABLE filled (id INT PRIMARY KEY) SELECT 10 AS id");
    database.exec("INSERT INTO filled VALUES (11)");
    database.exec("INSERT INTO t VALUES (3, 3)");
    let stopped = connector.start().wait();
    stopped.assert_code(1);
    assert!(stopped.reason().contains("does not tell"), "{}", stopped.output());
    assert_eq!(ids(&kafka, &connector, "t"), [1]);
    connector.source.push_str("\nstatements = \"warn\"");
    let rowmill = connector.start();
    rowmill.wait_for_log("the filled table", |line| {
        line.contains("WARN") && line.contains(&format!("{}.filled", database.name))
    });
    kafka.read_until(&[&connector.topic("t")], |read| read.iter().any(|m| m.integer("id") == 3));
    rowmill.terminate().assert_code(0);
    assert_eq!(ids(&kafka, &connector, "t"), [1, 3]);
    assert_eq!(ids(&kafka, &connector, "filled"), [11]);
}

#[test]
fn a_statement_that_names_no_table_and_a_table_that_one_fills_stop_on_mysql() {
    what_is_not_named_stops(Kind::Mysql);
}

#[test]
fn a_statement_that_names_no_table_and_a_table_that_one_fills_stop_on_mysql_5_6() {
    what_is_not_named_stops(Kind::Mysql56);
}

#[test]
fn a_statement_that_names_no_table_and_a_table_that_one_fills_stop_on_mariadb() {
    what_is_not_named_stops(Kind::Mariadb);
}

/// Rows from a file, which the log has with the statement in place of the rows.
fn load_data_stops_or_warns(kind: Kind) {
    let kafka = Kafka::shared();
    let mut database = Server::start_of(kind, &["--secure-file-priv="]).database("load_data");
    for table in ["t", "u"] {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, v INT)"));
    }
    let mut connector = Connector::new(&mut database, &kafka, "t");
    let (log, pos) = database.log_end();
    // The server looks for it in the database's folder.
    std::fs::write(database.server.log_file(&format!("{}/rows.txt", database.name)), "10\t1\n11\t2\n").unwrap();
    let mut by_statement = database.session();
    by_statement.exec("SET SESSION binlog_format = STATEMENT");
    database.exec("INSERT INTO t VALUES (1, 1)");
    by_statement.exec("LOAD DATA INFILE 'rows.txt' INTO TABLE u");
    database.exec("INSERT INTO t VALUES (2, 2)");
    by_statement.exec("LOAD DATA INFILE 'rows.txt' REPLACE INTO TABLE t (id, @v) SET v = @v + 1");
    // Where the session logs rows, there is nothing to lose.
    database.exec("LOAD DATA INFILE 'rows.txt' REPLACE INTO TABLE t");
    database.exec("INSERT INTO t VALUES (3, 3)");
    let events = database.log_events(&log, pos);
    for event in ["Begin_load_query", "Execute_load_query"] {
        let count = events.iter().filter(|row| row[2].as_deref() == Some(event)).count();
        assert_eq!(count, 2, "{event} in {events:?}");
    }
    for _ in 0..2 {
        let stopped = connector.start().wait();
        stopped.assert_code(1);
        let table = format!("{}.t", database.name);
        for word in [table.as_str(), "binlog_format=ROW", "source.statements"] {
            assert!(stopped.reason().contains(word), "no {word} in {}", stopped.output());
        }
        assert_eq!(ids(&kafka, &connector, "t"), [1, 2]);
    }
    connector.source = "statements = \"warn\"".to_owned();
    let rowmill = connector.start();
    rowmill.wait_for_log("the warning", |line| {
        line.contains("WARN") && line.contains(&format!("{}.t", database.name))
    });
    kafka.read_until(&[&connector.topic("t")], |read| read.iter().any(|m| m.integer("id") == 3));
    rowmill.terminate().assert_code(0);
    // The rows were there, so that the second one is two updates, each in two halves.
    assert_eq!(ids(&kafka, &connector, "t"), [1, 2, 10, 10, 11, 11, 3]);
}

#[test]
fn load_data_as_a_statement_stops_or_warns_on_mysql() {
    load_data_stops_or_warns(Kind::Mysql);
}

#[test]
fn load_data_as_a_statement_stops_or_warns_on_mysql_5_6() {
    load_data_stops_or_warns(Kind::Mysql56);
}

#[test]
fn load_data_as_a_statement_stops_or_warns_on_mariadb() {
    load_data_stops_or_warns(Kind::Mariadb);
}
