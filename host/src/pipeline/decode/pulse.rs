//! Heartbeats: records that prove that all changes before their time have been written.
//!
//! The proof is the source's own. Transactions stand in the log in the order of their commit times, so that after the last
//! one nothing older comes; and where the log is quiet, the server is asked for its time and then for the end of its log:
//! once the stream has passed that end, everything before that time is behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tracing::debug;

use super::{End, Stage};
use crate::source::{Clock, Reading};

/// When the next heartbeat is due, and what it waits for.
pub(in crate::pipeline) struct Pulse {
    /// Zero: never.
    interval: Duration,
    /// None for files.
    clock: Option<Clock>,
    due: Instant,
    /// What the stream has yet to pass.
    awaited: Option<Reading>,
    /// Commit time of the last whole transaction, by the source.
    committed_ms: Option<i64>,
    /// Time of the last heartbeat.
    sent_ms: i64,
    /// The stream has said where it is.
    heard: bool,
}

impl Pulse {
    /// The first one is due after an interval; zero turns them off.
    pub(in crate::pipeline) fn new(interval: Duration, clock: Option<Clock>) -> Self {
        Self {
            interval,
            clock,
            due: Instant::now() + interval,
            awaited: None,
            committed_ms: None,
            sent_ms: 0,
            heard: false,
        }
    }

    /// Events have come: from the first on, the place that the interpreter is at is the stream's own.
    pub(super) fn hear(&mut self) {
        self.heard = true;
    }

    /// A transaction has ended.
    pub(super) fn note(&mut self, commit_time_ms: Option<i64>) {
        self.committed_ms = commit_time_ms;
    }

    /// The time before which nothing can come any more, where a heartbeat is to be sent now.
    fn proved(&mut self, file: &str, pos: u64) -> Option<i64> {
        if self.interval.is_zero() {
            return None;
        }
        let mut behind = None;
        if Instant::now() >= self.due {
            self.due = Instant::now() + self.interval;
            if self.awaited.is_some() || self.clock.is_none() {
                behind = self.committed_ms;
            } else {
                self.awaited = self.ask();
            }
        }
        if self.heard && self.awaited.as_ref().is_some_and(|reading| reading.is_passed(file, pos)) {
            behind = self.awaited.take().map(|reading| reading.time_ms);
        }
        let time_ms = behind.filter(|time_ms| *time_ms > self.sent_ms)?;
        self.sent_ms = time_ms;
        Some(time_ms)
    }

    fn ask(&mut self) -> Option<Reading> {
        let reading = self.clock.as_mut()?.read();
        reading
            .inspect_err(|fault| debug!(reason = %fault, "no heartbeat now: the server does not tell its time"))
            .ok()
    }
}

impl Stage<'_> {
    /// Between two transactions: sends a heartbeat where one is due and its proof is there.
    pub(super) fn beat(&mut self) -> Result<(), End> {
        if self.in_transaction || self.parts.interpreter.in_transaction() {
            return Ok(());
        }
        let (file, pos) = self.parts.interpreter.reached();
        let Some(ts) = self.parts.pulse.proved(file, pos) else {
            return Ok(());
        };
        let mut topics: Vec<Arc<str>> = self.parts.owners.keys().cloned().collect();
        if topics.is_empty() {
            return Ok(());
        }
        topics.sort();
        let began_ms = Some(self.transaction.checkpoint_time_ms).filter(|ms| *ms > 0);
        let event = json!({
            "event": "heartbeat",
            "ts": ts,
            "checkpoint_ts": began_ms.map_or(ts, |began_ms| began_ms.min(ts)),
        });
        self.close_batches()?;
        self.control(&event, &topics)?;
        // Also where nothing has happened since the last one: a transaction that is left open is seen by nobody, and ended by the broker.
        self.moved = true;
        self.commit_point()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(time_ms: i64) -> Reading {
        Reading {
            time_ms,
            file: "log.000002".to_owned(),
            pos: 100,
        }
    }

    fn pulse(awaited: Option<Reading>) -> Pulse {
        let mut pulse = Pulse::new(Duration::from_secs(3600), None);
        pulse.awaited = awaited;
        pulse
    }

    #[test]
    fn a_heartbeat_waits_until_the_stream_itself_has_passed_the_end_of_the_log() {
        let mut waiting = pulse(Some(reading(7)));
        // The place of a checkpoint may be one of another server: nothing has been heard yet.
        assert_eq!(waiting.proved("log.000002", 100), None);
        waiting.hear();
        assert_eq!(waiting.proved("log.000002", 99), None);
        assert_eq!(waiting.proved("log.000002", 100), Some(7));
        assert_eq!(waiting.proved("log.000002", 200), None);
    }

    #[test]
    fn behind_the_log_a_heartbeat_goes_up_to_the_last_transaction_and_never_back() {
        let mut behind = pulse(Some(reading(9)));
        behind.hear();
        behind.note(Some(5));
        behind.due = Instant::now();
        assert_eq!(behind.proved("log.000001", 4), Some(5));
        behind.note(Some(3));
        behind.due = Instant::now();
        assert_eq!(behind.proved("log.000001", 40), None);
        assert_eq!(behind.proved("log.000003", 4), Some(9));
    }

    #[test]
    fn an_interval_of_zero_sends_none() {
        let mut off = Pulse::new(Duration::ZERO, None);
        off.note(Some(5));
        assert_eq!(off.proved("log.000001", 4), None);
    }
}
