//! The transform `mask`: hides the values of columns behind digests, stars, constants or NULL.

mod hash;
mod lanes;
mod options;
mod rows;
mod rule;
mod table;

pub use options::{Algorithm, Method, Options, Rule};
pub use table::Table;

use rowmill_sdk::{Batch, Description, Error, Outcome, Schema, Transform};

/// The transform `mask`.
pub struct Mask {
    rules: Vec<rule::Ready>,
}

impl Transform for Mask {
    type Settings = Options;
    type Table = Table;

    fn describe() -> Description {
        Description {
            name: "mask",
            version: env!("CARGO_PKG_VERSION"),
            config: include_str!("options.schema.json"),
            parallel: true,
            ..Description::default()
        }
    }

    fn new(options: Options) -> Result<Self, Error> {
        Ok(Self {
            rules: rule::ready(&options)?,
        })
    }

    fn open(&mut self, schema: &Schema) -> Result<Table, Error> {
        table::open(&self.rules, schema)
    }

    fn process(&mut self, table: &mut Table, batch: &Batch<'_>) -> Result<Outcome, Error> {
        rows::mask(table, batch)
    }
}

rowmill_sdk::export!(Mask: transform);
