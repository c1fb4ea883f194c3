//! What happened to rows, told otherwise: an update as an insert or a delete; and whether an update changes the key, once another key is set.

use std::borrow::Cow;

use super::{Bitmap, Edit, Slot, of_row};
use crate::cells::{Old, raw};
use crate::message::Parts;
use crate::row::Row;
use crate::{Batch, Error, Op};

/// The bit of column `flags` that says that an update changes the key.
const CHANGES_KEY: u8 = 4;

/// The host's number of an op.
fn number(op: Op) -> u8 {
    match op {
        Op::Insert => 1,
        Op::Update => 2,
        Op::Delete => 3,
    }
}

impl<'a> Edit<'a> {
    /// Tells rows as another change than they were: an update as an insert, whose image before the change is left out, or as a delete, whose
    /// image after it is. So a table of which only some rows are told stays whole for those who read it: a row that comes in is inserted, and
    /// one that goes out deleted.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows, Shape};
    /// use rowmill_sdk::{Error, Op, RowImage};
    /// let shape = Shape::new("shop", "orders").column("id", "int", &[]).column("state", "varchar(9)", &[]).key(&[0]);
    /// let row = |id: i64, state: &str| vec![id.into(), state.into()];
    /// let rows = Rows::new(&shape).insert(row(1, "open")).update(row(1, "open"), row(1, "paid")).delete(row(1, "paid"));
    /// // Tells open orders only.
    /// let milled = Opened::new(&rows)?.process(|batch| {
    ///     let open = |image: Option<RowImage<'_>>| match image {
    ///         Some(image) => Ok::<_, Error>(image.text("state")? == Some("open")),
    ///         None => Ok(false),
    ///     };
    ///     let mut edit = batch.edit();
    ///     edit.retain(|row| Ok(open(row.before())? || open(row.after())?))?;
    ///     edit.op(|row| Ok(match (row.op()?, open(row.before())?, open(row.after())?) {
    ///         (Op::Update, true, false) => Op::Delete,
    ///         (Op::Update, false, true) => Op::Insert,
    ///         (op, ..) => op,
    ///     }))?;
    ///     edit.finish()
    /// })?.expect("rows are left");
    /// let rows = milled.rows()?;
    /// assert_eq!((rows.len(), &rows[0]["op"], &rows[1]["op"]), (2, &"insert".into(), &"delete".into()));
    /// assert_eq!((&rows[1]["before"]["state"], rows[1].get("after")), (&"open".into(), None));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// What `change` returns, and `image-missing` where a row lacks an image that its op needs, both of the row.
    pub fn op(&mut self, mut change: impl FnMut(Row<'a>) -> Result<Op, Error>) -> Result<&mut Self, Error> {
        let mut ops = Vec::with_capacity(self.len());
        let mut other = false;
        for (_, row) in self.chosen() {
            let seen = Row::new(self.batch, row);
            let op = change(seen).map_err(|error| of_row(error, row))?;
            let has = |after: bool| if after { seen.after().is_some() } else { seen.before().is_some() };
            if (op != Op::Insert && !has(false)) || (op != Op::Delete && !has(true)) {
                let told = "telling a row as another change: it lacks an image that such a change has";
                return Err(Error::new("image-missing", told).at_row(row));
            }
            other |= op != self.batch.op(row)?;
            ops.push(number(op));
        }
        self.ops = Some(ops).filter(|_| other);
        Ok(self)
    }
}

/// Keeps the ops of the rows at these places.
pub(super) fn take(ops: &mut Option<Vec<u8>>, kept: &[u32]) {
    if let Some(ops) = ops {
        *ops = super::fixed(ops, 1, kept);
    }
}

/// Adds column `op`.
pub(super) fn add_ops(ops: &[u8], parts: &mut Parts<'_>) {
    add_bytes(ops.to_vec(), parts);
}

fn add_bytes(bytes: Vec<u8>, parts: &mut Parts<'_>) {
    parts.nodes.push((bytes.len(), 0));
    parts.buffers.extend([Cow::Borrowed([].as_slice()), Cow::Owned(bytes)]);
}

/// Adds column `flags`: what is no update any more changes no key, and an update changes another key if another key is set.
pub(super) fn add_flags(
    (batch, rows): (&Batch<'_>, &[u32]),
    ops: Option<&[u8]>,
    key: Option<&[usize]>,
    slots: &[Slot<'_>],
    parts: &mut Parts<'_>,
) -> Result<(), Error> {
    let mut flags = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        let row = usize::try_from(*row).unwrap_or(usize::MAX);
        let mut bits = batch.flags(row).bits();
        let is_update = match ops.and_then(|ops| ops.get(at)) {
            Some(op) => *op == number(Op::Update),
            None => batch.op(row)? == Op::Update,
        };
        if !is_update {
            bits &= !CHANGES_KEY;
        } else if let Some(key) = key {
            let columns = key.iter().filter_map(|column| slots.get(*column));
            let changes: Vec<Option<bool>> = columns.map(|slot| differs(batch, slot, (at, row))).collect();
            // Where that can't be told, what was said of the former key stays.
            if changes.contains(&Some(true)) {
                bits |= CHANGES_KEY;
            } else if !changes.contains(&None) {
                bits &= !CHANGES_KEY;
            }
        }
        flags.push(bits);
    }
    add_bytes(flags, parts);
    Ok(())
}

/// Whether a column of an update has another value after it; none where the image before lacks it.
fn differs(batch: &Batch<'_>, slot: &Slot<'_>, (at, row): (usize, usize)) -> Option<bool> {
    let present = |after: bool| {
        let image = if after { Some(&batch.after) } else { batch.before.as_ref() };
        slot.from.is_none_or(|from| image.is_some_and(|image| image.is_present(row, from)))
    };
    match (present(false), present(true)) {
        // An image after the change lacks what did not change.
        (_, false) => return Some(false),
        (false, true) => return None,
        (true, true) => {}
    }
    let image = |after: bool| {
        let (image, cells) = if after {
            (Some(&batch.after), slot.after.as_ref())
        } else {
            (batch.before.as_ref(), slot.before.as_ref())
        };
        match cells {
            Some(cells) => cells.value(at),
            None => {
                let column = slot.from.and_then(|from| image.and_then(|image| image.columns.get(from).copied()));
                column.filter(|column| !column.is_null(row)).map(|column| Old { column, row })
            }
        }
    };
    Some(match (image(false), image(true)) {
        (Some(before), Some(after)) => raw(before) != raw(after),
        (before, after) => before.is_some() != after.is_some(),
    })
}

/// Adds the struct of an image: its own validity, without rows that have another op now.
pub(super) fn add_shell((batch, rows): (&Batch<'_>, &[u32]), ops: &[u8], after: bool, parts: &mut Parts<'_>) {
    let image = if after { Some(&batch.after) } else { batch.before.as_ref() };
    let gone = number(if after { Op::Delete } else { Op::Insert });
    let mut valid = Bitmap::default();
    for (row, op) in rows.iter().zip(ops) {
        let row = usize::try_from(*row).unwrap_or(usize::MAX);
        valid.push(*op != gone && image.is_some_and(|image| image.has(row)));
    }
    parts.nodes.push((valid.len(), valid.unset()));
    let none_is_null = valid.unset() == 0;
    parts.buffers.push(Cow::Owned(if none_is_null { Vec::new() } else { valid.bytes }));
}
