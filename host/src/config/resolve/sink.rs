//! Where records go: kind, topics, properties.

use toml::{Table, Value};

use crate::config::reader::Reader;
use crate::config::settings::{Compression, Secret, Sink, SinkKind, TableFilter, Topics, Transactions};

/// Longest topic name that Kafka allows.
const MAX_TOPIC_CHARACTERS: usize = 249;

/// Topics that hold what rowmill itself keeps.
pub const OWN_TOPICS: [&str; 2] = ["rowmill_positions", "rowmill_connectors"];

/// librdkafka properties that delivery depends on, and what to write instead.
const REFUSED: [(&str, &str); 24] = [
    ("bootstrap.servers", "write sink.brokers"),
    ("metadata.broker.list", "write sink.brokers"),
    (
        "enable.idempotence",
        "it is always on: retries would repeat and reorder records without it",
    ),
    (
        "acks",
        "it is always all: a record counts as delivered when it is on every replica in sync",
    ),
    (
        "request.required.acks",
        "it is always all: a record counts as delivered when it is on every replica in sync",
    ),
    ("max.in.flight", "idempotence fixes it"),
    ("max.in.flight.requests.per.connection", "idempotence fixes it"),
    ("retries", "a record is retried until message.timeout.ms"),
    ("message.send.max.retries", "a record is retried until message.timeout.ms"),
    ("enable.gapless.guarantee", "it would stop the producer where a retry is right"),
    ("transactional.id", "it belongs to the connector's name"),
    ("delivery.report.only.error", "positions are stored by delivery reports"),
    ("partitioner", "the encoder chooses partitions, by default as Java clients do"),
    ("compression.codec", "write sink.compression"),
    ("compression.type", "write sink.compression"),
    ("queue.buffering.max.messages", "write limits.memory"),
    ("queue.buffering.max.kbytes", "write limits.memory"),
    ("queuing.strategy", "records keep their order"),
    ("group.id", "it is connect-<name>"),
    ("enable.auto.commit", "positions are stored by rowmill"),
    ("enable.auto.offset.store", "positions are stored by rowmill"),
    ("isolation.level", "positions are read committed"),
    ("plugin.library.paths", "native code is not loaded into this program"),
    ("log.queue", "the log goes through rowmill's own"),
];

/// The checked sink; `tables` are those that were named.
pub(super) fn resolve(reader: &mut Reader<'_>, name: &str, tables: &TableFilter) -> Sink {
    let kind = match reader.choice("sink.kind") {
        Some("stdout") => SinkKind::Stdout,
        Some("file") => SinkKind::File(file(reader)),
        _ => SinkKind::Kafka,
    };
    let brokers = reader.text("sink.brokers");
    if kind == SinkKind::Kafka {
        check_brokers(reader, &brokers);
    }
    let topics = topics(reader);
    check_tables(reader, &topics, tables);
    let dead_letter_topic = dead_letter_topic(reader, &topics, name, tables);
    let transactions = match reader.choice("sink.transactions") {
        Some("off") => Transactions::Off,
        Some("on") => Transactions::On,
        _ => Transactions::Auto,
    };
    if transactions == Transactions::On && kind != SinkKind::Kafka {
        reader.refuse(
            "sink.transactions",
            "\"on\" asks for Kafka's transactions, and sink.kind is not \"kafka\": lines are written at least once",
            "leave the key out",
        );
    }
    let compression = match reader.choice("sink.compression") {
        Some("none") => Compression::None,
        Some("gzip") => Compression::Gzip,
        Some("snappy") => Compression::Snappy,
        Some("zstd") => Compression::Zstd,
        _ => Compression::Lz4,
    };
    Sink {
        kind,
        brokers,
        topics,
        transactions,
        commit_interval: reader.duration("sink.commit_interval_ms"),
        transaction_max_bytes: reader.bytes("sink.transaction_max_bytes"),
        transaction_max_time: reader.duration("sink.transaction_max_ms"),
        compression,
        dead_letter_topic,
        on_error: super::on_error(reader, "sink.on_error"),
        properties: properties(reader),
    }
}

