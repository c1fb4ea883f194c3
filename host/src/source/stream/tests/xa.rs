//! XA transactions: held back, due, dropped, and read again where there was no room for them.

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::position::Prepared;
use crate::source::{Again, Holding};

const XA_PREPARE: u8 = 38;

impl Log {
    /// `XA START` to `XA PREPARE` of `X'id',X'',1`, or to its commit in one phase.
    fn xa(self, number: u8, id: u8, table: &str, one_phase: bool) -> Self {
        self.gtid(number).xa_events(id, table, one_phase)
    }

    fn xa_events(self, id: u8, table: &str, one_phase: bool) -> Self {
        let start = self.query(&format!("XA START X'{id:02x}',X'',1"));
        let rows = start.map(table).write().query(&format!("XA END X'{id:02x}',X'',1"));
        rows.add(XA_PREPARE, prepare(id, one_phase))
    }

    fn xa_ends(self, number: u8, how: &str, id: u8) -> Self {
        self.gtid(number).query(&format!("XA {how} X'{id:02x}',X'',1"))
    }
}

fn prepare(id: u8, one_phase: bool) -> Vec<u8> {
    vec![u8::from(one_phase), 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, id]
}

fn ids(interpreter: &Interpreter) -> Vec<u8> {
    interpreter.prepared().iter().map(|prepared| prepared.xid.global[0]).collect()
}

/// These logs as files, which can be read again.
pub(super) fn files(logs: &[(&str, &Log)]) -> (TempDir, Again) {
    let folder = tempfile::tempdir().unwrap();
    let write = |(name, log): &(&str, &Log)| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, log.bytes()).unwrap();
        path
    };
    let paths: Vec<PathBuf> = logs.iter().map(write).collect();
    (folder, Again::of_files(&paths))
}

fn holding(again: Again, memory: usize) -> Holding {
    Holding {
        again,
        memory,
        ..Holding::default()
    }
}

#[test]
fn a_prepared_transaction_is_held_back_until_its_commit_and_dropped_at_its_rollback() {
    let log = Log::start().xa(1, 1, "t", false).xa(2, 2, "t", false).transaction(3, "t");
    let mut interpreter = interpreter(Position::default());
    let seen = words(&mut interpreter, &log.events).unwrap();
    assert_eq!(seen, ["begin", "commit", "begin", "commit", "begin", "insert", "commit"]);
    assert_eq!(ids(&interpreter), [1, 2]);
    let first = log.events.len();
    let log = log.xa_ends(4, "ROLLBACK", 1).xa_ends(5, "COMMIT", 2);
    let seen = words(&mut interpreter, &log.events[first..]).unwrap();
    assert_eq!(seen, ["release", "insert", "commit"]);
    assert_eq!(
        interpreter.transaction().gtid,
        format!("{UUID}:5"),
        "rows belong to what commits them"
    );
    assert!(interpreter.prepared().is_empty());
    assert_eq!(interpreter.position().gtid.as_ref().unwrap().to_string(), format!("{UUID}:1-5"));
    assert_eq!(interpreter.position().pos, log.end);
}

#[test]
fn a_commit_in_one_phase_is_a_transaction_like_any_other() {
    let log = Log::start().xa(1, 1, "t", true);
    let packed = Log::start().gtid(1).packed(Log::default().xa_events(1, "t", true));
    for log in [log, packed] {
        let mut interpreter = interpreter(Position::default());
        let seen = words(&mut interpreter, &log.events).unwrap();
        assert_eq!(seen, ["begin", "release", "insert", "commit"]);
        assert!(interpreter.prepared().is_empty());
        assert_eq!(interpreter.position().pos, log.end);
    }
}

#[test]
fn a_position_before_the_commit_of_a_prepared_transaction_is_whole_with_what_is_prepared() {
    let before = Log::start().xa(1, 1, "t", false).transaction(2, "t");
    let packed = Log::start()
        .gtid(1)
        .packed(Log::default().xa_events(1, "t", false))
        .transaction(2, "t");
    for log in [before, packed] {
        let mut first = interpreter(Position::default());
        words(&mut first, &log.events).unwrap();
        let (position, prepared) = (first.position().clone(), first.prepared());
        let at = log.events.len();
        let log = log.xa_ends(3, "COMMIT", 1);
        let (_folder, again) = files(&[("log.1", &log)]);
        let mut second = interpreter(position).with_prepared(prepared, holding(again, 1 << 20));
        assert_eq!(words(&mut second, &log.events[at..]).unwrap(), ["release", "insert", "commit"]);
        assert!(second.prepared().is_empty());
    }
}

