//! The encoder `maxwell-json` against what Maxwell's daemon itself made of the same statements.
//!
//! `maxwell/*.jsonl` holds what Maxwell 1.45.0 wrote. With `ROWMILL_MAXWELL=live` the one in `MAXWELL_HOME` is started on a server of its own
//! and the broker of the run, what it writes is compared instead, transactions included, and the files are written anew.

use std::collections::BTreeMap;
use std::process::Command;

use pipeline_tests::{Connector, Database, Kafka, Message, Server, environment, unique};
use serde_json::{Value, json};

use crate::peers::{assert_same, path, same_number, statements, strip, topics};

/// Tables whose messages are compared; the last one tells that all has come.
const TABLES: [&str; 10] = [
    "numbers",
    "words",
    "moments",
    "places",
    "keyless",
    "uniquely",
    "odd_keys",
    "Mixed_Case",
    "partly",
    "the_end",
];

/// A way to configure both: the file's name, and the options that both have.
struct Mode {
    name: &'static str,
    options: &'static [(&'static str, &'static str)],
}

const MODES: [Mode; 2] = [
    Mode {
        name: "default",
        options: &[],
    },
    Mode {
        name: "options",
        options: &[
            ("output_nulls", "false"),
            ("output_null_zerodates", "true"),
            ("output_primary_keys", "true"),
            ("output_primary_key_columns", "true"),
            ("kafka_key_format", "array"),
        ],
    },
];

/// Members that depend on the run: compared with a Maxwell of the same run only.
const OF_THE_RUN: [&str; 2] = ["ts", "xid"];

/// By table, its messages in order.
type Messages = BTreeMap<String, Vec<Value>>;

#[test]
fn keys_and_messages_are_those_of_maxwell() {
    compare(&MODES[0]);
}

#[test]
fn with_other_options_they_are_too() {
    compare(&MODES[1]);
}

fn is_live() -> bool {
    std::env::var("ROWMILL_MAXWELL").is_ok_and(|live| live == "live")
}

fn compare(mode: &Mode) {
    let kafka = Kafka::shared();
    let server = if is_live() { Server::start(&[]) } else { Server::shared() };
    let mut database = server.database("maxwell");
    let maxwell = is_live().then(|| Maxwell::start(mode, &mut database, &kafka));
    let mut connector = Connector::new(&mut database, &kafka, &TABLES.join(","));
    for statement in statements("maxwell") {
        database.exec(statement);
    }
    let expected = match &maxwell {
        Some(maxwell) => maxwell.capture(mode, &database, &kafka),
        None => fixture(mode),
    };
    let expected = corrected(mode, expected);
    let actual = run(mode, &mut connector, (&database, &kafka), &expected);
    assert_same(&TABLES, &expected, &actual, &alike);
}

/// What rowmill writes.
fn run(mode: &Mode, connector: &mut Connector, (database, kafka): (&Database, &Kafka), expected: &Messages) -> Messages {
    let options = mode.options.iter().map(|(name, value)| match *value {
        "true" | "false" => format!("{name} = {value}"),
        text => format!("{name} = \"{text}\""),
    });
    let options = options.collect::<Vec<_>>().join(", ");
    connector.plugin = format!("builtin = \"maxwell-json\"\nconfig = {{ {options} }}");
    connector.sink += "\ntopic = \"{prefix}.{database}.{table}\"\npartitions_with_key = 1";
    let running = connector.start();
    let topics = topics(connector, database, &TABLES);
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let count = expected.values().map(Vec::len).sum();
    kafka.read(&topics, count);
    running.terminate().assert_code(0);
    messages(&kafka.read_to_ends(&topics), database)
}

/// Messages by table, without what depends on the run.
fn messages(read: &[Message], database: &Database) -> Messages {
    let mut messages = Messages::new();
    for message in read {
        // Another database in every run.
        let parse = |text: &str| -> Value { serde_json::from_str(&text.replace(&database.name, "shop")).unwrap() };
        let mut value = parse(&message.value);
        if !is_live() {
            strip(&mut value, &OF_THE_RUN);
        }
        // The row's number within its transaction, whose rows may be of several tables: a batch does not tell it.
        strip(&mut value, &["xoffset"]);
        let record = json!({"key": message.key.as_deref().map(parse), "value": value});
        messages
            .entry(value["table"].as_str().unwrap().to_owned())
            .or_default()
            .push(record);
    }
    messages
}

fn file(mode: &Mode) -> std::path::PathBuf {
    path("tests/e2e/maxwell").join(format!("{}.jsonl", mode.name))
}

