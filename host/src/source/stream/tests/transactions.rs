//! Transactions, files, and the position that follows them.

use super::*;

#[test]
fn a_transaction_is_begin_rows_commit_and_moves_the_position() {
    let log = Log::start().transaction(1, "t");
    let mut interpreter = interpreter(Position::default());
    assert_eq!(words(&mut interpreter, &log.events).unwrap(), ["begin", "insert", "commit"]);
    let position = interpreter.position();
    assert_eq!((position.file.as_str(), position.pos), ("log.1", log.end));
    assert_eq!(position.gtid.as_ref().unwrap().to_string(), format!("{UUID}:1"));
    let transaction = interpreter.transaction();
    assert_eq!(transaction.gtid, format!("{UUID}:1"));
    assert_eq!(
        (transaction.commit_time_ms, transaction.checkpoint_time_ms),
        (Some(3000), 1_700_000_000_000)
    );
}

#[test]
fn the_position_stays_before_a_transaction_until_it_ends() {
    let mut log = Log::start().transaction(1, "t");
    let end = log.end;
    log = log.gtid(2).query("BEGIN").map("t").write();
    let mut interpreter = interpreter(Position::default());
    words(&mut interpreter, &log.events).unwrap();
    assert_eq!(interpreter.position().pos, end);
    assert!(interpreter.in_transaction());
}

#[test]
fn transactions_that_the_position_has_are_passed_over() {
    let from = Position {
        gtid: Some(format!("{UUID}:1").parse().unwrap()),
        ..Position::default()
    };
    let mut interpreter = interpreter(from);
    let log = Log::start().transaction(1, "t").transaction(2, "t");
    assert_eq!(words(&mut interpreter, &log.events).unwrap(), ["begin", "insert", "commit"]);
    assert_eq!(interpreter.position().gtid.as_ref().unwrap().to_string(), format!("{UUID}:1-2"));
}

#[test]
fn transactions_before_a_time_are_passed_over_unparsed() {
    let mut log = Log::start()
        .gtid(1)
        .query("BEGIN")
        .add(TABLE_MAP, table_map(9, "t", false))
        .write()
        .xid();
    for event in &mut log.events {
        event.timestamp = event.timestamp.saturating_sub(10);
    }
    log = log.transaction(2, "t");
    let mut late = interpreter(Position::default()).skip_before(1_700_000_000_000);
    assert_eq!(words(&mut late, &log.events).unwrap(), ["begin", "insert", "commit"]);
}

#[test]
fn a_file_that_ends_within_a_transaction_stops_and_one_that_ends_between_two_does_not() {
    let whole = Log::start().transaction(1, "t");
    let mut between = interpreter(Position::default());
    words(&mut between, &whole.events).unwrap();
    between.read(&Event::made_up_end()).unwrap();
    assert_eq!(between.position().pos, whole.end);
    for log in [
        whole.clone().gtid(2),
        whole.clone().query("BEGIN"),
        whole.clone().gtid(2).query("BEGIN").map("t").write(),
    ] {
        let mut within = interpreter(Position::default());
        words(&mut within, &log.events).unwrap();
        let fault = within.read(&Event::made_up_end()).unwrap_err();
        assert!(
            matches!(fault, Fault::Stop(_)) && fault.to_string().contains("ends within a transaction"),
            "{fault}"
        );
    }
}

#[test]
fn a_file_that_does_not_follow_the_one_before_it_stops() {
    // One server, one interval: up to and without the last number.
    let up_to = |end: u8| {
        let number = |low| [low, 0, 0, 0, 0, 0, 0, 0];
        [&number(1)[..], &[7; 16], &number(1), &number(1), &number(end)].concat()
    };
    let second = |end: u8, number: u8| {
        let mut log = Log::start();
        log.events[0] = Event::made_up_rotation("log.2", 4);
        log.events.last_mut().unwrap().body = up_to(end);
        log.transaction(number, "t").events
    };
    let after_first = |events: &[Event]| {
        let mut interpreter = interpreter(Position::default());
        words(&mut interpreter, &Log::start().transaction(1, "t").transaction(2, "t").events).unwrap();
        interpreter.read(&Event::made_up_end()).unwrap();
        words(&mut interpreter, events)
    };
    assert_eq!(after_first(&second(3, 3)).unwrap(), ["begin", "insert", "commit"]);
    // The second transaction was not committed yet when the second file was begun.
    assert_eq!(after_first(&second(2, 3)).unwrap(), ["begin", "insert", "commit"]);
    let gap = after_first(&second(4, 4)).unwrap_err().to_string();
    assert!(gap.contains("a file is missing"), "{gap}");
    let twice = after_first(&second(2, 2)).unwrap_err().to_string();
    assert!(twice.contains("not in order"), "{twice}");
}

