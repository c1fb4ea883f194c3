//! Writes the columns of one image of a row as members of an object.

use rowmill_sdk::json::{Cursor, Fragments, Part, Span};
use rowmill_sdk::{Batch, Bits, Bytes, Error, Field, Image};

use crate::cell::{Cell, Growth};
use crate::form::Form;
use crate::zone::Zone;
use crate::{Column, calendar, null};

/// What zero and impossible dates are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OddDates {
    /// `null`.
    #[default]
    Null,
    /// 1970-01-01, in the column's form.
    Epoch,
    /// That where the column is NOT NULL, else `null`.
    EpochOrNull,
    /// The text that MySQL prints.
    Text,
}

/// One image of a batch's rows, ready to be written. With `QUOTED` every value that is not `null` is in quotes.
pub struct Side<'a, const QUOTED: bool = false> {
    /// The image.
    pub image: &'a Image<'a>,
    slots: Vec<Slot<'a>>,
    /// Columns whose values have no bound.
    varying: Vec<(Bytes<'a>, Growth)>,
    /// Bytes that names and bounded values take at most.
    bounded_bytes: usize,
    /// Bytes that any row of the batch takes at most.
    most_bytes: usize,
    fragments: &'a Fragments,
    odd: Option<Odd<'a>>,
}

/// A column: `,"name":`, which rows are null, the values.
struct Slot<'a> {
    name: Part<'a>,
    /// The same as it stands among all columns: the first one goes without its comma.
    name_among_all: Part<'a>,
    valid: Option<Bits<'a>>,
    cell: Cell<'a>,
    form: Form,
    /// Bytes that a bounded value takes at most.
    widest: usize,
    /// Its values have no quotes of their own.
    bare: bool,
}

/// Where odd dates are looked up; only in batches that have some, and only if they are not to be null.
#[derive(Clone, Copy)]
struct Odd<'a> {
    batch: &'a Batch<'a>,
    is_after: bool,
    form: OddDates,
}

/// Up to here all rows of a batch are taken to need what the one that needs most does.
pub const ALIKE_BYTES: usize = 64 << 10;

/// Bytes that an odd date takes at most, quotes included.
const ODD_DATE_BYTES: usize = 64;

