//! File, environment and REST map → one checked [`Config`]. The only room that reads the environment.
//!
//! Two stages: `written` is what stands in the text, laid out by the key table; `resolve` checks it and fills in what the
//! program needs. Both gather every finding instead of stopping at the first.

mod builtins;
mod chosen;
mod error;
mod example;
mod keys;
mod reader;
mod resolve;
mod settings;
mod sizes;
mod surroundings;
mod tables;
#[cfg(test)]
mod tests;
mod times;
mod written;

use std::path::Path;

pub use builtins::BUILTINS;
pub use error::{Error, Finding};
pub use example::{example, json_schema};
pub use resolve::{OWN_TOPICS, alike};
pub use settings::{
    BatchLimits, Compression, Config, Ddl, Limits, OnError, OnLoss, OnPurged, Plugin, PluginOrigin, Secret, Sink, SinkKind, Snapshot,
    Source, SourceKind, Start, TableFilter, TlsMode, Topics, Transactions,
};
pub use surroundings::Surroundings;
pub use times::parse_time;

use toml::{Table, Value};

/// Reads and checks a connector's file, with the process's environment.
///
/// # Errors
/// Every finding, with the file's name.
pub fn load(file: &Path) -> Result<Config, Error> {
    let origin = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        let finding = Finding::new(
            "file",
            format!("cannot read it: {error}"),
            "`rowmill config example` prints one to begin with",
        );
        Error {
            origin: origin.clone(),
            findings: vec![finding],
        }
    })?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let config = parse(&text, &Surroundings::of_process(folder)).map_err(|error| Error { origin, ..error })?;
    Ok(Config {
        file: Some(file.to_owned()),
        ..config
    })
}

/// Reads and checks a TOML text.
///
/// # Errors
/// Every finding.
pub fn parse(text: &str, surroundings: &Surroundings<'_>) -> Result<Config, Error> {
    let table: Table = toml::from_str(text).map_err(|error| Error::one(syntax(text, &error)))?;
    check(table, surroundings)
}

/// Reads and checks a flat map of dotted keys, all values as text: what a REST call holds. `plugin.0.config` may be JSON
/// text, or be written key by key, each value as JSON where it is a number, a flag, a list or an object.
///
/// # Errors
/// Every finding.
pub fn parse_map<'a>(map: impl IntoIterator<Item = (&'a str, &'a str)>, surroundings: &Surroundings<'_>) -> Result<Config, Error> {
    let mut table = Table::new();
    let mut findings = Vec::new();
    for (name, text) in map {
        let is_option = keys::pattern(name).starts_with("plugin.*.config.");
        let json = if is_option {
            serde_json::from_str::<serde_json::Value>(text)
                .ok()
                .filter(|json| !json.is_string() && !json.is_null())
        } else {
            None
        };
        let value = json
            .and_then(|json| Value::try_from(json).ok())
            .unwrap_or_else(|| Value::String(text.to_owned()));
        if table.insert(name.to_owned(), value).is_some() {
            findings.push(Finding::new(name, "written twice", "keep one of them"));
        }
    }
    match check(table, surroundings) {
        Ok(config) if findings.is_empty() => Ok(config),
        Ok(_) => Err(Error {
            origin: String::new(),
            findings,
        }),
        Err(mut error) => {
            error.findings.splice(0..0, findings);
            Err(error)
        }
    }
}

fn check(table: Table, surroundings: &Surroundings<'_>) -> Result<Config, Error> {
    let written = written::Written::new(table, surroundings);
    let reader = reader::Reader::new(written, surroundings);
    resolve::resolve(reader).map_err(|findings| Error {
        origin: String::new(),
        findings,
    })
}

/// A text that is no TOML. The line itself is not shown: it may hold a password.
fn syntax(text: &str, error: &toml::de::Error) -> Finding {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Finding::new(
        format!("line {line}, column {column}"),
        format!("is not TOML: {}", error.message().replace('\n', ", ")),
        "",
    )
}
