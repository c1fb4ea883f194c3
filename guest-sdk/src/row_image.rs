//! A row before or after its change: its values by the name or the ordinal of a column.

use std::borrow::Cow;

use crate::column::Values;
use crate::json::{self, DECIMAL_BYTES};
use crate::{Batch, Date, Datetime, Error, Field, Image, Kind, Locate, Row, Time};

/// A row before or after its change. Every getter gives `None` for NULL and for a column that is absent, which is not the same:
/// [`RowImage::is_absent`] tells.
///
/// ```
/// use rowmill_sdk::harness::{Opened, Rows};
/// let opened = Opened::new(&Rows::sample())?;
/// let batch = opened.batch()?;
/// let image = batch.row(0).image()?;
/// assert_eq!((image.int("id")?, image.uint("big")?), (Some(1), Some(u64::MAX)));
/// assert_eq!((image.float("ratio")?, image.bool("flag")?), (Some(0.1), Some(true)));
/// assert_eq!(image.decimal("price")?.as_deref(), Some("9999999999.99"));
/// assert_eq!((image.text("size")?, image.labels("tags")?), (Some("M"), Some(vec!["new", "last"])));
/// assert_eq!(image.bytes("raw")?, Some(&[0, 0xff, 0x10, 0x80][..]));
/// assert_eq!(image.date("day")?.map(|day| day.year), Some(2021));
/// assert_eq!(image.datetime("local")?.map(|local| local.hour), Some(5));
/// assert_eq!(image.time("span")?.map(|span| span.negative), Some(true));
/// assert_eq!(image.json("document")?.map(|document| document["a"][0].clone()), Some(1.into()));
/// assert_eq!(image.print("span")?.as_deref(), Some("-838:59:59.000000"));
/// assert_eq!(image.text("id").unwrap_err().code, "wrong-type");
/// assert_eq!(image.text("nme").unwrap_err().code, "no-such-column");
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct RowImage<'b> {
    batch: &'b Batch<'b>,
    image: &'b Image<'b>,
    row: usize,
    after: bool,
}

impl<'b> RowImage<'b> {
    /// Of a row that has this image, which is the one after the change or not.
    pub(crate) fn new(batch: &'b Batch<'b>, image: &'b Image<'b>, (row, after): (usize, bool)) -> Self {
        Self { batch, image, row, after }
    }

