//! The built-in encoders beside the envelope, each once through the whole program. What they make of single values is tested beside
//! them; `debezium` compares that one with its model.

use std::io::Cursor;

use apache_avro::Reader;
use apache_avro::types::Value as Avro;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, UInt8Type};
use arrow::ipc::reader::StreamReader;
use pipeline_tests::{Connector, Database, Kafka, Message, Server};
use serde_json::{Value, json};

/// A table of one partition with these changes, told by an encoder: its topic, and the connector that has been stopped.
fn encoded(plugin: &str, source: &str, changes: &[&str], records: usize) -> (Kafka, String, Database) {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("encoders");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20), price DECIMAL(10,2), stamp TIMESTAMP NULL, doc JSON)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.plugin = plugin.to_owned();
    connector.source = source.to_owned();
    connector.sink += "\npartitions_with_key = 1";
    for change in changes {
        database.exec(change);
    }
    let topic = connector.topic("t");
    let running = connector.start();
    kafka.read_bytes(&topic, records);
    running.terminate().assert_code(0);
    assert_eq!(kafka.read_bytes(&topic, records).len(), records);
    (kafka, topic, database)
}

const CHANGES: [&str; 4] = [
    "INSERT INTO t VALUES (1, 'Größe', 1.5, '2024-02-29 23:59:59', '{\"a\": [1, null]}'), (2, NULL, NULL, NULL, NULL)",
    "UPDATE t SET name = 'x' WHERE id = 1",
    "UPDATE t SET id = 3 WHERE id = 2",
    "DELETE FROM t WHERE id = 1",
];

/// Keys and values of messages; of a tombstone the value is empty.
fn told(messages: &[Message]) -> Vec<(&str, &str)> {
    messages
        .iter()
        .map(|message| (message.key.as_deref().unwrap_or("-"), message.value.as_str()))
        .collect()
}

