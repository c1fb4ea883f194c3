//! Copies chosen rows of a field: its bitmaps, values, offsets, and what lies inside it.

#![expect(clippy::as_conversions, reason = "Arrow's offsets are 32 bits wide and fit usize on every target")]

use std::borrow::Cow;

use crate::Error;
use crate::batch::Frame;
use crate::column::Bits;
use crate::message::Parts;
use crate::schema::Place;
use crate::tree::{Layout, Node};

/// Bits that are appended one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bitmap {
    pub(crate) bytes: Vec<u8>,
    length: usize,
    unset: usize,
}

impl Bitmap {
    #[inline(always)]
    pub(crate) fn push(&mut self, bit: bool) {
        let shift = self.length & 7;
        if shift == 0 {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << shift;
        }
        self.length += 1;
        self.unset += usize::from(!bit);
    }

    /// Takes the last bit away.
    pub(crate) fn pop(&mut self) {
        let Some(length) = self.length.checked_sub(1) else { return };
        self.length = length;
        let shift = length & 7;
        if let Some(last) = self.bytes.last_mut() {
            self.unset -= usize::from(*last >> shift & 1 == 0);
            *last &= !(1 << shift);
        }
        if shift == 0 {
            self.bytes.pop();
        }
    }

    pub(crate) fn get(&self, i: usize) -> bool {
        self.bytes.get(i >> 3).is_some_and(|byte| byte >> (i & 7) & 1 == 1)
    }

    pub(crate) fn unset(&self) -> usize {
        self.unset
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The chosen ones.
    pub(crate) fn taken(&self, rows: &[u32]) -> Self {
        match Bits::new(&self.bytes, self.length) {
            Ok(from) => bits(from, rows),
            Err(_) => Self::default(),
        }
    }
}

/// Bits that are all alike, as a rule: up to the first other one they are counted only.
#[derive(Debug, Clone)]
pub(crate) struct Alike {
    common: bool,
    count: usize,
    /// All of them, once there is another one.
    bits: Option<Bitmap>,
}

impl Alike {
    pub(crate) fn new(common: bool) -> Self {
        Self {
            common,
            count: 0,
            bits: None,
        }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, bit: bool) {
        match &mut self.bits {
            None if bit == self.common => self.count += 1,
            None => self.first_other(bit),
            Some(bits) => bits.push(bit),
        }
    }

    #[cold]
    fn first_other(&mut self, bit: bool) {
        let mut bits = self.bitmap();
        bits.push(bit);
        self.bits = Some(bits);
    }

    pub(crate) fn pop(&mut self) {
        match &mut self.bits {
            None => self.count = self.count.saturating_sub(1),
            Some(bits) => bits.pop(),
        }
    }

    pub(crate) fn get(&self, i: usize) -> bool {
        match &self.bits {
            None => i < self.count && self.common,
            Some(bits) => bits.get(i),
        }
    }

