//! The transform's configuration.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a connector's `config = { … }` may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Columns that are kept, all others being dropped.
    pub keep: Vec<String>,
    /// Columns that are dropped.
    pub drop: Vec<String>,
    /// New names by the old ones.
    pub rename: BTreeMap<String, String>,
    /// New types, as MySQL writes them, by the old names.
    pub cast: BTreeMap<String, String>,
    /// Another key: columns by their new names.
    pub key: Option<Vec<String>>,
    /// What a table does that lacks a column that is named here.
    pub missing: Missing,
}

/// What a table does that lacks a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// It is refused.
    #[default]
    Refuse,
    /// What is said of that column means nothing for it.
    Ignore,
}
