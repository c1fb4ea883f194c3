//! The encoder `avro`: rows or changes as Avro records whose schema follows from the table, in Confluent's wire format by ids that
//! the configuration gives, or each as a container file that holds its schema.

mod options;
mod schema;
mod datum;
mod cell;
mod image;
mod frame;
mod key;
mod table;
mod rows;

pub use options::{Framing, KeyForm, Options, Registered, Shape};
pub use table::{Parts, Table};

use rowmill_sdk::{Batch, Description, Encoder, Error, Output, Schema};

/// The encoder `avro`.
pub struct Avro {
    options: Options,
}

impl Encoder for Avro {
    type Settings = Options;
    type Table = Table;

    fn describe() -> Description {
        Description {
            name: "avro",
            version: env!("CARGO_PKG_VERSION"),
            config: include_str!("options.schema.json"),
            parallel: true,
            ..Description::default()
        }
    }

    fn new(options: Options) -> Result<Self, Error> {
        options.check()?;
        Ok(Self { options })
    }

    fn open(&mut self, schema: &Schema) -> Result<Table, Error> {
        table::open(&self.options, schema)
    }

    fn encode(&mut self, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
        rows::encode(&self.options, table, batch, output)
    }
}

rowmill_sdk::export!(Avro: encoder);
