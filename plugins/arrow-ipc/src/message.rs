//! Writes an encapsulated Arrow record-batch message of one row, buffer by buffer.
//!
//! Format: <https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc>. The metadata is a
//! flatbuffer whose layout is fixed but for the numbers of nodes and buffers, so that it is laid out by hand.

/// A message being written: nodes and buffers in the order of the schema's columns.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// Length and number of nulls of each array.
    nodes: Vec<(u64, u64)>,
    /// Offset and length of each buffer within the body.
    buffers: Vec<(u64, u64)>,
    body: Vec<u8>,
}

impl Message {
    /// Begins a new one.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.buffers.clear();
        self.body.clear();
    }

    /// An array of so many items, of which none is null, or which is one null; its validity.
    pub(crate) fn node(&mut self, length: usize, is_null: bool) {
        self.nodes.push((wide(length), u64::from(is_null)));
        self.buffer(if is_null { &[0] } else { &[] });
    }

    /// A buffer of the array that was begun last.
    pub(crate) fn buffer(&mut self, bytes: &[u8]) {
        self.buffers.push((wide(self.body.len()), wide(bytes.len())));
        self.body.extend_from_slice(bytes);
        self.body.resize(self.body.len().next_multiple_of(8), 0);
    }

    /// The offsets of texts or byte strings, and their bytes.
    pub(crate) fn texts<'t>(&mut self, texts: impl Iterator<Item = &'t [u8]> + Clone) {
        let mut offsets = vec![0; 4];
        let mut end = 0_u32;
        for text in texts.clone() {
            end += u32::try_from(text.len()).unwrap_or(u32::MAX);
            offsets.extend(end.to_le_bytes());
        }
        self.buffer(&offsets);
        self.buffer(&texts.flatten().copied().collect::<Vec<_>>());
    }

    /// The whole message: marker, length, metadata, body.
    pub(crate) fn write(&self, into: &mut Vec<u8>) {
        into.clear();
        into.extend([0xff; 4]);
        into.extend([0; 4]);
        let start = into.len();
        self.metadata(into);
        into.resize(into.len().next_multiple_of(8), 0);
        let length = narrow(into.len() - start).to_le_bytes();
        if let Some(place) = into.get_mut(4..8) {
            place.copy_from_slice(&length);
        }
        into.extend_from_slice(&self.body);
    }

    /// Positions are those within the metadata; 64-bit numbers stand at multiples of eight.
    fn metadata(&self, into: &mut Vec<u8>) {
        let short = |into: &mut Vec<u8>, number: u16| into.extend(number.to_le_bytes());
        let word = |into: &mut Vec<u8>, number: u32| into.extend(number.to_le_bytes());
        let long = |into: &mut Vec<u8>, number: u64| into.extend(number.to_le_bytes());
        let after_nodes = 72 + 16 * self.nodes.len();
        // 0: the root is the message at 16.
        word(into, 16);
        // 4: the message's table of fields: its own size, the message's, then where version, header's type, header, body's length are.
        for number in [12, 20, 16, 18, 4, 8] {
            short(into, number);
        }
        // 16: the message; its fields' table is 12 before it, its header is the record batch at 48.
        word(into, 12);
        word(into, 48 - 20);
        long(into, wide(self.body.len()));
        // 32: version V5, header of type RecordBatch.
        short(into, 4);
        short(into, 3);
        // 36: the record batch's table of fields: its own size, the batch's, then where length, nodes, buffers are.
        for number in [10, 20, 8, 4, 16, 0] {
            short(into, number);
        }
        // 48: the record batch; its fields' table is 12 before it, its nodes are at 68, its length is 1.
        word(into, 12);
        word(into, 68 - 52);
        long(into, 1);
        word(into, narrow(after_nodes + 4 - 64));
        // 68: the nodes, whose first is at 72; then the buffers, whose first is at a multiple of eight.
        word(into, narrow(self.nodes.len()));
        for (length, nulls) in &self.nodes {
            long(into, *length);
            long(into, *nulls);
        }
        word(into, 0);
        word(into, narrow(self.buffers.len()));
        for (offset, length) in &self.buffers {
            long(into, *offset);
            long(into, *length);
        }
    }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
