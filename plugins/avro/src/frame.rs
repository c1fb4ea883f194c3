//! What stands around a record's bytes: Confluent's header, or a container file.

use rowmill_sdk::json::Cursor;

use crate::datum::{self, LONG_BYTES};

/// Around one record.
#[derive(Debug, Clone)]
pub(crate) enum Frame {
    /// A zero byte and the schema's id, the highest byte first.
    Registry([u8; 5]),
    /// A file's header, and the sync marker that ends its only block.
    Embedded { header: Vec<u8>, sync: [u8; 16] },
}

impl Frame {
    pub(crate) fn registry(id: u32) -> Self {
        let [a, b, c, d] = id.to_be_bytes();
        Self::Registry([0, a, b, c, d])
    }

    /// The same bytes for the same schema.
    pub(crate) fn embedded(schema: &str) -> Self {
        let mut sync = [0; 16];
        for (byte, digit) in sync.iter_mut().zip(crate::schema::fingerprint(schema).bytes()) {
            *byte = digit;
        }
        let mut header = b"Obj\x01".to_vec();
        // A map of two entries, and the empty block that ends it.
        header.push(4);
        for (name, value) in [("avro.codec", "null"), ("avro.schema", schema)] {
            header.extend(datum::text(name.as_bytes()));
            header.extend(datum::text(value.as_bytes()));
        }
        header.push(0);
        header.extend(sync);
        Self::Embedded { header, sync }
    }

    /// Bytes beside those of the record.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Registry(header) => header.len(),
            Self::Embedded { header, sync } => header.len() + sync.len() + 2 * LONG_BYTES,
        }
    }

    /// Writes the frame around what `fill` writes, at most `worst` bytes.
    #[inline(always)]
    pub(crate) fn write<'c>(&self, cursor: Cursor<'c>, worst: usize, fill: impl for<'f> FnOnce(Cursor<'f>) -> Cursor<'f>) -> Cursor<'c> {
        match self {
            Self::Registry(header) => fill(cursor.raw(header)),
            Self::Embedded { header, sync } => {
                // A block's length stands before it.
                let mut record = Vec::new();
                rowmill_sdk::json::write(&mut record, worst, |cursor| (fill(cursor), ()));
                datum::bytes(datum::long(cursor.raw(header), 1), &record).raw(sync)
            }
        }
    }
}
