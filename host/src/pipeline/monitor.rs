//! What others may know of a connector: its state, where it is, what it met last. Written by the run, read by whoever asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::decode::now_ms;
use super::progress::{Copied, CopyState, Progress};
use crate::config::Config;
use crate::fault::Fault;
use crate::metrics::{Copies, Meter, Metrics};
use crate::plugin::Standing;
use crate::position::Position;
use crate::source::Slack;

/// What a connector is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It connects for the first time.
    Starting,
    /// Another process runs it, or the group that decides is just forming.
    Waiting,
    /// Changes flow.
    Running,
    /// It met a fault that may pass: it waits for the next attempt, or is at it.
    Retrying,
    /// It ended as asked.
    Stopped,
    /// It ended with a fault that needs a person.
    Failed,
}

impl State {
    /// Names of all.
    pub const NAMES: [&'static str; 6] = ["starting", "waiting", "running", "retrying", "stopped", "failed"];

    /// For people and for labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// A fault that ended an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// In words.
    pub text: String,
    /// `retry`, `reject` or `stop`.
    pub kind: &'static str,
    /// When, milliseconds since 1970.
    pub time_ms: i64,
}

/// How a connector is. Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// Since when.
    pub since_ms: i64,
    /// Which attempt it is, from 1.
    pub attempt: u64,
    /// The fault that ended an attempt last, also long after that is over.
    pub trouble: Option<Trouble>,
    /// When the next attempt begins, while that is waited for.
    pub next_attempt_ms: Option<i64>,
    /// Up to here all is committed.
    pub position: Option<Position>,
    /// The binlog file that is being read.
    pub reading: Option<String>,
    /// When this position was committed by this process.
    pub committed_ms: Option<i64>,
    /// Until the server may purge what is unread, as it was asked last.
    pub slack: Option<Slack>,
    /// The plugins, in order, as of the last commit.
    pub plugins: Vec<Standing>,
}

/// Watches one connector. Clones share it.
#[derive(Debug, Clone)]
pub struct Monitor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connector: String,
    meter: Meter,
    progress: Progress,
    status: Mutex<Status>,
}

impl Monitor {
    /// Of a connector that has not been started.
    pub fn new(config: &Config, metrics: &Metrics) -> Self {
        let meter = metrics.meter(&config.name, config.limits.metric_names);
        meter.memory_limit(config.limits.memory);
        let progress = Progress::new();
        let told = progress.clone();
        meter.copies(move || copies(&told.now()));
        let state = State::Starting;
        meter.state(state.name(), &State::NAMES);
        Self(Arc::new(Inner {
            connector: config.name.clone(),
            meter,
            progress,
            status: Mutex::new(Status {
                state,
                since_ms: now_ms(),
                attempt: 0,
                trouble: None,
                next_attempt_ms: None,
                position: None,
                reading: None,
                committed_ms: None,
                slack: None,
                plugins: Vec::new(),
            }),
        }))
    }

    /// The connector's name.
    pub fn connector(&self) -> &str {
        &self.0.connector
    }

    /// How it is now.
    pub fn status(&self) -> Status {
        self.write().clone()
    }

    /// What measures it.
    pub fn meter(&self) -> &Meter {
        &self.0.meter
    }

    /// How far the copy of existing rows is.
    pub fn copied(&self) -> Copied {
        self.0.progress.now()
    }

    /// Where that is kept.
    pub(super) fn progress(&self) -> &Progress {
        &self.0.progress
    }

    /// Another attempt begins.
    pub(super) fn attempt(&self) {
        let mut status = self.write();
        status.attempt += 1;
        status.next_attempt_ms = None;
        drop(status);
        self.connect();
    }

    /// It connects: after a fault that is a part of trying again.
    pub(super) fn connect(&self) {
        let state = match self.status().trouble {
            Some(_) => State::Retrying,
            None => State::Starting,
        };
        self.enter(state);
    }

    /// It is doing something else.
    pub(super) fn enter(&self, state: State) {
        let mut status = self.write();
        if status.state != state {
            status.state = state;
            status.since_ms = now_ms();
        }
        drop(status);
        self.0.meter.state(state.name(), &State::NAMES);
    }

    /// An attempt ended with a fault; the next one begins after `wait`.
    pub(super) fn retry(&self, fault: &anyhow::Error, wait: Duration) {
        self.0.meter.retried();
        let mut status = self.write();
        status.trouble = Some(trouble("retry", fault));
        status.next_attempt_ms = i64::try_from(wait.as_millis()).ok().map(|wait| now_ms().saturating_add(wait));
        drop(status);
        self.enter(State::Retrying);
    }

    /// It ended so.
    pub fn end(&self, outcome: &Result<(), Fault>) {
        let Err(fault) = outcome else {
            self.enter(State::Stopped);
            return;
        };
        let (kind, error) = match fault {
            Fault::Retry(error) => ("retry", error),
            Fault::Reject(error) => ("reject", error),
            Fault::Stop(error) => ("stop", error),
        };
        self.write().trouble = Some(trouble(kind, error));
        self.enter(State::Failed);
    }

    /// A checkpoint was loaded that was saved at this time.
    pub(super) fn found(&self, position: &Position, saved_ms: i64) {
        self.0.meter.found_checkpoint(saved_ms);
        self.write().position = Some(position.clone());
    }

    /// Everything up to here is committed.
    pub(super) fn committed(&self, position: Position) {
        let mut status = self.write();
        status.position = Some(position);
        status.committed_ms = Some(now_ms());
    }

    /// The plugins are so.
    pub(super) fn plugins(&self, standing: &[Standing]) {
        let mut status = self.write();
        if status.plugins != standing {
            status.plugins = standing.to_vec();
        }
    }

    /// This binlog file is being read.
    pub(super) fn reads(&self, file: &str) {
        self.write().reading = Some(file.to_owned());
    }

    /// The file with which it would go on: that of the position, which may have none before the first commit.
    pub(super) fn file(&self) -> Option<String> {
        let status = self.write();
        let of_position = status.position.as_ref().map(|position| position.file.clone());
        of_position.filter(|file| !file.is_empty()).or_else(|| status.reading.clone())
    }

    /// The server was asked how long it keeps what is unread.
    pub(super) fn slack(&self, slack: Option<Slack>) {
        let seconds = slack
            .as_ref()
            .map(|slack| slack.left.map_or(f64::INFINITY, |left| left.as_secs_f64()));
        self.0.meter.slack(seconds);
        self.write().slack = slack;
    }

    fn write(&self) -> MutexGuard<'_, Status> {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What metrics tell of copies. Without an estimate the rows that came count; where a table has more than that, too.
fn copies(copied: &Copied) -> Copies {
    let estimate = |table: &super::CopiedTable| match table.state {
        CopyState::Waiting | CopyState::Copying => table.rows.max(table.rows_about.unwrap_or(0)),
        CopyState::Done | CopyState::Gone => table.rows,
    };
    Copies {
        rows: copied.rows,
        estimate: copied.tables.iter().map(estimate).sum(),
        tables_left: copied.tables_left,
        rows_per_second: copied.rows_per_second,
    }
}

fn trouble(kind: &'static str, error: &anyhow::Error) -> Trouble {
    Trouble {
        text: format!("{error:#}"),
        kind,
        time_ms: now_ms(),
    }
}
