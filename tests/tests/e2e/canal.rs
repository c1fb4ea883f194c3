//! The encoder `canal-json` against what Canal itself made of the same statements.
//!
//! `canal/messages.jsonl` holds what Canal 1.1.7 wrote. With `ROWMILL_CANAL=live` a Canal is started on a server of its own, what it writes
//! is compared instead, and the file is written anew.

use std::collections::BTreeMap;
use std::process::Command;

use pipeline_tests::{Connector, Database, Kafka, Server, environment, until};
use serde_json::{Value, json};

use crate::peers::{assert_same, path, same_document, statements, strip, topics};

/// Tables whose messages are compared; the last one tells that all has come.
const TABLES: [&str; 12] = [
    "numbers",
    "words",
    "moments",
    "places",
    "keyless",
    "uniquely",
    "odd_keys",
    "Mixed_Case",
    "partly",
    "shifting",
    "shifted",
    "the_end",
];

/// Members that depend on the run.
const OF_THE_RUN: [&str; 4] = ["id", "es", "ts", "gtid"];

const FILE: &str = "tests/e2e/canal/messages.jsonl";

/// By table, its messages in order: one a row, or one a statement.
type Messages = BTreeMap<String, Vec<Value>>;

#[test]
fn messages_are_those_of_canal() {
    let kafka = Kafka::shared();
    let is_live = std::env::var("ROWMILL_CANAL").is_ok_and(|live| live == "live");
    let server = if is_live { Server::start(&[]) } else { Server::shared() };
    let mut database = server.database("canal");
    let mut connector = Connector::new(&mut database, &kafka, &TABLES.join(","));
    let (file, offset) = database.log_end();
    let canal = is_live.then(|| Canal::start(&mut database, &file, offset));
    for statement in statements("canal") {
        database.exec(statement);
    }
    if let Some(canal) = &canal {
        std::fs::write(path(FILE), canal.capture(&database)).unwrap();
    }
    let expected = corrected(fixture());
    let mut actual = run(&mut connector, &database, &kafka, &expected);
    for (table, messages) in &mut actual {
        for (expected, actual) in expected[table].iter().zip(messages) {
            if expected.get("sqlType").is_none() {
                strip(actual, &["sqlType"]);
            }
        }
    }
    assert_same(&TABLES, &expected, &actual, &alike);
}

/// What rowmill writes.
fn run(connector: &mut Connector, database: &Database, kafka: &Kafka, expected: &Messages) -> Messages {
    connector.plugin = "builtin = \"canal-json\"".to_owned();
    connector.source = "ddl = \"forward\"".to_owned();
    connector.sink += "\ntopic = \"{prefix}.{database}.{table}\"\npartitions_with_key = 1";
    let running = connector.start();
    let topics = topics(connector, database, &TABLES);
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    kafka.read(&topics, expected.values().map(Vec::len).sum());
    running.terminate().assert_code(0);
    let mut messages = Messages::new();
    for message in kafka.read_to_ends(&topics) {
        let (value, table) = (message.json(), message.topic.rsplit('.').next().unwrap());
        if value["isDdl"] == json!(false) {
            assert_eq!(value["data"].as_array().map(Vec::len), Some(1));
            assert_eq!(value["es"].as_i64(), Some(message.timestamp));
        }
        messages.entry(table.to_owned()).or_default().push(timeless(value, database));
    }
    messages
}

/// A message without what depends on the run.
fn timeless(mut value: Value, database: &Database) -> Value {
    strip(&mut value, &OF_THE_RUN);
    if value["database"] == json!(database.name) {
        value["database"] = json!("shop");
    }
    value
}

/// What Canal wrote when the file was made, each row as a message of its own. The types of a message of several rows are those of its last one.
fn fixture() -> Messages {
    let text = std::fs::read_to_string(path(FILE)).unwrap();
    let mut messages = Messages::new();
    for line in text.lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let list = messages.entry(message["table"].as_str().unwrap().to_owned()).or_default();
        let Some(rows) = message["data"].as_array() else {
            list.push(message);
            continue;
        };
        for (i, row) in rows.iter().enumerate() {
            let mut single = message.clone();
            single["data"] = json!([row]);
            if let Some(old) = message["old"].as_array() {
                single["old"] = json!([old[i]]);
            }
            if i + 1 < rows.len() {
                strip(&mut single, &["sqlType"]);
            }
            list.push(single);
        }
    }
    messages
}

