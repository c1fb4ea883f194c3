//! The encoder's configuration.

use rowmill_json::{DecimalForm, ZeroDate};
use serde::Deserialize;

/// What a connector's `config = { … }` may hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// What a delete is.
    pub deletes: Deletes,
    /// Whether `op`, `database`, `table`, `ts`, `seq` and `gtid` stand behind the columns.
    pub metadata: bool,
    /// Whether `before` does: the row before its update.
    pub before: bool,
    /// What the names of all of these begin with.
    pub metadata_prefix: String,
    /// What a DECIMAL is.
    pub decimal: DecimalForm,
    /// What DATE, DATETIME and TIMESTAMP are.
    pub datetime: DatetimeForm,
    /// What a zero or impossible date is.
    pub zero_date: ZeroDate,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            deletes: Deletes::default(),
            metadata: false,
            before: false,
            metadata_prefix: "__".to_owned(),
            decimal: DecimalForm::default(),
            datetime: DatetimeForm::default(),
            zero_date: ZeroDate::default(),
        }
    }
}

/// What a delete is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deletes {
    /// A tombstone of its key.
    #[default]
    Tombstone,
    /// The row as it was, with `deleted` true; every other row has it false.
    Flag,
    /// The one, then the other.
    Both,
}

/// What dates are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatetimeForm {
    /// DATE and DATETIME as MySQL prints them, TIMESTAMP as `2024-02-29T23:59:59Z`.
    #[default]
    Text,
    /// Milliseconds since 1970; DATE and DATETIME as if they were of UTC.
    Milliseconds,
}
