//! Table maps and row events.

use super::*;
use crate::source::ColumnType;

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
