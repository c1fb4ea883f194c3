//! Rows of which it is not known yet whether they count: of the transaction that is being read, where its end may take them back,
//! and of XA transactions that are prepared and not decided.

use std::collections::BTreeMap;

use super::Held;
use crate::position::{Prepared, Xid};

/// Savepoints of one transaction that are known; of older ones it is not known any more what they take back.
const MOST_SAVEPOINTS: usize = 10_000;

/// The transactions whose outcome is not known yet, and the one that is being read.
#[derive(Debug)]
pub(in crate::source) struct Undecided {
    memory: usize,
    /// Of all rows that are kept.
    bytes: usize,
    entries: BTreeMap<Xid, Entry>,
    open: Option<Open>,
    /// Of the next one that is prepared.
    order: u64,
}

/// A prepared transaction.
#[derive(Debug)]
struct Entry {
    about: Prepared,
    /// Its rows; none: only the log has them.
    rows: Option<Kept>,
    /// The lowest was prepared first.
    order: u64,
}

#[derive(Debug, Default)]
struct Kept {
    rows: Vec<Held>,
    bytes: usize,
}

/// A transaction between its begin and what ends it.
#[derive(Debug)]
struct Open {
    /// Of an XA transaction.
    xid: Option<Xid>,
    /// None: there was no room.
    kept: Option<Kept>,
    has_rows: bool,
    /// How many row events were taken out.
    drained: usize,
    /// Names in lower case, and how many row events there were.
    savepoints: Vec<(String, usize)>,
}

impl Open {
    /// Row events so far.
    fn count(&self) -> usize {
        self.drained + self.kept.as_ref().map_or(0, |kept| kept.rows.len())
    }
}

/// A savepoint that is gone back to is not known, or rows after it are gone already.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::source) struct TooLate;

impl Undecided {
    /// `prepared` were so before; `memory` bounds the bytes of rows that are kept.
    pub(in crate::source) fn new(prepared: Vec<Prepared>, memory: usize) -> Self {
        let mut undecided = Self {
            memory,
            bytes: 0,
            entries: BTreeMap::new(),
            open: None,
            order: 0,
        };
        for about in prepared {
            undecided.insert(about, None);
        }
        undecided
    }

    /// All of them, in the order of their ids.
    pub(in crate::source) fn list(&self) -> Vec<Prepared> {
        self.entries.values().map(|entry| entry.about.clone()).collect()
    }

    /// How many there are.
    pub(in crate::source) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is known of one; nothing where it was not prepared since the start.
    pub(in crate::source) fn get(&self, xid: &Xid) -> Option<&Prepared> {
        self.entries.get(xid).map(|entry| &entry.about)
    }

    /// A transaction begins whose rows are to be held; `xid` is an XA transaction's.
    pub(in crate::source) fn begin(&mut self, xid: Option<Xid>) {
        self.discard();
        self.open = Some(Open {
            xid,
            kept: Some(Kept::default()),
            has_rows: false,
            drained: 0,
            savepoints: Vec::new(),
        });
    }

