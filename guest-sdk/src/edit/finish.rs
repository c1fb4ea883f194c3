//! Makes the messages of a changed batch.

use std::borrow::Cow;

use super::{Bitmap, Edit, Slot, Source, leading};
use crate::cells::Cells;
use crate::message::Parts;
use crate::schema::Place;
use crate::tree::Node;
use crate::{Batch, Error, Outcome, Patch};

impl<'a> Edit<'a> {
    /// What became of the batch ([example](Self)).
    ///
    /// # Errors
    /// `key-removed` where a column of the key is gone and no other key was set; `no-such-column` where a key that was set names none.
    pub fn finish(mut self) -> Result<Outcome, Error> {
        if self.is_empty() && self.batch.rows() > 0 {
            return Ok(Outcome::Dropped);
        }
        let schema = self.schema()?;
        if let Some(patch) = self.patch()? {
            let patch = Patch { schema, ..patch };
            return Ok(match patch == Patch::default() {
                true => Outcome::Unchanged,
                false => Outcome::Patched(patch),
            });
        }
        let rows = self.len();
        let batch = self.parts()?.message(rows);
        Ok(match schema {
            Some(schema) => Outcome::Reshaped { schema, batch },
            None => Outcome::Changed(batch),
        })
    }

    /// Nodes and buffers of all columns.
    fn parts(&mut self) -> Result<Parts<'a>, Error> {
        let batch = self.batch;
        let rows = self.rows.take();
        let mut odd = None;
        if batch.has_odd_dates() {
            odd = Some(self.odd_dates(rows.as_deref()));
        }
        let new_key = if self.key.is_some() { self.new_key()? } else { None };
        let ops = self.ops.take();
        let mut slots = std::mem::take(&mut self.slots);
        let mut parts = Parts::default();
        let mut source = Source {
            frame: &batch.frame,
            place: Place { node: 0, buffer: 0 },
        };
        for field in &batch.schema.tree.fields {
            let name = field.name.as_str();
            match name {
                "op" if ops.is_some() => {
                    leading::add_ops(ops.as_deref().unwrap_or_default(), &mut parts);
                    field.pass(&mut source.place);
                }
                "flags" if ops.is_some() || new_key.is_some() => {
                    let rows = chosen(rows.as_deref(), batch.rows());
                    leading::add_flags((batch, &rows), ops.as_deref(), new_key.as_deref(), &slots, &mut parts)?;
                    field.pass(&mut source.place);
                }
                "before" | "after" => {
                    let shell = ops.as_deref().map(|ops| Shell { batch, ops });
                    let side = (field, name == "after");
                    image(side, shell.as_ref(), &mut slots, rows.as_deref(), (&mut source, &mut parts))?;
                }
                "before_present" | "after_present" => {
                    let image = if name == "after_present" {
                        Some(&batch.after)
                    } else {
                        batch.before.as_ref()
                    };
                    let from: Vec<Option<usize>> = slots.iter().map(|slot| slot.from).collect();
                    let kept = |row: usize| {
                        from.iter()
                            .map(move |from| from.is_none_or(|from| image.is_some_and(|image| image.is_present(row, from))))
                    };
                    let whole = |row: usize| image.is_none_or(|image| image.is_whole(row));
                    present(from.len(), &chosen(rows.as_deref(), batch.rows()), kept, whole, &mut parts);
                    field.pass(&mut source.place);
                }
                "odd_dates" if odd.is_some() => {
                    odd.take().unwrap_or_default().add_to(&mut parts);
                    field.pass(&mut source.place);
                }
                _ if self.routes.takes(name) => {
                    self.routes.add_to(name, batch, rows.as_deref(), &mut parts)?;
                    field.pass(&mut source.place);
                }
                _ => source.take(field, rows.as_deref(), &mut parts)?,
            }
        }
        self.routes.add_new(batch, &mut parts);
        Ok(parts)
    }

    /// Odd dates of what comes out: those of columns that are gone or got another value are gone.
    fn odd_dates(&self, rows: Option<&[u32]>) -> OddDates {
        let batch = self.batch;
        let mut found = OddDates::default();
        for (at, row) in chosen(rows, batch.rows()).into_iter().enumerate() {
            let row = usize::try_from(row).unwrap_or(usize::MAX);
            let start = found.texts.len();
            for after in [false, true] {
                for (column, slot) in self.slots.iter().enumerate() {
                    let cells = if after { &slot.after } else { &slot.before };
                    let stays = cells.as_ref().is_none_or(|cells| cells.kept.get(at));
                    let text = slot.from.filter(|_| stays).and_then(|from| batch.odd_date(row, after, from));
                    if let Some(text) = text {
                        found.images.push(u8::from(after));
                        found
                            .columns
                            .extend_from_slice(&u16::try_from(column).unwrap_or(u16::MAX).to_le_bytes());
                        found.texts.push(text.to_vec());
                    }
                }
            }
            found.valid.push(found.texts.len() > start);
            found.ends.push(found.texts.len());
        }
        found
    }
}

