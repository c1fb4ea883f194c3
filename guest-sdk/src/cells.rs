//! Values that a transform writes, row by row, into one column.

#![expect(
    clippy::as_conversions,
    reason = "a number for a column of floating-point numbers is the nearest one, and an ordinal fits any integer"
)]

mod hex;
mod store;

pub(crate) use store::raw;

use crate::column::Column;
use crate::edit::{Alike, Bitmap};
use crate::schema::Storage;
use crate::{Date, Datetime, Error, Field, Time};

/// One column under way. A function that fills it writes one value a row, or none, which is NULL; of several the last counts.
///
/// ```
/// use rowmill_sdk::harness::{Opened, Rows};
/// use rowmill_sdk::{Date, Datetime, Time};
/// let day = Date { year: 2021, month: 3, day: 4 };
/// let milled = Opened::new(&Rows::sample())?.process(|batch| {
///     let mut edit = batch.edit();
///     edit.set("big", |image, out| out.uint(image.uint("big")?.unwrap_or(0) / 2))?
///         .set("small", |_, out| out.int(7))?
///         .set("ratio", |_, out| out.float(0.5))?
///         .set("price", |_, out| out.decimal("12.345"))? // rounded to the column's decimals
///         .set("day", |_, out| out.date(day))?
///         .set("local", |_, out| out.datetime(Datetime { date: day, hour: 5, minute: 30, second: 0, microsecond: 0 }))?
///         .set("span", |_, out| out.time(Time::from_microseconds(-90_000_000)))?
///         .set("size", |_, out| out.text("M"))? // an ENUM's label
///         .set("tags", |_, out| out.labels(["new", "sale"]))?
///         .set("document", |_, out| out.json(&serde_json::json!({"a": 1})))?
///         .set("raw", |_, out| out.bytes(b"\x00\xff"))?
///         .set("flag", |_, out| out.bool(false))?
///         .set("name", |image, out| if image.is_null("name")? { out.text("nobody") } else { out.keep() })?
///         .set("body", |_, out| out.null())?;
///     edit.finish()
/// })?.expect("no row is dropped");
/// let rows = milled.rows()?;
/// let after = &rows[0]["after"];
/// assert_eq!((&after["big"], &after["price"]), (&(u64::MAX / 2).into(), &"12.35".into()));
/// assert_eq!((&after["local"], &after["span"]), (&"2021-03-04 05:30:00.000000".into(), &"-00:01:30.000000".into()));
/// assert_eq!((&after["size"], &after["tags"], &after["raw"]), (&"M".into(), &"new,sale".into(), &"0x00FF".into()));
/// assert_eq!((&rows[1]["after"]["name"], &rows[3]["after"]["name"]), (&"changed".into(), &"nobody".into()));
/// # assert_eq!((&after["small"], &after["ratio"], &after["flag"]), (&7.into(), &0.5.into(), &false.into()));
/// # assert_eq!((&after["day"], &after["document"], after["body"].is_null()), (&"2021-03-04".into(), &"{\"a\":1}".into(), true));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
pub struct Cells {
    field: Field,
    rows: usize,
    valid: Alike,
    /// Values of a fixed width, or offsets.
    values: Vec<u8>,
    bits: Bitmap,
    data: Vec<u8>,
    width: usize,
    /// Whether the row under way has been written.
    written: Written,
    /// Rows that kept their old value, where that is of interest.
    pub(crate) kept: Alike,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    No,
    Null,
    Value,
    Kept,
}

/// The values that a row had, for `keep`.
#[derive(Clone, Copy)]
pub(crate) struct Old<'b> {
    pub(crate) column: Column<'b>,
    pub(crate) row: usize,
}

impl Cells {
    pub(crate) fn new(field: &Field, rows: usize) -> Self {
        let width = match field.storage {
            Storage::Int8 | Storage::UInt8 => 1,
            Storage::Int16 | Storage::UInt16 => 2,
            Storage::Int32 | Storage::UInt32 | Storage::Float32 => 4,
            Storage::Int64 | Storage::UInt64 | Storage::Float64 => 8,
            Storage::Decimal128(_) => 16,
            Storage::Decimal256(_) => 32,
            Storage::Bytes => 4,
            Storage::Bits | Storage::Other => 0,
        };
        let mut values = Vec::with_capacity((rows + 1) * width);
        if field.storage == Storage::Bytes {
            values.extend_from_slice(&[0; 4]);
        }
        Self {
            field: field.clone(),
            rows,
            valid: Alike::new(true),
            values,
            bits: Bitmap::default(),
            data: Vec::new(),
            width,
            written: Written::No,
            kept: Alike::new(false),
        }
    }

    /// SQL NULL ([example](Self)).
    ///
    /// # Errors
    /// None; it returns what the other writers do.
    pub fn null(&mut self) -> Result<(), Error> {
        self.undo();
        self.written = Written::Null;
        Ok(())
    }

