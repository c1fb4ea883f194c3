//! TIME, DATETIME and TIMESTAMP in the form that they had before MySQL 5.6, in tables that are older than their server.

use pipeline_tests::{Database, Kind as ServerKind, Server};

use crate::oracle::Kind::{Instant, Long, Text, WallClock};
use crate::oracle::{Column, column, compare_in};

/// What the form can hold: no fractions. DATETIME takes as many bytes in it as one with six digits in today's.
const fn columns(datetime: &'static str) -> [Column; 8] {
    const SPAN: &[&str] = &[
        "'838:59:59'",
        "'-838:59:59'",
        "'00:00:00'",
        "'-00:00:01'",
        "'12:34:56'",
        "'00:59:00'",
        "NULL",
    ];
    const CLOCK: &[&str] = &[
        "'2024-02-29 23:59:58'",
        "'9999-12-31 23:59:59'",
        "'1000-01-01 00:00:00'",
        "'1969-12-31 23:59:59'",
        "'0000-00-00 00:00:00'",
        "'2024-00-10 01:02:03'",
        "'2024-02-31 11:12:13'",
        "NULL",
    ];
    const STAMP: &[&str] = &[
        "'2024-06-15 12:34:56'",
        "'2038-01-19 03:14:07'",
        "'1970-01-01 00:00:01'",
        "'0000-00-00 00:00:00'",
        "NULL",
    ];
    [
        column("first", "INT UNSIGNED", Long, &["4294967295", "NULL", "7"]),
        column("span", "TIME", Text, SPAN),
        column("clock", datetime, WallClock, CLOCK),
        column("code", "CHAR(3)", Text, &["'ab'", "'éé'", "NULL"]),
        column("stamp", "TIMESTAMP NULL", Instant, STAMP),
        column("new_span", "TIME(3)", Text, &["'-01:02:03.4'", "'838:59:59'", "NULL"]),
        column("new_clock", "DATETIME(4)", WallClock, &["'2024-02-29 23:59:58.9876'", "NULL"]),
        column("last", "TINYINT", Long, &["-1", "127", "NULL"]),
    ]
}

/// Changes the column with today's type code `from`, which must be the only one, to the former type `to`, whose length is `length`
/// characters; in the file that describes a table to MySQL 5.6. An entry for a column there has 17 bytes: at 2 and 3 its length, at 13 the
/// type's code, at 14 the character set of what is no text, at 15 the length of its comment.
fn turn_back(file: &mut [u8], from: (u8, u8), to: (u8, u8)) {
    let is_it = |entry: &[u8]| entry[2..5] == [from.1, from.1, 0] && entry[13..] == [from.0, 8, 0, 0];
    let entries: Vec<usize> = (0..file.len() - 17).filter(|at| is_it(&file[*at..*at + 17])).collect();
    let [at] = entries.as_slice() else {
        panic!("type {from:?} is at {entries:?}")
    };
    file[at + 2..at + 4].copy_from_slice(&[to.1, to.1]);
    file[at + 13] = to.0;
}

/// Makes a table what one of MySQL 5.5 is in MySQL 5.6, which has no statement for it.
fn make_former(database: &mut Database, table: &str) {
    // Its rows are bytes in a file, so that the types that the other file tells are all that says what they are.
    database.exec(&format!("ALTER TABLE {table} ENGINE = MyISAM"));
    database.exec("FLUSH TABLES");
    let path = database.server.log_file(&format!("{}/{table}.frm", database.name));
    let mut file = std::fs::read(&path).unwrap();
    turn_back(&mut file, (19, 10), (11, 10));
    turn_back(&mut file, (18, 26), (12, 19));
    turn_back(&mut file, (17, 19), (7, 19));
    std::fs::write(&path, file).unwrap();
    // What the server itself says of it.
    database.exec("SET SESSION show_old_temporals = ON");
    let types = database.query(&format!(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = '{}' AND table_name = '{table}' AND column_type LIKE '%5.5 binary format%'",
        database.name
    ));
    let names: Vec<&str> = types.iter().map(|row| row[0].as_deref().unwrap()).collect();
    assert_eq!(names, ["span", "clock", "stamp"]);
}

#[test]
fn columns_that_mysql_5_5_made_are_delivered_from_a_newer_server() {
    let mut database = Server::start_of(ServerKind::Mysql56, &[]).database("former");
    // Shown or not, what the catalogue says of the form is no part of the type.
    for shown in ["OFF", "ON"] {
        database.exec(&format!("SET GLOBAL show_old_temporals = {shown}"));
        compare_in(&mut database, &columns("DATETIME(6)"), make_former);
        database.exec("DROP TABLE values_full, values_minimal, values_noblob");
    }
}

#[test]
fn columns_in_the_former_form_are_delivered_from_mariadb() {
    let mut database = Server::start_of(ServerKind::Mariadb, &["--mysql56-temporal-format=OFF"]).database("former");
    // Those with fractions have a form that was MariaDB's own.
    let columns = columns("DATETIME");
    let without_fractions: Vec<Column> = columns.into_iter().filter(|c| !c.name.starts_with("new_")).collect();
    compare_in(&mut database, &without_fractions, |database, table| {
        let shown = database.query(&format!("SHOW CREATE TABLE {table}")).remove(0).remove(1).unwrap();
        assert_eq!(shown.matches("mariadb-5.3").count(), 3, "{shown}");
    });
}
