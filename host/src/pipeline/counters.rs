//! What a run has done so far, counted by the stages for the log and the demo's summary, and handed on to metrics and status.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Monitor;
use super::letters::{Letter, Notices};
use crate::config::OnError;
use crate::metrics::Meter;
use crate::plugin::{Measured, Standing};
use crate::position::Position;

/// Totals since the start of the process.
#[derive(Debug)]
pub(super) struct Counters {
    rows: AtomicU64,
    records: AtomicU64,
    commits: AtomicU64,
    plugin_nanos: AtomicU64,
    dead_letters: AtomicU64,
    skipped: AtomicU64,
    notices: Mutex<Notices>,
    meter: Meter,
    monitor: Option<Monitor>,
    place: Mutex<Option<Position>>,
}

impl Counters {
    /// Of a connector that is watched.
    pub(super) fn of(monitor: &Monitor) -> Self {
        Self::new(monitor.meter().clone(), Some(monitor.clone()))
    }

    /// Of a run that nobody watches.
    pub(super) fn unwatched() -> Self {
        Self::new(Meter::unread(), None)
    }

    fn new(meter: Meter, monitor: Option<Monitor>) -> Self {
        Self {
            rows: AtomicU64::default(),
            records: AtomicU64::default(),
            plugin_nanos: AtomicU64::default(),
            dead_letters: AtomicU64::default(),
            skipped: AtomicU64::default(),
            commits: AtomicU64::default(),
            notices: Mutex::default(),
            place: Mutex::default(),
            meter,
            monitor,
        }
    }

    /// What measures the run.
    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Everything up to here is committed.
    pub(super) fn reached(&self, position: Position) {
        self.place
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_default()
            .clone_from(&position);
        if let Some(monitor) = &self.monitor {
            monitor.committed(position);
        }
    }

    /// The plugins as they are before the first batch: alerts need a series to begin at 0.
    pub(super) fn begin(&self, standing: &[Standing]) {
        for plugin in standing {
            self.meter.plugin_traps(&plugin.plugin, 0);
            self.meter.plugin_swaps(&plugin.plugin, (0, 0, 0));
        }
        self.standing(standing);
    }

    /// The plugins as they are now.
    pub(super) fn standing(&self, standing: &[Standing]) {
        if let Some(monitor) = &self.monitor {
            monitor.plugins(standing);
        }
    }

    /// Rows that went through the plugins, and how long that took.
    pub(super) fn milled(&self, rows: usize, time: Duration) {
        add(&self.rows, u64::try_from(rows).unwrap_or(0));
        add(&self.plugin_nanos, u64::try_from(time.as_nanos()).unwrap_or(0));
    }

    /// What was measured of a plugin since the last time.
    pub(super) fn plugin(&self, measured: Measured<'_>) {
        let Measured { plugin, measures } = measured;
        let meter = &self.meter;
        if !measures.calls.is_empty() {
            meter.plugin_calls(plugin, measures.calls);
        }
        if measures.traps > 0 {
            meter.plugin_traps(plugin, measures.traps);
        }
        let swaps = (measures.swapped, measures.refused, measures.rolled_back);
        if swaps != (0, 0, 0) {
            meter.plugin_swaps(plugin, swaps);
        }
        for (name, value) in measures.counts {
            meter.plugin_count(plugin, &name, value);
        }
    }

    /// Schemas that plugins have open, and how many were closed to make room for others since the last time.
    pub(super) fn schemas(&self, (open, closed): (usize, usize)) {
        self.meter.schemas(open, closed);
    }

    /// Records that the sink took over.
    pub(super) fn written(&self, records: usize) {
        add(&self.records, u64::try_from(records).unwrap_or(0));
    }

    /// Commits that became durable.
    pub(super) fn committed(&self, commits: u64) {
        add(&self.commits, commits);
    }

    /// The position that was committed last; none before the first commit of this process.
    pub(super) fn place(&self) -> Option<Position> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A row that was not taken. Whether it becomes a letter; else it is only counted.
    pub(super) fn rejected(&self, letter: &Letter) -> bool {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).log(letter);
        let is_skipped = letter.reason.on_error == OnError::Skip;
        add(if is_skipped { &self.skipped } else { &self.dead_letters }, 1);
        self.meter.rejected(letter.reason.stage.name(), is_skipped);
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
