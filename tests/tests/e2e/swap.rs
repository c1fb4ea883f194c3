//! A plugin's file is replaced while rows flow.

mod many;

use std::path::{Path, PathBuf};
use std::process::Command;

use pipeline_tests::{Connector, Database, Kafka, Server, binary, environment};

/// The envelope as a component file: `ROWMILL_TEST_ENVELOPE`, else built here beside the guests of the binary's own build.
fn envelope() -> Vec<u8> {
    if let Ok(path) = std::env::var("ROWMILL_TEST_ENVELOPE") {
        return std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    }
    let workspace = Path::new(&environment("CARGO_MANIFEST_DIR")).join("..");
    let target = binary().parent().and_then(Path::parent).unwrap().join("guests");
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--locked",
        "--target",
        "wasm32-wasip2",
        "--profile",
        "plugin",
        "-p",
        "rowmill-envelope",
    ]);
    // What the outer cargo set for this machine's own code does not hold for the guest.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER"] {
        cargo.env_remove(name);
    }
    let output = cargo.env("CARGO_TARGET_DIR", &target).current_dir(&workspace).output().unwrap();
    assert!(
        output.status.success(),
        "building the envelope: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let path = target.join("wasm32-wasip2/plugin/rowmill_envelope.wasm");
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The same component writing another `version` in its envelopes, so that each message tells which file made it.
fn revised(component: &[u8]) -> Vec<u8> {
    let (old, new) = (b"\"0.0.1\"", b"\"0.0.2\"");
    let mut copy = component.to_vec();
    let places: Vec<usize> = copy
        .windows(old.len())
        .enumerate()
        .filter(|(_, w)| *w == old)
        .map(|(at, _)| at)
        .collect();
    assert!(
        !places.is_empty(),
        "the component does not hold the version as one text, so that it can't be revised"
    );
    for at in places {
        copy[at..at + new.len()].copy_from_slice(new);
    }
    copy
}

/// Puts a file in its place at once, as deployments do.
fn replace(path: &Path, content: &[u8]) {
    let new = path.with_extension("new");
    std::fs::write(&new, content).unwrap();
    std::fs::rename(&new, path).unwrap();
}

fn prepare(stem: &str, component: &[u8]) -> (Database, Connector, PathBuf) {
    let mut database = Server::shared().database(stem);
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &Kafka::shared(), "t");
    let path = connector.file("encoder.wasm");
    replace(&path, component);
    connector.plugin = format!("path = \"{}\"", path.display());
    connector.sink.push_str("\npartitions_with_key = 1");
    (database, connector, path)
}

fn version(value: &str) -> &str {
    value.rsplit("\"version\":").next().unwrap_or_default()
}

#[test]
fn a_replaced_plugin_file_takes_over_between_two_batches_without_a_record_lost_or_repeated() {
    let component = envelope();
    let kafka = Kafka::shared();
    let (mut database, connector, path) = prepare("swap", &component);
    let topic = connector.topic("t");
    let rowmill = connector.start();
    let mut rows = 0;
    let mut insert = |database: &mut Database| {
        // A batch holds a whole transaction of these, so versions may only change between two of them.
        let values: Vec<String> = (rows * 10..rows * 10 + 10).map(|id| format!("({id})")).collect();
        database.exec(&format!("INSERT INTO t VALUES {}", values.join(",")));
        rows += 1;
        rows * 10
    };
    let first = insert(&mut database);
    kafka.read(&[&topic], first);
    replace(&path, &revised(&component));
    // Rows flow all the while; one of them is the first of the new version.
    let mut read = Vec::new();
    pipeline_tests::until("a message of the new plugin", || {
        let count = insert(&mut database);
        read = kafka.read(&[&topic], count);
        read.iter().any(|m| version(&m.value).contains("0.0.2")).then_some(())
    });
    rowmill.terminate().assert_code(0);
    let read = kafka.read_to_end(&topic);
    let ids: Vec<i64> = read.iter().map(|m| m.integer("id")).collect();
    assert_eq!(
        ids,
        (0..i64::try_from(ids.len()).unwrap()).collect::<Vec<i64>>(),
        "each row once, in order"
    );
    let changed = read.iter().position(|m| version(&m.value).contains("0.0.2")).unwrap();
    assert!(changed >= first, "what was written before the swap is of the old version");
    assert!(
        read[..changed].iter().all(|m| version(&m.value).contains("0.0.1")),
        "old before the swap"
    );
    assert!(
        read[changed..].iter().all(|m| version(&m.value).contains("0.0.2")),
        "new after the swap"
    );
    assert_eq!(changed % 10, 0, "a transaction's batch is not mixed");
}

#[test]
fn a_plugin_file_that_does_not_load_leaves_the_old_one_at_work() {
    let component = envelope();
    let kafka = Kafka::shared();
    let (mut database, connector, path) = prepare("broken", &component);
    let topic = connector.topic("t");
    let mut rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (1)");
    kafka.read(&[&topic], 1);
    replace(&path, b"this is no component");
    rowmill.wait_for_log("a warning about the plugin's file", |line| {
        line.to_lowercase().contains("warn") && line.contains("encoder")
    });
    database.exec("INSERT INTO t VALUES (2)");
    kafka.read(&[&topic], 2);
    assert!(rowmill.is_running());
    // And a good file after the bad one still takes over.
    replace(&path, &revised(&component));
    let mut next = 3;
    pipeline_tests::until("a message of the new plugin", || {
        database.exec(&format!("INSERT INTO t VALUES ({next})"));
        next += 1;
        let read = kafka.read(&[&topic], next - 1);
        version(&read.last().unwrap().value).contains("0.0.2").then_some(())
    });
    rowmill.terminate().assert_code(0);
}

