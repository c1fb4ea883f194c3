//! Hides the values of a batch.

use std::io::Write;
use std::ops::Range;

use rowmill_sdk::{Batch, Bytes, Cells, Column, Edit, Error, Field, Image, Kind, Outcome, RowImage, Values, host};

use crate::hash::{Hash, Queue};
use crate::rule::Partial;
use crate::table::{self, Constant, Table, Way};

/// Hides the values of all columns that rules are for.
pub(crate) fn mask(table: &Table, batch: &Batch<'_>) -> Result<Outcome, Error> {
    if table.0.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    let mut masked = 0;
    let mut edit = batch.edit();
    for table::Column { ordinal, way } in &table.0 {
        let column = *ordinal;
        match way {
            Way::Hash(hash, field) => digests((hash, field), column, batch, (&mut edit, &mut masked))?,
            Way::Partial(partial) => partially(partial, column, (&mut edit, &mut masked))?,
            Way::Constant(constant) => {
                edit.set(column, |image, out| {
                    if is_nothing(image, column)? {
                        return out.null();
                    }
                    masked += 1;
                    constant.write(out)
                })?;
            }
            Way::Null => {
                masked += u32::try_from(batch.rows()).unwrap_or(u32::MAX);
                edit.null(column)?;
            }
        }
    }
    host::metric("masked_values", masked.into());
    edit.finish()
}

/// Whether it is NULL, and no impossible date.
#[inline(always)]
fn is_nothing(image: RowImage<'_>, column: usize) -> Result<bool, Error> {
    Ok(image.is_null(column)? && image.odd_date(column)?.is_none())
}

fn partially(partial: &Partial, column: usize, (edit, masked): (&mut Edit<'_>, &mut u32)) -> Result<(), Error> {
    let (mut shown, filler) = (String::new(), partial.filler());
    edit.set(column, |image, out| match image.text(column)? {
        Some(text) => {
            *masked += 1;
            partial.show(text, &filler, &mut shown);
            out.text(&shown)
        }
        None => out.null(),
    })?;
    Ok(())
}

/// Digests in place of a column's values: all of them are made first, four at once.
fn digests(
    (hash, field): (&Hash, &Field),
    column: usize,
    batch: &Batch<'_>,
    (edit, masked): (&mut Edit<'_>, &mut u32),
) -> Result<(), Error> {
    let places = Places::of(batch);
    let made = places.digests(hash, column, batch)?;
    edit.replace(column, field.clone(), |image, out| {
        if is_nothing(image, column)? {
            return out.null();
        }
        *masked += 1;
        match made.get(places.of_row(image.row().number(), image.is_after())) {
            Some(digest) => out.hex(digest),
            None => out.null(),
        }
    })?;
    Ok(())
}

/// Where the digests of a batch's values are: row by row, each image's behind the other's.
#[derive(Clone, Copy)]
struct Places {
    images: usize,
}

impl Places {
    fn of(batch: &Batch<'_>) -> Self {
        Self {
            images: if batch.before.is_some() { 2 } else { 1 },
        }
    }

    #[inline(always)]
    fn of_row(self, row: usize, after: bool) -> usize {
        row * self.images + if after { self.images - 1 } else { 0 }
    }

    /// The digests of a column's values; of what is not there, zeros. A value that an update leaves as it is is hashed once.
    fn digests(self, hash: &Hash, column: usize, batch: &Batch<'_>) -> Result<Vec<[u8; 32]>, Error> {
        let before = batch
            .before
            .as_ref()
            .map(|image| Texts::of(batch, (image, false), column))
            .transpose()?;
        let after = Texts::of(batch, (&batch.after, true), column)?;
        let mut queue = hash.queue(self.images * batch.rows());
        let alike = self.gather(batch.rows(), (before.as_ref(), &after), &mut queue);
        let mut digests = queue.digests();
        for (from, to) in alike {
            if let Some(digest) = digests.get(from).copied()
                && let Some(place) = digests.get_mut(to)
            {
                *place = digest;
            }
        }
        Ok(digests)
    }

    /// Gathers what is to be hashed; the places of values that are like those of others, and theirs.
    fn gather<'t>(
        self,
        rows: usize,
        (before, after): (Option<&'t Texts<'_>>, &'t Texts<'_>),
        queue: &mut Queue<'_, 't>,
    ) -> Vec<(usize, usize)> {
        let mut alike = Vec::new();
        let Some(before) = before else {
            inserted(rows, after, queue);
            return alike;
        };
        for row in 0..rows {
            let (old, new) = (before.get(row), after.get(row));
            let (place_before, place_after) = (self.of_row(row, false), self.of_row(row, true));
            if let Some(old) = old {
                queue.push(place_before, old);
            }
            match new {
                Some(new) if old == Some(new) => alike.push((place_before, place_after)),
                Some(new) => queue.push(place_after, new),
                None => {}
            }
        }
        alike
    }
}

/// Gathers the values of rows that were not there before. It calls nothing, so that all it needs stays in registers.
#[inline(never)]
fn inserted<'t>(rows: usize, after: &'t Texts<'_>, queue: &mut Queue<'_, 't>) {
    for row in 0..rows {
        if let Some(value) = after.get(row) {
            queue.push(row, value);
        }
    }
}

