//! What lies between two commits, counted by batches, so that metrics tell of it once it is committed, and only then.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::{Int64Type, UInt8Type};

use super::counters::Counters;
use crate::batch::{Batch, OF_SNAPSHOT, Records};
use crate::position::Position;

/// Values of the label `op`; the first three as column `op` numbers them, from 1.
const OPS: [&str; 4] = ["insert", "update", "delete", "snapshot"];

/// Rows and records since the last commit.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By the table's version: its name (`database.table`), and rows of each of `OPS`.
    rows: HashMap<u32, (Box<str>, [u64; 4])>,
    records: HashMap<Arc<str>, u64>,
    /// Of each batch, the time of its oldest change.
    oldest_ms: Vec<i64>,
}

impl Tally {
    /// A batch went through the plugins.
    pub(super) fn batch(&mut self, batch: &Batch) {
        let (_, counts) = self
            .rows
            .entry(batch.table.version)
            .or_insert_with(|| (format!("{}.{}", batch.table.database, batch.table.name).into(), [0; 4]));
        let column = |name| batch.rows.column_by_name(name);
        let bytes = |name| column(name).and_then(|column| column.as_primitive_opt::<UInt8Type>());
        let times = column("ts").and_then(|column| column.as_primitive_opt::<Int64Type>());
        let (Some(ops), Some(flags), Some(times)) = (bytes("op"), bytes("flags"), times) else {
            return;
        };
        let mut oldest = i64::MAX;
        for ((op, flags), ts) in ops.values().iter().zip(flags.values()).zip(times.values()) {
            let is_copied = flags & OF_SNAPSHOT != 0;
            let kind = if is_copied { 3 } else { usize::from(op.wrapping_sub(1)) };
            if let Some(count) = counts.get_mut(kind) {
                *count += 1;
            }
            oldest = if is_copied { oldest } else { oldest.min(*ts) };
        }
        if oldest != i64::MAX {
            self.oldest_ms.push(oldest);
        }
    }

    /// The sink took records over.
    pub(super) fn records(&mut self, records: &Records) {
        let mut counts = vec![0_u64; records.topic_names.len()];
        for topic in &records.topics {
            if let Some(count) = counts.get_mut(usize::from(*topic)) {
                *count += 1;
            }
        }
        for (name, count) in records.topic_names.iter().zip(counts).filter(|(_, count)| *count > 0) {
            *self.records.entry(Arc::clone(name)).or_default() += count;
        }
    }

    /// What another one counted, too.
    fn absorb(&mut self, other: Self) {
        for (version, (name, counts)) in other.rows {
            let (_, sums) = self.rows.entry(version).or_insert((name, [0; 4]));
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        for (topic, records) in other.records {
            *self.records.entry(topic).or_default() += records;
        }
        self.oldest_ms.extend(other.oldest_ms);
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.records.is_empty()
    }

    fn tell(self, counters: &Counters) {
        let meter = counters.meter();
        for (name, counts) in self.rows.into_values() {
            for (op, rows) in OPS.iter().zip(counts).filter(|(_, rows)| *rows > 0) {
                meter.rows(&name, op, rows);
            }
        }
        self.records.iter().for_each(|(topic, records)| meter.records(topic, *records));
        self.oldest_ms.into_iter().for_each(|ms| meter.fresh(ms));
    }
}

/// A commit that was asked for.
#[derive(Debug)]
struct Asked {
    number: u64,
    tally: Tally,
    position: Position,
    /// Commit points in it that began with a change.
    begun: usize,
}

/// Commits that were asked for and are not durable yet, and what was written since the last of them.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    open: Tally,
    begun: usize,
    asked: VecDeque<Asked>,
}

impl Ledger {
    /// The sink took records over.
    pub(super) fn records(&mut self, records: &Records) {
        self.open.records(records);
    }

    /// A dead letter was written to this topic.
    pub(super) fn letter(&mut self, topic: &Arc<str>) {
        *self.open.records.entry(Arc::clone(topic)).or_default() += 1;
    }

    /// A commit is left to the next one: what `milled` says of rows is a part of that. `has_changes`: a change began it.
    pub(super) fn leave(&mut self, milled: Tally, has_changes: bool) {
        self.open.absorb(milled);
        self.begun += usize::from(has_changes);
    }

    /// A commit was asked for, of what was written and of what `milled` says of rows.
    pub(super) fn ask(&mut self, number: u64, milled: Tally, position: Position, has_changes: bool) {
        self.leave(milled, has_changes);
        self.asked.push_back(Asked {
            number,
            tally: std::mem::take(&mut self.open),
            position,
            begun: std::mem::take(&mut self.begun),
        });
    }

    /// All commits up to this number are durable: tells of them.
    pub(super) fn durable(&mut self, number: u64, counters: &Counters) {
        while let Some(asked) = self.asked.pop_front_if(|asked| asked.number <= number) {
            counters.meter().transaction("committed");
            (0..asked.begun).for_each(|_| counters.meter().end_commit());
            asked.tally.tell(counters);
            counters.committed(1);
            counters.reached(asked.position);
        }
    }

    /// What was not committed never will be by this attempt.
    pub(super) fn give_up(&self, counters: &Counters) {
        if !self.open.is_empty() || !self.asked.is_empty() {
            counters.meter().transaction("aborted");
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::metrics::{Format, Metrics};
    use crate::pipeline::Monitor;

    fn records(topic: &str, count: usize) -> Records {
        Records {
            topic_names: vec![Arc::from(topic)],
            topics: vec![0; count],
            flags: vec![0; count],
            ..Records::default()
        }
    }

    #[test]
    fn records_count_once_they_are_committed_and_not_before() {
        let config = crate::config::parse(
            "name = \"c\"\n[source]\nuser = \"u\"\ndatabase = \"d\"\ntables = \"t\"",
            &crate::config::Surroundings::of_process(std::path::Path::new("")),
        );
        let metrics = Metrics::new();
        let monitor = Monitor::new(&config.unwrap(), &metrics);
        let counters = Counters::of(&monitor);
        let mut ledger = Ledger::default();
        let told = |series: &str| {
            let text = metrics.text(Format::Prometheus);
            text.lines()
                .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse::<u64>().ok())
        };
        let of_topic = r#"rowmill_records_total{connector="c",topic="t"}"#;
        let place = |pos| Position {
            file: "log.1".to_owned(),
            pos,
            gtid: None,
        };
        ledger.records(&records("t", 3));
        ledger.leave(Tally::default(), true);
        ledger.records(&records("t", 1));
        ledger.ask(1, Tally::default(), place(10), true);
        ledger.records(&records("t", 2));
        ledger.durable(0, &counters);
        assert_eq!((told(of_topic), monitor.status().position), (None, None));
        ledger.durable(1, &counters);
        assert_eq!((told(of_topic), monitor.status().position), (Some(4), Some(place(10))));
        ledger.give_up(&counters);
        assert_eq!(told(r#"rowmill_transactions_total{connector="c",result="aborted"}"#), Some(1));
        assert_eq!(told(r#"rowmill_transactions_total{connector="c",result="committed"}"#), Some(1));
    }
}
