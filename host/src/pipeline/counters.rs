//! What a run has done so far, counted by the stages for the log and the demo's summary.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::letters::{Letter, Notices};
use crate::config::OnError;

/// Totals since the start of the process.
#[derive(Debug, Default)]
pub(super) struct Counters {
    rows: AtomicU64,
    records: AtomicU64,
    commits: AtomicU64,
    plugin_nanos: AtomicU64,
    dead_letters: AtomicU64,
    skipped: AtomicU64,
    notices: Mutex<Notices>,
}

impl Counters {
    /// Rows that went through the plugins, and how long that took.
    pub(super) fn milled(&self, rows: usize, time: Duration) {
        add(&self.rows, u64::try_from(rows).unwrap_or(0));
        add(&self.plugin_nanos, u64::try_from(time.as_nanos()).unwrap_or(0));
    }

    /// Records that the sink took over.
    pub(super) fn written(&self, records: usize) {
        add(&self.records, u64::try_from(records).unwrap_or(0));
    }

    /// Commits that became durable.
    pub(super) fn committed(&self, commits: u64) {
        add(&self.commits, commits);
    }

    /// A row that was not taken. Whether it becomes a letter; else it is only counted.
    pub(super) fn rejected(&self, letter: &Letter) -> bool {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).log(letter);
        let is_skipped = letter.reason.on_error == OnError::Skip;
        add(if is_skipped { &self.skipped } else { &self.dead_letters }, 1);
        !is_skipped
    }

    /// Rows that went to the dead-letter topic.
    pub(super) fn dead_letters(&self) -> u64 {
        self.dead_letters.load(Ordering::Relaxed)
    }

    /// Rows at fault that were left out.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Rows through the plugins.
    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Records to the sink.
    pub(super) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Durable commits.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Time in plugins, handing over included.
    pub(super) fn plugin_time(&self) -> Duration {
        Duration::from_nanos(self.plugin_nanos.load(Ordering::Relaxed))
    }
}

fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
