//! The transactions that a batch's rows belong to, as columns of text: what crosses to a plugin.

/// See `transactions` in `wit/rowmill.wit`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transactions {
    /// GTIDs, concatenated.
    pub gtids: String,
    /// Where each GTID ends.
    pub gtid_ends: Vec<u32>,
    /// `file:position` of each first event, concatenated.
    pub places: String,
    /// Where each place ends.
    pub place_ends: Vec<u32>,
    /// Transaction ids of the storage engine; 0 where not known.
    pub xids: Vec<u64>,
}
