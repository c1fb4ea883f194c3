//! The only file of the command line that calls the rooms: one small function a call.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rowmill::checkpoint::{self, Checkpoints};
use rowmill::config::{Config, Secret, Start};
use rowmill::fault::Fault;
use rowmill::position::Position;
use rowmill::{control, metrics, pipeline, plugin, sink, source};

use super::arguments::{From, Tail};
use super::check::{Level, Line};
use super::failure::Failure;

pub(super) use rowmill::pipeline::{DeadLetter, Outcome, Stop};
pub(super) use rowmill::plugin::{Report, Sample, Tryout};

/// Partitions that a topic of a table with a key has by default.
const SHOWN_PARTITIONS: i32 = 6;

/// Has this process die at a step of the pipeline, where a test asks for it and the build can.
#[cfg(debug_assertions)]
pub(super) fn die_at(step: &str) -> Result<(), String> {
    rowmill::failpoint::arm(step)
}

/// Runs a connector, and tells how it is at `listen`.
pub(super) fn run(config: &Config, stop: &Stop, listen: Option<SocketAddr>) -> Result<(), Fault> {
    let metrics = metrics::Metrics::new();
    let monitor = pipeline::Monitor::new(config, &metrics);
    let _server = match listen {
        Some(address) => Some(control::Server::start(address, metrics, vec![monitor.clone()])?),
        None => None,
    };
    pipeline::run(config, stop, &monitor)
}

/// Whether HTTP may be served there.
///
/// # Errors
/// Says why not.
pub(super) fn check_address(address: SocketAddr) -> Result<(), String> {
    control::check_address(address)
}

pub(super) fn demo(rows: u64, stop: &Stop) -> Result<(), Fault> {
    pipeline::demo(rows, stop)
}

pub(super) fn check_source(config: &Config) -> Vec<Line> {
    let findings = source::preflight(config).into_iter();
    findings
        .map(|finding| Line {
            level: match finding.level {
                source::Level::Ok => Level::Ok,
                source::Level::Warn => Level::Warn,
                source::Level::Fail => Level::Fail,
            },
            name: finding.name.to_string(),
            text: finding.message,
            mend: finding.mend.unwrap_or_default(),
        })
        .collect()
}

/// The plugins, loaded as for a run; dropped at once.
///
/// # Errors
/// As `plugin::Chain::assemble`.
pub(super) fn load_plugins(config: &Config) -> Result<(), Fault> {
    plugin::Chain::assemble(&config.plugins, &config.cache_dir, &config.limits).map(|_| ())
}

/// Whether the sink takes its properties; connects to nothing.
pub(super) fn check_properties(config: &Config) -> Result<(), Fault> {
    sink::check_properties(config)
}

/// Topics are tried for the tables that are there; that none can be listed is the source's finding already.
pub(super) fn check_sink(config: &Config) -> Vec<Line> {
    let tables = source::tables(config).unwrap_or_default().into_iter();
    let topics: Vec<sink::TopicSpec> = tables
        .map(|table| sink::TopicSpec {
            name: config.sink.topics.name(&table.database, &table.name),
            table: format!("{}.{}", table.database, table.name),
            keyed: table.has_key,
        })
        .chain(sink::dead_letter_topic(config))
        .collect();
    let findings = sink::check(config, &topics).into_iter();
    findings
        .map(|finding| Line {
            level: match finding.level {
                sink::Level::Ok => Level::Ok,
                sink::Level::Fail => Level::Fail,
            },
            name: finding.name.to_string(),
            text: finding.text,
            mend: finding.mend.to_string(),
        })
        .collect()
}

pub(super) fn tail(
    request: &Tail,
    brokers: String,
    properties: Vec<(String, Secret)>,
    stop: &AtomicBool,
    out: &mut dyn Write,
) -> Result<u64, Fault> {
    let what = sink::Tail {
        brokers,
        properties,
        topic: request.topic.clone(),
        partition: request.partition,
        from: match request.from {
            From::Beginning => sink::From::Beginning,
            From::End => sink::From::End,
            From::Offset(offset) => sink::From::Offset(offset),
            From::Time(ms) => sink::From::Time(ms),
        },
        max: request.max,
        key: request.key.clone(),
        uncommitted: request.uncommitted,
        decode: request.decode,
    };
    sink::tail(&what, stop, out)
}

/// As `checkpoint::request_plugin`.
///
/// # Errors
/// As there.
pub(super) fn request_plugin(config: &Config, order: checkpoint::PluginOrder) -> Result<String, Fault> {
    checkpoint::request_plugin(config, order)
}

/// As `checkpoint::request_snapshot`.
///
/// # Errors
/// As there.
pub(super) fn request_snapshot(config: &Config, tables: &[(String, String)]) -> Result<String, Fault> {
    checkpoint::request_snapshot(config, tables)
}