    /// The change that it belongs to ([example](Self::columns)).
    pub fn row(&self) -> Row<'b> {
        Row::new(self.batch, self.row)
    }

    /// Its columns, with the values of all rows.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let opened = Opened::new(&Rows::sample())?;
    /// let batch = opened.batch()?;
    /// let old = batch.row(2).before().expect("an update has one");
    /// assert!(!old.is_after() && old.row().flags().changes_key());
    /// let known = old.columns().iter().filter(|column| !column.is_null(old.row().number()));
    /// assert_eq!(known.count(), batch.schema.columns.len());
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    pub fn columns(&self) -> &'b [crate::Column<'b>] {
        &self.image.columns
    }

    /// Whether it is the row after the change ([example](Self::columns)).
    pub fn is_after(&self) -> bool {
        self.after
    }

    /// Whether the column is not in the row image, as under `binlog_row_image=MINIMAL`.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let opened = Opened::new(&Rows::sample())?;
    /// let batch = opened.batch()?;
    /// let [nulls, partial] = [batch.row(3).image()?, batch.row(5).image()?];
    /// // Both have no `price` to read; of the one it is known that it is NULL.
    /// assert_eq!((nulls.decimal("price")?, partial.decimal("price")?), (None, None));
    /// assert!(nulls.is_null("price")? && !nulls.is_absent("price")?);
    /// assert!(partial.is_absent("price")? && !partial.is_null("price")?);
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `no-such-column`.
    pub fn is_absent(&self, column: impl Locate) -> Result<bool, Error> {
        Ok(!self.image.is_present(self.row, column.locate(self.batch.schema)?))
    }

    /// Whether the column is there and NULL. A zero or impossible date is, too: [`RowImage::odd_date`] has its text ([example](Self::is_absent)).
    ///
    /// # Errors
    /// `no-such-column`.
    #[inline(always)]
    pub fn is_null(&self, column: impl Locate) -> Result<bool, Error> {
        let i = column.locate(self.batch.schema)?;
        let null = self.image.columns.get(i).is_some_and(|column| column.is_null(self.row));
        Ok(null && self.image.is_present(self.row, i))
    }

    /// The value where there is one, and the column that it belongs to.
    #[inline(always)]
    fn value(&self, column: impl Locate) -> Result<Option<(&'b Field, &'b Values<'b>)>, Error> {
        let i = column.locate(self.batch.schema)?;
        let (Some(field), Some(column)) = (self.batch.schema.columns.get(i), self.image.columns.get(i)) else {
            return Ok(None);
        };
        if column.is_null(self.row) || !self.image.is_present(self.row, i) {
            return Ok(None);
        }
        Ok(Some((field, &column.values)))
    }

    /// A whole number: of integers, YEAR, BIT, the index of an ENUM and the bits of a SET, a DATE in days, other times in microseconds ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `wrong-type`, and `out-of-range` for a BIGINT UNSIGNED above `i64::MAX`, which [`RowImage::uint`] reads.
    pub fn int(&self, column: impl Locate) -> Result<Option<i64>, Error> {
        let Some((field, values)) = self.value(column)? else {
            return Ok(None);
        };
        self.whole(field, values)?
            .try_into()
            .map(Some)
            .map_err(|_| self.out_of_range(field))
    }

    /// A whole number as [`RowImage::int`], without a sign ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `wrong-type`, and `out-of-range` for a negative one.
    pub fn uint(&self, column: impl Locate) -> Result<Option<u64>, Error> {
        let Some((field, values)) = self.value(column)? else {
            return Ok(None);
        };
        self.whole(field, values)?
            .try_into()
            .map(Some)
            .map_err(|_| self.out_of_range(field))
    }

    fn whole(&self, field: &Field, values: &Values<'b>) -> Result<i128, Error> {
        Ok(match values {
            Values::Int8(values) => values.i8(self.row).into(),
            Values::Int16(values) => values.i16(self.row).into(),
            Values::Int32(values) => values.i32(self.row).into(),
            Values::Int64(values) => values.i64(self.row).into(),
            Values::UInt8(values) => values.u8(self.row).into(),
            Values::UInt16(values) => values.u16(self.row).into(),
            Values::UInt32(values) => values.u32(self.row).into(),
            Values::UInt64(values) => values.u64(self.row).into(),
            Values::Bool(bits) => bits.get(self.row).into(),
            _ => return Err(self.wrong_type(field, "a whole number")),
        })
    }

    /// Any number as a DOUBLE, the nearest one: of integers, FLOAT, DOUBLE and DECIMAL ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `wrong-type`.
    pub fn float(&self, column: impl Locate) -> Result<Option<f64>, Error> {
        let Some((field, values)) = self.value(column)? else {
            return Ok(None);
        };
        Ok(Some(match values {
            Values::Float32(values) => values.f32(self.row).into(),
            Values::Float64(values) => values.f64(self.row),
            Values::Decimal128(..) | Values::Decimal256(..) => decimal(values, self.row).parse().unwrap_or(f64::NAN),
            _ => nearest(self.whole(field, values)?),
        }))
    }

    /// Whether a number is not 0: of BIT, TINYINT(1) and other integers ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `wrong-type`.
    pub fn bool(&self, column: impl Locate) -> Result<Option<bool>, Error> {
        let Some((field, values)) = self.value(column)? else {
            return Ok(None);
        };
        Ok(Some(self.whole(field, values)? != 0))
    }

    /// A DECIMAL with all of its digits, such as `-12.50` ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `wrong-type`.
    pub fn decimal(&self, column: impl Locate) -> Result<Option<String>, Error> {
        match self.value(column)? {
            None => Ok(None),
            Some((_, values @ (Values::Decimal128(..) | Values::Decimal256(..)))) => Ok(Some(decimal(values, self.row))),
            Some((field, _)) => Err(self.wrong_type(field, "a decimal")),
        }
    }

    /// A text: of CHAR, VARCHAR, TEXT, JSON, and the label of an ENUM ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `wrong-type`.
    pub fn text(&self, column: impl Locate) -> Result<Option<&'b str>, Error> {
        match self.value(column)? {
            None => Ok(None),
            Some((field, Values::Bytes(bytes))) if field.kind != Kind::Binary => match std::str::from_utf8(bytes.get(self.row)) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(Error::new("not-utf-8", format!("reading column `{}`: its text is not utf-8", field.name)).at_row(self.row)),
            },
            Some((field, Values::UInt16(values))) if field.kind == Kind::Enum => Ok(Some(label(field, values.u16(self.row)))),
            Some((field, _)) => Err(self.wrong_type(field, "a text")),
        }
    }

    /// Bytes: of BINARY, VARBINARY, BLOB, and of texts ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `wrong-type`.
    pub fn bytes(&self, column: impl Locate) -> Result<Option<&'b [u8]>, Error> {
        match self.value(column)? {
            None => Ok(None),
            Some((_, Values::Bytes(bytes))) => Ok(Some(bytes.get(self.row))),
            Some((field, _)) => Err(self.wrong_type(field, "bytes")),
        }
    }

    /// A JSON document, parsed ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `wrong-type`, and `bad-json` where a text column holds something else.
    pub fn json(&self, column: impl Locate + Copy) -> Result<Option<serde_json::Value>, Error> {
        let Some(text) = self.text(column)? else { return Ok(None) };
        serde_json::from_str(text)
            .map(Some)
            .map_err(|_| Error::new("bad-json", "reading a column as json: it is none").at_row(self.row))
    }

    /// The labels of a SET that are set ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `wrong-type`.
    pub fn labels(&self, column: impl Locate) -> Result<Option<Vec<&'b str>>, Error> {
        match self.value(column)? {
            None => Ok(None),
            Some((field, Values::UInt64(values))) if field.kind == Kind::Set => Ok(Some(set(field, values.u64(self.row)).collect())),
            Some((field, _)) => Err(self.wrong_type(field, "a set")),
        }
    }

    /// A DATE ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `wrong-type`.
    pub fn date(&self, column: impl Locate) -> Result<Option<Date>, Error> {
        match self.value(column)? {
            None => Ok(None),
            Some((field, Values::Int32(values))) if field.kind == Kind::Date => Ok(Some(Date::from_days(values.i32(self.row)))),
            Some((field, _)) => Err(self.wrong_type(field, "a date")),
        }
    }

    /// A DATETIME, or a TIMESTAMP in UTC ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `wrong-type`.
    pub fn datetime(&self, column: impl Locate) -> Result<Option<Datetime>, Error> {
        let microseconds = self.microseconds(column, "a datetime", |kind| matches!(kind, Kind::Datetime | Kind::Timestamp))?;
        Ok(microseconds.map(Datetime::from_microseconds))
    }

    /// A TIME ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `wrong-type`.
    pub fn time(&self, column: impl Locate) -> Result<Option<Time>, Error> {
        let microseconds = self.microseconds(column, "a time", |kind| kind == Kind::Time)?;
        Ok(microseconds.map(Time::from_microseconds))
    }

    /// What a column that is of one of these kinds, which `wanted` names, holds.
    fn microseconds(&self, column: impl Locate, wanted: &str, is_wanted: impl Fn(Kind) -> bool) -> Result<Option<i64>, Error> {
        match self.value(column)? {
            None => Ok(None),
            Some((field, Values::Int64(values))) if is_wanted(field.kind) => Ok(Some(values.i64(self.row))),
            Some((field, _)) => Err(self.wrong_type(field, wanted)),
        }
    }

    /// The text that MySQL prints for a zero or impossible date, such as `0000-00-00`, which is null in its column.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let opened = Opened::new(&Rows::sample())?;
    /// let batch = opened.batch()?;
    /// let image = batch.row(4).image()?;
    /// assert_eq!((image.date("day")?, image.odd_date("day")?), (None, Some("0000-00-00")));
    /// assert_eq!(image.print("day")?.as_deref(), Some("0000-00-00"));
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `no-such-column`.
    pub fn odd_date(&self, column: impl Locate) -> Result<Option<&'b str>, Error> {
        let i = column.locate(self.batch.schema)?;
        let text = self.batch.odd_date(self.row, self.after, i);
        Ok(text.and_then(|text| std::str::from_utf8(text).ok()))
    }

    /// Any value as the text that MySQL prints; bytes that are no text as `0x…` ([example](Self)).
    ///
    /// # Errors
    /// `no-such-column`, `not-utf-8`.
    pub fn print(&self, column: impl Locate) -> Result<Option<Cow<'b, str>>, Error> {
        let i = column.locate(self.batch.schema)?;
        let Some((field, values)) = self.value(i)? else {
            return Ok(self.odd_date(i)?.map(Cow::Borrowed));
        };
        Ok(Some(match (field.kind, values) {
            (Kind::String | Kind::Json | Kind::Enum, _) => Cow::Borrowed(self.text(i)?.unwrap_or_default()),
            (Kind::Binary, Values::Bytes(bytes)) => printed_bytes(bytes.get(self.row)),
            (Kind::Set, Values::UInt64(values)) => Cow::Owned(set(field, values.u64(self.row)).collect::<Vec<_>>().join(",")),
            (Kind::Year, Values::UInt16(values)) => Cow::Owned(format!("{:04}", values.u16(self.row))),
            (Kind::Date, Values::Int32(values)) => Cow::Owned(Date::from_days(values.i32(self.row)).to_string()),
            (Kind::Datetime | Kind::Timestamp, Values::Int64(values)) => {
                Cow::Owned(Datetime::from_microseconds(values.i64(self.row)).text(field.fsp))
            }
            (Kind::Time, Values::Int64(values)) => Cow::Owned(Time::from_microseconds(values.i64(self.row)).text(field.fsp)),
            (_, Values::Float32(values)) => Cow::Owned(values.f32(self.row).to_string()),
            (_, Values::Float64(values)) => Cow::Owned(values.f64(self.row).to_string()),
            (_, Values::Decimal128(..) | Values::Decimal256(..)) => Cow::Owned(decimal(values, self.row)),
            _ => Cow::Owned(self.whole(field, values)?.to_string()),
        }))
    }

    #[cold]
    fn out_of_range(&self, field: &Field) -> Error {
        Error::new(
            "out-of-range",
            format!(
                "reading column `{}`: its value does not fit the integer that was asked for",
                field.name
            ),
        )
        .at_row(self.row)
    }

    #[cold]
    fn wrong_type(&self, field: &Field, wanted: &str) -> Error {
        Error::new(
            "wrong-type",
            format!(
                "reading column `{}` as {wanted}: it is of the type `{}`",
                field.name, field.mysql_type
            ),
        )
    }
}

#[expect(clippy::as_conversions, reason = "the nearest double is what is promised")]
fn nearest(number: i128) -> f64 {
    number as f64
}

fn label(field: &Field, index: u16) -> &str {
    let at = usize::from(index).checked_sub(1);
    at.and_then(|at| field.labels.get(at)).map_or("", String::as_str)
}

fn set(field: &Field, bits: u64) -> impl Iterator<Item = &str> {
    let labels = field.labels.iter().take(64).zip(0_u32..);
    labels.filter(move |(_, bit)| bits >> bit & 1 == 1).map(|(label, _)| label.as_str())
}

fn printed_bytes(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02X}"))),
    }
}

fn decimal(values: &Values<'_>, row: usize) -> String {
    let mut text = Vec::new();
    match values {
        Values::Decimal128(values, scale) => {
            json::write(&mut text, DECIMAL_BYTES, |cursor| (cursor.decimal128(values.i128(row), *scale), ()))
        }
        Values::Decimal256(values, scale) => json::write(&mut text, DECIMAL_BYTES, |cursor| {
            (cursor.decimal256(values.bytes(row), *scale), ())
        }),
        _ => {}
    }
    String::from_utf8(text).unwrap_or_default()
}
