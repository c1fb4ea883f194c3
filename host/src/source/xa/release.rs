//! Rows that were held back and are due, one event after the other.

use std::time::Duration;

use super::Held;
use super::reading::Reading;
use crate::fault::Fault;
use crate::source::tables::Tables;

/// Rows that were held back and are due now.
#[derive(Debug)]
pub struct Release {
    from: From,
    /// Time of all rows, where it is not each event's own.
    at: Option<u32>,
}

#[derive(Debug)]
enum From {
    Memory(std::vec::IntoIter<Held>),
    Log(Box<Reading>),
}

/// What a call of `Release::next` brought.
#[derive(Debug)]
pub enum Released {
    /// Rows.
    Rows(Held),
    /// Nothing yet: the log is being read again.
    Busy,
    /// All rows have come.
    Over,
}

impl Release {
    /// `at`: seconds since 1970 that all rows get.
    pub(in crate::source) fn from_memory(rows: Vec<Held>, at: Option<u32>) -> Self {
        let from = From::Memory(rows.into_iter());
        Self { from, at }
    }

    pub(in crate::source) fn from_log(reading: Reading, at: Option<u32>) -> Self {
        let from = From::Log(Box::new(reading));
        Self { from, at }
    }

    /// The next rows, in the order of the log. Where they are read again it waits for them, but not longer than `wait` at a time.
    ///
    /// # Errors
    /// As `Source::read` and `Interpreter::read`. `Stop` where the log no longer has the rows, unless that is to be passed over.
    pub fn next(&mut self, wait: Duration) -> Result<Released, Fault> {
        let released = match &mut self.from {
            From::Memory(rows) => rows.next().map_or(Released::Over, Released::Rows),
            From::Log(reading) => reading.next(wait)?,
        };
        Ok(match (released, self.at) {
            (Released::Rows(held), Some(at)) => Released::Rows(held.at(at)),
            (released, _) => released,
        })
    }

    /// The table versions that the reading had to itself.
    pub(in crate::source) fn into_tables(self) -> Option<Tables> {
        match self.from {
            From::Memory(_) => None,
            From::Log(reading) => Some(reading.into_tables()),
        }
    }
}