fn file(reader: &mut Reader<'_>) -> std::path::PathBuf {
    if !reader.written.holds("sink.path") {
        reader.refuse(
            "sink.path",
            "is missing: kind = \"file\" appends to a file",
            "write path = \"orders.jsonl\"",
        );
    }
    reader.path("sink.path").unwrap_or_default()
}

fn check_brokers(reader: &mut Reader<'_>, brokers: &str) {
    let sound = brokers.split(',').map(str::trim).all(|broker| {
        let host = match broker.rsplit_once(':') {
            // An IPv6 address without a port has colons of its own and stands in brackets.
            Some((host, port)) if !port.ends_with(']') => port.parse::<u16>().is_ok_and(|port| port > 0).then_some(host),
            _ => Some(broker),
        };
        host.is_some_and(|host| !host.is_empty() && !host.contains([' ', '/', '@']))
    });
    if !sound {
        reader.refuse_kind("sink.brokers", "host:port, several separated by commas");
    }
}

fn topics(reader: &mut Reader<'_>) -> Topics {
    let (prefix, pattern) = (reader.text("sink.topic_prefix"), reader.text("sink.topic"));
    let shown = reader.shown("sink.topic");
    let prefix_shown = reader.shown("sink.topic_prefix");
    let fixed = pattern.replace("{prefix}", "").replace("{database}", "").replace("{table}", "");
    if !pattern.contains("{table}") {
        reader.refuse(
            "sink.topic",
            format!("expected {{table}} in it, found {shown}"),
            "each table has a topic of its own: write topic = \"{prefix}_{table}\"",
        );
    } else if fixed.contains(['{', '}']) {
        reader.refuse(
            "sink.topic",
            format!("expected no other placeholders than {{prefix}}, {{database}} and {{table}}, found {shown}"),
            "",
        );
    } else if !fixed.chars().all(is_topic_character) {
        reader.refuse(
            "sink.topic",
            format!("expected letters, digits, '.', '_' and '-' around the placeholders, found {shown}"),
            "Kafka allows no others in a topic's name",
        );
    }
    if pattern.contains("{prefix}") && (prefix.is_empty() || !prefix.chars().all(is_topic_character)) {
        reader.refuse(
            "sink.topic_prefix",
            format!("expected letters, digits, '.', '_' and '-', found {prefix_shown}"),
            "Kafka allows no others in a topic's name",
        );
    }
    let mut number = |path: &str| i32::try_from(reader.integer(path)).unwrap_or(1);
    let (partitions_with_key, partitions_without_key) = (number("sink.partitions_with_key"), number("sink.partitions_without_key"));
    let replication = number("sink.replication");
    if replication == 0 {
        reader.refuse_kind("sink.replication", "-1 for the broker's default, or a number from 1 to 32767");
    }
    Topics {
        prefix,
        pattern,
        partitions_with_key,
        partitions_without_key,
        replication,
    }
}

