//! The encoder's configuration.

use serde::Deserialize;

/// What a connector's `config = { … }` may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// What a record is.
    pub records: Records,
}

/// What a record is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Records {
    /// All rows of a batch, without a key.
    #[default]
    Batch,
    /// One row, with its key.
    Row,
}
