//! The rows of an XA transaction that is committed, one event after the other.

use std::time::Duration;

use super::Held;
use super::reading::Reading;
use crate::fault::Fault;
use crate::source::tables::Tables;

/// Rows that were held back and are due now.
#[derive(Debug)]
pub struct Release(From);

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
    pub(in crate::source) fn from_memory(rows: Vec<Held>) -> Self {
        Self(From::Memory(rows.into_iter()))
    }

    pub(in crate::source) fn from_log(reading: Reading) -> Self {
        Self(From::Log(Box::new(reading)))
    }

    /// The next rows, in the order of the log. Where they are read again it waits for them, but not longer than `wait` at a time.
    ///
    /// # Errors
    /// As `Source::read` and `Interpreter::read`. `Stop` where the log no longer has the rows, unless that is to be passed over.
    pub fn next(&mut self, wait: Duration) -> Result<Released, Fault> {
        match &mut self.0 {
            From::Memory(rows) => Ok(rows.next().map_or(Released::Over, Released::Rows)),
            From::Log(reading) => reading.next(wait),
        }
    }

    /// The table versions that the reading had to itself.
    pub(in crate::source) fn into_tables(self) -> Option<Tables> {
        match self.0 {
            From::Memory(_) => None,
            From::Log(reading) => Some(reading.into_tables()),
        }
    }
}
