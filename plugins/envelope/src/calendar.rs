//! Dates and times as the text that MySQL prints.

use rowmill_sdk::json::Cursor;

const DAY: i64 = 86_400_000_000;

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

/// A DATETIME in microseconds since 1970, quoted, with `fsp` fractional digits: at most 28 bytes.
pub(crate) fn datetime(cursor: Cursor<'_>, microseconds: i64, fsp: u8) -> Cursor<'_> {
    let (year, month, day) = civil(microseconds.div_euclid(DAY));
    let time = microseconds.rem_euclid(DAY).unsigned_abs();
    let cursor = cursor
        .byte(b'"')
        .digits(year.unsigned_abs(), 4)
        .byte(b'-')
        .digits(month.unsigned_abs(), 2);
    let cursor = cursor.byte(b'-').digits(day.unsigned_abs(), 2).byte(b' ');
    clock(cursor, time, fsp).byte(b'"')
}

/// A TIME in microseconds, quoted, with `fsp` fractional digits: at most 28 bytes.
pub(crate) fn time(cursor: Cursor<'_>, microseconds: i64, fsp: u8) -> Cursor<'_> {
    let cursor = cursor.byte(b'"');
    let cursor = if microseconds < 0 { cursor.byte(b'-') } else { cursor };
    clock(cursor, microseconds.unsigned_abs(), fsp).byte(b'"')
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
    match fsp {
        0 => cursor,
        _ => {
            let fraction = (0..6_u8.saturating_sub(fsp)).fold(microseconds % 1_000_000, |rest, _| rest / 10);
            cursor.byte(b'.').digits(fraction, usize::from(fsp.min(6)))
        }
    }
}
