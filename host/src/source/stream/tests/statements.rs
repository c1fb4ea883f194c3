//! QUERY events.

use super::*;

#[test]
fn ddl_is_a_transaction_of_its_own() {
    let log = Log::start().gtid(1).query("ALTER TABLE t ADD a int").query("TRUNCATE u");
    let mut interpreter = interpreter(Position::default());
    assert_eq!(words(&mut interpreter, &log.events[..5]).unwrap(), ["ddl"]);
    assert_eq!(interpreter.position().gtid.as_ref().unwrap().to_string(), format!("{UUID}:1"));
    assert_eq!(words(&mut interpreter, &log.events[5..]).unwrap(), ["ddl"]);
    assert_eq!(interpreter.position().pos, log.end);
}

#[test]
fn rows_that_are_taken_back_stop_the_stream() {
    let log = Log::start().gtid(1).query("BEGIN").map("t").write();
    for text in ["ROLLBACK", "ROLLBACK TO `s`"] {
        let fault = words(&mut interpreter(Position::default()), &log.clone().query(text).events).unwrap_err();
        assert!(matches!(fault, Fault::Stop(_)), "{text}");
    }
    let empty = Log::start().gtid(1).query("BEGIN").query("ROLLBACK");
    assert_eq!(
        words(&mut interpreter(Position::default()), &empty.events).unwrap(),
        ["begin", "commit"]
    );
}

#[test]
fn statements_in_place_of_rows_stop_the_stream() {
    let log = Log::start().gtid(1).query("BEGIN").query("UPDATE t SET a = 1");
    let text = words(&mut interpreter(Position::default()), &log.events).unwrap_err().to_string();
    assert!(text.contains("binlog_format=ROW"), "{text}");
    let emptied = Log::start()
        .gtid(1)
        .query("BEGIN")
        .query("DELETE FROM `d`.`memory_table`")
        .query("COMMIT");
    assert_eq!(
        words(&mut interpreter(Position::default()), &emptied.events).unwrap(),
        ["begin", "commit"]
    );
}
