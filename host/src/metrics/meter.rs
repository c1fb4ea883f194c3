//! What measures one connector. Whoever measures does so by batches and commits, never by rows.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::families::{Condition, CopyFamilies, Families, Flow, Labels, Plugins};
use super::lag::Lag;

/// The tables, or topics, that are not told apart.
const OTHERS: &str = "(others)";
/// What becomes of writes: values of the label `result`.
pub const RESULTS: [&str; 2] = ["committed", "aborted"];
/// Who may not take a row: values of the label `stage`.
const REJECTING: [&str; 3] = ["decoder", "plugin", "sink"];

/// Measures a connector. Clones share it.
#[derive(Debug, Clone)]
pub struct Meter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connector: String,
    flow: Flow,
    plugins: Plugins,
    condition: Condition,
    copies: CopyFamilies,
    /// Who tells of them.
    copied: Mutex<Option<Teller>>,
    source_bytes: Counter,
    freshness: Histogram,
    lag: Lag,
    /// From here on ages are counted: the wall clock may be set.
    made: Instant,
    /// When an event was read, milliseconds after `made` and one more; 0: none was.
    heard_ms: AtomicU64,
    tables: Names,
    topics: Names,
}

/// How far a copy of existing rows is.
#[derive(Debug, Clone, Copy)]
pub struct Copies {
    /// Rows that are dealt with.
    pub rows: u64,
    /// Of about so many.
    pub estimate: u64,
    /// Tables that are not done.
    pub tables_left: usize,
    /// Of late.
    pub rows_per_second: f64,
}

/// Asked whenever metrics are told.
struct Teller(Box<dyn Fn() -> Copies + Send + Sync>);

impl std::fmt::Debug for Teller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Teller")
    }
}

/// How much waits somewhere.
#[derive(Debug, Clone, Default)]
pub struct Level(Gauge);

