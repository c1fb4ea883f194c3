//! How far a connector is behind its source: the age of the oldest change that is known and not committed yet.
//!
//! While it runs that is the first change of the oldest commit on its way, or the transaction that is being read. While it does not
//! run, nothing new is known: then it is the age of the moment up to which all was committed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Nothing is being read.
const NONE: i64 = i64::MAX;

/// All times are milliseconds since 1970.
#[derive(Debug)]
pub(super) struct Lag {
    /// Commit time of the transaction that is being read.
    reading: AtomicI64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_running: bool,
    /// Commit time of the first change of each commit on its way.
    pending: VecDeque<i64>,
    /// Up to here all was committed when it last ran.
    left: Option<i64>,
}

impl Default for Lag {
    fn default() -> Self {
        Self {
            reading: AtomicI64::new(NONE),
            state: Mutex::default(),
        }
    }
}

impl Lag {
    /// It is known that all was committed up to this moment, unless more is known already.
    pub(super) fn found(&self, saved_ms: i64) {
        self.state().left.get_or_insert(saved_ms);
    }

    /// The stream begins. What it is behind counts on until it has said something.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        state.is_running = true;
        state.pending.clear();
        self.reading.store(state.left.unwrap_or(NONE), Ordering::Relaxed);
    }

    /// The stream has ended.
    pub(super) fn end(&self, now_ms: i64) {
        let oldest = self.oldest(&self.state());
        let mut state = self.state();
        if std::mem::take(&mut state.is_running) {
            state.left = Some(oldest.unwrap_or(now_ms).min(now_ms));
        }
    }

    /// A transaction of this time is being read; `None`: nothing came for a moment.
    pub(super) fn reading(&self, commit_ms: Option<i64>) {
        self.reading.store(commit_ms.unwrap_or(NONE), Ordering::Relaxed);
    }

    /// The first change of a commit to come.
    pub(super) fn push(&self, commit_ms: i64) {
        self.state().pending.push_back(commit_ms);
    }

    /// The oldest commit on its way is durable.
    pub(super) fn pop(&self) {
        self.state().pending.pop_front();
    }

    /// Milliseconds; `None` before anything is known.
    pub(super) fn ms(&self, now_ms: i64) -> Option<i64> {
        let state = self.state();
        let since = if state.is_running {
            self.oldest(&state).unwrap_or(now_ms)
        } else {
            state.left?
        };
        // The source's clock may be ahead of this one.
        Some(now_ms.saturating_sub(since).max(0))
    }

    fn oldest(&self, state: &State) -> Option<i64> {
        let reading = Some(self.reading.load(Ordering::Relaxed)).filter(|ms| *ms != NONE);
        state.pending.front().copied().into_iter().chain(reading).min()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_change_that_is_not_committed_counts() {
        let lag = Lag::default();
        assert_eq!(lag.ms(1000), None);
        lag.begin();
        assert_eq!(lag.ms(1000), Some(0));
        lag.reading(Some(900));
        assert_eq!(lag.ms(1000), Some(100));
        lag.push(900);
        lag.reading(Some(950));
        lag.push(950);
        assert_eq!(lag.ms(1000), Some(100));
        lag.pop();
        lag.reading(None);
        assert_eq!(lag.ms(1000), Some(50));
        lag.pop();
        assert_eq!(lag.ms(2000), Some(0), "all is committed");
    }

    #[test]
    fn a_connector_that_does_not_run_falls_behind_from_where_it_was() {
        let lag = Lag::default();
        lag.found(500);
        assert_eq!(lag.ms(1000), Some(500));
        lag.begin();
        assert_eq!(lag.ms(1000), Some(500), "until the stream has said something");
        lag.reading(None);
        assert_eq!(lag.ms(1000), Some(0));
        lag.end(1000);
        assert_eq!(lag.ms(1700), Some(700));
        lag.begin();
        lag.push(800);
        lag.end(1800);
        lag.found(1900);
        assert_eq!(lag.ms(2000), Some(1200));
    }
}
