//! The encoder's configuration: Debezium's own options, with `_` where it writes `.`, and its defaults.

use serde::Deserialize;

/// What a connector's `config = { … }` may hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// `topic.prefix`: `source.name`, and what names of schemas begin with.
    pub topic_prefix: String,
    /// `schemas.enable` of the JSON converter: each key and value with its schema.
    pub schemas_enable: bool,
    /// `tombstones.on.delete`.
    pub tombstones_on_delete: bool,
    /// `decimal.handling.mode`.
    pub decimal_handling_mode: DecimalForm,
    /// `time.precision.mode`.
    pub time_precision_mode: TimePrecision,
    /// `bigint.unsigned.handling.mode`.
    pub bigint_unsigned_handling_mode: BigintUnsigned,
    /// `binary.handling.mode`.
    pub binary_handling_mode: BinaryForm,
    /// `source.server_id`, which no batch tells.
    pub server_id: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            topic_prefix: "mysql".to_owned(),
            schemas_enable: true,
            tombstones_on_delete: true,
            decimal_handling_mode: DecimalForm::default(),
            time_precision_mode: TimePrecision::default(),
            bigint_unsigned_handling_mode: BigintUnsigned::default(),
            binary_handling_mode: BinaryForm::default(),
            server_id: 0,
        }
    }
}

/// What a DECIMAL is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalForm {
    /// Base64 of the unscaled value.
    #[default]
    Precise,
    /// Its digits, quoted.
    String,
    /// The nearest double.
    Double,
}

/// What dates and times are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimePrecision {
    /// Days, milliseconds or microseconds by the column's digits, and TIME in microseconds.
    #[default]
    AdaptiveTimeMicroseconds,
    /// Kafka Connect's own types: days and milliseconds.
    Connect,
    /// ISO 8601 texts.
    Isostring,
}

/// What a BIGINT UNSIGNED is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BigintUnsigned {
    /// A number below 2^63; a row with another is an error.
    #[default]
    Long,
    /// Base64 of the unscaled value.
    Precise,
}

/// What bytes are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BinaryForm {
    /// Bytes, which the JSON converter writes in base64.
    #[default]
    Bytes,
    /// A base64 text.
    Base64,
    /// A text in base64 for URLs.
    Base64UrlSafe,
    /// Hexadecimal digits.
    Hex,
}
