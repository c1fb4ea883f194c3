//! Encodes the rows of a batch, one message each.

use rowmill_json::{Clock, Keys, OddDates, Side, Zone, images, now, null, quoted};
use rowmill_sdk::{Batch, Error, Op, Output, Record};

use crate::table::{Parts, Table};

/// Writes all rows of `batch`.
pub(crate) fn encode(table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
    let parts = &table.parts;
    let columns = (&parts.fragments, parts.columns.as_slice());
    let before = Side::new(columns, batch, false, OddDates::Text)?;
    let after = Side::new(columns, batch, true, OddDates::Text)?;
    let mut page = Page {
        parts,
        batch,
        zone: &mut table.zone,
        times: Clock::default(),
        now: now(),
    };
    for row in 0..batch.rows() {
        page.times.at((batch.ts(row), batch.txn(row)), |(ts, txn), text| {
            let line = format!("{ts},\"gtid\":{}", quoted(batch.transactions.gtid(*txn)));
            text.extend_from_slice(line.as_bytes());
        });
        let op = batch.op(row)?;
        let (old, new) = images(op, row, before.as_ref(), after.as_ref())?;
        match (op, old, new) {
            (Op::Insert, _, Some(new)) => page.record((row, "INSERT"), (new, old), None, output)?,
            (Op::Update, Some(old), Some(new)) => page.record((row, "UPDATE"), (new, Some(old)), Some(old), output)?,
            (Op::Delete, Some(old), _) => page.record((row, "DELETE"), (old, new), None, output)?,
            _ => {}
        }
    }
    Ok(())
}

/// Every value of a row is a text.
type Texts<'a> = Side<'a, true>;

/// A batch with all that its rows share.
struct Page<'a> {
    parts: &'a Parts,
    batch: &'a Batch<'a>,
    zone: &'a mut Zone,
    times: Clock<(i64, usize)>,
    now: i64,
}

impl Page<'_> {
    #[inline(never)]
    fn record(
        &mut self,
        (row, verb): (usize, &str),
        (side, other): (&Texts<'_>, Option<&Texts<'_>>),
        old: Option<&Texts<'_>>,
        output: &mut Output,
    ) -> Result<(), Error> {
        let Self {
            parts,
            batch,
            zone,
            times,
            now,
        } = self;
        let fragments = &parts.fragments;
        let key = Keys {
            row,
            columns: &parts.key,
            fragments,
            side,
            other,
        };
        key.check()?;
        let images = side.worst(row) + old.map_or(0, |old| old.worst(row));
        let worst = parts.constant_bytes + key.worst() + images + times.text().length();
        let part = |i: usize| fragments.get(i);
        output.record(Record { row, ..Record::default() }, worst, |cursor| {
            let (cursor, key) = key.write_to_end(cursor, zone, part(parts.brace));
            let cursor = side.write(cursor.fragment(part(parts.head)), row, zone);
            let cursor = cursor.fragment(part(parts.to_es)).fragment(times.text());
            let cursor = cursor.fragment(part(parts.to_id)).unsigned(batch.seq(row));
            let cursor = cursor.fragment(part(parts.to_old));
            let cursor = match old {
                Some(old) => old.write_changed(cursor.raw(b"[{"), row, side, zone).raw(b"}]"),
                None => null(cursor),
            };
            let cursor = parts.promoted.iter().fold(cursor, |cursor, code| {
                let number = if side.is_high(row, code.column) { code.larger } else { code.code };
                cursor.fragment(part(code.before)).signed(number)
            });
            let cursor = cursor.fragment(part(parts.to_ts)).signed(*now);
            (cursor.raw(b",\"type\":\"").raw(verb.as_bytes()).raw(b"\"}"), key)
        });
        Ok(())
    }
}
