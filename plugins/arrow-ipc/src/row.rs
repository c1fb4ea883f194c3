//! One row of a batch as a message of the batch's own schema.

use rowmill_sdk::{Batch, Column, Error, Image, Op, Values};

use crate::message::Message;

/// Puts the row's values into `message`, column by column in the order of the schema.
///
/// # Errors
/// `unknown-column` for a top-level column that the contract does not have.
pub(crate) fn put(batch: &Batch<'_>, row: usize, message: &mut Message) -> Result<(), Error> {
    message.clear();
    for name in &batch.schema.layout {
        match name.as_str() {
            "seq" => plain(message, &batch.seq(row).to_le_bytes()),
            "op" => plain(message, &[number(batch.op(row)?)]),
            "flags" => plain(message, &[batch.flags(row).bits()]),
            "ts" => plain(message, &batch.ts(row).to_le_bytes()),
            "checkpoint_ts" => plain(message, &batch.checkpoint_ts(row).to_le_bytes()),
            // The only transaction that the record's header tells.
            "txn" => plain(message, &[0; 4]),
            "before" => image(message, batch.before.as_ref(), row),
            "after" => image(message, Some(&batch.after), row),
            "before_present" => present(message, batch.before.as_ref(), row),
            "after_present" => present(message, Some(&batch.after), row),
            "odd_dates" => odd_dates(message, batch, row),
            _ => {
                return Err(Error::new(
                    "unknown-column",
                    format!("encoding a row: the batch has a column `{name}` beside those of the contract; choose `records = \"batch\"`"),
                ));
            }
        }
    }
    Ok(())
}

fn number(op: Op) -> u8 {
    match op {
        Op::Insert => 1,
        Op::Update => 2,
        Op::Delete => 3,
    }
}

/// A value of fixed width that is not null.
fn plain(message: &mut Message, bytes: &[u8]) {
    message.node(1, false);
    message.buffer(bytes);
}

fn image(message: &mut Message, image: Option<&Image<'_>>, row: usize) {
    let Some(image) = image else { return };
    let has = image.has(row);
    message.node(1, !has);
    for column in &image.columns {
        value(message, column, row, has && !column.is_null(row));
    }
}

fn value(message: &mut Message, column: &Column<'_>, row: usize, is_there: bool) {
    message.node(1, !is_there);
    match column.values {
        Values::Int8(values) | Values::UInt8(values) => message.buffer(&values.bytes(row)),
        Values::Int16(values) | Values::UInt16(values) => message.buffer(&values.bytes(row)),
        Values::Int32(values) | Values::UInt32(values) | Values::Float32(values) => message.buffer(&values.bytes(row)),
        Values::Int64(values) | Values::UInt64(values) | Values::Float64(values) => message.buffer(&values.bytes(row)),
        Values::Bool(bits) => message.buffer(&[u8::from(bits.get(row))]),
        Values::Decimal128(values, _) => message.buffer(&values.bytes(row)),
        Values::Decimal256(values, _) => message.buffer(&values.bytes(row)),
        Values::Bytes(bytes) => message.texts(std::iter::once(bytes.get(row))),
    }
}

/// Which columns the image has; null where it has all.
fn present(message: &mut Message, image: Option<&Image<'_>>, row: usize) {
    let Some(image) = image else { return };
    let is_whole = image.is_whole(row);
    message.node(1, is_whole);
    let mut bits = vec![0; image.columns.len().div_ceil(8)];
    for column in (0..image.columns.len()).filter(|column| !is_whole && image.is_present(row, *column)) {
        if let Some(byte) = bits.get_mut(column / 8) {
            *byte |= 1 << (column % 8);
        }
    }
    message.buffer(&bits);
}

/// A list of image, column and text.
fn odd_dates(message: &mut Message, batch: &Batch<'_>, row: usize) {
    let columns = 0..batch.schema.columns.len();
    let both = [false, true]
        .into_iter()
        .flat_map(|after| columns.clone().map(move |column| (after, column)));
    let found: Vec<_> = both
        .filter_map(|(after, column)| Some((after, u16::try_from(column).ok()?, batch.odd_date(row, after, column)?)))
        .collect();
    let count = u32::try_from(found.len()).unwrap_or(0);
    message.node(1, found.is_empty());
    message.buffer(&[[0; 4], count.to_le_bytes()].concat());
    message.node(found.len(), false);
    message.node(found.len(), false);
    message.buffer(&found.iter().map(|(after, ..)| u8::from(*after)).collect::<Vec<_>>());
    message.node(found.len(), false);
    message.buffer(&found.iter().flat_map(|(_, column, _)| column.to_le_bytes()).collect::<Vec<_>>());
    message.node(found.len(), false);
    message.texts(found.iter().map(|(.., text)| *text));
}
