//! What a plugin says about itself.

use serde_json::{Map, Value};

/// A plugin's description; the host reads it as JSON.
///
/// ```
/// use rowmill_sdk::Description;
/// let description = Description {
///     name: "mask",
///     version: env!("CARGO_PKG_VERSION"),
///     parallel: true,
///     ..Description::default()
/// };
/// assert!(description.parallel && description.controls.is_empty() && description.config.is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Description {
    /// Name, such as `envelope`.
    pub name: &'static str,
    /// Version; `env!("CARGO_PKG_VERSION")` serves.
    pub version: &'static str,
    /// JSON Schema of the configuration, as text; empty: none. [`config_schema`](crate::config_schema()) makes it from the settings' type.
    pub config: &'static str,
    /// Control events that it wants: `heartbeat`, `ddl`, `transaction_begin`, `transaction_end`.
    pub controls: &'static [&'static str],
    /// Whether it goes by the display widths of TINYINT columns: `true`, or a JSON object of members that its configuration must have for that;
    /// empty: no.
    pub widths: &'static str,
    /// Whether batches may be processed by several instances at once.
    pub parallel: bool,
}

impl Description {
    pub(crate) fn to_json(&self, kind: &str, state_version: Option<u32>) -> String {
        let mut object = Map::new();
        object.insert("name".into(), self.name.into());
        object.insert("version".into(), self.version.into());
        object.insert("kind".into(), kind.into());
        if let Ok(config @ Value::Object(_)) = serde_json::from_str(self.config) {
            object.insert("config".into(), config);
        }
        object.insert(
            "controls".into(),
            self.controls.iter().map(|control| Value::from(*control)).collect(),
        );
        if let Ok(widths) = serde_json::from_str::<Value>(self.widths) {
            object.insert("widths".into(), widths);
        }
        object.insert("parallel".into(), self.parallel.into());
        if let Some(version) = state_version {
            object.insert("state_version".into(), version.into());
        }
        Value::Object(object).to_string()
    }
}