fn chosen(rows: Option<&[u32]>, count: usize) -> Vec<u32> {
    match rows {
        Some(rows) => rows.to_vec(),
        None => (0..u32::try_from(count).unwrap_or(u32::MAX)).collect(),
    }
}

/// Rows whose op is another one now: an image that such an op does not have is null.
struct Shell<'b> {
    batch: &'b Batch<'b>,
    ops: &'b [u8],
}

/// One image: the struct's own validity, then the columns that come out.
fn image<'a>(
    (field, after): (&Node, bool),
    retold: Option<&Shell<'_>>,
    slots: &mut [Slot<'_>],
    rows: Option<&[u32]>,
    (source, parts): (&mut Source<'_, 'a>, &mut Parts<'a>),
) -> Result<(), Error> {
    // The struct alone, without what lies inside it.
    let shell = Node::leaf("", field.kind.clone(), field.nullable);
    let mut next = source.place;
    match retold {
        Some(Shell { batch, ops }) => leading::add_shell((batch, &chosen(rows, batch.rows())), ops, after, parts),
        None => source.take(&shell, rows, parts)?,
    }
    let mut places = Vec::with_capacity(field.children.len());
    shell.pass(&mut next);
    for child in &field.children {
        places.push(next);
        child.pass(&mut next);
    }
    for slot in slots {
        let made: Option<Cells> = if after { slot.after.take() } else { slot.before.take() };
        let from = slot.from.and_then(|from| places.get(from).copied().zip(field.children.get(from)));
        match (made, from) {
            (Some(cells), _) if cells.fits(slot.node.kind.layout()) => cells.add_to(parts),
            (_, Some((place, child))) => {
                source.place = place;
                source.take(child, rows, parts)?;
            }
            _ => return Err(Error::malformed("a column has nothing to be made of")),
        }
    }
    source.place = next;
    Ok(())
}

/// A bitset of the columns that each image has.
fn present<I: Iterator<Item = bool>>(
    columns: usize,
    rows: &[u32],
    kept: impl Fn(usize) -> I,
    whole: impl Fn(usize) -> bool,
    parts: &mut Parts<'_>,
) {
    let width = columns.div_ceil(8);
    let mut valid = Bitmap::default();
    let mut bytes = Vec::with_capacity(rows.len() * width);
    for row in rows {
        let row = usize::try_from(*row).unwrap_or(usize::MAX);
        let mut bits = Bitmap::default();
        let is_whole = whole(row);
        valid.push(!is_whole);
        if !is_whole {
            kept(row).for_each(|bit| bits.push(bit));
        }
        bytes.extend_from_slice(&bits.bytes);
        bytes.resize(bytes.len() + width - bits.bytes.len().min(width), 0);
    }
    parts.nodes.push((rows.len(), valid.unset()));
    parts.buffers.extend([Cow::Owned(valid.bytes), Cow::Owned(bytes)]);
}

/// Zero and impossible dates, as column `odd_dates` holds them.
#[derive(Default)]
pub(crate) struct OddDates {
    pub(crate) valid: Bitmap,
    pub(crate) ends: Vec<usize>,
    pub(crate) images: Vec<u8>,
    pub(crate) columns: Vec<u8>,
    pub(crate) texts: Vec<Vec<u8>>,
}

impl OddDates {
    /// List, struct, image, column, text.
    pub(crate) fn add_to(self, parts: &mut Parts<'_>) {
        let items = self.texts.len();
        parts.nodes.push((self.valid.len(), self.valid.unset()));
        parts.nodes.extend([(items, 0); 4]);
        let offsets = |ends: &mut dyn Iterator<Item = usize>| {
            let narrow = |end: usize| u32::try_from(end).unwrap_or(u32::MAX).to_le_bytes();
            std::iter::once(0).chain(ends).flat_map(narrow).collect::<Vec<u8>>()
        };
        let mut end = 0;
        let mut text_ends = self.texts.iter().map(|text| {
            end += text.len();
            end
        });
        let none = || Cow::Borrowed([].as_slice());
        parts.buffers.extend([
            Cow::Owned(self.valid.bytes),
            Cow::Owned(offsets(&mut self.ends.iter().copied())),
            none(),
            none(),
            Cow::Owned(self.images),
            none(),
            Cow::Owned(self.columns),
            none(),
            Cow::Owned(offsets(&mut text_ends)),
            Cow::Owned(self.texts.concat()),
        ]);
    }
}
