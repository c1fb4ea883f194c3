//! The encoder `debezium-json`: each change as Debezium's MySQL connector and Kafka Connect's JSON converter write it, so that what
//! reads them can stay as it is.

mod options;
mod kinds;
mod table;
mod source;
mod rows;

pub use options::{BigintUnsigned, BinaryForm, DecimalForm, Options, TimePrecision};
pub use table::{Parts, Table};

use rowmill_sdk::{Batch, Description, Encoder, Error, Output, Schema};

/// The encoder `debezium-json`.
pub struct DebeziumJson {
    options: Options,
}

impl Encoder for DebeziumJson {
    type Settings = Options;
    type Table = Table;

    fn describe() -> Description {
        Description {
            name: "debezium-json",
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

rowmill_sdk::export!(DebeziumJson: encoder);
