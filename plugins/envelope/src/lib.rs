//! The default encoder: each row becomes the documented JSON envelope.
//!
//! What a schema fixes (its head, its columns' names, its labels) is written once when the schema is opened; a row then
//! costs its values only.

mod options;
mod form;
mod table;
mod tails;
mod rows;
mod control;

pub use options::{DatetimeForm, Options, TinyInt1, UpdateMode};
pub use table::{Parts, Table};

use rowmill_sdk::{Batch, Description, Encoder, Error, Output, Schema};

/// The encoder `envelope`.
pub struct Envelope {
    options: Options,
}

impl Encoder for Envelope {
    type Settings = Options;
    type Table = Table;

    fn describe() -> Description {
        Description {
            name: "envelope",
            version: env!("CARGO_PKG_VERSION"),
            config: include_str!("options.schema.json"),
            controls: &["heartbeat", "ddl", "transaction_begin", "transaction_end"],
            widths: r#"{"tinyint1":"boolean"}"#,
            parallel: true,
        }
    }

    fn new(options: Options) -> Result<Self, Error> {
        if let Some(name) = &options.time_zone {
            rowmill_json::Zone::named(name)?;
        }
        Ok(Self { options })
    }

    fn open(&mut self, schema: &Schema) -> Result<Table, Error> {
        table::open(&self.options, schema)
    }

    fn encode(&mut self, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
        rows::encode(&self.options, table, batch, output)
    }

    fn control(&mut self, event: &serde_json::Value, output: &mut Output) -> Result<(), Error> {
        control::encode(&self.options, event, output)
    }
}

rowmill_sdk::export!(Envelope: encoder);

/// What the envelope calls the source's kind.
fn db_type(flavor: &str) -> &'static str {
    if flavor == "mariadb" { "MariaDB" } else { "MySQL" }
}
