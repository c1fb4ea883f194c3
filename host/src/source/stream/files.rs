//! What begins and ends files: rotations, format descriptions, the GTIDs of the files before.

use std::cmp::Ordering;

use super::{Event, Interpreter, Malformed, Reader};
use crate::fault::Fault;
use crate::position::GtidSet;
use crate::source::refusal::{ENDS_WITHIN, GAP, RESET};
use crate::source::spot::Spot;
use crate::source::sql::Dialect;
use crate::source::transaction_id::previous;

impl Interpreter {
    pub(super) fn rotate(&mut self, event: &Event, first: bool) -> Result<(), Fault> {
        let mut reader = Reader::new(&event.body);
        let pos = reader.u64().map_err(|m| self.malformed(event, m))?;
        let file =
            std::str::from_utf8(reader.rest()).map_err(|_| self.malformed(event, Malformed("the file's name in it is not UTF-8")))?;
        let is_earlier = || Spot::new(file, 0).order(&Spot::new(&self.place.file, 0)) == Some(Ordering::Less);
        if self.one_log && !first && is_earlier() {
            return Err(self.stop(event, RESET));
        }
        if event.is_made_up() && (first || file == self.place.file) {
            // The server says where it begins to read: before the start where it searches by GTID. That moves nothing.
            self.tables.sent_by(event.server_id);
            self.place.rotate(file, pos.max(4));
            self.started = false;
            return Ok(());
        }
        self.unbroken(event)?;
        self.place.rotate(file, pos.max(4));
        self.settle_here();
        Ok(())
    }

    pub(super) fn format(&mut self, event: &Event) -> Result<(), Fault> {
        self.unbroken(event)?;
        self.began = (self.place.file.clone(), event.timestamp);
        let mut reader = Reader::new(&event.body);
        let version = reader.u16().map_err(|m| self.malformed(event, m))?;
        if version != 4 {
            return Err(self.malformed(event, Malformed("its format version is not 4, that of MySQL 5.0 and later")));
        }
        // Version text, time, length of headers; then the lengths of each type's own header, TABLE_MAP's being the 19th.
        let version = reader.take(50).map_err(|m| self.malformed(event, m))?;
        self.dialect = Dialect::of_server(&String::from_utf8_lossy(version));
        reader.take(4 + 1).map_err(|m| self.malformed(event, m))?;
        let table_map = reader.rest().get(18).copied();
        self.id_bytes = if table_map == Some(6) { 4 } else { 6 };
        self.tables.forget_ids();
        self.settle(event);
        Ok(())
    }

    /// The server has stopped; or, not in the log, a file has been read to its end.
    pub(super) fn stop_of(&mut self, event: &Event) -> Result<(), Fault> {
        if event.is_made_up() {
            if self.open || self.announced {
                return Err(self.stop(event, ENDS_WITHIN));
            }
            self.read_whole = true;
        }
        self.settle(event);
        Ok(())
    }

    pub(super) fn previous_gtids(&mut self, event: &Event) -> Result<(), Fault> {
        let set = previous(&event.body).map_err(|m| self.malformed(event, m))?;
        self.inherit(event, set)
    }

    /// Notes the GTIDs of the files before this one.
    pub(super) fn inherit(&mut self, event: &Event, set: GtidSet) -> Result<(), Fault> {
        // MySQL may leave out a transaction that ended while the file was begun, MariaDB never.
        let follows = |all: &GtidSet| if set.has_domains() { set == *all } else { set.is_subset(all) };
        if self.read_whole && !self.committed.gtid.as_ref().is_none_or(follows) {
            return Err(self.stop(event, GAP));
        }
        if self.committed.gtid.is_none() {
            // An empty set may also mean that transactions have no GTIDs: the first one will tell.
            if set.is_empty() {
                self.inherited = Some(set);
            } else {
                self.committed.gtid = Some(set);
            }
        }
        self.settle(event);
        Ok(())
    }
}
