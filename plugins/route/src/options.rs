//! The transform's configuration.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a connector's `config = { … }` may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Full name of the topic: a template.
    pub topic: Option<String>,
    /// A column that holds it.
    pub topic_column: Option<String>,
    /// What becomes of characters that no topic's name has.
    pub illegal: Illegal,
    /// What a row does whose topic needs a column that is NULL or absent.
    pub missing: Missing,
    /// A column that holds the partition.
    pub partition_column: Option<String>,
    /// Columns that the partition is a hash of.
    pub partition_hash: Vec<String>,
    /// The number of partitions that are hashed to.
    pub partitions: Option<i32>,
    /// Columns that the key is made of, as JSON.
    pub key_columns: Vec<String>,
    /// The key as a text: a template.
    pub key: Option<String>,
    /// Values of headers by their names: templates.
    pub headers: BTreeMap<String, String>,
}

/// What becomes of characters that no topic's name has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Illegal {
    /// An underscore stands for each.
    #[default]
    Replace,
    /// The row is refused.
    Refuse,
}

/// What a row does whose topic needs a value that it does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// It goes where it went.
    #[default]
    Own,
    /// It is refused.
    Refuse,
}
