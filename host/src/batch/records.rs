//! What an encoder handed over in one call, checked: Kafka records as columns over one buffer.

use std::sync::Arc;

/// One record's key and value: `None` for no key, and for the null value of a tombstone.
pub type Entry<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// Records in order. Lists hold one entry a record unless they say otherwise. Whoever makes one has checked that all
/// bounds ascend and lie in their data.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// Topics that `topics` points into.
    pub topic_names: Vec<Arc<str>>,
    /// Index into `topic_names`.
    pub topics: Vec<u16>,
    /// Partition, or -1: murmur2 of the key; without a key partition 0.
    pub partitions: Vec<i32>,
    /// Milliseconds since 1970-01-01T00:00Z.
    pub timestamps: Vec<i64>,
    /// Bit 0: no key. Bit 1: null value.
    pub flags: Vec<u8>,
    /// 2n + 1 offsets into `data`: key, value, key, value, …
    pub bounds: Vec<u32>,
    /// Headers up to and with each record; empty: no headers at all.
    pub header_ends: Vec<u32>,
    /// 2h + 1 offsets into `header_data`: name, value, name, value, …
    pub header_bounds: Vec<u32>,
    /// Names and values of headers.
    pub header_data: Vec<u8>,
    /// Keys and values.
    pub data: Vec<u8>,
}

impl Records {
    /// Number of records.
    pub fn len(&self) -> usize {
        self.flags.len()
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        let lists = self.len() * (size_of::<u16>() + size_of::<i32>() + size_of::<i64>() + 1);
        let offsets = (self.bounds.len() + self.header_ends.len() + self.header_bounds.len()) * size_of::<u32>();
        self.data.capacity() + self.header_data.capacity() + lists + offsets
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }

    /// Key and value of record `i`; `None` past the end.
    pub fn entry(&self, i: usize) -> Option<Entry<'_>> {
        let flags = *self.flags.get(i)?;
        let bound = |at: usize| self.bounds.get(at).and_then(|b| usize::try_from(*b).ok());
        let (start, middle, end) = (bound(2 * i)?, bound(2 * i + 1)?, bound(2 * i + 2)?);
        let key = if flags & 1 == 0 {
            Some(self.data.get(start..middle)?)
        } else {
            None
        };
        let value = if flags & 2 == 0 { Some(self.data.get(middle..end)?) } else { None };
        Some((key, value))
    }
}
