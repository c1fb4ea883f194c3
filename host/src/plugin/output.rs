//! `output.emit`: looks at a guest's lists where they lie in its memory, checks every number, copies them out once.
//!
//! The check itself is plain Rust over slices, so that it is tested and fuzzed without any WebAssembly.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{Int64Type, UInt64Type};
use arrow::record_batch::RecordBatch;

use super::error::{Malformed, Untaken, clipped, malformed};
use crate::batch::Records;

/// Topic names in one hand-over.
const MAX_TOPICS: usize = 1024;

/// Bits of a record's flags that mean something.
const KNOWN_FLAGS: u8 = 0b11;

/// What a record looks like that costs its bookkeeping only: row, topic, partition, timestamp, flags, bounds.
const RECORD_OVERHEAD: usize = 32;

/// What the host knows of the call that hands over, and what it was handed so far.
#[derive(Debug)]
pub(super) struct Call {
    /// Whether anything may be handed over now.
    pub open: bool,
    /// Rows of the batch; 1 stands for a control event, whose records all name row 0.
    pub rows: u32,
    /// Event time of each row, or of the control event.
    pub times: Times,
    /// Column `seq` of the batch; none of a control event.
    pub sequences: Option<Arc<[u64]>>,
    /// The topic that the empty name means.
    pub own: Option<Arc<str>>,
    /// Topics that records may go to.
    pub known: Arc<BTreeSet<Arc<str>>>,
    /// Bytes that one call may hand over in all.
    pub max_bytes: usize,
    /// Bytes taken so far.
    pub bytes: usize,
    /// Row of the last record taken: rows ascend across hand-overs.
    pub last_row: u32,
    /// Held until the call returns, so that a call that fails has delivered nothing and may be tried again.
    pub taken: Vec<Records>,
}

impl Call {
    /// No call: whatever is handed over is refused.
    pub(super) fn closed() -> Self {
        Self {
            open: false,
            rows: 0,
            times: Times::One(0),
            sequences: None,
            own: None,
            known: Arc::default(),
            max_bytes: 0,
            bytes: 0,
            last_row: 0,
            taken: Vec::new(),
        }
    }

    /// A call over one batch, or about one of which only the topic is known.
    pub(super) fn for_batch(rows: &RecordBatch, own: &Arc<str>, known: &Arc<BTreeSet<Arc<str>>>, max_bytes: usize) -> Self {
        let times = rows
            .column_by_name("ts")
            .and_then(|ts| ts.as_primitive_opt::<Int64Type>())
            .cloned()
            .map_or(Times::One(0), Times::Rows);
        Self {
            open: true,
            rows: u32::try_from(rows.num_rows()).unwrap_or(u32::MAX),
            times,
            sequences: sequences(rows),
            own: Some(Arc::clone(own)),
            known: Arc::clone(known),
            max_bytes,
            ..Self::closed()
        }
    }

    /// A call about a control event or a flush: every record names row 0 and takes `ms` where it gives no timestamp.
    pub(super) fn for_event(ms: i64, own: Option<Arc<str>>, known: &Arc<BTreeSet<Arc<str>>>, max_bytes: usize) -> Self {
        Self {
            open: true,
            rows: 1,
            times: Times::One(ms),
            own,
            known: Arc::clone(known),
            max_bytes,
            ..Self::closed()
        }
    }

    /// Checks one hand-over and keeps a copy of it.
    pub(super) fn take(&mut self, handed: &Handed<'_>) -> Result<(), Untaken> {
        let bytes = handed.bytes();
        let all = self.bytes.saturating_add(bytes);
        if all > self.max_bytes {
            let last = handed.rows.last().map_or(0, |row| u32::from_le(*row)).min(self.rows);
            let rows = usize::try_from(last).unwrap_or(usize::MAX).saturating_add(1);
            return Err(Untaken::TooMuch {
                most: self.max_bytes,
                rows: share(rows, self.max_bytes, all),
            });
        }
        let records = self.check(handed)?;
        self.bytes += bytes;
        if let Some(row) = handed.rows.last() {
            self.last_row = u32::from_le(*row);
        }
        if !records.is_empty() {
            self.taken.push(records);
        }
        Ok(())
    }