impl Level {
    /// So many bytes.
    pub fn set(&self, bytes: usize) {
        self.0.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

/// Names that are told apart, up to so many.
#[derive(Debug)]
struct Names {
    known: Mutex<HashSet<String>>,
    most: usize,
}

impl Names {
    fn of(&self, name: &str) -> String {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(name) {
            if known.len() >= self.most {
                return OTHERS.to_owned();
            }
            known.insert(name.to_owned());
        }
        name.to_owned()
    }
}

impl Meter {
    pub(super) fn new(families: &Families, connector: &str, most_names: usize) -> Self {
        let own: Labels = vec![("connector", connector.to_owned())];
        let names = || Names {
            known: Mutex::default(),
            most: most_names,
        };
        let meter = Self(Arc::new(Inner {
            connector: connector.to_owned(),
            source_bytes: families.flow.source_bytes.get_or_create_owned(&own),
            freshness: families.flow.freshness.get_or_create_owned(&own),
            flow: families.flow.clone(),
            plugins: families.plugins.clone(),
            condition: families.condition.clone(),
            copies: families.copies.clone(),
            copied: Mutex::default(),
            lag: Lag::default(),
            made: Instant::now(),
            heard_ms: AtomicU64::new(0),
            tables: names(),
            topics: names(),
        }));
        // What has not happened yet is told as 0, so that its first time shows as an increase.
        let inner = &meter.0;
        inner.condition.retries.get_or_create_owned(&own);
        for result in RESULTS {
            inner.flow.transactions.get_or_create_owned(&meter.labels(&[("result", result)]));
        }
        for stage in REJECTING {
            let labels = meter.labels(&[("stage", stage)]);
            inner.flow.dead_letters.get_or_create_owned(&labels);
            inner.flow.skipped.get_or_create_owned(&labels);
        }
        meter
    }

    /// A meter whose metrics nobody reads.
    pub fn unread() -> Self {
        super::Metrics::new().meter("", 0)
    }

    /// Events of so many bytes were read; `is_quiet`: nothing but signs of life.
    pub fn read(&self, bytes: usize, is_quiet: bool) {
        self.0.source_bytes.inc_by(count(bytes));
        if !is_quiet {
            // Never 0, which stands for nothing.
            self.0.heard_ms.store(self.0.age_ms().saturating_add(1), Ordering::Relaxed);
        }
    }

    /// The stream is being read; the connector is as far as it was known to be.
    pub fn begin_stream(&self) {
        self.0.lag.begin();
    }

    /// It is not read any more.
    pub fn end_stream(&self) {
        self.0.lag.end(now_ms());
    }

    /// All that happened before this moment was committed by an earlier run.
    pub fn found_checkpoint(&self, saved_ms: i64) {
        self.0.lag.found(saved_ms);
    }

    /// A transaction with this commit time is being read; `None`: nothing more came for a moment.
    pub fn reading(&self, commit_ms: Option<i64>) {
        self.0.lag.reading(commit_ms);
    }

    /// The first change since the last commit point is on its way.
    pub fn begin_commit(&self, commit_ms: i64) {
        self.0.lag.push(commit_ms);
    }

    /// The oldest commit on its way that began with a change is durable.
    pub fn end_commit(&self) {
        self.0.lag.pop();
    }

    /// Writes became durable, or were given up: one of [`RESULTS`].
    pub fn transaction(&self, result: &str) {
        let labels = self.labels(&[("result", result)]);
        self.0.flow.transactions.get_or_create(&labels).inc();
    }

    /// So many changes of this kind of a table (`database.table`) were committed.
    pub fn rows(&self, table: &str, op: &str, rows: u64) {
        let labels = self.labels(&[("table", &self.0.tables.of(table)), ("op", op)]);
        self.0.flow.rows.get_or_create(&labels).inc_by(rows);
    }

    /// So many records of a topic were committed.
    pub fn records(&self, topic: &str, records: u64) {
        let labels = self.labels(&[("topic", &self.0.topics.of(topic))]);
        self.0.flow.records.get_or_create(&labels).inc_by(records);
    }

    /// A batch is committed now whose oldest change was committed at the source at this time.
    pub fn fresh(&self, commit_ms: i64) {
        let age = u64::try_from(now_ms().saturating_sub(commit_ms)).unwrap_or(0);
        self.0.freshness.observe(Duration::from_millis(age).as_secs_f64());
    }

    /// A row that `stage` did not take became a dead letter, or was left out.
    pub fn rejected(&self, stage: &str, is_skipped: bool) {
        let flow = &self.0.flow;
        let family = if is_skipped { &flow.skipped } else { &flow.dead_letters };
        family.get_or_create(&self.labels(&[("stage", stage)])).inc();
    }

    /// A plugin was called.
    pub fn plugin_calls(&self, plugin: &str, calls: impl IntoIterator<Item = Duration>) {
        let histogram = self.0.plugins.calls.get_or_create_owned(&self.labels(&[("plugin", plugin)]));
        calls.into_iter().for_each(|call| histogram.observe(call.as_secs_f64()));
    }

    /// A plugin broke so often.
    pub fn plugin_traps(&self, plugin: &str, traps: u64) {
        let labels = self.labels(&[("plugin", plugin)]);
        self.0.plugins.traps.get_or_create(&labels).inc_by(traps);
    }

    /// So many new versions of a plugin were put in place, refused, and taken back.
    pub fn plugin_swaps(&self, plugin: &str, (swapped, refused, rolled_back): (u64, u64, u64)) {
        for (result, times) in [("swapped", swapped), ("refused", refused), ("rolled_back", rolled_back)] {
            let labels = self.labels(&[("plugin", plugin), ("result", result)]);
            self.0.plugins.swaps.get_or_create(&labels).inc_by(times);
        }
    }

    /// A plugin added to a counter of its own; negative values are passed over.
    pub fn plugin_count(&self, plugin: &str, name: &str, value: f64) {
        if value >= 0.0 {
            let labels = self.labels(&[("plugin", plugin), ("name", name)]);
            self.0.plugins.counts.get_or_create(&labels).inc_by(value);
        }
    }

    /// So many schemas of tables are open in plugins, and so many more were closed to make room for others.
    pub fn schemas(&self, open: usize, closed: usize) {
        let labels = self.labels(&[]);
        let gauge = self.0.plugins.schemas.get_or_create_owned(&labels);
        gauge.set(i64::try_from(open).unwrap_or(i64::MAX));
        self.0.plugins.schemas_closed.get_or_create(&labels).inc_by(count(closed));
    }

    /// What tells the bytes that wait before a stage.
    pub fn queue(&self, stage: &str) -> Level {
        Level(self.0.condition.queue.get_or_create_owned(&self.labels(&[("stage", stage)])))
    }

    /// The connector's own bound.
    pub fn memory_limit(&self, bytes: usize) {
        let gauge = self.0.condition.memory_limit.get_or_create_owned(&self.labels(&[]));
        gauge.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// The connector is in `state`, one of `all`.
    pub fn state(&self, state: &str, all: &[&str]) {
        for other in all {
            let gauge = self.0.condition.state.get_or_create_owned(&self.labels(&[("state", other)]));
            gauge.set(i64::from(*other == state));
        }
    }

    /// An attempt ended with a fault that may pass.
    pub fn retried(&self) {
        self.0.condition.retries.get_or_create(&self.labels(&[])).inc();
    }

    /// Until the server may purge what is unread: infinite where it never does, `None` where that is not known.
    pub fn slack(&self, seconds: Option<f64>) {
        let labels = self.labels(&[]);
        match seconds {
            Some(seconds) => {
                self.0.condition.slack.get_or_create(&labels).set(seconds);
            }
            None => {
                self.0.condition.slack.remove(&labels);
            }
        }
    }

    /// Who tells how far copies are.
    pub fn copies(&self, teller: impl Fn() -> Copies + Send + Sync + 'static) {
        let mut copied = self.0.copied.lock().unwrap_or_else(PoisonError::into_inner);
        *copied = Some(Teller(Box::new(teller)));
    }

    /// Seconds that the connector is behind; `None` before anything is known.
    pub fn lag(&self) -> Option<f64> {
        self.0.lag.ms(now_ms()).map(seconds)
    }

    /// Since an event was read; `None` before the first.
    pub fn event_age(&self) -> Option<f64> {
        let heard_ms = self.0.heard_ms.load(Ordering::Relaxed);
        let age_ms = self.0.age_ms().saturating_add(1);
        (heard_ms > 0).then(|| Duration::from_millis(age_ms.saturating_sub(heard_ms)).as_secs_f64())
    }

    /// Sets what depends on the time.
    pub(super) fn refresh(&self) {
        let labels = self.labels(&[]);
        let condition = &self.0.condition;
        if let Some(lag) = self.lag() {
            condition.lag.get_or_create(&labels).set(lag);
        }
        if let Some(age) = self.event_age() {
            condition.event_age.get_or_create(&labels).set(age);
        }
        let teller = self.0.copied.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Teller(tell)) = &*teller {
            let (told, families) = (tell(), &self.0.copies);
            let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
            families.rows.get_or_create(&labels).set(number(told.rows));
            families.estimate.get_or_create(&labels).set(number(told.estimate));
            families
                .left
                .get_or_create(&labels)
                .set(i64::try_from(told.tables_left).unwrap_or(i64::MAX));
            families.rate.get_or_create(&labels).set(told.rows_per_second);
        }
    }

    fn labels(&self, more: &[(&'static str, &str)]) -> Labels {
        let own = ("connector", self.0.connector.clone());
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        std::iter::once(own).chain(more).collect()
    }
}

impl Inner {
    /// Milliseconds since it was made.
    fn age_ms(&self) -> u64 {
        u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn seconds(ms: i64) -> f64 {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0)).as_secs_f64()
}

/// Milliseconds since 1970; 0 on a clock before it.
fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
