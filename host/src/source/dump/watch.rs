//! Whether the log still ends where the stream stands. A server whose log is reset goes on sending heartbeats from the end of a file
//! that is gone, and nothing of what is written to the new one.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::config::Config;
use crate::fault::Fault;
use crate::source::event::{Event, EventKind};
use crate::source::refusal::RESET_UNDER_US;
use crate::source::spot::Spot;
use crate::source::wire::Wire;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// A stream may stand for as long as the server writes a large transaction, whose end the log has to have before any of it is sent.
const LONGEST_STAND: Duration = Duration::from_secs(60);

/// Asks, over a connection of its own, when the stream says nothing but that it lives.
#[derive(Default)]
pub(super) struct Watch {
    wire: Option<Wire>,
    /// When it was asked last.
    looked: Option<Instant>,
    /// Where the stream stands while there is more behind it, and since when.
    behind: Option<(Spot, Instant)>,
}

impl Watch {
    /// Looks where nothing but a heartbeat has come.
    ///
    /// # Errors
    /// `Stop` where the log ends before the stream's place, `Retry` where the stream stands still though there is more.
    pub(super) fn look(&mut self, config: &Config, events: &[Event]) -> Result<(), Fault> {
        let [event] = events else {
            self.behind = None;
            return Ok(());
        };
        if event.kind() != EventKind::Heartbeat {
            self.behind = None;
            return Ok(());
        }
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let Ok(file) = std::str::from_utf8(&event.body) else {
            return Ok(());
        };
        let stands = Spot::new(file, u64::from(event.end_pos));
        // A server that does not answer is the stream's business.
        let Ok(Some(end)) = self.end(config).inspect_err(|_| self.wire = None) else {
            return Ok(());
        };
        self.compare(stands, &end, Instant::now())
    }

    fn compare(&mut self, stands: Spot, end: &Spot, now: Instant) -> Result<(), Fault> {
        // Heartbeats know only the low half of an offset past 4 GiB.
        let comparable = end.pos <= u64::from(u32::MAX);
        match end.order(&stands).filter(|_| comparable) {
            Some(Ordering::Less) => Err(Fault::stop(anyhow!(
                "the stream stands at {stands}, and the log ends at {end}: {RESET_UNDER_US}"
            ))),
            Some(Ordering::Greater) => match &self.behind {
                Some((spot, since)) if *spot == stands && now.duration_since(*since) > LONGEST_STAND => Err(Fault::retry(anyhow!(
                    "the stream stands still at {stands}, though the log goes on to {end}"
                ))),
                Some((spot, _)) if *spot == stands => Ok(()),
                _ => {
                    self.behind = Some((stands, now));
                    Ok(())
                }
            },
            _ => {
                self.behind = None;
                Ok(())
            }
        }
    }

    /// The end of the log.
    fn end(&mut self, config: &Config) -> Result<Option<Spot>, Fault> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::open(&config.source)?,
        };
        let rows = match wire.query("SHOW BINARY LOG STATUS") {
            // What came before MySQL 8.2 knows only the other word.
            Err(Fault::Stop(_)) => wire.query("SHOW MASTER STATUS")?,
            other => other?,
        };
        self.wire = Some(wire);
        let spot = |row: Vec<Option<String>>| {
            let mut fields = row.into_iter().flatten();
            Some(Spot::new(&fields.next()?, fields.next()?.parse().ok()?))
        };
        Ok(rows.into_iter().next().and_then(spot))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_log_that_ends_before_the_stream_was_reset_and_one_that_goes_on_without_it_is_opened_again() {
        let mut watch = Watch::default();
        let spot = |pos| Spot::new("binlog.000003", pos);
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        watch.compare(spot(100), &spot(100), at(0)).unwrap();
        watch.compare(spot(100), &spot(200), at(5)).unwrap();
        watch.compare(spot(200), &spot(300), at(100)).unwrap();
        watch.compare(spot(200), &spot(900), at(155)).unwrap();
        assert!(matches!(watch.compare(spot(200), &spot(900), at(165)), Err(Fault::Retry(_))));
        for end in [spot(199), Spot::new("binlog.000001", 900)] {
            assert!(matches!(watch.compare(spot(200), &end, at(170)), Err(Fault::Stop(_))));
        }
        watch.compare(spot(200), &Spot::new("binlog.000003", 1 << 32), at(500)).unwrap();
    }
}