    /// A whole number, for any column that `RowImage::int` reads: integers, YEAR, BIT, an ENUM's index, a SET's bits, days of a DATE,
    /// microseconds of other times. Also for FLOAT, DOUBLE and DECIMAL ([example](Self)).
    ///
    /// # Errors
    /// `out-of-range`, `wrong-type`.
    pub fn int(&mut self, number: i64) -> Result<(), Error> {
        self.whole(number.into())
    }

    /// A whole number without a sign, as [`Cells::int`] ([example](Self)).
    ///
    /// # Errors
    /// `out-of-range`, `wrong-type`.
    pub fn uint(&mut self, number: u64) -> Result<(), Error> {
        self.whole(number.into())
    }

    #[inline]
    pub(crate) fn whole(&mut self, number: i128) -> Result<(), Error> {
        macro_rules! narrow {
            ($number:ty) => {
                match <$number>::try_from(number) {
                    Ok(number) => self.fixed(&number.to_le_bytes()),
                    Err(_) => return Err(self.out_of_range()),
                }
            };
        }
        match self.field.storage {
            Storage::Int8 => narrow!(i8),
            Storage::Int16 => narrow!(i16),
            Storage::Int32 => narrow!(i32),
            Storage::Int64 => narrow!(i64),
            Storage::UInt8 => narrow!(u8),
            Storage::UInt16 => narrow!(u16),
            Storage::UInt32 => narrow!(u32),
            Storage::UInt64 => narrow!(u64),
            Storage::Bits if number == 0 || number == 1 => self.bit(number == 1),
            Storage::Bits => return Err(self.out_of_range()),
            Storage::Float32 | Storage::Float64 => return self.float(number as f64),
            Storage::Decimal128(_) | Storage::Decimal256(_) => return self.decimal(&number.to_string()),
            Storage::Bytes | Storage::Other => return Err(self.wrong_type("a whole number")),
        }
        Ok(())
    }

    /// 1 or 0, for a BIT(1) or any integer ([example](Self)).
    ///
    /// # Errors
    /// `wrong-type`.
    pub fn bool(&mut self, truth: bool) -> Result<(), Error> {
        self.whole(truth.into())
    }

    /// A number for a FLOAT or DOUBLE; MySQL has neither infinities nor NaN, so that they are refused ([example](Self)).
    ///
    /// # Errors
    /// `out-of-range`, `wrong-type`.
    pub fn float(&mut self, number: f64) -> Result<(), Error> {
        if !number.is_finite() {
            return Err(self.out_of_range());
        }
        match self.field.storage {
            Storage::Float32 if (number as f32).is_finite() => self.fixed(&(number as f32).to_le_bytes()),
            Storage::Float32 => return Err(self.out_of_range()),
            Storage::Float64 => self.fixed(&number.to_le_bytes()),
            _ => return Err(self.wrong_type("a floating-point number")),
        }
        Ok(())
    }

    /// A decimal number's text, such as `-12.5`, rounded half away from zero to the column's decimals as MySQL does ([example](Self)).
    ///
    /// # Errors
    /// `bad-decimal` where it is none, `out-of-range`, `wrong-type`.
    pub fn decimal(&mut self, text: &str) -> Result<(), Error> {
        let (scale, digits) = match self.field.storage {
            Storage::Decimal128(scale) => (scale, self.precision().min(38)),
            Storage::Decimal256(scale) => (scale, self.precision().min(76)),
            _ => return Err(self.wrong_type("a decimal")),
        };
        let unscaled = crate::decimal::unscaled(text, scale, digits).map_err(|flaw| match flaw {
            crate::decimal::Flaw::NotANumber => Error::new(
                "bad-decimal",
                format!("writing column `{}`: what was given is no decimal number", self.field.name),
            ),
            crate::decimal::Flaw::OutOfRange => self.out_of_range(),
        })?;
        match self.field.storage {
            Storage::Decimal128(_) => self.fixed(unscaled.first_chunk::<16>().unwrap_or(&[0; 16])),
            _ => self.fixed(&unscaled),
        }
        Ok(())
    }

    /// Digits of a DECIMAL by its type's text.
    fn precision(&self) -> u8 {
        let inner = self.field.mysql_type.split_once('(').map_or("", |(_, rest)| rest);
        inner
            .split([',', ')'])
            .next()
            .and_then(|digits| digits.trim().parse().ok())
            .unwrap_or(10)
    }

