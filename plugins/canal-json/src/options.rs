//! The encoder's configuration.

use serde::Deserialize;

/// What a connector's `config = { … }` may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// What an ENUM or SET is.
    #[serde(rename = "enum")]
    pub label: EnumForm,
    /// Zone of TIMESTAMP: an IANA name or an offset such as `+08:00`; none: the source server's own.
    pub time_zone: Option<String>,
}

/// What an ENUM or SET is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnumForm {
    /// The number that is stored, as Canal has it.
    #[default]
    Index,
    /// The label, or the labels of a SET joined by commas.
    Label,
}
