//! A patch as the host applies it.

use crate::batch::Frame;
use crate::column::Bits;
use crate::edit::Source;
use crate::message::Parts;
use crate::schema::Place;
use crate::tree::Node;
use crate::{Batch, Error, Patch, Schema};

/// The record-batch message of a patched batch.
///
/// # Errors
/// `bad-patch` where it does not fit the batch, `malformed-message` where its messages can't be read.
pub(super) fn patched(batch: &Batch<'_>, patch: &Patch) -> Result<Vec<u8>, Error> {
    let made = patch.schema.as_deref().map(Schema::read).transpose()?;
    let tree = made.as_ref().map_or(&batch.schema.tree, |schema| &schema.tree);
    let rows = patch.rows.as_deref().map(|bits| chosen(bits, batch.rows())).transpose()?;
    let columns = patch.columns.as_ref();
    let fresh = columns.filter(|columns| !columns.fresh.is_empty());
    let fresh = fresh.map(|columns| Frame::read(&columns.fresh)).transpose()?;
    let mut parts = Parts::default();
    let mut patched = Patched {
        given: batch,
        rows: rows.as_deref(),
        origins: columns.map(|columns| columns.origins.iter().copied()),
        fresh: fresh.as_ref().map(|frame| Source { frame, place: START }),
    };
    tree.fields.iter().try_for_each(|field| patched.field(field, &mut parts))?;
    let count = rows.as_ref().map_or(batch.rows(), Vec::len);
    Ok(parts.message(count))
}

const START: Place = Place { node: 0, buffer: 0 };

fn bad(text: impl Into<String>) -> Error {
    Error::new("bad-patch", format!("patching a batch: {}", text.into()))
}

fn chosen(bits: &[u8], rows: usize) -> Result<Vec<u32>, Error> {
    let behind = bits.last().is_some_and(|last| !rows.is_multiple_of(8) && last >> (rows % 8) != 0);
    if bits.len() != rows.div_ceil(8) || behind {
        return Err(bad(format!("{} bytes are not the bits of {rows} rows", bits.len())));
    }
    let bits = Bits::new(bits, rows)?;
    let kept = (0..rows).filter(|row| bits.get(*row));
    Ok(kept.map(|row| u32::try_from(row).unwrap_or(u32::MAX)).collect())
}

struct Patched<'p, 'a, O> {
    given: &'p Batch<'a>,
    rows: Option<&'p [u32]>,
    origins: Option<O>,
    fresh: Option<Source<'p, 'a>>,
}

impl<'a, O: Iterator<Item = i32>> Patched<'_, 'a, O> {
    fn field(&mut self, field: &Node, parts: &mut Parts<'a>) -> Result<(), Error> {
        let Batch { schema, frame, .. } = self.given;
        let (mut place, mut fields) = (START, schema.tree.fields.iter());
        let given = loop {
            match fields.next() {
                Some(given) if given.name == field.name => break given,
                Some(other) => other.pass(&mut place),
                None => return Err(bad(format!("the batch has no column {}", field.name))),
            }
        };
        let image = match field.name.as_str() {
            "before" => schema.places.before.as_ref(),
            "after" => Some(&schema.places.after),
            _ => None,
        };
        let Some(image) = image else {
            return Source { frame, place }.take(given, self.rows, parts);
        };
        let shell = Node::leaf("", given.kind.clone(), given.nullable);
        Source { frame, place }.take(&shell, self.rows, parts)?;
        for (at, child) in field.children.iter().enumerate() {
            let origin = match &mut self.origins {
                Some(origins) => origins.next().ok_or_else(|| bad("it says of too few columns what they were"))?,
                None => i32::try_from(at).unwrap_or(i32::MAX),
            };
            match (usize::try_from(origin), &mut self.fresh) {
                (Ok(origin), _) => {
                    let found = image.columns.get(origin).zip(given.children.get(origin));
                    let (place, child) = found.ok_or_else(|| bad(format!("there is no column {origin}")))?;
                    Source { frame, place: *place }.take(child, self.rows, parts)?;
                }
                (Err(_), Some(fresh)) => fresh.take(child, None, parts)?,
                (Err(_), None) => return Err(bad("it has no new columns")),
            }
        }
        Ok(())
    }
}
