//! The encoder `arrow-ipc`: each batch, or each row, as a record that is a whole Arrow IPC stream.

mod options;
mod message;
mod row;
mod rows;

pub use options::{Options, Records};
pub use rows::Table;

use rowmill_sdk::{Batch, Description, Encoder, Error, Output, Schema};

/// The encoder `arrow-ipc`.
pub struct ArrowIpc {
    options: Options,
}

impl Encoder for ArrowIpc {
    type Settings = Options;
    type Table = Table;

    fn describe() -> Description {
        Description {
            name: "arrow-ipc",
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
        Ok(Table::open(schema))
    }

    fn encode(&mut self, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
        match self.options.records {
            Records::Batch => rows::whole(batch, output),
            Records::Row => rows::each(table, batch, output),
        }
    }
}

rowmill_sdk::export!(ArrowIpc: encoder);
