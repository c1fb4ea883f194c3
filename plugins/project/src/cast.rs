//! Casts: which there are, and what each makes of a value. A value that would lose something is refused.

use rowmill_sdk::{Cells, Datetime, Error, Field, Kind, RowImage};
use serde::de::IgnoredAny;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// From one type to another.
#[derive(Debug)]
pub(crate) struct Cast {
    /// The column as it comes out.
    pub(crate) field: Field,
    from: Field,
    way: Way,
}

/// How a value is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A whole number within these.
    Whole(i128, i128),
    /// A number of so many decimals.
    Decimal(usize),
    Double,
    Float,
    /// A text of so many characters at most.
    Text(usize),
    /// Bytes of so many at least and at most.
    Bytes(usize, usize),
    Document,
    /// Days of a date with a time of day.
    Day,
    /// A date, with a time of day or without, in microseconds, which end in so many zeros.
    Moment(u8),
    /// A TIME or TIMESTAMP with other decimals.
    Clock(u8),
}

impl Cast {
    /// A cast of a column to a type as MySQL writes it; otherwise why there is none.
    pub(crate) fn new(from: &Field, name: &str, mysql_type: &str) -> Result<Self, String> {
        let mut field = Field::new(name, mysql_type).map_err(|error| error.message)?;
        field.not_null = from.not_null;
        let way = way(from.kind, &field).ok_or_else(|| format!("there is no cast from `{}` to `{mysql_type}`", from.mysql_type))?;
        Ok(Self {
            field,
            from: from.clone(),
            way,
        })
    }

    /// Writes a column's value.
    pub(crate) fn write(&self, image: RowImage<'_>, column: usize, out: &mut Cells) -> Result<(), Error> {
        if image.is_null(column)? && (image.odd_date(column)?.is_none() || !matches!(self.way, Way::Text(_))) {
            return match image.odd_date(column)? {
                Some(_) => Err(self.lossy("it is a zero or impossible date")),
                None => out.null(),
            };
        }
        match self.way {
            Way::Whole(low, high) => match self.whole(image, column)? {
                Some(number) if (low..=high).contains(&number) => match i64::try_from(number) {
                    Ok(number) => out.int(number),
                    Err(_) => out.uint(u64::try_from(number).unwrap_or(u64::MAX)),
                },
                _ => Err(self.lossy("it is no whole number of that range")),
            },
            Way::Decimal(scale) => {
                let text = self.number(image, column)?;
                let decimals = text.split_once('.').map_or("", |(_, decimals)| decimals);
                if decimals.bytes().skip(scale).any(|digit| digit != b'0') {
                    return Err(self.lossy("it has more decimals"));
                }
                out.decimal(&text).map_err(|_| self.lossy("it is no number of that range"))
            }
            Way::Double | Way::Float => {
                let number = match self.from.kind {
                    Kind::Float | Kind::Double => image.float(column)?.unwrap_or_default(),
                    _ => {
                        let text = self.number(image, column)?;
                        let number: f64 = text.parse().map_err(|_| self.lossy("it is no number"))?;
                        if !same_digits(&number.to_string(), &text) {
                            return Err(self.lossy("it has more digits than that holds"));
                        }
                        number
                    }
                };
                if self.way == Way::Float && !is_single(number) {
                    return Err(self.lossy("it has more digits than that holds"));
                }
                out.float(number)
            }
            Way::Text(most) => self.text(image, column, most, out),
            Way::Bytes(least, most) => {
                let bytes = image.bytes(column)?.unwrap_or_default();
                if !(least..=most).contains(&bytes.len()) {
                    return Err(self.lossy("it has another length"));
                }
                out.bytes(bytes)
            }
            Way::Document => {
                let text = image.text(column)?.unwrap_or_default();
                if serde_json::from_str::<IgnoredAny>(text).is_err() {
                    return Err(self.lossy("it is no json document"));
                }
                out.text(text)
            }
            Way::Day => {
                let moment = image.int(column)?.unwrap_or_default();
                if moment.rem_euclid(DAY) != 0 {
                    return Err(self.lossy("it has a time of day"));
                }
                out.date(Datetime::from_microseconds(moment).date)
            }
            Way::Moment(fsp) | Way::Clock(fsp) => {
                let number = image.int(column)?.unwrap_or_default();
                let microseconds = if self.from.kind == Kind::Date { number * DAY } else { number };
                if microseconds % 10_i64.pow(6 - u32::from(fsp.min(6))) != 0 {
                    return Err(self.lossy("it has more fractional digits"));
                }
                out.int(microseconds)
            }
        }
    }

    fn text(&self, image: RowImage<'_>, column: usize, most: usize, out: &mut Cells) -> Result<(), Error> {
        if self.from.kind == Kind::Binary && std::str::from_utf8(image.bytes(column)?.unwrap_or_default()).is_err() {
            return Err(self.lossy("its bytes are no utf-8"));
        }
        let text = image.print(column)?.unwrap_or_default();
        if text.len() > most && text.chars().count() > most {
            return Err(self.lossy("it is longer"));
        }
        out.text(&text)
    }

