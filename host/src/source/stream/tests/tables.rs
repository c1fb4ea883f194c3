//! Table maps and row events.

use super::*;
use crate::source::{ColumnType, Table};

#[test]
fn a_table_map_tells_names_types_and_the_key_in_its_order() {
    let log = Log::start().gtid(1).query("BEGIN").map("t").write();
    let mut interpreter = interpreter(Position::default());
    let (last, before) = log.events.split_last().unwrap();
    words(&mut interpreter, before).unwrap();
    let Change::Rows(rows) = interpreter.read(last).unwrap() else {
        panic!("no rows")
    };
    let columns: Vec<_> = rows
        .table
        .columns
        .iter()
        .map(|c| format!("{} {} {}", c.name, c.type_text, c.nullable))
        .collect();
    assert_eq!(columns, ["id int unsigned false", "name varchar(10) true"]);
    assert_eq!(rows.table.columns[0].kind, ColumnType::Int { bytes: 4, unsigned: true });
    assert_eq!(rows.table.key, [1, 0]);
    assert!(rows.first.whole && rows.first.present == [3] && rows.second == rows.first);
    assert_eq!(rows.data, [0, 1, 0, 0, 0, 1, b'x']);
}

#[test]
fn tables_nobody_chose_are_not_looked_into() {
    let mut log = Log::start().gtid(1).query("BEGIN");
    log = log
        .add(
            TABLE_MAP,
            [&[9, 0, 0, 0, 0, 0, 1, 0, 1, b'd', 0, 1, b'u', 0][..], &[0xff; 9]].concat(),
        )
        .write()
        .xid();
    assert_eq!(
        words(&mut interpreter(Position::default()), &log.events).unwrap(),
        ["begin", "commit"]
    );
}

#[test]
fn a_map_without_names_stops_with_the_setting_that_mends_it() {
    let log = Log::start().gtid(1).query("BEGIN").add(TABLE_MAP, table_map(9, "t", false));
    let text = words(&mut interpreter(Position::default()), &log.events).unwrap_err().to_string();
    assert!(
        text.contains("d.t") && text.contains("SET GLOBAL binlog_row_metadata=FULL"),
        "{text}"
    );
}

#[test]
fn the_same_table_under_another_id_is_the_same_version() {
    let mut interpreter = interpreter(Position::default());
    let log = Log::start().gtid(1).query("BEGIN").map("t");
    words(&mut interpreter, &log.events).unwrap();
    let version = interpreter.tables.get(9).unwrap().unwrap().version;
    let log = log.add(TABLE_MAP, table_map(11, "t", true));
    words(&mut interpreter, &log.events[log.events.len() - 1..]).unwrap();
    assert_eq!(interpreter.tables.get(11).unwrap().unwrap().version, version);
}

#[test]
fn rows_in_the_form_of_mysql_5_5_are_read() {
    let log = Log::start().gtid(1).query("BEGIN").map("t");
    let log = log.add(
        UPDATE_V1,
        [9, 0, 0, 0, 0, 0, 1, 0, 2, 0xff, 0b01, 0, 1, 0, 0, 0, 1, b'x', 0, 2, 0, 0, 0].to_vec(),
    );
    let (last, before) = log.events.split_last().unwrap();
    let mut interpreter = interpreter(Position::default());
    words(&mut interpreter, before).unwrap();
    let Change::Rows(rows) = interpreter.read(last).unwrap() else {
        panic!("no rows")
    };
    assert!(rows.op == RowOp::Update && rows.first.whole && !rows.second.whole && rows.second.present == [1]);
    assert_eq!(rows.data.len(), 12);
}

/// A statement of its own that adds a row to each of these tables, whose ids count on from 1.
fn statement(mut log: Log, number: u8, tables: &[String]) -> Log {
    log = log.gtid(number).query("BEGIN");
    for (table, id) in tables.iter().zip(1..) {
        log = log.add(TABLE_MAP, table_map(id, table, true));
    }
    for (id, left) in (1..).zip((0..tables.len()).rev()) {
        let end = u8::from(left == 0);
        log = log.add(WRITE, [id, 0, 0, 0, 0, 0, end, 0, 2, 0, 2, 0xff, 0, 1, 0, 0, 0, 1, b'x'].to_vec());
    }
    log.xid()
}

/// Tables `t0`, `t1` and so on, and an interpreter that has chosen them, with room for none.
fn crowd(count: usize) -> (Vec<String>, Interpreter) {
    let names: Vec<String> = (0..count).map(|n| format!("t{n}")).collect();
    let filter = TableFilter {
        named: names.iter().map(|name| ("d".to_owned(), name.clone())).collect(),
        ..TableFilter::default()
    };
    let interpreter = Interpreter::new(Position::default(), filter, Catalog::none()).with_tables_limit(1);
    (names, interpreter)
}

/// The tables of all rows.
fn tables_of(interpreter: &mut Interpreter, events: &[Event]) -> Vec<Table> {
    let mut tables = Vec::new();
    for event in events {
        if let Change::Rows(rows) = interpreter.read(event).unwrap() {
            tables.push(Table::clone(rows.table));
        }
    }
    tables
}

#[test]
fn a_table_that_was_forgotten_is_the_version_that_it_was_when_it_comes_again() {
    let (names, mut interpreter) = crowd(9);
    let mut log = Log::start();
    for round in 0..3 {
        for (name, number) in names.iter().zip(1..) {
            log = statement(log, round * 9 + number, std::slice::from_ref(name));
        }
    }
    let tables = tables_of(&mut interpreter, &log.events);
    assert_eq!(tables[..9], tables[9..18]);
    assert_eq!(tables[..9], tables[18..]);
    assert!(
        interpreter.tables.known_whole() < 3,
        "{} are known",
        interpreter.tables.known_whole()
    );
    // A DDL statement asks for it: it is told again.
    assert_eq!(interpreter.last_version("d", "t0").as_deref(), Some(&tables[0]));
}

#[test]
fn what_the_table_maps_of_an_open_statement_said_is_not_forgotten() {
    let (names, mut interpreter) = crowd(200);
    let log = statement(Log::start(), 1, &names);
    let log = statement(log, 2, &names);
    let tables = tables_of(&mut interpreter, &log.events);
    let told: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert!(told.iter().copied().eq(names.iter().chain(&names).map(String::as_str)));
}
