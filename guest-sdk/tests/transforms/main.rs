//! Transforms: what `Edit` makes, held against arrow-rs, and run through the harness as a plugin's own tests do.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod columns;
mod messages;
mod routes;
mod rows;

use rowmill_sdk::harness::{Input, Opened, Rows};
use rowmill_sdk::{Batch, Error, Outcome, Schema, Transactions};
use serde_json::Value;

/// A batch as messages, to be edited.
struct Given {
    schema: Schema,
    message: Vec<u8>,
    batch: Vec<u8>,
    transactions: Transactions,
}

impl Given {
    fn of(input: &impl Input) -> Self {
        let (message, batch) = input.messages().unwrap();
        Self {
            schema: Schema::read(&message).unwrap(),
            message,
            batch,
            transactions: input.transactions(),
        }
    }

    fn batch(&self) -> Batch<'_> {
        Batch::read(&self.schema, &self.batch, &self.transactions).unwrap()
    }

    /// What an edit makes of it: another batch, none where everything is dropped.
    fn edit(&self, edit: impl FnOnce(&Batch<'_>) -> Result<Outcome, Error>) -> Option<Self> {
        let milled = Opened::new(self).unwrap().process(edit).unwrap()?;
        Some(Self::of(&milled))
    }

    fn rows(&self) -> Vec<Value> {
        rowmill_sdk::harness::show(&self.batch()).unwrap()
    }

    /// What arrow-rs reads, which refuses whatever is not as it should be.
    fn arrow(&self) -> arrow::array::RecordBatch {
        let stream = [self.message.as_slice(), &self.batch].concat();
        let mut reader = arrow::ipc::reader::StreamReader::try_new(stream.as_slice(), None).unwrap();
        reader.next().unwrap().unwrap()
    }
}

impl Input for Given {
    fn messages(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        Ok((self.message.clone(), self.batch.clone()))
    }

    fn transactions(&self) -> Transactions {
        self.transactions.clone()
    }
}

fn sample() -> Given {
    Given::of(&Rows::sample())
}
