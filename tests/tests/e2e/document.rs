//! The table and the row of the documentation of the message format.

use pipeline_tests::{Connector, Kafka, Server};

/// Partitions of six for keys `{"mysql_id":1}` to `{"mysql_id":24}`, as Java's producer computes them
/// (`Utils.toPositive(Utils.murmur2(key)) % 6` in kafka-clients 4.3.1).
pub(crate) const JAVA_PARTITIONS: [i32; 24] = [4, 1, 0, 0, 5, 3, 2, 3, 0, 4, 3, 0, 0, 5, 1, 3, 5, 4, 0, 0, 3, 5, 5, 2];

const TABLE: &str = "CREATE TABLE mysql_tbl (mysql_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, mysql_title VARCHAR(100) NOT NULL, \
                     mysql_author VARCHAR(40) NOT NULL, submission_date DATE)";

#[test]
fn the_documented_row_gives_the_documented_message_byte_for_byte() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database_named("mysql_to_kafka");
    database.exec(TABLE);
    let mut connector = Connector::new(&mut database, &kafka, "mysql_tbl");
    connector.plugin = "builtin = \"envelope\"\nconfig = { time_zone = \"+08:00\" }".to_owned();
    let clock = "SELECT CAST(FLOOR(UNIX_TIMESTAMP(NOW(6)) * 1000) AS CHAR)";
    let earliest: i64 = database.value(clock).parse().unwrap();
    database.exec("INSERT INTO mysql_tbl (mysql_title, mysql_author, submission_date) VALUES ('mysql2kafka', 'tester', '2021-03-03')");
    let latest: i64 = database.value(clock).parse().unwrap();
    let rowmill = connector.start();
    let message = kafka.read(&[&connector.topic("mysql_tbl")], 1).remove(0);
    rowmill.terminate().assert_code(0);

    let json = message.json();
    let number = |path: &str| {
        json.pointer(path)
            .and_then(serde_json::Value::as_i64)
            .unwrap_or_else(|| panic!("no {path}: {}", message.value))
    };
    let (event, system, checkpoint) = (
        number("/payload/timestamp/eventTime"),
        number("/payload/timestamp/systemTime"),
        number("/payload/timestamp/checkpointTime"),
    );
    let expected = format!(
        concat!(
            r#"{{"schema":{{"dataColumn":[{{"name":"mysql_id","type":"LONG"}},{{"name":"mysql_title","type":"STRING"}},"#,
            r#"{{"name":"mysql_author","type":"STRING"}},{{"name":"submission_date","type":"DATE"}}],"primaryKey":["mysql_id"],"#,
            r#""source":{{"dbType":"MySQL","dbName":"mysql_to_kafka","tableName":"mysql_tbl"}}}},"payload":{{"before":null,"#,
            r#""after":{{"dataColumn":{{"mysql_id":1,"mysql_title":"mysql2kafka","mysql_author":"tester","submission_date":1614700800000}}}},"#,
            r#""sequenceId":"{}","timestamp":{{"eventTime":{},"systemTime":{},"checkpointTime":{}}},"op":"INSERT","ddl":null}},"version":"0.0.1"}}"#
        ),
        message.sequence(),
        event,
        system,
        checkpoint
    );
    assert_eq!(message.value, expected);
    assert_eq!(message.key.as_deref(), Some(r#"{"mysql_id":1}"#));
    assert_eq!(message.partition, JAVA_PARTITIONS[0]);
    assert_eq!(message.timestamp, event, "the record's timestamp is eventTime");
    assert!(message.headers.is_empty(), "no headers by default: {:?}", message.headers);
    assert_eq!(kafka.partitions(&message.topic), Some(6));
    // The commit's time, on the server's clock; the checkpoint's is the header time of the first event, in whole seconds.
    assert!(
        (earliest..=latest).contains(&event),
        "{event} is not between {earliest} and {latest}"
    );
    assert!(
        (earliest / 1000 * 1000..=latest).contains(&checkpoint) && checkpoint % 1000 == 0,
        "checkpointTime {checkpoint}"
    );
    assert!(system >= event, "handled at {system}, before it was committed at {event}");
    let started = i64::try_from(message.sequence() / 1_000_000).unwrap();
    assert!(
        started >= earliest && started <= system,
        "sequenceId begins with the connector's first start: {started}"
    );
}

on_each_server!(records_are_where_a_java_producer_would_put_them);

fn records_are_where_a_java_producer_would_put_them(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("murmur");
    database.exec(TABLE);
    let connector = Connector::new(&mut database, &kafka, "mysql_tbl");
    for id in 1..=JAVA_PARTITIONS.len() {
        database.exec(&format!("INSERT INTO mysql_tbl VALUES ({id}, 't', 'a', NULL)"));
    }
    let rowmill = connector.start();
    let mut messages = kafka.read(&[&connector.topic("mysql_tbl")], JAVA_PARTITIONS.len());
    rowmill.terminate().assert_code(0);
    messages.sort_by_key(|m| m.integer("mysql_id"));
    let partitions: Vec<i32> = messages.iter().map(|m| m.partition).collect();
    assert_eq!(partitions, JAVA_PARTITIONS);
}
