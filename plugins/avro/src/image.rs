//! Writes one image of a row as an Avro record.

use rowmill_sdk::json::{Cursor, Fragments};
use rowmill_sdk::{Batch, Bits, Bytes, Error, Image};

use crate::cell::{Cell, Labels};
use crate::datum::LONG_BYTES;
use crate::schema::Member;

/// One image of a batch's rows, ready to be written.
pub(crate) struct Side<'a> {
    pub(crate) image: &'a Image<'a>,
    slots: Vec<Slot<'a>>,
    varying: Vec<Bytes<'a>>,
    bounded_bytes: usize,
    fragments: &'a Fragments,
}

struct Slot<'a> {
    valid: Option<Bits<'a>>,
    cell: Cell<'a>,
    nullable: bool,
}

impl<'a> Side<'a> {
    /// Joins an image with the table's schema.
    pub(crate) fn new(
        (fragments, members, labels): (&'a Fragments, &[Member], &[Labels]),
        batch: &'a Batch<'a>,
        is_after: bool,
    ) -> Result<Option<Self>, Error> {
        let image = if is_after { Some(&batch.after) } else { batch.before.as_ref() };
        let Some(image) = image else { return Ok(None) };
        let mut side = Self {
            image,
            slots: Vec::with_capacity(members.len()),
            varying: Vec::new(),
            bounded_bytes: 0,
            fragments,
        };
        let fields = batch.schema.columns.iter().zip(members).zip(labels);
        for (column, ((field, member), labels)) in image.columns.iter().zip(fields) {
            let cell = Cell::new(field, *labels, column)?;
            side.bounded_bytes += 1 + cell.widest(*labels, fragments);
            side.varying.extend(cell.varying());
            side.slots.push(Slot {
                valid: column.valid,
                cell,
                nullable: member.nullable,
            });
        }
        Ok(Some(side))
    }

    /// Refuses a row that Avro can't hold: a record has every field, and NULL only where the schema says so.
    #[inline(always)]
    pub(crate) fn check(&self, row: usize) -> Result<(), Error> {
        if !self.image.is_whole(row) {
            return Err(partial(row));
        }
        let wrong = |slot: &Slot<'_>| !slot.nullable && slot.valid.is_some_and(|valid| !valid.get(row));
        if self.slots.iter().any(wrong) { Err(null(row)) } else { Ok(()) }
    }

    /// Bytes that the row's image takes at most.
    #[inline(always)]
    pub(crate) fn worst(&self, row: usize) -> usize {
        let varying: usize = self.varying.iter().map(|bytes| bytes.length(row)).sum();
        self.bounded_bytes + varying
    }

    /// Writes the row.
    #[inline(always)]
    pub(crate) fn write<'c>(&self, cursor: Cursor<'c>, row: usize) -> Cursor<'c> {
        cursor.apart(|mut cursor| {
            for slot in &self.slots {
                if slot.valid.is_some_and(|valid| !valid.get(row)) {
                    cursor = cursor.byte(0);
                } else {
                    // The second of a union's branches.
                    cursor = if slot.nullable { cursor.byte(2) } else { cursor };
                    cursor = slot.cell.write(cursor, row, self.fragments);
                }
            }
            cursor
        })
    }

    /// Bytes that one column's value takes at most.
    pub(crate) fn column_worst(&self, row: usize, column: usize, labels: Labels) -> usize {
        let Some(slot) = self.slots.get(column) else { return 0 };
        LONG_BYTES + slot.cell.widest(labels, self.fragments) + slot.cell.varying().map_or(0, |bytes| bytes.length(row))
    }

    /// Whether the row has the column, and it is not NULL.
    pub(crate) fn knows(&self, row: usize, column: usize) -> bool {
        let slot = self.slots.get(column);
        self.image.is_present(row, column) && slot.is_some_and(|slot| slot.valid.is_none_or(|valid| valid.get(row)))
    }

    /// Writes the value of one column, which the row has.
    pub(crate) fn column<'c>(&self, cursor: Cursor<'c>, row: usize, column: usize) -> Cursor<'c> {
        match self.slots.get(column) {
            Some(slot) => slot.cell.write(cursor, row, self.fragments),
            None => cursor,
        }
    }
}

#[cold]
fn partial(row: usize) -> Error {
    Error::new(
        "partial-image",
        "encoding a row: its image lacks columns, which an Avro record can't; run SET GLOBAL binlog_row_image=FULL on the server, then start \
         after this transaction",
    )
    .at_row(row)
}

#[cold]
fn null(row: usize) -> Error {
    Error::new("unexpected-null", "encoding a row: a NOT NULL column of it is null").at_row(row)
}
