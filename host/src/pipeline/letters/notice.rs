//! A line of the log for each row that was not taken, but no more than a few a minute.

use std::time::{Duration, Instant};

use tracing::warn;

use super::Letter;
use crate::config::OnError;

/// Lines within one interval.
const LINES: u32 = 20;
/// After this time there may be as many again.
const INTERVAL: Duration = Duration::from_secs(60);

/// How many lines there were.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Notices {
    since: Option<Instant>,
    lines: u32,
    held_back: u64,
}

impl Notices {
    /// Logs what happened to a row, never its values.
    pub(in crate::pipeline) fn log(&mut self, letter: &Letter) {
        if !self.admit(Instant::now()) {
            return;
        }
        let reason = &letter.reason;
        let plugin = reason.plugin.as_ref().map_or("", |(name, _)| name);
        warn!(
            table = format!("{}.{}", letter.database, letter.table),
            position = letter.place,
            stage = reason.stage.name(),
            plugin,
            code = reason.code,
            reason = reason.text,
            held_back_before = std::mem::take(&mut self.held_back),
            "{}",
            match reason.on_error {
                OnError::Skip => "a row was left out",
                OnError::DeadLetter | OnError::Stop => "a row goes to the dead-letter topic",
            }
        );
    }

    /// Whether there may be a line now.
    fn admit(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= INTERVAL) {
            self.since = Some(now);
            self.lines = 0;
        }
        self.lines += 1;
        let admitted = self.lines <= LINES;
        self.held_back += u64::from(!admitted);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_rows_at_fault_is_a_few_lines_a_minute_and_the_rest_is_counted() {
        let mut notices = Notices::default();
        let start = Instant::now();
        let admitted = (0..1000).filter(|_| notices.admit(start)).count();
        assert_eq!((admitted, notices.held_back), (20, 980));
        assert!(notices.admit(start + INTERVAL));
    }
}
