//! The encoder `canal-json`: each change as a flat message of Canal, so that what reads them can stay as it is.

mod options;
mod table;
mod rows;
mod control;

pub use options::{EnumForm, Options};
pub use table::{Parts, Table};

use rowmill_sdk::{Batch, Description, Encoder, Error, Output, Schema};

/// The encoder `canal-json`.
pub struct CanalJson {
    options: Options,
}

impl Encoder for CanalJson {
    type Settings = Options;
    type Table = Table;

    fn describe() -> Description {
        Description {
            name: "canal-json",
            version: env!("CARGO_PKG_VERSION"),
            config: include_str!("options.schema.json"),
            controls: &["ddl"],
            parallel: true,
            ..Description::default()
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
        rows::encode(table, batch, output)
    }

    fn control(&mut self, event: &serde_json::Value, output: &mut Output) -> Result<(), Error> {
        control::encode(event, output)
    }
}

rowmill_sdk::export!(CanalJson: encoder);