    /// The same records, checked, with defaults filled in.
    pub(super) fn check(&self, handed: &Handed<'_>) -> Result<Records, Malformed> {
        if !self.open {
            return Err(malformed!("records outside of encode, control and flush"));
        }
        let count = handed.rows.len();
        if count == 0 {
            return Ok(Records::default());
        }
        self.check_rows(handed.rows)?;
        let (topic_names, topics) = self.topics(handed, count)?;
        let partitions = one_each("partitions", handed.partitions, count, i32::from_le, || -1)?;
        if let Some(partition) = partitions.iter().find(|p| **p < -1) {
            return Err(malformed!("partition {partition}; -1 is the lowest, and hashes the key"));
        }
        let flags = one_each("flags", handed.flags, count, u8::from_le, || 0)?;
        if let Some(flag) = flags.iter().find(|f| **f & !KNOWN_FLAGS != 0) {
            return Err(malformed!("flags {flag:#010b}; bits 0 and 1 are defined"));
        }
        let bounds = bounds("bounds", handed.bounds, count, handed.data.len())?;
        let (header_ends, header_bounds) = headers(handed, count)?;
        Ok(Records {
            timestamps: self.timestamps(handed, count)?,
            topic_names,
            topics,
            partitions,
            flags,
            bounds,
            header_data: if header_ends.is_empty() {
                Vec::new()
            } else {
                handed.header_data.to_vec()
            },
            header_ends,
            header_bounds,
            data: handed.data.to_vec(),
            rows: handed.rows.iter().map(|row| u32::from_le(*row)).collect(),
            sequences: self.sequences.clone(),
        })
    }

    fn check_rows(&self, rows: &[u32]) -> Result<(), Malformed> {
        let mut last = self.last_row;
        let mut ascending = true;
        for row in rows {
            let row = u32::from_le(*row);
            ascending &= row >= last;
            last = row;
        }
        if !ascending {
            return Err(malformed!("rows that do not ascend"));
        }
        if last >= self.rows {
            return Err(malformed!("row {last} of a batch with {} rows", self.rows));
        }
        Ok(())
    }

    fn topics(&self, handed: &Handed<'_>, count: usize) -> Result<(Vec<Arc<str>>, Vec<u16>), Malformed> {
        let own = || {
            self.own
                .clone()
                .ok_or_else(|| malformed!("the empty topic name where no table, and so no topic, is meant"))
        };
        if handed.topics.is_empty() {
            return Ok((vec![own()?], vec![0; count]));
        }
        if handed.topic_names.len() > MAX_TOPICS {
            return Err(malformed!("{} topic names; {MAX_TOPICS} are allowed", handed.topic_names.len()));
        }
        let topics = one_each("topics", handed.topics, count, u16::from_le, || 0)?;
        let mut names: Vec<Option<Arc<str>>> = Vec::with_capacity(handed.topic_names.len());
        for name in handed.topic_names {
            names.push(match name.as_str() {
                "" => self.own.clone(),
                name => match self.known.get(name) {
                    Some(known) => Some(Arc::clone(known)),
                    None => return Err(malformed!("topic {:?}, which is not one of this connector", clipped(name))),
                },
            });
        }
        // A list may begin with the empty name out of habit; only a record that goes there needs the table's own topic.
        if topics.iter().any(|topic| matches!(names.get(usize::from(*topic)), Some(None))) {
            own()?;
        }
        let unused = names.iter().flatten().next().cloned();
        let names: Vec<Arc<str>> = names.into_iter().filter_map(|name| name.or_else(|| unused.clone())).collect();
        match topics.iter().max() {
            Some(top) if usize::from(*top) >= names.len() => Err(malformed!("topic index {top} into {} topic names", names.len())),
            _ => Ok((names, topics)),
        }
    }

    fn timestamps(&self, handed: &Handed<'_>, count: usize) -> Result<Vec<i64>, Malformed> {
        if !handed.timestamps.is_empty() {
            let given = one_each("timestamps", handed.timestamps, count, i64::from_le, || 0)?;
            return match given.iter().find(|ms| **ms < 0) {
                Some(ms) => Err(malformed!("timestamp {ms}, which is before 1970")),
                None => Ok(given),
            };
        }
        match &self.times {
            Times::One(ms) => Ok(vec![*ms; count]),
            Times::Rows(times) => {
                let times = times.values();
                let row = |row: &u32| usize::try_from(u32::from_le(*row)).ok().and_then(|row| times.get(row)).copied();
                let found: Option<Vec<i64>> = handed.rows.iter().map(row).collect();
                found.ok_or_else(|| malformed!("a row without a timestamp"))
            }
        }
    }
}

