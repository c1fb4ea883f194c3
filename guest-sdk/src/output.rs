//! Where an encoder puts its records: columns over one buffer, handed to the host a quarter of a megabyte at a time.

use crate::Error;
use crate::json::{self, Cursor};

/// From this many bytes on, what is there is handed over: enough to make the call's own cost vanish, little enough to lie in
/// the processor's second-level cache still when the host copies it.
const HAND_OVER_BYTES: usize = 256 << 10;

/// A buffer that one large record has grown past this is given back.
const KEPT_BYTES: usize = 4 << 20;

/// A record that may take more gets a hand-over of its own, so that offsets stay within 32 bits.
const HUGE_BYTES: usize = 1 << 30;

/// Partition that tells the host to hash the key.
const HASHED: i32 = -1;

/// One hand-over: the lists of `output.emit` in the WIT file. A list that may be empty there may be empty here.
///
/// ```
/// use rowmill_sdk::{HandOver, Output, Record};
/// /// The values of a hand-over's records.
/// fn values(records: &HandOver) -> Vec<&[u8]> {
///     let bounds = records.bounds.as_chunks::<2>().0.iter().zip(records.bounds.iter().skip(2).step_by(2));
///     bounds.map(|([_, start], end)| &records.data[*start as usize..*end as usize]).collect()
/// }
/// let mut output = Output::new(Box::new(|records| {
///     assert!(records.len() == 2 && !records.is_empty());
///     assert_eq!(values(records), [&b"one"[..], b"two"]);
/// }));
/// output.put(Record::default(), Some(b"key"), Some(b"one"));
/// output.put(Record::default(), Some(b"key"), Some(b"two"));
/// output.hand_over();
/// ```
#[derive(Debug, Default)]
pub struct HandOver {
    /// Row of the batch that each record comes from; 0 for a control event.
    pub rows: Vec<u32>,
    /// Index into `topic_names`; empty: the table's own topic for all.
    pub topics: Vec<u16>,
    /// Full names of topics; the empty name is the table's own topic.
    pub topic_names: Vec<String>,
    /// Partition, or -1 to hash the key; empty: -1 for all.
    pub partitions: Vec<i32>,
    /// Milliseconds since 1970-01-01T00:00Z; empty: the row's `ts` for all.
    pub timestamps: Vec<i64>,
    /// Bit 0: no key; bit 1: null value; empty: 0 for all.
    pub flags: Vec<u8>,
    /// 2n + 1 offsets into `data`: key, value, key, value, …
    pub bounds: Vec<u32>,
    /// Number of headers up to and with each record; empty: no headers.
    pub header_ends: Vec<u32>,
    /// 2h + 1 offsets into `header_data`: name, value, …
    pub header_bounds: Vec<u32>,
    /// Names and values of headers.
    pub header_data: Vec<u8>,
    /// Keys and values.
    pub data: Vec<u8>,
}

impl HandOver {
    /// Number of records ([example](Self)).
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no record ([example](Self)).
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn clear(&mut self) {
        for list in [&mut self.rows, &mut self.bounds, &mut self.header_ends, &mut self.header_bounds] {
            list.clear();
        }
        self.topics.clear();
        self.partitions.clear();
        self.timestamps.clear();
        self.flags.clear();
        self.header_data.clear();
        self.data.clear();
        if self.data.capacity() > KEPT_BYTES {
            self.data = Vec::new();
        }
    }
}

/// What a record is besides its bytes.
///
/// ```
/// use rowmill_sdk::{Output, Record};
/// let mut output = Output::new(Box::new(|records| {
///     assert_eq!((records.rows.as_slice(), records.partitions.as_slice()), (&[7, 8][..], &[-1, 3][..]));
///     assert_eq!(records.timestamps, [1_614_748_870_000; 2]);
/// }));
/// // Of all that is not said the default is right.
/// let record = |row| Record { row, timestamp: Some(1_614_748_870_000), ..Record::default() };
/// output.put(record(7), Some(b"k"), Some(b"v"));
/// output.put(Record { partition: Some(3), ..record(8) }, Some(b"k"), Some(b"v"));
/// output.hand_over();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Record {
    /// Row of the batch that it comes from; 0 for a control event.
    pub row: usize,
    /// What `Output::topic` gave; the default is the table's own topic.
    pub topic: u16,
    /// A partition; none hashes the key, and without a key it is partition 0.
    pub partition: Option<i32>,
    /// Milliseconds since 1970-01-01T00:00Z; none: the row's `ts`.
    pub timestamp: Option<i64>,
}

