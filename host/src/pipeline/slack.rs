//! Asks the server once a minute how long it keeps what is unread, off the data path, and warns where that is not long any more.

use std::time::{Duration, Instant};

use tracing::{debug, warn};

use super::{Monitor, STOP_CHECK, Stop};
use crate::config::{Config, SourceKind};
use crate::fault::Fault;
use crate::source::{Keeping, Slack};

/// Between two questions. Servers look for files to purge when they begin a new one.
const INTERVAL: Duration = Duration::from_secs(60);
/// Between two warnings while it stays so.
const AGAIN: Duration = Duration::from_secs(3600);

/// Asks until `over`, on a thread that nobody waits for: a server that does not answer must not hold up the end.
///
/// # Errors
/// `Retry` where no thread can be started.
pub(super) fn watch(config: &Config, monitor: &Monitor, over: &Stop) -> Result<(), Fault> {
    if config.source.kind != SourceKind::Mysql {
        return Ok(());
    }
    let mut watch = Watch {
        keeping: Keeping::of_server(config),
        monitor: monitor.clone(),
        warning: config.source.slack_warning,
        warned: None,
    };
    let over = over.clone();
    std::thread::Builder::new()
        .name("slack".into())
        .spawn(move || {
            let mut asked: Option<Instant> = None;
            while !over.requested() {
                if asked.is_none_or(|asked| asked.elapsed() >= INTERVAL) && watch.ask() {
                    asked = Some(Instant::now());
                }
                std::thread::sleep(STOP_CHECK);
            }
        })
        .map(|_| ())
        .map_err(|error| Fault::retry(anyhow::Error::from(error).context("starting the thread that asks what the server keeps")))
}

struct Watch {
    keeping: Keeping,
    monitor: Monitor,
    /// Below this it is warned; zero: never.
    warning: Duration,
    warned: Option<Instant>,
}

impl Watch {
    /// Whether there was something to ask for: before a first file is known there is not.
    fn ask(&mut self) -> bool {
        let Some(file) = self.monitor.file() else { return false };
        match self.keeping.ask(&file) {
            Ok(slack) => {
                // Whoever reads the warning finds the figures.
                self.monitor.slack(slack.clone());
                if let Some(slack) = &slack {
                    self.warn(slack);
                }
            }
            Err(fault) => {
                debug!(reason = %fault, "the server does not tell how long it keeps its log");
                self.monitor.slack(None);
            }
        }
        true
    }

    fn warn(&mut self, slack: &Slack) {
        let Some(left) = slack.left.filter(|left| *left < self.warning) else {
            self.warned = None;
            return;
        };
        if self.warned.is_some_and(|warned| warned.elapsed() < AGAIN) {
            return;
        }
        self.warned = Some(Instant::now());
        warn!(
            connector = self.monitor.connector(),
            file = slack.file,
            seconds_left = left.as_secs(),
            "the server may soon purge a binlog file that is not read to its end: have the connector catch up, or raise \
             binlog_expire_logs_seconds on the server"
        );
    }
}
