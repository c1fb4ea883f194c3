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
fn is_nothing(image: RowImage<'_>, column: usize) -> Result<bool, Error> {
    Ok(image.is_null(column)? && image.odd_date(column)?.is_none())
}

fn partially(partial: &Partial, column: usize, (edit, masked): (&mut Edit<'_>, &mut u32)) -> Result<(), Error> {
    let mut shown = String::new();
    edit.set(column, |image, out| match image.text(column)? {
        Some(text) => {
            *masked += 1;
            partial.show(text, &mut shown);
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
    let images = [batch.before.as_ref(), Some(&batch.after)];
    let mut made = Vec::with_capacity(2);
    for (image, after) in images.into_iter().zip([false, true]) {
        made.push(match image {
            Some(image) => image_digests(hash, column, batch, (image, after))?,
            None => Vec::new(),
        });
    }
    edit.replace(column, field.clone(), |image, out| {
        if is_nothing(image, column)? {
            return out.null();
        }
        *masked += 1;
        let digests = made.get(usize::from(image.is_after()));
        match digests.and_then(|digests| digests.get(image.row().number())) {
            Some(digest) => out.hex(digest),
            None => out.null(),
        }
    })?;
    Ok(())
}

/// The digests of one image's values, by row; of what is not there, zeros.
fn image_digests(hash: &Hash, column: usize, batch: &Batch<'_>, (image, after): (&Image<'_>, bool)) -> Result<Vec<[u8; 32]>, Error> {
    let mut queue = Queue::new(hash, batch.rows());
    let (Some(field), Some(found)) = (batch.schema.columns.get(column), image.columns.get(column)) else {
        return Ok(queue.digests);
    };
    let stored = match found.values {
        // As it is stored is as it is told.
        Values::Bytes(bytes) => Some(bytes),
        _ => None,
    };
    let mut printed = Vec::new();
    for row in 0..batch.rows() {
        if !image.has(row) || !image.is_present(row, column) || (found.is_null(row) && !batch.has_odd_dates()) {
            continue;
        }
        if let Some(bytes) = stored {
            queue.push(row, bytes.get(row));
            continue;
        }
        printed.clear();
        if field.kind == Kind::Int && whole(&found.values, row, &mut printed) {
            queue.push(row, &printed);
            continue;
        }
        let view = if after { batch.row(row).after() } else { batch.row(row).before() };
        if let Some(text) = view.map(|view| view.print(column)).transpose()?.flatten() {
            queue.push(row, text.as_bytes());
        }
    }
    queue.settle();
    Ok(queue.digests)
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
