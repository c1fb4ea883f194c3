//! Transforms: Arrow batches in, Arrow batches out.

use serde::de::DeserializeOwned;

use crate::running::Running;
use crate::{Batch, Description, Error, FlushReason, Schema, Transactions};

/// Changes batches before they are encoded: filters, masks, renames, enriches.
///
/// ```
/// use rowmill_sdk::harness::{Mill, Rows};
/// use rowmill_sdk::{Batch, Description, Error, FlushReason, Op, Outcome, Schema, Transform};
///
/// /// Drops deletes, and the values of columns.
/// struct Keep {
///     hidden: Vec<String>,
/// }
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {
///     hidden: Vec<String>,
/// }
///
/// impl Transform for Keep {
///     type Settings = Settings;
///     /// Ordinals of the columns to hide.
///     type Table = Vec<usize>;
///
///     fn describe() -> Description {
///         Description { name: "keep", version: "0.1.0", parallel: true, ..Description::default() }
///     }
///
///     fn new(Settings { hidden }: Settings) -> Result<Self, Error> {
///         Ok(Self { hidden })
///     }
///
///     // Columns are looked for once a table; not every table has each of them.
///     fn open(&mut self, schema: &Schema) -> Result<Vec<usize>, Error> {
///         Ok(self.hidden.iter().filter_map(|name| schema.find(name)).collect())
///     }
///
///     fn process(&mut self, hidden: &mut Vec<usize>, batch: &Batch<'_>) -> Result<Outcome, Error> {
///         let mut edit = batch.edit();
///         edit.retain(|row| Ok(row.op()? != Op::Delete))?;
///         for column in hidden {
///             edit.null(*column)?;
///         }
///         edit.finish()
///     }
///
///     // It holds nothing back; one that does settles that here.
///     fn flush(&mut self, _: FlushReason) -> Result<(), Error> {
///         Ok(())
///     }
/// }
///
/// rowmill_sdk::export!(Keep: transform);
///
/// let mut mill = Mill::<Keep>::new(r#"{"hidden":["name","iban"]}"#)?;
/// let rows = mill.process(&Rows::sample())?.expect("most rows are kept").rows()?;
/// assert_eq!((rows.len(), rows[0]["after"]["name"].is_null(), &rows[0]["after"]["tiny"]), (6, true, &(-128).into()));
/// # Ok::<(), Error>(())
/// ```
pub trait Transform: Sized + 'static {
    /// The configuration. `#[serde(deny_unknown_fields, default)]` on it makes an unknown option an error that names the
    /// known ones ([example](Self)).
    type Settings: DeserializeOwned;

    /// What is prepared once for each version of a table; of very many tables, anew for one that did not change for long. What is held back until a
    /// flush may be kept in it ([example](Self)).
    type Table: 'static;

    /// Says who it is ([example](Self)).
    fn describe() -> Description;

    /// Makes it from its configuration ([example](Self)).
    ///
    /// # Errors
    /// What is wrong with the settings. The plugin is not loaded then.
    fn new(settings: Self::Settings) -> Result<Self, Error>;

    /// Prepares for a version of a table ([example](Self)).
    ///
    /// # Errors
    /// What can't be processed. No batch of this version comes then.
    fn open(&mut self, schema: &Schema) -> Result<Self::Table, Error>;

    /// Processes one batch: `batch.edit()` changes it ([example](Self)). With the feature `arrow`, `Batch::to_arrow` and `Outcome::from_arrow` go
    /// from and to arrow-rs.
    ///
    /// # Errors
    /// The batch, or one row of it, can't be processed.
    fn process(&mut self, table: &mut Self::Table, batch: &Batch<'_>) -> Result<Outcome, Error>;

    /// Settles what was held back ([example](Self)).
    ///
    /// # Errors
    /// It can't be settled.
    fn flush(&mut self, reason: FlushReason) -> Result<(), Error> {
        let _ = reason;
        Ok(())
    }
}

/// What became of a batch.
///
/// ```
/// use rowmill_sdk::{Outcome, harness::{Opened, Rows}};
/// let opened = Opened::new(&Rows::sample())?;
/// let batch = opened.batch()?;
/// // `Edit::finish` finds out which it is.
/// assert_eq!(batch.edit().finish()?, Outcome::Unchanged);
/// let mut edit = batch.edit();
/// edit.retain(|row| Ok(row.number() == 1))?;
/// assert!(matches!(edit.finish()?, Outcome::Patched(patch) if patch.rows == Some(vec![0b10])));
/// let mut edit = batch.edit();
/// edit.retain(|_| Ok(false))?;
/// assert_eq!(edit.finish()?, Outcome::Dropped);
/// let mut edit = batch.edit();
/// edit.key(["name"]);
/// assert!(matches!(edit.finish()?, Outcome::Reshaped { .. }));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on as it came.
    Unchanged,
    /// All of its rows are dropped, on purpose.
    Dropped,
    /// It goes on but for what the patch says: the host puts it together, so that what stays need not be copied.
    Patched(Patch),
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

/// What a transform changes of a batch, all else of which the host has. [`Edit::finish`](crate::Edit::finish) makes it.
///
/// ```
/// use rowmill_sdk::{Outcome, PatchColumns, harness::{Opened, Rows, Shape}};
/// let shape = Shape::new("shop", "orders").column("id", "int", &[]).column("note", "text", &[]);
/// let row = |id: i64| vec![id.into(), "secret".into()];
/// let opened = Opened::new(&Rows::new(&shape).insert(row(1)).insert(row(2)).insert(row(3)))?;
/// let batch = opened.batch()?;
/// let mut edit = batch.edit();
/// edit.retain(|row| Ok(row.image()?.int("id")? != Some(2)))?;
/// edit.set("note", |_, out| out.text("-"))?;
/// let Outcome::Patched(patch) = edit.finish()? else { unreachable!("nothing has to be made anew") };
/// assert_eq!((patch.rows, patch.schema), (Some(vec![0b101]), None));
/// let Some(PatchColumns { origins, fresh }) = patch.columns else { unreachable!("`note` is new") };
/// assert_eq!((origins, fresh.is_empty()), (vec![0, -1], false));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    /// Which rows go on: row `i` does where bit `i % 8` of byte `i / 8` is set. None: all of them.
    pub rows: Option<Vec<u8>>,
    /// The table's columns as they come out. None: as they came.
    pub columns: Option<PatchColumns>,
    /// Encapsulated schema message of what comes out. None: the one that came.
    pub schema: Option<Vec<u8>>,
}