pub(super) fn checkpoints(config: &Config) -> Box<dyn Checkpoints> {
    checkpoint::open(config)
}

/// Held while a position is moved.
pub(super) fn standstill(config: &Config) -> Result<sink::Standstill, Fault> {
    sink::Standstill::of(config)
}

/// The start of the binlog file that holds this time (milliseconds since 1970).
pub(super) fn place_at_time(config: &Config, ms: i64) -> Result<Position, Fault> {
    let mut config = config.clone();
    config.source.start = Start::Time(ms);
    source::resolve_start(&config)
}

/// The connector's dead letters, from this offset on, until `each` says no.
pub(super) fn dead_letters(
    config: &Config,
    from: Option<i64>,
    each: &mut dyn FnMut(DeadLetter) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    pipeline::dead_letters(config, from, each)
}

/// Sends dead letters again.
pub(super) fn replay(
    config: &Config,
    offsets: &[i64],
    stop: &Arc<AtomicBool>,
    told: &mut dyn FnMut(&DeadLetter, &Outcome) -> Result<(), Fault>,
) -> Result<pipeline::Replayed, Fault> {
    pipeline::replay(config, offsets, stop, told)
}

/// How a connector would run the plugin of this file, or the built-in of this name, with these settings of its own; and where what is
/// compiled is kept.
///
/// # Errors
/// What is wrong with the options.
pub(super) fn plugin_settings(key: &str, value: &str, options: &[(&str, &str)]) -> Result<(rowmill::config::Plugin, PathBuf), Failure> {
    let of_plugin = [(key, value)].into_iter().chain(options.iter().copied());
    let of_plugin: Vec<_> = of_plugin.map(|(key, value)| (format!("plugin.0.{key}"), value)).collect();
    let written = [
        ("name", "plugin"),
        ("source.host", "127.0.0.1"),
        ("source.user", "none"),
        ("source.password", ""),
        ("source.database", "none"),
        ("source.tables", "none"),
        ("sink.kind", "stdout"),
        // The plugin's own limit counts here, not the connector's.
        ("limits.memory", "64GiB"),
    ];
    let written = written
        .into_iter()
        .chain(of_plugin.iter().map(|(key, value)| (key.as_str(), *value)));
    let config = rowmill::config::parse_map(written, &rowmill::config::Surroundings::of_process(Path::new("")))?;
    let plugin = config.plugins.into_iter().next();
    Ok((plugin.ok_or_else(|| Failure::usage("no plugin is named"))?, config.cache_dir))
}

/// A file as a plugin's.
///
/// # Errors
/// Where it can't be read.
pub(super) fn read_plugin(file: &Path) -> Result<Vec<u8>, Failure> {
    Ok(plugin::read(file).map_err(Fault::Stop)?)
}

pub(super) fn inspect_plugin(settings: &rowmill::config::Plugin, wasm: &[u8]) -> plugin::Report {
    plugin::inspect(settings, wasm)
}

/// A plugin by itself.
///
/// # Errors
/// What it is or lacks.
pub(super) fn try_plugin((settings, cache): &(rowmill::config::Plugin, PathBuf)) -> Result<plugin::Tryout, Failure> {
    let started = plugin::Tryout::start(settings, cache);
    Ok(started.map_err(|error| Fault::Stop(error.context(format!("loading plugin {}", settings.name))))?)
}

/// Batches of a file; without one, a batch that has something of everything.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn samples(file: Option<&Path>) -> Result<Vec<plugin::Sample>, Failure> {
    let Some(file) = file else {
        return Ok(vec![plugin::Sample::of_everything().map_err(Fault::Stop)?]);
    };
    let context = |error: anyhow::Error| Fault::Stop(error.context(format!("taking a batch from {}", file.display())));
    let bytes = std::fs::read(file).map_err(|error| context(error.into()))?;
    Ok(plugin::Sample::read(&bytes).map_err(context)?)
}

/// A batch as most are.
///
/// # Errors
/// A defect.
pub(super) fn orders(rows: usize) -> Result<plugin::Sample, Failure> {
    Ok(plugin::Sample::of_orders(rows).map_err(Fault::Stop)?)
}

/// What a plugin made of a batch, as JSON lines; and what it is called.
///
/// # Errors
/// Where a transform's batch can't be read.
pub(super) fn tried_lines(tried: &plugin::Tried) -> Result<(Vec<String>, &'static str), Failure> {
    Ok(match tried {
        plugin::Tried::Records(records) => (
            records
                .iter()
                .flat_map(|records| sink::json_lines(records, SHOWN_PARTITIONS))
                .collect(),
            "records",
        ),
        plugin::Tried::Batch(batch) => {
            let rows = batch.rows().map_err(Fault::Stop)?;
            (rows.iter().map(ToString::to_string).collect(), "rows")
        }
        plugin::Tried::Dropped => (Vec::new(), "rows"),
    })
}
