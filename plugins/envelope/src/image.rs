//! Writes the columns of one image, and the key.

use rowmill_sdk::json::{Cursor, Fragments, Span};
use rowmill_sdk::{Batch, Bits, Bytes, Error, Image};

use crate::cell::Cell;
use crate::form::Form;
use crate::options::{DatetimeForm, Options, ZeroDate};
use crate::table::Parts;
use crate::zone::Zone;

/// One image of a batch's rows, ready to be written.
pub(crate) struct Side<'a> {
    pub(crate) image: &'a Image<'a>,
    slots: Vec<Slot<'a>>,
    /// Columns whose values have no bound.
    varying: Vec<(Bytes<'a>, bool)>,
    /// Bytes that names and bounded values take at most.
    bounded_bytes: usize,
    fragments: &'a Fragments,
    odd: Option<Odd<'a>>,
}

/// A column: `,"name":`, which rows are null, the values.
struct Slot<'a> {
    name: Span<'a>,
    valid: Option<Bits<'a>>,
    cell: Cell<'a>,
    form: Form,
    /// Bytes that a bounded value takes at most.
    widest: usize,
}

/// Where odd dates are looked up; only in batches that have some, and only if they are not to be null.
#[derive(Clone, Copy)]
struct Odd<'a> {
    batch: &'a Batch<'a>,
    is_after: bool,
    text: bool,
    datetime_text: bool,
}

/// Bytes that an odd date takes at most, quotes included.
const ODD_DATE_BYTES: usize = 64;

impl<'a> Side<'a> {
    /// Joins an image with the table's renderings.
    pub(crate) fn new(options: &Options, parts: &'a Parts, batch: &'a Batch<'a>, is_after: bool) -> Result<Option<Self>, Error> {
        let image = if is_after { Some(&batch.after) } else { batch.before.as_ref() };
        let Some(image) = image else { return Ok(None) };
        let fragments = &parts.fragments;
        let mut side = Self {
            image,
            slots: Vec::new(),
            varying: Vec::new(),
            bounded_bytes: 0,
            fragments,
            odd: None,
        };
        if batch.has_odd_dates() && options.zero_date != ZeroDate::Null {
            let text = options.zero_date == ZeroDate::String;
            side.odd = Some(Odd {
                batch,
                is_after,
                text,
                datetime_text: options.datetime == DatetimeForm::String,
            });
        }
        for (column, (form, name)) in image.columns.iter().zip(&parts.columns) {
            let cell = Cell::new(*form, column)?;
            let name = fragments.get(*name);
            let odd_bytes = if side.odd.is_some() && form.is_date() { ODD_DATE_BYTES } else { 0 };
            let widest = cell.widest(*form, fragments) + odd_bytes;
            side.bounded_bytes += name.length() + widest;
            side.varying.extend(cell.varying());
            side.slots.push(Slot {
                name,
                valid: column.valid,
                cell,
                form: *form,
                widest,
            });
        }
        Ok(Some(side))
    }

    /// Bytes that the row's image takes at most.
    #[inline(always)]
    pub(crate) fn worst(&self, row: usize) -> usize {
        let mut worst = self.bounded_bytes;
        for (bytes, is_base64) in &self.varying {
            worst += longest(bytes, *is_base64, row);
        }
        worst
    }

    /// Bytes that one column's value takes at most.
    #[inline]
    pub(crate) fn column_worst(&self, row: usize, column: usize) -> usize {
        let Some(slot) = self.slots.get(column) else { return 0 };
        slot.widest + slot.cell.varying().map_or(0, |(bytes, is_base64)| longest(&bytes, is_base64, row))
    }

    /// Writes `"name":value,…` of the row.
    #[inline(always)]
    pub(crate) fn write<'c>(&self, cursor: Cursor<'c>, row: usize, zone: &mut Zone) -> Cursor<'c> {
        if self.image.is_whole(row) {
            self.whole(cursor, row, zone)
        } else {
            self.partial(cursor, row, zone)
        }
    }

    // One copy of the loop: its cursor is in memory once an image, and in a register for each value.
    #[inline(always)]
    fn whole<'c>(&self, cursor: Cursor<'c>, row: usize, zone: &mut Zone) -> Cursor<'c> {
        cursor.apart(|mut cursor| {
            // The first name goes without its comma.
            let mut comma = 1;
            for (column, slot) in self.slots.iter().enumerate() {
                cursor = self.value(cursor.fragment(slot.name.skip(comma)), slot, (row, column), zone);
                comma = 0;
            }
            cursor
        })
    }

    #[inline(always)]
    fn partial<'c>(&self, cursor: Cursor<'c>, row: usize, zone: &mut Zone) -> Cursor<'c> {
        cursor.apart(|mut cursor| {
            let mut comma = 1;
            for (column, slot) in self.slots.iter().enumerate() {
                if self.image.is_present(row, column) {
                    cursor = self.value(cursor.fragment(slot.name.skip(comma)), slot, (row, column), zone);
                    comma = 0;
                }
            }
            cursor
        })
    }

    /// Writes the value of one column, which the image has.
    #[inline(always)]
    pub(crate) fn column<'c>(&self, cursor: Cursor<'c>, row: usize, column: usize, zone: &mut Zone) -> Cursor<'c> {
        cursor.apart(|cursor| match self.slots.get(column) {
            Some(slot) => self.value(cursor, slot, (row, column), zone),
            None => cursor,
        })
    }

    #[inline(always)]
    fn value<'c>(&self, cursor: Cursor<'c>, slot: &Slot<'a>, at: (usize, usize), zone: &mut Zone) -> Cursor<'c> {
        if slot.valid.is_none_or(|valid| valid.get(at.0)) {
            slot.cell.write(cursor, at.0, self.fragments, zone)
        } else if self.odd.is_none() {
            null(cursor)
        } else {
            self.odd_or_null(cursor, slot, at)
        }
    }

    #[cold]
    #[inline(always)]
    fn odd_or_null<'c>(&self, cursor: Cursor<'c>, slot: &Slot<'a>, (row, column): (usize, usize)) -> Cursor<'c> {
        cursor.apart(|cursor| {
            let Some((odd, text)) = self.odd.and_then(|odd| Some((odd, odd.batch.odd_date(row, odd.is_after, column)?))) else {
                return null(cursor);
            };
            if odd.text && text.len() < ODD_DATE_BYTES / 2 {
                return cursor.string(Span::from(text));
            }
            match slot.form {
                Form::DatetimeText { fsp } if odd.datetime_text => crate::calendar::datetime(cursor, 0, fsp),
                _ => cursor.byte(b'0'),
            }
        })
    }
}

/// Bytes that a value without a bound takes at most, quotes included.
#[inline(always)]
fn longest(bytes: &Bytes<'_>, is_base64: bool, row: usize) -> usize {
    if is_base64 {
        bytes.length(row) / 3 * 4 + 6
    } else {
        bytes.span(row).worst()
    }
}

#[inline(always)]
fn null(cursor: Cursor<'_>) -> Cursor<'_> {
    cursor.word(u64::from_le_bytes(*b"null\0\0\0\0"), 4)
}
