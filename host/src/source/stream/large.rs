//! Events that are larger than one may take of memory, so that only their beginning is there.

use super::{Event, Interpreter};
use crate::fault::Fault;
use crate::source::event::EventKind;
use crate::source::refusal::too_large;

impl Interpreter {
    /// That the event is whole, or is not needed to its end, or whether it is will only be known later (`whole`).
    pub(super) fn may_be_cut(&self, event: &Event) -> Result<(), Fault> {
        match event.kind() {
            // Rows of tables that nobody chose, and transactions that were handled before, are passed over whatever their size.
            EventKind::WriteRows { .. }
            | EventKind::UpdateRows { .. }
            | EventKind::DeleteRows { .. }
            | EventKind::PartialUpdateRows
            | EventKind::CompressedWriteRows { .. }
            | EventKind::CompressedUpdateRows { .. }
            | EventKind::CompressedDeleteRows { .. }
            | EventKind::TransactionPayload
            | EventKind::Comment
            | EventKind::Heartbeat
            | EventKind::GroupReplication
            | EventKind::StatementValue
            | EventKind::Unknown(_) => Ok(()),
            _ => self.whole(event),
        }
    }

    /// That the event is there to its end.
    pub(super) fn whole(&self, event: &Event) -> Result<(), Fault> {
        if event.is_whole() {
            return Ok(());
        }
        Err(too_large(&self.place.describe(event), event))
    }
}
