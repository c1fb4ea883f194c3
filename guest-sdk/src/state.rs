//! What a plugin keeps from one instance to the next.

use crate::encoder::unconfigured;
use crate::{Encoder, EncoderRunner, Error, Transform, TransformRunner};

/// A plugin that keeps something between batches: counters, last values, what it has seen. Exported by
/// `export!(MyTransform: transform with state)`.
///
/// ```
/// use rowmill_sdk::{Error, State};
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
/// ```
pub trait State {
    /// Version of what `save` returns. Raise it whenever that changes; `restore` should read the earlier ones.
    const VERSION: u32;

    /// What the next instance needs to know. Called after each batch and control event that the plugin took, so keep it small and quick.
    ///
    /// # Errors
    /// It can't be told: the call that it follows counts as refused.
    fn save(&mut self) -> Result<Vec<u8>, Error>;

    /// Takes over what was saved under `version`. Called before any schema is opened.
    ///
    /// # Errors
    /// It can't be read. The plugin is not put to work then.
    fn restore(&mut self, version: u32, bytes: &[u8]) -> Result<(), Error>;
}

macro_rules! runner {
    ($runner:ident, $kind:ident) => {
        impl<P: $kind + State> $runner<P> {
            /// What its plugin keeps.
            ///
            /// # Errors
            /// `not-configured`, or the plugin's own.
            pub fn save(&mut self) -> Result<Vec<u8>, Error> {
                self.plugin().ok_or_else(unconfigured)?.save()
            }

            /// Hands over what an earlier instance kept.
            ///
            /// # Errors
            /// `not-configured`, or the plugin's own.
            pub fn restore(&mut self, version: u32, bytes: &[u8]) -> Result<(), Error> {
                self.plugin().ok_or_else(unconfigured)?.restore(version, bytes)
            }
        }
    };
}

runner!(EncoderRunner, Encoder);
runner!(TransformRunner, Transform);
