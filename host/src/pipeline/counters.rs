//! What a run has done so far, counted by the stages for the log and the demo's summary.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Totals since the start of the process.
#[derive(Debug, Default)]
pub(super) struct Counters {
    rows: AtomicU64,
    records: AtomicU64,
    plugin_nanos: AtomicU64,
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

    /// Rows through the plugins.
    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Records to the sink.
    pub(super) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Time in plugins, handing over included.
    pub(super) fn plugin_time(&self) -> Duration {
        Duration::from_nanos(self.plugin_nanos.load(Ordering::Relaxed))
    }
}

fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