/// Marks where the key ends while a record is written ([example](Output)).
#[derive(Debug, Clone, Copy)]
pub enum Key {
    /// The record has none.
    None,
    /// It ends at this `Cursor::position`.
    Ends(usize),
}

/// Takes what is handed over ([example](Output)).
pub type Sink = Box<dyn FnMut(&HandOver)>;

/// An encoder's output. Buffers are kept from one batch to the next.
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use rowmill_sdk::{Key, Output, Record, Sink};
/// let data = Rc::new(RefCell::new(Vec::new()));
/// let into = Rc::clone(&data);
/// let sink: Sink = Box::new(move |records| {
///     assert_eq!(records.topic_names, ["", "audit"]);
///     assert_eq!((records.topics.as_slice(), records.flags.as_slice()), (&[0, 1, 0][..], &[0, 1, 2][..]));
///     assert_eq!(records.header_data, b"op+");
///     into.borrow_mut().extend_from_slice(&records.data);
/// });
/// let mut output = Output::new(sink);
/// // At most 40 bytes of key and value.
/// output.record(Record::default(), 40, |cursor| {
///     let cursor = cursor.raw(b"id=").unsigned(7);
///     let key = Key::Ends(cursor.position());
///     (cursor.raw(b" is new"), key)
/// });
/// output.header("op", b"+");
/// let topic = output.topic("audit")?;
/// output.record(Record { topic, ..Record::default() }, 40, |cursor| (cursor.raw(b", 7"), Key::None));
/// output.tombstone(Record::default(), b"; id=6");
/// output.hand_over();
/// assert_eq!(data.borrow().as_slice(), b"id=7 is new, 7; id=6");
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
pub struct Output {
    open: HandOver,
    /// No record that is open has more than a row: nothing but `rows` and `bounds` has to be kept.
    all_plain: bool,
    sink: Sink,
}

impl Output {
    /// An output that hands over to `sink` ([example](Self)).
    pub fn new(sink: Sink) -> Self {
        Self {
            open: HandOver {
                topic_names: vec![String::new()],
                ..HandOver::default()
            },
            all_plain: true,
            sink,
        }
    }

    /// Writes one record, at most `worst` bytes of key and value: `fill` writes the key if there is one, notes where it
    /// ends, and goes on with the value ([example](Self)).
    ///
    /// # Panics
    /// Where `fill` writes more than `worst` bytes.
    #[inline(always)]
    pub fn record(&mut self, record: Record, worst: usize, fill: impl for<'a> FnOnce(Cursor<'a>) -> (Cursor<'a>, Key)) {
        if self.open.data.len() >= HAND_OVER_BYTES || worst > HUGE_BYTES {
            self.hand_over();
        }
        let start = self.open.data.len();
        let key = json::write(&mut self.open.data, worst, fill);
        let end = self.open.data.len();
        let key_end = match key {
            Key::None => {
                self.flag(1);
                start
            }
            Key::Ends(at) => at.clamp(start, end),
        };
        self.note(record, key_end, end);
    }

    /// Writes one record of a key, none, and a value; without that it is a tombstone. [`Output::record`] saves the copy.
    ///
    /// ```
    /// use rowmill_sdk::{Output, Record};
    /// let mut output = Output::new(Box::new(|records| assert_eq!((records.len(), records.data.as_slice()), (2, &b"kvk"[..]))));
    /// output.put(Record::default(), Some(b"k"), Some(b"v"));
    /// output.put(Record::default(), Some(b"k"), None);
    /// output.hand_over();
    /// ```
    pub fn put(&mut self, record: Record, key: Option<&[u8]>, value: Option<&[u8]>) {
        let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        if self.open.data.len() >= HAND_OVER_BYTES || bytes > HUGE_BYTES {
            self.hand_over();
        }
        let flags = u8::from(key.is_none()) | if value.is_none() { 2 } else { 0 };
        if flags != 0 {
            self.flag(flags);
        }
        self.open.data.extend_from_slice(key.unwrap_or_default());
        let key_end = self.open.data.len();
        self.open.data.extend_from_slice(value.unwrap_or_default());
        let end = self.open.data.len();
        self.note(record, key_end, end);
    }