impl<'a, const QUOTED: bool> Side<'a, QUOTED> {
    /// Joins an image with the table's forms; none where the batch has no such image.
    ///
    /// # Errors
    /// `unexpected-type`, `unknown-label`, or a value that its form can't hold.
    pub fn new(
        (fragments, columns): (&'a Fragments, &[Column]),
        batch: &'a Batch<'a>,
        is_after: bool,
        odd_dates: OddDates,
    ) -> Result<Option<Self>, Error> {
        let image = if is_after { Some(&batch.after) } else { batch.before.as_ref() };
        let Some(image) = image else { return Ok(None) };
        let mut side = Self {
            image,
            slots: Vec::with_capacity(columns.len()),
            varying: Vec::new(),
            bounded_bytes: 0,
            most_bytes: 0,
            fragments,
            odd: (batch.has_odd_dates() && odd_dates != OddDates::Null).then_some(Odd {
                batch,
                is_after,
                form: odd_dates,
            }),
        };
        for ((column, field), (form, name)) in image.columns.iter().zip(&batch.schema.columns).zip(columns) {
            if form.has_labels() {
                column.check_labels(field)?;
            }
            let cell = Cell::new(*form, column)?;
            let name = fragments.part(*name);
            let odd_bytes = if side.odd.is_some() && form.is_date() { ODD_DATE_BYTES } else { 0 };
            let widest = cell.widest(*form, fragments) + odd_bytes + if QUOTED { 2 } else { 0 };
            side.bounded_bytes += name.length() + widest;
            side.varying.extend(cell.varying());
            let comma = usize::from(side.slots.is_empty());
            side.slots.push(Slot {
                name,
                name_among_all: name.skip(comma),
                valid: column.valid,
                cell,
                form: *form,
                widest,
                bare: form.is_bare(),
            });
        }
        side.most_bytes = side.varying.iter().fold(side.bounded_bytes, |sum, (bytes, growth)| {
            sum.saturating_add(growth.most(bytes.longest()))
        });
        Ok(Some(side))
    }

    /// Bytes that the row's image takes at most.
    #[inline(always)]
    pub fn worst(&self, row: usize) -> usize {
        if self.most_bytes <= ALIKE_BYTES {
            return self.most_bytes;
        }
        self.worst_of(row)
    }

    /// Bytes that the image of any of the batch's rows takes at most, with each of its columns once more in the key.
    pub fn most(&self) -> usize {
        self.most_bytes.saturating_mul(2)
    }

    #[inline(never)]
    fn worst_of(&self, row: usize) -> usize {
        let mut worst = self.bounded_bytes;
        for (bytes, growth) in &self.varying {
            worst += growth.worst(bytes, row);
        }
        worst
    }

    /// Bytes that one column's value takes at most.
    #[inline]
    pub fn column_worst(&self, row: usize, column: usize) -> usize {
        let Some(slot) = self.slots.get(column) else { return 0 };
        slot.widest + slot.cell.varying().map_or(0, |(bytes, growth)| growth.worst(&bytes, row))
    }

    /// Writes `"name":value,…` of the row.
    #[inline(always)]
    pub fn write<'c>(&self, cursor: Cursor<'c>, row: usize, zone: &mut Zone) -> Cursor<'c> {
        if self.image.is_whole(row) {
            self.whole(cursor, row, zone)
        } else {
            self.chosen(cursor, row, zone, |_| true)
        }
    }

    /// Writes what of the row is there and not the same in another image of it: what an update has changed.
    #[inline(always)]
    pub fn write_changed<'c>(&self, cursor: Cursor<'c>, row: usize, after: &Self, zone: &mut Zone) -> Cursor<'c> {
        self.chosen(cursor, row, zone, |column| self.differs(after, row, column))
    }

    /// The same without what was NULL.
    #[inline(always)]
    pub fn write_changed_known<'c>(&self, cursor: Cursor<'c>, row: usize, after: &Self, zone: &mut Zone) -> Cursor<'c> {
        self.chosen(cursor, row, zone, |column| {
            self.is_known(row, column) && self.differs(after, row, column)
        })
    }

    /// Writes the row with what another image of it has where this one lacks a column; `nulls` says whether NULL counts.
    #[inline(never)]
    pub fn write_filled<'c>(&self, cursor: Cursor<'c>, row: usize, other: &Self, nulls: bool, zone: &mut Zone) -> Cursor<'c> {
        cursor.apart(|mut cursor| {
            let mut comma = 1;
            for column in 0..self.slots.len() {
                let has = |side: &&Self| side.image.is_present(row, column);
                let Some(side) = Some(self).filter(has).or(Some(other).filter(has)) else {
                    continue;
                };
                if let Some(slot) = side.slots.get(column).filter(|_| nulls || side.is_known(row, column)) {
                    cursor = side.value(cursor.part(slot.name.skip(comma)), slot, (row, column), zone);
                    comma = 0;
                }
            }
            cursor
        })
    }

    /// Writes what of the row is there and not NULL.
    #[inline(always)]
    pub fn write_known<'c>(&self, cursor: Cursor<'c>, row: usize, zone: &mut Zone) -> Cursor<'c> {
        self.chosen(cursor, row, zone, |column| self.is_known(row, column))
    }

    /// Whether an unsigned number has its highest bit set, so that it would be negative if it were signed.
    pub fn is_high(&self, row: usize, column: usize) -> bool {
        let is_there = self.image.is_present(row, column) && !self.is_null(row, column);
        is_there && self.slots.get(column).is_some_and(|slot| slot.cell.is_high(row))
    }

    /// Whether an update has changed any column that both of its images have.
    pub fn any_changed(&self, row: usize, after: &Self) -> bool {
        (0..self.slots.len()).any(|column| self.image.is_present(row, column) && self.differs(after, row, column))
    }

    /// Whether an update that has this image before has changed a column; what the other image lacks has not changed.
    fn differs(&self, after: &Self, row: usize, column: usize) -> bool {
        let (Some(old), Some(new)) = (self.slots.get(column), after.slots.get(column)) else {
            return false;
        };
        if !after.image.is_present(row, column) {
            return false;
        }
        match (self.is_null(row, column), after.is_null(row, column)) {
            (false, false) => !old.cell.same(row, &new.cell, row),
            (true, true) => self.odd_text(row, column) != after.odd_text(row, column),
            _ => true,
        }
    }

    /// The text of an odd date, where such are not null.
    fn odd_text(&self, row: usize, column: usize) -> Option<&'a [u8]> {
        self.odd.and_then(|odd| odd.batch.odd_date(row, odd.is_after, column))
    }

    fn is_known(&self, row: usize, column: usize) -> bool {
        !self.is_null(row, column) || self.odd_text(row, column).is_some()
    }

    fn is_null(&self, row: usize, column: usize) -> bool {
        self.slots
            .get(column)
            .is_some_and(|slot| slot.valid.is_some_and(|valid| !valid.get(row)))
    }

    /// Writes all columns.
    #[inline(always)]
    fn whole<'c>(&self, mut cursor: Cursor<'c>, row: usize, zone: &mut Zone) -> Cursor<'c> {
        let mut next = 0;
        loop {
            cursor = cursor.apart(|cursor| self.plain(cursor, &mut next, row, zone));
            let Some(slot) = self.slots.get(next) else { return cursor };
            cursor = cursor.apart(|cursor| self.rest(cursor, slot, (row, next), zone));
            next += 1;
        }
    }

    /// Writes the columns from `next` on up to one whose value is not plain, of which it writes the name, and an opening quote where
    /// its value needs one.
    #[inline(always)]
    fn plain<'c>(&self, mut cursor: Cursor<'c>, next: &mut usize, row: usize, zone: &Zone) -> Cursor<'c> {
        let slots = self.slots.get(*next..).unwrap_or_default();
        for slot in slots {
            cursor = cursor.part(slot.name_among_all);
            let written = if slot.valid.is_none_or(|valid| valid.get(row)) {
                if QUOTED && slot.bare {
                    match slot.cell.write_plain(cursor.byte(b'"'), row, self.fragments, zone) {
                        Ok(cursor) => Ok(cursor.byte(b'"')),
                        stopped => stopped,
                    }
                } else {
                    slot.cell.write_plain(cursor, row, self.fragments, zone)
                }
            } else if self.odd.is_none() {
                Ok(null(cursor))
            } else {
                Err(cursor)
            };
            match written {
                Ok(further) => cursor = further,
                Err(stopped) => return stopped,
            }
            *next += 1;
        }
        cursor
    }

    #[inline(always)]
    fn chosen<'c>(&self, cursor: Cursor<'c>, row: usize, zone: &mut Zone, is_chosen: impl Fn(usize) -> bool) -> Cursor<'c> {
        cursor.apart(|mut cursor| {
            let mut comma = 1;
            for (column, slot) in self.slots.iter().enumerate() {
                if self.image.is_present(row, column) && is_chosen(column) {
                    cursor = self.value(cursor.part(slot.name.skip(comma)), slot, (row, column), zone);
                    comma = 0;
                }
            }
            cursor
        })
    }

    /// Writes the value of one column, which the image has.
    #[inline(always)]
    pub fn column<'c>(&self, cursor: Cursor<'c>, row: usize, column: usize, zone: &mut Zone) -> Cursor<'c> {
        let Some(slot) = self.slots.get(column) else { return cursor };
        cursor.apart(|cursor| {
            if !QUOTED && slot.valid.is_none_or(|valid| valid.get(row)) {
                match slot.cell.write_plain(cursor, row, self.fragments, zone) {
                    Ok(cursor) => cursor,
                    Err(cursor) => cursor.apart(|cursor| self.rest(cursor, slot, (row, column), zone)),
                }
            } else {
                cursor.apart(|cursor| self.value(cursor, slot, (row, column), zone))
            }
        })
    }

    #[inline(always)]
    fn value<'c>(&self, cursor: Cursor<'c>, slot: &Slot<'a>, at: (usize, usize), zone: &mut Zone) -> Cursor<'c> {
        let is_quoted = QUOTED && slot.bare && slot.valid.is_none_or(|valid| valid.get(at.0));
        self.rest(if is_quoted { cursor.byte(b'"') } else { cursor }, slot, at, zone)
    }

    /// Writes what comes behind a name and, where the value needs one, its opening quote.
    #[inline(always)]
    fn rest<'c>(&self, cursor: Cursor<'c>, slot: &Slot<'a>, at: (usize, usize), zone: &mut Zone) -> Cursor<'c> {
        if slot.valid.is_none_or(|valid| valid.get(at.0)) {
            let cursor = slot.cell.write(cursor, at.0, self.fragments, zone);
            if QUOTED && slot.bare { cursor.byte(b'"') } else { cursor }
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
            let must = |field: Option<&Field>| field.is_some_and(|field| field.not_null);
            match odd.form {
                OddDates::Text if text.len() < ODD_DATE_BYTES / 2 => cursor.string(Span::from(text)),
                OddDates::EpochOrNull if !must(odd.batch.schema.columns.get(column)) => null(cursor),
                _ => epoch(cursor, slot.form),
            }
        })
    }
}

/// 1970-01-01 in a date's form.
fn epoch(cursor: Cursor<'_>, form: Form) -> Cursor<'_> {
    match form {
        Form::DateText { suffix } => calendar::date(cursor, 0, suffix),
        Form::DatetimeText { fsp } | Form::Local { fsp } => calendar::datetime(cursor, 0, fsp),
        Form::Instant { fsp } => calendar::instant(cursor, 0, fsp),
        _ => cursor.byte(b'0'),
    }
}
