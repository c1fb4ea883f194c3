//! Encoders: Arrow batches in, Kafka records out.

use std::collections::HashMap;

use serde::de::DeserializeOwned;

use crate::describe;
use crate::{Batch, Description, Error, Output, Schema, Transactions};

/// Turns batches into records. One instance serves one connector, on one thread.
pub trait Encoder: Sized + 'static {
    /// The configuration. `#[serde(deny_unknown_fields, default)]` on it makes an unknown option an error that names the
    /// known ones.
    type Settings: DeserializeOwned;

    /// What is prepared once for each version of a table.
    type Table: 'static;

    /// Says who it is.
    fn describe() -> Description;

    /// Makes it from its configuration.
    ///
    /// # Errors
    /// What is wrong with the settings. The plugin is not loaded then.
    fn new(settings: Self::Settings) -> Result<Self, Error>;

    /// Prepares for a version of a table.
    ///
    /// # Errors
    /// What can't be encoded. No batch of this version comes then.
    fn open(&mut self, schema: &Schema) -> Result<Self::Table, Error>;

    /// Writes the records of one batch, in its order.
    ///
    /// # Errors
    /// The batch, or one row of it, can't be encoded. Records not yet handed over are thrown away.
    fn encode(&mut self, table: &mut Self::Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error>;

    /// Writes the records of a control event that `describe` asked for.
    ///
    /// # Errors
    /// The event can't be encoded.
    fn control(&mut self, event: &serde_json::Value, output: &mut Output) -> Result<(), Error> {
        let _ = (event, output);
        Ok(())
    }

    /// Writes what was held back.
    ///
    /// # Errors
    /// It can't be written.
    fn flush(&mut self, reason: FlushReason, output: &mut Output) -> Result<(), Error> {
        let _ = (reason, output);
        Ok(())
    }
}

/// Why the host asks for a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushReason {
    /// A commit point: everything so far is about to be written.
    Commit,
    /// A barrier such as DDL: what follows means something else.
    Barrier,
    /// The instance is about to be replaced.
    Swap,
    /// The connector stops.
    Stop,
}

/// Runs an encoder as the host does: the same calls, natively or in WASM.
pub struct EncoderRunner<E: Encoder> {
    encoder: Option<E>,
    tables: HashMap<u32, (Schema, E::Table)>,
    output: Output,
}

impl<E: Encoder> EncoderRunner<E> {
    /// A runner that is not configured yet; hand-overs go to `output`.
    pub fn new(output: Output) -> Self {
        Self {
            encoder: None,
            tables: HashMap::new(),
            output,
        }
    }

    /// The description as JSON.
    pub fn describe() -> String {
        Self::describe_with(None)
    }

    /// The description as JSON, of a plugin that keeps a state of this version.
    pub(crate) fn describe_with(state_version: Option<u32>) -> String {
        E::describe().to_json("encoder", state_version)
    }

    pub(crate) fn plugin(&mut self) -> Option<&mut E> {
        self.encoder.as_mut()
    }

    /// Takes the configuration, a JSON object.
    ///
    /// # Errors
    /// `bad-configuration`, or the encoder's own.
    pub fn configure(&mut self, config: &str) -> Result<(), Error> {
        self.encoder = Some(E::new(describe::settings(config)?)?);
        self.tables.clear();
        Ok(())
    }

    /// Opens a schema from its encapsulated message.
    ///
    /// # Errors
    /// `malformed-message`, or the encoder's own.
    pub fn open_schema(&mut self, id: u32, message: &[u8]) -> Result<(), Error> {
        let encoder = self.encoder.as_mut().ok_or_else(unconfigured)?;
        let schema = Schema::read(message)?;
        let table = encoder.open(&schema)?;
        self.tables.insert(id, (schema, table));
        Ok(())
    }

    /// Forgets a schema.
    pub fn close_schema(&mut self, id: u32) {
        self.tables.remove(&id);
    }

    /// Encodes a batch and hands everything over.
    ///
    /// # Errors
    /// `unknown-schema`, `malformed-message`, or the encoder's own.
    pub fn encode(&mut self, id: u32, message: &[u8], transactions: &Transactions) -> Result<(), Error> {
        let encoder = self.encoder.as_mut().ok_or_else(unconfigured)?;
        let Some((schema, table)) = self.tables.get_mut(&id) else {
            return Err(Error::new("unknown-schema", format!("encoding a batch: schema {id} is not open")));
        };
        let batch = Batch::read(schema, message, transactions)?;
        let done = encoder.encode(table, &batch, &mut self.output);
        Self::close(&mut self.output, done)
    }

    /// Encodes a control event, a JSON object.
    ///
    /// # Errors
    /// `bad-control` where it is no JSON, or the encoder's own.
    pub fn control(&mut self, event: &str) -> Result<(), Error> {
        let encoder = self.encoder.as_mut().ok_or_else(unconfigured)?;
        let event = serde_json::from_str(event).map_err(|cause| Error::new("bad-control", format!("reading a control event: {cause}")))?;
        let done = encoder.control(&event, &mut self.output);
        Self::close(&mut self.output, done)
    }

    /// Asks for what was held back.
    ///
    /// # Errors
    /// The encoder's own.
    pub fn flush(&mut self, reason: FlushReason) -> Result<(), Error> {
        let encoder = self.encoder.as_mut().ok_or_else(unconfigured)?;
        let done = encoder.flush(reason, &mut self.output);
        Self::close(&mut self.output, done)
    }

    fn close(output: &mut Output, done: Result<(), Error>) -> Result<(), Error> {
        output.end_call(done.is_ok());
        done
    }
}

#[cold]
pub(crate) fn unconfigured() -> Error {
    Error::new("not-configured", "calling a plugin: `configure` has not succeeded before")
}
