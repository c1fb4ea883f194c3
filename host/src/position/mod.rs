//! A place in the binlog: ordered, shown, stored. Knows nothing of connections.

mod gtid;

pub use gtid::{Gtid, GtidSet, ParseError};

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
