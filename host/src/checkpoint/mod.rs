//! The last position whose records are all delivered, and the sequence counter.

use crate::fault::Fault;
use crate::position::Position;

/// What a restart needs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Checkpoint {
    /// Where to go on.
    pub position: Position,
    /// `sequenceId` of the next change: milliseconds at the first start times 10^6, plus the changes since.
    pub next_sequence: u64,
    /// Milliseconds since 1970 when it was made.
    pub saved_at_ms: i64,
}

/// Where checkpoints are kept.
pub trait Checkpoints: Send {
    /// The connector's checkpoint; `None` before the first.
    ///
    /// # Errors
    /// `Retry` where the store can't be reached, `Stop` where it refuses or holds something else.
    fn load(&mut self) -> Result<Option<Checkpoint>, Fault>;

    /// Stores a checkpoint of a connector that is not running, durably.
    ///
    /// # Errors
    /// As `load`.
    fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), Fault>;
}
