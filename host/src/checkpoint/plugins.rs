//! What a restart has to know of plugins: which versions made the records so far, what they keep, and which versions were taken back.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::sink::{base64, from_base64};

/// A plugin as of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRecord {
    /// Its configured name.
    pub plugin: String,
    /// SHA-256 of the version at work, in hexadecimal.
    pub sha256: String,
    /// That of the one that it replaced last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<String>,
    /// What it keeps from one batch to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PluginState>,
    /// Versions that were taken back, and are not to be taken again: digests of code and configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_back: Vec<String>,
}

/// What a plugin keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginState {
    /// `state_version` of the version that saved it.
    pub version: u32,
    /// A form of its own; stored as base64.
    #[serde(serialize_with = "to_text", deserialize_with = "from_text")]
    pub bytes: Vec<u8>,
}

fn to_text<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&base64(bytes))
}

fn from_text<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    from_base64(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("a plugin's state that is not base64"))
}
