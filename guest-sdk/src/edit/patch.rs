//! What an edit changes of a batch, where the host can put the rest together: nothing of that crosses.

use super::Edit;
use crate::message::Parts;
use crate::{Error, Patch, PatchColumns};

/// What says of rows in which column something is goes on as it is, so that each column has to keep its place beside it.
const BY_PLACE: [&str; 3] = ["before_present", "after_present", "odd_dates"];

impl Edit<'_> {
    /// What is changed but for the schema; none where the whole batch has to be made.
    pub(super) fn patch(&mut self) -> Result<Option<Patch>, Error> {
        let batch = self.batch;
        let columns = batch.schema.columns.len();
        let is_made = self.is_made();
        let in_place = self.slots.len() == columns && self.slots.iter().enumerate().all(|(i, slot)| slot.from == Some(i));
        let by_place = batch.schema.tree.fields.iter().any(|field| BY_PLACE.contains(&field.name.as_str()));
        // An odd date of a column that is new is not to be told any more.
        let is_told_otherwise = self.ops.is_some() || self.key.is_some() || !self.routes.is_empty();
        if is_told_otherwise || (by_place && !in_place) || (batch.has_odd_dates() && is_made) {
            return Ok(None);
        }
        let rows = match self.rows.as_deref().map(|rows| bits(rows, batch.rows())) {
            None => None,
            Some(Some(bits)) => Some(bits),
            // What comes twice is made.
            Some(None) => return Ok(None),
        };
        let columns = if in_place && !is_made { None } else { Some(self.patch_columns()?) };
        Ok(Some(Patch {
            rows,
            columns,
            schema: None,
        }))
    }

    /// Whether a column has other values than it had.
    fn is_made(&self) -> bool {
        self.slots.iter().any(|slot| slot.before.is_some() || slot.after.is_some())
    }

    fn patch_columns(&mut self) -> Result<PatchColumns, Error> {
        let rows = self.len();
        let (mut origins, mut parts) = (Vec::with_capacity(2 * self.slots.len()), Parts::default());
        for after in [false, true] {
            if !after && self.batch.before.is_none() {
                continue;
            }
            for slot in &mut self.slots {
                let made = if after { slot.after.take() } else { slot.before.take() };
                let origin = match (made, slot.from) {
                    (Some(cells), _) if cells.fits(slot.node.kind.layout()) => {
                        cells.add_to(&mut parts);
                        -1
                    }
                    (_, Some(from)) => i32::try_from(from).unwrap_or(i32::MAX),
                    _ => return Err(Error::malformed("a column has nothing to be made of")),
                };
                origins.push(origin);
            }
        }
        let fresh = if parts.nodes.is_empty() { Vec::new() } else { parts.message(rows) };
        Ok(PatchColumns { origins, fresh })
    }
}

/// Ascending rows of so many as one bit each; none where one comes twice.
fn bits(rows: &[u32], count: usize) -> Option<Vec<u8>> {
    let mut bits = vec![0_u8; count.div_ceil(8)];
    for row in rows {
        let byte = bits.get_mut(usize::try_from(row >> 3).unwrap_or(usize::MAX))?;
        let bit = 1 << (row & 7);
        if *byte & bit != 0 {
            return None;
        }
        *byte |= bit;
    }
    Some(bits)
}
