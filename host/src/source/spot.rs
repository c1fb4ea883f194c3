//! A place in a server's binlog, and which of two comes first.

use std::cmp::Ordering;

/// Before an event, or at the end of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spot {
    /// Binlog file.
    pub(super) file: String,
    /// Offset in it.
    pub(super) pos: u64,
}

impl Spot {
    pub(super) fn new(file: &str, pos: u64) -> Self {
        Self {
            file: file.to_owned(),
            pos,
        }
    }

    /// Which of two comes first: servers number their files at the end of the name. `None` for names of two series.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        if self.file == other.file {
            return Some(self.pos.cmp(&other.pos));
        }
        let number = |name: &str| {
            let (series, digits) = name.rsplit_once('.')?;
            Some((series.to_owned(), digits.parse::<u64>().ok()?))
        };
        let ((series, own), (others, number)) = (number(&self.file)?, number(&other.file)?);
        (series == others).then(|| own.cmp(&number))
    }

    /// Whether it comes before `other`, or is the same; a place of another series does not.
    pub(super) fn is_up_to(&self, other: &Self) -> bool {
        matches!(self.order(other), Some(Ordering::Less | Ordering::Equal))
    }
}

impl std::fmt::Display for Spot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.pos)
    }
}

#[cfg(test)]
mod tests {
    use super::Spot;

    #[test]
    fn places_of_one_series_of_files_are_ordered_by_number_and_offset() {
        let spot = Spot::new;
        for (first, second) in [
            (spot("binlog.000009", 99), spot("binlog.000009", 100)),
            (spot("binlog.000009", 900), spot("binlog.000010", 4)),
            (spot("binlog.999999", 900), spot("binlog.1000000", 4)),
        ] {
            assert!(first.is_up_to(&second) && !second.is_up_to(&first) && first.is_up_to(&first));
        }
        for (one, other) in [
            ("binlog.000009", "log.000010"),
            ("", "binlog.000001"),
            ("binlog.x", "binlog.000001"),
        ] {
            assert_eq!(spot(one, 4).order(&spot(other, 9)), None);
        }
    }
}
