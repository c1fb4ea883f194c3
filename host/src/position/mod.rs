//! A place in the binlog: ordered, shown, stored. Knows nothing of connections.

mod domain;
mod gtid;
mod intervals;
mod log;
mod prepared;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzzing;

pub use domain::DomainGtid;
#[cfg(any(test, feature = "fuzzing"))]
pub use fuzzing::{check_gtid_set, check_gtid_sets};
pub use gtid::{Gtid, GtidSet, ParseError, ServerGtid, Uuid};
pub use log::Log;
pub use prepared::{NoXid, Prepared, Xid};

use std::fmt;

/// Where to go on reading: everything before it has been handled.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Executed GTIDs, where the server has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtid: Option<GtidSet>,
    /// Binlog file, without a folder; empty when not known.
    #[serde(default)]
    pub file: String,
    /// Byte offset of the next event in `file`; 4 is the first.
    #[serde(default)]
    pub pos: u64,
}

impl fmt::Display for Position {
    /// `file:pos` and the GTID set, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.gtid, self.file.is_empty()) {
            (Some(set), true) => write!(f, "gtid {}", set.one_line()),
            (Some(set), false) => write!(f, "{}:{}, gtid {}", self.file, self.pos, set.one_line()),
            (None, true) => f.write_str("the start of the log"),
            (None, false) => write!(f, "{}:{}", self.file, self.pos),
        }
    }
}
