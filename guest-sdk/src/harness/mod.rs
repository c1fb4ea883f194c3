//! Tests a plugin natively, by plain `cargo test`: batches from plain values, and what came out as plain records or rows. For
//! dev-dependencies: `rowmill-sdk = { …, features = ["harness"] }`.
//!
//! - [`Shape`] and [`Rows`] make batches: every type, all ops, absent columns, odd dates, transactions, rows of snapshots.
//! - [`Bench`] runs an encoder, [`Mill`] a transform; what comes out of a mill goes into another mill or into a bench.
//! - [`Opened`] has a batch for tests of single functions.
//! - [`events`] makes control events.
//! - [`golden()`] compares with a file of the project.
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

mod bench;
pub mod events;
mod golden;
mod mill;
mod opened;
mod patched;
mod rows;
mod sample;
mod shape;
mod show;
mod value;
mod speed;

pub use bench::{Bench, Delivered};
pub use golden::golden;
pub use mill::{Mill, Milled};
pub use opened::Opened;
pub use rows::Rows;
pub use shape::Shape;
pub use show::{lines, show};
pub use speed::{encode_speed, transform_speed};
pub use value::Value;

use crate::{Error, Transactions};

/// A batch that a plugin can be given: [`Rows`], or what came out of a [`Mill`].
///
/// ```
/// use rowmill_sdk::harness::{Input, Opened, Rows};
/// /// Both messages of a batch, as a stream without its end.
/// fn stream(input: &impl Input) -> Result<Vec<u8>, rowmill_sdk::Error> {
///     let (schema, batch) = input.messages()?;
///     Ok([schema, batch].concat())
/// }
/// let rows = Rows::sample();
/// let unchanged = Opened::new(&rows)?.process(|batch| batch.edit().finish())?.expect("no row is dropped");
/// assert!(unchanged.unchanged);
/// assert_eq!((stream(&rows)?, rows.transactions()), (stream(&unchanged)?, unchanged.transactions()));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
pub trait Input {
    /// The schema message and the record-batch message ([example](Self)).
    ///
    /// # Errors
    /// `harness` where it can't be made.
    fn messages(&self) -> Result<(Vec<u8>, Vec<u8>), Error>;

    /// What column `txn` points into ([example](Self)).
    fn transactions(&self) -> Transactions;
}
