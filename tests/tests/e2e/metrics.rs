//! What a running connector tells of itself over HTTP: metrics, readiness, status.

use pipeline_tests::{Connector, Cut, Database, Kafka, Proxy, Server, Traffic, until};
use serde_json::json;

use super::dead_letters::judge;

on_each_server!(
    metrics_and_status_tell_what_is_committed,
    how_far_the_copy_of_rows_is_can_be_read,
    the_time_until_a_purge_is_what_the_server_is_set_to,
);

fn connector(database: &mut Database, tables: &str) -> Connector {
    let mut connector = Connector::new(database, &Kafka::shared(), tables);
    connector.heartbeat_interval_ms = 0;
    connector
}

fn metrics_and_status_tell_what_is_committed(server: Server) {
    let mut database = server.database("told");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
    database.exec("CREATE TABLE u (id INT PRIMARY KEY, v INT)");
    let connector = connector(&mut database, "t,u");
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    assert_eq!(http.get("/healthz").0, 200);
    until("readiness", || (http.get("/readyz").0 == 200).then_some(()));
    // What has not happened is told as 0: from a series that comes into being no increase is seen.
    let metrics = http.metrics();
    for stage in ["decoder", "plugin", "sink"] {
        let stage = format!("stage=\"{stage}\"");
        assert_eq!(metrics.value("rowmill_dead_letters_total", &[&stage]), 0.0);
        assert_eq!(metrics.value("rowmill_skipped_rows_total", &[&stage]), 0.0);
    }
    assert_eq!(metrics.value("rowmill_plugin_traps_total", &["plugin=\"envelope\""]), 0.0);
    for result in ["swapped", "refused", "rolled_back"] {
        let result = format!("result=\"{result}\"");
        assert_eq!(metrics.value("rowmill_plugin_swaps_total", &["plugin=\"envelope\"", &result]), 0.0);
    }
    database.exec("INSERT INTO t VALUES (1, 1), (2, 1), (3, 1)");
    database.exec("UPDATE t SET v = 2 WHERE id < 3");
    database.exec("DELETE FROM t WHERE id = 1");
    database.exec("INSERT INTO u VALUES (1, 1)");
    let table = format!("table=\"{}.t\"", database.name);
    until("metrics of all rows", || {
        let metrics = http.metrics();
        (metrics.sum("rowmill_rows_total", &[]) == Some(7.0)).then_some(())
    });
    let metrics = http.metrics();
    for (op, rows) in [("insert", 3.0), ("update", 2.0), ("delete", 1.0)] {
        assert_eq!(
            metrics.value("rowmill_rows_total", &[&table, &format!("op=\"{op}\"")]),
            rows,
            "{op}"
        );
    }
    // An update is two records.
    let topic = format!("topic=\"{}\"", connector.topic("t"));
    assert_eq!(metrics.value("rowmill_records_total", &[&topic]), 8.0);
    assert!(metrics.value("rowmill_source_bytes_total", &[]) > 200.0);
    assert!(metrics.value("rowmill_freshness_seconds_count", &[]) >= 2.0);
    assert!(metrics.value("rowmill_plugin_call_seconds_count", &["plugin=\"envelope\""]) >= 2.0);
    assert!(metrics.value("rowmill_transactions_total", &["result=\"committed\""]) >= 1.0);
    assert_eq!(metrics.value("rowmill_transactions_total", &["result=\"aborted\""]), 0.0);
    assert_eq!(metrics.value("rowmill_retries_total", &[]), 0.0);
    assert_eq!(metrics.value("rowmill_state", &["state=\"running\""]), 1.0);
    assert_eq!(metrics.value("rowmill_state", &[]), 1.0, "one state at a time");
    assert!(metrics.value("rowmill_memory_bytes", &[]) > 1e6);
    assert_eq!(metrics.value("rowmill_memory_limit_bytes", &[]), 201_326_592.0);
    for stage in ["decode", "plugin", "sink", "broker"] {
        // No rows, though other tests' changes may be passing.
        let waiting = metrics.value("rowmill_queue_bytes", &[&format!("stage=\"{stage}\"")]);
        assert!(waiting < 100_000.0, "{stage}: {waiting}");
    }
    assert!(metrics.value("rowmill_source_lag_seconds", &[]) < 10.0, "all is committed");
    assert!(metrics.value("rowmill_last_event_age_seconds", &[]) < 60.0);
    let name = &connector.name;
    assert_eq!(http.json("/connectors"), json!([name]));
    let status = http.json(&format!("/connectors/{name}/status"));
    assert_eq!(
        (
            &status["name"],
            &status["connector"]["state"],
            &status["tasks"][0]["state"],
            &status["type"]
        ),
        (&json!(name), &json!("RUNNING"), &json!("RUNNING"), &json!("source"))
    );
    let own = http.json(&format!("/api/connectors/{name}"));
    let (file, pos) = database.log_end();
    assert_eq!(
        (&own["state"], &own["attempt"], &own["last_fault"]),
        (&json!("running"), &json!(1), &json!(null))
    );
    // Other tests write to this log, too: the place is one on the way to its end.
    assert!(
        own["position"]["pos"].as_u64() <= Some(pos) || own["position"]["file"] != json!(file),
        "{own}"
    );
    assert!(own["committed_ms"].is_u64(), "{own}");
    rowmill.terminate().assert_code(0);
}

