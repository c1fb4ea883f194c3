//! Rows that were held back: of XA transactions at their XA COMMIT, of others at their end.

use super::{End, Stage, header_ms};
use crate::pipeline::STOP_CHECK;
use crate::source::{Change, Event, Released};

impl Stage<'_> {
    /// Takes what was held back of the transaction that `event` commits, and ends it; or what there is no more room for.
    pub(super) fn release(&mut self, event: &Event) -> Result<(), End> {
        let mut release = self.parts.interpreter.release(event)?;
        self.transaction.clone_from(self.parts.interpreter.transaction());
        self.in_transaction = true;
        self.begin_part();
        loop {
            match release.next(STOP_CHECK)? {
                Released::Over => break,
                // A search through the log may be long.
                Released::Busy if self.give_up.requested() => return Err(End::Left),
                Released::Busy => {}
                Released::Rows(held) => {
                    let rows = held.rows();
                    if let Some(existing) = &mut self.parts.existing
                        && existing.leaves_out(&rows, &self.transaction)
                    {
                        continue;
                    }
                    let before = self.parts.next_sequence;
                    self.take_begin_number();
                    let bytes = rows.data.len();
                    let added = self.parts.batcher.add(&rows, &self.transaction, &mut self.parts.next_sequence);
                    self.open_rows += self.parts.next_sequence - before;
                    added?;
                    self.added(bytes)?;
                }
            }
        }
        if let Change::Commit { xid } = self.parts.interpreter.released(release, event)? {
            self.commit(xid, header_ms(event))?;
        }
        Ok(())
    }
}
