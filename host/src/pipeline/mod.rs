//! The loop read → batch → plugin → sink → checkpoint; alone decides on a fault.
//!
//! Each stage has its thread, with a queue bounded in bytes between two of them. A fault that asks for a retry tears all of
//! them down and starts again at the checkpoint: the one path that a crash takes too.

mod stop;
mod backoff;
mod ownership;
mod queue;
mod letters;
mod counters;
mod progress;
mod requests;
mod monitor;
mod tally;
mod slack;
mod copy;
mod read;
mod decode;
mod mill;
mod deliver;
mod stages;
mod gap;
mod recall;
mod attempt;
mod replay;
mod demo;
#[cfg(test)]
mod damage;

pub use demo::demo;
pub use letters::{DeadLetter, Outcome, Replayed, dead_letters, replay};
pub use monitor::{Monitor, State, Status, Trouble};
pub use progress::{Copied, CopiedTable, CopyState, Progress};
pub use stop::Stop;

use std::time::{Duration, Instant};

use tracing::{info, warn};

use self::backoff::Backoff;
use self::counters::Counters;
use self::ownership::Claim;
use crate::config::Config;
use crate::fault::Fault;
use crate::plugin::Chain;
use crate::source::{is_collision, is_purged};

/// Within this time a process that is not the owner any more has heard of it.
const HEARD: Duration = Duration::from_secs(8);
/// A server that says again within this time that something is purged, of which nothing was found, is believed.
const GAP_LOOKED: Duration = Duration::from_secs(60);
/// How often a waiting stage looks whether it should stop.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// Runs one connector until `stop` is requested or a fault needs a person; `monitor` tells how it is.
///
/// # Errors
/// `Stop` or `Reject` with the reason. `Retry` is handled here, unless the stop was requested meanwhile.
pub fn run(config: &Config, stop: &Stop, monitor: &Monitor) -> Result<(), Fault> {
    let over = Stop::new();
    // What has not happened to a plugin yet is told as 0, so that its first time shows as an increase.
    for plugin in &config.plugins {
        monitor.meter().plugin_traps(&plugin.name, 0);
        monitor.meter().plugin_swaps(&plugin.name, (0, 0, 0));
    }
    let outcome = slack::watch(config, monitor, &over).and_then(|()| attempts(config, stop, monitor));
    over.request();
    monitor.end(&outcome);
    outcome
}

fn attempts(config: &Config, stop: &Stop, monitor: &Monitor) -> Result<(), Fault> {
    let mut run = Run {
        config,
        monitor,
        counters: Counters::of(monitor),
        chain: None,
    };
    let mut backoff = Backoff::default();
    let mut looked_for_gap: Option<Instant> = None;
    loop {
        let (started, commits) = (Instant::now(), run.counters.commits());
        monitor.attempt();
        let outcome = owned_attempt(&mut run, stop);
        monitor.meter().end_stream();
        match outcome {
            Err(Fault::Retry(reason)) if !stop.requested() => {
                let (attempt, wait) = backoff.next(started.elapsed(), run.counters.commits() > commits);
                monitor.retry(&reason, wait);
                let reason = format!("{reason:#}");
                warn!(connector = %config.name, reason, attempt, wait_ms = wait.as_millis(), "starting again");
                sleep_unless_stopped(wait, stop);
            }
            Ok(()) => {
                info!(connector = %config.name, "stopped");
                return Ok(());
            }
            // A retry that nobody wants any more: what was not committed is read again at the next start.
            Err(Fault::Retry(reason)) => {
                warn!(connector = %config.name, reason = format!("{reason:#}"), "stopped with changes that were not committed");
                return Ok(());
            }
            // The start at the checkpoint finds out what is gone, and what to do about it. Where it finds nothing the server's word counts.
            Err(fault) if is_purged(&fault) && looked_for_gap.is_none_or(|last| last.elapsed() >= GAP_LOOKED) => {
                looked_for_gap = Some(Instant::now());
                warn!(connector = %config.name, reason = %fault, "looking for what the server has purged");
            }
            Err(fault) => return Err(fault),
        }
        if stop.requested() {
            return Ok(());
        }
    }
}

/// What outlives attempts.
struct Run<'a> {
    config: &'a Config,
    monitor: &'a Monitor,
    counters: Counters,
    /// Compiling it again would only delay a retry.
    chain: Option<Chain>,
}

/// One attempt, beside which the claim on the connector is kept alive; ends when it is lost.
fn owned_attempt(run: &mut Run<'_>, stop: &Stop) -> Result<(), Fault> {
    let over = Stop::new();
    let config = run.config;
    std::thread::scope(|scope| {
        let claim = Claim::new(scope, config, stop, &over)?;
        let outcome = attempt::run(run, &claim);
        // A process that stood still for long meets its successor at the server before it hears of it.
        let succeeded = matches!(&outcome, Err(fault) if is_collision(fault)) && !stop.requested();
        let lost = claim.lost(if succeeded { HEARD } else { Duration::ZERO });
        over.request();
        match lost {
            Some(fault) if outcome.is_ok() || succeeded => Err(fault),
            _ => outcome,
        }
    })
}

fn sleep_unless_stopped(time: Duration, stop: &Stop) {
    let deadline = Instant::now() + time;
    while !stop.requested() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(STOP_CHECK));
    }
}