/// One image's values of a column, as they are hashed: as they are stored where that is how they are told, else printed.
enum Texts<'b> {
    Stored {
        image: &'b Image<'b>,
        column: usize,
        found: Column<'b>,
        bytes: Bytes<'b>,
    },
    Printed {
        /// Where each row's value is; none where there is none.
        places: Vec<Option<Range<usize>>>,
        printed: Vec<u8>,
    },
}

impl<'b> Texts<'b> {
    fn of(batch: &'b Batch<'b>, (image, after): (&'b Image<'b>, bool), column: usize) -> Result<Self, Error> {
        if let Some(found) = image.columns.get(column)
            && let Values::Bytes(bytes) = found.values
        {
            return Ok(Self::Stored {
                image,
                column,
                found: *found,
                bytes,
            });
        }
        let (mut places, mut printed) = (Vec::with_capacity(batch.rows()), Vec::new());
        for row in 0..batch.rows() {
            let start = printed.len();
            let is_there = print(batch, (image, after), (row, column), &mut printed)?;
            places.push(is_there.then_some(start..printed.len()));
        }
        Ok(Self::Printed { places, printed })
    }

    #[inline(always)]
    fn get(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Stored {
                image,
                column,
                found,
                bytes,
            } => (image.has(row) && image.is_present(row, *column) && !found.is_null(row)).then(|| bytes.get(row)),
            Self::Printed { places, printed } => printed.get(places.get(row)?.clone()?),
        }
    }
}

/// Prints a value behind others; false where there is none.
fn print(
    batch: &Batch<'_>,
    (image, after): (&Image<'_>, bool),
    (row, column): (usize, usize),
    printed: &mut Vec<u8>,
) -> Result<bool, Error> {
    let (Some(field), Some(found)) = (batch.schema.columns.get(column), image.columns.get(column)) else {
        return Ok(false);
    };
    let is_null = found.is_null(row);
    if !image.has(row) || !image.is_present(row, column) || (is_null && !batch.has_odd_dates()) {
        return Ok(false);
    }
    if field.kind == Kind::Int && !is_null && whole(&found.values, row, printed) {
        return Ok(true);
    }
    let seen = batch.row(row);
    let view = if after { seen.after() } else { seen.before() };
    let Some(text) = view.map(|view| view.print(column)).transpose()?.flatten() else {
        return Ok(false);
    };
    printed.extend_from_slice(text.as_bytes());
    Ok(true)
}

/// A whole number as text, without an allocation; false where it is none.
fn whole(values: &Values<'_>, row: usize, into: &mut Vec<u8>) -> bool {
    let written = match values {
        Values::Int8(values) => write!(into, "{}", values.i8(row)),
        Values::Int16(values) => write!(into, "{}", values.i16(row)),
        Values::Int32(values) => write!(into, "{}", values.i32(row)),
        Values::Int64(values) => write!(into, "{}", values.i64(row)),
        Values::UInt8(values) => write!(into, "{}", values.u8(row)),
        Values::UInt16(values) => write!(into, "{}", values.u16(row)),
        Values::UInt32(values) => write!(into, "{}", values.u32(row)),
        Values::UInt64(values) => write!(into, "{}", values.u64(row)),
        _ => return false,
    };
    written.is_ok()
}

impl Constant {
    fn write(&self, out: &mut Cells) -> Result<(), Error> {
        match self {
            Self::Int(number) => match i64::try_from(*number) {
                Ok(number) => out.int(number),
                Err(_) => out.uint(u64::try_from(*number).unwrap_or(u64::MAX)),
            },
            Self::Float(number) => out.float(*number),
            Self::Decimal(text) => out.decimal(text),
            Self::Text(text) => out.text(text),
            Self::Bytes(bytes) => out.bytes(bytes),
        }
    }
}
