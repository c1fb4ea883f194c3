//! The transactions that a batch's rows belong to, as columns of text: what crosses to a plugin.

use std::fmt::Write as _;

use crate::source::Transaction;

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
    /// `seq` of each transaction's first row, in whatever batch that is. Does not cross to plugins.
    pub first_sequences: Vec<u64>,
}

impl Transactions {
    /// Appends a transaction whose id is not known yet, and whose first row has the number `first`.
    pub(super) fn push(&mut self, transaction: &Transaction, first: u64) {
        self.gtids.push_str(&transaction.gtid);
        self.gtid_ends.push(end(&self.gtids));
        // Writing to a `String` can't fail.
        let _ = write!(self.places, "{}:{}", transaction.file, transaction.pos);
        self.place_ends.push(end(&self.places));
        self.xids.push(0);
        self.first_sequences.push(first);
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.xids.is_empty()
    }

    /// GTID and place of the transaction `at`; both empty past the end.
    pub fn names(&self, at: usize) -> (&str, &str) {
        (piece(&self.gtids, &self.gtid_ends, at), piece(&self.places, &self.place_ends, at))
    }

    /// Index of the newest; 0 where there is none.
    pub(super) fn newest(&self) -> u32 {
        u32::try_from(self.xids.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Bytes that the lists take.
    pub(super) fn bytes(&self) -> usize {
        self.gtids.len() + self.places.len() + 24 * self.xids.len()
    }
}

/// A batch holds far fewer transactions than texts of 4 GiB need.
fn end(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// The text at an index into concatenated ones.
fn piece<'a>(texts: &'a str, ends: &[u32], at: usize) -> &'a str {
    let end = |at: usize| ends.get(at).and_then(|end| usize::try_from(*end).ok());
    let start = at.checked_sub(1).map_or(Some(0), end);
    start
        .zip(end(at))
        .and_then(|(start, end)| texts.get(start..end))
        .unwrap_or_default()
}