#[test]
fn what_has_no_room_in_memory_is_read_from_the_log_again() {
    let log = Log::start()
        .xa(1, 1, "t", false)
        .xa(2, 2, "t", true)
        .xa(3, 3, "t", false)
        .xa_ends(4, "COMMIT", 3)
        .transaction(5, "t")
        .xa_ends(6, "COMMIT", 1)
        .transaction(7, "t");
    let (_folder, again) = files(&[("log.1", &log)]);
    let mut interpreter = interpreter(Position::default()).with_prepared(Vec::new(), holding(again, 0));
    let seen = words(&mut interpreter, &log.events).unwrap().join(" ");
    let [row, prepared, due] = ["begin insert commit", "begin commit", "release insert commit"];
    assert_eq!(
        seen,
        [prepared, "begin", due, prepared, due, row, due, row].join(" "),
        "as if there had been room"
    );
    assert_eq!(interpreter.position().gtid.as_ref().unwrap().to_string(), format!("{UUID}:1-7"));
}

#[test]
fn rows_that_were_prepared_first_make_room_for_those_that_come() {
    let mut log = Log::start();
    for id in 1..=9 {
        log = log.xa(id, id, "t", false);
    }
    let mut held = interpreter(Position::default()).with_prepared(Vec::new(), holding(Again::default(), 1100));
    words(&mut held, &log.events).unwrap();
    assert_eq!(ids(&held), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let at = log.events.len();
    let log = log.xa_ends(10, "COMMIT", 9).xa_ends(11, "COMMIT", 6).xa_ends(12, "COMMIT", 5);
    let end = log.events.len() - 2;
    let seen = words(&mut held, &log.events[at..end]).unwrap();
    assert_eq!(seen, ["release", "insert", "commit", "release", "insert", "commit"]);
    let text = words(&mut held, &log.events[end..]).unwrap_err().to_string();
    assert!(text.contains("can't be read a second time"), "{text}");
    assert!(ids(&held).contains(&5), "it is still prepared: {:?}", ids(&held));
}

#[test]
fn a_transaction_that_was_prepared_before_the_start_is_found_in_the_files_before() {
    let other = Log::start().xa(1, 7, "t", false).xa_ends(2, "COMMIT", 7).xa(3, 1, "t", false);
    let middle = Log::start().transaction(4, "t");
    let last = Log::start().xa_ends(5, "COMMIT", 1);
    let mut events = vec![Event::made_up_rotation("log.3", 4)];
    events.extend(last.events.into_iter().skip(1));
    let last = Log { events, ..last };
    let (_folder, again) = files(&[("log.1", &other), ("log.2", &middle), ("log.3", &last)]);
    let mut found = interpreter(Position::default()).with_prepared(Vec::new(), holding(again, 1 << 20));
    assert_eq!(words(&mut found, &last.events).unwrap(), ["release", "insert", "commit"]);
    // Nothing was noted right where it stands: it is looked for there.
    let (_folder, again) = files(&[("log.1", &other), ("log.3", &last)]);
    let noted = Prepared {
        xid: "X'01',X'',1".parse().unwrap(),
        gtid: String::new(),
        file: "log.1".to_owned(),
        pos: 4 + 20,
        rows: true,
    };
    let mut elsewhere = interpreter(Position::default()).with_prepared(vec![noted], holding(again, 1 << 20));
    assert_eq!(words(&mut elsewhere, &last.events).unwrap(), ["release", "insert", "commit"]);
}

#[test]
fn a_commit_whose_rows_the_log_does_not_have_stops_and_names_it_or_passes_as_configured() {
    let log = Log::start()
        .xa(1, 1, "t", false)
        .xa_ends(2, "COMMIT", 1)
        .xa_ends(3, "COMMIT", 1)
        .transaction(4, "t");
    let (_folder, again) = files(&[("log.1", &log)]);
    let mut stops = interpreter(Position::default()).with_prepared(Vec::new(), holding(again.clone(), 1 << 20));
    let text = words(&mut stops, &log.events).unwrap_err().to_string();
    assert!(text.contains("X'01',X'',1") && text.contains("source.lost_xa"), "{text}");
    assert_eq!(
        stops.position().gtid.as_ref().unwrap().to_string(),
        format!("{UUID}:1-2"),
        "the position stays before it"
    );
    let holding = Holding {
        passes_lost: true,
        ..holding(again, 1 << 20)
    };
    let mut passes = interpreter(Position::default()).with_prepared(Vec::new(), holding);
    let seen = words(&mut passes, &log.events).unwrap();
    assert_eq!(seen[5..], ["release", "commit", "begin", "insert", "commit"]);
}

#[test]
fn tables_that_nobody_chose_leave_nothing_to_hold_or_to_look_for() {
    let log = Log::start()
        .gtid(1)
        .query("XA START X'01',X'',1")
        .add(
            TABLE_MAP,
            [&[9, 0, 0, 0, 0, 0, 1, 0, 1, b'd', 0, 1, b'u', 0][..], &[0xff; 9]].concat(),
        )
        .write()
        .query("XA END X'01',X'',1")
        .add(XA_PREPARE, prepare(1, false))
        .xa_ends(2, "COMMIT", 1);
    let mut interpreter = interpreter(Position::default());
    assert_eq!(words(&mut interpreter, &log.events).unwrap(), ["begin", "commit"]);
    assert!(interpreter.prepared().is_empty());
    assert_eq!(interpreter.position().pos, log.end);
}

#[test]
fn what_was_passed_over_before_the_start_is_still_due_at_its_commit() {
    let mut log = Log::start().xa(1, 1, "t", false).xa(2, 2, "t", false).xa_ends(3, "COMMIT", 2);
    let from = Position {
        gtid: Some(format!("{UUID}:1-3").parse().unwrap()),
        ..Position::default()
    };
    log = log.xa_ends(4, "COMMIT", 1);
    let (_folder, again) = files(&[("log.1", &log)]);
    let mut interpreter = interpreter(from).with_prepared(Vec::new(), holding(again, 1 << 20));
    assert_eq!(words(&mut interpreter, &log.events).unwrap(), ["release", "insert", "commit"]);
}

#[test]
fn more_that_are_undecided_than_the_limit_allows_stop_with_the_setting() {
    let log = Log::start()
        .xa(1, 1, "t", false)
        .xa(2, 1, "t", false)
        .xa(3, 2, "t", false)
        .xa(4, 3, "t", false);
    let limited = Holding {
        most: 2,
        ..Holding::default()
    };
    let mut interpreter = interpreter(Position::default()).with_prepared(Vec::new(), limited);
    let text = words(&mut interpreter, &log.events).unwrap_err().to_string();
    assert!(text.contains("X'03',X'',1") && text.contains("limits.prepared = 2"), "{text}");
    assert_eq!(ids(&interpreter), [1, 2]);
    assert_eq!(interpreter.position().gtid.as_ref().unwrap().to_string(), format!("{UUID}:1-3"));
}

#[test]
fn mariadbs_gtid_begins_an_xa_transaction_and_ends_it() {
    let gtid = |number: u8, flags: u8, id: u8| {
        let mut body = vec![number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, flags];
        if flags & 2 != 0 {
            body.extend([0; 8]);
        }
        body.extend([1, 0, 0, 0, 1, 0, id]);
        body
    };
    for group in [0, 2] {
        let prepared = |log: Log, number: u8, id: u8| {
            let log = log.add(162, gtid(number, 64 | group, id)).map("t").write();
            log.query(&format!("XA END X'{id:02x}',X'',1")).add(XA_PREPARE, prepare(id, false))
        };
        let log = prepared(prepared(Log::start().add(163, vec![0, 0, 0, 0]), 1, 8), 2, 9);
        let log = log.add(162, gtid(3, 128 | 1 | group, 9)).query("XA COMMIT X'09',X'',1");
        let log = log.add(162, gtid(4, 128 | 1 | group, 8)).query("XA ROLLBACK X'08',X'',1");
        let mut interpreter = interpreter(Position::default());
        let seen = words(&mut interpreter, &log.events).unwrap();
        assert_eq!(seen, ["begin", "commit", "begin", "commit", "release", "insert", "commit"]);
        assert_eq!(interpreter.transaction().gtid, "0-1-4");
        assert!(interpreter.prepared().is_empty());
    }
}

#[test]
fn an_xa_transaction_that_is_not_what_it_says_stops() {
    let begun = |id: u8| Log::start().gtid(1).query(&format!("XA START X'{id:02x}',X'',1")).map("t").write();
    for log in [
        begun(1).add(XA_PREPARE, prepare(2, false)),
        begun(1).add(XA_PREPARE, vec![0, 1]),
        Log::start()
            .gtid(1)
            .query("BEGIN")
            .map("t")
            .write()
            .add(XA_PREPARE, prepare(1, false)),
        Log::start().gtid(1).query("XA START 'a'"),
        Log::start().gtid(1).query("XA SOMETHING X'01',X'',1"),
    ] {
        let mut interpreter = interpreter(Position::default());
        let fault = words(&mut interpreter, &log.events).unwrap_err();
        assert!(matches!(fault, Fault::Stop(_)), "{fault}");
        assert_eq!(interpreter.position().gtid, None);
    }
}
