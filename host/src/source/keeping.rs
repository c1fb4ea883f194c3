//! How long the server keeps its binlog: until the file with which a connector would go on may be purged.
//!
//! Servers purge whole files, the oldest first, once a file was written to last longer ago than the expiry: so once the next
//! file was begun that long ago. The last file is written to still.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::dump::Dump;
use super::event::EventKind;
use super::spot::Spot;
use super::start::files;
use crate::config::Config;
use crate::fault::Fault;

/// The first event of a file comes at once, or the server is busy.
const FIRST_EVENT: Duration = Duration::from_secs(10);

/// Asks the server, over a connection of its own.
#[derive(Debug)]
pub struct Keeping {
    config: Config,
    connection: Option<Connection>,
    /// A file, and when it was begun: seconds since 1970, by the server's clock.
    began: Option<(String, u64)>,
}

/// What is left until a purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slack {
    /// Nothing where the server does not purge by age.
    pub left: Option<Duration>,
    /// The file that it is about.
    pub file: String,
}

impl Keeping {
    /// Of the configured server. Nothing is asked yet.
    pub fn of_server(config: &Config) -> Self {
        Self {
            config: config.clone(),
            connection: None,
            began: None,
        }
    }

    /// Until the server may purge this file; `None` where it has no such file, and never had. Blocks its thread; after an error the
    /// next call connects again.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached, `Stop` where it refuses.
    pub fn ask(&mut self, file: &str) -> Result<Option<Slack>, Fault> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.config)?,
        };
        let expiry = expiry(&mut connection)?;
        let names = files(&mut connection)?;
        let now = connection
            .value("SELECT UNIX_TIMESTAMP()")?
            .and_then(|text| text.parse::<u64>().ok());
        self.connection = Some(connection);
        let left = match place(&names, file) {
            Place::Unknown => return Ok(None),
            Place::Purged => Some(Duration::ZERO),
            Place::Last => expiry,
            Place::Before(next) => match (expiry, now) {
                (Some(expiry), Some(now)) => Some(left(expiry, self.began(next)?, now)),
                _ => None,
            },
        };
        Ok(Some(Slack {
            left,
            file: file.to_owned(),
        }))
    }

    /// When a file was begun.
    fn began(&mut self, file: &str) -> Result<u64, Fault> {
        if let Some((_, began)) = self.began.as_ref().filter(|(known, _)| known == file) {
            return Ok(*began);
        }
        let mut dump = Dump::beginning(&self.config, file)?;
        let deadline = Instant::now() + FIRST_EVENT;
        while Instant::now() < deadline {
            let mut events = Vec::new();
            // After the log's last event comes an error, which does not matter once the first one is there.
            let read = dump.read(&mut events, Duration::from_secs(1));
            if let Some(event) = events.iter().find(|event| event.kind() == EventKind::FormatDescription) {
                let began = u64::from(event.timestamp);
                self.began = Some((file.to_owned(), began));
                return Ok(began);
            }
            read?;
        }
        Err(Fault::retry(anyhow::anyhow!("the server does not send the start of {file}")))
    }
}

/// After which time the server purges files by itself; `None`: it does not.
///
/// # Errors
/// `Retry` for a lost connection.
pub(super) fn expiry(connection: &mut Connection) -> Result<Option<Duration>, Fault> {
    if connection.global("binlog_expire_logs_auto_purge")?.as_deref() == Some("OFF") {
        return Ok(None);
    }
    let seconds = connection.global("binlog_expire_logs_seconds")?;
    let days = connection.global("expire_logs_days")?;
    Ok(expiry_of(seconds.as_deref(), days.as_deref()))
}

/// The seconds count where they are set. MariaDB's days have a fraction.
fn expiry_of(seconds: Option<&str>, days: Option<&str>) -> Option<Duration> {
    let positive = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok()).filter(|number| *number > 0.0);
    let seconds = positive(seconds).or_else(|| Some(positive(days)? * 86_400.0))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Where a file is among those that the server has.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    /// It is none of this server.
    Unknown,
    /// It was before the first.
    Purged,
    /// The server writes to it.
    Last,
    /// This one follows it.
    Before(&'a str),
}

fn place<'a>(names: &'a [String], file: &str) -> Place<'a> {
    let Some(at) = names.iter().position(|name| name == file) else {
        let is_before = |first: &String| Spot::new(file, 0).order(&Spot::new(first, 0)) == Some(Ordering::Less);
        return if names.first().is_some_and(is_before) {
            Place::Purged
        } else {
            Place::Unknown
        };
    };
    names.get(at + 1).map_or(Place::Last, |next| Place::Before(next))
}

/// All in seconds since 1970.
fn left(expiry: Duration, next_began: u64, now: u64) -> Duration {
    expiry.saturating_sub(Duration::from_secs(now.saturating_sub(next_began)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_expires_so_long_after_the_next_one_was_begun() {
        let hour = Duration::from_secs(3600);
        assert_eq!(left(hour, 1000, 1600), Duration::from_secs(3000));
        assert_eq!(left(hour, 1000, 10_000), Duration::ZERO);
        assert_eq!(left(hour, 1000, 900), hour, "clocks may be set back");
    }

    #[test]
    fn a_file_is_found_among_those_that_the_server_has() {
        let names = ["log.000003", "log.000004", "log.000005"].map(str::to_owned);
        assert_eq!(place(&names, "log.000003"), Place::Before("log.000004"));
        assert_eq!(place(&names, "log.000005"), Place::Last);
        assert_eq!(place(&names, "log.000002"), Place::Purged);
        assert_eq!(place(&names, "log.000006"), Place::Unknown);
        assert_eq!(place(&names, "other.000002"), Place::Unknown, "it is another server's");
        assert_eq!(place(&[], "log.000002"), Place::Unknown);
    }

    #[test]
    fn seconds_count_before_days_and_zero_is_never() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(expiry_of(Some("2592000"), Some("0")), seconds(2_592_000));
        assert_eq!(expiry_of(Some("0"), Some("2")), seconds(172_800));
        assert_eq!(expiry_of(None, Some("0.500000")), seconds(43_200));
        assert_eq!(expiry_of(Some("0"), Some("0")), None);
        assert_eq!(expiry_of(None, None), None);
    }
}
