//! Records of whole batches, or of single rows with their keys.

use rowmill_json::{Column, Keys, OddDates, Side, Zone, columns, images, key_columns, plain_form};
use rowmill_sdk::json::Fragments;
use rowmill_sdk::{Batch, Error, Key, Op, Output, Record, Schema, Transactions};
use serde_json::json;

use crate::message::Message;
use crate::row;

/// A table's version, prepared: what keys are made of.
#[derive(Debug)]
pub struct Table {
    fragments: Fragments,
    columns: Vec<Column>,
    key: Vec<(usize, usize)>,
    brace: usize,
    zone: Zone,
}

impl Table {
    pub(crate) fn open(schema: &Schema) -> Self {
        let mut fragments = Fragments::default();
        Self {
            columns: columns(schema, &mut fragments, plain_form),
            key: key_columns(schema, &mut fragments, "{"),
            brace: fragments.push(b"}"),
            fragments,
            zone: Zone::utc(),
        }
    }
}

/// Name of the header that has the transactions which `txn` points into.
const TRANSACTIONS: &str = "transactions";

/// Transactions as a JSON list.
fn told(transactions: &Transactions, which: impl Iterator<Item = usize>) -> String {
    let one = |i: usize| json!({"gtid": transactions.gtid(i), "position": transactions.place(i), "xid": transactions.xid(i)});
    which.map(one).collect::<serde_json::Value>().to_string()
}

/// One record of all rows.
pub(crate) fn whole(batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
    if batch.rows() == 0 {
        return Ok(());
    }
    let parts = batch.stream();
    let length = parts.iter().map(|part| part.len()).sum();
    output.record(Record::default(), length, |cursor| {
        let [schema, rows, end] = parts;
        (cursor.raw(schema).raw(rows).raw(end), Key::None)
    });
    let transactions = batch.transactions;
    output.header(TRANSACTIONS, told(transactions, 0..transactions.xids.len()).as_bytes());
    Ok(())
}

/// One record of each row.
pub(crate) fn each(table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
    let plan = (&table.fragments, table.columns.as_slice());
    let before: Option<Side<'_>> = Side::new(plan, batch, false, OddDates::Text)?;
    let after: Option<Side<'_>> = Side::new(plan, batch, true, OddDates::Text)?;
    let (mut message, mut text) = (Message::default(), Vec::new());
    let [schema, _, end] = batch.stream();
    for row in 0..batch.rows() {
        let op = batch.op(row)?;
        let (old, new) = images(op, row, before.as_ref(), after.as_ref())?;
        let (side, other) = if op == Op::Delete { (old, new) } else { (new, old) };
        let Some(side) = side else { continue };
        let fragments = &table.fragments;
        let key = Keys {
            row,
            columns: &table.key,
            fragments,
            side,
            other,
        };
        key.check()?;
        row::put(batch, row, &mut message)?;
        message.write(&mut text);
        let worst = key.worst() + 1 + schema.len() + text.len() + end.len();
        output.record(Record { row, ..Record::default() }, worst, |cursor| {
            let (cursor, key) = key.write_to_end(cursor, &mut table.zone, fragments.get(table.brace));
            (cursor.raw(schema).raw(&text).raw(end), key)
        });
        let txn = batch.txn(row);
        output.header(TRANSACTIONS, told(batch.transactions, txn..txn + 1).as_bytes());
    }
    Ok(())
}
