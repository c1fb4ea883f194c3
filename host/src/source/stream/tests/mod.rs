//! The interpreter on events built here, and on the same ones damaged.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod transactions;
mod tables;
mod statements;
mod packed;
mod damage;
mod held;
mod xa;

use std::time::Duration;

use super::{Change, Interpreter, RowOp};
use crate::config::TableFilter;
use crate::fault::Fault;
use crate::position::Position;
use crate::source::{Catalog, Event, Released};

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
        format.extend_from_slice(b"9.7.4-test");
        format.extend_from_slice(&[0; 45]);
        // Lengths, and that events end with a checksum.
        format.extend_from_slice(&[8; 39]);
        format.push(1);
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
            missing: 0,
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

    /// As a file has it.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"\xfebin".to_vec();
        for event in self.events.iter().filter(|event| !event.is_made_up()) {
            bytes.extend_from_slice(&event.header());
            bytes.extend_from_slice(&event.body);
            bytes.extend_from_slice(&event.crc().to_le_bytes());
        }
        bytes
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
            if matches!(change, Change::Release) {
                words.extend(release(interpreter, event)?);
            }
            continue;
        }
        let mut payload = interpreter.unpack(event)?;
        while let Some(packed) = payload.next()? {
            let change = interpreter.read_packed(packed)?;
            words.extend(word(&change));
            if matches!(change, Change::Release) {
                words.extend(release(interpreter, packed.event)?);
            }
        }
    }
    Ok(words)
}

/// What was held back, and the end of its transaction.
fn release(interpreter: &mut Interpreter, event: &Event) -> Result<Vec<&'static str>, Fault> {
    let mut words = Vec::new();
    let mut release = interpreter.release(event)?;
    loop {
        match release.next(Duration::ZERO)? {
            Released::Over => break,
            Released::Busy => {}
            Released::Rows(held) => words.extend(word(&Change::Rows(held.rows()))),
        }
    }
    words.extend(word(&interpreter.released(release, event)?));
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
        Change::Release => "release",
        Change::Nothing | Change::Passed | Change::Packed => return None,
    })
}

const UUID: &str = "07070707-0707-0707-0707-070707070707";
