//! The examples in other languages than Rust: each is built by its own script, and takes rows of a real MySQL to a real Kafka.

use std::path::{Path, PathBuf};
use std::process::Command;

use pipeline_tests::{Connector, Database, Kafka, Message, Server, binary, command};
use serde_json::{Value, json};

/// The component of an example, compiled: what a connector then loads from the cache.
fn example(language: &str, more: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(language);
    let built = binary().parent().and_then(Path::parent).unwrap().join("guests-test/examples");
    let file = built.canonicalize().unwrap_or(built).join(format!("{language}.wasm"));
    let made = Command::new(folder.join("build")).arg(&file).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // A program without optimizations compiles the larger ones for a minute; nobody waits for it with a deadline.
    let tried = tried(&file, more);
    assert_eq!(tried.0, Some(0), "{}", tried.1);
    file
}

/// `rowmill plugin test`: its exit status, and all that it printed.
fn tried(file: &Path, more: &[&str]) -> (Option<i32>, String) {
    let done = command(&[&["plugin", "test", file.to_str().unwrap(), "--memory", "256MiB"], more].concat())
        .output()
        .unwrap();
    let text = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (done.status.code(), text.concat())
}

/// A table of one partition, and a connector with these plugins.
fn prepare(table: &str, plugins: &str) -> (Database, Connector) {
    let mut database = Server::shared().database("languages");
    database.exec(table);
    let mut connector = Connector::new(&mut database, &Kafka::shared(), "t");
    connector.plugin = plugins.to_owned();
    connector.sink += "\npartitions_with_key = 1";
    connector.sections = "[limits]\nmemory = \"512MiB\"".to_owned();
    (database, connector)
}

/// The records that so many changes become.
fn records(connector: &Connector, count: usize) -> Vec<Message> {
    let (kafka, topic) = (Kafka::shared(), connector.topic("t"));
    let running = connector.start();
    kafka.read_bytes(&topic, count);
    running.terminate().assert_code(0);
    let messages = kafka.read_to_end(&topic);
    assert_eq!(messages.len(), count);
    messages
}

/// Rows as MySQL makes JSON of them.
fn rows(database: &mut Database, members: &str, rest: &str) -> Vec<Value> {
    let rows = database.query(&format!("SELECT JSON_OBJECT({members}) FROM t {rest}"));
    let parse = |row: &Vec<Option<String>>| serde_json::from_str(row[0].as_deref().unwrap()).unwrap();
    rows.iter().map(parse).collect()
}

