//! What is on its way: the buffers that messages point into, each counted until every delivery report about it is in.
//! Plain bookkeeping; `native` fills it.

use std::collections::VecDeque;

/// Buffers on their way, in the order in which they were taken over. A lot's number rises by one a lot, from 1.
#[derive(Debug)]
pub(super) struct Lots {
    lots: VecDeque<Lot>,
    /// Number of the first of `lots`.
    first: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Lot {
    data: Vec<u8>,
    /// What it counts for in `bytes`.
    cost: usize,
    /// Messages handed over and not reported yet.
    outstanding: usize,
    /// Whether messages may still be added.
    open: bool,
}

impl Lots {
    /// None.
    pub(super) fn new() -> Self {
        Self {
            lots: VecDeque::new(),
            first: 1,
            bytes: 0,
        }
    }

    /// Takes a buffer over that counts for `cost` bytes, and gives its number.
    pub(super) fn open(&mut self, data: Vec<u8>, cost: usize) -> u64 {
        let number = self.next();
        self.bytes += cost;
        self.lots.push_back(Lot {
            data,
            cost,
            outstanding: 0,
            open: true,
        });
        number
    }

    /// The bytes of an unfinished lot. They neither move nor change until it is finished.
    pub(super) fn data(&self, number: u64) -> &[u8] {
        self.index(number).and_then(|i| self.lots.get(i)).map_or(&[], |lot| &lot.data)
    }

    /// Messages of this lot were handed over.
    pub(super) fn add(&mut self, number: u64, messages: usize) {
        if let Some(lot) = self.lot(number) {
            lot.outstanding += messages;
        }
    }

    /// No more messages of this lot will be handed over.
    pub(super) fn close(&mut self, number: u64) {
        if let Some(lot) = self.lot(number) {
            lot.open = false;
        }
        self.release(number);
    }

    /// Messages of this lot were reported: nobody reads their bytes any more.
    pub(super) fn settle(&mut self, number: u64, messages: usize) {
        if let Some(lot) = self.lot(number) {
            lot.outstanding = lot.outstanding.saturating_sub(messages);
        }
        self.release(number);
    }

    /// Every lot with a smaller number is finished.
    pub(super) fn oldest(&self) -> u64 {
        self.first
    }

    /// The number that the next lot gets.
    pub(super) fn next(&self) -> u64 {
        // A deque's length always fits.
        self.first + u64::try_from(self.lots.len()).unwrap_or(u64::MAX)
    }

    /// What the unfinished lots count for.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Frees the lot if it is finished, and forgets all finished ones at the front.
    fn release(&mut self, number: u64) {
        let Some(lot) = self.lot(number) else { return };
        if lot.open || lot.outstanding > 0 {
            return;
        }
        lot.data = Vec::new();
        let cost = std::mem::take(&mut lot.cost);
        self.bytes = self.bytes.saturating_sub(cost);
        while self.lots.front().is_some_and(|lot| !lot.open && lot.outstanding == 0) {
            self.lots.pop_front();
            self.first += 1;
        }
    }

    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }

    fn lot(&mut self, number: u64) -> Option<&mut Lot> {
        let index = self.index(number)?;
        self.lots.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_kept_until_its_last_report_and_not_longer() {
        let mut lots = Lots::new();
        let lot = lots.open(b"abc".to_vec(), 10);
        lots.add(lot, 2);
        lots.settle(lot, 2);
        assert_eq!(lots.data(lot), b"abc", "still open: more messages may point into it");
        lots.add(lot, 1);
        lots.close(lot);
        assert_eq!((lots.data(lot), lots.bytes()), (&b"abc"[..], 10));
        lots.settle(lot, 1);
        assert_eq!((lots.data(lot), lots.bytes(), lots.oldest()), (&b""[..], 0, lot + 1));
    }

    #[test]
    fn the_oldest_lot_moves_only_over_finished_ones() {
        let mut lots = Lots::new();
        let (a, b, c) = (lots.open(vec![0], 1), lots.open(vec![1], 2), lots.open(vec![2], 4));
        for lot in [a, b, c] {
            lots.add(lot, 1);
            lots.close(lot);
        }
        lots.settle(b, 1);
        assert_eq!((lots.oldest(), lots.bytes()), (a, 5), "b's bytes are free, yet a is not reported");
        lots.settle(a, 1);
        assert_eq!((lots.oldest(), lots.bytes()), (c, 4));
        lots.settle(c, 1);
        assert_eq!((lots.oldest(), lots.next(), lots.bytes()), (c + 1, c + 1, 0));
    }

    #[test]
    fn an_empty_lot_is_finished_at_once() {
        let mut lots = Lots::new();
        let lot = lots.open(Vec::new(), 3);
        lots.close(lot);
        assert_eq!((lots.oldest(), lots.bytes()), (lot + 1, 0));
    }
}
