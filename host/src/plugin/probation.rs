//! A swap's first batches: what was replaced stays ready, and comes back where the new version is worse.

use std::time::{Duration, Instant};

use super::link::Link;

/// A version that has come so far stays: batches, or time.
const BATCHES: u32 = 100;
const TIME: Duration = Duration::from_secs(60);

/// Calls that may break, and succeed at the second attempt.
const BREAKS: u64 = 3;

/// So many rows that are not taken say nothing yet.
const FEW_REJECTS: u64 = 10;
/// More than so many times as many rows, of as many, are not taken as before.
const TIMES_AS_MANY: u64 = 10;

/// Rows that were given and rows that were not taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rate {
    /// All.
    pub rows: u64,
    /// Those that were not taken.
    pub rejected: u64,
}

impl Rate {
    /// Adds a batch's.
    pub(super) fn add(&mut self, rows: usize, rejected: usize) {
        self.rows = self.rows.saturating_add(u64::try_from(rows).unwrap_or(u64::MAX));
        self.rejected = self.rejected.saturating_add(u64::try_from(rejected).unwrap_or(u64::MAX));
    }

    /// Whether this is so much worse than `before` that it can't be chance.
    fn is_far_worse_than(self, before: Self) -> bool {
        // rejected / rows > TIMES * before.rejected / before.rows, without a division.
        let own = u128::from(self.rejected) * u128::from(before.rows.max(1));
        let other = u128::from(before.rejected) * u128::from(self.rows) * u128::from(TIMES_AS_MANY);
        self.rejected > FEW_REJECTS && own > other
    }
}

/// A swap that may be taken back.
pub(super) struct Probation {
    /// What was replaced, by its place.
    pub formers: Vec<(usize, Link)>,
    before: Rate,
    since: Rate,
    begun: Instant,
    batches: u32,
    breaks: u64,
}

/// What became of one batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it was to be expected.
    Fine,
    /// The swap has proved itself.
    Over,
    /// It is worse than before, for this reason.
    Worse(String),
}

impl Probation {
    /// Begins now; `before` is what those at work had rejected until now.
    pub(super) fn new(formers: Vec<(usize, Link)>, before: Rate) -> Self {
        Self {
            formers,
            before,
            since: Rate::default(),
            begun: Instant::now(),
            batches: 0,
            breaks: 0,
        }
    }

    /// Judges a batch of so many rows, of which some were not taken, while calls broke so often.
    pub(super) fn judge(&mut self, rows: usize, rejected: usize, breaks: u64) -> Verdict {
        self.batches += 1;
        self.breaks += breaks;
        let mut since = self.since;
        since.add(rows, rejected);
        if since.is_far_worse_than(self.before) {
            // What this batch would have rejected is not counted: it is tried again with the former version.
            return Verdict::Worse(format!(
                "{} of {} rows were not taken; before it was {} of {}",
                since.rejected, since.rows, self.before.rejected, self.before.rows
            ));
        }
        self.since = since;
        if self.breaks >= BREAKS {
            return Verdict::Worse(format!("calls broke {} times", self.breaks));
        }
        if self.batches >= BATCHES || self.begun.elapsed() >= TIME {
            return Verdict::Over;
        }
        Verdict::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(rows: u64, rejected: u64) -> Rate {
        Rate { rows, rejected }
    }

    #[test]
    fn a_tenfold_share_of_rejected_rows_is_far_worse() {
        assert!(!rate(1000, 10).is_far_worse_than(Rate::default()), "a few say nothing");
        assert!(rate(1000, 11).is_far_worse_than(Rate::default()));
        assert!(
            !rate(1000, 100).is_far_worse_than(rate(100_000, 1000)),
            "ten times as many are not more than that"
        );
        assert!(rate(1000, 101).is_far_worse_than(rate(100_000, 1000)));
        assert!(!rate(1000, 1000).is_far_worse_than(rate(10, 10)), "all were rejected before, too");
    }

    #[test]
    fn a_version_proves_itself_by_batches_and_fails_by_breaks() {
        let mut fine = Probation::new(Vec::new(), Rate::default());
        assert!((1..BATCHES).all(|_| fine.judge(5, 0, 0) == Verdict::Fine));
        assert_eq!(fine.judge(5, 0, 0), Verdict::Over);
        let mut breaking = Probation::new(Vec::new(), Rate::default());
        assert_eq!(breaking.judge(5, 0, 2), Verdict::Fine);
        assert!(matches!(breaking.judge(5, 0, 1), Verdict::Worse(_)));
    }
}
