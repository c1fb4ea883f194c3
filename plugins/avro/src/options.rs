//! The encoder's configuration.

use std::collections::BTreeMap;

use rowmill_sdk::Error;
use serde::Deserialize;

/// What a connector's `config = { … }` may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// What stands around a record's bytes.
    pub framing: Framing,
    /// What a record is about.
    pub shape: Shape,
    /// What the key of a message is, with ids of a registry.
    pub key: KeyForm,
    /// By `database.table`: the registry's id of the value's schema.
    pub schema_ids: BTreeMap<String, Registered>,
    /// By `database.table`: the registry's id of the key's schema.
    pub key_schema_ids: BTreeMap<String, Registered>,
}

/// What stands around a record's bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// Confluent's wire format: a zero byte and the id of the schema.
    #[default]
    Registry,
    /// A container file of one record, with its schema.
    Embedded,
}

/// What a record is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The row as it is now; a delete is a tombstone.
    #[default]
    Row,
    /// The change: the row before and after it, and what happened when.
    Change,
}

/// What the key of a message is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyForm {
    /// An Avro record by an id of the registry.
    #[default]
    Avro,
    /// A JSON object.
    Json,
}

/// A schema in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Registered {
    /// Its id.
    Id(u32),
    /// Its id, and the fingerprint of the schema that the id stands for.
    Checked {
        /// Its id.
        id: u32,
        /// 16 hexadecimal digits.
        fingerprint: String,
    },
}

impl Registered {
    /// The id in the registry.
    pub(crate) fn id(&self) -> u32 {
        match self {
            Self::Id(id) | Self::Checked { id, .. } => *id,
        }
    }
}

impl Options {
    /// Refuses what goes together badly.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = |message: &str| Err(Error::new("bad-configuration", message));
        let named = !self.schema_ids.is_empty() || !self.key_schema_ids.is_empty();
        if self.framing == Framing::Embedded && named {
            return wrong("reading the configuration: with `framing = \"embedded\"` there are no `schema_ids` and no `key_schema_ids`");
        }
        if self.key == KeyForm::Json && !self.key_schema_ids.is_empty() {
            return wrong("reading the configuration: with `key = \"json\"` there are no `key_schema_ids`");
        }
        Ok(())
    }

    /// Whether keys are JSON: a key must stay the same bytes when the table's schema changes, which a file with a schema does not.
    pub(crate) fn has_json_keys(&self) -> bool {
        self.framing == Framing::Embedded || self.key == KeyForm::Json
    }
}