/// Of how many rows `most` bytes come, where `bytes` come of `rows`.
pub(super) fn share(rows: usize, most: usize, bytes: usize) -> usize {
    let share =
        (u128::try_from(rows).unwrap_or(0)).saturating_mul(u128::try_from(most).unwrap_or(0)) / u128::try_from(bytes.max(1)).unwrap_or(1);
    usize::try_from(share).unwrap_or(rows)
}

/// Column `seq` of a batch, copied: a transform's batch lies in one piece, which would be kept for as long as its records.
fn sequences(rows: &RecordBatch) -> Option<Arc<[u64]>> {
    let seq = rows.column_by_name("seq")?.as_primitive_opt::<UInt64Type>()?;
    Some(Arc::from(&**seq.values()))
}

/// Where default timestamps come from, in milliseconds.
#[derive(Debug, Clone)]
pub(super) enum Times {
    /// Column `ts` of the batch.
    Rows(Int64Array),
    /// A control event's.
    One(i64),
}

/// The lists of one `output.emit`, as they lie in the guest's memory: little-endian, any content.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Handed<'a> {
    pub rows: &'a [u32],
    pub topics: &'a [u16],
    pub topic_names: &'a [String],
    pub partitions: &'a [i32],
    pub timestamps: &'a [i64],
    pub flags: &'a [u8],
    pub bounds: &'a [u32],
    pub header_ends: &'a [u32],
    pub header_bounds: &'a [u32],
    pub header_data: &'a [u8],
    pub data: &'a [u8],
}

impl Handed<'_> {
    /// What a copy takes, about.
    fn bytes(&self) -> usize {
        self.data.len() + self.header_data.len() + 8 * self.header_bounds.len() + RECORD_OVERHEAD * self.rows.len()
    }
}

/// A list with one entry a record, or its default throughout where it is empty.
fn one_each<T: Copy>(name: &str, list: &[T], count: usize, from_le: impl Fn(T) -> T, default: impl Fn() -> T) -> Result<Vec<T>, Malformed> {
    if list.is_empty() {
        return Ok(vec![default(); count]);
    }
    if list.len() != count {
        return Err(malformed!("{} {name} for {count} records", list.len()));
    }
    Ok(list.iter().map(|value| from_le(*value)).collect())
}

/// 2n + 1 ascending offsets, the last within `data`.
fn bounds(name: &str, list: &[u32], count: usize, data: usize) -> Result<Vec<u32>, Malformed> {
    if list.len() != 2 * count + 1 {
        return Err(malformed!("{} {name} where {} entries need {}", list.len(), count, 2 * count + 1));
    }
    let list: Vec<u32> = list.iter().map(|bound| u32::from_le(*bound)).collect();
    let ascending = list.iter().zip(list.iter().skip(1)).fold(true, |so_far, (a, b)| so_far & (a <= b));
    if !ascending {
        return Err(malformed!("{name} that do not ascend"));
    }
    match list.last().map(|last| usize::try_from(*last)) {
        Some(Ok(last)) if last <= data => Ok(list),
        _ => Err(malformed!("{name} that reach beyond their {data} bytes of data")),
    }
}

/// Headers up to each record, and their bounds; both empty where no record has one.
fn headers(handed: &Handed<'_>, count: usize) -> Result<(Vec<u32>, Vec<u32>), Malformed> {
    if handed.header_ends.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let ends = one_each("header-ends", handed.header_ends, count, u32::from_le, || 0)?;
    if !ends.is_sorted() {
        return Err(malformed!("header-ends that do not ascend"));
    }
    let total = ends.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
    // The list's own length bounds the count before anything is multiplied or reserved.
    if total > handed.header_bounds.len() {
        return Err(malformed!("{total} headers with {} header-bounds", handed.header_bounds.len()));
    }
    if total == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    let bounds = bounds("header-bounds", handed.header_bounds, total, handed.header_data.len())?;
    for pair in bounds.windows(2).step_by(2) {
        let name = match pair {
            [start, end] => usize::try_from(*start).ok().zip(usize::try_from(*end).ok()),
            _ => None,
        };
        let name = name.and_then(|(start, end)| handed.header_data.get(start..end)).unwrap_or_default();
        if name.is_empty() || std::str::from_utf8(name).is_err() {
            return Err(malformed!("a header name that is empty or not UTF-8"));
        }
    }
    Ok((ends, bounds))
}
