//! DATE, DATETIME, TIMESTAMP and TIME as row images store them since MySQL 5.6, to days and microseconds. A date that no
//! calendar has (MySQL stores zero dates, zero parts, and on request 31 February) is not an error: it comes back as MySQL's text.

use super::cursor::Cursor;
use super::flaw::Flaw;

/// A value, or the text of a date that no calendar has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Moment<T> {
    /// Days or microseconds.
    Real(T),
    /// What MySQL prints.
    Odd(String),
}

/// Microseconds of a second, a minute, an hour, a day.
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Bytes of the fraction after a value with `fsp` digits.
pub(super) fn fraction_bytes(fsp: u8) -> u8 {
    fsp.div_ceil(2)
}

/// DATE: days since 1970-01-01.
#[inline]
pub(super) fn date(cursor: &mut Cursor<'_>) -> Result<Moment<i32>, Flaw> {
    let value = cursor.little(3)?;
    let (year, month, day) = (value >> 9, (value >> 5) & 15, value & 31);
    within("month", month, 12, "DATE")?;
    within("year", year, 9999, "DATE")?;
    Ok(match days(year, month, day) {
        Some(days) => Moment::Real(days),
        None => Moment::Odd(format!("{year:04}-{month:02}-{day:02}")),
    })
}

/// DATETIME(fsp): microseconds since 1970-01-01T00:00 on the wall clock.
#[inline]
pub(super) fn datetime(cursor: &mut Cursor<'_>, fsp: u8) -> Result<Moment<i64>, Flaw> {
    let stored = cursor.big(5)?;
    let micros = fraction(cursor, fsp, "DATETIME")?;
    let value = stored.checked_sub(0x80_0000_0000).ok_or(Flaw::Temporal {
        part: "sign bit",
        value: 0,
        kind: "DATETIME",
    })?;
    clock(value, micros, fsp)
}

/// A date with its time of day, packed into 17 bits year × 13 + month, 5 day, 5 hour, 6 minute, 6 second.
#[inline]
pub(super) fn clock(value: u64, micros: u32, fsp: u8) -> Result<Moment<i64>, Flaw> {
    let (months, day) = (value >> 22, (value >> 17) & 31);
    let (hour, minute, second) = ((value >> 12) & 31, (value >> 6) & 63, value & 63);
    let (year, month) = (months / 13, months % 13);
    within("year", year, 9999, "DATETIME")?;
    within("hour", hour, 23, "DATETIME")?;
    within("minute", minute, 59, "DATETIME")?;
    within("second", second, 59, "DATETIME")?;
    let Some(days) = days(year, month, day) else {
        let digits = fraction_text(micros, fsp);
        return Ok(Moment::Odd(format!(
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{digits}"
        )));
    };
    let of_day = signed(hour) * HOUR + signed(minute) * MINUTE + signed(second) * SECOND + i64::from(micros);
    Ok(Moment::Real(i64::from(days) * DAY + of_day))
}

/// TIMESTAMP(fsp): microseconds since 1970-01-01T00:00Z. All zero is MySQL's zero date.
#[inline]
pub(super) fn timestamp(cursor: &mut Cursor<'_>, fsp: u8) -> Result<Moment<i64>, Flaw> {
    let seconds = i64::from(u32::from_be_bytes(cursor.array()?));
    let micros = fraction(cursor, fsp, "TIMESTAMP")?;
    if seconds == 0 && micros == 0 {
        return Ok(Moment::Odd(format!("0000-00-00 00:00:00{}", fraction_text(0, fsp))));
    }
    Ok(Moment::Real(seconds * SECOND + i64::from(micros)))
}

/// TIME(fsp): microseconds, negative ones too.
#[inline]
pub(super) fn time(cursor: &mut Cursor<'_>, fsp: u8) -> Result<i64, Flaw> {
    let bytes = fraction_bytes(fsp);
    let stored = cursor.big(3 + bytes)?;
    let bits = 8 * u32::from(bytes);
    // The whole number, fraction included, is shifted so that it sorts as unsigned.
    let (negative, size) = match stored.checked_sub(0x80_0000 << bits) {
        Some(size) => (false, size),
        None => (true, (0x80_0000 << bits) - stored),
    };
    let (whole, fraction) = (size >> bits, size & ((1 << bits) - 1));
    let micros = scaled(fraction, bytes, "TIME")?;
    time_of(whole, micros, negative)
}

/// A time packed into 10 bits hour, 6 minute, 6 second.
#[inline]
pub(super) fn time_of(whole: u64, micros: u32, negative: bool) -> Result<i64, Flaw> {
    let (hour, minute, second) = ((whole >> 12) & 0x3ff, (whole >> 6) & 63, whole & 63);
    within("hour", hour, 838, "TIME")?;
    within("minute", minute, 59, "TIME")?;
    within("second", second, 59, "TIME")?;
    let value = signed(hour) * HOUR + signed(minute) * MINUTE + signed(second) * SECOND + i64::from(micros);
    Ok(if negative { -value } else { value })
}

/// The fraction as microseconds.
#[inline]
fn fraction(cursor: &mut Cursor<'_>, fsp: u8, kind: &'static str) -> Result<u32, Flaw> {
    let bytes = fraction_bytes(fsp);
    if bytes == 0 {
        return Ok(0);
    }
    scaled(cursor.big(bytes)?, bytes, kind)
}

/// One byte holds hundredths, two hold ten-thousandths, three millionths.
#[inline]
fn scaled(stored: u64, bytes: u8, kind: &'static str) -> Result<u32, Flaw> {
    let unit = match bytes {
        1 => 10_000,
        2 => 100,
        _ => 1,
    };
    let micros = stored * unit;
    within("fraction", micros, 999_999, kind)?;
    u32::try_from(micros).map_err(|_| Flaw::Short)
}

fn fraction_text(micros: u32, fsp: u8) -> String {
    if fsp == 0 {
        return String::new();
    }
    let digits = format!(".{micros:06}");
    digits.get(..=usize::from(fsp.min(6))).unwrap_or(&digits).to_owned()
}

#[inline]
fn within(part: &'static str, value: u64, most: u64, kind: &'static str) -> Result<(), Flaw> {
    if value > most {
        return Err(Flaw::Temporal { part, value, kind });
    }
    Ok(())
}

/// Every part that goes through here is a few bits wide.
#[inline]
fn signed(part: u64) -> i64 {
    i64::try_from(part).unwrap_or(i64::MAX)
}

/// Days since 1970-01-01 in the Gregorian calendar; `None` for a day that it does not have.
#[inline]
pub(super) fn days(year: u64, month: u64, day: u64) -> Option<i32> {
    // MySQL counts no 29 February in the year 0.
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || (year.is_multiple_of(400) && year > 0));
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day == 0 || day > last {
        return None;
    }
    // The year begins in March, so that the leap day is its last; 400 years have 146,097 days.
    let (year, month, day) = (signed(year), signed(month), signed(day));
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    i32::try_from(days).ok()
}
