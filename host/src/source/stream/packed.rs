//! Compressed transactions: their events mean what they would outside, but have no place of their own in the file.

use super::{Change, Interpreter};
use crate::fault::Fault;
use crate::source::event::Event;
use crate::source::payload::{Packed, Payload};
use crate::source::refusal::{MIDDLE, UNFINISHED};

impl Interpreter {
    /// The events of a compressed transaction, for which `read` answered `Change::Packed`.
    ///
    /// # Errors
    /// `Stop` for one that is damaged or compressed in a way that is not known.
    pub fn unpack<'e>(&self, event: &'e Event) -> Result<Payload<'e>, Fault> {
        Payload::open(&event.body, self.place.describe(event), self.largest)
    }

    /// The same of an event that nobody else needs: its body is taken.
    pub(in crate::source) fn unpack_own(&self, event: &mut Event) -> Result<Payload<'static>, Fault> {
        let place = self.place.describe(event);
        Payload::of(std::mem::take(&mut event.body), place, self.largest)
    }

    /// What an event of the compressed transaction that was read last means. The position stays before the whole transaction
    /// until its last event.
    ///
    /// # Errors
    /// As `read`, and `Stop` where the transaction does not end with the last event.
    pub fn read_packed<'a>(&'a mut self, packed: Packed<'a>) -> Result<Change<'a>, Fault> {
        self.packed = Some(packed.last);
        if !packed.last {
            return self.interpret(packed.event);
        }
        let change = match self.interpret(packed.event)? {
            Change::Commit { xid } => Change::Commit { xid },
            Change::Ddl { database, text, statement } => Change::Ddl { database, text, statement },
            Change::Nothing => Change::Nothing,
            Change::Passed => Change::Passed,
            // It ends when its rows have been taken.
            Change::Release => return Ok(Change::Release),
            Change::Begin(_) | Change::Rows(_) | Change::Packed => return Err(self.stop(packed.event, UNFINISHED)),
        };
        if self.open || self.announced {
            return Err(self.stop(packed.event, UNFINISHED));
        }
        Ok(change)
    }

    /// A compressed transaction, right after its GTID.
    pub(super) fn compressed<'a>(&mut self, event: &Event) -> Result<Change<'a>, Fault> {
        if self.open || !self.announced {
            return Err(self.stop(event, MIDDLE));
        }
        if self.skipping {
            self.finish(event)?;
            return Ok(Change::Passed);
        }
        self.whole(event)?;
        Ok(Change::Packed)
    }
}