#[test]
fn what_becomes_of_a_new_version_is_in_status_and_metrics_though_no_row_comes() {
    let component = envelope();
    let (mut database, mut connector, path) = prepare("told", &component);
    connector.heartbeat_interval_ms = 0;
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    let own = format!("/api/connectors/{}", connector.name);
    let plugin = || http.json(&own)["plugins"][0].clone();
    let swaps = |result: &str| http.metrics().sum("rowmill_plugin_swaps_total", &[&format!("result=\"{result}\"")]);
    // One row, so that there is something to try new versions with.
    database.exec("INSERT INTO t VALUES (1)");
    Kafka::shared().read(&[&connector.topic("t")], 1);
    let first = plugin()["sha256"].clone();
    assert!(plugin()["last_setback"].is_null(), "{}", plugin());
    assert_eq!(
        (swaps("swapped"), swaps("refused"), swaps("rolled_back")),
        (Some(0.0), Some(0.0), Some(0.0))
    );
    assert_eq!(http.metrics().sum("rowmill_plugin_traps_total", &[]), Some(0.0));

    replace(&path, b"this is no component");
    let refused = pipeline_tests::until("the reason of a refusal", || {
        let plugin = plugin();
        (!plugin["last_setback"].is_null()).then_some(plugin)
    });
    let setback = &refused["last_setback"];
    assert_eq!((&setback["result"], &refused["sha256"]), (&"refused".into(), &first));
    assert!(setback["reason"].as_str().unwrap().contains("not WebAssembly"), "{setback}");
    assert!(
        setback["sha256"].as_str().unwrap().len() == 64 && setback["time_ms"].is_u64(),
        "{setback}"
    );
    pipeline_tests::until("the refusal in the metrics", || (swaps("refused") == Some(1.0)).then_some(()));

    replace(&path, &revised(&component));
    pipeline_tests::until("the new version in the status", || (plugin()["sha256"] != first).then_some(()));
    pipeline_tests::until("the swap in the metrics", || (swaps("swapped") == Some(1.0)).then_some(()));
    rowmill.terminate().assert_code(0);
}

/// Inserts rows until one comes that this version wrote.
fn until_version(database: &mut Database, kafka: &Kafka, topic: &str, wanted: &str) {
    pipeline_tests::until(&format!("a message of version {wanted}"), || {
        database.exec("INSERT INTO t SELECT COALESCE(MAX(id), 0) + 1 FROM t");
        let count: usize = database.value("SELECT COUNT(*) FROM t").parse().unwrap();
        let read = kafka.read(&[topic], count);
        version(&read[count - 1].value).contains(wanted).then_some(())
    });
}

#[test]
fn a_version_is_taken_back_on_request_stays_away_after_a_restart_and_comes_again_on_request() {
    let component = envelope();
    let kafka = Kafka::shared();
    let (mut database, connector, path) = prepare("back", &component);
    let topic = connector.topic("t");
    let plugins = || -> serde_json::Value {
        let ended = connector.spawn(&["plugin", "list"]).wait();
        serde_json::from_str(&ended.assert_code(0).stdout.join("")).unwrap()
    };
    assert_eq!(plugins(), serde_json::json!([{ "plugin": "encoder" }]));
    let rowmill = connector.start();
    until_version(&mut database, &kafka, &topic, "0.0.1");
    let first = plugins()[0]["sha256"].clone();
    replace(&path, &revised(&component));
    until_version(&mut database, &kafka, &topic, "0.0.2");
    let listed = plugins();
    assert_eq!(listed[0]["former_sha256"], first, "{listed}");
    connector
        .spawn(&["plugin", "rollback", "--plugin", "encoder"])
        .wait()
        .assert_code(0);
    until_version(&mut database, &kafka, &topic, "0.0.1");
    rowmill.terminate().assert_code(0);
    let listed = plugins();
    assert_eq!(
        (&listed[0]["sha256"], &listed[0]["taken_back"]),
        (&first, &serde_json::json!(1)),
        "{listed}"
    );
    // The file holds the other version still.
    let rowmill = connector.start();
    rowmill.wait_for_log("that the file's version is passed over", |line| {
        line.contains("the one before goes on")
    });
    until_version(&mut database, &kafka, &topic, "0.0.1");
    connector.spawn(&["plugin", "reload"]).wait().assert_code(0);
    until_version(&mut database, &kafka, &topic, "0.0.2");
    rowmill.terminate().assert_code(0);
    let ended = connector.spawn(&["plugin", "reload", "--plugin", "other"]).wait();
    assert!(
        ended.assert_code(1).reason().contains("no plugin \"other\"; it has encoder"),
        "{}",
        ended.reason()
    );
}
