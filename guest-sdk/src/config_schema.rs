//! The JSON Schema of a configuration, made from the type that reads it.

use std::any::type_name;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;

/// The JSON Schema of `T`, for `Description::config`. Comments on its fields become descriptions; `#[serde(default)]` gives defaults,
/// `#[serde(deny_unknown_fields)]` refuses what is not known.
///
/// ```
/// use rowmill_sdk::{schemars, serde};
///
/// #[derive(Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
/// #[serde(default, deny_unknown_fields, crate = "rowmill_sdk::serde")]
/// #[schemars(crate = "rowmill_sdk::schemars")]
/// struct Settings {
///     /// Columns whose values are hidden.
///     columns: Vec<String>,
/// }
///
/// let schema: serde_json::Value = serde_json::from_str(rowmill_sdk::config_schema::<Settings>())?;
/// assert_eq!(schema["properties"]["columns"]["description"], "Columns whose values are hidden.");
/// assert_eq!(schema["properties"]["columns"]["default"], serde_json::json!([]));
/// assert_eq!(schema["additionalProperties"], false);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn config_schema<T: JsonSchema>() -> &'static str {
    // Made once a type and kept for good: a description holds texts that live as long as the plugin.
    static MADE: Mutex<BTreeMap<&str, &str>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(type_name::<T>())
        .or_insert_with(|| Box::leak(schemars::schema_for!(T).to_value().to_string().into_boxed_str()))
}
