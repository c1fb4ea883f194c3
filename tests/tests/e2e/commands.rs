//! The commands beside `run` and `check`, and the sinks beside Kafka.

use pipeline_tests::{Connector, Database, Ended, Kafka, Server, object_members, run_command};
use serde_json::Value;

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))
}

fn assert_envelope(line: &str) {
    let names: Vec<String> = object_members(line).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["schema", "payload", "version"], "not an envelope: {line}");
}

fn table(stem: &str, rows: std::ops::Range<i64>) -> (Database, Connector) {
    let mut database = Server::shared().database(stem);
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
    let connector = Connector::new(&mut database, &Kafka::shared(), "t");
    insert(&mut database, rows);
    (database, connector)
}

fn insert(database: &mut Database, rows: std::ops::Range<i64>) {
    for id in rows {
        database.exec(&format!("INSERT INTO t VALUES ({id}, 'row {id}')"));
    }
}

#[test]
fn demo_shows_envelopes_without_any_server() {
    let ended = run_command(&["demo", "--rows", "10"]);
    ended.assert_code(0);
    assert!(ended.stdout.len() >= 10, "{} lines:\n{}", ended.stdout.len(), ended.output());
    for line in &ended.stdout {
        let found = line.find("{\"schema\"").unwrap_or_else(|| panic!("no envelope: {line}"));
        assert_envelope(&line[found..]);
    }
    assert!(
        ended.stderr.iter().any(|l| l.contains("rows")),
        "a summary is on stderr:\n{}",
        ended.stderr.join("\n")
    );
}

#[test]
fn a_reader_that_closes_the_pipe_ends_the_demo_quietly() {
    let binary = pipeline_tests::binary();
    let output = std::process::Command::new("bash")
        .args([
            "-c",
            "set -o pipefail; \"$0\" demo --rows 200 | head -n 1; echo \"${PIPESTATUS[0]}\"",
        ])
        .arg(&binary)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().last(), Some("0"), "{stderr}");
}

#[test]
fn tail_prints_what_is_in_a_topic() {
    let (_database, connector) = table("tail", 1..6);
    let rowmill = connector.start();
    let kafka = Kafka::shared();
    let messages = kafka.read(&[&connector.topic("t")], 5);
    rowmill.terminate().assert_code(0);
    let topic = connector.topic("t");
    let base = ["tail", "--brokers", &kafka.brokers, "--topic", &topic, "--from", "beginning"];
    let tail = |more: &[&str]| -> Vec<String> {
        let ended = run_command(&[&base[..], more].concat());
        ended.assert_code(0);
        ended.stdout
    };
    let lines = tail(&["--max", "5"]);
    assert_eq!(lines.len(), 5);
    for line in &lines {
        let (found, text) = (json(line), |name: &str| json(line)[name].as_str().map(str::to_owned));
        let same = messages
            .iter()
            .find(|m| Some(i64::from(m.partition)) == found["partition"].as_i64() && Some(m.offset) == found["offset"].as_i64());
        let message = same.unwrap_or_else(|| panic!("no such message: {line}"));
        assert_eq!(text("key"), message.key, "{line}");
        let value = if found["value"].is_string() {
            json(&text("value").unwrap())
        } else {
            found["value"].clone()
        };
        assert_eq!(value, message.json(), "{line}");
        assert!(!found["timestamp"].is_null() && found.get("headers").is_some(), "{line}");
    }
    assert_eq!(tail(&["--max", "1", "--key", "{\"id\":3}"]).len(), 1);
    let decoded = tail(&["--max", "1", "--decode"]).join("\n");
    assert!(
        decoded.lines().count() > 5 && decoded.contains("\"payload\""),
        "decoded is indented:\n{decoded}"
    );
}

