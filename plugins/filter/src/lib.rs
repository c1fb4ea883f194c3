//! The transform `filter`: keeps the rows that a condition is true for. The condition is SQL's, with its three truths.

mod check;
mod expression;
mod lexer;
mod like;
mod moment;
mod options;
mod pair;
mod parser;
mod plan;
mod rows;
mod truth;
mod wide;

pub use options::{Absent, Options, Updates};

use expression::Expression;
use rowmill_sdk::{Batch, Description, Error, Outcome, Schema, Transform};

/// The transform `filter`.
pub struct Filter {
    options: Options,
    condition: Expression,
}

/// A condition that is ready for a version of a table.
pub struct Table(check::Node);

impl Transform for Filter {
    type Settings = Options;
    type Table = Table;

    fn describe() -> Description {
        Description {
            name: "filter",
            version: env!("CARGO_PKG_VERSION"),
            config: include_str!("options.schema.json"),
            parallel: true,
            ..Description::default()
        }
    }

    fn new(options: Options) -> Result<Self, Error> {
        match parser::parse(&options.condition) {
            Ok(condition) => Ok(Self { options, condition }),
            Err(flaw) => Err(Error::new(
                "bad-condition",
                format!("reading `where`, {}", flaw.told(&options.condition)),
            )),
        }
    }

    fn open(&mut self, schema: &Schema) -> Result<Table, Error> {
        plan::plan(&self.options.condition, &self.condition, schema).map(Table)
    }

    fn process(&mut self, table: &mut Table, batch: &Batch<'_>) -> Result<Outcome, Error> {
        rows::filter(&self.options, &table.0, batch)
    }
}

rowmill_sdk::export!(Filter: transform);
