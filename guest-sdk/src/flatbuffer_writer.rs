//! Writes flatbuffers front to back: a table first, then what it points at. Only what Arrow's messages need.

/// A field of a table that is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slot {
    /// Left out: its default.
    Empty,
    U8(u8),
    I16(i16),
    I32(i32),
    I64(i64),
    /// An offset to what is written later.
    Link,
}

impl Slot {
    fn bytes(self) -> usize {
        match self {
            Self::Empty => 0,
            Self::U8(_) => 1,
            Self::I16(_) => 2,
            Self::I32(_) | Self::Link => 4,
            Self::I64(_) => 8,
        }
    }
}

/// Where the fields of a written table are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    at: usize,
    offsets: [u16; MAX_SLOTS],
}

/// No table of Arrow's has more fields.
const MAX_SLOTS: usize = 8;

impl Written {
    /// The place of field `i`, to link something to it.
    pub(crate) fn field(&self, i: usize) -> usize {
        self.at + self.offsets.get(i).copied().map_or(0, usize::from)
    }
}

/// A buffer under way.
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A buffer whose root is still to be linked, at [`Writer::ROOT`].
    pub(crate) fn new() -> Self {
        let mut bytes = Vec::with_capacity(1024);
        bytes.extend_from_slice(&[0; 4]);
        Self { bytes }
    }

    /// Where the root is linked.
    pub(crate) const ROOT: usize = 0;

    /// Writes a table, linked at `from`.
    pub(crate) fn table(&mut self, from: usize, slots: &[Slot]) -> Written {
        let slots = slots.get(..MAX_SLOTS).unwrap_or(slots);
        let vtable_bytes = 4 + 2 * slots.len();
        while !(self.bytes.len() + vtable_bytes).is_multiple_of(8) {
            self.bytes.push(0);
        }
        let mut offsets = [0; MAX_SLOTS];
        let mut end = 4_usize;
        for (slot, offset) in slots.iter().zip(&mut offsets) {
            if slot.bytes() > 0 {
                let at = end.next_multiple_of(slot.bytes());
                *offset = u16::try_from(at).unwrap_or(u16::MAX);
                end = at + slot.bytes();
            }
        }
        let half = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
        self.bytes.extend_from_slice(&half(vtable_bytes));
        self.bytes.extend_from_slice(&half(end));
        for offset in offsets.iter().take(slots.len()) {
            self.bytes.extend_from_slice(&offset.to_le_bytes());
        }
        let at = self.bytes.len();
        self.link(from, at);
        self.word(vtable_bytes);
        for (slot, offset) in slots.iter().zip(offsets) {
            if slot.bytes() > 0 {
                self.bytes.resize(at + usize::from(offset), 0);
            }
            match *slot {
                Slot::Empty => {}
                Slot::U8(number) => self.bytes.push(number),
                Slot::I16(number) => self.bytes.extend_from_slice(&number.to_le_bytes()),
                Slot::I32(number) => self.bytes.extend_from_slice(&number.to_le_bytes()),
                Slot::I64(number) => self.bytes.extend_from_slice(&number.to_le_bytes()),
                Slot::Link => self.bytes.extend_from_slice(&[0; 4]),
            }
        }
        Written { at, offsets }
    }

    /// Writes a string, linked at `from`.
    pub(crate) fn text(&mut self, from: usize, text: &str) {
        self.align(4, 0);
        self.link(from, self.bytes.len());
        self.word(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    /// Writes a vector of `count` offsets, linked at `from`; where they are linked.
    pub(crate) fn links(&mut self, from: usize, count: usize) -> impl Iterator<Item = usize> + use<> {
        self.align(4, 0);
        self.link(from, self.bytes.len());
        self.word(count);
        let first = self.bytes.len();
        self.bytes.resize(first + 4 * count, 0);
        (0..count).map(move |i| first + 4 * i)
    }

    /// Writes a vector of pairs of 64-bit integers, linked at `from`.
    pub(crate) fn pairs(&mut self, from: usize, pairs: &[(usize, usize)]) {
        self.align(8, 4);
        self.link(from, self.bytes.len());
        self.word(pairs.len());
        for (first, second) in pairs {
            for number in [*first, *second] {
                self.bytes
                    .extend_from_slice(&u64::try_from(number).unwrap_or(u64::MAX).to_le_bytes());
            }
        }
    }

    /// The buffer.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn align(&mut self, to: usize, behind: usize) {
        while !(self.bytes.len() + behind).is_multiple_of(to) {
            self.bytes.push(0);
        }
    }

    fn word(&mut self, number: usize) {
        self.bytes
            .extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
    }

    /// Offsets count from their own place.
    fn link(&mut self, from: usize, to: usize) {
        let offset = u32::try_from(to - from).unwrap_or(u32::MAX).to_le_bytes();
        if let Some(place) = self.bytes.get_mut(from..from + 4) {
            place.copy_from_slice(&offset);
        }
    }
}
