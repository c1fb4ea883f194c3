//! The encoder's configuration. Every lossy rendering is an option that is off by default.

use rowmill_json::{DecimalForm, ZeroDate};
use serde::Deserialize;

/// What a connector's `config = { … }` may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// How an update that keeps its key is written.
    pub update_mode: UpdateMode,
    /// What a TINYINT(1) is.
    pub tinyint1: TinyInt1,
    /// What a DECIMAL is.
    pub decimal: DecimalForm,
    /// What a DATETIME is.
    pub datetime: DatetimeForm,
    /// What a zero or impossible date is.
    pub zero_date: ZeroDate,
    /// Zone of DATE and DATETIME: an IANA name or an offset such as `+08:00`; none: the source server's own.
    pub time_zone: Option<String>,
    /// Whether records carry headers.
    pub headers: bool,
    /// Whether `source` names the server's version.
    pub include_db_version: bool,
}

/// See `Options::update_mode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpdateMode {
    /// Two records: the image before, then the image after.
    #[default]
    Split,
    /// One record with both; an update that changes the key is split all the same.
    Single,
}

/// See `Options::tinyint1`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TinyInt1 {
    /// LONG.
    #[default]
    Long,
    /// BOOLEAN: false is 0.
    Boolean,
}

/// See `Options::datetime`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatetimeForm {
    /// DATE: milliseconds of that wall-clock time in the time zone; smaller digits are cut.
    #[default]
    Milliseconds,
    /// STRING: the text that MySQL prints.
    String,
}
