//! XA transactions: held back from XA START to XA PREPARE, due at XA COMMIT, dropped at XA ROLLBACK.

use anyhow::anyhow;

use super::held::Due;
use super::{Change, Event, Interpreter};
use crate::fault::Fault;
use crate::position::{Prepared, Xid};
use crate::source::reader::Malformed;
use crate::source::refusal::MIDDLE;
use crate::source::statement::Xa;
use crate::source::xa::{Holding, Prepare, Undecided};

impl Interpreter {
    /// With the XA transactions that were prepared before the start and not decided.
    #[must_use]
    pub fn with_prepared(mut self, prepared: Vec<Prepared>, holding: Holding) -> Self {
        self.undecided = Undecided::new(prepared, holding.memory);
        self.holding = holding;
        self
    }

    /// The XA transactions that are prepared before `position` and not decided there: a restart needs both.
    pub fn prepared(&self) -> Vec<Prepared> {
        self.undecided.list()
    }

    /// A step that the log tells as a statement.
    pub(super) fn xa<'a>(&'a mut self, event: &Event, step: Xa) -> Result<Change<'a>, Fault> {
        match step {
            Xa::Start(xid) => {
                if self.open {
                    return Err(self.broken_off(event));
                }
                self.announce_alone(event);
                self.open = true;
                self.undecided.begin(Some(xid));
                Ok(if self.skipping {
                    Change::Nothing
                } else {
                    Change::Begin(&self.transaction)
                })
            }
            Xa::End => Ok(Change::Nothing),
            Xa::Commit(xid) => {
                let has_rows = self.undecided.get(&xid).is_none_or(|about| about.rows);
                self.outcome(event, xid, has_rows)
            }
            Xa::Rollback(xid) => self.outcome(event, xid, false),
        }
    }

    /// What was prepared is decided; `takes_effect`: it has rows, and they count from here on.
    fn outcome<'a>(&mut self, event: &Event, xid: Xid, takes_effect: bool) -> Result<Change<'a>, Fault> {
        if self.open {
            return Err(self.broken_off(event));
        }
        self.announce_alone(event);
        if takes_effect && !self.skipping {
            self.due = Some(Due::Prepared(xid));
            return Ok(Change::Release);
        }
        self.finish(event)?;
        self.undecided.decide(&xid);
        Ok(Change::Passed)
    }

    /// The XA transaction that is open is whole.
    pub(super) fn xa_prepare<'a>(&mut self, event: &Event) -> Result<Change<'a>, Fault> {
        if !self.open || !self.undecided.is_open() || self.undecided.is_plain() {
            return Err(self.stop(event, MIDDLE));
        }
        let Prepare { one_phase, xid } = Prepare::parse(&event.body).map_err(|m| self.malformed(event, m))?;
        if self.undecided.open_xid().is_some_and(|open| *open != xid) {
            return Err(self.malformed(
                event,
                Malformed("the XA transaction that it ends has another id than the one that began"),
            ));
        }
        if one_phase {
            if self.undecided.has_rows() && !self.skipping {
                self.due = Some(Due::Open(xid));
                return Ok(Change::Release);
            }
            self.undecided.discard();
            return self.commit(event, 0);
        }
        if self.undecided.len() >= self.holding.most && self.undecided.get(&xid).is_none() {
            return Err(self.too_many(event, &xid));
        }
        let about = Prepared {
            gtid: self.transaction.gtid.clone(),
            file: self.transaction.file.clone(),
            pos: self.transaction.pos,
            // Of one that is passed over nobody looked.
            rows: self.undecided.has_rows() || self.skipping,
            xid,
        };
        if self.skipping {
            // Nothing was kept: its rows are in the log.
            self.undecided.discard();
        }
        let change = self.commit(event, 0)?;
        let before = self.undecided.prepare(about);
        if let Some(before) = before.filter(|before| before.rows && !self.skipping) {
            let Prepared { xid, gtid, file, pos, .. } = before;
            tracing::warn!(%xid, gtid, file, pos, "an xa transaction was prepared twice: the log does not tell what became of the first");
        }
        Ok(change)
    }

    #[cold]
    fn too_many(&self, event: &Event, xid: &Xid) -> Fault {
        Fault::stop(anyhow!(
            "{}: the XA transaction {xid} would be one more than limits.prepared = {} that are prepared and not decided; raise it, or decide \
             those that XA RECOVER lists",
            self.place.describe(event),
            self.holding.most
        ))
    }
}
