//! What a link is called with, and how that fails.

use crate::fault::Fault;
use crate::plugin::error::Breakage;
use crate::plugin::output::Call;
use crate::plugin::state::Moment;
use crate::plugin::wire::GuestError;

/// Attempts at one call: a trap may come from what an earlier call left in the instance, so a new instance tries once more.
pub(in crate::plugin) const ATTEMPTS: usize = 2;

/// How a call failed, after all attempts.
pub(in crate::plugin) enum Failed {
    /// The plugin returned an error.
    Refused(GuestError),
    /// It broke.
    Broken(Breakage),
    /// The host can't go on.
    Fault(Fault),
}

impl Failed {
    /// The same, over a batch of so many bytes.
    pub(super) fn given(self, bytes: usize) -> Self {
        match self {
            Self::Broken(Breakage::OutOfMemory { wanted, limit, .. }) => Self::Broken(Breakage::OutOfMemory {
                wanted,
                limit,
                given: bytes,
            }),
            other => other,
        }
    }
}

/// What a link is called with, for messages and for what the guest may see and do.
pub(in crate::plugin) struct Work<'a> {
    /// What the plugin is given, such as `512 rows of shop.orders`.
    pub what: &'a dyn Fn() -> String,
    /// Time and chance.
    pub moment: Moment,
    /// What may be handed over.
    pub call: &'a dyn Fn() -> Call,
    /// How often it is tried.
    pub attempts: usize,
    /// Bytes that it may hand over.
    pub most: Most,
}

/// Bytes that one call may hand over.
#[derive(Debug, Clone, Copy)]
pub(in crate::plugin) struct Most {
    /// About one row, or an event.
    pub one: usize,
    /// About several rows: they can be given in smaller batches.
    pub several: usize,
}

impl Most {
    /// Of a call about so many rows.
    pub(in crate::plugin) fn of(self, rows: usize) -> usize {
        if rows > 1 { self.several } else { self.one }
    }
}