/// A GTID event of MariaDB: `0-1-number`.
fn domain_gtid(number: u8, flags: u8) -> Vec<u8> {
    let mut body = vec![number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, flags];
    body.extend([0; 6]);
    body
}

#[test]
fn mariadbs_gtid_is_a_begin_and_what_the_position_has_is_passed_over() {
    let mut log = Log::start().add(163, vec![0, 0, 0, 0]);
    for number in 1..=3 {
        log = log.add(162, domain_gtid(number, 0)).map("t").write().xid();
    }
    let log = log.add(162, domain_gtid(4, 1)).query("CREATE TABLE u (a int)");
    let start = Position {
        gtid: Some("0-1-2".parse().unwrap()),
        ..Position::default()
    };
    let mut interpreter = interpreter(start);
    assert_eq!(
        words(&mut interpreter, &log.events).unwrap(),
        ["begin", "release", "insert", "commit", "ddl"]
    );
    assert_eq!(interpreter.position().gtid.as_ref().unwrap().to_string(), "0-1-4");
    assert_eq!(interpreter.transaction().gtid, "0-1-4");
}

#[test]
fn a_transaction_that_breaks_off_asks_for_a_retry() {
    let log = Log::start()
        .gtid(1)
        .query("BEGIN")
        .map("t")
        .write()
        .add(ROTATE, [&4_u64.to_le_bytes()[..], b"log.2"].concat());
    assert!(matches!(
        words(&mut interpreter(Position::default()), &log.events),
        Err(Fault::Retry(_))
    ));
}

#[test]
fn positions_go_on_past_four_gigabytes() {
    let mut log = Log::start();
    log.end = (1 << 32) - 100;
    log = log.add(28, vec![0; 40]).transaction(1, "t").transaction(2, "t");
    let mut interpreter = interpreter(Position::default());
    words(&mut interpreter, &log.events).unwrap();
    assert!(log.end > 1 << 32);
    assert_eq!(interpreter.position().pos, log.end);
}

#[test]
fn rotations_lead_to_the_next_file_and_made_up_ones_at_the_start_move_nothing() {
    let from = Position {
        gtid: Some(format!("{UUID}:1-9").parse().unwrap()),
        file: "log.7".to_owned(),
        pos: 1234,
    };
    let mut interpreter = interpreter(from.clone());
    words(&mut interpreter, &[Event::made_up_rotation("log.3", 4)]).unwrap();
    assert_eq!(*interpreter.position(), from);
    let next = Log {
        events: Vec::new(),
        end: 4,
    }
    .add(ROTATE, [&4_u64.to_le_bytes()[..], b"log.4"].concat());
    words(&mut interpreter, &next.events).unwrap();
    assert_eq!((interpreter.position().file.as_str(), interpreter.position().pos), ("log.4", 4));
}

#[test]
fn anonymous_transactions_leave_no_gtid_set_behind() {
    let log = Log::start()
        .transaction(1, "t")
        .add(ANONYMOUS, vec![0; 25])
        .query("BEGIN")
        .query("COMMIT");
    let mut interpreter = interpreter(Position::default());
    words(&mut interpreter, &log.events).unwrap();
    assert_eq!(interpreter.position().gtid, None);
}

#[test]
fn a_start_within_a_transaction_is_told() {
    for log in [Log::start().map("t").write(), Log::start().write(), Log::start().xid()] {
        let text = words(&mut interpreter(Position::default()), &log.events).unwrap_err().to_string();
        assert!(text.contains("in the middle of a transaction"), "{text}");
    }
}
