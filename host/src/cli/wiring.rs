//! The only file of the command line that calls the rooms: one small function a call.

use std::io::Write;
use std::sync::atomic::AtomicBool;

use rowmill::checkpoint::{self, Checkpoints};
use rowmill::config::{Config, Secret, Start};
use rowmill::fault::Fault;
use rowmill::pipeline;
use rowmill::position::Position;
use rowmill::{sink, source};

use super::arguments::{From, Tail};
use super::check::{Level, Line};

pub(super) use rowmill::pipeline::Stop;

pub(super) fn run(config: &Config, stop: &Stop) -> Result<(), Fault> {
    pipeline::run(config, stop)
}

pub(super) fn demo(rows: u64, stop: &Stop) -> Result<(), Fault> {
    pipeline::demo(rows, stop)
}

pub(super) fn check_source(config: &Config) -> Vec<Line> {
    let lines = source::preflight(config).into_iter();
    lines
        .map(|finding| Line {
            level: match finding.level {
                source::Level::Ok => Level::Ok,
                source::Level::Warn => Level::Warn,
                source::Level::Fail => Level::Fail,
            },
            name: finding.name,
            text: finding.message,
            mend: finding.mend.unwrap_or_default(),
        })
        .collect()
}

pub(super) fn check_sink(config: &Config) -> Vec<Line> {
    // A source that does not answer has been told of above; the sink is then checked without its tables.
    let topics = pipeline::topics(config);
    let clash = topics.as_ref().err().filter(|fault| matches!(fault, Fault::Stop(_)));
    let clash = clash.map(|fault| Line { level: Level::Fail, name: "topics".to_owned(), text: fault.to_string(), mend: String::new() });
    let found = sink::check(config, topics.as_deref().unwrap_or_default()).into_iter();
    found
        .map(|finding| Line {
            level: match finding.level {
                sink::Level::Ok => Level::Ok,
                sink::Level::Warn => Level::Warn,
                sink::Level::Fail => Level::Fail,
            },
            name: finding.name.to_owned(),
            text: finding.text,
            mend: finding.mend.to_owned(),
        })
        .chain(clash)
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

pub(super) fn checkpoints(config: &Config) -> Result<Box<dyn Checkpoints>, Fault> {
    Ok(checkpoint::open(config))
}

pub(super) fn place_at_time(config: &Config, ms: i64) -> Result<Position, Fault> {
    let mut at_time = config.clone();
    at_time.source.start = Start::Time(ms);
    source::resolve_start(&at_time)
}
