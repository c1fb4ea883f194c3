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
fn a_statement_in_place_of_rows_of_a_chosen_table_stops_or_passes_as_configured() {
    for text in [
        "UPDATE t SET a = 1",
        "SELECT f()",
        "DELETE FROM D.T",
        "INSERT INTO u SELECT * FROM t",
    ] {
        let log = Log::start().gtid(1).query("BEGIN").query(text).xid().transaction(2, "t");
        let stopped = words(&mut interpreter(Position::default()), &log.events);
        if text.contains("INTO u") {
            assert_eq!(stopped.unwrap(), ["begin", "commit", "begin", "insert", "commit"]);
            continue;
        }
        let reason = stopped.unwrap_err().to_string();
        assert!(
            reason.contains("binlog_format=ROW") && reason.contains("source.statements"),
            "{reason}"
        );
        let mut passes = interpreter(Position::default()).pass_statements(true);
        assert_eq!(
            words(&mut passes, &log.events).unwrap(),
            ["begin", "commit", "begin", "insert", "commit"],
            "{text}"
        );
    }
}

#[test]
fn a_table_that_a_logged_statement_fills_stops_or_passes_as_configured() {
    let log = Log::start().gtid(1).query("CREATE TABLE t SELECT 1 AS a").transaction(2, "t");
    let text = words(&mut interpreter(Position::default()), &log.events).unwrap_err().to_string();
    assert!(text.contains("d.t"), "{text}");
    let mut passes = interpreter(Position::default()).pass_statements(true);
    assert_eq!(words(&mut passes, &log.events).unwrap(), ["ddl", "begin", "insert", "commit"]);
    let other = Log::start().gtid(1).query("CREATE TABLE u SELECT 1 AS a");
    assert_eq!(words(&mut interpreter(Position::default()), &other.events).unwrap(), ["ddl"]);
}

#[test]
fn a_logged_load_of_a_file_is_the_statement_at_its_end() {
    let load = |table: &str| {
        let mut body = vec![0; 8];
        body.extend_from_slice(&[1, 0, 0, 0, 0]);
        body.extend_from_slice(&[7; 13]);
        body.extend_from_slice(b"d\0");
        body.extend_from_slice(format!("LOAD DATA LOCAL INFILE 'x' INTO TABLE `{table}` (a)").as_bytes());
        body
    };
    let begun = || {
        let log = Log::start().gtid(1).query("BEGIN").add(17, vec![7, 0, 0, 0, b'x']);
        log.add(9, vec![7, 0, 0, 0, b'y'])
    };
    let other = begun().add(18, load("u")).xid();
    assert_eq!(
        words(&mut interpreter(Position::default()), &other.events).unwrap(),
        ["begin", "commit"]
    );
    let chosen = begun().add(18, load("t")).xid();
    let text = words(&mut interpreter(Position::default()), &chosen.events)
        .unwrap_err()
        .to_string();
    assert!(text.contains("d.t"), "{text}");
    let mut passes = interpreter(Position::default()).pass_statements(true);
    assert_eq!(words(&mut passes, &chosen.events).unwrap(), ["begin", "commit"]);
    for code in [6, 8, 10, 12] {
        let old = Log::start().gtid(1).query("BEGIN").add(code, vec![0; 30]);
        assert!(words(&mut interpreter(Position::default()), &old.events).is_err(), "{code}");
    }
}
