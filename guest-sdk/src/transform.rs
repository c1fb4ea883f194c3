//! Transforms: Arrow batches in, Arrow batches out.

use std::collections::HashMap;

use serde::de::DeserializeOwned;

use crate::encoder::unconfigured;
use crate::{Batch, Description, Error, FlushReason, Schema, Transactions, describe};

/// Changes batches before they are encoded: filters, masks, renames, enriches.
///
/// ```
/// use rowmill_sdk::{Batch, Description, Error, Op, Outcome, Schema, Transform};
///
/// /// Drops deletes.
/// struct KeepAll;
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {}
///
/// impl Transform for KeepAll {
///     type Settings = Settings;
///     type Table = ();
///
///     fn describe() -> Description {
///         Description { name: "keep-all", version: "0.1.0", parallel: true, ..Description::default() }
///     }
///
///     fn new(_: Settings) -> Result<Self, Error> {
///         Ok(Self)
///     }
///
///     fn open(&mut self, _: &Schema) -> Result<(), Error> {
///         Ok(())
///     }
///
///     fn process(&mut self, _: &mut (), batch: &Batch<'_>) -> Result<Outcome, Error> {
///         let mut edit = batch.edit();
///         edit.retain(|row| Ok(row.op()? != Op::Delete))?;
///         edit.finish()
///     }
/// }
///
/// rowmill_sdk::export!(KeepAll: transform);
/// ```
pub trait Transform: Sized + 'static {
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
    /// What can't be processed. No batch of this version comes then.
    fn open(&mut self, schema: &Schema) -> Result<Self::Table, Error>;

    /// Processes one batch: `batch.edit()` changes it. With the feature `arrow`, `Batch::to_arrow` and `Outcome::from_arrow` go from and to arrow-rs.
    ///
    /// # Errors
    /// The batch, or one row of it, can't be processed.
    fn process(&mut self, table: &mut Self::Table, batch: &Batch<'_>) -> Result<Outcome, Error>;

    /// Settles what was held back.
    ///
    /// # Errors
    /// It can't be settled.
    fn flush(&mut self, reason: FlushReason) -> Result<(), Error> {
        let _ = reason;
        Ok(())
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on as it came.
    Unchanged,
    /// All of its rows are dropped, on purpose.
    Dropped,
    /// Other values under the same schema: an encapsulated record-batch message.
    Changed(Vec<u8>),
    /// Another schema.
    Reshaped {
        /// Encapsulated schema message.
        schema: Vec<u8>,
        /// Encapsulated record-batch message.
        batch: Vec<u8>,
    },
}

/// Runs a transform as the host does: the same calls, natively or in WASM.
pub struct TransformRunner<T: Transform> {
    transform: Option<T>,
    tables: HashMap<u32, (Schema, T::Table)>,
}

impl<T: Transform> Default for TransformRunner<T> {
    fn default() -> Self {
        Self {
            transform: None,
            tables: HashMap::new(),
        }
    }
}

impl<T: Transform> TransformRunner<T> {
    /// The description as JSON.
    pub fn describe() -> String {
        Self::describe_with(None)
    }

    /// The description as JSON, of a plugin that keeps a state of this version.
    pub(crate) fn describe_with(state_version: Option<u32>) -> String {
        T::describe().to_json("transform", state_version)
    }

    pub(crate) fn plugin(&mut self) -> Option<&mut T> {
        self.transform.as_mut()
    }

    /// Takes the configuration, a JSON object.
    ///
    /// # Errors
    /// `bad-configuration`, or the transform's own.
    pub fn configure(&mut self, config: &str) -> Result<(), Error> {
        self.transform = Some(T::new(describe::settings(config)?)?);
        self.tables.clear();
        Ok(())
    }

    /// Opens a schema from its encapsulated message.
    ///
    /// # Errors
    /// `malformed-message`, or the transform's own.
    pub fn open_schema(&mut self, id: u32, message: &[u8]) -> Result<(), Error> {
        let transform = self.transform.as_mut().ok_or_else(unconfigured)?;
        let schema = Schema::read(message)?;
        let table = transform.open(&schema)?;
        self.tables.insert(id, (schema, table));
        Ok(())
    }

    /// Forgets a schema.
    pub fn close_schema(&mut self, id: u32) {
        self.tables.remove(&id);
    }

    /// Processes a batch.
    ///
    /// # Errors
    /// `unknown-schema`, `malformed-message`, or the transform's own.
    pub fn process(&mut self, id: u32, message: &[u8], transactions: &Transactions) -> Result<Outcome, Error> {
        let transform = self.transform.as_mut().ok_or_else(unconfigured)?;
        let Some((schema, table)) = self.tables.get_mut(&id) else {
            return Err(Error::new("unknown-schema", format!("processing a batch: schema {id} is not open")));
        };
        transform.process(table, &Batch::read(schema, message, transactions)?)
    }

    /// Asks to settle what was held back.
    ///
    /// # Errors
    /// The transform's own.
    pub fn flush(&mut self, reason: FlushReason) -> Result<(), Error> {
        self.transform.as_mut().ok_or_else(unconfigured)?.flush(reason)
    }
}
