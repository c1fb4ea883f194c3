//! What stands behind a record's images: sequence id, times, op. Most of it changes seldom from row to row, and is rendered only then.

use rowmill_json::{Clock, now};
use rowmill_sdk::json::{Cursor, Part};

use crate::table::{Parts, Verb};

/// The texts, as they were rendered last.
#[derive(Default)]
pub(crate) struct Tails {
    /// From the image to the last digits of the sequence id, behind an `after` that is there and one that is not.
    leads: [Clock<u64>; 2],
    /// From there to the record's end, by verb: of an event's time and its checkpoint's.
    ends: [Clock<(i64, i64)>; 4],
    sequence: Sequence,
    times: (i64, i64),
    /// When the batch is encoded.
    now: i64,
}

impl Tails {
    pub(crate) fn new() -> Self {
        Self {
            now: now(),
            ..Self::default()
        }
    }

    /// Goes to a row.
    #[inline(always)]
    pub(crate) fn go(&mut self, seq: u64, times: (i64, i64)) {
        self.sequence.at(seq);
        self.times = times;
    }

    /// The row's, behind an image that is `after` or one that has none after it.
    #[inline(always)]
    pub(crate) fn get(&mut self, parts: &Parts, verb: Verb, has_after: bool) -> Tail<'_> {
        let [with_after, without] = &mut self.leads;
        let (lead, close) = if has_after {
            (with_after, parts.close_after)
        } else {
            (without, parts.close_before)
        };
        lead.at(self.sequence.high, |high, text| {
            text.extend_from_slice(parts.fragments.get(close).bytes());
            if *high != 0 {
                text.extend_from_slice(high.to_string().as_bytes());
            }
        });
        let [insert, update_before, update_after, delete] = &mut self.ends;
        let end = match verb {
            Verb::Insert => insert,
            Verb::UpdateBefore => update_before,
            Verb::UpdateAfter => update_after,
            Verb::Delete => delete,
        };
        let now = self.now;
        end.at(self.times, |(event, checkpoint), text| {
            let times =
                format!("\",\"timestamp\":{{\"eventTime\":{event},\"systemTime\":{now},\"checkpointTime\":{checkpoint}}},\"op\":\"");
            text.extend_from_slice(times.as_bytes());
            text.extend_from_slice(parts.fragments.get(parts.tail(verb)).bytes());
        });
        Tail {
            lead: lead.part(),
            sequence: &self.sequence,
            end: end.part(),
        }
    }
}

/// What stands behind the images of one record.
pub(crate) struct Tail<'a> {
    lead: Part<'a>,
    sequence: &'a Sequence,
    end: Part<'a>,
}

impl Tail<'_> {
    #[inline(always)]
    pub(crate) fn write<'c>(&self, cursor: Cursor<'c>) -> Cursor<'c> {
        self.sequence.write_low(cursor.part(self.lead)).part(self.end)
    }
}

/// The sequence id as text: its last eight digits change from row to row, the rest seldom does.
#[derive(Default)]
struct Sequence {
    high: u64,
    low: u64,
}

/// What the last eight digits count to.
const LOW: u64 = 100_000_000;

impl Sequence {
    #[inline(always)]
    fn at(&mut self, seq: u64) {
        let low = seq.wrapping_sub(self.high.wrapping_mul(LOW));
        if low < LOW {
            self.low = low;
        } else {
            (self.high, self.low) = (seq / LOW, seq % LOW);
        }
    }

    /// Writes what comes behind `high`, which is not written where it is 0.
    #[inline(always)]
    fn write_low<'c>(&self, cursor: Cursor<'c>) -> Cursor<'c> {
        if self.high == 0 {
            cursor.unsigned(self.low)
        } else {
            cursor.digits(self.low, 8)
        }
    }
}
