//! The only file of the command line that calls the rooms: one small function a call.

use std::io::Write;
use std::sync::atomic::AtomicBool;

use anyhow::anyhow;
use rowmill::checkpoint::{self, Checkpoints};
use rowmill::config::{Config, Secret};
use rowmill::fault::Fault;
use rowmill::position::Position;
use rowmill::sink;

use super::arguments::{From, Tail};
use super::check::{Level, Line};

pub(super) use self::pipeline_stub::Stop;

pub(super) fn run(config: &Config, stop: &Stop) -> Result<(), Fault> {
    let _ = (config, stop);
    Err(not_wired("run"))
}

pub(super) fn demo(rows: u64, stop: &Stop) -> Result<(), Fault> {
    let _ = (rows, stop);
    Err(not_wired("demo"))
}

pub(super) fn check_source(config: &Config) -> Vec<Line> {
    let _ = config;
    vec![]
}

pub(super) fn check_sink(config: &Config) -> Vec<Line> {
    let lines = sink::check(config, &[]).into_iter();
    lines
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
    let _ = (config, ms);
    Err(not_wired("position set --time"))
}

fn not_wired(what: &str) -> Fault {
    Fault::stop(anyhow!("{what} is not wired"))
}

/// Stands where `rowmill::pipeline::Stop` will.
mod pipeline_stub {
    #[derive(Clone, Default)]
    pub(in crate::cli) struct Stop(std::sync::Arc<std::sync::atomic::AtomicBool>);

    impl Stop {
        pub(in crate::cli) fn new() -> Self {
            Self::default()
        }

        pub(in crate::cli) fn request(&self) {
            self.0.store(true, std::sync::atomic::Ordering::Release);
        }
    }
}
