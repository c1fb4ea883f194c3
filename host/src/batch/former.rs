//! TIMESTAMP, TIME and DATETIME as tables hold them that MySQL 5.5 or an older one made: numbers of decimal digits, without fractions. Such
//! a table stays as it is until an ALTER TABLE that copies it.

use super::cursor::Cursor;
use super::flaw::Flaw;
use super::temporal::{self, Moment};
use crate::source::Former;

/// Bytes of a value.
pub(super) fn bytes(former: Former) -> u8 {
    match former {
        Former::Time => 3,
        Former::Timestamp => 4,
        Former::Datetime => 8,
    }
}

/// A value as those of today's form are: microseconds since 1970-01-01, of a TIME its length.
#[cold]
pub(super) fn moment(cursor: &mut Cursor<'_>, former: Former) -> Result<Moment<i64>, Flaw> {
    match former {
        Former::Timestamp => match u32::from_le_bytes(cursor.array()?) {
            0 => Ok(Moment::Odd("0000-00-00 00:00:00".to_owned())),
            seconds => Ok(Moment::Real(i64::from(seconds) * 1_000_000)),
        },
        Former::Time => {
            let [low, middle, high] = cursor.array()?;
            let value = i32::from_le_bytes([0, low, middle, high]) >> 8;
            let digits = u64::from(value.unsigned_abs());
            let whole = ((digits / 10_000) << 12) | ((digits / 100 % 100) << 6) | (digits % 100);
            Ok(Moment::Real(temporal::time_of(whole, 0, value < 0)?))
        }
        Former::Datetime => {
            let digits = u64::from_le_bytes(cursor.array()?);
            let (date, time) = (digits / 1_000_000, digits % 1_000_000);
            let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
            let (hour, minute, second) = (time / 10_000, time / 100 % 100, time % 100);
            // Parts that have no room in today's form are none of a moment.
            for (part, value, most) in [
                ("year", year, 9999),
                ("month", month, 12),
                ("day", day, 31),
                ("hour", hour, 23),
                ("minute", minute, 59),
                ("second", second, 59),
            ] {
                if value > most {
                    return Err(Flaw::Temporal {
                        part,
                        value,
                        kind: "DATETIME",
                    });
                }
            }
            temporal::clock(
                ((year * 13 + month) << 22) | (day << 17) | (hour << 12) | (minute << 6) | second,
                0,
                0,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Flaw, Former, Moment, moment};

    fn read(former: Former, bytes: &[u8]) -> Result<Moment<i64>, Flaw> {
        let mut cursor = Cursor::new(bytes);
        let found = moment(&mut cursor, former);
        if found.is_ok() {
            assert_eq!(cursor.rest(), b"rest");
        }
        found
    }

    fn datetime(digits: u64) -> Result<Moment<i64>, Flaw> {
        read(Former::Datetime, &[&digits.to_le_bytes()[..], b"rest"].concat())
    }

    fn time(digits: i32) -> Result<Moment<i64>, Flaw> {
        let [low, middle, high, _] = digits.to_le_bytes();
        read(Former::Time, &[&[low, middle, high][..], b"rest"].concat())
    }

    #[test]
    fn moments_in_the_form_of_mysql_5_5_are_read() {
        let micros = |seconds: i64| Ok(Moment::Real(seconds * 1_000_000));
        assert_eq!(datetime(20_240_229_235_958), micros(1_709_251_198));
        assert_eq!(datetime(19_691_231_235_959), micros(-1));
        assert_eq!(datetime(99_991_231_235_959), micros(253_402_300_799));
        assert_eq!(datetime(0), Ok(Moment::Odd("0000-00-00 00:00:00".to_owned())));
        assert_eq!(datetime(20_240_010_000_000), Ok(Moment::Odd("2024-00-10 00:00:00".to_owned())));
        assert_eq!(datetime(20_240_231_111_213), Ok(Moment::Odd("2024-02-31 11:12:13".to_owned())));
        assert_eq!(time(8_385_959), micros(838 * 3600 + 59 * 60 + 59));
        assert_eq!(time(-8_385_959), micros(-(838 * 3600 + 59 * 60 + 59)));
        assert_eq!(time(-1), micros(-1));
        assert_eq!(read(Former::Timestamp, b"\x01\x02\x03\x84rest"), micros(0x8403_0201));
        assert_eq!(
            read(Former::Timestamp, b"\0\0\0\0rest"),
            Ok(Moment::Odd("0000-00-00 00:00:00".to_owned()))
        );
    }

    #[test]
    fn digits_that_are_no_moment_are_refused() {
        for digits in [
            20_241_301_000_000,
            20_240_132_000_000,
            20_240_101_240_000,
            20_240_101_006_000,
            20_240_101_000_060,
            100_000_101_000_000,
            u64::MAX,
        ] {
            assert!(matches!(datetime(digits), Err(Flaw::Temporal { .. })), "{digits}");
        }
        for digits in [60, 6_000, 8_390_000 - 1, -60] {
            assert!(matches!(time(digits), Err(Flaw::Temporal { .. })), "{digits}");
        }
        assert!(read(Former::Datetime, &[1; 7]).is_err());
    }
}
