//! What the key table looks like to people: a commented example, a JSON Schema, and the table of the page in `docs/`.

use serde_json::{Map, Value as Json, json};

use super::keys::{KEYS, Key, Kind, SECTIONS, Show};
use super::sizes;

/// Widest comment line of the example.
const LINE_CHARACTERS: usize = 110;

/// A whole configuration with every key, its default and its meaning. It passes its own check.
pub fn example() -> String {
    let mut text = String::from(
        "# A rowmill connector. Lines that begin with `# key =` show the default, or an example where there is none.\n\
         # `${env:NAME}` and `${file:PATH}` work in every text, `$${` is a literal `${`. Relative paths start at the folder of this file.\n",
    );
    for section in &SECTIONS {
        text.push('\n');
        comment(&mut text, section.help);
        match section.path {
            "" => {}
            "plugin" => text.push_str("[[plugin]]\n"),
            path => text.push_str(&format!("[{path}]\n")),
        }
        for key in KEYS.iter().filter(|key| key.section() == section.path) {
            text.push('\n');
            comment(&mut text, &format!("{}{}", key.help, note(key)));
            let off = if key.show == Show::Live { "" } else { "# " };
            text.push_str(&format!("{off}{} = {}\n", key.name(), key.example));
        }
    }
    text
}

/// What can't be seen from the example line itself.
fn note(key: &Key) -> String {
    let mut notes = Vec::new();
    match key.kind {
        Kind::Choice(choices) if choices.len() > 1 => notes.push(format!("One of {}.", choices.join(", "))),
        Kind::Integer(low, high) => notes.push(format!("{low} to {high}.")),
        Kind::Bytes(low, high) => notes.push(format!("{} to {}.", sizes::show(low), sizes::show(high))),
        _ => {}
    }
    if !key.later.is_empty() {
        notes.push(format!("Not in this version: {}.", key.later.join(", ")));
    }
    if key.default.is_none() && key.show == Show::Comment {
        notes.push("Not written by default.".to_owned());
    }
    notes.iter().map(|note| format!(" {note}")).collect()
}

fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.chars().count() + word.chars().count() >= LINE_CHARACTERS {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

/// JSON Schema (2020-12) of the file, for editors and forms.
pub fn json_schema() -> Json {
    let mut root = section_schema("", &["name", "source"]);
    if let Some(properties) = root.get_mut("properties").and_then(Json::as_object_mut) {
        for section in SECTIONS.iter().filter(|section| !section.path.is_empty()) {
            let mut schema = section_schema(section.path, &[]);
            if section.path == "plugin" {
                put(&mut schema, "oneOf", json!([{ "required": ["path"] }, { "required": ["builtin"] }]));
                schema = json!({ "type": "array", "items": schema });
            }
            put(&mut schema, "description", Json::from(section.help));
            properties.insert(section.path.to_owned(), schema);
        }
    }
    let reference = json!({
        "description": "Filled in from the environment or a file.",
        "type": "string",
        "pattern": r"\$\{(env|file):[^}]+\}"
    });
    put(&mut root, "$schema", Json::from("https://json-schema.org/draft/2020-12/schema"));
    put(&mut root, "title", Json::from("rowmill connector"));
    put(&mut root, "$defs", json!({ "reference": reference }));
    root
}

/// Sets a keyword of a schema, which is an object.
fn put(schema: &mut Json, keyword: &str, value: Json) {
    if let Some(object) = schema.as_object_mut() {
        object.insert(keyword.to_owned(), value);
    }
}

fn section_schema(path: &str, required: &[&str]) -> Json {
    let properties: Map<String, Json> = KEYS
        .iter()
        .filter(|key| key.section() == path)
        .map(|key| (key.name().to_owned(), key_schema(key)))
        .collect();
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

fn key_schema(key: &Key) -> Json {
    let text = || json!({ "type": "string" });
    let mut schema = match key.kind {
        Kind::Text | Kind::Path => text(),
        Kind::Secret => json!({ "type": "string", "format": "password" }),
        Kind::Integer(low, high) => or_reference(json!({ "type": "integer", "minimum": low, "maximum": high })),
        Kind::Millis(low, high) => or_reference(json!({ "type": "integer", "minimum": low, "maximum": high })),
        Kind::Bytes(low, high) => json!({ "anyOf": [
            { "type": "integer", "minimum": low, "maximum": high },
            { "type": "string", "pattern": "^[0-9]+ ?([KkMmGgTt][Ii]?[Bb]|[Bb])?$" },
            { "$ref": "#/$defs/reference" },
        ] }),
        Kind::Flag => or_reference(json!({ "type": "boolean", "enum": allowed_flags(key) })),
        Kind::Choice(choices) => {
            let now: Vec<&str> = choices.iter().filter(|choice| !key.later.contains(choice)).copied().collect();
            or_reference(json!({ "type": "string", "enum": now }))
        }
        Kind::Names | Kind::Files => json!({ "anyOf": [text(), { "type": "array", "items": text() }] }),
        Kind::Start => start_schema(),
        Kind::Object => json!({ "type": "object" }),
        Kind::Properties => json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean", "object"] } }),
    };
    if key.path == "name" {
        put(&mut schema, "pattern", Json::from(r"^([0-9a-z][0-9a-z-]{0,47}|.*\$\{.*)$"));
    }
    put(&mut schema, "description", Json::from(key.help));
    if let Some(default) = key.default.filter(|default| !default.is_empty()) {
        let default = match key.kind {
            Kind::Integer(..) | Kind::Millis(..) | Kind::Flag => default.parse().unwrap_or(Json::Null),
            _ => Json::from(default),
        };
        put(&mut schema, "default", default);
    }
    schema
}

fn or_reference(schema: Json) -> Json {
    json!({ "anyOf": [schema, { "$ref": "#/$defs/reference" }] })
}

fn allowed_flags(key: &Key) -> Vec<bool> {
    [false, true]
        .into_iter()
        .filter(|flag| !key.later.contains(&flag.to_string().as_str()))
        .collect()
}

fn start_schema() -> Json {
    let form = |name: &str, kinds: Json| json!({ "type": "object", "additionalProperties": false, "required": [name], "properties": { name: { "type": kinds } } });
    json!({ "anyOf": [
        { "enum": ["latest", "earliest"] },
        { "$ref": "#/$defs/reference" },
        form("gtid", json!("string")),
        form("time", json!(["string", "integer"])),
        {
            "type": "object", "additionalProperties": false, "required": ["file"],
            "properties": { "file": { "type": "string" }, "pos": { "type": "integer", "minimum": 4, "default": 4 } }
        },
    ] })
}

/// The keys as Markdown tables, one a section.
#[cfg(test)]
pub(super) fn page() -> String {
    let mut text = String::new();
    for section in &SECTIONS {
        let title = match section.path {
            "" => "At the top".to_owned(),
            "plugin" => "`[[plugin]]`".to_owned(),
            path => format!("`[{path}]`"),
        };
        text.push_str(&format!(
            "\n### {title}\n\n{}\n\n| key | takes | default | meaning |\n|---|---|---|---|\n",
            section.help
        ));
        for key in KEYS.iter().filter(|key| key.section() == section.path) {
            let default = match key.default {
                Some("") => "empty".to_owned(),
                Some(default) => format!("`{default}`"),
                None => "—".to_owned(),
            };
            let later = if key.later.is_empty() {
                String::new()
            } else {
                format!(" Not in this version: `{}`.", key.later.join("`, `"))
            };
            text.push_str(&format!(
                "| `{}` | {} | {default} | {}{later} |\n",
                key.name(),
                takes(key.kind),
                key.help
            ));
        }
    }
    text
}

#[cfg(test)]
fn takes(kind: Kind) -> String {
    match kind {
        Kind::Text | Kind::Secret => "text".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Integer(low, high) => format!("{low} to {high}"),
        Kind::Bytes(low, high) => format!("{} to {}", sizes::show(low), sizes::show(high)),
        Kind::Millis(low, high) => format!("{low} to {high} ms"),
        Kind::Flag => "`true`, `false`".to_owned(),
        Kind::Choice(choices) => format!("`{}`", choices.join("`, `")),
        Kind::Names => "text or list".to_owned(),
        Kind::Files => "path or list".to_owned(),
        Kind::Start => "text or table".to_owned(),
        Kind::Object | Kind::Properties => "table".to_owned(),
    }
}
