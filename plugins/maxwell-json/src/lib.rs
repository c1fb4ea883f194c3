//! The encoder `maxwell-json`: each change as Maxwell's daemon writes it, so that what reads them can stay as it is.

mod options;
mod table;
mod rows;

pub use options::{KeyFormat, Options};
pub use table::{Parts, Table};

use rowmill_sdk::{Batch, Description, Encoder, Error, Output, Schema};

/// The encoder `maxwell-json`.
pub struct MaxwellJson {
    options: Options,
}

impl Encoder for MaxwellJson {
    type Settings = Options;
    type Table = Table;

    fn describe() -> Description {
        Description {
            name: "maxwell-json",
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
        Ok(table::open(&self.options, schema))
    }

    fn encode(&mut self, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
        rows::encode(&self.options, table, batch, output)
    }
}

rowmill_sdk::export!(MaxwellJson: encoder);
