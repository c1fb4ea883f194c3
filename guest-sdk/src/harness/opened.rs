//! A batch and all that it borrows from, for tests of single functions.

use super::{Input, Milled};
use crate::{Batch, Error, Outcome, Schema, Transactions};

/// A batch that is open, as a plugin has it when it is called: for tests of a function that takes a [`Batch`] or gives an [`Outcome`], without
/// the plugin around it.
///
/// ```
/// use rowmill_sdk::harness::{Opened, Rows};
/// use rowmill_sdk::{Batch, Error, Outcome};
///
/// /// What is tested: a step of some transform.
/// fn upper(batch: &Batch<'_>, column: &str) -> Result<Outcome, Error> {
///     let mut edit = batch.edit();
///     edit.set(column, |image, out| match image.text(column)? {
///         Some(text) => out.text(&text.to_uppercase()),
///         None => out.keep(),
///     })?;
///     edit.finish()
/// }
///
/// let opened = Opened::new(&Rows::sample())?;
/// let milled = opened.process(|batch| upper(batch, "body"))?.expect("no row is dropped");
/// assert_eq!(milled.rows()?[0]["after"]["body"], "TWO\nLINES");
/// assert_eq!(opened.batch()?.row(0).image()?.text("body")?, Some("two\nlines"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Opened {
    schema: Schema,
    message: Vec<u8>,
    transactions: Transactions,
}

impl Opened {
    /// Opens the schema of a batch ([example](Self)).
    ///
    /// # Errors
    /// `harness` where the batch can't be made, `malformed-message` where its schema can't be read.
    pub fn new(input: &impl Input) -> Result<Self, Error> {
        let (schema, message) = input.messages()?;
        Ok(Self {
            schema: Schema::read(&schema)?,
            message,
            transactions: input.transactions(),
        })
    }

    /// The batch ([example](Self)).
    ///
    /// # Errors
    /// `malformed-message`.
    pub fn batch(&self) -> Result<Batch<'_>, Error> {
        Batch::read(&self.schema, &self.message, &self.transactions)
    }

    /// What `process` makes of the batch, as a transform may; none where it drops all of it ([example](Self)).
    ///
    /// # Errors
    /// `malformed-message`, or what `process` returns.
    pub fn process(&self, process: impl FnOnce(&Batch<'_>) -> Result<Outcome, Error>) -> Result<Option<Milled>, Error> {
        let outcome = process(&self.batch()?)?;
        let (schema, batch) = self.messages()?;
        Milled::of(outcome, (schema, batch), self.transactions())
    }
}

impl Input for Opened {
    fn messages(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        Ok((self.schema.message.clone(), self.message.clone()))
    }

    fn transactions(&self) -> Transactions {
        self.transactions.clone()
    }
}
