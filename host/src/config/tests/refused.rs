//! What is refused, and in which words.

use proptest::prelude::{any, proptest};

use super::{SMALL, read};

/// Findings of the small configuration with `line` put into `section`, as text.
pub(super) fn findings(section: &str, line: &str) -> String {
    let key = line.split([' ', '=']).next().unwrap();
    let mut text: String = SMALL
        .lines()
        .filter(|known| !known.starts_with(&format!("{key} =")))
        .map(|known| format!("{known}\n"))
        .collect();
    match section {
        "" => text.insert_str(0, &format!("{line}\n")),
        "source" => text.push_str(&format!("{line}\n")),
        _ => text.push_str(&format!("{section}\n{line}\n")),
    }
    match read(&text) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_rule_of_the_name_has_its_own_message() {
    for (name, expected) in [
        ("", "found none"),
        (&*"x".repeat(49), "at most 48 characters, found 49"),
        ("-x", "must not start with a hyphen"),
        ("Orders", "write name = \"orders\""),
        ("a_b", "found '_'"),
        ("ä", "found 'ä'"),
    ] {
        let text = findings("", &format!("name = \"{name}\""));
        assert!(text.contains("name: ") && text.contains(expected), "{name}: {text}");
    }
    assert!(read("[source]\n").unwrap_err().to_string().contains("name: is missing"));
    for name in ["a", "0", "a-", &*"x".repeat(48)] {
        assert_eq!(findings("", &format!("name = \"{name}\"")), "");
    }
}

#[test]
fn a_wrong_value_is_named_with_what_was_expected() {
    for (section, line, expected) in [
        (
            "source",
            "port = 70000",
            "source.port: expected a number from 1 to 65535, found 70000",
        ),
        ("source", "port = \"${env:SECRET}\"", "found \"${env:SECRET}\""),
        (
            "source",
            "tls = \"yes\"",
            "source.tls: expected one of disabled, preferred, required, verify-ca, verify-identity, found \"yes\"",
        ),
        ("source", "tls_cert = \"x.pem\"", "there is no file /nowhere/x.pem"),
        ("source", "user = 5", "source.user: expected text in quotes, found 5"),
        ("source", "password = 5", "source.password: expected text in quotes, found ****"),
        ("source", "auto_add = \"(\"", "source.auto_add: expected a regular expression"),
        ("source", "auto_add = \"a)|(b\"", "source.auto_add: expected a regular expression"),
        ("source", "tables = \"\"", "source.tables: no table is chosen"),
        ("source", "tables = \"a,,b\"", "a table name is empty"),
        ("source", "tables = \"orders,orders\"", "shop.orders is written twice"),
        ("source", "tables = \"other.t\"", "add \"other\" to database"),
        ("source", "tables = \"`a b`\"", "the topic of shop.a b would be"),
        ("source", "database = [\"a\", \"b\"]", "write \"a.orders or b.orders\""),
        ("source", "start = \"now\"", "source.start: expected \"latest\""),
        (
            "source",
            "start = { file = \"binlog.000001\", pos = 3 }",
            "expected a pos of 4 or more",
        ),
        ("source", "start = { time = \"2026-01-31\" }", "expected a time with its offset"),
        (
            "source",
            "server_id = -1",
            "source.server_id: expected a number from 0 to 4294967295",
        ),
        ("source", "kind = \"file\"", "source.files: is missing"),
        ("[batch]", "max_bytes = \"1 potato\"", "batch.max_bytes: expected 1KiB to 64MiB"),
        (
            "[batch]",
            "max_rows = 0",
            "batch.max_rows: expected a number from 1 to 65536, found 0",
        ),
        (
            "[limits]",
            "row = \"1GiB\"",
            "limits.row: expected at most limits.memory = 192MiB, found 1GiB",
        ),
        (
            "[limits]",
            "memory = \"32MiB\"",
            "limits.memory: expected at least what the plugins may take together, 64MiB",
        ),
        ("[sink]", "topic = \"all\"", "sink.topic: expected {table} in it"),
        ("[sink]", "topic = \"{table}{x}\"", "no other placeholders"),
        ("[sink]", "topic_prefix = \"a b\"", "sink.topic_prefix: expected letters"),
        ("[sink]", "brokers = \"host:x\"", "sink.brokers: expected host:port"),
        ("[sink]", "kind = \"file\"", "sink.path: is missing"),
        ("[sink]", "replication = 0", "sink.replication: expected -1"),
        (
            "[sink]",
            "kind = \"stdout\"\ntransactions = \"on\"",
            "sink.transactions: \"on\" asks for Kafka's transactions",
        ),
        (
            "[sink]",
            "dead_letter_topic = \"mysql_orders\"",
            "mysql_orders is the topic of shop.orders",
        ),
        ("[sink]", "properties = { \"acks\" = 1 }", "sink.properties.acks: may not be set"),
        (
            "[sink]",
            "properties = { enable.idempotence = false }",
            "sink.properties.enable.idempotence: may not be set",
        ),
        (
            "[[plugin]]",
            "memory = \"64MiB\"",
            "plugin.0: expected one of path and builtin, found neither",
        ),
        (
            "[[plugin]]",
            "builtin = \"parquet\"",
            "plugin.0.builtin: expected one of envelope, debezium-json, flat-json, maxwell-json, canal-json, avro, arrow-ipc, filter, mask, project, route, found \"parquet\"",
        ),
        ("[[plugin]]", "path = \"mask.wasm\"", "there is no file /nowhere/mask.wasm"),
    ] {
        let text = findings(section, line);
        assert!(text.contains(expected), "{line}: {text}");
    }
}

#[test]
fn of_a_limit_that_is_wrong_only_that_is_told() {
    let text = findings("[limits]", "memory = \"1MiB\"");
    assert!(text.contains("limits.memory: expected 32MiB to 64GiB"), "{text}");
    assert!(!text.contains("limits.row") && !text.contains("plugins"), "{text}");
}

#[test]
fn tables_whose_topics_kafka_takes_for_one_or_that_are_rowmills_own_are_refused() {
    let text = findings("source", "tables = \"a_b,`a.b`\"");
    assert!(
        text.contains("shop.a_b and shop.a.b") && text.contains("takes them for one"),
        "{text}"
    );
    let text = findings("source", "tables = \"orders,orders\"");
    assert!(text.contains("written twice") && !text.contains("share the topic"), "{text}");
    let own = "name = \"c\"\n[source]\nuser = \"u\"\ndatabase = \"d\"\ntables = \"positions\"\n[sink]\ntopic_prefix = \"rowmill\"\n";
    let text = read(own).unwrap_err().to_string();
    assert!(text.contains("d.positions") && text.contains("rowmill_positions"), "{text}");
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    for (section, line, expected) in [
        (
            "source",
            "pasword = 1",
            "source.pasword: no such key; did you mean source.password?",
        ),
        ("source", "brokers = 1", "source.brokers: no such key; did you mean sink.brokers?"),
        (
            "[[plugin]]",
            "builtin = \"envelope\"\nmemry = 1",
            "plugin.0.memry: no such key; did you mean plugin.0.memory?",
        ),
        ("[plugin]", "path = \"x\"", "write [[plugin]]"),
        ("[sinc]", "brokers = \"x\"", "sinc: no such key"),
        ("", "source.colour = 1", "source.colour: no such key; `rowmill config example`"),
    ] {
        let text = if section.is_empty() {
            read(&format!("source.colour = 1\n{}", SMALL.replace("[source]", "")))
                .unwrap_err()
                .to_string()
        } else {
            findings(section, line)
        };
        assert!(text.contains(expected), "{line}: {text}");
    }
}

#[test]
fn all_findings_come_at_once_and_the_last_line_sums_up() {
    let text = read("name = \"A\"\nx = 1\n[source]\nport = 0\ntables = \"t\"\n")
        .unwrap_err()
        .to_string();
    for setting in ["name: ", "x: ", "source.port: ", "source.user: ", "source.database: "] {
        assert!(text.contains(setting), "{text}");
    }
    assert_eq!(
        text.lines().last().unwrap(),
        "configuration: 5 findings, in x, name, source.user, source.port, source.database"
    );
}

#[test]
fn secrets_are_in_no_message_and_no_debug_output() {
    let text = format!(
        "{}[sink]\nproperties = {{ \"sasl.password\" = \"hunter2\" }}\n[[plugin]]\nbuiltin = \"envelope\"\nconfig = {{ salt = \"${{env:SECRET}}\" }}\n",
        SMALL.replace("\"p\"", "\"hunter2\"")
    );
    assert!(!format!("{:?}", read(&text).unwrap()).contains("hunter2"));
    for broken in [
        text.replace("[sink]", "[sink]\nbrokers = \"${env:SECRET}:x\""),
        text.replace("password = \"hunter2\"", "password = [\"hunter2\"]"),
        text.replace("password = \"hunter2\"", "password = \"hunter2"),
        text.replace("{ \"sasl.password\" = \"hunter2\" }", "[\"hunter2\"]"),
        text.replace("{ \"sasl.password\" = \"hunter2\" }", "\"hunter2\""),
        text.replace("{ \"sasl.password\" = \"hunter2\" }", "{ \"sasl.password\" = [\"hunter2\"] }"),
        text.replace("{ salt = \"${env:SECRET}\" }", "\"${env:SECRET}\""),
        text.replace("{ salt = \"${env:SECRET}\" }", "\"hunter2\""),
    ] {
        let error = read(&broken).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = read(&text).map_err(|error| error.to_string());
    }

    #[test]
    fn no_text_built_from_keys_panics(lines in proptest::collection::vec(("(name|source|sink|plugin|batch|limits)(\\.[a-z0-9_]{1,9}){0,3}", "[\"'{}\\[\\]=,.$a-z0-9:` -]{0,24}"), 0..8)) {
        let text: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let _ = read(&text).map_err(|error| error.to_string());
    }

    #[test]
    fn no_value_of_a_known_key_panics(index in 0..crate::config::keys::KEYS.len(), value in any::<String>(), number in any::<i64>()) {
        let key = crate::config::keys::KEYS.get(index).map_or("", |key| key.path).replace('*', "0");
        for value in [toml::Value::String(value), toml::Value::Integer(number)] {
            let _ = read(&format!("{SMALL}\n").replace("name = \"c\"", &format!("{key} = {value}"))).map_err(|error| error.to_string());
        }
    }
}
