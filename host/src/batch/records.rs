//! What an encoder handed over in one call, checked: Kafka records as columns over one buffer.

use std::sync::Arc;

/// One record's key and value: `None` for no key, and for the null value of a tombstone.
pub type Entry<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// Records in order. Lists hold one entry a record unless they say otherwise. Whoever makes one has checked that all
/// bounds ascend and lie in their data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// Row of the batch that each record was made of.
    pub rows: Vec<u32>,
    /// Column `seq` of that batch; none of what is not about rows.
    pub sequences: Option<Arc<[u64]>>,
}

impl Records {
    /// Number of records.
    pub fn len(&self) -> usize {
        self.flags.len()
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        let lists = self.len() * (size_of::<u16>() + size_of::<i32>() + size_of::<i64>() + size_of::<u32>() + 1);
        let offsets = (self.bounds.len() + self.header_ends.len() + self.header_bounds.len()) * size_of::<u32>();
        self.data.capacity() + self.header_data.capacity() + lists + offsets
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }

    /// Sequence number of the row that record `i` was made of; none past the end, and of what is not about rows.
    pub fn sequence(&self, i: usize) -> Option<u64> {
        let row = usize::try_from(*self.rows.get(i)?).ok()?;
        self.sequences.as_ref()?.get(row).copied()
    }

    /// The same without the records that `keep` says no to, by their index. Copies what is left: for the rare case only.
    pub fn filtered(&self, keep: impl Fn(usize) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.len()).filter(|i| keep(*i)).collect();
        let mut left = Self {
            topic_names: self.topic_names.clone(),
            topics: pick(&self.topics, &kept),
            partitions: pick(&self.partitions, &kept),
            timestamps: pick(&self.timestamps, &kept),
            flags: pick(&self.flags, &kept),
            rows: pick(&self.rows, &kept),
            sequences: self.sequences.clone(),
            bounds: vec![0],
            ..Self::default()
        };
        for i in &kept {
            for at in [2 * i, 2 * i + 1] {
                append(&self.bounds, at, &self.data, &mut left.bounds, &mut left.data);
            }
        }
        if !self.header_ends.is_empty() {
            left.header_bounds.push(0);
            for i in &kept {
                for header in self.headers_of(*i) {
                    for at in [2 * header, 2 * header + 1] {
                        append(
                            &self.header_bounds,
                            at,
                            &self.header_data,
                            &mut left.header_bounds,
                            &mut left.header_data,
                        );
                    }
                }
                let ends = left.header_bounds.len() / 2;
                left.header_ends.push(u32::try_from(ends).unwrap_or(u32::MAX));
            }
        }
        left
    }

    /// Numbers of the headers of record `i`.
    fn headers_of(&self, i: usize) -> std::ops::Range<usize> {
        let end = |i: usize| self.header_ends.get(i).and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
        i.checked_sub(1).map_or(0, end)..end(i)
    }

    /// Names and values of record `i`'s headers, in order.
    pub fn headers(&self, i: usize) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers_of(i).map_while(|header| {
            let bound = |n: usize| {
                self.header_bounds
                    .get(2 * header + n)
                    .and_then(|bound| usize::try_from(*bound).ok())
            };
            let (name, value, next) = (bound(0)?, bound(1)?, bound(2)?);
            Some((self.header_data.get(name..value)?, self.header_data.get(value..next)?))
        })
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

/// The entries at these indices.
fn pick<T: Copy>(list: &[T], at: &[usize]) -> Vec<T> {
    at.iter().filter_map(|i| list.get(*i).copied()).collect()
}

/// Appends the piece of `data` between the bounds `at` and `at + 1`.
fn append(bounds: &[u32], at: usize, data: &[u8], to_bounds: &mut Vec<u32>, to: &mut Vec<u8>) {
    let bound = |at: usize| bounds.get(at).and_then(|bound| usize::try_from(*bound).ok()).unwrap_or(0);
    to.extend_from_slice(data.get(bound(at)..bound(at + 1)).unwrap_or_default());
    to_bounds.push(u32::try_from(to.len()).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_filtered_records_is_as_it_was() {
        let records = Records {
            topic_names: vec![Arc::from("t")],
            topics: vec![0; 3],
            partitions: vec![-1, 2, -1],
            timestamps: vec![1, 2, 3],
            flags: vec![0, 1, 0],
            bounds: vec![0, 1, 3, 3, 6, 7, 9],
            header_ends: vec![1, 1, 2],
            header_bounds: vec![0, 1, 2, 3, 5],
            header_data: b"aAbBB".to_vec(),
            data: b"kv1v22Kv3".to_vec(),
            rows: vec![0, 0, 1],
            sequences: Some(Arc::from([10, 11])),
        };
        let left = records.filtered(|i| i != 0);
        assert_eq!(left.entry(0), Some((None, Some(&b"v22"[..]))));
        assert_eq!(left.entry(1), Some((Some(&b"K"[..]), Some(&b"v3"[..]))));
        assert_eq!((left.sequence(0), left.sequence(1), left.sequence(2)), (Some(10), Some(11), None));
        assert_eq!((left.header_ends, left.header_bounds), (vec![0, 1], vec![0, 1, 3]));
        assert_eq!((left.header_data.as_slice(), left.partitions), (&b"bBB"[..], vec![2, -1]));
    }
}
