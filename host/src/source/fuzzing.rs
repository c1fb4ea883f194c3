//! What holds for bytes from a server or a file, whatever they are: an answer or an error, the same each time, and never more
//! memory than the bytes account for. Fuzz targets and tests call it; a promise that is broken is a panic.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a promise that is broken is a panic"
)]

use std::io::Write as _;
use std::sync::{Arc, OnceLock};

use super::catalog::Catalog;
use super::event::{Event, EventKind, HEADER_LEN};
use super::payload::Payload;
use super::place::Place;
use super::schema::{Column, ColumnType, Table};
use super::stream::Interpreter;
use super::table_map::Name;
use super::tables::Tables;
use super::transaction_id::{DomainHeader, Header, domains, previous};
use super::unpack::unpack;
use crate::config::TableFilter;
use crate::position::{DomainGtid, Gtid, GtidSet, Position, check_gtid_set, check_gtid_sets};

/// All tables of the databases that seeds have.
fn filter() -> TableFilter {
    static FILTER: OnceLock<TableFilter> = OnceLock::new();
    let make = || TableFilter {
        named: Vec::new(),
        databases: ["d", "fuzz", "mysql_to_kafka", "rowmill_fuzz"].map(str::to_owned).to_vec(),
        auto_add: Some(regex::Regex::new(".*").unwrap()),
    };
    FILTER.get_or_init(make).clone()
}

/// An interpreter at the start of a log.
pub fn interpreter() -> Interpreter {
    Interpreter::new(Position::default(), filter(), Catalog::none())
}

/// One that takes the table of a TABLE_MAP event's body, whatever its name.
pub fn interpreter_of(map: &[u8]) -> Interpreter {
    Interpreter::new(Position::default(), filter_of(map), Catalog::none())
}

fn filter_of(map: &[u8]) -> TableFilter {
    let name = Name::parse(map, 6)
        .ok()
        .map(|name| (name.database.to_owned(), name.table.to_owned()));
    TableFilter {
        named: name.into_iter().collect(),
        ..TableFilter::default()
    }
}

/// The events in the bytes of a binlog file without its magic and without checksums. The last one may be cut.
pub fn events(mut data: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some((header, rest)) = data.split_first_chunk() {
        let mut event = Event::from_header(header);
        let length = usize::try_from(event.size).unwrap().saturating_sub(HEADER_LEN);
        let (body, rest) = rest.split_at(length.min(rest.len()));
        event.body = body.to_vec();
        data = rest;
        // A checksum that does not fit is left where it is.
        let mut cut = event.clone();
        if !cut.cut_checksum() {
            assert_eq!(cut.body, event.body);
        }
        events.push(event);
    }
    events
}

/// A transaction of one row event: its GTID, which says that it has no statements and streams, BEGIN, a table map, the rows. Table
/// map and rows get the same table id.
pub fn transaction_of(code: u8, map: &[u8], rows: &[u8]) -> [Event; 4] {
    let anonymous = vec![0; 25];
    // Thread, duration, length of the database's name, error, length of the status; the database; the text.
    let mut begin = vec![0; 13];
    begin.extend_from_slice(b"\0BEGIN");
    let same_id = |body: &[u8]| {
        let mut body = body.to_vec();
        for (byte, id) in body.iter_mut().zip([7, 0, 0, 0, 0, 0]) {
            *byte = id;
        }
        body
    };
    let event = |code, body| Event {
        code,
        body,
        ..Event::default()
    };
    [
        event(34, anonymous),
        event(2, begin),
        event(19, same_id(map)),
        event(code, same_id(rows)),
    ]
}

/// A TABLE_MAP event's body: the table that it describes, where it is chosen and can be decoded.
pub fn check_table_map(body: &[u8]) -> Option<Arc<Table>> {
    let read = |id_bytes| {
        let name = Name::parse(body, id_bytes).ok()?;
        let mut tables = Tables::new(filter_of(body), Catalog::none(), &Position::default());
        let place = Place::default();
        tables.map(&name, &place).ok()?;
        let table = tables
            .get(name.table_id)
            .expect("a table map that was taken has its id noted")
            .cloned();
        // The same bytes again are the same version.
        tables.map(&name, &place).unwrap();
        assert_eq!(tables.get(name.table_id).unwrap().cloned(), table);
        table
    };
    let (table, again, _) = (read(6), read(6), read(4));
    let same = |table: &Arc<Table>| Table {
        version: 0,
        ..Table::clone(table)
    };
    assert_eq!(table.as_ref().map(same), again.as_ref().map(same));
    if let Some(table) = &table {
        check_table(table, body.len());
    }
    table
}

