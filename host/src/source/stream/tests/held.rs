//! Rows that the log takes back before their transaction ends.

use super::*;
use crate::source::{Again, Holding};

/// Rows of `d.t` whose `id` is this.
const NAMES: [u8; 3] = [b'a', b'b', b'c'];

impl Log {
    /// A transaction that may have statements among its rows.
    fn mixed(self, number: u8) -> Self {
        let mut log = self.gtid(number);
        log.events.last_mut().unwrap().body[0] = 1;
        log.query("BEGIN").map("t")
    }

    fn write_name(self, name: u8) -> Self {
        self.add(WRITE, [9, 0, 0, 0, 0, 0, 1, 0, 2, 0, 2, 0xff, 0, 1, 0, 0, 0, 1, name].to_vec())
    }
}

/// The names of the rows that come, and a stop for each commit.
fn names(interpreter: &mut Interpreter, events: &[Event]) -> Result<String, Fault> {
    let mut text = String::new();
    let mut note = |change: &Change<'_>| match change {
        Change::Rows(rows) => text.push(char::from(*rows.data.last().unwrap())),
        Change::Commit { .. } => text.push('.'),
        _ => {}
    };
    for event in events {
        let change = interpreter.read(event)?;
        note(&change);
        if !matches!(change, Change::Release) {
            continue;
        }
        let mut release = interpreter.release(event)?;
        loop {
            match release.next(Duration::ZERO)? {
                Released::Over => break,
                Released::Busy => {}
                Released::Rows(held) => note(&Change::Rows(held.rows())),
            }
        }
        note(&interpreter.released(release, event)?);
    }
    Ok(text)
}

#[test]
fn rows_that_the_log_takes_back_are_not_handed_out() {
    let [a, b, c] = NAMES;
    let log = Log::start()
        .mixed(1)
        .write_name(a)
        .query("ROLLBACK")
        .mixed(2)
        .write_name(a)
        .query("SAVEPOINT `x y`")
        .write_name(b)
        .query("SAVEPOINT Z")
        .write_name(b)
        .query("ROLLBACK TO `z`")
        .write_name(b)
        .query("ROLLBACK TO `X y`")
        .write_name(c)
        .xid();
    let mut interpreter = interpreter(Position::default());
    assert_eq!(names(&mut interpreter, &log.events).unwrap(), ".ac.");
    assert_eq!(interpreter.position().pos, log.end);
}

#[test]
fn a_savepoint_in_the_place_of_another_one_with_its_name_is_the_newer_one() {
    let [a, b, c] = NAMES;
    let log = Log::start()
        .mixed(1)
        .query("SAVEPOINT s")
        .write_name(a)
        .query("SAVEPOINT s")
        .write_name(b)
        .query("ROLLBACK TO s")
        .write_name(c)
        .xid();
    assert_eq!(names(&mut interpreter(Position::default()), &log.events).unwrap(), "ac.");
}

#[test]
fn a_transaction_of_rows_alone_streams_through_and_stops_where_it_is_taken_back_all_the_same() {
    let rows = |log: Log| log.query("BEGIN").map("t").write_name(b'a');
    let log = rows(Log::start().gtid(1));
    assert_eq!(names(&mut interpreter(Position::default()), &log.events).unwrap(), "a");
    for text in ["ROLLBACK", "ROLLBACK TO `s`"] {
        let log = rows(Log::start().gtid(1)).query(text);
        let fault = words(&mut interpreter(Position::default()), &log.events).unwrap_err();
        assert!(matches!(fault, Fault::Stop(_)), "{text}");
    }
}

#[test]
fn rows_without_room_go_out_at_once_and_then_stop_where_they_are_taken_back() {
    let [a, b, c] = NAMES;
    let begun = Log::start().mixed(1).write_name(a).write_name(b).query("SAVEPOINT s").write_name(c);
    for (end, expected) in [
        ("COMMIT", Some("abc.")),
        ("ROLLBACK", None),
        ("ROLLBACK TO s", None),
        ("ROLLBACK TO other", None),
    ] {
        let log = begun.clone().query(end);
        let holding = Holding {
            memory: 600,
            ..Holding::default()
        };
        let mut interpreter = interpreter(Position::default()).with_prepared(Vec::new(), holding);
        let begin = names(&mut interpreter, &log.events[..log.events.len() - 1]).unwrap();
        assert_eq!(begin, "abc", "they are out before the end");
        let read = names(&mut interpreter, &log.events[log.events.len() - 1..]);
        assert_eq!(read.ok().map(|end| begin + &end).as_deref(), expected, "{end}");
    }
}

#[test]
fn an_xa_transaction_goes_back_to_its_savepoints_also_where_it_is_read_again() {
    let [a, b, c] = NAMES;
    let xa = |log: Log| {
        log.query("XA START X'01',X'',1")
            .map("t")
            .write_name(a)
            .query("SAVEPOINT s")
            .write_name(b)
            .query("ROLLBACK TO s")
            .write_name(c)
            .query("XA END X'01',X'',1")
    };
    let prepare = |one_phase: u8| vec![one_phase, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    let two = xa(Log::start().gtid(1)).add(38, prepare(0)).gtid(2).query("XA COMMIT X'01',X'',1");
    let one = xa(Log::start().gtid(1)).add(38, prepare(1));
    for (log, expected) in [(&two, ".ac."), (&one, "ac.")] {
        let (_folder, again) = xa::files(&[("log.1", log)]);
        for (memory, fits) in [(1 << 20, true), (700, true), (200, false)] {
            let holding = Holding {
                again: again.clone(),
                memory,
                ..Holding::default()
            };
            let mut interpreter = interpreter(Position::default()).with_prepared(Vec::new(), holding);
            let read = names(&mut interpreter, &log.events);
            match read {
                Ok(read) => assert!(fits && read == expected, "{read} with {memory} bytes"),
                Err(fault) => assert!(!fits && fault.to_string().contains("limits.memory"), "{fault}"),
            }
        }
    }
    let nowhere = Holding {
        again: Again::default(),
        memory: 700,
        ..Holding::default()
    };
    let mut interpreter = interpreter(Position::default()).with_prepared(Vec::new(), nowhere);
    assert!(names(&mut interpreter, &two.events).is_err(), "700 bytes are too few to hold it");
}
