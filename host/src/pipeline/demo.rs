//! The whole path without any server: a captured binlog, the default plugin, the Kafka producer, a broker in this process.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use super::counters::Counters;
use super::decode::{Parts, Policy, Pulse, now_ms};
use super::letters::Rules;
use super::replay::{Capture, Replay};
use super::stages::{self, Stages};
use super::{Stop, attempt};
use crate::batch::Batcher;
use crate::checkpoint::Checkpoint;
use crate::config::{self, Config, SourceKind, Surroundings};
use crate::fault::Fault;
use crate::metrics::Meter;
use crate::plugin::Chain;
use crate::position::Position;
use crate::sink::{self, Broker, Reader};
use crate::source::{Catalog, Interpreter};

/// What a user would write for the same connector; the broker's address is put in when it is known. The broker in this process
/// has no transactions.
const CONFIG: &str = r#"
name = "demo"
[source]
host = "captured"
user = "nobody"
database = "mysql_to_kafka"
auto_add = ".*"
snapshot = "never"
[sink]
brokers = "127.0.0.1:9092"
topic_prefix = "mysql"
transactions = "off"
"#;
/// How long the reader waits for a message before it looks whether all have come.
const READ_WAIT: Duration = Duration::from_millis(20);
/// Within this time the last messages must have come back.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// Sends at least `rows` row changes (the captured ones again and again, by whole transactions) through a connector, prints
/// each message that comes back as one line on stdout and a summary on stderr.
///
/// # Errors
/// Whatever a stage meets, and `Stop` where a message does not come back.
pub fn demo(rows: u64, stop: &Stop) -> Result<(), Fault> {
    let mut config = config::parse(CONFIG, &Surroundings::of_process(Path::new(""))).map_err(Fault::stop)?;
    let capture = Capture::read(&config)?;
    let broker = Broker::start(&capture.topics, &config.sink.topics)?;
    config.sink.brokers = broker.brokers();
    let names: Vec<&str> = capture.topics.iter().map(|topic| topic.name.as_str()).collect();
    let mut reader = broker.reader(&names)?;
    let counters = Counters::unwatched();
    let shown = Arc::new(AtomicU64::new(0));
    let finished = AtomicBool::new(false);
    let mut chain = Chain::load(&config, &capture.server)?;
    let started = Instant::now();
    std::thread::scope(|scope| {
        let printer = scope.spawn(|| {
            let printed = print(&mut reader, &counters, &shown, &finished);
            if printed.is_err() {
                stop.request();
            }
            printed
        });
        let streamed = stream(&config, capture, &mut chain, rows, &shown, &counters, stop);
        finished.store(true, Ordering::Release);
        let printed = printer
            .join()
            .unwrap_or_else(|_| Err(Fault::stop(anyhow!("the demo's reader panicked"))));
        streamed.and(printed)
    })?;
    summarize(&counters, started.elapsed());
    Ok(())
}

fn stream(
    config: &Config,
    capture: Capture,
    chain: &mut Chain,
    rows: u64,
    shown: &Arc<AtomicU64>,
    counters: &Counters,
    stop: &Stop,
) -> Result<(), Fault> {
    // Its server is a file: nothing can be looked up, and a heartbeat would be no message of the demo.
    let mut policy_config = config.clone();
    policy_config.source.kind = SourceKind::File(Vec::new());
    let decode = Parts {
        policy: Policy::new(&policy_config, &capture.server),
        pulse: Pulse::new(Duration::ZERO, None),
        interpreter: Interpreter::new(Position::default(), config.source.tables.clone(), Catalog::none()),
        batcher: Batcher::new(config.batch, config.limits.row, capture.server.clone(), config.sink.topics.clone()),
        on_error: config.source.on_error,
        topics: config.sink.topics.clone(),
        owners: HashMap::new(),
        next_sequence: Checkpoint::first_sequence(now_ms()),
        commit_interval: config.sink.commit_interval,
        part: attempt::part(config),
        inside: None,
        server: None,
        existing: None,
        most_open: attempt::most_open(config),
        meter: Meter::unread(),
        monitor: None,
    };
    let stages = Stages {
        source: Box::new(Replay::new(capture.events, rows, Arc::clone(shown))),
        crew: None,
        watch: None,
        decode,
        chain,
        sink: sink::connect(config, stop.flag())?,
        limits: config.limits,
        shutdown_timeout: config.shutdown_timeout,
        rules: Rules::of(config),
        counters,
    };
    stages::run(stages, stop)
}

/// Prints what arrives until the stream has finished and every record has come back.
fn print(reader: &mut Reader, counters: &Counters, shown: &AtomicU64, finished: &AtomicBool) -> Result<(), Fault> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut last = Instant::now();
    loop {
        let done = finished.load(Ordering::Acquire);
        let Some(message) = reader.next(READ_WAIT)? else {
            out.flush().context("writing to stdout").map_err(Fault::Stop)?;
            let missing = counters.records().saturating_sub(shown.load(Ordering::Acquire));
            if done && missing == 0 {
                return Ok(());
            }
            if done && last.elapsed() > READ_LIMIT {
                return Err(Fault::stop(anyhow!(
                    "{missing} of {} messages did not come back",
                    counters.records()
                )));
            }
            continue;
        };
        last = Instant::now();
        let value = message.value.unwrap_or_else(|| b"null".to_vec());
        let written = out.write_all(&value).and_then(|()| out.write_all(b"\n"));
        written.context("writing to stdout").map_err(Fault::Stop)?;
        shown.fetch_add(1, Ordering::AcqRel);
    }
}

#[expect(clippy::print_stderr, reason = "the summary is what the command prints beside the messages")]
fn summarize(counters: &Counters, time: Duration) {
    let seconds = time.as_secs_f64();
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = counters.rows() as f64 / seconds.max(f64::MIN_POSITIVE);
    eprintln!(
        "{} rows, {} messages in {seconds:.3} s: {rate:.0} rows/s, {:.3} s of it in the plugin",
        counters.rows(),
        counters.records(),
        counters.plugin_time().as_secs_f64()
    );
}
