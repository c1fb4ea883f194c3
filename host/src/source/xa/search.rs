//! Where in the log an XA transaction was prepared that nobody noted: it was before the start.

use std::time::Duration;

use super::{Again, Prepare};
use crate::fault::Fault;
use crate::position::Xid;
use crate::source::event::{Event, EventKind};
use crate::source::payload::Payload;
use crate::source::place::Place;
use crate::source::reader::Reader;
use crate::source::refusal::too_large;
use crate::source::statement::{Query, Xa};
use crate::source::unpack::unpack;
use crate::source::{Read, Source};

/// Offset of a file's first event.
const FIRST: u64 = 4;
/// Bytes of an unpacked event or statement that are kept: those that are looked for are far shorter.
const KEPT: usize = 1 << 20;

/// Looks through the log's files, the newest first, up to one that has it.
pub(super) struct Search {
    again: Again,
    xid: Xid,
    /// Where it is decided: nothing behind this counts.
    before: (String, u64),
    /// Files that have not been looked through, oldest first.
    left: Vec<String>,
    file: Option<File>,
}

/// A file that is being looked through.
struct File {
    source: Box<dyn Source>,
    place: Place,
    /// Where to end.
    end: Option<u64>,
    /// Where the transaction began that is being read.
    begun: u64,
    found: Outcome,
}

/// What a file has of the transaction, by the last event that is about it.
#[derive(Clone, Copy)]
enum Outcome {
    Nothing,
    /// Its first event's offset.
    Prepared(u64),
    /// It was decided: an older one with the same id.
    Decided,
}

/// Where a search has come to.
pub(super) enum Searched {
    /// Not to its end yet.
    Busy,
    /// File and offset of its first event.
    Found(String, u64),
    /// No file that the log still has.
    Nowhere,
}

impl Search {
    pub(super) fn new(again: Again, xid: Xid, before: (String, u64)) -> Result<Self, Fault> {
        let mut left = again.files()?;
        if let Some(at) = left.iter().position(|name| *name == before.0) {
            left.truncate(at + 1);
        }
        Ok(Self {
            again,
            xid,
            before,
            left,
            file: None,
        })
    }

    /// Looks on, through about a mebibyte.
    pub(super) fn advance(&mut self, wait: Duration) -> Result<Searched, Fault> {
        let Some(file) = &mut self.file else {
            let Some(name) = self.left.pop() else {
                return Ok(Searched::Nowhere);
            };
            self.file = Some(File::open(&self.again, name, &self.before)?);
            return Ok(Searched::Busy);
        };
        if !file.read(&self.xid, wait)? {
            return Ok(Searched::Busy);
        }
        let (name, found) = (std::mem::take(&mut file.place.file), file.found);
        self.file = None;
        Ok(match found {
            Outcome::Nothing => Searched::Busy,
            Outcome::Prepared(pos) => Searched::Found(name, pos),
            Outcome::Decided => Searched::Nowhere,
        })
    }
}

impl File {
    fn open(again: &Again, name: String, before: &(String, u64)) -> Result<Self, Fault> {
        Ok(Self {
            source: again.open(&name, FIRST)?,
            end: (name == before.0).then_some(before.1),
            place: Place {
                file: name,
                start: FIRST,
                end: FIRST,
            },
            begun: FIRST,
            found: Outcome::Nothing,
        })
    }

    /// Whether the file's end has come.
    fn read(&mut self, xid: &Xid, wait: Duration) -> Result<bool, Fault> {
        let mut events = Vec::new();
        if self.source.read(&mut events, wait)? == Read::End {
            return Ok(true);
        }
        for event in &events {
            if event.kind() == EventKind::Rotate && !(event.is_made_up() && self.is_here(event)) {
                return Ok(true);
            }
            if event.kind() == EventKind::Rotate {
                continue;
            }
            self.place.pass(event);
            if self.end.is_some_and(|end| self.place.start >= end) {
                return Ok(true);
            }
            self.look(event, xid)?;
        }
        Ok(false)
    }

    /// Whether a rotation leads into this file.
    fn is_here(&self, rotation: &Event) -> bool {
        let mut reader = Reader::new(&rotation.body);
        reader.u64().is_ok() && reader.rest() == self.place.file.as_bytes()
    }

    fn look(&mut self, event: &Event, xid: &Xid) -> Result<(), Fault> {
        match event.kind() {
            EventKind::Gtid | EventKind::AnonymousGtid | EventKind::GtidTagged | EventKind::DomainGtid => self.begun = self.place.start,
            EventKind::TransactionPayload => {
                let place = self.place.describe(event);
                if !event.is_whole() {
                    return Err(too_large(&place, event));
                }
                let mut payload = Payload::open(&event.body, place, KEPT)?;
                while let Some(packed) = payload.next()? {
                    self.note(packed.event, xid);
                }
            }
            _ => self.note(event, xid),
        }
        Ok(())
    }

    /// Notes what an event says of the transaction. One that is malformed says nothing: the stream itself will stop at it.
    fn note(&mut self, event: &Event, xid: &Xid) {
        match event.kind() {
            EventKind::XaPrepare => {
                let own = Prepare::parse(&event.body).is_ok_and(|prepare| !prepare.one_phase && prepare.xid == *xid);
                if own {
                    self.found = Outcome::Prepared(self.begun);
                }
            }
            EventKind::Query | EventKind::CompressedQuery => {
                let packed = event.kind() == EventKind::CompressedQuery;
                let outcome = Query::parse(&event.body).and_then(|query| {
                    let text = if packed { unpack(query.text, KEPT)? } else { Vec::new() };
                    let text = if packed { &text } else { query.text };
                    Query { text, ..query }.xa()
                });
                if let Ok(Xa::Commit(own) | Xa::Rollback(own)) = outcome
                    && own == *xid
                {
                    self.found = Outcome::Decided;
                }
            }
            _ => {}
        }
    }
}