    pub(crate) fn unset(&self) -> usize {
        match &self.bits {
            None if self.common => 0,
            None => self.count,
            Some(bits) => bits.unset(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.bits.as_ref().map_or(self.count, Bitmap::len)
    }

    /// The chosen ones.
    pub(crate) fn take(&mut self, rows: &[u32]) {
        match &mut self.bits {
            None => self.count = rows.len(),
            Some(bits) => *bits = bits.taken(rows),
        }
    }

    /// All of them as bits.
    pub(crate) fn bitmap(&self) -> Bitmap {
        match &self.bits {
            None => {
                let mut bits = Bitmap::default();
                (0..self.count).for_each(|_| bits.push(self.common));
                bits
            }
            Some(bits) => bits.clone(),
        }
    }
}

/// The chosen bits.
pub(crate) fn bits(from: Bits<'_>, rows: &[u32]) -> Bitmap {
    let mut taken = Bitmap::default();
    for row in rows {
        taken.push(from.get(*row as usize));
    }
    taken
}

/// The chosen values of `width` bytes.
pub(crate) fn fixed(from: &[u8], width: usize, rows: &[u32]) -> Vec<u8> {
    match width {
        1 => chunks::<1>(from, rows),
        2 => chunks::<2>(from, rows),
        4 => chunks::<4>(from, rows),
        8 => chunks::<8>(from, rows),
        16 => chunks::<16>(from, rows),
        32 => chunks::<32>(from, rows),
        _ => {
            let mut taken = Vec::with_capacity(rows.len() * width);
            for row in rows {
                let start = *row as usize * width;
                match from.get(start..start + width) {
                    Some(value) => taken.extend_from_slice(value),
                    None => taken.resize(taken.len() + width, 0),
                }
            }
            taken
        }
    }
}

/// A loop of its own for each width: a copy of a width that is known is a load and a store.
fn chunks<const N: usize>(from: &[u8], rows: &[u32]) -> Vec<u8> {
    let from: &[[u8; N]] = from.as_chunks().0;
    let mut taken: Vec<[u8; N]> = Vec::with_capacity(rows.len());
    taken.extend(rows.iter().map(|row| from.get(*row as usize).copied().unwrap_or([0; N])));
    taken.into_flattened()
}

/// The chosen texts: offsets and data. Rows that follow each other are copied at once.
pub(crate) fn texts(offsets: &[u8], data: &[u8], rows: &[u32]) -> (Vec<u8>, Vec<u8>) {
    let offsets: &[[u8; 4]] = offsets.as_chunks().0;
    let bound = |row: usize| offsets.get(row).map_or(0, |offset| u32::from_le_bytes(*offset));
    let mut ends = Vec::with_capacity(4 * rows.len() + 4);
    ends.extend_from_slice(&[0; 4]);
    let mut end = 0_u32;
    let mut taken = Vec::with_capacity(data.len().min(64 << 20));
    let mut run: Option<(u32, u32)> = None;
    for row in rows {
        let (start, stop) = (bound(*row as usize), bound(*row as usize + 1));
        end += stop.saturating_sub(start);
        ends.extend_from_slice(&end.to_le_bytes());
        run = match run {
            Some((first, last)) if last == start => Some((first, stop)),
            Some((first, last)) => {
                taken.extend_from_slice(data.get(first as usize..last as usize).unwrap_or_default());
                Some((start, stop))
            }
            None => Some((start, stop)),
        };
    }
    if let Some((first, last)) = run {
        taken.extend_from_slice(data.get(first as usize..last as usize).unwrap_or_default());
    }
    (ends, taken)
}

/// Where a field is taken from.
pub(crate) struct Source<'f, 'a> {
    pub(crate) frame: &'f Frame<'a>,
    pub(crate) place: Place,
}

impl<'a> Source<'_, 'a> {
    /// Adds a field's chosen rows to `parts`; without a choice its buffers as they are. The place moves past the field.
    ///
    /// # Errors
    /// `malformed-message` where the batch has fewer buffers than its schema says.
    pub(crate) fn take(&mut self, node: &Node, rows: Option<&[u32]>, parts: &mut Parts<'a>) -> Result<(), Error> {
        match rows {
            None => self.whole(node, parts),
            Some(rows) => self.chosen(node, rows, parts),
        }
    }

    fn whole(&mut self, node: &Node, parts: &mut Parts<'a>) -> Result<(), Error> {
        let first = self.place;
        node.pass(&mut self.place);
        for at in first.node..self.place.node {
            parts.nodes.push(self.frame.nodes.get(at)?);
        }
        for at in first.buffer..self.place.buffer {
            parts.buffers.push(Cow::Borrowed(self.frame.buffer(at)?));
        }
        Ok(())
    }

    fn buffer(&mut self) -> Result<&'a [u8], Error> {
        let buffer = self.frame.buffer(self.place.buffer)?;
        self.place.buffer += 1;
        Ok(buffer)
    }

