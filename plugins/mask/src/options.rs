//! The transform's configuration.

use serde::Deserialize;
use serde_json::Value;

/// What a connector's `config = { … }` may hold.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// What hashes are made with; a secret.
    #[serde(default)]
    pub salt: String,
    /// What is done with which columns; of several rules that name a column, the first one counts.
    pub rules: Vec<Rule>,
}

/// Columns, and what is done with their values.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Columns by `column`, `table.column` or `database.table.column`.
    #[serde(default)]
    pub columns: Vec<String>,
    /// A regular expression that `database.table.column` is matched against, in full.
    pub pattern: Option<String>,
    /// What is done.
    pub method: Method,
    /// Of `hash`: how.
    pub algorithm: Option<Algorithm>,
    /// Of `partial`: characters at the beginning that are kept.
    pub first: Option<usize>,
    /// Of `partial`: characters at the end that are kept.
    pub last: Option<usize>,
    /// Of `partial`: what stands for a character that is hidden.
    pub with: Option<char>,
    /// Of `partial`: how many of them stand there; else as many as are hidden.
    pub width: Option<usize>,
    /// Of `redact`: what stands for every value.
    pub value: Option<Value>,
    /// Whether a table may lack a column that is named with its table.
    #[serde(default)]
    pub optional: bool,
    /// Whether columns of the key may be made alike.
    #[serde(default)]
    pub allow_key: bool,
}

/// What is done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A digest in its place.
    Hash,
    /// Characters at its beginning and end are kept.
    Partial,
    /// A constant in its place.
    Redact,
    /// NULL in its place.
    Null,
    /// The type's zero in its place.
    Zero,
}

impl Method {
    /// As the configuration has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Partial => "partial",
            Self::Redact => "redact",
            Self::Null => "null",
            Self::Zero => "zero",
        }
    }
}

/// How a digest is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// HMAC-SHA-256 with the salt as its key.
    #[default]
    HmacSha256,
    /// SHA-256 of the salt and the value behind it.
    Sha256,
}