fn how_far_the_copy_of_rows_is_can_be_read(server: Server) {
    let mut database = server.database("copied");
    for table in ["t", "u"] {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY)"));
        database.exec(&format!("INSERT INTO {table} VALUES (1), (2), (3)"));
    }
    let mut connector = connector(&mut database, "t,u");
    connector.snapshot = "initial".to_owned();
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    until("all copied rows", || {
        (http.metrics().sum("rowmill_rows_total", &["op=\"snapshot\""]) == Some(6.0)).then_some(())
    });
    let metrics = http.metrics();
    assert_eq!(metrics.value("rowmill_snapshot_rows", &[]), 6.0);
    assert_eq!(metrics.value("rowmill_snapshot_rows_estimate", &[]), 6.0);
    assert_eq!(metrics.value("rowmill_snapshot_tables_left", &[]), 0.0);
    assert_eq!(
        metrics.value("rowmill_freshness_seconds_count", &[]),
        0.0,
        "rows of a copy have no commit"
    );
    let told = http.json(&format!("/api/connectors/{}", connector.name));
    let snapshot = &told["snapshot"];
    assert_eq!(
        (
            &snapshot["tables"],
            &snapshot["tables_left"],
            &snapshot["rows"],
            &snapshot["open_tables"]
        ),
        (&json!(2), &json!(0), &json!(6), &json!([])),
        "{told}"
    );
    rowmill.terminate().assert_code(0);
}

fn the_time_until_a_purge_is_what_the_server_is_set_to(server: Server) {
    let mut database = server.database("slack");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let expiry = |database: &mut Database, name: &str| -> f64 {
        let rows = database.query(&format!("SHOW GLOBAL VARIABLES LIKE '{name}'"));
        rows.first()
            .and_then(|row| row[1].clone())
            .map_or(0.0, |text| text.parse().unwrap())
    };
    let seconds = expiry(&mut database, "binlog_expire_logs_seconds");
    let days = expiry(&mut database, "expire_logs_days");
    let expected = match (seconds > 0.0, days > 0.0) {
        (true, _) => seconds,
        (false, true) => days * 86_400.0,
        (false, false) => f64::INFINITY,
    };
    let connector = connector(&mut database, "t");
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    let slack = until("the time until a purge", || http.metrics().sum("rowmill_binlog_slack_seconds", &[]));
    // A file of the shared server may end at any time.
    assert!(
        slack == expected || (slack < expected && slack > expected - 600.0),
        "{slack}, not {expected}"
    );
    rowmill.terminate().assert_code(0);
}

