//! Those who read the rows that tables have, side by side, for the stage that tells of changes. See `docs/decisions/snapshot.md`.

mod task;
mod desk;
mod talk;
mod reader;
mod whole;

pub(super) use desk::Desk;
pub(super) use talk::{Step, Talk};
pub(super) use task::{Chunk, Ended, Task, Until};

use std::sync::Arc;

use self::reader::Reader;
use super::progress::Progress;
use crate::config::Config;
use crate::fault::Fault;
use crate::position::Position;

/// What readers are made from.
#[derive(Debug, Clone)]
pub(super) struct Crew {
    pub(super) config: Config,
    pub(super) desk: Arc<Desk>,
    /// Where the stream begins: what is before is settled before anything is read.
    pub(super) from: Position,
    pub(super) progress: Progress,
}

/// Lets everybody go when a reader ends by a fault, and the stage too.
struct Closing<'a>(&'a Desk);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Reads what there is to read, until nobody wants rows any more.
pub(super) fn run(crew: &Crew) -> Result<(), Fault> {
    let closing = Closing(&crew.desk);
    let served = Reader::new(crew).serve();
    if served.is_ok() || crew.desk.is_closed() {
        // All is well, and the others go on; or they have left, and what they met is what counts.
        std::mem::forget(closing);
        return Ok(());
    }
    served
}
