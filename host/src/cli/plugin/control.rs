//! What a connector's plugins are, and what its process is to do about them.

use std::path::Path;

use rowmill::checkpoint::{PluginOrder, PluginRecord};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::{output, wiring};

/// Prints a connector's plugins as of its last commit.
pub(super) fn list(config: &Path) -> Result<(), Failure> {
    let config = rowmill::config::load(config)?;
    let committed = wiring::checkpoints(&config).load()?.map(|found| found.plugins).unwrap_or_default();
    let plugins: Vec<Value> = config
        .plugins
        .iter()
        .map(|plugin| match committed.iter().find(|record| record.plugin == plugin.name) {
            Some(record) => shown(record),
            // Nothing is known of it before it was part of a commit.
            None => json!({ "plugin": plugin.name }),
        })
        .collect();
    output::print_json(&Value::Array(plugins))
}

fn shown(record: &PluginRecord) -> Value {
    json!({
        "plugin": record.plugin,
        "sha256": record.sha256,
        "former_sha256": record.former,
        "taken_back": record.taken_back.len(),
        "state_bytes": record.state.as_ref().map(|state| state.bytes.len()),
    })
}

/// Leaves a request for whoever runs the connector, now or next.
pub(super) fn request(config: &Path, order: PluginOrder) -> Result<(), Failure> {
    let config = rowmill::config::load(config)?;
    let (what, name) = match &order {
        PluginOrder::Reload(name) => ("reload", name.clone()),
        PluginOrder::RollBack(name) => ("rollback", name.clone()),
    };
    let id = wiring::request_plugin(&config, order)?;
    output::print_json(&json!({ "request": id, "do": what, "plugin": name }))
}
