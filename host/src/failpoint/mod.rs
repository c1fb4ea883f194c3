//! Where a test has the process die: at each step between reading and commit. Builds without debug assertions have none of it.

/// The steps, in the order in which one change meets them. A test reads the names from this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The connector is this process's, nothing has been asked of Kafka.
    Owned,
    /// The transactions of a former owner are ended.
    TakenOver,
    /// The checkpoint is known.
    Loaded,
    /// Events of the log are here.
    Read,
    /// Rows are in a batch that has not been handed on.
    Batched,
    /// A place is decided at which everything before is to be committed.
    Decided,
    /// The same, inside a transaction of the source.
    PartDecided,
    /// Rows of a table that is copied are in batches.
    Copied,
    /// The last rows of a table that is copied are.
    TableCopied,
    /// Plugins have made records.
    Encoded,
    /// A Kafka transaction is open.
    Begun,
    /// Records are on their way in it.
    Sent,
    /// So is the checkpoint.
    Stored,
    /// The broker has all of it.
    Flushed,
    /// It is committed, and nobody has been told.
    Committed,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Owned,
        Self::TakenOver,
        Self::Loaded,
        Self::Read,
        Self::Batched,
        Self::Decided,
        Self::PartDecided,
        Self::Copied,
        Self::TableCopied,
        Self::Encoded,
        Self::Begun,
        Self::Sent,
        Self::Stored,
        Self::Flushed,
        Self::Committed,
    ];

    /// Its name in `ROWMILL_DIE_AT`: the variant's.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// Notes that the process is at a step. Where it is to die there, it does so at once: nothing is finished, told or closed.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reach(_: Point) {}

#[cfg(debug_assertions)]
pub use armed::{arm, reach};

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Point;

    static ARMED: OnceLock<(Point, AtomicU64)> = OnceLock::new();

    /// Has the process die when it is at a step for the so-manieth time: `NAME:COUNT`.
    ///
    /// # Errors
    /// With the text, where it is not of that form or names no step.
    pub fn arm(text: &str) -> Result<(), String> {
        let refused = || format!("ROWMILL_DIE_AT = {text:?} is not STEP:COUNT");
        let (name, count) = text.split_once(':').ok_or_else(refused)?;
        let point = Point::ALL.into_iter().find(|point| point.name() == name).ok_or_else(refused)?;
        let count: u64 = count.parse().ok().filter(|count| *count > 0).ok_or_else(refused)?;
        ARMED.set((point, AtomicU64::new(count))).map_err(|_| refused())
    }

    /// See the other one.
    pub fn reach(point: Point) {
        if let Some((armed, left)) = ARMED.get()
            && *armed == point
            && left.fetch_sub(1, Ordering::AcqRel) == 1
        {
            std::process::abort();
        }
    }
}