/// The table's columns as they come out of a [`Patch`] ([example](Patch)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatchColumns {
    /// For each column of `before`, where the batch has it, and then for each one of `after`: which one it was, from 0, or -1 where it is new.
    pub origins: Vec<i32>,
    /// The new ones, an encapsulated record-batch message of the rows that go on; empty where there are none.
    pub fresh: Vec<u8>,
}

/// Runs a transform as the host does: the same calls, natively or in WASM.
///
/// ```
/// use rowmill_sdk::harness::Rows;
/// use rowmill_sdk::{FlushReason, Outcome, TransformRunner};
/// # use rowmill_sdk::{Batch, Description, Error, Schema, Transform};
/// # struct First;
/// # impl Transform for First {
/// #     type Settings = serde_json::Value;
/// #     type Table = ();
/// #     fn describe() -> Description { Description { name: "first", version: "0.1.0", ..Description::default() } }
/// #     fn new(_: serde_json::Value) -> Result<Self, Error> { Ok(Self) }
/// #     fn open(&mut self, _: &Schema) -> Result<(), Error> { Ok(()) }
/// #     fn process(&mut self, _: &mut (), batch: &Batch<'_>) -> Result<Outcome, Error> {
/// #         let mut edit = batch.edit();
/// #         edit.retain(|row| Ok(row.number() == 0))?;
/// #         edit.finish()
/// #     }
/// # }
/// let rows = Rows::sample();
/// let (schema, batch) = rows.messages()?;
/// let mut runner = TransformRunner::<First>::default();
/// assert!(TransformRunner::<First>::describe().contains(r#""kind":"transform""#));
/// runner.configure("{}")?;
/// runner.open_schema(1, &schema)?;
/// assert!(matches!(runner.process(1, &batch, &rows.transactions())?, Outcome::Patched(_)));
/// runner.flush(FlushReason::Barrier)?;
/// runner.close_schema(1);
/// assert_eq!(runner.process(1, &batch, &rows.transactions()).unwrap_err().code, "unknown-schema");
/// # Ok::<(), Error>(())
/// ```
pub struct TransformRunner<T: Transform> {
    running: Running<T, T::Table>,
}

impl<T: Transform> Default for TransformRunner<T> {
    fn default() -> Self {
        Self {
            running: Running::default(),
        }
    }
}

impl<T: Transform> TransformRunner<T> {
    /// The description as JSON ([example](Self)).
    pub fn describe() -> String {
        Self::describe_with(None)
    }

    /// The description as JSON, of a plugin that keeps a state of this version.
    pub(crate) fn describe_with(state_version: Option<u32>) -> String {
        T::describe().to_json("transform", state_version)
    }

    pub(crate) fn plugin(&mut self) -> Result<&mut T, Error> {
        self.running.plugin()
    }

    /// Takes the configuration, a JSON object ([example](Self)).
    ///
    /// # Errors
    /// `bad-configuration`, or the transform's own.
    pub fn configure(&mut self, config: &str) -> Result<(), Error> {
        self.running.configure(config, T::new)
    }

    /// Opens a schema from its encapsulated message ([example](Self)).
    ///
    /// # Errors
    /// `malformed-message`, or the transform's own.
    pub fn open_schema(&mut self, id: u32, message: &[u8]) -> Result<(), Error> {
        self.running.open(id, message, T::open)
    }

    /// Forgets a schema ([example](Self)).
    pub fn close_schema(&mut self, id: u32) {
        self.running.close(id);
    }

    /// Processes a batch ([example](Self)).
    ///
    /// # Errors
    /// `unknown-schema`, `malformed-message`, or the transform's own.
    pub fn process(&mut self, id: u32, message: &[u8], transactions: &Transactions) -> Result<Outcome, Error> {
        self.running.with_batch("processing", (id, message, transactions), T::process)
    }

    /// Asks to settle what was held back ([example](Self)).
    ///
    /// # Errors
    /// The transform's own.
    pub fn flush(&mut self, reason: FlushReason) -> Result<(), Error> {
        self.running.plugin()?.flush(reason)
    }
}
