//! What goes over the desk: what is to be read, and what was read.

use std::sync::Arc;

use crate::position::Position;
use crate::source::{KeyPlace, Layout, Lot, Mark};

/// A table to read, from a place on.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct Task {
    /// Its number among those that are copied.
    pub(in crate::pipeline) table: usize,
    /// Behind this row.
    pub(in crate::pipeline) after: Option<KeyPlace>,
    /// What the order depended on when `after` was read.
    pub(in crate::pipeline) order: Option<String>,
    /// As a whole, whatever key it has.
    pub(in crate::pipeline) whole: bool,
    /// What was read in an earlier one counts no more.
    pub(in crate::pipeline) epoch: u64,
}

/// Rows that were read.
#[derive(Debug)]
pub(in crate::pipeline) struct Chunk {
    pub(in crate::pipeline) table: usize,
    pub(in crate::pipeline) epoch: u64,
    /// None: the table is gone.
    pub(in crate::pipeline) layout: Option<Arc<Layout>>,
    pub(in crate::pipeline) lot: Lot,
    pub(in crate::pipeline) until: Until,
    /// The table has no more; or it is no more.
    pub(in crate::pipeline) end: Option<Ended>,
    /// Milliseconds since 1970.
    pub(in crate::pipeline) read_at_ms: i64,
}

/// When rows may go out.
#[derive(Debug)]
pub(in crate::pipeline) enum Until {
    /// Once the stream has passed a place.
    Passed(Mark),
    /// Now: the stream waits for them.
    Now,
}

/// Why a table has no more rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) enum Ended {
    /// All were read.
    Done,
    /// There is no such table any more.
    Gone,
}

/// What a reader is to do.
#[derive(Debug)]
pub(in crate::pipeline) enum Next {
    /// Begin with a table, after waiting until what is before the place is settled.
    Begin(Task, Option<Position>),
    /// Read on in its table, after waiting so.
    Go(Option<Position>),
    /// Read one lot of a table at once: the stream waits for it at this place.
    Urgent(Task, Position),
    /// Forget its table: others have it, or it is to be read anew.
    Leave,
    /// Nothing is left for now: connections are not needed.
    Rest,
    /// Nobody wants rows any more.
    Over,
}