    /// Whether such a transaction has begun and not ended.
    pub(in crate::source) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether it is no XA transaction.
    pub(in crate::source) fn is_plain(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.xid.is_none())
    }

    /// What all rows that are kept take.
    pub(in crate::source) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The id of the XA transaction that has begun.
    pub(in crate::source) fn open_xid(&self) -> Option<&Xid> {
        self.open.as_ref()?.xid.as_ref()
    }

    /// Whether it has rows of chosen tables.
    pub(in crate::source) fn has_rows(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.has_rows)
    }

    /// Keeps rows of the open transaction; whether they take more than half of the room now, which is all that one may. For the
    /// other half the rows of those go that were prepared first: they are the least likely to be decided soon.
    pub(in crate::source) fn keep(&mut self, held: Held) -> bool {
        let bytes = held.bytes();
        let Some(open) = &mut self.open else { return false };
        open.has_rows = true;
        let Some(kept) = &mut open.kept else { return false };
        kept.rows.push(held);
        kept.bytes += bytes;
        self.bytes += bytes;
        if kept.bytes > self.memory / 2 {
            return true;
        }
        while self.bytes > self.memory && self.drop_oldest() {}
        false
    }

    /// A savepoint of the open transaction, in place of an older one with its name.
    pub(in crate::source) fn set_savepoint(&mut self, name: &str) {
        if let Some(open) = &mut self.open {
            let name = name.to_lowercase();
            open.savepoints.retain(|(other, _)| *other != name);
            if open.savepoints.len() >= MOST_SAVEPOINTS {
                open.savepoints.remove(0);
            }
            open.savepoints.push((name, open.count()));
        }
    }

    /// Takes back the rows since a savepoint of the open transaction.
    pub(in crate::source) fn roll_back_to(&mut self, name: &str) -> Result<(), TooLate> {
        let Some(open) = &mut self.open else { return Err(TooLate) };
        let name = name.to_lowercase();
        let at = open.savepoints.iter().position(|(other, _)| *other == name).ok_or(TooLate)?;
        open.savepoints.truncate(at + 1);
        let count = open.savepoints.last().map_or(0, |(_, count)| *count);
        // Where the rows are only in the log it is read again with its savepoints.
        let Some(kept) = &mut open.kept else { return Ok(()) };
        let left = count.checked_sub(open.drained).ok_or(TooLate)?;
        let taken: usize = kept.rows.drain(left.min(kept.rows.len())..).map(|held| held.bytes()).sum();
        kept.bytes = kept.bytes.saturating_sub(taken);
        self.bytes = self.bytes.saturating_sub(taken);
        Ok(())
    }

    /// The rows of the open transaction that nothing in it can take back any more, since this was called last: those before its first
    /// savepoint.
    pub(in crate::source) fn drain(&mut self) -> Vec<Held> {
        let Some(open) = &mut self.open else { return Vec::new() };
        let first = open.savepoints.first().map_or(usize::MAX, |(_, count)| *count);
        let Some(kept) = &mut open.kept else { return Vec::new() };
        let safe = first.saturating_sub(open.drained).min(kept.rows.len());
        let rows: Vec<Held> = kept.rows.drain(..safe).collect();
        let bytes: usize = rows.iter().map(Held::bytes).sum();
        open.drained += rows.len();
        kept.bytes = kept.bytes.saturating_sub(bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        rows
    }

    /// The open transaction is prepared. `about` takes the place of another one with its id, which is given back.
    pub(in crate::source) fn prepare(&mut self, about: Prepared) -> Option<Prepared> {
        let kept = self.open.take().and_then(|open| open.kept);
        self.insert(about, kept)
    }

    /// The open transaction is not needed any more.
    pub(in crate::source) fn discard(&mut self) {
        let kept = self.open.take().and_then(|open| open.kept);
        self.release(kept);
    }

    /// All rows of the open transaction; none where they are only in the log.
    pub(in crate::source) fn take_open(&mut self) -> Option<Vec<Held>> {
        let kept = self.open.as_mut().and_then(|open| open.kept.take());
        self.release(kept)
    }

    /// All rows of a prepared transaction; none where they are only in the log. It stays prepared.
    pub(in crate::source) fn take(&mut self, xid: &Xid) -> Option<Vec<Held>> {
        let kept = self.entries.get_mut(xid).and_then(|entry| entry.rows.take());
        self.release(kept)
    }

    /// The transaction is committed or rolled back.
    pub(in crate::source) fn decide(&mut self, xid: &Xid) {
        let kept = self.entries.remove(xid).and_then(|entry| entry.rows);
        self.release(kept);
    }

    fn insert(&mut self, about: Prepared, rows: Option<Kept>) -> Option<Prepared> {
        let order = self.order;
        self.order += 1;
        let before = self.entries.insert(about.xid.clone(), Entry { about, rows, order })?;
        self.release(before.rows);
        Some(before.about)
    }

    fn release(&mut self, kept: Option<Kept>) -> Option<Vec<Held>> {
        let kept = kept?;
        self.bytes = self.bytes.saturating_sub(kept.bytes);
        Some(kept.rows)
    }

    /// Leaves the rows of the transaction that was prepared first to the log; whether there was one with any.
    fn drop_oldest(&mut self) -> bool {
        let with_rows = self
            .entries
            .values_mut()
            .filter(|entry| entry.rows.as_ref().is_some_and(|kept| kept.bytes > 0));
        let Some(oldest) = with_rows.min_by_key(|entry| entry.order) else {
            return false;
        };
        let kept = oldest.rows.take();
        self.release(kept).is_some()
    }
}
