//! The chain of plugins.

use serde_json::{Map, Value as Json};
use toml::Value;

use crate::config::reader::Reader;
use crate::config::settings::{Plugin, PluginOrigin};

/// The encoder that ships inside the program.
const ENVELOPE: &str = "envelope";

/// The plugins in order; the built-in encoder alone where none is written.
pub(super) fn resolve(reader: &mut Reader<'_>) -> Vec<Plugin> {
    let paths = reader.written.plugins();
    let mut plugins: Vec<Plugin> = Vec::new();
    let last = paths.len().saturating_sub(1);
    for (index, path) in paths.iter().enumerate() {
        let origin = origin(reader, path);
        if index != last && origin == PluginOrigin::Builtin(ENVELOPE.to_owned()) {
            reader.refuse(
                path,
                "the encoder \"envelope\" must be the last plugin",
                "move it behind the transforms",
            );
        }
        let plugin = plugin(reader, path, origin, &plugins);
        if index == last && plugin.tables.is_some() {
            reader.refuse(
                &format!("{path}.tables"),
                "the last plugin is the encoder, which every table needs",
                "leave tables out, or write the encoder as a [[plugin]] of its own behind this one",
            );
        }
        plugins.push(plugin);
    }
    if plugins.is_empty() {
        // No such plugin is written, so every reading below yields a default.
        let plugin = plugin(reader, "plugin.0", PluginOrigin::Builtin(ENVELOPE.to_owned()), &[]);
        plugins.push(plugin);
    }
    plugins
}

fn plugin(reader: &mut Reader<'_>, path: &str, origin: PluginOrigin, before: &[Plugin]) -> Plugin {
    let stem = match &origin {
        PluginOrigin::Builtin(name) => name.clone(),
        PluginOrigin::File(file) => file
            .file_stem()
            .map_or_else(|| "plugin".to_owned(), |stem| stem.to_string_lossy().into_owned()),
    };
    let mut name = stem.clone();
    for number in 2.. {
        if before.iter().all(|plugin| plugin.name != name) {
            break;
        }
        name = format!("{stem}-{number}");
    }
    Plugin {
        name,
        origin,
        config: config(reader, &format!("{path}.config")),
        memory: reader.bytes(&format!("{path}.memory")),
        instances: u32::try_from(reader.integer(&format!("{path}.instances"))).unwrap_or(1),
        call_timeout: reader.duration(&format!("{path}.call_timeout_ms")),
        log_lines: u32::try_from(reader.integer(&format!("{path}.log_lines"))).unwrap_or(u32::MAX),
        state: reader.bytes(&format!("{path}.state")),
        on_error: super::on_error(reader, &format!("{path}.on_error")),
        tables: super::source::pattern(reader, &format!("{path}.tables")),
    }
}

fn origin(reader: &mut Reader<'_>, path: &str) -> PluginOrigin {
    let (file_key, builtin_key) = (format!("{path}.path"), format!("{path}.builtin"));
    match (reader.written.holds(&file_key), reader.written.holds(&builtin_key)) {
        (true, true) => reader.refuse(path, "expected one of path and builtin, found both", "leave one of them out"),
        (false, false) => reader.refuse(
            path,
            "expected one of path and builtin, found neither",
            "write path = \"plugins/mask.wasm\" or builtin = \"envelope\"",
        ),
        _ => {}
    }
    let builtin = if reader.written.holds(&builtin_key) {
        reader.choice(&builtin_key)
    } else {
        None
    };
    match (builtin, reader.file(&file_key)) {
        (None, Some(file)) => PluginOrigin::File(file),
        (builtin, _) => PluginOrigin::Builtin(builtin.unwrap_or_default().to_owned()),
    }
}

/// An object: a table, or JSON text where a flat map can't hold one.
fn config(reader: &mut Reader<'_>, path: &str) -> Json {
    let found = match reader.written.leaf(path).map(|leaf| &leaf.value) {
        None => Some(Json::Object(Map::new())),
        Some(Value::String(text)) => serde_json::from_str(text).ok().filter(Json::is_object),
        Some(value @ Value::Table(_)) => json(value),
        Some(_) => None,
    };
    found.unwrap_or_else(|| {
        reader.refuse_kind(path, "a table of the plugin's options, whose numbers are finite");
        Json::Null
    })
}

/// TOML as JSON; a date becomes its text. `None`: a number that JSON can't hold.
fn json(value: &Value) -> Option<Json> {
    Some(match value {
        Value::String(text) => Json::String(text.clone()),
        Value::Integer(number) => Json::from(*number),
        Value::Float(number) => Json::Number(serde_json::Number::from_f64(*number)?),
        Value::Boolean(flag) => Json::Bool(*flag),
        Value::Datetime(time) => Json::String(time.to_string()),
        Value::Array(list) => Json::Array(list.iter().map(json).collect::<Option<_>>()?),
        Value::Table(table) => Json::Object(
            table
                .iter()
                .map(|(name, value)| Some((name.clone(), json(value)?)))
                .collect::<Option<_>>()?,
        ),
    })
}
