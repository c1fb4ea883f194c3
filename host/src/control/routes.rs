//! Which path tells what.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::{Map, Value, json};

use super::{View, connect, own};
use crate::metrics::Format;
use crate::pipeline;

pub(super) fn routes(view: Arc<View>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/connectors", get(connectors))
        .route("/connectors/{name}/status", get(status))
        .route("/api/connectors/{name}", get(connector))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "HTTP 404 Not Found") })
        .method_not_allowed_fallback(|| async { problem(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed") })
        .with_state(view)
}

/// An error as Kafka Connect tells it.
fn problem(code: StatusCode, message: &str) -> Response {
    (code, Json(json!({"error_code": code.as_u16(), "message": message}))).into_response()
}

fn no_connector(name: &str) -> Response {
    problem(StatusCode::NOT_FOUND, &format!("No status found for connector {name}"))
}

async fn metrics(State(view): State<Arc<View>>, headers: HeaderMap) -> Response {
    let format = Format::accepted(headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()));
    ([(header::CONTENT_TYPE, format.content_type())], view.metrics.text(format)).into_response()
}

/// Ready is who has every connector running.
async fn ready(State(view): State<Arc<View>>) -> Response {
    let states: Map<String, Value> = view
        .monitors
        .iter()
        .map(|monitor| (monitor.connector().to_owned(), Value::from(monitor.status().state.name())))
        .collect();
    let is_ready = view
        .monitors
        .iter()
        .all(|monitor| monitor.status().state == pipeline::State::Running);
    let code = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, Json(json!({"ready": is_ready, "connectors": states}))).into_response()
}

async fn connectors(State(view): State<Arc<View>>, Query(query): Query<HashMap<String, String>>) -> Response {
    let monitors = view.monitors.iter();
    match query.get("expand").map(String::as_str) {
        None => Json(monitors.map(|monitor| monitor.connector().to_owned()).collect::<Vec<_>>()).into_response(),
        Some("status") => {
            let expanded: Map<String, Value> = monitors
                .map(|monitor| {
                    let status = connect::status(monitor, &view.worker);
                    (monitor.connector().to_owned(), json!({"status": status}))
                })
                .collect();
            Json(expanded).into_response()
        }
        Some(_) => problem(StatusCode::BAD_REQUEST, "expand: only status is there"),
    }
}

async fn status(State(view): State<Arc<View>>, Path(name): Path<String>) -> Response {
    match view.monitor(&name) {
        Some(monitor) => Json(connect::status(monitor, &view.worker)).into_response(),
        None => no_connector(&name),
    }
}

async fn connector(State(view): State<Arc<View>>, Path(name): Path<String>) -> Response {
    match view.monitor(&name) {
        Some(monitor) => Json(own::connector(monitor)).into_response(),
        None => no_connector(&name),
    }
}