fn check_table(table: &Table, bytes: usize) {
    assert!(table.key.iter().all(|ordinal| *ordinal < table.columns.len()));
    assert!(table.columns.len() <= bytes, "a column takes a byte at least");
    let text = |column: &Column| {
        let labels = match &column.kind {
            ColumnType::Enum { labels, .. } | ColumnType::Set { labels, .. } => labels.iter().map(String::len).sum(),
            ColumnType::Unsupported(problem) => panic!("a table that is taken has {problem}"),
            _ => 0,
        };
        column.name.len() + labels
    };
    // No character set needs more than three bytes for what takes one in it.
    assert!(table.columns.iter().map(text).sum::<usize>() <= 3 * bytes);
}

/// The first byte says how the others become a compressed transaction, or one of MariaDB's compressed parts of events.
pub fn check_compressed(data: &[u8]) {
    let Some((how, data)) = data.split_first() else { return };
    match how % 4 {
        0 => drop(check_payload(data)),
        1 => check_packed_events(data, *how),
        2 => {
            if let Ok(unpacked) = unpack(data, usize::MAX) {
                assert_eq!(unpack(data, usize::MAX).unwrap(), unpacked);
                assert_eq!(unpack(&zlib(&unpacked), usize::MAX).unwrap(), unpacked);
                // zlib never makes more than this of a byte.
                assert!(unpacked.len() <= 1100 * data.len());
            }
        }
        _ => assert_eq!(unpack(&zlib(data), usize::MAX).unwrap(), data),
    }
}

/// The body of a TRANSACTION_PAYLOAD event: what is in it, where it is whole.
fn check_payload(body: &[u8]) -> Option<Vec<Event>> {
    let read = || {
        let mut payload = Payload::open(body, "payload".to_owned(), usize::MAX).ok()?;
        let mut events = Vec::new();
        let mut ended = false;
        while let Some(packed) = payload.next().ok()? {
            assert!(!ended, "an event follows the last one");
            ended = packed.last;
            assert_eq!(packed.event.body.len() + HEADER_LEN, usize::try_from(packed.event.size).unwrap());
            // What the server would not put into one never comes out.
            assert!(!matches!(packed.event.kind(), EventKind::TransactionPayload | EventKind::Rotate));
            events.push(packed.event.clone());
        }
        assert!(ended, "the last event is not marked");
        Some(events)
    };
    let (first, second) = (read(), read());
    let bytes = |events: &Option<Vec<Event>>| events.as_ref().map(|events| bytes_of(events));
    assert_eq!(bytes(&first), bytes(&second));
    first
}

/// The bytes of events as they are in a binlog file without checksums.
pub fn bytes_of(events: &[Event]) -> Vec<u8> {
    let mut all = Vec::new();
    for event in events {
        let size = u32::try_from(event.body.len() + HEADER_LEN).unwrap();
        all.extend_from_slice(
            &Event {
                size,
                body: Vec::new(),
                ..*event
            }
            .header(),
        );
        all.extend_from_slice(&event.body);
    }
    all
}

/// Events that are packed come out as they went in; a byte more or less in the declared size is found out.
fn check_packed_events(data: &[u8], how: u8) {
    let mut inner = events(data);
    for event in &mut inner {
        // ROWS_QUERY stands for whatever may not be in one.
        if !super::payload::may_be_packed(event.kind()) {
            event.code = 29;
        }
    }
    let all = bytes_of(&inner);
    if all.is_empty() {
        return;
    }
    let packed = if how & 4 == 0 {
        zstd::bulk::compress(&all, 1).unwrap()
    } else {
        all.clone()
    };
    let body = |size: usize| {
        let mut body = Vec::new();
        let mut field = |number: u8, value: usize| {
            body.extend_from_slice(&[number, 9, 0xfe]);
            body.extend_from_slice(&u64::try_from(value).unwrap().to_le_bytes());
        };
        field(2, if how & 4 == 0 { 0 } else { 255 });
        field(3, size);
        field(1, packed.len());
        body.push(0);
        body.extend_from_slice(&packed);
        body
    };
    let read = check_payload(&body(all.len())).expect("a sound payload is read");
    assert_eq!(bytes_of(&read), all);
    assert!(check_payload(&body(all.len() + 1)).is_none(), "too short");
    assert!(check_payload(&body(all.len() - 1)).is_none(), "too long");
}

