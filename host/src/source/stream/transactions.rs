//! Where transactions begin and end, and how the position follows them.

use std::fmt::Write;

use anyhow::anyhow;

use super::held::Due;
use super::{Change, Event, Interpreter};
use crate::fault::Fault;
use crate::position::{Gtid, GtidSet};
use crate::source::event::EventKind;
use crate::source::refusal::{ENDS_EARLY, FOREIGN_GTID, MIDDLE, ROLLED_BACK, TWICE};
use crate::source::transaction_id::Header;

impl Interpreter {
    pub(super) fn announce(&mut self, event: &Event) -> Result<(), Fault> {
        self.unbroken(event)?;
        let header = match event.kind() {
            EventKind::GtidTagged => Header::parse_tagged(&event.body),
            kind => Header::parse(&event.body, kind == EventKind::AnonymousGtid),
        };
        let header = header.map_err(|m| self.malformed(event, m))?;
        let commit_ms = header.commit_us.filter(|us| *us > 0).and_then(|us| i64::try_from(us / 1000).ok());
        if self.read_whole && header.gtid.as_ref().is_some_and(|gtid| self.is_handled(gtid)) {
            return Err(self.stop(event, TWICE));
        }
        self.begin(event, header.gtid, commit_ms);
        self.announced = true;
        self.mixed = header.mixed;
        Ok(())
    }

    /// Notes a new transaction whose first event is `event`.
    pub(super) fn begin(&mut self, event: &Event, gtid: Option<Gtid>, commit_ms: Option<i64>) {
        let transaction = &mut self.transaction;
        transaction.gtid.clear();
        if let Some(gtid) = &gtid {
            // Writing to a String can't fail.
            let _ = write!(transaction.gtid, "{gtid}");
        }
        transaction.file.clone_from(&self.place.file);
        transaction.pos = self.place.start;
        transaction.commit_time_ms = commit_ms;
        transaction.checkpoint_time_ms = i64::from(event.timestamp) * 1000;
        let early = self.skip_before_ms.is_some_and(|time| transaction.checkpoint_time_ms < time);
        if !early {
            self.skip_before_ms = None;
        }
        let handled = gtid.as_ref().is_some_and(|gtid| self.is_handled(gtid));
        self.skipping = early || handled;
        self.gtid = gtid;
        self.delivered = false;
    }

    /// Begins a transaction that no GTID event announced: servers before MySQL 5.7.
    pub(super) fn announce_alone(&mut self, event: &Event) {
        if !self.announced {
            self.begin(event, None, None);
            self.mixed = true;
        }
    }

    pub(super) fn commit<'a>(&mut self, event: &Event, xid: u64) -> Result<Change<'a>, Fault> {
        if !self.open && !self.announced {
            return Err(self.stop(event, MIDDLE));
        }
        if self.undecided.is_plain() {
            if self.undecided.has_rows() {
                self.due = Some(Due::Plain { xid });
                return Ok(Change::Release);
            }
            self.undecided.discard();
        }
        // A GTID with COMMIT and nothing else: an empty transaction, which nobody was told of.
        let told = self.open && !self.skipping;
        self.finish(event)?;
        Ok(if told { Change::Commit { xid } } else { Change::Passed })
    }

    /// The transaction ends, and what it did is undone.
    pub(super) fn rollback<'a>(&mut self, event: &Event) -> Result<Change<'a>, Fault> {
        if self.delivered {
            return Err(self.stop(event, ROLLED_BACK));
        }
        if self.undecided.is_plain() {
            self.undecided.discard();
        }
        self.commit(event, 0)
    }

    /// Ends the transaction; what comes next is after it.
    pub(super) fn finish(&mut self, event: &Event) -> Result<(), Fault> {
        if self.packed == Some(false) {
            return Err(self.stop(event, ENDS_EARLY));
        }
        self.open = false;
        self.announced = false;
        match self.gtid.take() {
            Some(gtid) => {
                if self.committed.gtid.is_none() {
                    self.committed.gtid = self.inherited.take();
                }
                let is_foreign = |set: &GtidSet| match &gtid {
                    Gtid::Server(_) => set.has_domains(),
                    Gtid::Domain(_) => set.has_servers(),
                };
                if self.committed.gtid.as_ref().is_some_and(is_foreign) {
                    return Err(self.stop(event, FOREIGN_GTID));
                }
                if let Some(set) = &mut self.committed.gtid
                    && !(self.skipping && set.contains(&gtid))
                {
                    set.add(&gtid);
                }
            }
            None => {
                // GTIDs can't say any more what has been handled.
                self.committed.gtid = None;
                self.inherited = None;
            }
        }
        self.settle_here();
        Ok(())
    }

    /// Moves the position past an event between transactions.
    pub(super) fn settle(&mut self, event: &Event) {
        if !self.open && !self.announced && !event.is_made_up() {
            self.settle_here();
        }
    }

    pub(super) fn settle_here(&mut self) {
        self.committed.file.clone_from(&self.place.file);
        self.committed.pos = self.place.end;
    }

    /// That no transaction is open: what `event` is can't stand within one.
    pub(super) fn unbroken(&self, event: &Event) -> Result<(), Fault> {
        if self.open || self.announced {
            Err(self.broken_off(event))
        } else {
            Ok(())
        }
    }

    pub(super) fn broken_off(&self, event: &Event) -> Fault {
        let transaction = &self.transaction;
        Fault::retry(anyhow!(
            "the transaction at {}:{} has no end before the {}: the server crashed while it was written",
            transaction.file,
            transaction.pos,
            self.place.describe(event)
        ))
    }
}
