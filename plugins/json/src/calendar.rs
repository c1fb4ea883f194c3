//! Dates and times as the text that MySQL prints, or as ISO 8601 has it.

use rowmill_sdk::json::{self, Cursor};

const DAY: i64 = 86_400_000_000;

/// In place of a number of fractional digits: as many as are not zero.
pub const SHORTEST: u8 = u8::MAX;

/// Year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian calendar.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    // Years that start in March put the leap day last, so that months have a formula.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A DATE in days since 1970, quoted, followed by `suffix` unless that is 0: at most 16 bytes.
pub(crate) fn date(cursor: Cursor<'_>, days: i64, suffix: u8) -> Cursor<'_> {
    marked(day(cursor.byte(b'"'), days), suffix).byte(b'"')
}

/// A DATETIME in microseconds since 1970, quoted, with `fsp` fractional digits: at most 28 bytes.
pub(crate) fn datetime(cursor: Cursor<'_>, microseconds: i64, fsp: u8) -> Cursor<'_> {
    moment(cursor, microseconds, (b' ', fsp, 0))
}

/// The same as `2024-02-29T23:59:59Z`: at most 29 bytes.
pub(crate) fn instant(cursor: Cursor<'_>, microseconds: i64, fsp: u8) -> Cursor<'_> {
    moment(cursor, microseconds, (b'T', fsp, b'Z'))
}

fn moment(cursor: Cursor<'_>, microseconds: i64, (between, fsp, suffix): (u8, u8, u8)) -> Cursor<'_> {
    let time = microseconds.rem_euclid(DAY).unsigned_abs();
    let cursor = day(cursor.byte(b'"'), microseconds.div_euclid(DAY)).byte(between);
    marked(clock(cursor, time, fsp), suffix).byte(b'"')
}

/// A TIME in microseconds, quoted, with `fsp` fractional digits, followed by `suffix` unless that is 0: at most 29 bytes.
pub(crate) fn time(cursor: Cursor<'_>, microseconds: i64, fsp: u8, suffix: u8) -> Cursor<'_> {
    let cursor = cursor.byte(b'"');
    let cursor = if microseconds < 0 { cursor.byte(b'-') } else { cursor };
    marked(clock(cursor, microseconds.unsigned_abs(), fsp), suffix).byte(b'"')
}

/// A TIME in microseconds as text, with `fsp` fractional digits.
pub fn time_text(microseconds: i64, fsp: u8) -> String {
    let mut text = Vec::new();
    json::write(&mut text, 32, |cursor| {
        let cursor = if microseconds < 0 { cursor.byte(b'-') } else { cursor };
        (clock(cursor, microseconds.unsigned_abs(), fsp), ())
    });
    String::from_utf8(text).unwrap_or_default()
}

fn marked(cursor: Cursor<'_>, suffix: u8) -> Cursor<'_> {
    if suffix == 0 { cursor } else { cursor.byte(suffix) }
}

/// Year, month and day.
fn day(cursor: Cursor<'_>, days: i64) -> Cursor<'_> {
    let (year, month, day) = civil(days);
    let cursor = cursor.digits(year.unsigned_abs(), 4).byte(b'-').digits(month.unsigned_abs(), 2);
    cursor.byte(b'-').digits(day.unsigned_abs(), 2)
}

/// Hours (two digits or more), minutes, seconds and fraction.
fn clock(cursor: Cursor<'_>, microseconds: u64, fsp: u8) -> Cursor<'_> {
    let seconds = microseconds / 1_000_000;
    let hours = seconds / 3600;
    let cursor = if hours < 100 {
        cursor.digits(hours, 2)
    } else {
        cursor.unsigned(hours)
    };
    let cursor = cursor.byte(b':').digits(seconds / 60 % 60, 2).byte(b':').digits(seconds % 60, 2);
    let fsp = if fsp == SHORTEST { needed(microseconds % 1_000_000) } else { fsp };
    match fsp {
        0 => cursor,
        _ => {
            let fraction = (0..6_u8.saturating_sub(fsp)).fold(microseconds % 1_000_000, |rest, _| rest / 10);
            cursor.byte(b'.').digits(fraction, usize::from(fsp.min(6)))
        }
    }
}

/// Fractional digits of a number of microseconds, without zeros at their end.
fn needed(mut microseconds: u64) -> u8 {
    if microseconds == 0 {
        return 0;
    }
    let mut digits = 6;
    while microseconds.is_multiple_of(10) {
        microseconds /= 10;
        digits -= 1;
    }
    digits
}
