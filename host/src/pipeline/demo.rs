//! The whole path without any server: a captured binlog, the default plugin, the Kafka producer, a broker in this process.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Stop;
use super::counters::Counters;
use super::decode::{Parts, now_ms};
use super::stages::{self, Stages};
use crate::batch::Batcher;
use crate::config::Config;
use crate::fault::Fault;
use crate::plugin::Chain;
use crate::position::Position;
use crate::sink::{self, MockBroker, MockReader};
use crate::source::{Catalog, Event, EventKind, FileSource, Interpreter, Read, Source};

/// The captured binlog; `tests/servers/capture-demo` makes it.
static BINLOG: &[u8] = include_bytes!("../../demo/demo.binlog");
/// Name of the captured binlog in positions.
const FILE: &str = "demo.000001";
/// Rows that may be on their way: the broker in this process keeps 5 MiB a partition and forgets what is older.
const WINDOW: u64 = 2_000;
/// How long the reader waits for a message before it looks whether all have come.
const READ_WAIT: Duration = Duration::from_millis(20);
/// Within this time the last messages must have come back.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// Sends `rows` row changes (the captured ones again and again) through a connector of `config`, prints each message that
/// comes back as one line on stdout and a summary on stderr.
///
/// # Errors
/// Whatever a stage meets, and `Stop` where a message does not come back.
pub fn demo(config: &Config, rows: u64, stop: &Stop) -> Result<(), Fault> {
    let broker = MockBroker::start(&config.sink.topics)?;
    let mut config = config.clone();
    broker.brokers().clone_into(&mut config.sink.brokers);
    let counters = Counters::default();
    let shown = Arc::new(AtomicU64::new(0));
    let finished = AtomicBool::new(false);
    let started = Instant::now();
    let mut reader = broker.reader()?;
    let outcome = std::thread::scope(|scope| {
        let printer = scope.spawn(|| print(&mut reader, &counters, &shown, &finished, stop));
        let streamed = stream(&config, rows, stop, &counters, &shown);
        finished.store(true, Ordering::Release);
        let printed = printer.join().unwrap_or_else(|_| Err(Fault::stop(anyhow::anyhow!("the demo's reader panicked"))));
        streamed.and(printed)
    });
    outcome?;
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = counters.rows() as f64 / seconds;
    eprintln!(
        "{} rows, {} messages in {seconds:.2} s: {rate:.0} rows/s, {:.1} ms of it in the plugin",
        counters.rows(),
        counters.records(),
        counters.plugin_time().as_secs_f64() * 1000.0
    );
    Ok(())
}

fn stream(config: &Config, rows: u64, stop: &Stop, counters: &Counters, shown: &Arc<AtomicU64>) -> Result<(), Fault> {
    let source = Replay::new(rows, counters_shared(shown))?;
    let server = source.file.server();
    let mut chain = Chain::load(config, &server)?;
    let decode = Parts {
        interpreter: Interpreter::new(Position::default(), config.source.tables.clone(), Catalog::none()),
        batcher: Batcher::new(config.batch, config.limits.row, server, config.sink.topics.clone()),
        topics: config.sink.topics.clone(),
        owners: HashMap::new(),
        next_sequence: u64::try_from(now_ms()).unwrap_or(0).saturating_mul(1_000_000),
        commit_interval: config.sink.commit_interval,
    };
    let stages = Stages {
        source: Box::new(source),
        decode,
        chain: &mut chain,
        sink: sink::connect(config)?,
        limits: config.limits,
        shutdown_timeout: config.shutdown_timeout,
        counters,
    };
    stages::run(stages, stop)
}

fn counters_shared(shown: &Arc<AtomicU64>) -> Arc<AtomicU64> {
    Arc::clone(shown)
}
