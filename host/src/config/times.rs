//! Points in time as people write them.

use std::str::FromStr;

use toml::value::{Datetime, Offset};

/// Milliseconds since 1970-01-01T00:00Z of an RFC 3339 time with an offset, such as `2026-01-31T00:00:00Z`, or of a plain
/// number of milliseconds. `None`: it is neither.
pub fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(milliseconds) = text.parse::<i64>() {
        return (milliseconds >= 0).then_some(milliseconds);
    }
    milliseconds(&Datetime::from_str(text).ok()?)
}

/// The same for a time that TOML has read already.
pub(super) fn milliseconds(written: &Datetime) -> Option<i64> {
    let (date, time, offset) = (written.date?, written.time?, written.offset?);
    let offset_minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_since_1970(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let minutes = (days * 24 + i64::from(time.hour)) * 60 + i64::from(time.minute) - offset_minutes;
    let seconds = minutes * 60 + i64::from(time.second.unwrap_or(0));
    Some(seconds * 1000 + i64::from(time.nanosecond.unwrap_or(0) / 1_000_000))
}

/// Days from 1970-01-01 in the Gregorian calendar; the year is counted from March so that a leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 306 days lie between 1 March and the end of the year; 719468 is 1970-01-01 counted from 0000-03-01.
    year * 365 + leap_days + (month * 306 + 5) / 10 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse_time;

    #[test]
    fn times_with_an_offset_become_milliseconds() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2021-03-03T05:21:10+08:00", Some(1_614_720_070_000)),
            ("2024-02-29T23:59:59.999Z", Some(1_709_251_199_999)),
            ("2026-01-31 00:00:00Z", Some(1_769_817_600_000)),
            ("1614748870000", Some(1_614_748_870_000)),
            ("1969-12-31T23:59:59Z", Some(-1000)),
        ] {
            assert_eq!(parse_time(text), expected, "{text}");
        }
    }

    #[test]
    fn a_time_without_an_offset_is_no_point_in_time() {
        for text in ["2026-01-31T00:00:00", "2026-01-31", "12:00:00", "yesterday", "", "-5"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
