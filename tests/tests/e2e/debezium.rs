//! The encoder `debezium-json` against what Debezium itself made of the same statements.
//!
//! `debezium/{mysql,mariadb}-*.jsonl` holds what the connectors of Debezium 3.5.0 wrote. With `ROWMILL_DEBEZIUM=live` a Debezium is started on the server and the broker of
//! the run, what it writes is compared instead, fields that differ from run to run included, and the files are written anew.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use pipeline_tests::{Connector, Database, Kafka, Kind, Message, Server, environment, until};
use serde_json::{Map, Value, json};

use crate::peers::{assert_same, path, same_document, same_number, statements, strip, topics};

/// Tables in the order of their topics' reading; the last one tells that all has come.
const TABLES: [&str; 8] = ["numbers", "words", "moments", "places", "keyless", "uniquely", "own", "the_end"];

/// A way to configure both: the file's name, Debezium's options, and the encoder's.
struct Mode {
    name: &'static str,
    debezium: &'static [&'static str],
    rowmill: &'static str,
    /// Debezium writes NULL for a TIME that is no time of day, and the encoder refuses the row.
    refuses_times: bool,
}

const MODES: [Mode; 3] = [
    Mode {
        name: "default",
        debezium: &[],
        rowmill: "",
        refuses_times: false,
    },
    Mode {
        name: "connect",
        debezium: &[
            "decimal.handling.mode=string",
            "time.precision.mode=connect",
            "bigint.unsigned.handling.mode=precise",
            "binary.handling.mode=hex",
        ],
        rowmill: r#", decimal_handling_mode = "string", time_precision_mode = "connect", bigint_unsigned_handling_mode = "precise", binary_handling_mode = "hex""#,
        refuses_times: true,
    },
    Mode {
        name: "isostring",
        debezium: &[
            "decimal.handling.mode=double",
            "time.precision.mode=isostring",
            "binary.handling.mode=base64-url-safe",
        ],
        rowmill: r#", decimal_handling_mode = "double", time_precision_mode = "isostring", binary_handling_mode = "base64-url-safe""#,
        refuses_times: true,
    },
];

/// Members of `source` that can't be equal: whose they are, how exact a time is, and what the contract with plugins does not tell.
const OWN: [&str; 7] = ["version", "sequence", "ts_us", "ts_ns", "pos", "row", "thread"];

/// Those that depend on the run, and are only compared with a Debezium of the same run.
const OF_THE_RUN: [&str; 4] = ["ts_ms", "server_id", "gtid", "file"];

/// A test of each mode, on each of the servers that Debezium has a connector for.
macro_rules! on_both_servers {
    ($($test:ident is $mode:expr),* $(,)?) => {
        on_both_servers!(@mysql Mysql $($test $mode)*);
        on_both_servers!(@mariadb Mariadb $($test $mode)*);
    };
    (@$module:ident $kind:ident $($test:ident $mode:expr)*) => {
        mod $module {
            $(#[test]
            fn $test() {
                super::compare(&super::MODES[$mode], pipeline_tests::Kind::$kind);
            })*
        }
    };
}

on_both_servers! {
    keys_values_and_headers_are_those_of_debezium is 0,
    with_kafka_connects_types_they_are_too is 1,
    with_iso_texts_they_are_too is 2,
}

/// A UUID of the changes, and what Debezium makes of it.
const UUID: &str = "123e4567-e89b-12d3-a456-426655440000";
const SHIFTED_UUID: &str = "0000123e-4567-e89b-12d3-a45642665544";

fn is_live() -> bool {
    std::env::var("ROWMILL_DEBEZIUM").is_ok_and(|live| live == "live")
}

/// What Debezium calls its connector for a server.
fn connector_of(kind: Kind) -> &'static str {
    if kind == Kind::Mariadb { "mariadb" } else { "mysql" }
}

fn compare(mode: &Mode, kind: Kind) {
    let kafka = Kafka::shared();
    let mut database = Server::shared_of(kind).database("debezium");
    let debezium = is_live().then(|| Debezium::start(mode, &database, &kafka));
    let mut connector = Connector::new(&mut database, &kafka, &TABLES.join(","));
    for statement in statements(connector_of(kind)) {
        database.exec(statement);
    }
    let expected = match &debezium {
        Some(debezium) => debezium.capture(mode, &database, &kafka),
        None => fixture(mode, kind),
    };
    let expected = corrected(mode, kind, expected);
    let actual = run(mode, &mut connector, (&database, &kafka), &expected);
    assert_same(&TABLES, &expected, &actual, &alike);
}

/// By table, its records in order.
type Records = BTreeMap<String, Vec<Value>>;

