//! Wires the stages to each other and gives each its thread; waits for all and keeps the first fault.

use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use tracing::info;

use super::counters::Counters;
use super::decode::{self, Ending, Job, Parts};
use super::letters::Rules;
use super::mill::{self, Delivery};
use super::queue::Queue;
use super::read::Gate;
use super::requests::Watch;
use super::{STOP_CHECK, Stop, copy, deliver, read};
use crate::config::Limits;
use crate::fault::Fault;
use crate::plugin::Chain;
use crate::sink::Sink;
use crate::source::{Event, Source};

/// Share of `limits.memory` that raw events between reading and decoding may take.
const EVENTS_SHARE: usize = 48;
/// Share of batches between decoding and the plugins.
const BATCHES_SHARE: usize = 48;
/// Share of records between the plugins and the sink; the sink's own share is its own.
const RECORDS_SHARE: usize = 32;

/// Share from which on a row is very large.
const LARGE_SHARE: usize = 24;

/// What the stages are made from.
pub(super) struct Stages<'a> {
    pub(super) source: Box<dyn Source>,
    pub(super) decode: Parts,
    pub(super) chain: &'a mut Chain,
    pub(super) sink: Box<dyn Sink>,
    pub(super) limits: Limits,
    pub(super) shutdown_timeout: Duration,
    pub(super) rules: Rules,
    pub(super) counters: &'a Counters,
    /// Those who read tables, and how many there are to be.
    pub(super) crew: Option<(copy::Crew, usize)>,
    /// Who looks for requests.
    pub(super) watch: Option<Watch>,
}

/// Why a stage ends early.
pub(super) enum End {
    /// The next stage has left; the reason is its own.
    Left,
    /// This stage met a fault.
    Fault(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Runs until the source ends, `stop` is requested, or a stage meets a fault: the first one is returned.
pub(super) fn run(stages: Stages<'_>, stop: &Stop) -> Result<(), Fault> {
    let Stages {
        mut source,
        decode,
        chain,
        mut sink,
        limits,
        shutdown_timeout,
        rules,
        counters,
        crew,
        watch,
    } = stages;
    let meter = counters.meter();
    let events: Queue<Vec<Event>> = Queue::with_level(limits.memory / EVENTS_SHARE, meter.queue("decode"));
    let jobs: Queue<Job> = Queue::with_level(limits.memory / BATCHES_SHARE, meter.queue("plugin"));
    let deliveries: Queue<Delivery> = Queue::with_level(limits.memory / RECORDS_SHARE, meter.queue("sink"));
    let first: Mutex<Option<Fault>> = Mutex::new(None);
    let ending = Ending {
        stop: stop.clone(),
        give_up: Stop::new(),
    };
    let keep = |outcome: Result<(), Fault>| {
        if let Err(fault) = outcome {
            first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
        }
    };
    let over = Stop::new();
    let large = limits.memory / LARGE_SHARE;
    let gate = Gate {
        bytes: large,
        is_taken: &|| events.holds_as_large(large) || jobs.holds_as_large(large) || deliveries.holds_as_large(large),
    };
    std::thread::scope(|scope| {
        let spawn = std::thread::Builder::new;
        let threads = [
            spawn()
                .name("read".into())
                .spawn_scoped(scope, || keep(read::run(source.as_mut(), &events, meter, &gate))),
            spawn()
                .name("decode".into())
                .spawn_scoped(scope, || keep(decode::run(decode, &events, &jobs, &ending))),
            spawn()
                .name("mill".into())
                .spawn_scoped(scope, || keep(mill::run(chain, &jobs, &deliveries, (&rules, counters)))),
            spawn().name("deliver".into()).spawn_scoped(scope, || {
                keep(deliver::run(sink.as_mut(), &deliveries, shutdown_timeout, (&rules, counters)))
            }),
        ];
        let readers: Vec<_> = crew
            .iter()
            .flat_map(|(crew, readers)| std::iter::repeat_n(crew, *readers))
            .map(|crew| {
                let read = || {
                    // A reader that fails lets everybody go.
                    let outcome = copy::run(crew);
                    if outcome.is_err() {
                        keep(outcome);
                        events.close();
                    }
                };
                spawn().name("copy".into()).spawn_scoped(scope, read)
            })
            .collect();
        let watch = watch.map(|watch| {
            let over = &over;
            spawn().name("requests".into()).spawn_scoped(scope, move || watch.run(over))
        });
        if threads.iter().chain(&readers).chain(&watch).any(Result::is_err) {
            // Without one stage the others would wait for ever.
            events.close();
            jobs.close();
            deliveries.close();
        }
        let names = ["read", "decode", "mill", "deliver"].into_iter().chain(std::iter::repeat("copy"));
        let end = |thread: std::io::Result<ScopedJoinHandle<'_, ()>>, name: &str| match thread {
            Ok(handle) => keep(wait(handle, name, &ending, shutdown_timeout)),
            Err(error) => keep(Err(Fault::retry(
                anyhow::Error::from(error).context(format!("starting the thread of stage {name}")),
            ))),
        };
        for (thread, name) in threads.into_iter().chain(readers).zip(names) {
            end(thread, name);
        }
        over.request();
        if let Some(thread) = watch {
            end(thread, "requests");
        }
    });
    match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(fault) => Err(fault),
        None => {
            // Said only here: the last stage ends as well when another one met a fault.
            info!(
                rows = counters.rows(),
                records = counters.records(),
                commits = counters.commits(),
                dead_letters = counters.dead_letters(),
                skipped = counters.skipped(),
                "everything is delivered"
            );
            Ok(())
        }
    }
}

/// Waits for a stage. A stop that takes more than half of its time inside a transaction is no longer waited for: the
/// transaction is read again at the next start.
fn wait(handle: ScopedJoinHandle<'_, ()>, name: &str, ending: &Ending, limit: Duration) -> Result<(), Fault> {
    let mut asked: Option<Instant> = None;
    while !handle.is_finished() {
        std::thread::park_timeout(STOP_CHECK);
        if ending.stop.requested() && asked.get_or_insert_with(Instant::now).elapsed() > limit / 2 {
            ending.give_up.request();
        }
    }
    handle.join().map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Fault::stop(anyhow!("stage {name} panicked: {}", text.unwrap_or_default()).context("this is a defect of rowmill: please report it"))
    })
}
