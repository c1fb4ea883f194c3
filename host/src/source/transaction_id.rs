//! GTID events of all kinds, PREVIOUS_GTIDS and MariaDB's GTID_LIST. Formats: MySQL's `control_events.h` and its serialization
//! library, MariaDB's `log_event.h`.

use super::reader::{Malformed, Parsed, Reader};
use crate::position::{DomainGtid, Gtid, GtidSet, ServerGtid, Uuid, Xid};

/// What a GTID event says of the transaction after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its id; `None` for anonymous ones.
    pub(super) gtid: Option<Gtid>,
    /// When it was committed on the server where it originated, microseconds since 1970; from MySQL 8.0.
    pub(super) commit_us: Option<u64>,
    /// Statements may stand among its rows, and then what it did may be taken back at its end. Servers before MySQL 5.7 say so of all.
    pub(super) mixed: bool,
}

/// `FLAG_MAY_HAVE_SBR` of MySQL's GTID events.
const MAY_HAVE_STATEMENTS: u64 = 1;

impl Header {
    /// Reads a GTID or ANONYMOUS_GTID event's body.
    pub(super) fn parse(body: &[u8], anonymous: bool) -> Parsed<Self> {
        let mut reader = Reader::new(body);
        let flags = u64::from(reader.u8()?);
        let uuid = reader.array()?;
        let number = reader.u64()?;
        if !anonymous && !ServerGtid::is_number(number) {
            return Err(NO_NUMBER);
        }
        let gtid = (!anonymous).then(|| {
            Gtid::Server(ServerGtid {
                uuid,
                tag: String::new(),
                number,
            })
        });
        let mut header = Self {
            gtid,
            commit_us: None,
            mixed: flags & MAY_HAVE_STATEMENTS != 0,
        };
        // MySQL 5.6 ends here, 5.7 after the two logical timestamps of 8 bytes that the 2 announces.
        if reader.is_empty() || reader.u8()? != 2 || reader.take(16).is_err() || reader.rest().len() < 7 {
            return Ok(header);
        }
        let immediate = reader.uint(7)?;
        // The top bit says that the transaction came from another server, whose time follows.
        let original = if immediate & 1 << 55 == 0 { immediate } else { reader.uint(7)? };
        header.commit_us = Some(original);
        Ok(header)
    }

    /// Reads a GTID_TAGGED event's body: fields with ascending numbers.
    pub(super) fn parse_tagged(body: &[u8]) -> Parsed<Self> {
        let mut reader = Reader::new(body);
        // Serialization version, size, the last field that must be known.
        if reader.u8()? >> 1 != 1 {
            return Err(Malformed("its serialization version is not known"));
        }
        reader.varlen()?;
        reader.varlen()?;
        let mut gtid = ServerGtid {
            uuid: [0; 16],
            tag: String::new(),
            number: 0,
        };
        let (mut flags, mut immediate, mut original) = (0, None, None);
        while !reader.is_empty() {
            match reader.varlen()? {
                1 => gtid.uuid = uuid(&mut reader)?,
                // A signed integer: the sign is the lowest bit.
                2 => gtid.number = reader.varlen()? >> 1,
                3 => gtid.tag = tag(&mut reader)?,
                0 => flags = reader.varlen()?,
                4 | 5 => drop(reader.varlen()?),
                6 => immediate = Some(reader.varlen()?),
                7 => original = Some(reader.varlen()?),
                // Lengths and versions; nothing here is needed.
                _ => break,
            }
        }
        if !ServerGtid::is_number(gtid.number) {
            return Err(NO_NUMBER);
        }
        Ok(Self {
            gtid: Some(Gtid::Server(gtid)),
            commit_us: original.or(immediate),
            mixed: flags & MAY_HAVE_STATEMENTS != 0,
        })
    }
}

const NO_NUMBER: Malformed = Malformed("its number is none that a transaction can have");

fn uuid(reader: &mut Reader<'_>) -> Parsed<Uuid> {
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        *byte = u8::try_from(reader.varlen()?).map_err(|_| Malformed("its UUID has a byte past 255"))?;
    }
    Ok(uuid)
}

