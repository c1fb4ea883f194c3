//! Encodes the rows of a batch, one message each.

use rowmill_json::{Clock, Keys, OddDates, Side, Zone, images, quoted};
use rowmill_sdk::json::Cursor;
use rowmill_sdk::{Batch, Error, Op, Output, Record};

use crate::options::Options;
use crate::table::{Parts, Table};

/// Writes all rows of `batch`.
pub(crate) fn encode(options: &Options, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
    let parts = &table.parts;
    let columns = (&parts.fragments, parts.columns.as_slice());
    let odd_dates = if options.output_null_zerodates {
        OddDates::Null
    } else {
        OddDates::Text
    };
    let before = Side::new(columns, batch, false, odd_dates)?;
    let after = Side::new(columns, batch, true, odd_dates)?;
    let mut page = Page {
        options,
        parts,
        zone: &mut table.zone,
        position: Clock::default(),
    };
    for row in 0..batch.rows() {
        let (flags, op) = (batch.flags(row), batch.op(row)?);
        let origin = (batch.ts(row), batch.txn(row), flags.is_last());
        page.position.at(origin, |origin, text| position(options, batch, *origin, text));
        let (old, new) = images(op, row, before.as_ref(), after.as_ref())?;
        let [insert, update, delete, bootstrap] = parts.heads;
        match (op, old, new) {
            (Op::Insert, _, Some(new)) => {
                let head = if flags.is_snapshot() { bootstrap } else { insert };
                page.record((row, head), (new, old), None, output)?;
            }
            (Op::Update, Some(old), Some(new)) => page.record((row, update), (new, Some(old)), Some(old), output)?,
            (Op::Delete, Some(old), _) => page.record((row, delete), (old, new), None, output)?,
            _ => {}
        }
    }
    Ok(())
}

/// What a row's head depends on: its time, its transaction, whether it is the last of that.
type Origin = (i64, usize, bool);

/// From the value of `ts` to that of the last member about the transaction.
fn position(options: &Options, batch: &Batch<'_>, (ts, txn, is_last): Origin, text: &mut Vec<u8>) {
    let transactions = batch.transactions;
    let mut line = ts.div_euclid(1000).to_string();
    if options.output_commit_info {
        match transactions.xid(txn) {
            0 => {}
            xid => line += &format!(",\"xid\":{xid}"),
        }
        if is_last {
            line += ",\"commit\":true";
        }
    }
    if options.output_binlog_position {
        line += &format!(",\"position\":{}", quoted(transactions.place(txn)));
    }
    match transactions.gtid(txn) {
        gtid if options.output_gtid_position && !gtid.is_empty() => line += &format!(",\"gtid\":{}", quoted(gtid)),
        _ => {}
    }
    text.extend_from_slice(line.as_bytes());
}

/// A batch with all that its rows share.
struct Page<'a> {
    options: &'a Options,
    parts: &'a Parts,
    zone: &'a mut Zone,
    position: Clock<Origin>,
}

impl Page<'_> {
    #[inline(never)]
    fn record(
        &mut self,
        (row, head): (usize, usize),
        (side, other): (&Side<'_>, Option<&Side<'_>>),
        old: Option<&Side<'_>>,
        output: &mut Output,
    ) -> Result<(), Error> {
        let Self { options, parts, zone, .. } = self;
        let fragments = &parts.fragments;
        let keys = |columns| Keys {
            row,
            columns,
            fragments,
            side,
            other,
        };
        let (key, primary_key) = (keys(&parts.key), keys(&parts.primary_key));
        key.check()?;
        let old = old.filter(|old| old.any_changed(row, side));
        // Maxwell's row is whole as far as both images together tell it.
        let lender = other.filter(|_| !side.image.is_whole(row));
        let position = self.position.text();
        let images = side.worst(row) + [old, lender].into_iter().flatten().map(|side| side.worst(row)).sum::<usize>();
        let worst = parts.constant_bytes + key.worst() + primary_key.worst() + images + position.length();
        output.record(Record { row, ..Record::default() }, worst, |cursor| {
            let (cursor, key) = key.write_to_end(cursor, zone, fragments.get(parts.key_end));
            let mut cursor = cursor.fragment(fragments.get(head)).fragment(position);
            if options.output_primary_keys && primary_key.columns.is_empty() {
                cursor = cursor.fragment(fragments.get(parts.no_primary_key));
            } else if options.output_primary_keys {
                cursor = primary_key.write_to_end(cursor, zone, fragments.get(parts.primary_key_end)).0;
            }
            cursor = cursor.fragment(fragments.get(parts.key_names)).fragment(fragments.get(parts.data));
            cursor = match lender {
                Some(lender) => side.write_filled(cursor, row, lender, options.output_nulls, zone),
                None => data(options, cursor, (side, row), zone),
            };
            if let Some(old) = old {
                cursor = cursor.fragment(fragments.get(parts.old));
                cursor = if options.output_nulls {
                    old.write_changed(cursor, row, side, zone)
                } else {
                    old.write_changed_known(cursor, row, side, zone)
                };
            }
            (cursor.byte(b'}').byte(b'}'), key)
        });
        Ok(())
    }
}

fn data<'c>(options: &Options, cursor: Cursor<'c>, (side, row): (&Side<'_>, usize), zone: &mut Zone) -> Cursor<'c> {
    if options.output_nulls {
        side.write(cursor, row, zone)
    } else {
        side.write_known(cursor, row, zone)
    }
}
