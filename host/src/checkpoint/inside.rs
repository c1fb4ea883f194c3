//! A place inside a transaction: what a position cannot say, which only knows transactions as wholes.

/// How much of one transaction has been delivered and committed. It is the first after the checkpoint's position, or, where
/// servers order transactions differently, comes later.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Inside {
    /// GTID as text; empty without one.
    pub gtid: String,
    /// File of the transaction's first event.
    pub file: String,
    /// Offset of the transaction's first event.
    pub pos: u64,
    /// Rows of each table that have been delivered.
    pub rows: Vec<TableRows>,
    /// Number of the transaction's begin marker, where there are markers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<u64>,
    /// Topics that have the begin marker.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
}

/// Rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TableRows {
    /// Its database.
    pub database: String,
    /// Its name.
    pub table: String,
    /// How many.
    pub rows: u64,
}
