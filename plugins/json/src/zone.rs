//! Wall-clock times to milliseconds since 1970-01-01T00:00Z. The stretch between two changes of the offset is kept, so
//! that the common case is one comparison and one addition.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use rowmill_sdk::{Error, Schema};

/// A time zone, and the last stretch of wall-clock time that was looked up.
#[derive(Debug, Clone)]
pub struct Zone {
    /// None: the offset of `known` holds for ever.
    zone: Option<TimeZone>,
    known: Stretch,
}

/// Wall-clock seconds from `start` up to `end` that share one offset.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: i64,
    end: i64,
    offset: i64,
}

impl Zone {
    /// UTC.
    pub fn utc() -> Self {
        Self {
            zone: None,
            known: Stretch {
                start: i64::MIN,
                end: i64::MAX,
                offset: 0,
            },
        }
    }

    /// A zone by IANA name or offset.
    ///
    /// # Errors
    /// `unknown-time-zone`.
    pub fn named(name: &str) -> Result<Self, Error> {
        if let Some(offset) = offset(name) {
            return Ok(Self {
                zone: None,
                known: Stretch {
                    start: i64::MIN,
                    end: i64::MAX,
                    offset,
                },
            });
        }
        let zone = TimeZone::get(name).map_err(|_| {
            Error::new(
                "unknown-time-zone",
                format!("setting `time_zone`: `{name}` is no IANA name and no offset; write one such as `Asia/Shanghai` or `+08:00`"),
            )
        })?;
        Ok(Self {
            zone: Some(zone),
            known: Stretch {
                start: 0,
                end: 0,
                offset: 0,
            },
        })
    }

    /// The source server's own zone, which a table needs that has a column of `kinds`.
    ///
    /// # Errors
    /// `unknown-time-zone` where it has no usable name, with what mends it.
    pub fn of_source(schema: &Schema, kinds: &str) -> Result<Self, Error> {
        Self::named(&schema.time_zone).map_err(|_| {
            Error::new(
                "unknown-time-zone",
                format!(
                    "the source server's time zone, `{}`, is no IANA name and no offset, and {}.{} has a {kinds} column; set \
                     `time_zone` in the configuration of the plugin, to one such as `Asia/Shanghai` or `+08:00`",
                    schema.time_zone, schema.database, schema.table
                ),
            )
        })
    }

    /// Milliseconds since the epoch of a wall-clock time, given in milliseconds as if it were UTC. A time that a change
    /// skips takes the offset before it; one that occurs twice is the first.
    #[inline(always)]
    pub fn milliseconds(&mut self, wall: i64) -> i64 {
        self.known_milliseconds(wall)
            .unwrap_or_else(|| wall - self.look_up(wall.div_euclid(1000)) * 1000)
    }

    /// The same where it can be told without looking it up.
    #[inline(always)]
    pub(crate) fn known_milliseconds(&self, wall: i64) -> Option<i64> {
        let seconds = wall.div_euclid(1000);
        (seconds >= self.known.start && seconds < self.known.end).then_some(wall - self.known.offset * 1000)
    }

    /// Wall-clock time of an instant, both in microseconds since 1970.
    pub fn wall(&self, microseconds: i64) -> i64 {
        let offset = match &self.zone {
            None => self.known.offset,
            Some(zone) => match Timestamp::from_second(microseconds.div_euclid(1_000_000)) {
                Ok(instant) => i64::from(zone.to_offset(instant).seconds()),
                Err(_) => 0,
            },
        };
        microseconds + offset * 1_000_000
    }

    #[cold]
    #[inline(never)]
    fn look_up(&mut self, seconds: i64) -> i64 {
        let Some(zone) = &self.zone else { return self.known.offset };
        let Some(civil) = civil(seconds) else { return self.known.offset };
        let offset = match zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => return i64::from(before.seconds()),
        };
        if let Some(stretch) = stretch(zone, seconds, offset) {
            self.known = stretch;
        }
        i64::from(offset.seconds())
    }
}

