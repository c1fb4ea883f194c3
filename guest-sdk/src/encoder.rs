//! Encoders: Arrow batches in, Kafka records out.

use serde::de::DeserializeOwned;

use crate::running::Running;
use crate::{Batch, Description, Error, Output, Schema, Transactions};

/// Turns batches into records. One instance serves one connector, on one thread.
///
/// ```
/// use rowmill_sdk::harness::{Bench, Rows, events};
/// use rowmill_sdk::{Batch, Description, Encoder, Error, FlushReason, Op, Output, Record, Schema};
///
/// /// Tells how many rows a table has gained: one record a batch, and one in between where a heartbeat comes.
/// struct Gains {
///     unit: String,
/// }
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields, default)]
/// struct Settings {
///     unit: String,
/// }
///
/// impl Default for Settings {
///     fn default() -> Self {
///         Self { unit: "rows".to_owned() }
///     }
/// }
///
/// impl Encoder for Gains {
///     type Settings = Settings;
///     /// What stands before the number.
///     type Table = String;
///
///     fn describe() -> Description {
///         Description { name: "gains", version: "0.1.0", controls: &["heartbeat"], ..Description::default() }
///     }
///
///     fn new(settings: Settings) -> Result<Self, Error> {
///         Ok(Self { unit: settings.unit })
///     }
///
///     fn open(&mut self, schema: &Schema) -> Result<String, Error> {
///         Ok(format!("{}: ", schema.table))
///     }
///
///     fn encode(&mut self, table: &mut String, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
///         let mut gained = 0;
///         for row in batch.iter() {
///             gained += match row.op()? {
///                 Op::Insert => 1,
///                 Op::Update => 0,
///                 Op::Delete => -1,
///             };
///         }
///         output.put(Record::default(), None, Some(format!("{table}{gained} {}", self.unit).as_bytes()));
///         Ok(())
///     }
///
///     fn control(&mut self, event: &serde_json::Value, output: &mut Output) -> Result<(), Error> {
///         output.put(Record::default(), None, Some(event["event"].as_str().unwrap_or_default().as_bytes()));
///         Ok(())
///     }
///
///     // It holds nothing back; one that does writes it here.
///     fn flush(&mut self, _: FlushReason, _: &mut Output) -> Result<(), Error> {
///         Ok(())
///     }
/// }
///
/// rowmill_sdk::export!(Gains: encoder);
///
/// let mut bench = Bench::<Gains>::new("{}")?;
/// assert_eq!(bench.encode(&Rows::sample())?[0].value_text(), "sample: 2 rows");
/// assert_eq!(bench.control(&events::heartbeat(&["mysql_sample"], 1_614_748_870_000))?[0].value_text(), "heartbeat");
/// bench.runner().flush(FlushReason::Commit)?;
/// assert_eq!(Bench::<Gains>::new(r#"{"units":""}"#).err().map(|error| error.code), Some("bad-configuration".to_owned()));
/// # Ok::<(), Error>(())
/// ```
pub trait Encoder: Sized + 'static {
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
    /// What can't be encoded. No batch of this version comes then.
    fn open(&mut self, schema: &Schema) -> Result<Self::Table, Error>;

    /// Writes the records of one batch, in its order ([example](Self)).
    ///
    /// # Errors
    /// The batch, or one row of it, can't be encoded. Records not yet handed over are thrown away.
    fn encode(&mut self, table: &mut Self::Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error>;

    /// Writes the records of a control event that `describe` asked for ([example](Self)).
    ///
    /// # Errors
    /// The event can't be encoded.
    fn control(&mut self, event: &serde_json::Value, output: &mut Output) -> Result<(), Error> {
        let _ = (event, output);
        Ok(())
    }

    /// Writes what was held back ([example](Self)).
    ///
    /// # Errors
    /// It can't be written.
    fn flush(&mut self, reason: FlushReason, output: &mut Output) -> Result<(), Error> {
        let _ = (reason, output);
        Ok(())
    }
}

