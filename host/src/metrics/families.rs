//! The metrics, each with its name, unit and help. A counter's name is told with `_total` at its end.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use super::memory;

/// Names and values of labels.
pub(super) type Labels = Vec<(&'static str, String)>;
/// A gauge of seconds and the like.
pub(super) type Fraction = Gauge<f64, AtomicU64>;
/// A counter to which plugins add what they like.
pub(super) type Sum = Counter<f64, AtomicU64>;
/// Counts by labels.
pub(super) type Counters = Family<Labels, Counter>;
/// Times by labels.
pub(super) type Histograms = Family<Labels, Histogram, Buckets>;

/// From what nobody notices to what is a disturbance, in seconds.
const FRESHNESS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0,
];
/// A batch of one row takes some ten microseconds, one of thousands some ten milliseconds; a call may be allowed minutes.
const CALLS: &[f64] = &[
    0.000_025, 0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 10.0,
];

/// Makes histograms with these buckets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// Every metric.
#[derive(Debug)]
pub(super) struct Families {
    pub(super) flow: Flow,
    pub(super) plugins: Plugins,
    pub(super) condition: Condition,
    pub(super) copies: CopyFamilies,
    memory: Gauge,
    memory_peak: Gauge,
}

/// What goes through.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    pub(super) source_bytes: Counters,
    pub(super) rows: Counters,
    pub(super) records: Counters,
    pub(super) transactions: Counters,
    pub(super) dead_letters: Counters,
    pub(super) skipped: Counters,
    pub(super) freshness: Histograms,
}

/// What plugins do.
#[derive(Debug, Clone)]
pub(super) struct Plugins {
    pub(super) calls: Histograms,
    pub(super) swaps: Counters,
    pub(super) traps: Counters,
    pub(super) counts: Family<Labels, Sum>,
    pub(super) schemas: Family<Labels, Gauge>,
    pub(super) schemas_closed: Counters,
}

/// How a connector is.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) state: Family<Labels, Gauge>,
    pub(super) retries: Counters,
    pub(super) lag: Family<Labels, Fraction>,
    pub(super) event_age: Family<Labels, Fraction>,
    pub(super) slack: Family<Labels, Fraction>,
    pub(super) queue: Family<Labels, Gauge>,
    pub(super) memory_limit: Family<Labels, Gauge>,
}

/// Rows that tables had.
#[derive(Debug, Clone)]
pub(super) struct CopyFamilies {
    pub(super) rows: Family<Labels, Gauge>,
    pub(super) estimate: Family<Labels, Gauge>,
    pub(super) left: Family<Labels, Gauge>,
    pub(super) rate: Family<Labels, Fraction>,
}

impl Families {
    /// Makes all of them known.
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            flow: flow(registry),
            plugins: plugins(registry),
            condition: condition(registry),
            copies: copies(registry),
            memory: add(
                registry,
                "rowmill_memory_bytes",
                "Memory of the process that is resident",
                Gauge::default(),
            ),
            memory_peak: add(
                registry,
                "rowmill_memory_peak_bytes",
                "The most memory of the process that was resident at once",
                Gauge::default(),
            ),
        }
    }

    /// Takes what the kernel says of the process.
    pub(super) fn of_process(&self) {
        let resident = memory::resident();
        self.memory.set(resident.now);
        self.memory_peak.set(resident.peak);
    }
}

fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

fn flow(registry: &mut Registry) -> Flow {
    let mut counters = |name, help| add(registry, name, help, Counters::default());
    Flow {
        source_bytes: counters("rowmill_source_bytes", "Bytes of binlog events that were read"),
        rows: counters("rowmill_rows", "Row changes that are committed, by table and kind of change"),
        records: counters("rowmill_records", "Records that are committed, by topic"),
        transactions: counters(
            "rowmill_transactions",
            "Commits to the sink that became durable, and writes that were given up before theirs",
        ),
        dead_letters: counters(
            "rowmill_dead_letters",
            "Rows that went to the dead-letter topic, by who did not take them",
        ),
        skipped: counters("rowmill_skipped_rows", "Rows at fault that were left out, by who did not take them"),
        freshness: add(
            registry,
            "rowmill_freshness_seconds",
            "From the commit of a batch's oldest change at the source until it is committed in the sink",
            Histograms::new_with_constructor(Buckets(FRESHNESS)),
        ),
    }
}

fn plugins(registry: &mut Registry) -> Plugins {
    let mut counters = |name, help| add(registry, name, help, Counters::default());
    Plugins {
        swaps: counters(
            "rowmill_plugin_swaps",
            "New versions of plugins that were put in place, refused, or taken back after they had been put in place",
        ),
        traps: counters(
            "rowmill_plugin_traps",
            "Calls in which a plugin broke: traps, time and memory limits, malformed output",
        ),
        schemas_closed: counters(
            "rowmill_schemas_closed",
            "Schemas of tables that plugins closed to make room for others; the table's next batch opens them again",
        ),
        schemas: add(
            registry,
            "rowmill_schemas_open",
            "Schemas of tables that plugins have open",
            Family::default(),
        ),
        calls: add(
            registry,
            "rowmill_plugin_call_seconds",
            "Calls of plugins, handing over included",
            Histograms::new_with_constructor(Buckets(CALLS)),
        ),
        counts: add(
            registry,
            "rowmill_plugin_counts",
            "What plugins count themselves, by the name that they give it",
            Family::default(),
        ),
    }
}

fn condition(registry: &mut Registry) -> Condition {
    let state = add(
        registry,
        "rowmill_state",
        "1 for the state that the connector is in, 0 for the others",
        Family::default(),
    );
    let retries = add(
        registry,
        "rowmill_retries",
        "Attempts that ended with a fault that may pass",
        Counters::default(),
    );
    let mut seconds = |name, help| add(registry, name, help, Family::default());
    let lag = seconds(
        "rowmill_source_lag_seconds",
        "Age of the oldest change that is known and not committed in the sink; 0 where all are",
    );
    let event_age = seconds("rowmill_last_event_age_seconds", "Since an event of the binlog was read");
    let slack = seconds(
        "rowmill_binlog_slack_seconds",
        "Until the server may purge the binlog file that the connector would go on with",
    );
    let mut bytes = |name, help| add(registry, name, help, Family::default());
    Condition {
        state,
        retries,
        lag,
        event_age,
        slack,
        queue: bytes("rowmill_queue_bytes", "Bytes that wait before a stage"),
        memory_limit: bytes("rowmill_memory_limit_bytes", "limits.memory of the connector"),
    }
}

fn copies(registry: &mut Registry) -> CopyFamilies {
    let mut gauge = |name, help| add(registry, name, help, Family::default());
    CopyFamilies {
        rows: gauge("rowmill_snapshot_rows", "Rows that tables had and that are dealt with"),
        estimate: gauge("rowmill_snapshot_rows_estimate", "Rows of these tables, as the server guesses them"),
        left: gauge("rowmill_snapshot_tables_left", "Tables whose rows are not all dealt with"),
        rate: add(
            registry,
            "rowmill_snapshot_rows_per_second",
            "Rows of tables that are copied in a second, of late",
            Family::default(),
        ),
    }
}
