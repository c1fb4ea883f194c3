//! Runs a transform natively.

use super::patched::patched;
use super::{Input, Opened, show};
use crate::{Batch, Error, Outcome, Schema, Transactions, Transform, TransformRunner};

/// A configured transform.
///
/// ```
/// use rowmill_sdk::harness::{Mill, Rows, Shape};
/// # use rowmill_sdk::{Batch, Description, Error, Outcome, Schema, Transform};
/// # struct Positive;
/// # impl Transform for Positive {
/// #     type Settings = serde_json::Value;
/// #     type Table = ();
/// #     fn describe() -> Description { Description::default() }
/// #     fn new(_: serde_json::Value) -> Result<Self, Error> { Ok(Self) }
/// #     fn open(&mut self, _: &Schema) -> Result<(), Error> { Ok(()) }
/// #     fn process(&mut self, _: &mut (), batch: &Batch<'_>) -> Result<Outcome, Error> {
/// #         let mut edit = batch.edit();
/// #         edit.retain(|row| Ok(row.image()?.int("id")? > Some(0)))?;
/// #         edit.finish()
/// #     }
/// # }
/// let shape = Shape::new("shop", "orders").column("id", "bigint", &[]).key(&[0]);
/// let rows = Rows::new(&shape).insert(vec![7.into()]).insert(vec![(-7).into()]);
/// let milled = Mill::<Positive>::new("{}")?.process(&rows)?.expect("a row is left");
/// assert_eq!(milled.rows()?[0]["after"]["id"], 7);
/// assert_eq!(milled.rows()?.len(), 1);
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
pub struct Mill<T: Transform> {
    runner: TransformRunner<T>,
    opened: u32,
}

/// A batch that came out of a transform.
///
/// ```
/// use rowmill_sdk::harness::{Milled, Opened, Rows};
/// let renamed: Milled = Opened::new(&Rows::sample())?.process(|batch| {
///     let mut edit = batch.edit();
///     edit.rename("name", "title")?;
///     edit.finish()
/// })?.expect("no row is dropped");
/// // It goes in again: into another step, a mill, or a bench.
/// let short = Opened::new(&renamed)?.process(|batch| {
///     let mut edit = batch.edit();
///     edit.keep_only(["id", "title"])?;
///     edit.finish()
/// })?.expect("no row is dropped");
/// assert_eq!(short.rows()?[1]["after"], serde_json::json!({"id": 1, "title": "changed"}));
/// assert_eq!((short.schema()?.columns.len(), short.unchanged), (2, false));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milled {
    /// The encapsulated schema message.
    pub schema: Vec<u8>,
    /// The encapsulated record-batch message.
    pub batch: Vec<u8>,
    /// What column `txn` points into.
    pub transactions: Transactions,
    /// Whether it is the batch that went in.
    pub unchanged: bool,
}

impl<T: Transform> Mill<T> {
    /// A transform with this configuration, a JSON object ([example](Self)).
    ///
    /// # Errors
    /// As `TransformRunner::configure`.
    pub fn new(config: &str) -> Result<Self, Error> {
        let mut runner = TransformRunner::default();
        runner.configure(config)?;
        Ok(Self { runner, opened: 0 })
    }

    /// What it makes of a batch; none where it drops all of it ([example](Self)).
    ///
    /// # Errors
    /// As `TransformRunner::open_schema` and `process`.
    pub fn process(&mut self, input: &impl Input) -> Result<Option<Milled>, Error> {
        let (schema, batch) = input.messages()?;
        let transactions = input.transactions();
        self.opened += 1;
        self.runner.open_schema(self.opened, &schema)?;
        let outcome = self.runner.process(self.opened, &batch, &transactions)?;
        Milled::of(outcome, (schema, batch), transactions)
    }

    /// The runner, for what a host does beside batches: `flush`, `save`, `restore` ([example](crate::State)).
    pub fn runner(&mut self) -> &mut TransformRunner<T> {
        &mut self.runner
    }
}

impl Milled {
    /// What a transform made of these messages.
    ///
    /// # Errors
    /// `bad-patch` where it does not fit the batch; `malformed-message`.
    pub(super) fn of(outcome: Outcome, (schema, batch): (Vec<u8>, Vec<u8>), transactions: Transactions) -> Result<Option<Self>, Error> {
        let unchanged = outcome == Outcome::Unchanged;
        let (schema, batch) = match outcome {
            Outcome::Dropped => return Ok(None),
            Outcome::Unchanged => (schema, batch),
            Outcome::Patched(patch) => {
                let read = Schema::read(&schema)?;
                let patched = patched(&Batch::read(&read, &batch, &transactions)?, &patch)?;
                (patch.schema.unwrap_or(schema), patched)
            }
            Outcome::Changed(batch) => (schema, batch),
            Outcome::Reshaped { schema, batch } => (schema, batch),
        };
        Ok(Some(Self {
            schema,
            batch,
            transactions,
            unchanged,
        }))
    }

    /// Its rows as JSON, one object a row: see [`show()`](super::show()) ([example](Mill)).
    ///
    /// # Errors
    /// `malformed-message` where the messages are not what the contract says.
    pub fn rows(&self) -> Result<Vec<serde_json::Value>, Error> {
        show(&Opened::new(self)?.batch()?)
    }

    /// Its schema ([example](Self)).
    ///
    /// # Errors
    /// `malformed-message`.
    pub fn schema(&self) -> Result<Schema, Error> {
        Schema::read(&self.schema)
    }
}

impl Input for Milled {
    fn messages(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        Ok((self.schema.clone(), self.batch.clone()))
    }

    fn transactions(&self) -> Transactions {
        self.transactions.clone()
    }
}
