//! stub: MySQL GTID sets (UUID, optional tag, intervals). The source room's author fills this in.

/// One transaction's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gtid {
    /// The server's UUID.
    pub uuid: [u8; 16],
    /// The tag, lower case; empty without one.
    pub tag: String,
    /// The transaction's number, from 1.
    pub number: u64,
}

/// A set of GTIDs.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GtidSet {}

/// Text that is no GTID set.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not a GTID set: expected uuid[:tag]:first-last[:first-last], separated by commas")]
pub struct ParseError {
    /// What was given.
    pub text: String,
}

impl TryFrom<String> for GtidSet {
    type Error = ParseError;
    fn try_from(_: String) -> Result<Self, ParseError> {
        Ok(Self {})
    }
}

impl From<GtidSet> for String {
    fn from(_: GtidSet) -> Self {
        Self::new()
    }
}
