//! The interpreter on events built here, and on the same ones damaged.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::{Change, Interpreter, RowOp};
use crate::config::TableFilter;
use crate::fault::Fault;
use crate::position::Position;
use crate::source::{Catalog, ColumnType, Event};

const QUERY: u8 = 2;
const ROTATE: u8 = 4;
const FORMAT: u8 = 15;
const XID: u8 = 16;
const TABLE_MAP: u8 = 19;
const WRITE: u8 = 30;
const UPDATE_V1: u8 = 24;
const GTID: u8 = 33;
const ANONYMOUS: u8 = 34;
const PREVIOUS: u8 = 35;

/// Events of one file, one after the other.
#[derive(Debug, Clone, Default)]
struct Log {
    events: Vec<Event>,
    end: u64,
}

impl Log {
    /// The rotation that begins a dump, and the head of a file.
    fn start() -> Self {
        let mut log = Self {
            events: Vec::new(),
            end: 4,
        };
        log.events.push(Event::made_up_rotation("log.1", 4));
        let mut format = 4_u16.to_le_bytes().to_vec();
        format.extend_from_slice(&[0; 55]);
        format.extend_from_slice(&[8; 40]);
        log.add(FORMAT, format).add(PREVIOUS, vec![0; 8])
    }

    fn add(mut self, code: u8, body: Vec<u8>) -> Self {
        let size = u32::try_from(body.len() + 19 + 4).unwrap();
        self.end += u64::from(size);
        let end_pos = u32::try_from(self.end & 0xffff_ffff).unwrap();
        self.events.push(Event {
            timestamp: 1_700_000_000,
            code,
            server_id: 1,
            size,
            end_pos,
            flags: 0,
            body,
        });
        self
    }

    fn query(self, text: &str) -> Self {
        let mut body = vec![0; 8];
        body.extend_from_slice(&[1, 0, 0, 0, 0]);
        body.extend_from_slice(b"d\0");
        body.extend_from_slice(text.as_bytes());
        self.add(QUERY, body)
    }

    fn gtid(self, number: u8) -> Self {
        let mut body = vec![0];
        body.extend_from_slice(&[7; 16]);
        body.extend_from_slice(&u64::from(number).to_le_bytes());
        body.push(2);
        body.extend_from_slice(&[0; 16]);
        // Immediate with the bit that says that the original follows: 5 s here, 3 s there.
        let immediate = 5_000_000_u64 | 1 << 55;
        body.extend_from_slice(&immediate.to_le_bytes()[..7]);
        body.extend_from_slice(&3_000_000_u64.to_le_bytes()[..7]);
        self.add(GTID, body)
    }

    fn map(self, table: &str) -> Self {
        self.add(TABLE_MAP, table_map(9, table, true))
    }

    fn write(self) -> Self {
        self.add(WRITE, [9, 0, 0, 0, 0, 0, 1, 0, 2, 0, 2, 0xff, 0, 1, 0, 0, 0, 1, b'x'].to_vec())
    }

    fn xid(self) -> Self {
        self.add(XID, 77_u64.to_le_bytes().to_vec())
    }

    /// A compressed transaction of another log's events, which have no checksums in there.
    fn packed(self, inner: Self) -> Self {
        let mut plain = Vec::new();
        for event in inner.events {
            let size = event.size - 4;
            plain.extend_from_slice(&Event { size, ..event.clone() }.header());
            plain.extend_from_slice(&event.body);
        }
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let packed = zstd::encode_all(&plain[..], 3).unwrap();
        let mut body = vec![2, 1, 0, 3, 9, 0xfe];
        body.extend_from_slice(&[&size(&plain)[..], &[0; 4], &[1, 9, 0xfe], &size(&packed), &[0; 4], &[0]].concat());
        self.add(40, [body, packed].concat())
    }

    fn transaction(self, number: u8, table: &str) -> Self {
        self.gtid(number).query("BEGIN").map(table).write().xid()
    }
}

/// `id int unsigned`, `name varchar(10)` in utf8mb4; key (name, id).
fn table_map(id: u8, table: &str, names: bool) -> Vec<u8> {
    let mut body = vec![id, 0, 0, 0, 0, 0, 1, 0, 1, b'd', 0, u8::try_from(table.len()).unwrap()];
    body.extend_from_slice(table.as_bytes());
    body.extend_from_slice(&[0, 2, 3, 15, 2, 40, 0, 0b10]);
    body.extend_from_slice(&[1, 1, 0x80, 2, 1, 45]);
    if names {
        body.extend_from_slice(&[4, 8, 2, b'i', b'd', 4, b'n', b'a', b'm', b'e']);
    }
    // A field that nobody knows, then the key.
    body.extend_from_slice(&[99, 2, 1, 2, 8, 2, 1, 0]);
    body
}

fn interpreter(from: Position) -> Interpreter {
    let filter = TableFilter {
        named: vec![("d".to_owned(), "t".to_owned())],
        ..TableFilter::default()
    };
    Interpreter::new(from, filter, Catalog::none())
}

/// What the events mean, a word each, up to an error.
fn words(interpreter: &mut Interpreter, events: &[Event]) -> Result<Vec<&'static str>, Fault> {
    let mut words = Vec::new();
    for event in events {
        let change = interpreter.read(event)?;
        if !matches!(change, Change::Packed) {
            words.extend(word(&change));
            continue;
        }
        let mut payload = interpreter.unpack(event)?;
        while let Some(packed) = payload.next()? {
            words.extend(word(&interpreter.read_packed(packed)?));
        }
    }
    Ok(words)
}

