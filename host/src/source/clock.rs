//! The server's clock together with the end of its binlog: what proves that nothing older can still come.

use anyhow::anyhow;

use super::connection::Connection;
use super::start::log_status;
use crate::config::Config;
use crate::fault::Fault;

/// Asks the server, over a connection of its own.
#[derive(Debug)]
pub struct Clock {
    config: Config,
    connection: Option<Connection>,
}

/// Every transaction that was committed before `time_ms` is in the binlog before `file` and `pos`: the server notes a
/// transaction's commit time while it holds the lock under which the end of the log is read, and the end was read after
/// the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Milliseconds since 1970, by the server's clock.
    pub time_ms: i64,
    /// Binlog file.
    pub file: String,
    /// Offset in it.
    pub pos: u64,
}

impl Reading {
    /// Whether a stream that has read up to `pos` of `file` has passed it. Files are numbered at their names' end.
    pub fn is_passed(&self, file: &str, pos: u64) -> bool {
        if file == self.file {
            return pos >= self.pos;
        }
        let number = |name: &str| name.rsplit_once('.').and_then(|(_, digits)| digits.parse::<u64>().ok());
        number(file) > number(&self.file) && number(&self.file).is_some()
    }
}

impl Clock {
    /// The clock of the configured server. Nothing is asked yet.
    pub fn of_server(config: &Config) -> Self {
        Self {
            config: config.clone(),
            connection: None,
        }
    }

    /// Asks. Blocks its thread; after an error the next call connects again.
    ///
    /// # Errors
    /// `Retry` where the server can't be reached, `Stop` where it refuses.
    pub fn read(&mut self) -> Result<Reading, Fault> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.config)?,
        };
        let time_ms = connection.value("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000")?;
        let status = log_status(&mut connection)?;
        let field = |at: usize| status.as_ref().and_then(|row| row.get(at)).cloned().flatten();
        let parts = (
            time_ms.and_then(|text| text.parse().ok()),
            field(0),
            field(1).and_then(|text| text.parse().ok()),
        );
        let (Some(time_ms), Some(file), Some(pos)) = parts else {
            return Err(Fault::retry(anyhow!("the server shows no time or no end of its binlog")));
        };
        self.connection = Some(connection);
        Ok(Reading { time_ms, file, pos })
    }
}

#[cfg(test)]
mod tests {
    use super::Reading;

    #[test]
    fn a_stream_has_passed_a_reading_only_at_its_place_or_in_a_later_file() {
        let reading = Reading {
            time_ms: 0,
            file: "binlog.000009".to_owned(),
            pos: 100,
        };
        assert!(reading.is_passed("binlog.000009", 100));
        assert!(reading.is_passed("binlog.000010", 4));
        assert!(reading.is_passed("binlog.1000000", 4));
        assert!(!reading.is_passed("binlog.000009", 99));
        assert!(!reading.is_passed("binlog.000008", 900));
        assert!(!reading.is_passed("", 900));
    }
}