    fn chosen(&mut self, node: &Node, rows: &[u32], parts: &mut Parts<'a>) -> Result<(), Error> {
        let (length, nulls) = self.frame.nodes.get(self.place.node)?;
        self.place.node += 1;
        let layout = node.kind.layout();
        if layout == Layout::Nothing {
            parts.nodes.push((rows.len(), rows.len()));
            return Ok(());
        }
        let valid = self.buffer()?;
        if nulls == 0 {
            parts.nodes.push((rows.len(), 0));
            parts.buffers.push(Cow::Borrowed(&[]));
        } else {
            let valid = bits(Bits::new(valid, length)?, rows);
            parts.nodes.push((rows.len(), valid.unset()));
            parts.buffers.push(Cow::Owned(valid.bytes));
        }
        match layout {
            Layout::Nothing => {}
            Layout::Struct => {
                for child in &node.children {
                    self.chosen(child, rows, parts)?;
                }
            }
            Layout::Bits => {
                let buffer = self.buffer()?;
                parts.buffers.push(Cow::Owned(bits(Bits::new(buffer, length)?, rows).bytes));
            }
            Layout::Fixed(width) => {
                let buffer = self.buffer()?;
                parts.buffers.push(Cow::Owned(fixed(buffer, width, rows)));
            }
            Layout::Bytes => {
                let (offsets, data) = (self.buffer()?, self.buffer()?);
                let (offsets, data) = texts(offsets, data, rows);
                parts.buffers.extend([Cow::Owned(offsets), Cow::Owned(data)]);
            }
            Layout::FixedList(width) => {
                let items: Vec<u32> = rows.iter().flat_map(|row| expand(*row as usize * width, width)).collect();
                self.children(node, &items, parts)?;
            }
            Layout::List => {
                let offsets: &[[u8; 4]] = self.buffer()?.as_chunks().0;
                let bound = |row: usize| offsets.get(row).map_or(0, |offset| u32::from_le_bytes(*offset) as usize);
                let (ends, items) = lists(rows, bound);
                let ends = ends.iter().flat_map(|end| (*end as u32).to_le_bytes()).collect();
                parts.buffers.push(Cow::Owned(ends));
                self.children(node, &items, parts)?;
            }
            Layout::LargeList => {
                let offsets: &[[u8; 8]] = self.buffer()?.as_chunks().0;
                let bound = |row: usize| offsets.get(row).map_or(0, |offset| u64::from_le_bytes(*offset) as usize);
                let (ends, items) = lists(rows, bound);
                let ends = ends.iter().flat_map(|end| (*end as u64).to_le_bytes()).collect();
                parts.buffers.push(Cow::Owned(ends));
                self.children(node, &items, parts)?;
            }
            Layout::LargeBytes => {
                let (offsets, data) = (self.buffer()?, self.buffer()?);
                let offsets: &[[u8; 8]] = offsets.as_chunks().0;
                let bound = |row: usize| offsets.get(row).map_or(0, |offset| u64::from_le_bytes(*offset) as usize);
                let (mut ends, mut taken) = (vec![0; 8], Vec::new());
                for row in rows {
                    let range = bound(*row as usize)..bound(*row as usize + 1);
                    taken.extend_from_slice(data.get(range).unwrap_or_default());
                    ends.extend_from_slice(&(taken.len() as u64).to_le_bytes());
                }
                parts.buffers.extend([Cow::Owned(ends), Cow::Owned(taken)]);
            }
        }
        Ok(())
    }

    fn children(&mut self, node: &Node, items: &[u32], parts: &mut Parts<'a>) -> Result<(), Error> {
        node.children.iter().try_for_each(|child| self.chosen(child, items, parts))
    }
}

fn expand(start: usize, length: usize) -> impl Iterator<Item = u32> {
    (start..start.saturating_add(length)).map(|item| u32::try_from(item).unwrap_or(u32::MAX))
}

/// Ends of the chosen lists, and the items that they hold.
fn lists(rows: &[u32], bound: impl Fn(usize) -> usize) -> (Vec<usize>, Vec<u32>) {
    let mut ends = Vec::with_capacity(rows.len() + 1);
    ends.push(0);
    let mut items = Vec::new();
    for row in rows {
        let (start, stop) = (bound(*row as usize), bound(*row as usize + 1));
        items.extend(expand(start, stop.saturating_sub(start)));
        ends.push(items.len());
    }
    (ends, items)
}

#[cfg(test)]
mod tests {
    use super::{Alike, Bitmap};

    #[test]
    fn bits_that_are_counted_are_what_single_ones_are() {
        for common in [false, true] {
            let (mut counted, mut single) = (Alike::new(common), Bitmap::default());
            let agree = |counted: &Alike, single: &Bitmap| {
                assert_eq!(
                    (counted.len(), counted.unset(), &counted.bitmap()),
                    (single.len(), single.unset(), single)
                );
                assert!((0..20).all(|i| counted.get(i) == single.get(i)));
            };
            for bit in [common, common, common, !common, common, !common, !common, common, common, common] {
                counted.push(bit);
                single.push(bit);
                agree(&counted, &single);
                let rows: Vec<u32> = (0..u32::try_from(single.len()).unwrap_or_default()).step_by(2).collect();
                let mut chosen = counted.clone();
                chosen.take(&rows);
                agree(&chosen, &single.taken(&rows));
            }
            while single.len() > 0 {
                counted.pop();
                single.pop();
                agree(&counted, &single);
            }
        }
    }
}
