//! Partial updates as whole ones: a PARTIAL_UPDATE_ROWS event's images with the differences of JSON columns applied, as an
//! UPDATE_ROWS event would hold them.
//!
//! Format: `Rows_event` in MySQL's `rows_event.h`: before each image after stand the options of its values and a bit for each
//! JSON column of the table.

use super::cursor::Cursor;
use super::flaw::Flaw;
use super::image::{Place, is_set, null_bits};
use super::json_difference;
use super::plan::{Decoder, Extent};
use crate::source::Rows;

/// The only option of values: some JSON columns are differences.
const PARTIAL_JSON: u64 = 1;

/// Both images of every row; an error with the number of its row, from 0.
pub(super) fn expand(decoders: &[Decoder], rows: &Rows<'_>) -> Result<Vec<u8>, (usize, Place)> {
    let mut out = Vec::with_capacity(rows.data.len() + rows.data.len() / 4);
    let mut cursor = Cursor::new(rows.data);
    let mut row = 0;
    while !cursor.rest().is_empty() {
        expand_row(decoders, rows, &mut cursor, &mut out).map_err(|place| (row, place))?;
        row += 1;
    }
    Ok(out)
}

fn expand_row(decoders: &[Decoder], rows: &Rows<'_>, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Place> {
    // The documents before, by column: of those that the image holds and that are not NULL.
    let mut documents = vec![None; decoders.len()];
    let start = cursor.rest();
    let nulls = null_bits(&rows.first, decoders.len(), cursor)?;
    let mut bit = 0;
    for (ordinal, decoder) in decoders.iter().enumerate() {
        if !rows.first.whole && !is_set(&rows.first.present, ordinal) {
            continue;
        }
        if !is_set(nulls, bit) {
            let value = value(*decoder, cursor).map_err(at(ordinal))?;
            if let (Decoder::Json(_), Some(document)) = (decoder, documents.get_mut(ordinal)) {
                *document = Some(value.1);
            }
        }
        bit += 1;
    }
    let taken = start.len() - cursor.rest().len();
    out.extend_from_slice(start.get(..taken).unwrap_or(start));
    let options = cursor.lenenc()?;
    if options & !PARTIAL_JSON != 0 {
        return Err(Flaw::Difference("comes with options that are not known").into());
    }
    let json = decoders.iter().filter(|decoder| matches!(decoder, Decoder::Json(_))).count();
    let partial = if options == 0 { &[] } else { cursor.take(json.div_ceil(8))? };
    let nulls = null_bits(&rows.second, decoders.len(), cursor)?;
    out.extend_from_slice(nulls);
    let (mut bit, mut json) = (0, 0);
    for (ordinal, decoder) in decoders.iter().enumerate() {
        let mut is_partial = false;
        if let Decoder::Json(_) = decoder {
            is_partial = is_set(partial, json);
            json += 1;
        }
        if !rows.second.whole && !is_set(&rows.second.present, ordinal) {
            continue;
        }
        if !is_set(nulls, bit) {
            let (whole, bytes) = value(*decoder, cursor).map_err(at(ordinal))?;
            match decoder {
                Decoder::Json(prefix) if is_partial => {
                    let document = documents.get(ordinal).copied().flatten();
                    let document = document.ok_or(Flaw::NoDocument).map_err(at(ordinal))?;
                    let document = json_difference::apply(document, bytes).map_err(at(ordinal))?;
                    prefixed(&document, *prefix, out).map_err(at(ordinal))?;
                }
                _ => out.extend_from_slice(whole),
            }
        }
        bit += 1;
    }
    Ok(())
}

/// A value with its length before it, and without.
fn value<'a>(decoder: Decoder, cursor: &mut Cursor<'a>) -> Result<(&'a [u8], &'a [u8]), Flaw> {
    let start = cursor.rest();
    let bytes = match decoder.extent() {
        Extent::Fixed(bytes) => cursor.take(bytes)?,
        Extent::Prefixed(bytes) => cursor.prefixed(bytes)?,
    };
    let taken = start.len() - cursor.rest().len();
    Ok((start.get(..taken).unwrap_or(start), bytes))
}

/// Appends a document after a length of `prefix` bytes.
fn prefixed(document: &[u8], prefix: u8, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let too_long = Flaw::Difference("makes the document too long");
    let Ok(length) = u64::try_from(document.len()) else {
        return Err(too_long);
    };
    let bytes = length.to_le_bytes();
    let (low, high) = bytes.split_at_checked(usize::from(prefix)).unwrap_or((&bytes, &[]));
    if high.iter().any(|byte| *byte != 0) {
        return Err(too_long);
    }
    out.extend_from_slice(low);
    out.extend_from_slice(document);
    Ok(())
}

fn at(ordinal: usize) -> impl Fn(Flaw) -> Place {
    move |flaw| Place {
        column: Some(ordinal),
        flaw,
    }
}

#[cfg(test)]
mod tests;
