//! The encoder `flat-json`: each row as one object of its columns; a delete is a tombstone of its key, or a flag.

mod options;
mod rows;
mod table;

pub use options::{DatetimeForm, Deletes, Options};
pub use table::{Parts, Table};

use rowmill_sdk::{Batch, Description, Encoder, Error, Output, Schema};

/// The encoder `flat-json`.
pub struct FlatJson {
    options: Options,
}

impl Encoder for FlatJson {
    type Settings = Options;
    type Table = Table;

    fn describe() -> Description {
        Description {
            name: "flat-json",
            version: env!("CARGO_PKG_VERSION"),
            config: include_str!("options.schema.json"),
            parallel: true,
            ..Description::default()
        }
    }

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self { options })
    }

    fn open(&mut self, schema: &Schema) -> Result<Table, Error> {
        table::open(&self.options, schema)
    }

    fn encode(&mut self, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
        rows::encode(&self.options, table, batch, output)
    }
}

rowmill_sdk::export!(FlatJson: encoder);