    /// Writes a record whose value is null: a tombstone of the key ([example](Self)).
    pub fn tombstone(&mut self, record: Record, key: &[u8]) {
        if self.open.data.len() >= HAND_OVER_BYTES {
            self.hand_over();
        }
        self.flag(2);
        self.open.data.extend_from_slice(key);
        let end = self.open.data.len();
        self.note(record, end, end);
    }

    /// Adds a header to the record that was written last ([example](Self)).
    pub fn header(&mut self, name: &str, value: &[u8]) {
        self.all_plain = false;
        let open = &mut self.open;
        if open.header_bounds.is_empty() {
            open.header_bounds.push(0);
        }
        for part in [name.as_bytes(), value] {
            open.header_data.extend_from_slice(part);
            open.header_bounds.push(narrow(open.header_data.len()));
        }
        let count = narrow(open.header_bounds.len() / 2);
        // Records before the first that has headers have none; every later one starts with those of its predecessor.
        let records = open.rows.len();
        open.header_ends.resize(records, 0);
        if let Some(last) = open.header_ends.last_mut() {
            *last = count;
        }
    }

    /// The number of a topic, by its full name. It holds until the call ends ([example](Self)).
    ///
    /// # Errors
    /// `too-many-topics` past 65,535 in one call.
    pub fn topic(&mut self, name: &str) -> Result<u16, Error> {
        let names = &mut self.open.topic_names;
        let index = names.iter().position(|known| known == name).unwrap_or(names.len());
        let number = u16::try_from(index).map_err(|_| Error::new("too-many-topics", "naming a topic: a call may name 65,535"))?;
        if index == names.len() {
            names.push(name.to_owned());
        }
        Ok(number)
    }

    /// Hands over what is there. The runner does so at the end of every call ([example](Self)).
    #[inline(never)]
    pub fn hand_over(&mut self) {
        if !self.open.is_empty() {
            (self.sink)(&self.open);
        }
        self.clear();
    }

    /// Ends a call: what is there is handed over, or thrown away where the call failed.
    pub(crate) fn end_call(&mut self, succeeded: bool) {
        if succeeded {
            self.hand_over();
        }
        self.clear();
        self.open.topic_names.truncate(1);
    }

    fn clear(&mut self) {
        self.open.clear();
        self.all_plain = true;
    }

    #[inline(always)]
    fn flag(&mut self, flag: u8) {
        self.all_plain = false;
        self.open.flags.resize(self.open.rows.len(), 0);
        self.open.flags.push(flag);
    }

    #[inline(always)]
    fn note(&mut self, record: Record, key_end: usize, end: usize) {
        let open = &mut self.open;
        if open.bounds.is_empty() {
            open.bounds.push(0);
        }
        open.bounds.extend_from_slice(&[narrow(key_end), narrow(end)]);
        let before = open.rows.len();
        open.rows.push(narrow(record.row));
        let is_plain = record.topic == 0 && record.partition.is_none() && record.timestamp.is_none();
        if !(is_plain && self.all_plain) {
            self.note_more(record, before);
        }
    }

    #[inline(never)]
    fn note_more(&mut self, record: Record, before: usize) {
        self.all_plain = false;
        let open = &mut self.open;
        sparse(&mut open.topics, before, record.topic, 0);
        sparse(&mut open.partitions, before, record.partition.unwrap_or(HASHED), HASHED);
        if let Some(timestamp) = record.timestamp {
            // A list is whole or empty: an encoder gives a timestamp to every record of a call or to none.
            open.timestamps.resize(before, timestamp);
            open.timestamps.push(timestamp);
        }
        if !open.flags.is_empty() {
            open.flags.resize(before + 1, 0);
        }
        if let Some(last) = open.header_ends.last().copied() {
            open.header_ends.push(last);
        }
    }
}

/// Adds to a list that stays empty while every entry is the default.
#[inline(always)]
fn sparse<T: Copy + PartialEq>(list: &mut Vec<T>, before: usize, entry: T, default: T) {
    if !list.is_empty() || entry != default {
        list.resize(before, default);
        list.push(entry);
    }
}

#[inline(always)]
fn narrow(number: usize) -> u32 {
    #[expect(
        clippy::as_conversions,
        reason = "hand-overs end far below 4 GiB: `record` begins a new one before"
    )]
    let number = number as u32;
    number
}
