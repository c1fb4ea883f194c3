//! XA transactions: what was prepared is held back until its XA COMMIT, in memory while there is room, else in the log, which
//! is then read again. `docs/decisions/xa-transactions.md` says why so.

mod held;
mod undecided;
mod event;
mod again;
mod reading;
mod search;
mod release;

pub use again::Again;
pub(super) use event::Prepare;
pub use held::Held;
pub(super) use reading::{Reading, Wanted};
pub use release::{Release, Released};
pub(super) use undecided::Undecided;

use super::catalog::Catalog;
use super::tables::Tables;
use crate::config::TableFilter;
use crate::position::Position;

/// How XA transactions are held back.
#[derive(Debug)]
pub struct Holding {
    /// The log once more, for rows that are not in memory.
    pub again: Again,
    /// Bytes of row images that may be kept in memory.
    pub memory: usize,
    /// Transactions that may be prepared and undecided at once.
    pub most: usize,
    /// Whether an XA COMMIT is passed over with a warning where the log no longer has what was prepared.
    pub passes_lost: bool,
}

impl Default for Holding {
    /// Of an interpreter that nobody told more: all is kept.
    fn default() -> Self {
        Self {
            again: Again::default(),
            memory: usize::MAX,
            most: usize::MAX,
            passes_lost: false,
        }
    }
}

/// What stands in the place of tables that are lent to a reading.
pub(super) fn no_tables() -> Tables {
    Tables::new(TableFilter::default(), Catalog::none(), &Position::default())
}