#[test]
fn the_encoder_in_c_keeps_a_compacted_topic_as_the_table_is() {
    let file = example("c", &["--config", r#"{"others":"leave-out"}"#]);
    let (mut database, mut connector) = prepare(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40), small SMALLINT UNSIGNED, big BIGINT UNSIGNED, low BIGINT, medium MEDIUMINT, \
         born YEAR, paid BIT(1), doc JSON)",
        &format!("path = {file:?}"),
    );
    database.exec("INSERT INTO t VALUES (1, 'Größe \"😀\"\\n\\t\\0\\\\', 65535, 18446744073709551615, -9223372036854775808, -8388608, 1999, 1, '{\"a\": [1, null, \"x\"]}')");
    database.exec("INSERT INTO t VALUES (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (-3, '', 0, 0, 0, 0, 0, 0, '[]')");
    database.exec("UPDATE t SET name = 'x' WHERE id = 2");
    database.exec("UPDATE t SET id = 4 WHERE id = 2");
    database.exec("DELETE FROM t WHERE id = -3");
    // Of the columns that did not change there is nothing in the row image.
    database.exec("SET SESSION binlog_row_image = MINIMAL");
    database.exec("UPDATE t SET small = 7 WHERE id = 4");
    let messages = records(&connector, 8);
    let keys: Vec<&str> = messages.iter().map(|message| message.key.as_deref().unwrap()).collect();
    let key = |id: &str| format!(r#"{{"id":{id}}}"#);
    assert_eq!(keys, ["1", "2", "-3", "2", "2", "4", "-3", "4"].map(key));
    assert_eq!(
        (messages[4].value.as_str(), messages[6].value.as_str()),
        ("", ""),
        "the former key, and what is gone"
    );
    assert_eq!(messages[7].value, r#"{"small":7}"#);
    let members = "'id', id, 'name', name, 'small', small, 'big', big, 'low', low, 'medium', medium, 'born', born, \
                   'paid', IF(paid IS NULL, NULL, CAST(IF(paid, 'true', 'false') AS JSON)), 'doc', doc";
    assert_eq!(vec![messages[0].json()], rows(&mut database, members, "WHERE id = 1"));
    database.exec("UPDATE t SET small = NULL WHERE id = 4");
    assert_eq!(vec![messages[5].json()], rows(&mut database, members, "WHERE id = 4"));

    // What it does not know it refuses by name, and leaves out where it is told to.
    database.exec("ALTER TABLE t ADD price DECIMAL(5,2)");
    database.exec("SET SESSION binlog_row_image = FULL");
    database.exec("INSERT INTO t (id, price) VALUES (5, 1.5)");
    let ended = connector.start().wait();
    assert!(
        ended.reason().contains("writing this column, whose type it does not know: price"),
        "{}",
        ended.reason()
    );
    connector.plugin += "\nconfig = { others = \"leave-out\" }";
    let messages = records(&connector, 10);
    assert_eq!(messages[9].json()["id"], json!(5));
    assert_eq!(messages[9].json().get("price"), None);
}

#[test]
fn the_encoder_in_python_tells_every_type_as_mysql_prints_it() {
    let file = example("python", &[]);
    let (mut database, connector) = prepare(
        "CREATE TABLE t (id INT, part CHAR(3) CHARACTER SET latin1, tiny TINYINT, big BIGINT UNSIGNED, price DECIMAL(12,2), wide DECIMAL(50,10), \
         single FLOAT, ratio DOUBLE, day DATE, local DATETIME(3), instant TIMESTAMP(6) NULL, span TIME(1), born YEAR, flag BIT(1), bits BIT(12), \
         size ENUM('S','M','Größe'), tags SET('a','b','c'), doc JSON, raw VARBINARY(20), body TEXT, PRIMARY KEY (part, id))",
        &format!("path = {file:?}\nmemory = \"256MiB\""),
    );
    database.exec("SET time_zone = '+00:00', sql_mode = ''");
    database.exec(
        "INSERT INTO t VALUES (1, 'ä', -128, 18446744073709551615, -9999999999.99, 1234567890123456789012345678901234567890.0123456789, -1.5, 0.1, \
         '2024-02-29', '9999-12-31 23:59:59.999', '2024-02-29 23:59:59.000001', '-838:59:58.9', 2155, 1, 2748, 'Größe', 'a,c', \
         '{\"a\": [1, null, \"x\"]}', 0x00FF1080, 'two\\nlines 😀'), \
         (2, 'b', NULL, NULL, 0, -0.5, NULL, NULL, '0000-00-00', '2024-00-00', NULL, '00:00:00.1', 0, 0, 0, 'S', '', 'null', '', '')",
    );
    database.exec("INSERT INTO t (id, part) VALUES (3, 'c')");
    let members = "'id', id, 'part', part, 'tiny', tiny, 'big', big, 'price', CAST(price AS CHAR), 'wide', CAST(wide AS CHAR), 'single', single, \
                   'ratio', ratio, 'day', CAST(day AS CHAR), 'local', CAST(local AS CHAR), 'instant', CONCAT(instant, 'Z'), 'span', CAST(span AS CHAR), \
                   'born', born, 'flag', IF(flag IS NULL, NULL, CAST(IF(flag, 'true', 'false') AS JSON)), 'bits', bits + 0, 'size', size, \
                   'tags', IF(tags IS NULL, NULL, IF(tags = '', JSON_ARRAY(), CAST(CONCAT('[\"', REPLACE(tags, ',', '\",\"'), '\"]') AS JSON))), \
                   'doc', doc, 'raw', TO_BASE64(raw), 'body', body";
    let stored = rows(&mut database, members, "ORDER BY id");
    database.exec("SET SESSION binlog_row_image = MINIMAL");
    database.exec("UPDATE t SET price = 2.5, body = NULL WHERE id = 1");
    database.exec("SET SESSION binlog_row_image = FULL");
    database.exec("DELETE FROM t WHERE id = 3");
    let messages = records(&connector, 5);
    let told: Vec<Value> = messages.iter().map(Message::json).collect();
    for (told, stored) in told.iter().zip(&stored) {
        assert_eq!(&told["after"], stored);
        assert_eq!((&told["op"], told.get("before")), (&json!("insert"), None));
    }
    assert_eq!(stored.len(), 3);
    let table = format!("{}.t", database.name);
    let ts = messages[3].timestamp;
    assert_eq!(
        told[3],
        json!({"table": table, "op": "update", "ts": ts, "before": {"id": 1, "part": "ä"}, "after": {"price": "2.50", "body": null}})
    );
    assert_eq!(
        (&told[4]["op"], &told[4]["before"], told[4].get("after")),
        (&json!("delete"), &stored[2], None)
    );
    let keys: Vec<&str> = messages.iter().map(|message| message.key.as_deref().unwrap()).collect();
    let key = |(part, id): (&str, &str)| format!(r#"{{"part":"{part}","id":{id}}}"#);
    assert_eq!(keys, [("ä", "1"), ("b", "2"), ("c", "3"), ("ä", "1"), ("c", "3")].map(key));
}

#[test]
fn the_transform_in_javascript_hides_texts_before_any_encoder_sees_them() {
    let file = example("javascript", &["--config", r#"{"columns":["name"]}"#]);
    let (mut database, connector) = prepare(
        "CREATE TABLE t (id INT PRIMARY KEY, email VARCHAR(60), phone VARCHAR(40) CHARACTER SET latin1, price DECIMAL(8,2), note TEXT)",
        &format!(
            "path = {file:?}\nmemory = \"256MiB\"\nconfig = {{ columns = [\"email\", \"phone\"], keep = 4 }}\n\n[[plugin]]\nbuiltin = \"debezium-json\""
        ),
    );
    database.exec("INSERT INTO t VALUES (1, 'ann@example.com', '+49 30 1234567', 1.5, 'as it is'), (2, NULL, '', 2, NULL), (3, 'a@b', 'äöüßéè', 3, '')");
    database.exec("UPDATE t SET email = '😀 larger@example.com' WHERE id = 1");
    database.exec("DELETE FROM t WHERE id = 3");
    let messages = records(&connector, 6);
    // Each byte of a hidden character is an asterisk.
    let hidden = |column: &str| {
        let text = format!("CONVERT({column} USING utf8mb4)");
        format!("CONCAT(REPEAT('*', LENGTH({text}) - LENGTH(RIGHT({text}, 4))), RIGHT({text}, 4))")
    };
    let members = format!("'id', id, 'email', {}, 'phone', {}, 'note', note", hidden("email"), hidden("phone"));
    let stored = rows(&mut database, &members, "ORDER BY id");
    let payload = |at: usize| {
        let mut message = messages[at].json();
        let payload = message.get("payload").cloned().unwrap_or(message.take());
        let image = |name: &str| {
            let mut image = payload[name].clone();
            image.as_object_mut().map(|image| image.remove("price"));
            image
        };
        (image("before"), image("after"))
    };
    assert_eq!(payload(3).1, stored[0], "the update");
    assert_eq!(payload(3).0, payload(0).1);
    assert_eq!(payload(0).1["email"], "***********.com");
    assert_eq!(payload(1).1, stored[1]);
    assert_eq!(payload(4).0, json!({"id": 3, "email": "a@b", "phone": "****üßéè", "note": ""}));
    let (code, text) = tried(&file, &["--config", r#"{"columns":["id"]}"#]);
    assert!(
        code == Some(1) && text.contains("hiding column id, which is no text (code no-text)"),
        "{text}"
    );
    let (code, text) = tried(&file, &["--config", r#"{"column":["id"]}"#]);
    assert!(
        code == Some(1) && text.contains("the options are columns and keep (code bad-config)"),
        "{text}"
    );
}

#[test]
fn the_encoder_in_go_tells_which_columns_were_changed_and_no_values() {
    let file = example("go", &["--config", r#"{"ignore":["name"]}"#]);
    let (mut database, connector) = prepare(
        "CREATE TABLE t (day DATE, size ENUM('S','Größe'), raw BINARY(4), id BIGINT UNSIGNED, made DATETIME(3), part VARCHAR(20) CHARACTER SET latin1, \
         name VARCHAR(40), price DECIMAL(8,2) NOT NULL, doc JSON, note TEXT, seen TIMESTAMP NULL, PRIMARY KEY (id, size, day, raw, made, part))",
        &format!("path = {file:?}\nconfig = {{ ignore = [\"seen\"] }}"),
    );
    database.exec("SET sql_mode = ''");
    database.exec(
        "INSERT INTO t VALUES ('2024-00-00', 'Größe', 0x00FF1080, 1, '2024-02-29 12:00:00.5', 'ä \"1\"\\n', 'Ann', 1.5, '{\"a\": 1}', 'x', NULL), \
         ('0001-02-03', 'S', '', 18446744073709551615, '9999-12-31 23:59:59.999', '', NULL, 2, NULL, NULL, NULL)",
    );
    let members = "'id', id, 'size', size, 'day', CAST(day AS CHAR), 'raw', TO_BASE64(raw), 'made', CAST(made AS CHAR), 'part', part";
    let former = rows(&mut database, members, "ORDER BY id");
    database.exec("UPDATE t SET price = 2.5, note = 'y', seen = NULL WHERE id > 1");
    // Of what is ignored nothing is told, where nothing else was changed.
    database.exec("UPDATE t SET seen = '2024-01-01 00:00:00' WHERE id > 1");
    database.exec("UPDATE t SET day = '0000-00-00', size = 'Größe' WHERE id > 1");
    let now = rows(&mut database, members, "ORDER BY id");
    // Of the columns that did not change there is nothing in the row image, and of a row that is gone only the key.
    database.exec("SET SESSION binlog_row_image = MINIMAL");
    database.exec("UPDATE t SET doc = '[]', name = NULL WHERE id = 1");
    database.exec("DELETE FROM t WHERE id = 1");
    let messages = records(&connector, 6);
    let mut told: Vec<Value> = messages.iter().map(Message::json).collect();
    let table = format!("{}.t", database.name);
    let mut transactions = Vec::new();
    for (told, message) in told.iter_mut().zip(&messages) {
        let key: Value = serde_json::from_str(message.key.as_deref().unwrap()).unwrap();
        assert_eq!(
            (&told["table"], &told["ts"], &told["key"]),
            (&json!(table), &json!(message.timestamp), &key)
        );
        let rest = told.as_object_mut().unwrap();
        rest.retain(|name, _| name != "table" && name != "ts");
        transactions.push(rest.remove("transaction").unwrap());
    }
    assert_eq!(
        told,
        [
            json!({"op": "insert", "key": former[0]}),
            json!({"op": "insert", "key": former[1]}),
            json!({"op": "update", "key": former[1], "changed": ["price", "note"]}),
            json!({"op": "update", "key": now[1], "former_key": former[1], "changed": ["day", "size"]}),
            json!({"op": "update", "key": former[0], "changed": ["name", "doc"]}),
            json!({"op": "delete", "key": former[0]}),
        ]
    );
    assert!(transactions[0].as_str().is_some_and(|name| name.contains(':')), "{transactions:?}");
    assert_eq!(transactions[0], transactions[1]);
    transactions.dedup();
    assert_eq!(transactions.len(), 5);

    // Rows must not share a key by accident.
    database.exec("ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, price)");
    database.exec("INSERT INTO t (id, price) VALUES (5, 1.5)");
    let ended = connector.start().wait();
    assert!(
        ended
            .reason()
            .contains("writing column price of the key, whose type it does not write: decimal(8,2)"),
        "{}",
        ended.reason()
    );
    let (code, text) = tried(&file, &["--config", r#"{"ignored":["name"]}"#]);
    assert!(
        code == Some(1) && text.contains("json: unknown field \"ignored\" (code bad-config)"),
        "{text}"
    );
}
