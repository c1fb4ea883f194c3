//! From what was written to what the program needs: every value checked, every path and default resolved.

mod plugins;
mod sink;
mod source;

pub use sink::{OWN_TOPICS, alike};

use std::path::PathBuf;

use super::error::Finding;
use super::reader::Reader;
use super::settings::{BatchLimits, Config, Limits, OnError, Plugin};
use super::sizes;

/// Longest connector name: `connect-<name>` is also its consumer group.
const MAX_NAME_CHARACTERS: usize = 48;

/// The checked configuration, or everything that is wrong with it.
pub(super) fn resolve(mut reader: Reader<'_>) -> Result<Config, Vec<Finding>> {
    let name = name(&mut reader);
    let source = source::resolve(&mut reader, &name);
    let batch = BatchLimits {
        max_rows: usize::try_from(reader.integer("batch.max_rows")).unwrap_or(1),
        max_bytes: reader.bytes("batch.max_bytes"),
        max_delay: reader.duration("batch.max_delay_ms"),
    };
    let plugins = plugins::resolve(&mut reader);
    let sink = sink::resolve(&mut reader, &name, &source.tables);
    let limits = Limits {
        memory: reader.bytes("limits.memory"),
        row: reader.bytes("limits.row"),
        prepared: usize::try_from(reader.integer("limits.prepared")).unwrap_or(1),
        metric_names: usize::try_from(reader.integer("limits.metric_names")).unwrap_or(0),
        plugin_output: reader.bytes("limits.plugin_output"),
        routed_topics: usize::try_from(reader.integer("limits.routed_topics")).unwrap_or(0),
        tables: reader.bytes("limits.tables"),
    };
    check_limits(&mut reader, limits, batch, &plugins);
    let cache_dir = cache_dir(&mut reader);
    let shutdown_timeout = reader.duration("shutdown_timeout_ms");
    if reader.findings.is_empty() {
        Ok(Config {
            file: None,
            name,
            source,
            batch,
            plugins,
            sink,
            limits,
            cache_dir,
            shutdown_timeout,
        })
    } else {
        Err(reader.findings)
    }
}

/// The connector's name, each rule with its own message.
fn name(reader: &mut Reader<'_>) -> String {
    let name = reader.required("name", "a connector needs a name");
    if reader.written.leaf("name").is_none_or(|leaf| !leaf.value.is_str()) {
        return name;
    }
    let shown = reader.shown("name");
    let length = name.chars().count();
    if name.is_empty() {
        reader.refuse(
            "name",
            "expected 1 to 48 characters, found none",
            "name the connector, for example name = \"mysql-orders\"",
        );
    }
    if length > MAX_NAME_CHARACTERS {
        reader.refuse(
            "name",
            format!("expected at most {MAX_NAME_CHARACTERS} characters, found {length}"),
            "shorten it",
        );
    }
    if name.starts_with('-') {
        reader.refuse(
            "name",
            format!("must not start with a hyphen, found {shown}"),
            "start it with a letter or a digit",
        );
    }
    if name.chars().any(char::is_uppercase) {
        reader.refuse(
            "name",
            format!("expected lower-case letters only, found {shown}"),
            format!("write name = \"{}\"", name.to_lowercase()),
        );
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if let Some(other) = name.chars().find(|c| !allowed(*c) && !c.is_uppercase()) {
        reader.refuse(
            "name",
            format!("expected digits, lower-case letters and hyphens only, found {other:?}"),
            "replace it with a hyphen",
        );
    }
    name
}

/// What a row at fault does.
fn on_error(reader: &mut Reader<'_>, path: &str) -> OnError {
    match reader.choice(path) {
        Some("dead_letter") => OnError::DeadLetter,
        Some("skip") => OnError::Skip,
        _ => OnError::Stop,
    }
}

/// Parts may not be larger than the whole.
fn check_limits(reader: &mut Reader<'_>, limits: Limits, batch: BatchLimits, plugins: &[Plugin]) {
    // A stand-in for what is wrong itself says nothing about the others.
    if reader.findings.iter().any(|finding| finding.setting == "limits.memory") {
        return;
    }
    let show = |bytes: usize| sizes::show(u64::try_from(bytes).unwrap_or(u64::MAX));
    let whole = show(limits.memory);
    if limits.row > limits.memory {
        reader.refuse(
            "limits.row",
            format!("expected at most limits.memory = {whole}, found {}", show(limits.row)),
            "raise limits.memory or lower limits.row",
        );
    }
    if batch.max_bytes > limits.memory {
        reader.refuse(
            "batch.max_bytes",
            format!("expected at most limits.memory = {whole}, found {}", show(batch.max_bytes)),
            "raise limits.memory or lower batch.max_bytes",
        );
    }
    if limits.tables > limits.memory {
        reader.refuse(
            "limits.tables",
            format!("expected at most limits.memory = {whole}, found {}", show(limits.tables)),
            "raise limits.memory or lower limits.tables",
        );
    }
    let guests = plugins.iter().fold(0_usize, |sum, plugin| sum.saturating_add(plugin.memory));
    if guests > limits.memory {
        reader.refuse(
            "limits.memory",
            format!(
                "expected at least what the plugins may take together, {}, found {whole}",
                show(guests)
            ),
            "raise limits.memory or lower the plugins' memory",
        );
    }
}

/// Compiled plugins are code that runs unchecked, so they never go to a folder that other users can write.
fn cache_dir(reader: &mut Reader<'_>) -> PathBuf {
    if let Some(written) = reader.path("cache_dir") {
        return written;
    }
    let variable = |name: &str| {
        (reader.surroundings.variable)(name)
            .filter(|value| value.starts_with('/'))
            .map(PathBuf::from)
    };
    let user_cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    user_cache.unwrap_or_else(|| reader.surroundings.path(".cache")).join("rowmill")
}