fn tag(reader: &mut Reader<'_>) -> Parsed<String> {
    let length = usize::try_from(reader.varlen()?).map_err(|_| Malformed("its tag is too long"))?;
    let bytes = reader.take(length)?;
    match std::str::from_utf8(bytes) {
        Ok(text) if ServerGtid::is_tag(text) => Ok(text.to_owned()),
        _ => Err(Malformed("its tag is none")),
    }
}

/// Reads a PREVIOUS_GTIDS event's body.
pub(super) fn previous(body: &[u8]) -> Parsed<GtidSet> {
    let mut reader = Reader::new(body);
    let head = reader.u64()?;
    // The highest byte is the format: 1 has tags, and repeats itself in the lowest byte.
    let tagged = head >> 56 != 0;
    let servers = if tagged { head << 8 >> 16 } else { head };
    let mut set = GtidSet::new();
    for _ in 0..servers {
        let uuid: Uuid = reader.array()?;
        let tag = if tagged { tag(&mut reader)? } else { String::new() };
        for _ in 0..reader.u64()? {
            let (first, end) = (reader.u64()?, reader.u64()?);
            let last = end.saturating_sub(1);
            if last < first || !ServerGtid::is_number(first) || !ServerGtid::is_number(last) {
                return Err(Malformed("an interval in it is none"));
            }
            set.add_range(uuid, &tag, first, last);
        }
    }
    Ok(set)
}

/// What MariaDB's GTID event says. It stands in place of BEGIN.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DomainHeader {
    /// Its id.
    pub(super) gtid: DomainGtid,
    /// One event follows and no end: DDL, or the outcome of a transaction that was prepared before.
    pub(super) single: bool,
    /// It prepares this XA transaction.
    pub(super) prepares: Option<Xid>,
}

/// `FL_STANDALONE`: no COMMIT follows.
const STANDALONE: u8 = 1;
/// `FL_GROUP_COMMIT_ID`: eight bytes of it follow the flags.
const GROUP_COMMIT_ID: u8 = 2;
/// `FL_PREPARED_XA`: an XA transaction up to its XA PREPARE.
const PREPARED_XA: u8 = 64;
/// `FL_COMPLETED_XA`: XA COMMIT or XA ROLLBACK follows.
const COMPLETED_XA: u8 = 128;

impl DomainHeader {
    /// Reads MariaDB's GTID event's body; `server` is that of the event's header.
    pub(super) fn parse(body: &[u8], server: u32) -> Parsed<Self> {
        let mut reader = Reader::new(body);
        let number = reader.u64()?;
        let domain = u32::from_le_bytes(reader.array()?);
        let flags = reader.u8()?;
        let prepares = if flags & PREPARED_XA == 0 {
            None
        } else {
            // The id of the group commit changes nothing for a reader in the log's order.
            reader.take(if flags & GROUP_COMMIT_ID == 0 { 0 } else { 8 })?;
            let format = u32::from_le_bytes(reader.array()?);
            let (global, branch) = (usize::from(reader.u8()?), usize::from(reader.u8()?));
            let (global, branch) = (reader.take(global)?, reader.take(branch)?);
            Some(Xid::new(global, branch, format).ok_or(Malformed("the id of its XA transaction is longer than one can be"))?)
        };
        Ok(Self {
            gtid: DomainGtid { domain, server, number },
            single: flags & (STANDALONE | COMPLETED_XA) != 0,
            prepares,
        })
    }
}

/// Reads a GTID_LIST event's body: of each domain the last of each server, the domain's last one behind the others.
pub(super) fn domains(body: &[u8]) -> Parsed<GtidSet> {
    let mut reader = Reader::new(body);
    // The upper four bits are flags.
    let count = u32::from_le_bytes(reader.array()?) & 0x0fff_ffff;
    let mut set = GtidSet::new();
    for _ in 0..count {
        let domain = u32::from_le_bytes(reader.array()?);
        let server = u32::from_le_bytes(reader.array()?);
        let number = reader.u64()?;
        set.add(&Gtid::Domain(DomainGtid { domain, server, number }));
    }
    Ok(set)
}
