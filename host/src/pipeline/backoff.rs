//! How long to wait before trying again.

use std::time::Duration;

/// Wait before the first retry; it doubles up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(250);
/// Longest wait between two retries: a server or broker that comes back is noticed within this time.
const LONGEST: Duration = Duration::from_secs(5);
/// An attempt that ran this long was a success, even if there was nothing to deliver.
const GOOD: Duration = Duration::from_secs(60);

/// Counts attempts that failed one after the other.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failed: u32,
    wait: Duration,
}

impl Backoff {
    /// After an attempt that ran this long, and delivered something or not: the number of the next one in a row, and the wait before it.
    ///
    /// Only an attempt that delivered and outlived the wait before it ends the row: what fails at once at the same change is
    /// not tried again four times a second.
    pub(super) fn next(&mut self, ran: Duration, delivered: bool) -> (u32, Duration) {
        if ran >= GOOD || (delivered && ran >= self.wait) {
            *self = Self::default();
        }
        self.failed = self.failed.saturating_add(1);
        self.wait = (self.wait * 2).clamp(SHORTEST, LONGEST);
        (self.failed, self.wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let at_once = Duration::from_millis(10);
        let waits: Vec<_> = (0..7).map(|_| backoff.next(at_once, false).1.as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!(
            backoff.next(at_once, true),
            (8, LONGEST),
            "it failed at once, whatever it delivered before"
        );
        assert_eq!(backoff.next(LONGEST, true), (1, SHORTEST));
        assert_eq!(backoff.next(LONGEST, false), (2, SHORTEST * 2));
        assert_eq!(backoff.next(GOOD, false), (1, SHORTEST));
    }
}
