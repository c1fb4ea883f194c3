//! Write plugins for rowmill: transforms (Arrow batch in, Arrow batch out) and encoders (Arrow batch in, Kafka records out).
//!
//! A plugin is a crate of type `cdylib` (and `rlib`, so that it can be tested) that implements `Encoder` or `Transform`
//! and exports it. `cargo build --target wasm32-wasip2` makes a component of it; natively the export is empty, and
//! `cargo test` runs the same code on batches that the feature `harness` makes.
//!
//! ```
//! use rowmill_sdk::json::{INTEGER_BYTES, Span};
//! use rowmill_sdk::{Batch, Description, Encoder, Error, Key, Output, Record, Schema};
//!
//! /// Writes each change's sequence number and table, such as `{"table":"orders","seq":7}`.
//! struct Ticker;
//!
//! /// It has no options, and says so if one is written.
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Settings {}
//!
//! impl Encoder for Ticker {
//!     type Settings = Settings;
//!     type Table = Vec<u8>;
//!
//!     fn describe() -> Description {
//!         Description { name: "ticker", version: "0.1.0", parallel: true, ..Description::default() }
//!     }
//!
//!     fn new(_: Settings) -> Result<Self, Error> {
//!         Ok(Self)
//!     }
//!
//!     // What a table's version fixes is made once.
//!     fn open(&mut self, schema: &Schema) -> Result<Vec<u8>, Error> {
//!         let name = serde_json::to_string(&schema.table).map_err(|_| Error::new("bad-name", "writing a table's name"))?;
//!         Ok(format!("{{\"table\":{name},\"seq\":").into_bytes())
//!     }
//!
//!     fn encode(&mut self, head: &mut Vec<u8>, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
//!         for row in 0..batch.rows() {
//!             // What the record takes at most is reserved once; the cursor then writes without asking.
//!             let worst = head.len() + INTEGER_BYTES + 1;
//!             output.record(Record { row, ..Record::default() }, worst, |cursor| {
//!                 let cursor = cursor.fragment(Span::from(head.as_slice())).unsigned(batch.seq(row));
//!                 (cursor.byte(b'}'), Key::None)
//!             });
//!         }
//!         Ok(())
//!     }
//! }
//!
//! rowmill_sdk::export!(Ticker: encoder);
//! ```
//!
//! Transforms are written alike: see [`Transform`] and [`Edit`]. `rowmill plugin new` makes a project of either kind.
//!
//! Features: `schema` (default) makes the JSON Schema of a configuration from its type; `harness` tests plugins natively, for
//! dev-dependencies; `arrow` goes from and to arrow-rs.
//!
//! `docs/plugin-contract.md` says what is in a batch. Text columns are UTF-8: the host decodes them. Plugins get nothing
//! but their batch, their configuration, a clock frozen to the batch and randomness that replays.

#[doc(hidden)]
pub mod bindings;
mod batch;
mod cells;
mod column;
mod column_type;
#[cfg(feature = "schema")]
mod config_schema;
mod decimal;
mod describe;
mod edit;
mod encoder;
mod error;
#[doc(hidden)]
pub mod export;
mod flatbuffer;
mod flatbuffer_writer;
pub mod host;
pub mod json;
mod kind;
mod message;
mod moment;
mod output;
mod partition;
mod row;
mod running;
mod row_image;
mod schema;
mod settings;
mod state;
mod transactions;
mod transform;
mod tree;
#[cfg(feature = "arrow")]
mod arrow_form;
#[cfg(feature = "harness")]
pub mod harness;

pub use batch::{Batch, Flags, Image, Op};
pub use cells::Cells;
pub use column::{Bits, Bytes, Column, Fixed, Values};
#[cfg(feature = "schema")]
pub use config_schema::config_schema;
pub use describe::Description;
pub use edit::{Edit, Headers, Route, RouteView};
pub use encoder::{Encoder, EncoderRunner, FlushReason};
pub use error::Error;
pub use kind::Kind;
pub use moment::{Date, Datetime, Time};
pub use output::{HandOver, Key, Output, Record, Sink};
pub use partition::partition;
pub use row::{Locate, Row};
pub use row_image::RowImage;
pub use schema::{Field, Schema};
#[cfg(feature = "schema")]
pub use schemars;
pub use serde;
pub use serde_json;
pub use state::State;
pub use transactions::Transactions;
pub use transform::{Outcome, Patch, PatchColumns, Transform, TransformRunner};
