//! What can go wrong with a plugin, in words for an operator, and what it asks of the pipeline.

use crate::fault::Fault;

/// A plugin's failure. Never holds a row value: guests promise that of their messages, and the host adds none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plugin returned an error for a row or for the whole batch.
    #[error("plugin {plugin} refused {what}: {message} (code {code})")]
    Refused {
        /// Its configured name.
        plugin: String,
        /// What it was given, such as `row 3 of 512 of shop.orders`.
        what: String,
        /// Its own stable code.
        code: String,
        /// Its own words.
        message: String,
        /// Row of the batch, from 0; none when the whole batch is meant.
        row: Option<u32>,
    },
    /// The plugin trapped, ran too long, took too much memory or broke the contract, twice.
    #[error("plugin {plugin} failed twice at {what}; each attempt had an instance of its own")]
    Broken {
        /// Its configured name.
        plugin: String,
        /// What it was given.
        what: String,
        /// The second failure.
        #[source]
        cause: Breakage,
    },
    /// The plugin can't be used at all.
    #[error("can't load plugin {plugin} from {place}")]
    Load {
        /// Its configured name.
        plugin: String,
        /// A path, or `the built-in`.
        place: String,
        /// Why.
        #[source]
        cause: anyhow::Error,
    },
}

/// Why an instance had to be thrown away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breakage {
    /// The epoch deadline passed.
    #[error("the call took longer than call_timeout_ms = {limit_ms}; raise it, or give the plugin smaller batches (batch.max_rows)")]
    TimedOut {
        /// The limit.
        limit_ms: u128,
    },
    /// A memory request was denied before the trap.
    #[error("it asked for {wanted} bytes of memory where memory = {limit} is allowed; raise it, or give the plugin smaller batches")]
    OutOfMemory {
        /// Bytes of linear memory it wanted to have.
        wanted: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// What it handed back breaks the contract.
    #[error("what it handed over breaks the contract: {0}")]
    Malformed(String),
    /// Anything else that ends an instance.
    #[error("it trapped: {0}")]
    Trapped(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::stop(error)
    }
}

/// What breaks the contract, seen by the host while it looks at a guest's bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) String);

/// `Malformed` from a format string.
macro_rules! malformed {
    ($($text:tt)*) => { crate::plugin::error::Malformed(format!($($text)*)) };
}
pub(super) use malformed;