#[test]
fn flat_json_tells_rows_and_tombstones() {
    let (kafka, topic, _database) = encoded("builtin = \"flat-json\"", "", &CHANGES, 6);
    let first = r#"{"id":1,"name":"Größe","price":1.50,"stamp":"2024-02-29T23:59:59Z","doc":"{\"a\": [1, null]}"}"#;
    let third = r#"{"id":3,"name":null,"price":null,"stamp":null,"doc":null}"#;
    assert_eq!(
        told(&kafka.read_to_end(&topic)),
        [
            (r#"{"id":1}"#, first),
            (r#"{"id":2}"#, third.replace('3', "2").as_str()),
            (r#"{"id":1}"#, first.replace("Größe", "x").as_str()),
            (r#"{"id":2}"#, ""),
            (r#"{"id":3}"#, third),
            (r#"{"id":1}"#, "")
        ]
    );
}

#[test]
fn flat_json_says_of_a_copied_row_that_it_was_read_and_of_a_change_where_it_was_made() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("encoders");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    database.exec("INSERT INTO t VALUES (1)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.snapshot = "initial".to_owned();
    connector.plugin = "builtin = \"flat-json\"\nconfig = { metadata = true }".to_owned();
    connector.sink += "\npartitions_with_key = 1";
    let topic = connector.topic("t");
    let running = connector.start();
    kafka.read(&[&topic], 1);
    database.exec("INSERT INTO t VALUES (2)");
    let messages = kafka.read(&[&topic], 2);
    running.terminate().assert_code(0);
    let read: Vec<Value> = messages.iter().map(Message::json).collect();
    assert_eq!((&read[0]["id"], &read[0]["__op"]), (&json!(1), &json!("r")));
    assert_eq!(
        (&read[1]["id"], &read[1]["__op"], &read[1]["__table"]),
        (&json!(2), &json!("c"), &json!("t"))
    );
    assert!(
        database
            .gtids()
            .contains(read[1]["__gtid"].as_str().unwrap().split(':').next().unwrap())
    );
    assert_eq!(read[1]["__ts"], json!(messages[1].timestamp));
}

#[test]
fn maxwell_json_tells_what_was_old_and_which_row_ends_a_transaction() {
    let (kafka, topic, _database) = encoded("builtin = \"maxwell-json\"", "", &CHANGES, 5);
    let messages = kafka.read_to_end(&topic);
    let read: Vec<Value> = messages.iter().map(Message::json).collect();
    let kinds: Vec<_> = read.iter().map(|read| read["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["insert", "insert", "update", "update", "delete"]);
    assert_eq!(
        read[0]["data"],
        json!({"id":1,"name":"Größe","price":1.5,"stamp":"2024-02-29 23:59:59","doc":{"a":[1,null]}})
    );
    assert!(messages[0].value.contains(r#""price":1.50,"#));
    assert_eq!((&read[2]["old"], &read[3]["old"]), (&json!({"name":"Größe"}), &json!({"id":2})));
    assert_eq!(read[0]["xid"], read[1]["xid"]);
    assert!(read.iter().all(|read| read["xid"].as_u64().is_some_and(|xid| xid > 0)));
    let commits: Vec<_> = read.iter().map(|read| read.get("commit").is_some()).collect();
    assert_eq!(commits, [false, true, true, true, true]);
    for (read, message) in read.iter().zip(&messages) {
        assert_eq!(read["ts"].as_i64().unwrap(), message.timestamp / 1000);
        let id = &read["data"]["id"];
        let (database, table) = (&read["database"], &read["table"]);
        let key: Value = serde_json::from_str(message.key.as_deref().unwrap()).unwrap();
        assert_eq!(key, json!({"database":database,"table":table,"pk.id":id}));
    }
}

#[test]
fn canal_json_tells_texts_types_and_statements() {
    let changes = [&CHANGES[..], &["ALTER TABLE t ADD more INT"]].concat();
    let (kafka, topic, database) = encoded("builtin = \"canal-json\"", "ddl = \"forward\"", &changes, 6);
    let messages = kafka.read_to_end(&topic);
    let read: Vec<Value> = messages.iter().map(Message::json).collect();
    let kinds: Vec<_> = read.iter().map(|read| read["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["INSERT", "INSERT", "UPDATE", "UPDATE", "DELETE", "ALTER"]);
    assert_eq!(
        read[0]["data"],
        json!([{"id":"1","name":"Größe","price":"1.50","stamp":"2024-02-29 23:59:59","doc":"{\"a\": [1, null]}"}])
    );
    assert_eq!(read[2]["old"], json!([{"name":"Größe"}]));
    assert_eq!(read[0]["sqlType"], json!({"id":4,"name":12,"price":3,"stamp":93,"doc":12}));
    assert_eq!(
        read[0]["mysqlType"],
        json!({"id":"int","name":"varchar(20)","price":"decimal(10,2)","stamp":"timestamp","doc":"json"})
    );
    assert_eq!(
        (&read[5]["isDdl"], &read[5]["sql"]),
        (&json!(true), &json!("ALTER TABLE t ADD more INT"))
    );
    assert!(
        read.iter()
            .all(|read| read["database"] == json!(database.name) && read["table"] == json!("t"))
    );
    let ids: Vec<_> = read.iter().map(|read| read["id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "ids ascend: {ids:?}");
}

#[test]
fn avro_is_read_by_apaches_reader() {
    let (kafka, topic, _database) = encoded("builtin = \"avro\"\nconfig = { framing = \"embedded\" }", "", &CHANGES, 6);
    let messages = kafka.read_bytes(&topic, 6);
    let names: Vec<_> = messages
        .iter()
        .map(|(_, value)| {
            let read = Reader::new(value.as_deref()?).unwrap().next().unwrap().unwrap();
            let Avro::Record(fields) = read else {
                panic!("no record: {read:?}")
            };
            assert_eq!(fields.len(), 5);
            Some(fields[1].1.clone())
        })
        .collect();
    let text = |text: &str| Some(Avro::Union(1, Box::new(Avro::String(text.to_owned()))));
    let null = || Some(Avro::Union(0, Box::new(Avro::Null)));
    assert_eq!(names, [text("Größe"), null(), text("x"), None, null(), None]);
}

#[test]
fn avro_has_the_ids_that_the_configuration_gives() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("encoders");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    let full = format!("{}.t", database.name);
    connector.plugin =
        format!("builtin = \"avro\"\nconfig = {{ schema_ids = {{ \"{full}\" = 12 }}, key_schema_ids = {{ \"{full}\" = 11 }} }}");
    database.exec("INSERT INTO t VALUES (-1)");
    let running = connector.start();
    let messages = kafka.read_bytes(&connector.topic("t"), 1);
    running.terminate().assert_code(0);
    assert_eq!(messages, [(Some(vec![0, 0, 0, 0, 11, 1]), Some(vec![0, 0, 0, 0, 12, 1]))]);
}

/// The batch of a stream.
fn stream(value: &[u8]) -> RecordBatch {
    let mut reader = StreamReader::try_new(Cursor::new(value), None).unwrap();
    let batch = reader.next().unwrap().unwrap();
    assert!(reader.next().is_none(), "one batch a stream");
    batch
}

#[test]
fn arrow_ipc_is_read_by_arrow_in_batches_and_in_rows() {
    for (config, records) in [("", 1), ("\nconfig = { records = \"row\" }", 5)] {
        // One transaction is one batch.
        let changes = [&["BEGIN"], &CHANGES[..], &["COMMIT"]].concat();
        let (kafka, topic, _database) = encoded(&format!("builtin = \"arrow-ipc\"{config}"), "", &changes, records);
        let messages = kafka.read_bytes(&topic, records);
        let batches: Vec<_> = messages.iter().map(|(_, value)| stream(value.as_deref().unwrap())).collect();
        let ops: Vec<u8> = batches
            .iter()
            .flat_map(|batch| batch.column_by_name("op").unwrap().as_primitive::<UInt8Type>().values().to_vec())
            .collect();
        assert_eq!(ops, [1, 1, 2, 2, 3]);
        let after = batches.last().unwrap().column_by_name("after").unwrap().as_struct();
        let ids = after.column_by_name("id").unwrap().as_primitive::<Int32Type>();
        if records == 1 {
            assert_eq!(ids.values()[..4], [1, 2, 1, 3]);
            assert_eq!(messages[0].0, None);
        } else {
            let keys: Vec<_> = messages
                .iter()
                .map(|(key, _)| String::from_utf8(key.clone().unwrap()).unwrap())
                .collect();
            assert_eq!(keys, [1, 2, 1, 3, 1].map(|id| format!("{{\"id\":{id}}}")));
        }
    }
}
