//! Dates and times by their parts, and as the text that MySQL prints.

use std::fmt;

const MICROSECONDS: i64 = 1_000_000;
const DAY: i64 = 86_400 * MICROSECONDS;

/// A DATE.
///
/// ```
/// use rowmill_sdk::Date;
/// let date = Date::from_days(18_689);
/// assert_eq!((date.year, date.month, date.day), (2021, 3, 3));
/// assert_eq!((date.to_string().as_str(), date.days()), ("2021-03-03", 18_689));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Year; those before 1 are possible in arithmetic, not in MySQL.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Date {
    /// The date of a number of days since 1970-01-01, in the proleptic Gregorian calendar ([example](Self)).
    pub fn from_days(days: i32) -> Self {
        // Years that start in March put the leap day last, so that months have a formula.
        let shifted = i64::from(days) + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let small = |number: i64| u8::try_from(number).unwrap_or(0);
        Self {
            year: i32::try_from(year_of_era + era * 400 + i64::from(month <= 2)).unwrap_or(i32::MAX),
            month: small(month),
            day: small(of_year - (153 * march_month + 2) / 5 + 1),
        }
    }

    /// Days since 1970-01-01 ([example](Self)).
    pub fn days(self) -> i32 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let march_month = if month > 2 { month - 3 } else { month + 9 };
        let of_year = (153 * march_month + 2) / 5 + day - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        i32::try_from(era * 146_097 + of_era - 719_468).unwrap_or(i32::MAX)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A DATETIME, a wall clock without a zone, or a TIMESTAMP, which is in UTC.
///
/// ```
/// use rowmill_sdk::Datetime;
/// let moment = Datetime::from_microseconds(1_614_748_870_250_000);
/// assert_eq!((moment.hour, moment.minute, moment.second), (5, 21, 10));
/// assert_eq!(moment.text(3), "2021-03-03 05:21:10.250");
/// assert_eq!(moment.microseconds(), 1_614_748_870_250_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Datetime {
    /// The day.
    pub date: Date,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub microsecond: u32,
}

impl Datetime {
    /// Of a number of microseconds since 1970-01-01 00:00:00 ([example](Self)).
    pub fn from_microseconds(microseconds: i64) -> Self {
        let clock = Time::from_microseconds(microseconds.rem_euclid(DAY));
        Self {
            date: Date::from_days(i32::try_from(microseconds.div_euclid(DAY)).unwrap_or(i32::MAX)),
            hour: u8::try_from(clock.hours).unwrap_or(0),
            minute: clock.minute,
            second: clock.second,
            microsecond: clock.microsecond,
        }
    }

    /// Microseconds since 1970-01-01 00:00:00 ([example](Self)).
    pub fn microseconds(self) -> i64 {
        let clock = Time {
            negative: false,
            hours: self.hour.into(),
            minute: self.minute,
            second: self.second,
            microsecond: self.microsecond,
        };
        i64::from(self.date.days()) * DAY + clock.microseconds()
    }

    /// As MySQL prints it with `fsp` fractional digits, 0 to 6 ([example](Self)).
    pub fn text(self, fsp: u8) -> String {
        format!(
            "{} {:02}:{:02}:{:02}{}",
            self.date,
            self.hour,
            self.minute,
            self.second,
            fraction(self.microsecond, fsp)
        )
    }
}

/// A TIME, which may be negative and longer than a day.
///
/// ```
/// use rowmill_sdk::Time;
/// let time = Time::from_microseconds(-3_020_399_000_000);
/// assert_eq!((time.negative, time.hours, time.minute, time.second), (true, 838, 59, 59));
/// assert_eq!((time.text(0).as_str(), time.microseconds()), ("-838:59:59", -3_020_399_000_000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Time {
    /// Whether it is below zero.
    pub negative: bool,
    /// 0 to 838.
    pub hours: u32,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub microsecond: u32,
}

impl Time {
    /// Of a number of microseconds ([example](Self)).
    pub fn from_microseconds(microseconds: i64) -> Self {
        let magnitude = microseconds.unsigned_abs();
        let seconds = magnitude / 1_000_000;
        let small = |number: u64| u8::try_from(number).unwrap_or(0);
        Self {
            negative: microseconds < 0,
            hours: u32::try_from(seconds / 3600).unwrap_or(u32::MAX),
            minute: small(seconds / 60 % 60),
            second: small(seconds % 60),
            microsecond: u32::try_from(magnitude % 1_000_000).unwrap_or(0),
        }
    }

    /// As microseconds ([example](Self)).
    pub fn microseconds(self) -> i64 {
        let seconds = i64::from(self.hours) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        let magnitude = seconds * MICROSECONDS + i64::from(self.microsecond);
        if self.negative { -magnitude } else { magnitude }
    }

    /// As MySQL prints it with `fsp` fractional digits, 0 to 6 ([example](Self)).
    pub fn text(self, fsp: u8) -> String {
        let sign = if self.negative { "-" } else { "" };
        format!(
            "{sign}{:02}:{:02}:{:02}{}",
            self.hours,
            self.minute,
            self.second,
            fraction(self.microsecond, fsp)
        )
    }
}

fn fraction(microsecond: u32, fsp: u8) -> String {
    if fsp == 0 {
        return String::new();
    }
    let digits = format!(".{microsecond:06}");
    digits.get(..=usize::from(fsp.min(6))).unwrap_or_default().to_owned()
}
