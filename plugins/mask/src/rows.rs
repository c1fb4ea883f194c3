//! Hides the values of a batch.

use std::io::Write;

use rowmill_sdk::{Batch, Cells, Edit, Error, Field, Image, Kind, Outcome, RowImage, Values, host};

use crate::hash::{Hash, Queue};
use crate::rule::Partial;
use crate::table::{Column, Constant, Table, Way};

/// Hides the values of all columns that rules are for.
pub(crate) fn mask(table: &Table, batch: &Batch<'_>) -> Result<Outcome, Error> {
    if table.0.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    let mut masked = 0;
    let mut edit = batch.edit();
    for Column { ordinal, way } in &table.0 {
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
        let mut queue = Queue::new(hash, self.images * batch.rows());
        let (mut printed_before, mut printed_after) = (Vec::new(), Vec::new());
        let mut alike = Vec::new();
        for row in 0..batch.rows() {
            let before = match &batch.before {
                Some(image) => value(batch, (image, false), (row, column), &mut printed_before)?,
                None => None,
            };
            let after = value(batch, (&batch.after, true), (row, column), &mut printed_after)?;
            let (place_before, place_after) = (self.of_row(row, false), self.of_row(row, true));
            if let Some(before) = before {
                queue.push(place_before, before);
            }
            match after {
                Some(after) if before == Some(after) => alike.push((place_before, place_after)),
                Some(after) => queue.push(place_after, after),
                None => {}
            }
        }
        queue.settle();
        let mut digests = queue.digests;
        for (from, to) in alike {
            if let Some(digest) = digests.get(from).copied()
                && let Some(place) = digests.get_mut(to)
            {
                *place = digest;
            }
        }
        Ok(digests)
    }
}

/// A value's bytes as they are hashed: as it is stored where that is how it is told, else printed into `printed`.
#[inline(always)]
fn value<'v>(
    batch: &'v Batch<'_>,
    (image, after): (&'v Image<'_>, bool),
    (row, column): (usize, usize),
    printed: &'v mut Vec<u8>,
) -> Result<Option<&'v [u8]>, Error> {
    let (Some(field), Some(found)) = (batch.schema.columns.get(column), image.columns.get(column)) else {
        return Ok(None);
    };
    let is_null = found.is_null(row);
    if !image.has(row) || !image.is_present(row, column) || (is_null && !batch.has_odd_dates()) {
        return Ok(None);
    }
    if let (Values::Bytes(bytes), false) = (&found.values, is_null) {
        return Ok(Some(bytes.get(row)));
    }
    printed.clear();
    if field.kind == Kind::Int && !is_null && whole(&found.values, row, printed) {
        return Ok(Some(printed));
    }
    let view = if after { batch.row(row).after() } else { batch.row(row).before() };
    let Some(text) = view.map(|view| view.print(column)).transpose()?.flatten() else {
        return Ok(None);
    };
    printed.extend_from_slice(text.as_bytes());
    Ok(Some(printed))
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
