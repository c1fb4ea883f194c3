//! `rowmill snapshot`: asks a connector to copy tables that it has.

use serde_json::json;

use super::arguments::Snapshot;
use super::failure::Failure;
use super::{output, wiring};

/// Leaves the request for whoever runs the connector, now or next.
pub(super) fn snapshot(request: &Snapshot) -> Result<(), Failure> {
    let config = rowmill::config::load(&request.config)?;
    let text = request.tables.join(",");
    let tables = config
        .source
        .chosen(&text)
        .map_err(|problem| Failure::usage(format!("--table: {problem}")))?;
    let id = wiring::request_snapshot(&config, &tables)?;
    let names: Vec<String> = tables.iter().map(|(database, table)| format!("{database}.{table}")).collect();
    output::print_json(&json!({ "request": id, "tables": names }))
}