#[test]
fn while_the_server_is_away_the_status_says_so_and_readiness_is_gone() {
    let mut database = Server::shared().database("away");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = connector(&mut database, "t");
    let way = Proxy::to(database.server.port);
    connector.address.1 = way.port;
    let topic = connector.topic("t");
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    until("readiness", || (http.get("/readyz").0 == 200).then_some(()));
    database.exec("INSERT INTO t VALUES (1)");
    Kafka::shared().read(&[&topic], 1);
    let own = format!("/api/connectors/{}", connector.name);
    let status = format!("/connectors/{}/status", connector.name);
    way.set(Traffic::Refuse);
    way.cut(Cut::Close);
    let told = until("a fault", || Some(http.json(&own)).filter(|told| !told["last_fault"].is_null()));
    assert_eq!(
        (&told["last_fault"]["kind"], &told["state"]),
        (&json!("retry"), &json!("retrying")),
        "{told}"
    );
    assert!(told["last_fault"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{told}");
    let (code, body) = http.get("/readyz");
    assert_eq!((code, body.contains("retrying")), (503, true), "{body}");
    let task = http.json(&status)["tasks"][0].clone();
    assert_eq!(task["state"], "RESTARTING", "{task}");
    assert!(task["trace"].as_str().is_some_and(|text| !text.is_empty()), "{task}");
    // It tries again and again, each time a little later, and falls behind meanwhile.
    until("the third attempt", || {
        (http.json(&own)["attempt"].as_u64() >= Some(3)).then_some(())
    });
    until("a time for the next attempt", || http.json(&own)["next_attempt_ms"].as_u64());
    let metrics = http.metrics();
    assert!(metrics.value("rowmill_retries_total", &[]) >= 2.0);
    assert_eq!(metrics.value("rowmill_state", &["state=\"running\""]), 0.0);
    assert!(metrics.value("rowmill_source_lag_seconds", &[]) > 0.0);
    way.set(Traffic::Pass);
    until("readiness", || (http.get("/readyz").0 == 200).then_some(()));
    database.exec("INSERT INTO t VALUES (2)");
    let read = Kafka::shared().read(&[&topic], 2);
    assert_eq!(read.len(), 2);
    let told = http.json(&own);
    assert_eq!(told["state"], "running");
    assert!(!told["last_fault"].is_null(), "what happened can still be read: {told}");
    rowmill.terminate().assert_code(0);
}

#[test]
fn a_file_that_may_soon_be_purged_is_warned_of_and_its_time_runs_from_the_next_files_beginning() {
    let server = Server::start(&["--binlog-expire-logs-seconds=3000"]);
    let mut database = server.database("purged");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
    let mut connector = connector(&mut database, "t");
    connector.plugin = format!(
        "path = \"{}\"\nconfig = {{ pardon = [] }}\n[[plugin]]\nbuiltin = \"envelope\"",
        judge().display()
    );
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    rowmill.wait_for_log("a warning of a purge", |line| {
        line.contains("may soon purge") && line.contains("seconds_left=3000")
    });
    assert_eq!(http.metrics().value("rowmill_binlog_slack_seconds", &[]), 3000.0);
    database.exec("INSERT INTO t VALUES (0, 'fine')");
    until("a commit", || {
        http.json(&format!("/api/connectors/{}", connector.name))["committed_ms"].as_u64()
    });
    // Its plugin asks for another attempt again and again, so that it stays before this row, in a file that ends.
    database.exec("INSERT INTO t VALUES (1, 'later')");
    until("a fault", || {
        (http.metrics().value("rowmill_retries_total", &[]) >= 1.0).then_some(())
    });
    database.exec("FLUSH BINARY LOGS");
    rowmill.terminate().assert_code(0);
    let begun: u64 = database.value("SELECT UNIX_TIMESTAMP()").parse().unwrap();
    until("seconds of the server's clock", || {
        let now: u64 = database.value("SELECT UNIX_TIMESTAMP()").parse().unwrap();
        (now > begun + 1).then_some(())
    });
    connector.source.push_str("slack_warning_ms = 0");
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    let slack = until("the time until a purge", || http.metrics().sum("rowmill_binlog_slack_seconds", &[]));
    assert!(slack < 3000.0 && slack > 2800.0, "{slack}");
    let told = http.json(&format!("/api/connectors/{}", connector.name));
    assert_eq!(told["binlog_slack"]["file"], told["position"]["file"], "{told}");
    assert!(!rowmill.log().contains("may soon purge"), "0 turns the warning off");
    rowmill.terminate().assert_code(0);
}

#[test]
fn http_is_served_to_the_machine_itself_only_and_never_unasked() {
    let mut database = Server::shared().database("listen");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = connector(&mut database, "t");
    let ended = connector.spawn(&["run", "--listen", "0.0.0.0:8083"]).wait();
    ended.assert_code(2);
    assert!(
        ended.reason().contains("--listen") && ended.reason().contains("127.0.0.1:8083"),
        "{}",
        ended.output()
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = connector.spawn(&["run", "--listen", &address]).wait();
    ended.assert_code(1);
    assert!(ended.reason().contains(&address), "{}", ended.output());
    let rowmill = connector.start();
    rowmill.wait_for_log("the stream", |line| line.contains("streaming"));
    let sockets = std::fs::read_to_string(format!("/proc/{}/net/tcp", rowmill.id())).unwrap();
    assert_eq!(listening(rowmill.id(), &sockets), 0, "nothing listens");
    rowmill.terminate().assert_code(0);
}

/// How many listening sockets a process has.
fn listening(id: u32, sockets: &str) -> usize {
    let own: Vec<String> = std::fs::read_dir(format!("/proc/{id}/fd"))
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let listens = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(3) == Some(&"0A") && fields.get(9).is_some_and(|inode| own.iter().any(|known| known == inode))
    };
    sockets.lines().filter(listens).count()
}
