//! What a plugin keeps from one instance to the next.

use crate::{Encoder, EncoderRunner, Error, Transform, TransformRunner};

/// A plugin that keeps something between batches: counters, last values, what it has seen. Exported by
/// `export!(MyTransform: transform with state)`.
///
/// ```
/// use rowmill_sdk::harness::{Mill, Rows};
/// use rowmill_sdk::{Error, State};
/// # use rowmill_sdk::{Batch, Description, Outcome, Schema, Transform};
/// # impl Transform for Counter {
/// #     type Settings = serde_json::Value;
/// #     type Table = ();
/// #     fn describe() -> Description { Description { name: "counter", version: "0.1.0", ..Description::default() } }
/// #     fn new(_: serde_json::Value) -> Result<Self, Error> { Ok(Self { rows: 0 }) }
/// #     fn open(&mut self, _: &Schema) -> Result<(), Error> { Ok(()) }
/// #     fn process(&mut self, _: &mut (), batch: &Batch<'_>) -> Result<Outcome, Error> {
/// #         self.rows += u64::try_from(batch.rows()).unwrap_or(u64::MAX);
/// #         Ok(Outcome::Unchanged)
/// #     }
/// # }
///
/// /// Counts rows.
/// struct Counter {
///     rows: u64,
/// }
///
/// impl State for Counter {
///     const VERSION: u32 = 1;
///
///     fn save(&mut self) -> Result<Vec<u8>, Error> {
///         Ok(self.rows.to_le_bytes().to_vec())
///     }
///
///     fn restore(&mut self, version: u32, bytes: &[u8]) -> Result<(), Error> {
///         match (version, bytes.first_chunk()) {
///             (1, Some(bytes)) => self.rows = u64::from_le_bytes(*bytes),
///             _ => return Err(Error::new("unknown-state", format!("restoring: version {version} is not known"))),
///         }
///         Ok(())
///     }
/// }
///
/// rowmill_sdk::export!(Counter: transform with state);
///
/// let (mut old, mut new) = (Mill::<Counter>::new("{}")?, Mill::<Counter>::new("{}")?);
/// old.process(&Rows::sample())?;
/// new.runner().restore(Counter::VERSION, &old.runner().save()?)?;
/// new.process(&Rows::sample())?;
/// assert_eq!(new.runner().save()?, 14_u64.to_le_bytes());
/// assert_eq!(new.runner().restore(2, &[]).unwrap_err().code, "unknown-state");
/// # Ok::<(), Error>(())
/// ```
pub trait State {
    /// Version of what `save` returns. Raise it whenever that changes; `restore` should read the earlier ones ([example](Self)).
    const VERSION: u32;

    /// What the next instance needs to know. Called after each batch and control event that the plugin took, so keep it small and quick ([example](Self)).
    ///
    /// # Errors
    /// It can't be told: the call that it follows counts as refused.
    fn save(&mut self) -> Result<Vec<u8>, Error>;

    /// Takes over what was saved under `version`. Called before any schema is opened ([example](Self)).
    ///
    /// # Errors
    /// It can't be read. The plugin is not put to work then.
    fn restore(&mut self, version: u32, bytes: &[u8]) -> Result<(), Error>;
}

macro_rules! runner {
    ($runner:ident, $kind:ident) => {
        impl<P: $kind + State> $runner<P> {
            /// What its plugin keeps ([example](State)).
            ///
            /// # Errors
            /// `not-configured`, or the plugin's own.
            pub fn save(&mut self) -> Result<Vec<u8>, Error> {
                self.plugin()?.save()
            }

            /// Hands over what an earlier instance kept ([example](State)).
            ///
            /// # Errors
            /// `not-configured`, or the plugin's own.
            pub fn restore(&mut self, version: u32, bytes: &[u8]) -> Result<(), Error> {
                self.plugin()?.restore(version, bytes)
            }
        }
    };
}

runner!(EncoderRunner, Encoder);
runner!(TransformRunner, Transform);