/// What rowmill writes.
fn run(mode: &Mode, connector: &mut Connector, (database, kafka): (&Database, &Kafka), expected: &Records) -> Records {
    let server_id = 4_000_000_000_u32;
    connector.plugin = format!(
        "builtin = \"debezium-json\"\nconfig = {{ topic_prefix = \"dbz\", server_id = {server_id}{} }}{}",
        mode.rowmill,
        if mode.refuses_times { "\non_error = \"skip\"" } else { "" }
    );
    connector.sink += "\ntopic = \"{prefix}.{database}.{table}\"\npartitions_with_key = 1";
    let running = connector.start();
    let topics = topics(connector, database, &TABLES);
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let count = expected.values().map(Vec::len).sum();
    let messages = kafka.read(&topics, count);
    running.terminate().assert_code(0);
    assert_eq!(kafka.read_to_ends(&topics).len(), count, "no more than Debezium");
    for value in messages.iter().filter(|message| !message.value.is_empty()).map(Message::json) {
        assert_eq!(value["payload"]["source"]["server_id"], json!(server_id));
    }
    records(&messages, database)
}

/// Messages as JSON without what can't be compared, by table.
fn records(messages: &[Message], database: &Database) -> Records {
    let mut records = Records::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    for message in messages {
        let table = message.topic.rsplit('.').next().unwrap().to_owned();
        let parse = |text: &str| -> Value {
            // Another database in every run.
            serde_json::from_str(&text.replace(&database.name, "shop")).unwrap_or_else(|e| panic!("{e}: {text}"))
        };
        let key = message.key.as_deref().map_or(Value::Null, parse);
        let mut value = if message.value.is_empty() {
            Value::Null
        } else {
            parse(&message.value)
        };
        if let Some(payload) = value.get_mut("payload") {
            strip(payload, &["ts_ms", "ts_us", "ts_ns"]);
            strip(&mut payload["source"], &OWN);
            if !is_live() {
                strip(&mut payload["source"], &OF_THE_RUN);
            }
            // The number of the server is the encoder's option.
            strip(&mut payload["source"], &["server_id"]);
        }
        if let Some(schema) = value.get("schema").cloned() {
            match schemas.get(&table) {
                None => {
                    schemas.insert(table.clone(), schema);
                }
                Some(first) => {
                    assert_eq!(*first, schema, "{table} has one schema");
                    strip(&mut value, &["schema"]);
                }
            }
        }
        let headers: Map<String, Value> = message
            .headers
            .iter()
            .filter(|(name, _)| name.ends_with("key"))
            .map(|(name, value)| (name.clone(), parse(value)))
            .collect();
        let record = json!({"key": key, "value": value, "headers": headers});
        records.entry(table).or_default().push(record);
    }
    records
}

fn file(mode: &Mode, kind: Kind) -> PathBuf {
    let name = format!("{}-{}.jsonl", connector_of(kind), mode.name);
    path("tests/e2e/debezium").join(name)
}

/// What Debezium wrote when the file was made.
fn fixture(mode: &Mode, kind: Kind) -> Records {
    let text = std::fs::read_to_string(file(mode, kind)).unwrap();
    let mut records = Records::new();
    for line in text.lines() {
        let mut record: Value = serde_json::from_str(line).unwrap();
        let table = record["table"].as_str().unwrap().to_owned();
        strip(&mut record, &["table"]);
        records.entry(table).or_default().push(record);
    }
    records
}

