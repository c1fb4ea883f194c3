//! Dates and times as conditions and logs write them, also impossible ones such as `0000-00-00`.

use rowmill_sdk::Date;

use crate::wide::Bound;

const DAY: i64 = 86_400_000_000;

/// A date with a time of day, whose parts need not be possible. Ordered as MySQL orders them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    year: i32,
    month: u8,
    day: u8,
    /// Microseconds of the day.
    clock: i64,
    /// Whether there are digits behind the microseconds.
    beyond: bool,
    /// Minutes that the text's zone is ahead of UTC.
    zone: i64,
}

impl Moment {
    /// Of a text such as `2024-02-29`, `2024-02-29 23:59:59.5`; where `zoned`, with `Z` or `+02:00` behind it.
    pub(crate) fn read(text: &str, zoned: bool) -> Option<Self> {
        let (text, zone) = if zoned { zone(text)? } else { (text, 0) };
        let (date, clock) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
        let mut parts = date.split('-');
        let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
        if parts.next().is_some() || month > 12 || day > 31 {
            return None;
        }
        let (clock, beyond) = time(clock, 23)?;
        Some(Self {
            year: i32::try_from(year).ok()?,
            month: u8::try_from(month).ok()?,
            day: u8::try_from(day).ok()?,
            clock,
            beyond,
            zone,
        })
    }

    /// Where it lies among days.
    pub(crate) fn days(self) -> Bound {
        let bound = self.microseconds();
        let microseconds = i64::try_from(bound.floor.narrow()).unwrap_or(i64::MAX);
        Bound {
            floor: i128::from(microseconds.div_euclid(DAY)).into(),
            exact: bound.exact && microseconds.rem_euclid(DAY) == 0,
        }
    }

    /// Where it lies among microseconds since 1970.
    pub(crate) fn microseconds(self) -> Bound {
        let possible = Date {
            year: self.year,
            month: self.month.max(1),
            day: self.day.max(1),
        };
        let round = Date::from_days(possible.days());
        let begin = |date: Date| i64::from(date.days()) * DAY - self.zone * 60_000_000;
        if self.month == 0 || self.day == 0 {
            // Such a date comes before the first day of its month or year.
            return Bound {
                floor: i128::from(begin(possible) - 1).into(),
                exact: false,
            };
        }
        if round != possible {
            // The 30th of February comes behind its 29th, and before the first of March.
            let first = Date { day: 1, ..round };
            return Bound {
                floor: i128::from(begin(first) - 1).into(),
                exact: false,
            };
        }
        Bound {
            floor: i128::from(begin(possible) + self.clock).into(),
            exact: !self.beyond,
        }
    }
}

/// Where a text such as `-12:30:00.5` lies among microseconds.
pub(crate) fn span(text: &str) -> Option<Bound> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (clock, beyond) = time(text, 838)?;
    let clock = if negative { -clock - i64::from(beyond) } else { clock };
    Some(Bound {
        floor: i128::from(clock).into(),
        exact: !beyond,
    })
}

/// Microseconds of `hours:minutes[:seconds[.fraction]]`, and whether there is more behind them.
fn time(text: &str, most: i64) -> Option<(i64, bool)> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let hours = parts.next()?;
    let hours = number(hours).filter(|hours| (0..=most).contains(hours))?;
    let minutes = digits(parts.next()?, 2)?;
    let seconds = parts.next().map_or(Some(0), |seconds| digits(seconds, 2))?;
    if parts.next().is_some() || minutes > 59 || seconds > 59 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut microseconds = 0;
    for i in 0..6 {
        let digit = fraction.as_bytes().get(i).map_or(0, |digit| digit - b'0');
        microseconds = microseconds * 10 + i64::from(digit);
    }
    let beyond = fraction.bytes().skip(6).any(|digit| digit != b'0');
    Some(((hours * 3600 + minutes * 60 + seconds) * 1_000_000 + microseconds, beyond))
}

/// The text before its zone, and that zone's minutes.
fn zone(text: &str) -> Option<(&str, i64)> {
    if let Some(text) = text.strip_suffix('Z') {
        return Some((text, 0));
    }
    let at = text.len().checked_sub(6);
    let Some((clock, zone)) = at.and_then(|at| text.split_at_checked(at)).filter(|_| text.contains(':')) else {
        return Some((text, 0));
    };
    let negative = match zone.as_bytes().first() {
        Some(b'+') => false,
        Some(b'-') => true,
        _ => return Some((text, 0)),
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let minutes = digits(hours, 2)? * 60 + digits(minutes, 2)?;
    Some((clock, if negative { -minutes } else { minutes }))
}

fn digits(text: &str, most: usize) -> Option<i64> {
    number(text).filter(|_| text.len() <= most)
}

fn number(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{Bound, Moment, span};
    use crate::wide::Wide;

    fn days(text: &str) -> (i128, bool) {
        let bound = Moment::read(text, false).map(Moment::days);
        bound.map_or((0, false), |Bound { floor, exact }| (floor.narrow(), exact))
    }

    #[test]
    fn dates_lie_where_the_calendar_has_them_and_impossible_ones_between() {
        assert_eq!(days("2021-03-03"), (18_689, true));
        assert_eq!(days("2021-03-03 00:00:01"), (18_689, false));
        assert_eq!(days("2021-02-30"), (18_686, false));
        assert_eq!(days("2021-03-00"), (18_686, false));
        assert_eq!(days("2021-00-00"), (18_627, false));
        assert_eq!(days("2020-12-31"), (18_627, true));
        let odd = |text: &str| Moment::read(text, false);
        assert!(odd("0000-00-00") < odd("0001-01-01") && odd("2021-02-29") < odd("2021-02-30"));
    }

    #[test]
    fn times_have_microseconds_and_zones() {
        let at = |text: &str| Moment::read(text, true).map(|moment| moment.microseconds());
        let plain = at("2021-03-03 05:21:10.25");
        assert_eq!(plain, Some(Bound::exactly(Wide::from(1_614_748_870_250_000))));
        assert_eq!(
            at("2021-03-03T07:21:10.250Z").map(|bound| bound.floor.narrow()),
            Some(1_614_756_070_250_000)
        );
        assert_eq!(at("2021-03-03 07:21:10.25+02:00"), plain);
        assert_eq!(at("2021-03-03 05:21:10.2500001").map(|bound| bound.exact), Some(false));
        assert_eq!(span("-838:59:59"), Some(Bound::exactly(Wide::from(-3_020_399_000_000))));
        assert_eq!(
            span("-00:00:00.0000001").map(|bound| (bound.floor.narrow(), bound.exact)),
            Some((-1, false))
        );
        for wrong in [
            "",
            "2021",
            "2021-13-01",
            "2021-01-32",
            "2021-01-01 24:00:00",
            "21-1",
            "2021-01-01 1",
            "x",
        ] {
            assert_eq!(Moment::read(wrong, true), None, "{wrong}");
        }
    }
}
