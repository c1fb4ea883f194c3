//! Whether a batch is sound, and whether two batches tell the same rows.

use arrow::array::{Array, ArrayRef, AsArray as _, StructArray};
use arrow::datatypes::{Decimal128Type, Decimal256Type, DurationMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};

use super::super::Batch;
use super::super::builder::LAST_OF_TRANSACTION;
use crate::source::{Column, ColumnType};

/// The largest TIME, 838:59:59.
const MOST_MICROS: i64 = (838 * 3600 + 59 * 60 + 59) * 1_000_000 + 999_999;

/// Lengths agree, Arrow itself finds every buffer sound, and every value is one that its column can have.
pub fn check_batch(batch: &Batch) {
    let rows = batch.rows.num_rows();
    assert!(rows > 0 && batch.bytes > 0);
    for column in batch.rows.columns() {
        assert_eq!(column.len(), rows);
        column.to_data().validate_full().unwrap();
    }
    check_transactions(batch);
    let op = batch.rows["op"].as_primitive::<UInt8Type>();
    let sides: Vec<&StructArray> = ["before", "after"]
        .iter()
        .filter_map(|name| batch.rows.column_by_name(name))
        .map(|side| side.as_struct())
        .collect();
    assert_eq!(sides.len() == 2, batch.shape.before);
    for row in 0..rows {
        // 1 insert, 2 update, 3 delete.
        assert_eq!(sides[sides.len() - 1].is_valid(row), op.value(row) != 3);
        assert_eq!(sides.len() == 2 && sides[0].is_valid(row), op.value(row) != 1);
    }
    for side in sides {
        assert_eq!(side.num_columns(), batch.table.columns.len());
        for (column, values) in batch.table.columns.iter().zip(side.columns()) {
            check_values(column, values);
        }
    }
}

fn check_transactions(batch: &Batch) {
    let transactions = &batch.transactions;
    let count = transactions.xids.len();
    assert_eq!((transactions.gtid_ends.len(), transactions.place_ends.len()), (count, count));
    let whole = |ends: &[u32], text: &str| {
        assert!(ends.is_sorted());
        ends.last().copied() == u32::try_from(text.len()).ok()
    };
    assert!(whole(&transactions.gtid_ends, &transactions.gtids));
    assert!(whole(&transactions.place_ends, &transactions.places));
    let txn = batch.rows["txn"].as_primitive::<UInt32Type>();
    assert!(txn.values().iter().all(|at| usize::try_from(*at).unwrap() < count));
    let seq = batch.rows["seq"].as_primitive::<UInt64Type>();
    assert!(seq.values().is_sorted_by(|a, b| a < b));
}

fn check_values(column: &Column, values: &ArrayRef) {
    match &column.kind {
        ColumnType::Enum { labels, .. } => {
            let most = u16::try_from(labels.len()).unwrap_or(u16::MAX);
            assert!(values.as_primitive::<UInt16Type>().iter().flatten().all(|index| index <= most));
        }
        ColumnType::Set { labels, .. } => {
            let known = if labels.len() < 64 { (1 << labels.len()) - 1 } else { u64::MAX };
            assert!(values.as_primitive::<UInt64Type>().iter().flatten().all(|mask| mask & !known == 0));
        }
        ColumnType::Bit { bits } if (2..64).contains(bits) => {
            assert!(values.as_primitive::<UInt64Type>().iter().flatten().all(|value| value >> bits == 0));
        }
        ColumnType::Decimal { precision, .. } => match values.as_primitive_opt::<Decimal128Type>() {
            Some(narrow) => narrow.validate_decimal_precision(*precision).unwrap(),
            None => values
                .as_primitive::<Decimal256Type>()
                .validate_decimal_precision(*precision)
                .unwrap(),
        },
        ColumnType::Year => {
            let year = |year| year == 0 || (1901..=2155).contains(&year);
            assert!(values.as_primitive::<UInt16Type>().iter().flatten().all(year));
        }
        ColumnType::Time { .. } => {
            let micros = values.as_primitive::<DurationMicrosecondType>();
            assert!(micros.iter().flatten().all(|micros| micros.abs() <= MOST_MICROS));
        }
        ColumnType::Json { .. } => {
            for text in values.as_string::<i32>().iter().flatten() {
                serde_json::from_str::<serde::de::IgnoredAny>(text).unwrap_or_else(|error| panic!("{error} in {text}"));
            }
        }
        ColumnType::FixedBinary { length, .. } => {
            let length = usize::from(*length);
            assert!(values.as_binary::<i32>().iter().flatten().all(|value| value.len() == length));
        }
        _ => {}
    }
}

/// Rows of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a> {
    /// The batch.
    pub batch: &'a Batch,
    /// The first of them.
    pub from: usize,
}

/// Whether `rows` rows of two batches are the same; the difference as text. What one batch has no column for has to be nowhere in
/// the rows of the other. What only the end of a transaction tells (its id, and the flag of its last row) counts where both
/// batches were closed after it.
pub fn check_same_rows(one: Slice<'_>, other: Slice<'_>, rows: usize, ended: bool) -> Result<(), String> {
    let names = |slice: Slice<'_>| -> Vec<String> {
        slice
            .batch
            .rows
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    };
    let mut all = names(one);
    all.extend(names(other));
    for name in all {
        let column = |slice: Slice<'_>| slice.batch.rows.column_by_name(&name).map(|column| column.slice(slice.from, rows));
        let same = match (column(one), column(other)) {
            _ if name == "txn" => true,
            (Some(one), Some(other)) if name == "flags" && !ended => unended(&one) == unended(&other),
            (Some(one), Some(other)) => one == other,
            (Some(only), None) | (None, Some(only)) => only.null_count() == rows,
            (None, None) => true,
        };
        if !same {
            return Err(format!("column {name}: {:?}, not {:?}", column(other), column(one)));
        }
    }
    for row in 0..rows {
        let expected = transaction(one.batch, one.from + row, ended);
        let found = transaction(other.batch, other.from + row, ended);
        if expected != found {
            return Err(format!("row {row} is of {found:?}, not of {expected:?}"));
        }
    }
    Ok(())
}

/// Flags without that of a transaction's last row.
fn unended(flags: &ArrayRef) -> Vec<u8> {
    let flags = flags.as_primitive::<UInt8Type>();
    flags.values().iter().map(|flags| flags & !LAST_OF_TRANSACTION).collect()
}

/// GTID, place and, where it has ended, the storage engine's id of a row's transaction.
fn transaction(batch: &Batch, row: usize, ended: bool) -> (&str, &str, u64) {
    let at = usize::try_from(batch.rows["txn"].as_primitive::<UInt32Type>().value(row)).unwrap();
    let transactions = &batch.transactions;
    (
        piece(&transactions.gtids, &transactions.gtid_ends, at),
        piece(&transactions.places, &transactions.place_ends, at),
        if ended { transactions.xids[at] } else { 0 },
    )
}

fn piece<'a>(text: &'a str, ends: &[u32], at: usize) -> &'a str {
    let bound = |at: usize| usize::try_from(ends[at]).unwrap();
    let start = if at == 0 { 0 } else { bound(at - 1) };
    &text[start..bound(at)]
}
