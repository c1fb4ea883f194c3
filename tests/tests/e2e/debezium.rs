//! The encoder `debezium-json` against what Debezium itself made of the same statements.
//!
//! `debezium/*.jsonl` holds what Debezium 3.5.0 wrote. With `ROWMILL_DEBEZIUM=live` a Debezium is started on the server and the broker of
//! the run, what it writes is compared instead, fields that differ from run to run included, and the files are written anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use pipeline_tests::{Connector, Database, Kafka, Message, Server, environment, until};
use serde_json::{Map, Value, json};

/// One statement a line.
const CHANGES: &str = include_str!("debezium/changes.sql");

/// Tables in the order of their topics' reading; the last one tells that all has come.
const TABLES: [&str; 7] = ["numbers", "words", "moments", "places", "keyless", "uniquely", "the_end"];

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

#[test]
fn keys_values_and_headers_are_those_of_debezium() {
    compare(&MODES[0]);
}

#[test]
fn with_kafka_connects_types_they_are_too() {
    compare(&MODES[1]);
}

#[test]
fn with_iso_texts_they_are_too() {
    compare(&MODES[2]);
}

fn is_live() -> bool {
    std::env::var("ROWMILL_DEBEZIUM").is_ok_and(|live| live == "live")
}

fn compare(mode: &Mode) {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("debezium");
    let debezium = is_live().then(|| Debezium::start(mode, &database, &kafka));
    let mut connector = Connector::new(&mut database, &kafka, &TABLES.join(","));
    for statement in CHANGES.lines().filter(|line| !line.starts_with("--")) {
        database.exec(statement);
    }
    let expected = match &debezium {
        Some(debezium) => debezium.capture(mode, &database, &kafka),
        None => fixture(mode),
    };
    let actual = run(mode, &mut connector, (&database, &kafka), &expected);
    for table in TABLES {
        let (expected, actual) = (&expected[table], &actual[table]);
        for (i, (expected, actual)) in expected.iter().zip(actual).enumerate() {
            let differences = differences(expected, actual, "");
            assert!(differences.is_empty(), "{table}, record {i}: {differences:#?}");
        }
        assert_eq!(expected.len(), actual.len(), "{table}");
    }
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
    let topics: Vec<_> = TABLES
        .map(|table| format!("{}.{}.{table}", connector.prefix, database.name))
        .to_vec();
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

fn strip(object: &mut Value, names: &[&str]) {
    for name in names {
        object.as_object_mut().unwrap().remove(*name);
    }
}

fn file(mode: &Mode) -> PathBuf {
    Path::new(&environment("CARGO_MANIFEST_DIR")).join(format!("tests/e2e/debezium/{}.jsonl", mode.name))
}

/// What Debezium wrote when the file was made.
fn fixture(mode: &Mode) -> Records {
    let text = std::fs::read_to_string(file(mode)).unwrap();
    let mut records = Records::new();
    for line in text.lines() {
        let mut record: Value = serde_json::from_str(line).unwrap();
        let table = record["table"].as_str().unwrap().to_owned();
        strip(&mut record, &["table"]);
        records.entry(table).or_default().push(record);
    }
    corrected(mode, records)
}

/// What is known to differ, taken out of what Debezium wrote. `plugins/debezium-json/README.md` lists it.
fn corrected(mode: &Mode, mut records: Records) -> Records {
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
    for record in records.values_mut().flatten() {
        for image in ["before", "after"] {
            let Some(Value::Object(row)) = record.pointer_mut(&format!("/value/payload/{image}")) else {
                continue;
            };
            for (name, value) in row {
                *value = match (name.as_str(), value.take()) {
                    ("label", Value::String(label)) => json!(label.replace("\\,", ",")),
                    ("born", Value::Number(year)) if year.as_u64() == Some(1900) => json!(0),
                    ("stamp", value) if value == json!("1970-01-01T00:00:00Z") => Value::Null,
                    (_, value) => value,
                };
            }
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

/// What is not the same in two JSON values, by where it is.
fn differences(expected: &Value, actual: &Value, at: &str) -> Vec<String> {
    let name = at.rsplit('.').next().unwrap_or_default();
    let same = match (expected, actual) {
        (Value::Object(left), Value::Object(right)) => {
            let names: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
            return names
                .into_iter()
                .flat_map(|name| {
                    let side = |object: &Map<String, Value>| object.get(name).cloned().unwrap_or_else(|| json!("(missing)"));
                    differences(&side(left), &side(right), &format!("{at}.{name}"))
                })
                .collect();
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let both = left.iter().zip(right).enumerate();
            return both
                .flat_map(|(i, (left, right))| differences(left, right, &format!("{at}.{i}")))
                .collect();
        }
        (Value::Number(left), Value::Number(right)) if left.is_f64() || right.is_f64() => {
            let (left, right) = (left.as_f64().unwrap(), right.as_f64().unwrap());
            // Of a FLOAT the two write different digits of one value.
            let single = name == "f" || at.contains(".embedding.");
            #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a FLOAT is one of 32 bits")]
            // Reading two spellings of one number may differ in its last bit.
            let equal = left.to_bits().abs_diff(right.to_bits()) <= 1 || (single && left as f32 == right as f32);
            equal
        }
        // A document is a text; the two print numbers in different forms.
        (Value::String(left), Value::String(right)) if name == "doc" => {
            let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            let numbers = |text: &str| text.contains('.') || text.contains('e');
            left == right || (numbers(right) && loosely(&parse(left), &parse(right)))
        }
        (left, right) => left == right,
    };
    if same {
        Vec::new()
    } else {
        vec![format!("{at}: Debezium has {expected}, rowmill {actual}")]
    }
}

/// Documents of the same values, however a number is written.
fn loosely(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => left.len() == right.len() && left.iter().zip(right).all(|(l, r)| loosely(l, r)),
        (Value::Object(left), Value::Object(right)) => {
            left.keys().eq(right.keys()) && left.iter().all(|(name, value)| loosely(value, &right[name]))
        }
        (left, right) => left == right,
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
            .args([kafka.brokers.as_str(), &server, "root", ""])
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
        Path::new(&environment("CARGO_MANIFEST_DIR")).join("servers/debezium")
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
        std::fs::write(file(mode), text).unwrap();
        corrected(mode, records)
    }
}

impl Drop for Debezium {
    fn drop(&mut self) {
        let _ = Command::new(Self::script()).arg("stop").arg(self.folder.path()).status();
    }
}
