//! Rows that are held back: until an XA transaction is decided, and until the end of a transaction whose rows the log may take back.

use super::{Change, Event, Interpreter};
use crate::fault::Fault;
use crate::position::Xid;
use crate::source::refusal::ROLLED_BACK;
use crate::source::statement::Query;
use crate::source::tables::Tables;
use crate::source::xa::{Held, Reading, Release, Undecided, Wanted, no_tables};

/// What held rows are due for.
#[derive(Debug)]
pub(super) enum Due {
    /// The XA transaction that is being read is committed: XA COMMIT … ONE PHASE.
    Open(Xid),
    /// An XA transaction that was prepared before is.
    Prepared(Xid),
    /// The transaction that is being read is.
    Plain {
        /// The storage engine's transaction id.
        xid: u64,
    },
    /// There is no room for more of it: from here on its rows are not held.
    Full,
}

impl Interpreter {
    /// The rows for which `read` answered `Change::Release` to `event`; `transaction` tells what they belong to.
    ///
    /// # Errors
    /// As `Source::open`, where they have to be read again.
    pub fn release(&mut self, event: &Event) -> Result<Release, Fault> {
        let (rows, xid, noted, at) = match &self.due {
            None => return Ok(Release::from_memory(Vec::new(), None)),
            Some(Due::Plain { .. } | Due::Full) => {
                let rows = self.undecided.take_open().unwrap_or_default();
                return Ok(Release::from_memory(rows, None));
            }
            Some(Due::Open(xid)) => {
                let place = (self.transaction.file.clone(), self.transaction.pos);
                (self.undecided.take_open(), xid, Some(place), None)
            }
            Some(Due::Prepared(xid)) => {
                let noted = self.undecided.get(xid).map(|about| (about.file.clone(), about.pos));
                // They are changes of now, not of when they were prepared.
                (self.undecided.take(xid), xid, noted, Some(event.timestamp))
            }
        };
        if let Some(rows) = rows {
            return Ok(Release::from_memory(rows, at));
        }
        let wanted = Wanted {
            again: self.holding.again.clone(),
            xid: xid.clone(),
            place: noted,
            before: (self.transaction.file.clone(), self.transaction.pos),
            memory: self.holding.memory,
            passes_lost: self.holding.passes_lost,
            largest: self.largest,
        };
        let tables = std::mem::replace(&mut self.tables, no_tables());
        Ok(Release::from_log(Reading::new(wanted, tables)?, at))
    }

    /// All rows of `release` have been taken: the transaction ends with `event`, or goes on where `Change::Nothing` is answered.
    ///
    /// # Errors
    /// As `read`.
    pub fn released<'a>(&mut self, release: Release, event: &Event) -> Result<Change<'a>, Fault> {
        if let Some(mut tables) = release.into_tables() {
            tables.forget_ids();
            self.tables = tables;
        }
        if matches!(self.due, Some(Due::Full)) {
            self.due = None;
            self.undecided.discard();
            self.delivered = true;
            return Ok(Change::Nothing);
        }
        self.finish(event)?;
        let mut xid = 0;
        match self.due.take() {
            Some(Due::Prepared(prepared)) => self.undecided.decide(&prepared),
            Some(Due::Plain { xid: own }) => {
                xid = own;
                self.undecided.discard();
            }
            Some(Due::Open(_) | Due::Full) | None => self.undecided.discard(),
        }
        Ok(Change::Commit { xid })
    }

    /// Holds the rows of the transaction that begins, where the log may take them back.
    pub(super) fn hold_mixed(&mut self) {
        if self.mixed && !self.skipping {
            self.undecided.begin(None);
        }
    }

    /// ROLLBACK TO SAVEPOINT.
    pub(super) fn rollback_to<'a>(&mut self, event: &Event, query: Query<'_>) -> Result<Change<'a>, Fault> {
        let taken_back = query.savepoint().map(|name| self.undecided.roll_back_to(&name));
        let has_rows = self.delivered || self.undecided.has_rows();
        if has_rows && taken_back != Some(Ok(())) {
            return Err(self.stop(event, ROLLED_BACK));
        }
        Ok(Change::Nothing)
    }

    /// Of the XA transaction that is open.
    pub(in crate::source) fn open_xid(&self) -> Option<&Xid> {
        self.undecided.open_xid()
    }

    /// Bytes of all rows that are held.
    pub(in crate::source) fn held_bytes(&self) -> usize {
        self.undecided.bytes()
    }

    /// The rows of the XA transaction that is open which nothing can take back any more; `ended`: all that are left of it.
    pub(in crate::source) fn drain_held(&mut self, xid: &Xid, ended: bool) -> Vec<Held> {
        if !ended {
            return self.undecided.drain();
        }
        let prepared = self.undecided.take(xid);
        prepared.or_else(|| self.undecided.take_open()).unwrap_or_default()
    }

    /// The table versions, for another one.
    pub(in crate::source) fn into_tables(self) -> Tables {
        self.tables
    }
}

/// Keeps rows. An XA transaction without room is read again when it is committed; of another one the rows go out now.
pub(super) fn hold<'a>(undecided: &mut Undecided, due: &mut Option<Due>, held: Held) -> Change<'a> {
    if !undecided.keep(held) {
        return Change::Nothing;
    }
    if undecided.is_plain() {
        *due = Some(Due::Full);
        return Change::Release;
    }
    undecided.take_open();
    Change::Nothing
}
