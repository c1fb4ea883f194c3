//! The texts of a few rows' values, written column by column: a loop over values of one type keeps what it needs in registers, where a
//! loop over a row's columns would look at each one's type anew. Rows are then put together of whole texts.

use rowmill_sdk::json::{Cursor, Fragments};

use crate::image::{Odd, Slot};
use crate::zone::Zone;
use crate::{cell::Cell, null};

/// Rows at a time, at most.
const MOST_ROWS: usize = 64;

/// Bytes that their texts may take, unless one row's take more: they stay in the processor's first-level cache.
const MOST_BYTES: usize = 16 << 10;

/// The texts of some rows' bounded values, each behind its column's `,"name":`.
#[derive(Default)]
pub(crate) struct Strip {
    /// All of the first column, then of the next.
    pub(crate) texts: Fragments,
    /// The first row.
    first: usize,
    /// Rows that are there, and how many there can be.
    pub(crate) rows: usize,
    most: usize,
}

impl Strip {
    /// Of columns that take at most so many bytes a row.
    pub(crate) fn new(row_bytes: usize) -> Self {
        Self {
            most: (MOST_BYTES / row_bytes.max(1)).clamp(1, MOST_ROWS),
            ..Self::default()
        }
    }

    /// The place of a row among those that are there.
    #[inline(always)]
    pub(crate) fn place(&self, row: usize) -> Option<usize> {
        let place = row.wrapping_sub(self.first);
        (place < self.rows).then_some(place)
    }

    /// Begins anew, with the rows from this one on.
    pub(crate) fn begin(&mut self, first: usize, rows: usize) {
        self.texts.clear();
        self.first = first;
        self.rows = rows.saturating_sub(first).min(self.most);
    }

    /// Adds a column.
    pub(crate) fn fill<const QUOTED: bool>(&mut self, of: &Source<'_>, zone: &mut Zone) {
        let (cell, fragments, first) = (&of.slot.cell, of.fragments, self.first);
        let mut numbers = [0; MOST_ROWS];
        if cell.numbers(first..first + self.rows, zone, &mut numbers) {
            return self.each::<QUOTED>(of, |cursor, i| cursor.signed(numbers.get(i).copied().unwrap_or(0)));
        }
        match *cell {
            Cell::F64(values) => self.each::<QUOTED>(of, |cursor, i| cursor.double(values.f64(first + i))),
            Cell::Decimal(values, scale) => self.each::<QUOTED>(of, |cursor, i| cursor.decimal128(values.i128(first + i), scale)),
            Cell::Label(values, label) => {
                self.each::<QUOTED>(of, |cursor, i| cursor.part(fragments, label + usize::from(values.u16(first + i))));
            }
            _ => self.each::<QUOTED>(of, |cursor, i| cursor.apart(|cursor| cell.write(cursor, first + i, fragments, zone))),
        }
    }

    #[inline(never)]
    fn each<const QUOTED: bool>(&mut self, of: &Source<'_>, write: impl for<'c> Fn(Cursor<'c>, usize) -> Cursor<'c>) {
        let Source { slot, fragments, odd, .. } = *of;
        let worst = self.rows * (fragments.length(slot.name) + slot.widest);
        let (first, rows, texts) = (self.first, self.rows, &mut self.texts);
        texts.extend(worst, rows, |cursor, i| {
            let cursor = cursor.part(fragments, slot.name);
            if slot.valid.is_none_or(|valid| valid.get(first + i)) {
                if QUOTED && slot.bare {
                    write(cursor.byte(b'"'), i).byte(b'"')
                } else {
                    write(cursor, i)
                }
            } else if let Some(odd) = odd {
                cursor.apart(|cursor| odd.or_null(cursor, slot, (first + i, of.column)))
            } else {
                null(cursor)
            }
        });
    }
}

/// A column whose texts are written.
pub(crate) struct Source<'a> {
    pub(crate) slot: &'a Slot<'a>,
    pub(crate) odd: Option<Odd<'a>>,
    pub(crate) column: usize,
    pub(crate) fragments: &'a Fragments,
}
