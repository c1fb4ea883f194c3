//! What can go wrong with a plugin, in words for an operator, and what it asks of the pipeline.

use crate::fault::Fault;

/// Bytes that a plugin needs beside its batch and what it makes of it.
const EXTRA: usize = 4 << 20;
/// So many times as much as a large batch beside the plugin is what it is on its way: event, batch, message, records.
const FORMS: usize = 4;

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
    /// The plugin trapped, ran too long, took or handed over too much, or broke the contract; twice, where that may have been an accident.
    #[error("plugin {plugin} failed{} at {what}{}", times(cause), each(cause))]
    Broken {
        /// Its configured name.
        plugin: String,
        /// What it was given.
        what: String,
        /// The last failure.
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
    #[error(
        "it asked for {wanted} bytes of memory where memory = {limit} is allowed{}; raise the plugin's memory to {} or more, and \
         limits.memory to {} or more",
        over(*given),
        mib(enough(*wanted, *given)),
        mib(enough(*wanted, *given) + FORMS * given)
    )]
    OutOfMemory {
        /// Bytes of linear memory it wanted to have.
        wanted: usize,
        /// The limit in bytes.
        limit: usize,
        /// Bytes of the batch that it was to be given; 0: none.
        given: usize,
    },
    /// It handed over more than there is room for, in a call that can't have fewer rows.
    #[error(
        "what it handed over breaks the contract: more than {most} bytes of records for one batch, the least that it can be given; raise \
         limits.memory"
    )]
    TooMuch {
        /// The limit in bytes.
        most: usize,
        /// Rows of which as much as is allowed would come, about.
        rows: usize,
    },
    /// What it handed back breaks the contract.
    #[error("what it handed over breaks the contract: {0}")]
    Malformed(String),
    /// Anything else that ends an instance.
    #[error("it trapped: {0}")]
    Trapped(String),
}

impl Breakage {
    /// Whether another attempt would fail as well.
    pub(super) fn is_certain(&self) -> bool {
        match self {
            Self::TooMuch { .. } => true,
            Self::OutOfMemory { limit, given, .. } => given > limit,
            Self::TimedOut { .. } | Self::Malformed(_) | Self::Trapped(_) => false,
        }
    }

    /// Of how many rows a smaller batch should be; none where size is not what is wrong.
    pub(super) fn smaller(&self, rows: usize) -> Option<usize> {
        match self {
            // Somewhat less, since rows differ.
            Self::TooMuch { rows: fit, .. } => Some(fit - fit / 4),
            Self::OutOfMemory { .. } => Some(rows / 2),
            Self::TimedOut { .. } | Self::Malformed(_) | Self::Trapped(_) => None,
        }
        .map(|smaller| smaller.clamp(1, (rows / 2).max(1)))
    }
}

fn times(cause: &Breakage) -> &'static str {
    if cause.is_certain() { "" } else { " twice" }
}

fn each(cause: &Breakage) -> &'static str {
    if cause.is_certain() {
        ""
    } else {
        "; each attempt had an instance of its own"
    }
}

fn over(given: usize) -> String {
    match given {
        0 => String::new(),
        _ => format!(", for a batch of {given} bytes"),
    }
}

/// What a plugin may need that makes text of a batch: the batch, and half as much again of bytes that become base64.
fn enough(wanted: usize, given: usize) -> usize {
    wanted.max(given.saturating_mul(5) / 2).saturating_add(EXTRA)
}

fn mib(bytes: usize) -> String {
    format!("{}MiB", bytes.div_ceil(1 << 20))
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

/// What the host does not take of a hand-over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Untaken {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("more than {most} bytes")]
    TooMuch { most: usize, rows: usize },
}

impl From<Untaken> for Breakage {
    fn from(untaken: Untaken) -> Self {
        match untaken {
            Untaken::Malformed(malformed) => Self::Malformed(malformed.0),
            Untaken::TooMuch { most, rows } => Self::TooMuch { most, rows },
        }
    }
}

/// `Malformed` from a format string.
macro_rules! malformed {
    ($($text:tt)*) => { crate::plugin::error::Malformed(format!($($text)*)) };
}
pub(super) use malformed;

/// A guest's text, short enough for an error.
pub(super) fn clipped(text: &str) -> String {
    text.chars().take(64).collect()
}
