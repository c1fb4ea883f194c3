//! Arrow's encapsulated message: a marker, a length, a flatbuffer and a body.

use crate::Error;
use crate::flatbuffer::{Table, read};

/// The kinds of message that cross.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    Schema,
    RecordBatch,
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
    let tag = match wanted {
        Header::Schema => 1,
        Header::RecordBatch => 3,
    };
    if message.u8(1)? != tag {
        return Err(Error::malformed("it is not of the kind that the call takes"));
    }
    let header = message.table(2)?.ok_or_else(|| Error::malformed("it has no header"))?;
    let body_bytes = usize::try_from(message.i64(3)?).map_err(|_| Error::malformed("its body has a negative length"))?;
    let body = body.get(..body_bytes).ok_or_else(|| Error::malformed("its body is cut"))?;
    Ok((header, body))
}
