//! The head of a row event: table, which columns its images hold, where they begin.
//!
//! Format: `Rows_event` in MySQL's `rows_event.h`.

use super::event::EventKind;
use super::reader::{Malformed, Parsed, Reader};
use super::stream::{Image, RowOp};

/// A row event without its meaning.
#[derive(Debug)]
pub(super) struct Head<'a> {
    /// Columns of the table.
    pub(super) width: usize,
    /// Insert, update or delete.
    pub(super) op: RowOp,
    /// The first bitmap of columns.
    first: &'a [u8],
    /// The second, of an update.
    second: Option<&'a [u8]>,
    /// The images.
    pub(super) data: &'a [u8],
    /// MariaDB has compressed them.
    pub(super) compressed: bool,
}

/// No table at all: such an event only says that a statement ended.
const NO_TABLE: u64 = 0x00ff_ffff;

/// Flag: the statement ends with the event, and what its table maps said with it.
const STATEMENT_END: u16 = 1;

impl<'a> Head<'a> {
    /// Whether a statement ends with the event.
    pub(super) fn ends_statement(body: &[u8], id_bytes: usize) -> bool {
        let mut reader = Reader::new(body);
        let flags = reader.uint(id_bytes).and_then(|_| reader.u16());
        flags.is_ok_and(|flags| flags & STATEMENT_END != 0)
    }

    /// The table's id only; the rest of the body follows in the reader.
    pub(super) fn table_id(body: &'a [u8], id_bytes: usize) -> Parsed<Option<(u64, Reader<'a>)>> {
        let mut reader = Reader::new(body);
        let table_id = reader.uint(id_bytes)?;
        reader.u16()?;
        Ok((table_id != NO_TABLE).then_some((table_id, reader)))
    }

    /// The rest of a row event's body.
    pub(super) fn parse(mut reader: Reader<'a>, kind: EventKind) -> Parsed<Self> {
        let (op, version) = match kind {
            EventKind::WriteRows { version } => (RowOp::Insert, version),
            EventKind::UpdateRows { version } => (RowOp::Update, version),
            EventKind::PartialUpdateRows => (RowOp::Update, 2),
            EventKind::DeleteRows { version } => (RowOp::Delete, version),
            EventKind::CompressedWriteRows { version } => (RowOp::Insert, version),
            EventKind::CompressedUpdateRows { version } => (RowOp::Update, version),
            EventKind::CompressedDeleteRows { version } => (RowOp::Delete, version),
            _ => return Err(Malformed("it is no row event")),
        };
        if version == 2 {
            // Extra data of which the two length bytes are part: partition ids, NDB's own.
            let extra = usize::from(reader.u16()?);
            reader.take(extra.checked_sub(2).ok_or(Malformed("its extra data has an impossible length"))?)?;
        }
        let width = reader.size()?;
        let first = reader.take(width.div_ceil(8))?;
        let second = match op {
            RowOp::Update => Some(reader.take(width.div_ceil(8))?),
            _ => None,
        };
        Ok(Self {
            width,
            op,
            first,
            second,
            data: reader.rest(),
            compressed: matches!(
                kind,
                EventKind::CompressedWriteRows { .. } | EventKind::CompressedUpdateRows { .. } | EventKind::CompressedDeleteRows { .. }
            ),
        })
    }

    /// Columns of the first or only image.
    pub(super) fn first(&self) -> Image {
        image(self.first, self.width)
    }

    /// Columns of the second image; of the first where there is only one.
    pub(super) fn second(&self) -> Image {
        image(self.second.unwrap_or(self.first), self.width)
    }
}

fn image(bitmap: &[u8], width: usize) -> Image {
    let mut present = bitmap.to_vec();
    // Servers set the bits past the last column; nobody should have to know.
    if !width.is_multiple_of(8)
        && let Some(last) = present.last_mut()
    {
        *last &= (1 << (width % 8)) - 1;
    }
    let set: u32 = present.iter().map(|byte| byte.count_ones()).sum();
    Image {
        whole: usize::try_from(set).is_ok_and(|set| set == width),
        present,
    }
}