#[test]
fn a_position_can_be_shown_and_moved_back() {
    let (mut database, connector) = table("position", 0..0);
    let kafka = Kafka::shared();
    let (file, pos) = database.log_end();
    insert(&mut database, 1..11);
    let rowmill = connector.start();
    kafka.read(&[&connector.topic("t")], 10);
    rowmill.terminate().assert_code(0);
    let show = |connector: &Connector| -> Ended {
        let ended = connector.spawn(&["position", "show"]).wait();
        ended.assert_code(0);
        ended
    };
    let shown = json(&show(&connector).stdout.join("\n")).to_string();
    let executed = database.gtids();
    let source = executed.split(':').next().unwrap().to_owned();
    assert!(
        shown.contains(&source) && shown.contains(&file),
        "neither {source} nor {file} in {shown}"
    );
    // Moved back by file and position, the ten rows come again.
    connector
        .spawn(&["position", "set", "--file", &file, "--pos", &pos.to_string()])
        .wait()
        .assert_code(0);
    let moved = json(&show(&connector).stdout.join("\n")).to_string();
    assert!(moved.contains(&pos.to_string()), "{pos} is not in {moved}");
    let rowmill = connector.start();
    kafka.read(&[&connector.topic("t")], 20);
    rowmill.terminate().assert_code(0);
    // Moved on to the end by GTID, rows in between are left out.
    insert(&mut database, 11..21);
    let end = database.gtids();
    connector.spawn(&["position", "set", "--gtid", &end]).wait().assert_code(0);
    insert(&mut database, 21..22);
    let rowmill = connector.start();
    kafka.read(&[&connector.topic("t")], 21);
    rowmill.terminate().assert_code(0);
    let mut last: Vec<i64> = kafka.read_to_end(&connector.topic("t")).iter().map(|m| m.integer("id")).collect();
    last.sort_unstable();
    assert_eq!(last.len(), 21);
    assert_eq!(last.last(), Some(&21));
}

fn id_of_line(line: &str) -> i64 {
    let found = json(line);
    let value = if found["value"].is_string() {
        json(found["value"].as_str().unwrap())
    } else {
        found["value"].clone()
    };
    value["payload"]["after"]["dataColumn"]["id"]
        .as_i64()
        .unwrap_or_else(|| panic!("no id: {line}"))
}

#[test]
fn the_stdout_sink_prints_lines_and_goes_on_where_it_was() {
    let (mut database, mut connector) = table("stdout", 1..6);
    connector.sink = "kind = \"stdout\"".to_owned();
    let rowmill = connector.start();
    rowmill.wait_for_output(5);
    let ended = rowmill.terminate();
    ended.assert_code(0);
    assert_eq!(ended.stdout.iter().map(|l| id_of_line(l)).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    insert(&mut database, 6..9);
    let rowmill = connector.start();
    rowmill.wait_for_output(3);
    let ended = rowmill.terminate();
    ended.assert_code(0);
    assert_eq!(ended.stdout.iter().map(|l| id_of_line(l)).collect::<Vec<_>>(), [6, 7, 8]);
}

#[test]
fn the_file_sink_appends_lines_and_goes_on_where_it_was() {
    let (mut database, mut connector) = table("file", 1..6);
    let path = connector.file("rows.jsonl");
    connector.sink = format!("kind = \"file\"\npath = \"{}\"", path.display());
    let lines = || -> Vec<i64> {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.split_inclusive('\n').filter(|l| l.ends_with('\n')).map(id_of_line).collect()
    };
    for (rows, total) in [(1..6, 5), (6..9, 8)] {
        if rows.start > 1 {
            insert(&mut database, rows);
        }
        let rowmill = connector.start();
        pipeline_tests::until("lines in the file", || (lines().len() >= total).then_some(()));
        rowmill.terminate().assert_code(0);
    }
    assert_eq!(lines(), (1..9).collect::<Vec<i64>>());
}

#[test]
fn the_example_configuration_is_a_valid_one() {
    let example = run_command(&["config", "example"]);
    example.assert_code(0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("example.toml");
    std::fs::write(&path, example.stdout.join("\n")).unwrap();
    let mut command = pipeline_tests::command(&["config", "check"]);
    command.arg(&path).env("ROWMILL_PASSWORD", "x");
    pipeline_tests::Rowmill::spawn(command).wait().assert_code(0);
    let schema = run_command(&["config", "schema"]);
    schema.assert_code(0);
    let schema = json(&schema.stdout.join("\n"));
    assert!(schema["$schema"].as_str().is_some_and(|s| s.contains("2020-12")), "{schema}");
}
