//! The transform's configuration.

use serde::Deserialize;

/// What a connector's `config = { … }` may hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The condition: rows for which it is true are kept.
    #[serde(rename = "where")]
    pub condition: String,
    /// Which image of an update decides.
    #[serde(default)]
    pub updates: Updates,
    /// What a row does that can't be decided, since its images lack columns.
    #[serde(default)]
    pub absent: Absent,
}

/// Which image of an update decides, where the condition names columns without `before.` and `after.`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Updates {
    /// Kept where the row passes before or after it.
    #[default]
    Either,
    /// Kept where the row passes after it.
    After,
    /// Kept where the row passed before it.
    Before,
    /// Kept where it passes both times.
    Both,
    /// A row that comes in is an insert, one that goes out a delete.
    Split,
}

/// What a row does that can't be decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// It is refused.
    #[default]
    Refuse,
    /// It is kept as it is.
    Keep,
    /// It is dropped.
    Drop,
}
