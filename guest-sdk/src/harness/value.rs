//! Plain values.

use crate::cells::Cells;
use crate::{Error, Kind};

/// One value of a row. `1.into()`, `"text".into()`, `2.5.into()` and `None::<i64>.into()` make the usual ones.
///
/// ```
/// use rowmill_sdk::harness::{Opened, Rows, Shape, Value};
/// let shape = Shape::new("shop", "orders").column("id", "int", &[]).column("note", "text", &[]).column("price", "decimal(9,2)", &[]);
/// let rows = Rows::new(&shape)
///     .insert(vec![1.into(), "a".into(), Value::Decimal("9.90".to_owned())])
///     .insert(vec![Value::Int(-2), None::<&str>.into(), Value::Null])
///     .insert(vec![3.into(), Value::Int(4), Value::Null]);
/// // A value that its column can't hold is told.
/// assert_eq!(Opened::new(&rows).unwrap_err().message, "making a batch: writing a whole number into column `note`: it is of the type `text`");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// Not in the row image.
    Absent,
    /// A zero or impossible date: null in its column, with the text that MySQL prints.
    OddDate(String),
    /// Any integer, YEAR, ENUM (index from 1), SET (bits), DATE (days), DATETIME, TIMESTAMP and TIME (microseconds), BIT(n).
    Int(i128),
    /// BIT(1).
    Bool(bool),
    /// FLOAT.
    Float(f32),
    /// DOUBLE.
    Double(f64),
    /// DECIMAL as MySQL writes it, with all of its decimals.
    Decimal(String),
    /// Text and JSON; the label of an ENUM.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// Writes it into its column; what is null, absent or odd is null.
    pub(super) fn write(&self, cells: &mut Cells) -> Result<(), Error> {
        let written = match self {
            Self::Null | Self::Absent | Self::OddDate(_) => Ok(()),
            Self::Int(number) => cells.whole(*number),
            Self::Bool(bit) => cells.bool(*bit),
            Self::Float(number) => cells.float((*number).into()),
            Self::Double(number) => cells.float(*number),
            Self::Decimal(text) => cells.decimal(text),
            Self::Text(text) if cells.kind() == Kind::Binary => cells.bytes(text.as_bytes()),
            Self::Text(text) => cells.text(text),
            Self::Bytes(bytes) => cells.bytes(bytes),
        };
        written.map_err(|cause| Error::new("harness", format!("making a batch: {}", cause.message)))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<bool> for Value {
    fn from(bit: bool) -> Self {
        Self::Bool(bit)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<V: Into<Self>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