/// What is known to differ, taken out of what Canal wrote. `plugins/canal-json/README.md` lists it.
fn corrected(mut messages: Messages) -> Messages {
    let of_rows = messages.values_mut().flatten().filter(|message| message["isDdl"] == json!(false));
    for message in of_rows {
        for kind in message["mysqlType"].as_object_mut().unwrap().values_mut() {
            // No log has the width of an integer.
            match kind.as_str().unwrap() {
                "tinyint(1)" => *kind = json!("tinyint"),
                "int(8) unsigned zerofill" => *kind = json!("int unsigned"),
                _ => {}
            }
        }
    }
    // Canal takes every TEXT for UTF-8.
    let text = &mut messages.get_mut("Mixed_Case").unwrap()[1]["data"][0]["long_text"];
    assert_ne!(*text, json!("😀"));
    *text = json!("😀");
    // Canal has types and keys of the columns that an image has, rowmill those of the table.
    for message in messages.get_mut("partly").unwrap().iter_mut().skip(1) {
        let subset = message["mysqlType"].as_object().unwrap().len();
        assert_eq!(subset, message["data"][0].as_object().unwrap().len());
        message["mysqlType"] = json!({"id": "int", "a": "int", "b": "varchar(10)", "c": "timestamp"});
        message["sqlType"] = json!({"id": 4, "a": 4, "b": 12, "c": 93});
        message["pkNames"] = json!(["id"]);
    }
    // Of RENAME TABLE the name that was is told, too.
    let renames = |message: &&Value| message["type"] == json!("RENAME");
    let mut rename = messages["shifted"].iter().find(renames).unwrap().clone();
    rename["table"] = json!("shifting");
    let shifting = messages.get_mut("shifting").unwrap();
    shifting.insert(shifting.len() - 1, rename);
    for message in messages.get_mut("uniquely").unwrap().iter_mut().skip(1) {
        assert_eq!(message["pkNames"], Value::Null);
        message["pkNames"] = json!(["code"]);
    }
    messages
}

/// What is the same in two forms.
fn alike(name: &str, expected: &Value, actual: &Value) -> bool {
    let (Some(left), Some(right)) = (expected.as_str(), actual.as_str()) else {
        return false;
    };
    match name.rsplit('.').next().unwrap() {
        // Canal has zeros too few or too many behind the point.
        "wide" | "unsigned_money" => left.trim_end_matches('0').trim_end_matches('.') == right.trim_end_matches('0').trim_end_matches('.'),
        // The log leaves out zero bytes at the end.
        "fixed" => left == right.trim_end_matches('\0'),
        "doc" => {
            let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            same_document(&parse(left), &parse(right))
        }
        _ => false,
    }
}

/// A Canal that ends with the handle.
struct Canal {
    folder: tempfile::TempDir,
}

impl Canal {
    fn start(database: &mut Database, file: &str, offset: u64) -> Self {
        let folder = tempfile::Builder::new().tempdir_in(environment("ROWMILL_TEST_RUN")).unwrap();
        let server = format!("{}:{}", database.server.host, database.server.port);
        let started = Command::new(path("servers/canal"))
            .arg("start")
            .arg(folder.path())
            .args([
                &server,
                &database.user,
                &database.password,
                &database.name,
                file,
                &offset.to_string(),
            ])
            .output()
            .unwrap();
        let canal = Self { folder };
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        canal
    }

    /// What it has written, without what depends on the run: a message a line.
    fn capture(&self, database: &Database) -> String {
        let lines = until("the last table in what Canal writes", || {
            let lines = std::fs::read_to_string(self.folder.path().join("canal.lines")).ok()?;
            let is_last = |line: &str| line.contains("\"isDdl\":false") && line.contains("\"table\":\"the_end\"");
            lines.lines().any(is_last).then_some(lines)
        });
        let messages = lines.lines().map(|line| {
            let message: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            timeless(message, database)
        });
        messages.map(|message| format!("{message}\n")).collect()
    }
}

impl Drop for Canal {
    fn drop(&mut self) {
        let _ = Command::new(path("servers/canal")).arg("stop").arg(self.folder.path()).status();
    }
}