/// The stretch around an unambiguous time. A gap and the first pass of a fold belong to the stretch before them.
fn stretch(zone: &TimeZone, seconds: i64, offset: Offset) -> Option<Stretch> {
    let here = i64::from(offset.seconds());
    let instant = seconds - here;
    let start = match zone.preceding(Timestamp::from_second(instant + 1).ok()?).next() {
        Some(change) => {
            let before = zone.to_offset(Timestamp::from_second(change.timestamp().as_second() - 1).ok()?);
            change.timestamp().as_second() + here.max(i64::from(before.seconds()))
        }
        None => i64::MIN,
    };
    let end = match zone.following(Timestamp::from_second(instant).ok()?).next() {
        Some(change) => change.timestamp().as_second() + here.max(i64::from(change.offset().seconds())),
        None => i64::MAX,
    };
    // A change of less than its neighbours' offsets may leave nothing; then each time is looked up by itself.
    (start <= seconds && seconds < end).then_some(Stretch { start, end, offset: here })
}

fn civil(seconds: i64) -> Option<DateTime> {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = crate::calendar::civil(days);
    let part = |number: i64| i8::try_from(number).ok();
    DateTime::new(
        i16::try_from(year).ok()?,
        part(month)?,
        part(day)?,
        part(second / 3600)?,
        part(second / 60 % 60)?,
        part(second % 60)?,
        0,
    )
    .ok()
}

/// Seconds of `+08:00`, `-3:30` or `UTC`.
fn offset(name: &str) -> Option<i64> {
    if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match name.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok())?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 14 && minutes < 60 && rest.len() <= 5).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// Milliseconds of a wall-clock text.
    fn wall(text: &str) -> i64 {
        let civil: DateTime = text.parse().unwrap();
        civil.to_zoned(TimeZone::UTC).unwrap().timestamp().as_millisecond()
    }

    #[test]
    fn every_time_of_a_century_is_what_the_zone_says() {
        for name in [
            "America/New_York",
            "Australia/Lord_Howe",
            "Asia/Shanghai",
            "Europe/Dublin",
            "Africa/Casablanca",
            "Pacific/Apia",
        ] {
            let zone = TimeZone::get(name).unwrap();
            let mut ours = Zone::named(name).unwrap();
            let mut seconds = wall("1980-01-01T00:17:00") / 1000;
            let last = wall("2080-01-01T00:00:00") / 1000;
            while seconds < last {
                let expected = match zone.to_ambiguous_timestamp(civil(seconds).unwrap()).offset() {
                    AmbiguousOffset::Unambiguous { offset } => offset,
                    AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
                };
                let expected = (seconds - i64::from(expected.seconds())) * 1000;
                assert_eq!(ours.milliseconds(seconds * 1000), expected, "{name} at {seconds}");
                // Mostly long steps; each tenth is short, so that changes are met from both sides and within.
                seconds += if seconds % 10 == 0 { 1801 } else { 7_003 };
            }
        }
    }

    #[test]
    fn a_skipped_time_takes_the_offset_before_and_a_repeated_one_is_the_first() {
        let mut zone = Zone::named("America/New_York").unwrap();
        assert_eq!(zone.milliseconds(wall("2024-03-10T02:30:00")), wall("2024-03-10T07:30:00"));
        assert_eq!(zone.milliseconds(wall("2024-11-03T01:30:00")), wall("2024-11-03T05:30:00"));
        assert_eq!(zone.milliseconds(wall("2024-11-03T02:00:00")), wall("2024-11-03T07:00:00"));
    }

    #[test]
    fn an_offset_is_subtracted() {
        assert_eq!(
            Zone::named("+08:00").unwrap().milliseconds(wall("2021-03-03T00:00:00")),
            1_614_700_800_000
        );
        assert_eq!(Zone::named("-03:30").unwrap().milliseconds(0), 12_600_000);
    }

    #[test]
    fn the_ends_of_mysqls_calendar_have_times() {
        let mut zone = Zone::named("Asia/Shanghai").unwrap();
        assert_eq!(
            zone.milliseconds(2_932_896 * 86_400_000 + 86_399_999),
            2_932_896 * 86_400_000 + 57_599_999
        );
        assert!(zone.milliseconds(-62_167_219_200_000) < 0);
    }

    #[test]
    fn a_wrong_zone_is_named_in_the_error() {
        for name in ["Mars/Olympus", "+8", "+25:00", "+08:61", "", "SYSTEM"] {
            let error = Zone::named(name).unwrap_err();
            assert!(
                error.message.contains(&format!("`{name}`")) && error.message.contains("time_zone"),
                "{error}"
            );
        }
    }
}
