//! Tests a plugin natively: batches from plain values, and what came out as plain records.
//!
//! ```
//! use rowmill_sdk::harness::{Bench, Rows, Shape, Value};
//! # use rowmill_sdk::{Batch, Description, Encoder, Error, Key, Output, Record, Schema};
//! # struct Sequence;
//! # impl Encoder for Sequence {
//! #     type Settings = serde_json::Value;
//! #     type Table = ();
//! #     fn describe() -> Description { Description::default() }
//! #     fn new(_: serde_json::Value) -> Result<Self, Error> { Ok(Self) }
//! #     fn open(&mut self, _: &Schema) -> Result<(), Error> { Ok(()) }
//! #     fn encode(&mut self, _: &mut (), batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
//! #         for row in 0..batch.rows() {
//! #             let record = Record { row, ..Record::default() };
//! #             output.record(record, 20, |cursor| (cursor.unsigned(batch.seq(row)), Key::None));
//! #         }
//! #         Ok(())
//! #     }
//! # }
//! let shape = Shape::new("shop", "orders").column("id", "bigint", &[]).key(&[0]);
//! let rows = Rows::new(&shape).insert(vec![Value::Int(7)]);
//! let records = Bench::<Sequence>::new("{}")?.encode(&rows)?;
//! assert_eq!(records[0].value_text(), "1614748790461000000");
//! # Ok::<(), rowmill_sdk::Error>(())
//! ```

mod arrays;
mod bench;
mod rows;
mod shape;

pub use bench::{Bench, Delivered};
pub use rows::Rows;
pub use shape::Shape;

/// One value of a row.
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
    /// Text and JSON.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
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
