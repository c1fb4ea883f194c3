//! Ranges of transaction numbers: sorted, disjoint, never touching.

/// Ranges with both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Intervals {
    ranges: Vec<(u64, u64)>,
}

impl Intervals {
    /// Adds `first` to `last`; the caller has checked `1 <= first <= last`.
    pub(super) fn add(&mut self, first: u64, last: u64) {
        // The usual case by far: the next transaction of a server.
        if let Some(end) = self.ranges.last_mut()
            && first == end.1.saturating_add(1)
        {
            end.1 = last;
            return;
        }
        let from = self.ranges.partition_point(|range| range.1.saturating_add(1) < first);
        let to = self.ranges.partition_point(|range| range.0 <= last.saturating_add(1));
        let merged = self
            .ranges
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .fold((first, last), |all, range| (all.0.min(range.0), all.1.max(range.1)));
        self.ranges.splice(from..to.max(from), [merged]);
    }

    /// Whether `number` lies in one of the ranges.
    pub(super) fn contains(&self, number: u64) -> bool {
        self.covers(number, number)
    }

    /// Whether all of `first` to `last` do.
    pub(super) fn covers(&self, first: u64, last: u64) -> bool {
        let at = self.ranges.partition_point(|range| range.1 < first);
        self.ranges.get(at).is_some_and(|range| range.0 <= first && last <= range.1)
    }

    /// The ranges in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().copied()
    }
}