    /// A text: for CHAR, VARCHAR, TEXT, JSON, and for an ENUM its label ([example](Self)).
    ///
    /// # Errors
    /// `wrong-type`, and `unknown-label` of an ENUM.
    #[inline]
    pub fn text(&mut self, text: &str) -> Result<(), Error> {
        match (self.field.storage, self.field.kind) {
            (Storage::Bytes, _) => {
                self.data(text.as_bytes());
                Ok(())
            }
            (_, crate::Kind::Enum) => {
                let index = self.field.labels.iter().position(|label| label == text);
                match index {
                    Some(index) => self.whole(index as i128 + 1),
                    None => Err(self.unknown_label()),
                }
            }
            _ => Err(self.wrong_type("a text")),
        }
    }

    /// Bytes, for a BINARY, VARBINARY or BLOB ([example](Self)).
    ///
    /// # Errors
    /// `wrong-type`, also of a text column, whose bytes must be UTF-8: [`Cells::text`] is for that.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.field.storage != Storage::Bytes || self.field.kind != crate::Kind::Binary {
            return Err(self.wrong_type("bytes"));
        }
        self.data(bytes);
        Ok(())
    }

    /// Bytes as a text of lower-case hexadecimal digits, such as a digest's.
    ///
    /// ```
    /// use rowmill_sdk::{Field, harness::{Opened, Rows}};
    /// let digest = |text: &str| [text.len() as u8, 0xab]; // stands for one that is worth it
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     edit.replace("name", Field::new("name", "char(4)")?, |image, out| match image.text("name")? {
    ///         Some(name) => out.hex(&digest(name)),
    ///         None => Ok(()),
    ///     })?;
    ///     edit.finish()
    /// })?.expect("no row is dropped");
    /// assert_eq!(milled.rows()?[1]["after"]["name"], "07ab");
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `wrong-type` of a column that is no text.
    pub fn hex(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.field.storage != Storage::Bytes {
            return Err(self.wrong_type("a text"));
        }
        self.undo();
        self.room(2 * bytes.len());
        let (blocks, rest) = bytes.as_chunks();
        for block in blocks {
            self.data.extend_from_slice(&hex::block(*block));
        }
        self.data.extend(rest.iter().flat_map(|byte| hex::byte(*byte)));
        self.written();
        Ok(())
    }

    /// A JSON document ([example](Self)).
    ///
    /// # Errors
    /// `wrong-type`.
    pub fn json(&mut self, value: &serde_json::Value) -> Result<(), Error> {
        self.text(&value.to_string())
    }

    /// The labels of a SET ([example](Self)).
    ///
    /// # Errors
    /// `unknown-label`, `wrong-type`.
    pub fn labels<'l>(&mut self, labels: impl IntoIterator<Item = &'l str>) -> Result<(), Error> {
        if self.field.kind != crate::Kind::Set {
            return Err(self.wrong_type("a set"));
        }
        let mut bits = 0_u64;
        for label in labels {
            match self.field.labels.iter().take(64).position(|known| known == label) {
                Some(bit) => bits |= 1 << bit,
                None => return Err(self.unknown_label()),
            }
        }
        self.uint(bits)
    }

    /// A DATE ([example](Self)).
    ///
    /// # Errors
    /// `wrong-type`.
    pub fn date(&mut self, date: Date) -> Result<(), Error> {
        if self.field.kind != crate::Kind::Date {
            return Err(self.wrong_type("a date"));
        }
        self.int(date.days().into())
    }

    /// A DATETIME or TIMESTAMP ([example](Self)).
    ///
    /// # Errors
    /// `wrong-type`.
    pub fn datetime(&mut self, moment: Datetime) -> Result<(), Error> {
        if !matches!(self.field.kind, crate::Kind::Datetime | crate::Kind::Timestamp) {
            return Err(self.wrong_type("a datetime"));
        }
        self.int(moment.microseconds())
    }

    /// A TIME ([example](Self)).
    ///
    /// # Errors
    /// `wrong-type`.
    pub fn time(&mut self, time: Time) -> Result<(), Error> {
        if self.field.kind != crate::Kind::Time {
            return Err(self.wrong_type("a time"));
        }
        self.int(time.microseconds())
    }

    /// The value that the row has, where its column is changed; NULL in a column that is added ([example](Self)).
    ///
    /// # Errors
    /// None; it returns what the other writers do.
    pub fn keep(&mut self) -> Result<(), Error> {
        self.undo();
        self.written = Written::Kept;
        Ok(())
    }

    #[cold]
    fn out_of_range(&self) -> Error {
        Error::new(
            "out-of-range",
            format!(
                "writing column `{}`: the value does not fit its type, `{}`",
                self.field.name, self.field.mysql_type
            ),
        )
    }

    #[cold]
    fn unknown_label(&self) -> Error {
        Error::new(
            "unknown-label",
            format!("writing column `{}`: it has no such label", self.field.name),
        )
    }

    #[cold]
    fn wrong_type(&self, what: &str) -> Error {
        Error::new(
            "wrong-type",
            format!(
                "writing {what} into column `{}`: it is of the type `{}`",
                self.field.name, self.field.mysql_type
            ),
        )
    }
}
