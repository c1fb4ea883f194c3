//! Arrow's encapsulated message: a marker, a length, a flatbuffer and a body.

use std::borrow::Cow;

use crate::Error;
use crate::flatbuffer::{Table, read};
use crate::flatbuffer_writer::{Slot, Writer};

/// Buffers start at multiples of this many bytes, and so does the body.
const ALIGNMENT: usize = 64;

/// Arrow's metadata version V5.
const V5: i16 = 4;

/// The kinds of message that cross.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    Schema,
    RecordBatch,
}

impl Header {
    fn tag(self) -> u8 {
        match self {
            Self::Schema => 1,
            Self::RecordBatch => 3,
        }
    }
}

/// The header table and the body of a message that must be of kind `wanted`.
pub(crate) fn open(bytes: &[u8], wanted: Header) -> Result<(Table<'_>, &[u8]), Error> {
    if u32::from_le_bytes(read(bytes, 0)?) != u32::MAX {
        return Err(Error::malformed("it does not start with the continuation marker"));
    }
    let length =
        usize::try_from(i32::from_le_bytes(read(bytes, 4)?)).map_err(|_| Error::malformed("its metadata has a negative length"))?;
    let (metadata, body) = bytes
        .get(8..)
        .and_then(|rest| rest.split_at_checked(length))
        .ok_or_else(|| Error::malformed("its metadata is cut"))?;
    let message = Table::root(metadata)?;
    if message.u8(1)? != wanted.tag() {
        return Err(Error::malformed("it is not of the kind that the call takes"));
    }
    let header = message.table(2)?.ok_or_else(|| Error::malformed("it has no header"))?;
    let body_bytes = usize::try_from(message.i64(3)?).map_err(|_| Error::malformed("its body has a negative length"))?;
    let body = body.get(..body_bytes).ok_or_else(|| Error::malformed("its body is cut"))?;
    Ok((header, body))
}

/// Writes the message's own table; where its header is linked.
pub(crate) fn begin(writer: &mut Writer, header: Header, body_bytes: usize) -> usize {
    let body_bytes = i64::try_from(body_bytes).unwrap_or(i64::MAX);
    let written = writer.table(
        Writer::ROOT,
        &[Slot::I16(V5), Slot::U8(header.tag()), Slot::Link, Slot::I64(body_bytes)],
    );
    written.field(2)
}

/// Marker, length and flatbuffer, with room for a body behind them.
pub(crate) fn encapsulate(flatbuffer: &[u8], body_bytes: usize) -> Vec<u8> {
    let whole = (8 + flatbuffer.len()).next_multiple_of(ALIGNMENT);
    let mut bytes = Vec::with_capacity(whole + body_bytes);
    bytes.extend_from_slice(&[0xff; 4]);
    bytes.extend_from_slice(&u32::try_from(whole - 8).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(flatbuffer);
    bytes.resize(whole, 0);
    bytes
}

/// A record batch under way: what its nodes say, and its buffers, which are copied once, into the message.
#[derive(Default)]
pub(crate) struct Parts<'a> {
    /// Length and number of nulls of each field.
    pub(crate) nodes: Vec<(usize, usize)>,
    /// In the order of the fields.
    pub(crate) buffers: Vec<Cow<'a, [u8]>>,
}

impl Parts<'_> {
    /// The encapsulated record-batch message.
    pub(crate) fn message(&self, rows: usize) -> Vec<u8> {
        let mut places = Vec::with_capacity(self.buffers.len());
        let mut end = 0_usize;
        for buffer in &self.buffers {
            places.push((end, buffer.len()));
            end = (end + buffer.len()).next_multiple_of(ALIGNMENT);
        }
        let mut writer = Writer::new();
        let header = begin(&mut writer, Header::RecordBatch, end);
        let written = writer.table(
            header,
            &[Slot::I64(i64::try_from(rows).unwrap_or(i64::MAX)), Slot::Link, Slot::Link],
        );
        writer.pairs(written.field(1), &self.nodes);
        writer.pairs(written.field(2), &places);
        let mut bytes = encapsulate(&writer.finish(), end);
        for buffer in &self.buffers {
            bytes.extend_from_slice(buffer);
            // The message's head is a multiple of the alignment too.
            bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        }
        bytes
    }
}
