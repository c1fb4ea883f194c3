//! The source transactions that a batch's rows belong to.

/// GTIDs, places and ids of transactions, as columns of text. Shaped as `transactions` in the WIT file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transactions {
    /// The GTIDs, concatenated.
    pub gtids: String,
    /// Where each GTID ends, in bytes.
    pub gtid_ends: Vec<u32>,
    /// `file:position` of each transaction's first event, concatenated.
    pub places: String,
    /// Where each place ends, in bytes.
    pub place_ends: Vec<u32>,
    /// The storage engine's transaction ids; 0 where not known.
    pub xids: Vec<u64>,
}

impl Transactions {
    /// GTID of transaction `i`; empty where the source has none.
    pub fn gtid(&self, i: usize) -> &str {
        nth(&self.gtids, &self.gtid_ends, i)
    }

    /// `file:position` of the first event of transaction `i`.
    pub fn place(&self, i: usize) -> &str {
        nth(&self.places, &self.place_ends, i)
    }

    /// The storage engine's id of transaction `i`; 0 where not known.
    pub fn xid(&self, i: usize) -> u64 {
        self.xids.get(i).copied().unwrap_or(0)
    }
}

fn nth<'a>(texts: &'a str, ends: &[u32], i: usize) -> &'a str {
    let bound = |i: usize| ends.get(i).and_then(|end| usize::try_from(*end).ok());
    let start = i.checked_sub(1).map_or(Some(0), bound);
    match (start, bound(i)) {
        (Some(start), Some(end)) => texts.get(start..end).unwrap_or_default(),
        _ => "",
    }
}