/// What Maxwell wrote when the file was made.
fn fixture(mode: &Mode) -> Messages {
    let text = std::fs::read_to_string(file(mode)).unwrap();
    let mut messages = Messages::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let table = record["value"]["table"].as_str().unwrap().to_owned();
        messages.entry(table).or_default().push(record);
    }
    messages
}

/// What is known to differ, taken out of what Maxwell wrote. `plugins/maxwell-json/README.md` lists it.
fn corrected(mode: &Mode, mut messages: Messages) -> Messages {
    // Without a primary key Maxwell's key is random.
    for record in messages.get_mut("keyless").unwrap() {
        record["key"] = Value::Null;
    }
    for record in messages.get_mut("uniquely").unwrap() {
        record["key"] = match mode.name {
            "default" => json!({"database": "shop", "table": "uniquely", "pk.code": "k"}),
            _ => json!(["shop", "uniquely", [{"code": "k"}]]),
        };
        let value = record["value"].as_object_mut().unwrap();
        if mode.name == "options" {
            assert_eq!(value.insert("primary_key".to_owned(), json!(["k"])), Some(json!([])));
            assert_eq!(value.insert("primary_key_columns".to_owned(), json!(["code"])), Some(json!([])));
        }
    }
    for record in messages.values_mut().flatten() {
        for image in ["data", "old"] {
            let Some(Value::Object(row)) = record["value"].get_mut(image) else {
                continue;
            };
            let is_third = row.get("id") == Some(&json!(3));
            for (name, value) in row {
                *value = match (name.as_str(), value.take()) {
                    ("born", year) if year == json!(1900) => json!(0),
                    ("label", label) if label == json!("it''s, \"so\"") => json!("it's, \"so\""),
                    // Below zero and past a day Maxwell has a time of day.
                    ("span", Value::String(_)) if is_third => json!("-838:59:59"),
                    ("span_3", Value::String(_)) if is_third => json!("-00:00:00.500"),
                    ("span_6", Value::String(_)) if is_third => json!("838:59:59.000000"),
                    // The log leaves out zero bytes at the end.
                    ("fixed", bytes) if bytes == json!("AQ==") => json!("AQAAAA=="),
                    ("fixed", bytes) if bytes == json!("") => json!("AAAAAA=="),
                    (_, value) => value,
                };
            }
        }
    }
    messages
}

/// What is the same in two forms.
fn alike(name: &str, expected: &Value, actual: &Value) -> bool {
    same_number(expected, actual, name.ends_with(".f") || name.ends_with(".near"))
}

/// A Maxwell that ends with the handle, and its topic.
struct Maxwell {
    folder: tempfile::TempDir,
    topic: String,
}

impl Maxwell {
    fn start(mode: &Mode, database: &mut Database, kafka: &Kafka) -> Self {
        let folder = tempfile::Builder::new().tempdir_in(environment("ROWMILL_TEST_RUN")).unwrap();
        let topic = unique("maxwell");
        kafka.create_topic(&topic, 1);
        let (user, server) = (database.user.clone(), &database.server);
        let server = format!("{}:{}", server.host, server.port);
        database.exec(&format!("GRANT ALL ON maxwell.* TO '{user}'@'%'"));
        let started = Command::new(path("servers/maxwell"))
            .arg("start")
            .arg(folder.path())
            .args([&kafka.brokers, &topic, &server, &user, &database.password, &database.name])
            .args(mode.options.iter().map(|(name, value)| format!("{name}={value}")))
            .output()
            .unwrap();
        let maxwell = Self { folder, topic };
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        maxwell
    }

    /// Reads what it has written, and writes it to the mode's file, without what depends on the run.
    fn capture(&self, mode: &Mode, database: &Database, kafka: &Kafka) -> Messages {
        let is_last = |message: &Message| message.json()["table"] == json!("the_end");
        let read = kafka.read_until(&[&self.topic], |read| read.iter().any(is_last));
        let messages = messages(&read, database);
        let mut text = String::new();
        for record in TABLES.iter().flat_map(|table| &messages[*table]) {
            let mut record = record.clone();
            strip(&mut record["value"], &OF_THE_RUN);
            text += &format!("{record}\n");
        }
        std::fs::write(file(mode), text).unwrap();
        messages
    }
}

impl Drop for Maxwell {
    fn drop(&mut self) {
        let _ = Command::new(path("servers/maxwell")).arg("stop").arg(self.folder.path()).status();
    }
}
