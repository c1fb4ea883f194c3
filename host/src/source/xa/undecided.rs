//! Which XA transactions are prepared and not decided, and the rows of those that there was room for.

use std::collections::BTreeMap;

use super::Held;
use crate::position::{Prepared, Xid};

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

/// A transaction between XA START and what ends it.
#[derive(Debug)]
struct Open {
    xid: Option<Xid>,
    /// None: there was no room.
    kept: Option<Kept>,
    has_rows: bool,
}

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

    /// An XA transaction begins; MariaDB's may not tell its id.
    pub(in crate::source) fn begin(&mut self, xid: Option<Xid>) {
        self.discard();
        self.open = Some(Open {
            xid,
            kept: Some(Kept::default()),
            has_rows: false,
        });
    }

    /// Whether an XA transaction has begun and not ended.
    pub(in crate::source) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The id of the one that has begun.
    pub(in crate::source) fn open_xid(&self) -> Option<&Xid> {
        self.open.as_ref()?.xid.as_ref()
    }

    /// Whether it has rows of chosen tables.
    pub(in crate::source) fn has_rows(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.has_rows)
    }

    /// Keeps rows of the open transaction. It may take half of the room; for that the rows of those that were prepared first
    /// go, which are the least likely to be decided soon. What has no room is left to the log.
    pub(in crate::source) fn keep(&mut self, held: Held) {
        let bytes = held.bytes();
        let Some(open) = &mut self.open else { return };
        open.has_rows = true;
        let Some(kept) = &mut open.kept else { return };
        kept.rows.push(held);
        kept.bytes += bytes;
        self.bytes += bytes;
        if kept.bytes > self.memory / 2 {
            self.take_open();
            return;
        }
        while self.bytes > self.memory && self.drop_oldest() {}
    }

    /// The rows of the open transaction that were kept since this was called last.
    pub(in crate::source) fn drain(&mut self) -> Vec<Held> {
        let kept = self.open.as_mut().and_then(|open| open.kept.as_mut()).map(std::mem::take);
        self.release(kept).unwrap_or_default()
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
