//! The rows of XA transactions, at the place of their XA COMMIT.

use super::{End, Stage, header_ms};
use crate::pipeline::STOP_CHECK;
use crate::source::{Change, Event, Released};

impl Stage<'_> {
    /// Takes what was held back of the transaction that `event` commits, and ends it.
    pub(super) fn release(&mut self, event: &Event) -> Result<(), End> {
        let mut release = self.parts.interpreter.release()?;
        self.transaction.clone_from(self.parts.interpreter.transaction());
        self.in_transaction = true;
        loop {
            match release.next(STOP_CHECK)? {
                Released::Over => break,
                // A search through the log may be long.
                Released::Busy if self.give_up.requested() => return Err(End::Left),
                Released::Busy => {}
                Released::Rows(held) => {
                    let before = self.parts.next_sequence;
                    self.take_begin_number();
                    let rows = held.rows(event.timestamp);
                    self.parts.batcher.add(&rows, &self.transaction, &mut self.parts.next_sequence)?;
                    self.added(before)?;
                }
            }
        }
        if let Change::Commit { xid } = self.parts.interpreter.released(release, event)? {
            self.commit(xid, header_ms(event))?;
        }
        Ok(())
    }
}