/// What is known to differ, taken out of what Debezium wrote. `plugins/debezium-json/README.md` lists it.
fn corrected(mode: &Mode, kind: Kind, mut records: Records) -> Records {
    // A tombstone that has no key tells nobody anything.
    records.get_mut("keyless").unwrap().retain(|record| !record["value"].is_null());
    if mode.refuses_times {
        // Its id in each form of a BIGINT UNSIGNED.
        let is_third = |record: &Value| [json!(3), json!("Aw==")].contains(&record["key"]["payload"]["id"]);
        records.get_mut("moments").unwrap().retain(|record| !is_third(record));
    }
    for schema in records
        .get_mut("places")
        .unwrap()
        .iter_mut()
        .filter_map(|record| record.pointer_mut("/value/schema"))
    {
        // LINESTRING NOT NULL, which Debezium's parser does not see.
        for image in ["/fields/0/fields/4", "/fields/1/fields/4"] {
            assert_eq!(schema.pointer(&format!("{image}/field")), Some(&json!("line")));
            *schema.pointer_mut(&format!("{image}/optional")).unwrap() = json!(false);
        }
    }
    if kind == Kind::Mariadb {
        // JSON is another name of LONGTEXT, which only the text of the CREATE TABLE has.
        let records = records.get_mut("words").unwrap();
        for schema in records.iter_mut().filter_map(|record| record.pointer_mut("/value/schema")) {
            for image in ["/fields/0/fields/6", "/fields/1/fields/6"] {
                assert_eq!(schema.pointer(&format!("{image}/name")), Some(&json!("io.debezium.data.Json")));
                strip(schema.pointer_mut(image).unwrap(), &["name", "version"]);
            }
        }
    }
    for record in records.values_mut().flatten() {
        for image in ["before", "after"] {
            let Some(Value::Object(row)) = record.pointer_mut(&format!("/value/payload/{image}")) else {
                continue;
            };
            for (name, value) in row {
                *value = match (name.as_str(), value.take()) {
                    ("label", Value::String(label)) => json!(label.replace("\\,", ",")),
                    // The server leaves out zero bytes at the end of a UUID as it keeps it.
                    ("id", value) if value == json!(SHIFTED_UUID) => json!(UUID),
                    ("born", Value::Number(year)) if year.as_u64() == Some(1900) => json!(0),
                    ("stamp", value) if value == json!("1970-01-01T00:00:00Z") => Value::Null,
                    (_, value) => value,
                };
            }
        }
    }
    for record in records.get_mut("own").unwrap() {
        if let Some(id) = record.pointer_mut("/key/payload/id").filter(|id| **id == json!(SHIFTED_UUID)) {
            *id = json!(UUID);
        }
    }
    if mode.name == "connect" {
        for id in records.get_mut("moments").unwrap().iter_mut().flat_map(header_ids) {
            // Headers have the number itself of what is base64 in the key.
            *id = json!(if *id == json!(1) { "AQ==" } else { "BQ==" });
        }
    }
    records
}

/// `id` in each header of a record.
fn header_ids(record: &mut Value) -> Vec<&mut Value> {
    let headers = record["headers"].as_object_mut().unwrap();
    headers.values_mut().filter_map(|key| key.get_mut("id")).collect()
}

/// What is the same in two forms.
fn alike(name: &str, expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        // Of a FLOAT the two write different digits of one value.
        (Value::Number(left), Value::Number(right)) if left.is_f64() || right.is_f64() => {
            same_number(expected, actual, name.ends_with(".f") || name.contains(".embedding."))
        }
        // A document is a text; the two print numbers in different forms.
        (Value::String(left), Value::String(right)) if name.ends_with(".doc") => {
            let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            let numbers = |text: &str| text.contains('.') || text.contains('e');
            numbers(right) && same_document(&parse(left), &parse(right))
        }
        _ => false,
    }
}

/// A Debezium that ends with the handle.
struct Debezium {
    folder: tempfile::TempDir,
}

impl Debezium {
    fn start(mode: &Mode, database: &Database, kafka: &Kafka) -> Self {
        let folder = tempfile::Builder::new().tempdir_in(environment("ROWMILL_TEST_RUN")).unwrap();
        let server = format!("{}:{}", database.server.host, database.server.port);
        let started = Command::new(Self::script())
            .arg("start")
            .arg(folder.path())
            // Its own account may not read what Debezium asks for.
            .args([kafka.brokers.as_str(), connector_of(database.server.kind), &server, "root", ""])
            .args(["topic.prefix=dbz", "schemas.enable=true"])
            .arg(format!("database.include.list={}", database.name))
            .args(mode.debezium)
            .output()
            .unwrap();
        let debezium = Self { folder };
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        debezium
    }

    fn script() -> PathBuf {
        path("servers/debezium")
    }

    /// Reads what it has written, and writes it to the mode's file, without what depends on the run.
    fn capture(&self, mode: &Mode, database: &Database, kafka: &Kafka) -> Records {
        let topics = TABLES.map(|table| format!("dbz.{}.{table}", database.name));
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        kafka.read(&topics[topics.len() - 1..], 1);
        let mut seen = 0;
        // Topics are written side by side: the last table's may be first.
        let messages = until("the end of what Debezium writes", || {
            std::thread::sleep(std::time::Duration::from_secs(2));
            let messages = kafka.read_to_ends(&topics);
            let settled = messages.len() == seen;
            seen = messages.len();
            settled.then_some(messages)
        });
        let records = records(&messages, database);
        let mut text = String::new();
        for (table, records) in &records {
            for record in records {
                let mut record = record.clone();
                if let Some(source) = record.pointer_mut("/value/payload/source") {
                    strip(source, &OF_THE_RUN);
                }
                let line = json!({"table": table, "key": record["key"], "value": record["value"], "headers": record["headers"]});
                text += &format!("{line}\n");
            }
        }
        std::fs::write(file(mode, database.server.kind), text).unwrap();
        records
    }
}

impl Drop for Debezium {
    fn drop(&mut self) {
        let _ = Command::new(Self::script()).arg("stop").arg(self.folder.path()).status();
    }
}