    /// A whole number; none where it is none.
    fn whole(&self, image: RowImage<'_>, column: usize) -> Result<Option<i128>, Error> {
        Ok(match self.from.kind {
            Kind::Int | Kind::Year | Kind::Bit => match image.int(column) {
                Ok(number) => number.map(i128::from),
                // A BIGINT UNSIGNED, or BIT(64).
                Err(_) => image.uint(column)?.map(i128::from),
            },
            _ => {
                let text = self.number(image, column)?;
                let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
                let is_whole = decimals.bytes().all(|digit| digit == b'0');
                whole.parse().ok().filter(|_| is_whole)
            }
        })
    }

    /// A number's text, without an exponent.
    fn number(&self, image: RowImage<'_>, column: usize) -> Result<String, Error> {
        let text = image.print(column)?.unwrap_or_default();
        let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = !whole.is_empty() && whole.bytes().chain(decimals.bytes()).all(|digit| digit.is_ascii_digit());
        if is_number {
            Ok(text.into_owned())
        } else {
            Err(self.lossy("it is no number"))
        }
    }

    #[cold]
    fn lossy(&self, why: &str) -> Error {
        Error::new(
            "cast-lossy",
            format!(
                "casting column `{}` from `{}` to `{}`: a value does not come through, since {why}",
                self.from.name, self.from.mysql_type, self.field.mysql_type
            ),
        )
    }
}

/// How values of a kind become those of a column; none where they do not.
fn way(from: Kind, to: &Field) -> Option<Way> {
    use Kind::{Binary, Bit, Date, Datetime, Decimal, Double, Float, Int, Json, String, Time, Timestamp, Year};
    let is_whole = matches!(from, Int | Year | Bit);
    let base = to.mysql_type.trim().to_ascii_lowercase();
    let base = base.split(['(', ' ']).next().unwrap_or_default();
    Some(match (to.kind, from) {
        (Int | Year | Bit, Int | Year | Bit | Decimal | Float | Double | String) => {
            let (low, high) = bounds(to, base);
            Way::Whole(low, high)
        }
        (Decimal, Decimal | String) => Way::Decimal(argument(to, 1).unwrap_or(0)),
        (Decimal, _) if is_whole => Way::Decimal(argument(to, 1).unwrap_or(0)),
        (Double, Float | Double | Decimal | String) => Way::Double,
        (Double, _) if is_whole => Way::Double,
        (Float, Float | Double | Decimal | String) => Way::Float,
        (Float, _) if is_whole => Way::Float,
        (String, _) => Way::Text(match base {
            "char" => argument(to, 0).unwrap_or(1),
            "varchar" => argument(to, 0).unwrap_or(usize::MAX),
            _ => usize::MAX,
        }),
        (Binary, Binary | String) => match (base, argument(to, 0)) {
            ("binary", length) => Way::Bytes(length.unwrap_or(1), length.unwrap_or(1)),
            ("varbinary", most) => Way::Bytes(0, most.unwrap_or(usize::MAX)),
            ("tinyblob" | "blob" | "mediumblob" | "longblob", _) => Way::Bytes(0, usize::MAX),
            _ => return None,
        },
        (Json, Json | String) => Way::Document,
        (Date, Datetime) => Way::Day,
        (Datetime, Date | Datetime) => Way::Moment(to.fsp),
        (Timestamp, Timestamp) | (Time, Time) => Way::Clock(to.fsp),
        _ => return None,
    })
}

/// The numbers that a column of whole numbers holds.
fn bounds(field: &Field, base: &str) -> (i128, i128) {
    let bits = match base {
        "tinyint" | "bool" | "boolean" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "bigint" => 64,
        "bit" => u32::try_from(argument(field, 0).unwrap_or(1)).unwrap_or(64),
        _ => 32,
    };
    let unsigned = field.mysql_type.to_ascii_lowercase().contains("unsigned") || field.kind == Kind::Bit;
    match field.kind {
        // 0 stands for 0000.
        Kind::Year => (0, 2155),
        _ if unsigned => (0, (1 << bits) - 1),
        _ => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
    }
}

/// A number in the parentheses of a type.
fn argument(field: &Field, number: usize) -> Option<usize> {
    let inner = field.mysql_type.split_once('(')?.1.split_once(')')?.0;
    inner.split(',').nth(number)?.trim().parse().ok()
}

/// Whether a number is one of 32 bits.
#[expect(clippy::as_conversions, reason = "whether it is changed is what is asked")]
fn is_single(number: f64) -> bool {
    f64::from(number as f32) == number
}

/// Whether two texts of numbers say the same, zeros at their ends aside.
fn same_digits(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let (whole, decimals) = (whole.trim_start_matches('0').to_owned(), decimals.trim_end_matches('0').to_owned());
        let is_zero = whole.is_empty() && decimals.is_empty();
        (negative && !is_zero, whole, decimals)
    };
    plain(one) == plain(other)
}
