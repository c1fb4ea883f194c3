//! The encoder's configuration: Maxwell's own options and its defaults.

use serde::Deserialize;

/// What a connector's `config = { … }` may hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "they are Maxwell's own flags")]
pub struct Options {
    /// `xid` and `commit`.
    pub output_commit_info: bool,
    /// `position`: where the transaction begins in the log.
    pub output_binlog_position: bool,
    /// `gtid`.
    pub output_gtid_position: bool,
    /// Members of `data` and `old` that are null.
    pub output_nulls: bool,
    /// `primary_key`: the values of the key.
    pub output_primary_keys: bool,
    /// `primary_key_columns`: the names of the key's columns.
    pub output_primary_key_columns: bool,
    /// Zero and impossible dates as null.
    pub output_null_zerodates: bool,
    /// The key of a message.
    pub kafka_key_format: KeyFormat,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            output_commit_info: true,
            output_binlog_position: false,
            output_gtid_position: false,
            output_nulls: true,
            output_primary_keys: false,
            output_primary_key_columns: false,
            output_null_zerodates: false,
            kafka_key_format: KeyFormat::default(),
        }
    }
}

/// The key of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyFormat {
    /// `{"database":"shop","table":"orders","pk.id":1}`.
    #[default]
    Hash,
    /// `["shop","orders",[{"id":1}]]`.
    Array,
}