fn is_topic_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Tables whose topic Kafka would refuse, and tables that share one.
fn check_tables(reader: &mut Reader<'_>, topics: &Topics, tables: &TableFilter) {
    if reader.findings.iter().any(|finding| finding.setting.starts_with("sink.topic")) {
        return;
    }
    let mut taken: Vec<(String, String)> = Vec::new();
    for (database, table) in &tables.named {
        let (topic, table) = (topics.name(database, table), format!("{database}.{table}"));
        if !topic.chars().all(is_topic_character) {
            reader.refuse(
                "source.tables",
                format!("the topic of {table} would be {topic:?}, and Kafka allows only letters, digits, '.', '_' and '-'"),
                "leave the table out",
            );
        } else if topic.len() > MAX_TOPIC_CHARACTERS {
            reader.refuse(
                "source.tables",
                format!("the topic of {table} would be longer than the {MAX_TOPIC_CHARACTERS} characters that Kafka allows"),
                "shorten sink.topic_prefix",
            );
        }
        if OWN_TOPICS.iter().any(|own| alike(own, &topic)) {
            reader.refuse(
                "source.tables",
                format!("the topic of {table} would be {topic:?}, in which rowmill keeps its own records"),
                "choose another sink.topic_prefix",
            );
        }
        match taken.iter().find(|(name, _)| alike(name, &topic)) {
            Some((name, other)) if *name == topic => reader.refuse(
                "sink.topic",
                format!("{other} and {table} would share the topic {topic}"),
                "write topic = \"{prefix}_{database}_{table}\"",
            ),
            Some((name, other)) => reader.refuse(
                "source.tables",
                format!("the topics of {other} and {table}, {name} and {topic}, differ only in '.' and '_', and Kafka takes them for one"),
                "leave one of them out",
            ),
            None => {}
        }
        taken.push((topic, table));
    }
}

/// Whether Kafka takes two names for one: its metrics don't tell `.` from `_`, and brokers refuse to make the second one.
pub fn alike(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.replace('.', "_") == b.replace('.', "_")
}

fn dead_letter_topic(reader: &mut Reader<'_>, topics: &Topics, name: &str, tables: &TableFilter) -> String {
    let topic = reader
        .text("sink.dead_letter_topic")
        .replace("{prefix}", &topics.prefix)
        .replace("{name}", name);
    let is_prefix_sound = !reader
        .findings
        .iter()
        .any(|finding| finding.setting == "sink.topic_prefix" || finding.setting == "name");
    let is_sound =
        !topic.is_empty() && topic.len() <= MAX_TOPIC_CHARACTERS && topic.chars().all(is_topic_character) && topic != "." && topic != "..";
    if is_prefix_sound && !is_sound {
        reader.refuse_kind(
            "sink.dead_letter_topic",
            "the name of a topic, in which {prefix} and {name} may stand",
        );
    }
    if OWN_TOPICS.iter().any(|own| alike(own, &topic)) {
        reader.refuse(
            "sink.dead_letter_topic",
            format!("rowmill keeps its own records in {topic}"),
            "choose another name",
        );
    }
    if let Some((database, table)) = tables.named.iter().find(|(database, table)| topics.name(database, table) == topic) {
        reader.refuse(
            "sink.dead_letter_topic",
            format!("{topic} is the topic of {database}.{table}"),
            "choose another name",
        );
    }
    topic
}

/// Properties as text; a nested table is a name in pieces (`security.protocol` without quotes).
fn properties(reader: &mut Reader<'_>) -> Vec<(String, Secret)> {
    let mut properties = Vec::new();
    let mut problems = Vec::new();
    match reader.written.leaf("sink.properties").map(|leaf| &leaf.value) {
        None => {}
        Some(Value::Table(table)) => flatten("", table, &mut properties, &mut problems),
        Some(_) => problems.push((
            "sink.properties".to_owned(),
            "expected a table, such as { \"security.protocol\" = \"SASL_SSL\" }",
        )),
    }
    for (setting, problem) in problems {
        reader.refuse(&setting, problem, "");
    }
    for (name, _) in &properties {
        if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| refused == name) {
            reader.refuse(&format!("sink.properties.{name}"), "may not be set", *instead);
        }
    }
    properties.into_iter().map(|(name, value)| (name, Secret::new(value))).collect()
}

fn flatten(prefix: &str, table: &Table, properties: &mut Vec<(String, String)>, problems: &mut Vec<(String, &'static str)>) {
    for (name, value) in table {
        let name = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Boolean(flag) => flag.to_string(),
            Value::Table(more) => {
                flatten(&name, more, properties, problems);
                continue;
            }
            Value::Array(_) | Value::Datetime(_) => {
                problems.push((format!("sink.properties.{name}"), "expected a text, a number, true or false"));
                continue;
            }
        };
        properties.push((name, text));
    }
}
