//! A connector in our own words: where it is, what it met, what is left. Times are milliseconds since 1970.

use serde_json::{Value, json};

use crate::pipeline::{CopyState, Monitor, Status};

/// Tables that are told one by one.
const MOST_TABLES: usize = 100;

/// What `GET /api/connectors/{name}` answers.
pub(super) fn connector(monitor: &Monitor) -> Value {
    let status = monitor.status();
    let meter = monitor.meter();
    json!({
        "name": monitor.connector(),
        "state": status.state.name(),
        "since_ms": status.since_ms,
        "attempt": status.attempt,
        "last_fault": fault(&status),
        "next_attempt_ms": status.next_attempt_ms,
        "position": position(&status),
        "committed_ms": status.committed_ms,
        "lag_seconds": meter.lag(),
        "last_event_age_seconds": meter.event_age(),
        "binlog_slack": slack(&status),
        "snapshot": snapshot(monitor),
        "plugins": plugins(&status),
    })
}

fn fault(status: &Status) -> Option<Value> {
    let trouble = status.trouble.as_ref()?;
    Some(json!({"text": trouble.text, "kind": trouble.kind, "time_ms": trouble.time_ms}))
}

fn position(status: &Status) -> Option<Value> {
    let position = status.position.as_ref()?;
    Some(json!({"gtid": position.gtid, "file": position.file, "pos": position.pos}))
}

/// `seconds` is null where the server never purges by age.
fn slack(status: &Status) -> Option<Value> {
    let slack = status.slack.as_ref()?;
    Some(json!({"seconds": slack.left.map(|left| left.as_secs()), "file": slack.file}))
}

/// Tables that wait or are being copied, and how many there are. None where nothing was copied since the process started.
fn snapshot(monitor: &Monitor) -> Option<Value> {
    let copied = monitor.copied();
    let open = copied
        .tables
        .iter()
        .filter(|table| matches!(table.state, CopyState::Waiting | CopyState::Copying));
    let tables: Vec<Value> = open
        .take(MOST_TABLES)
        .map(|table| {
            json!({
                "database": &*table.database,
                "table": &*table.table,
                "state": if table.state == CopyState::Copying { "copying" } else { "waiting" },
                "rows": table.rows,
                "rows_about": table.rows_about,
            })
        })
        .collect();
    (!copied.tables.is_empty()).then(|| {
        json!({
            "tables": copied.tables.len(),
            "tables_left": copied.tables_left,
            "rows": copied.rows,
            "rows_per_second": copied.rows_per_second,
            "open_tables": tables,
        })
    })
}

/// In the order of the chain, as they stand; `sha256` is that of the file.
fn plugins(status: &Status) -> Vec<Value> {
    let plugins = status.plugins.iter().map(|plugin| {
        json!({
            "name": plugin.plugin,
            "version": plugin.version,
            "sha256": plugin.sha256,
            "former_sha256": plugin.former,
            "on_probation": plugin.on_probation,
            "taken_back": plugin.taken_back.len(),
            "state_bytes": plugin.saved.as_ref().map(|saved| saved.bytes.len()),
            "last_setback": plugin.setback.as_ref().map(|setback| json!({
                "result": setback.result.name(),
                "sha256": setback.sha256,
                "reason": setback.reason,
                "time_ms": setback.time_ms,
            })),
        })
    });
    plugins.collect()
}