/// Packs as MariaDB does.
fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x84];
    packed.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
    let mut encoder = flate2::write::ZlibEncoder::new(packed, flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The first byte says what the others are: texts of two sets, or the body of an event that tells GTIDs.
pub fn check_gtids(data: &[u8]) {
    let Some((what, data)) = data.split_first() else { return };
    match what % 6 {
        0 => check_texts(data),
        1 => {
            if let Ok(set) = previous(data) {
                check_gtid_set(&set);
                check_previous(&set);
            }
        }
        2 => {
            if let Ok(set) = domains(data) {
                check_gtid_set(&set);
                check_list(&set);
            }
        }
        3 => check_header(&Header::parse(data, what & 0x80 != 0).ok()),
        4 => check_header(&Header::parse_tagged(data).ok()),
        _ => {
            if let Ok(header) = DomainHeader::parse(data, 1) {
                check_gtid(&Gtid::Domain(header.gtid));
            }
        }
    }
}

fn check_texts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (a, b) = text.split_once('|').unwrap_or((text, ""));
    let (Ok(a), Ok(b)) = (a.parse::<GtidSet>(), b.parse::<GtidSet>()) else {
        return;
    };
    for set in [&a, &b] {
        check_gtid_set(set);
        check_previous(set);
        check_list(set);
    }
    check_gtid_sets(&a, &b);
}

fn check_header(header: &Option<Header>) {
    if let Some(gtid) = header.as_ref().and_then(|header| header.gtid.as_ref()) {
        check_gtid(gtid);
    }
}

/// A transaction's id as text is a set of that one, whatever else the set holds of another server.
fn check_gtid(gtid: &Gtid) {
    let set: GtidSet = gtid.to_string().parse().unwrap();
    check_gtid_set(&set);
    assert!(set.contains(gtid));
    let mut added = GtidSet::new();
    added.add(gtid);
    assert_eq!(added, set);
}

/// A set in MySQL's form survives the way through a PREVIOUS_GTIDS event, with tags and where possible without.
fn check_previous(set: &GtidSet) {
    if set.has_domains() {
        return;
    }
    let untagged = set.ranges().all(|(_, tag, ..)| tag.is_empty());
    for tagged in [true, false] {
        if tagged || untagged {
            assert_eq!(&previous(&previous_gtids(set, tagged)).unwrap(), set);
        }
    }
}

fn previous_gtids(set: &GtidSet, tagged: bool) -> Vec<u8> {
    let (mut entries, mut body) = (0_u64, Vec::new());
    for (uuid, tag, first, last) in set.ranges() {
        entries += 1;
        body.extend_from_slice(&uuid);
        if tagged {
            body.push(u8::try_from(tag.len() << 1).unwrap());
            body.extend_from_slice(tag.as_bytes());
        }
        for number in [1, first, last + 1] {
            body.extend_from_slice(&number.to_le_bytes());
        }
    }
    let head = if tagged { 1 << 56 | entries << 8 | 1 } else { entries };
    [&head.to_le_bytes(), body.as_slice()].concat()
}

/// A set in MariaDB's form survives the way through a GTID_LIST event.
fn check_list(set: &GtidSet) {
    if set.has_servers() {
        return;
    }
    let mut body = u32::try_from(set.last_of_domains().count()).unwrap().to_le_bytes().to_vec();
    for DomainGtid { domain, server, number } in set.last_of_domains() {
        body.extend_from_slice(&domain.to_le_bytes());
        body.extend_from_slice(&server.to_le_bytes());
        body.extend_from_slice(&number.to_le_bytes());
    }
    assert_eq!(&domains(&body).unwrap(), set);
}