fn word(change: &Change<'_>) -> Option<&'static str> {
    Some(match change {
        Change::Begin(_) => "begin",
        Change::Rows(rows) => match rows.op {
            RowOp::Insert => "insert",
            RowOp::Update => "update",
            RowOp::Delete => "delete",
        },
        Change::Commit { .. } => "commit",
        Change::Ddl { .. } => "ddl",
        Change::Nothing | Change::Packed => return None,
    })
}

const UUID: &str = "07070707-0707-0707-0707-070707070707";

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
    assert_eq!(words(&mut interpreter, &log.events).unwrap(), ["begin", "insert", "commit", "ddl"]);
    assert_eq!(interpreter.position().gtid.as_ref().unwrap().to_string(), "0-1-4");
    assert_eq!(interpreter.transaction().gtid, "0-1-4");
}

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
fn rows_in_the_form_of_mysql_5_5_are_read() {
    let log = Log::start().query("BEGIN").map("t");
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

#[test]
fn an_unknown_event_stops_unless_it_is_flagged_ignorable() {
    for code in [0, 1, 7, 20, 99, 200, 255] {
        let mut log = Log::start().add(code, vec![1, 2, 3]);
        let text = words(&mut interpreter(Position::default()), &log.events).unwrap_err().to_string();
        assert!(text.contains(&format!("type {code}")) && text.contains("log.1:"), "{text}");
        log.events.last_mut().unwrap().flags = 0x80;
        assert!(words(&mut interpreter(Position::default()), &log.events).unwrap().is_empty());
    }
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

#[test]
fn a_compressed_transaction_is_begin_rows_commit_and_the_position_moves_past_all_of_it() {
    let log = Log::start().gtid(1).packed(Log::default().query("BEGIN").map("t").write().xid());
    let mut interpreter = interpreter(Position::default());
    let before = log.events.len() - 1;
    words(&mut interpreter, &log.events[..before]).unwrap();
    let start = interpreter.position().clone();
    let mut payload = interpreter.unpack(&log.events[before]).unwrap();
    assert!(matches!(interpreter.read(&log.events[before]).unwrap(), Change::Packed));
    let mut seen = Vec::new();
    while let Some(packed) = payload.next().unwrap() {
        assert_eq!(*interpreter.position(), start, "the position stays until the end");
        seen.extend(word(&interpreter.read_packed(packed).unwrap()));
    }
    drop(payload);
    assert_eq!(seen, ["begin", "insert", "commit"]);
    assert_eq!(
        (interpreter.position().file.as_str(), interpreter.position().pos),
        ("log.1", log.end)
    );
    assert_eq!(interpreter.position().gtid.as_ref().unwrap().to_string(), format!("{UUID}:1"));
    let log = log.transaction(2, "t");
    assert_eq!(
        words(&mut interpreter, &log.events[before + 1..]).unwrap(),
        ["begin", "insert", "commit"]
    );
}

#[test]
fn a_compressed_transaction_that_the_position_has_is_not_even_unpacked() {
    let from = Position {
        gtid: Some(format!("{UUID}:1").parse().unwrap()),
        ..Position::default()
    };
    let log = Log::start().gtid(1).add(40, b"no payload at all".to_vec()).transaction(2, "t");
    assert_eq!(words(&mut interpreter(from), &log.events).unwrap(), ["begin", "insert", "commit"]);
}

#[test]
fn a_compressed_transaction_without_its_end_or_with_one_too_early_stops_and_moves_nothing() {
    let begun = || Log::default().query("BEGIN").map("t");
    for inner in [begun().write(), begun(), begun().xid().write(), begun().xid().xid()] {
        let log = Log::start().gtid(1).packed(inner);
        let mut interpreter = interpreter(Position::default());
        let fault = words(&mut interpreter, &log.events).unwrap_err();
        assert!(matches!(fault, Fault::Stop(_)), "{fault}");
        assert!(fault.to_string().contains("compressed transaction"), "{fault}");
        let before: u64 = log.events[1..3].iter().map(|event| u64::from(event.size)).sum();
        assert_eq!(interpreter.position().pos, 4 + before);
    }
    let text = words(&mut interpreter(Position::default()), &Log::start().packed(begun().xid()).events).unwrap_err();
    assert!(text.to_string().contains("in the middle of a transaction"), "{text}");
}

proptest! {
    #[test]
    fn damaged_events_never_panic(hits in proptest::collection::vec((0..400_usize, any::<u8>()), 0..6), cut in 0..40_usize, victim in 0..14_usize) {
        let log = Log::start().transaction(1, "t").query("CREATE TABLE x (a int)").transaction(2, "t");
        let mut events = log.events;
        for (at, value) in hits {
            let count = events.len();
            let body = &mut events[at % count].body;
            if let Some(byte) = body.get_mut(at / count) {
                *byte = value;
            }
        }
        if let Some(event) = events.get_mut(victim) {
            let length = event.body.len().saturating_sub(cut);
            event.body.truncate(length);
        }
        let mut interpreter = interpreter(Position::default());
        for event in &events {
            let _ = interpreter.read(event);
        }
    }

    #[test]
    fn arbitrary_events_never_panic(codes in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..12)) {
        let mut interpreter = interpreter(Position::default());
        let log = codes.into_iter().fold(Log::start(), |log, (code, body)| log.add(code, body));
        for event in &log.events {
            let _ = interpreter.read(event);
        }
    }
}
