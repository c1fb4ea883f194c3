//! A connector in Kafka Connect's words.

use serde_json::{Value, json};

use crate::pipeline::{Monitor, State};

/// What `GET /connectors/{name}/status` answers there. A connector has one task.
pub(super) fn status(monitor: &Monitor, worker: &str) -> Value {
    let status = monitor.status();
    let state = word(status.state);
    let mut task = json!({"id": 0, "state": state, "worker_id": worker});
    let is_at_fault = matches!(status.state, State::Retrying | State::Failed);
    if let (true, Some(trouble), Some(members)) = (is_at_fault, status.trouble, task.as_object_mut()) {
        members.insert("trace".to_owned(), Value::from(trouble.text));
    }
    json!({
        "name": monitor.connector(),
        "connector": {"state": state, "worker_id": worker},
        "tasks": [task],
        "type": "source",
    })
}

fn word(state: State) -> &'static str {
    match state {
        State::Starting | State::Waiting => "UNASSIGNED",
        State::Running => "RUNNING",
        State::Retrying => "RESTARTING",
        State::Stopped => "STOPPED",
        State::Failed => "FAILED",
    }
}