/// Why the host asks for a flush ([example](Encoder)).
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
///
/// ```
/// use rowmill_sdk::harness::{Rows, events};
/// use rowmill_sdk::{EncoderRunner, FlushReason, Output};
/// # use rowmill_sdk::{Batch, Description, Encoder, Error, Record, Schema};
/// # struct Names;
/// # impl Encoder for Names {
/// #     type Settings = serde_json::Value;
/// #     type Table = ();
/// #     fn describe() -> Description { Description { name: "names", version: "0.1.0", ..Description::default() } }
/// #     fn new(_: serde_json::Value) -> Result<Self, Error> { Ok(Self) }
/// #     fn open(&mut self, _: &Schema) -> Result<(), Error> { Ok(()) }
/// #     fn encode(&mut self, _: &mut (), batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
/// #         for row in batch.iter() {
/// #             let name = row.image()?.text("name")?.unwrap_or("?");
/// #             output.put(Record { row: row.number(), ..Record::default() }, None, Some(name.as_bytes()));
/// #         }
/// #         Ok(())
/// #     }
/// # }
/// let rows = Rows::sample();
/// let (schema, batch) = rows.messages()?;
/// let mut runner = EncoderRunner::<Names>::new(Output::new(Box::new(|records| assert_eq!(records.len(), 7))));
/// assert!(EncoderRunner::<Names>::describe().contains(r#""kind":"encoder""#));
/// runner.configure("{}")?;
/// runner.open_schema(1, &schema)?;
/// runner.encode(1, &batch, &rows.transactions())?;
/// runner.control(&events::heartbeat(&[], 1_614_748_870_000).to_string())?;
/// runner.flush(FlushReason::Commit)?;
/// runner.close_schema(1);
/// assert_eq!(runner.encode(1, &batch, &rows.transactions()).unwrap_err().code, "unknown-schema");
/// # Ok::<(), Error>(())
/// ```
pub struct EncoderRunner<E: Encoder> {
    running: Running<E, E::Table>,
    output: Output,
}

impl<E: Encoder> EncoderRunner<E> {
    /// A runner that is not configured yet; hand-overs go to `output` ([example](Self)).
    pub fn new(output: Output) -> Self {
        Self {
            running: Running::default(),
            output,
        }
    }

    /// The description as JSON ([example](Self)).
    pub fn describe() -> String {
        Self::describe_with(None)
    }

    /// The description as JSON, of a plugin that keeps a state of this version.
    pub(crate) fn describe_with(state_version: Option<u32>) -> String {
        E::describe().to_json("encoder", state_version)
    }

    pub(crate) fn plugin(&mut self) -> Result<&mut E, Error> {
        self.running.plugin()
    }

    /// Takes the configuration, a JSON object ([example](Self)).
    ///
    /// # Errors
    /// `bad-configuration`, or the encoder's own.
    pub fn configure(&mut self, config: &str) -> Result<(), Error> {
        self.running.configure(config, E::new)
    }

    /// Opens a schema from its encapsulated message ([example](Self)).
    ///
    /// # Errors
    /// `malformed-message`, or the encoder's own.
    pub fn open_schema(&mut self, id: u32, message: &[u8]) -> Result<(), Error> {
        self.running.open(id, message, E::open)
    }

    /// Forgets a schema ([example](Self)).
    pub fn close_schema(&mut self, id: u32) {
        self.running.close(id);
    }

    /// Encodes a batch and hands everything over ([example](Self)).
    ///
    /// # Errors
    /// `unknown-schema`, `malformed-message`, or the encoder's own.
    pub fn encode(&mut self, id: u32, message: &[u8], transactions: &Transactions) -> Result<(), Error> {
        let output = &mut self.output;
        self.running
            .with_batch("encoding", (id, message, transactions), |encoder, table, batch| {
                let done = encoder.encode(table, batch, output);
                Self::close(output, done)
            })
    }

    /// Encodes a control event, a JSON object ([example](Self)).
    ///
    /// # Errors
    /// `bad-control` where it is no JSON, or the encoder's own.
    pub fn control(&mut self, event: &str) -> Result<(), Error> {
        let encoder = self.running.plugin()?;
        let event = serde_json::from_str(event).map_err(|cause| Error::new("bad-control", format!("reading a control event: {cause}")))?;
        let done = encoder.control(&event, &mut self.output);
        Self::close(&mut self.output, done)
    }

    /// Asks for what was held back ([example](Self)).
    ///
    /// # Errors
    /// The encoder's own.
    pub fn flush(&mut self, reason: FlushReason) -> Result<(), Error> {
        let encoder = self.running.plugin()?;
        let done = encoder.flush(reason, &mut self.output);
        Self::close(&mut self.output, done)
    }

    fn close(output: &mut Output, done: Result<(), Error>) -> Result<(), Error> {
        output.end_call(done.is_ok());
        done
    }
}
