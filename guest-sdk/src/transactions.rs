//! The source transactions that a batch's rows belong to.

/// GTIDs, places and ids of transactions, as columns of text. Shaped as `transactions` in the WIT file.
///
/// ```
/// use rowmill_sdk::harness::{Opened, Rows};
/// let opened = Opened::new(&Rows::sample())?;
/// let batch = opened.batch()?;
/// let transactions = batch.transactions;
/// let last = batch.txn(6);
/// assert_eq!((transactions.gtid(last), transactions.xid(last)), ("3e11fa47-71ca-11e1-9e33-c80aa9429562:24", 12));
/// assert_eq!((transactions.place(last), transactions.place(99)), ("binlog.000002:900", ""));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
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
    /// GTID of transaction `i`; empty where the source has none ([example](Self)).
    pub fn gtid(&self, i: usize) -> &str {
        nth(&self.gtids, &self.gtid_ends, i)
    }

    /// `file:position` of the first event of transaction `i` ([example](Self)).
    pub fn place(&self, i: usize) -> &str {
        nth(&self.places, &self.place_ends, i)
    }

    /// The storage engine's id of transaction `i`; 0 where not known ([example](Self)).
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
