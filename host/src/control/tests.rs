//! What HTTP promises, asked over a socket.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Server, check_address};
use crate::config::{self, Surroundings};
use crate::metrics::Metrics;
use crate::pipeline::Monitor;

fn server() -> (Server, Monitor) {
    let text = "name = \"orders\"\n[source]\nuser = \"u\"\ndatabase = \"d\"\ntables = \"t\"";
    let config = config::parse(text, &Surroundings::of_process(Path::new(""))).unwrap();
    let metrics = Metrics::new();
    let monitor = Monitor::new(&config, &metrics);
    let server = Server::start("127.0.0.1:0".parse().unwrap(), metrics, vec![monitor.clone()]).unwrap();
    (server, monitor)
}

/// Status, headers and body of an answer.
fn ask(server: &Server, method: &str, path: &str, accept: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {accept}\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, head.to_lowercase(), body.to_owned())
}

fn get(server: &Server, path: &str) -> (u16, Value) {
    let (code, _, body) = ask(server, "GET", path, "*/*");
    (code, serde_json::from_str(&body).unwrap())
}

#[test]
fn a_connector_that_is_not_running_is_alive_and_not_ready() {
    let (server, _) = server();
    assert_eq!(ask(&server, "GET", "/healthz", "*/*").0, 200);
    let (code, body) = get(&server, "/readyz");
    assert_eq!((code, body), (503, json!({"ready": false, "connectors": {"orders": "starting"}})));
}

#[test]
fn a_status_has_kafka_connects_fields() {
    let (server, monitor) = server();
    let worker = server.address().to_string();
    assert_eq!(get(&server, "/connectors"), (200, json!(["orders"])));
    let expected = json!({
        "name": "orders",
        "connector": {"state": "UNASSIGNED", "worker_id": worker},
        "tasks": [{"id": 0, "state": "UNASSIGNED", "worker_id": worker}],
        "type": "source",
    });
    assert_eq!(get(&server, "/connectors/orders/status"), (200, expected.clone()));
    assert_eq!(
        get(&server, "/connectors?expand=status"),
        (200, json!({"orders": {"status": expected}}))
    );
    monitor.end(&Err(crate::fault::Fault::stop(
        anyhow::anyhow!("no such server").context("connecting"),
    )));
    let (_, failed) = get(&server, "/connectors/orders/status");
    assert_eq!(failed["connector"]["state"], "FAILED");
    assert_eq!(failed["tasks"][0]["trace"], "connecting: no such server");
    let (_, own) = get(&server, "/api/connectors/orders");
    assert_eq!((&own["state"], &own["last_fault"]["kind"]), (&json!("failed"), &json!("stop")));
}

#[test]
fn what_is_not_there_is_refused_in_kafka_connects_form() {
    let (server, _) = server();
    for path in ["/connectors/other/status", "/api/connectors/other"] {
        let expected = json!({"error_code": 404, "message": "No status found for connector other"});
        assert_eq!(get(&server, path), (404, expected));
    }
    let expected = json!({"error_code": 404, "message": "HTTP 404 Not Found"});
    assert_eq!(get(&server, "/nothing"), (404, expected));
    let (code, _, body) = ask(&server, "DELETE", "/connectors", "*/*");
    let expected = json!({"error_code": 405, "message": "HTTP 405 Method Not Allowed"});
    assert_eq!((code, serde_json::from_str::<Value>(&body).unwrap()), (405, expected));
}

#[test]
fn metrics_come_in_the_form_that_is_asked_for() {
    let (server, _) = server();
    let (code, head, body) = ask(&server, "GET", "/metrics", "application/openmetrics-text; version=1.0.0, */*;q=0.1");
    assert_eq!(code, 200);
    assert!(
        head.contains("content-type: application/openmetrics-text") && body.ends_with("# EOF\n"),
        "{head}"
    );
    let (_, head, body) = ask(&server, "GET", "/metrics", "text/plain");
    assert!(
        head.contains("content-type: text/plain; version=0.0.4") && !body.contains("# EOF"),
        "{head}"
    );
    assert!(body.contains(r#"rowmill_state{connector="orders",state="starting"} 1"#), "{body}");
}

#[test]
fn only_the_machine_itself_may_ask() {
    for fine in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80"] {
        assert_eq!(check_address(fine.parse().unwrap()), Ok(()));
    }
    for open in ["0.0.0.0:80", "[::]:80", "192.168.1.1:80"] {
        let reason = check_address(open.parse().unwrap()).unwrap_err();
        assert!(reason.contains(open) && reason.contains("127.0.0.1:80"), "{reason}");
    }
}
