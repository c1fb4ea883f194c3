//! The built-in transforms through the whole program. What each makes of single values is tested beside it; here conditions are held
//! against MySQL's own, and routes against where Kafka has the records.

use std::collections::BTreeMap;

use pipeline_tests::{Connector, Database, Kafka, Message, Server};
use serde_json::{Value, json};

/// A connector of these tables with these plugins, each given by its lines.
fn connector(database: &mut Database, kafka: &Kafka, tables: &str, plugins: &[&str]) -> Connector {
    let mut connector = Connector::new(database, kafka, tables);
    connector.plugin = plugins.join("\n[[plugin]]\n");
    connector
}

fn key(message: &Message) -> &str {
    message.key.as_deref().unwrap_or("-")
}

#[test]
fn a_chain_hides_filters_projects_and_routes_what_the_envelope_then_tells() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("transforms");
    database.exec(
        "CREATE TABLE orders (id INT PRIMARY KEY, customer INT, region VARCHAR(20), shard INT, total DECIMAL(10,2), email VARCHAR(50), note TEXT)",
    );
    let mut connector = connector(&mut database, &kafka, "orders", &[]);
    let prefix = connector.prefix.clone();
    let route = format!(
        "builtin = \"route\"\nmemory = \"16MiB\"\n[plugin.config]\ntopic = \"{prefix}_r_{{column:region}}\"\npartition_column = \"shard\"\nkey_columns = [\"customer\"]\n\
         headers = {{ origin = \"{{database}}.{{table}}\", op = \"{{op}}\" }}"
    );
    connector.plugin = [
        "builtin = \"mask\"\nmemory = \"16MiB\"\n[plugin.config]\nsalt = \"pepper\"\n[[plugin.config.rules]]\ncolumns = [\"orders.email\"]\nmethod = \"hash\"\nalgorithm = \"sha256\"",
        "builtin = \"filter\"\nmemory = \"16MiB\"\nconfig = { where = \"total >= 10.00 AND region IS NOT NULL OR op = 'delete'\" }",
        "builtin = \"project\"\nmemory = \"16MiB\"\nconfig = { drop = [\"note\"], rename = { total = \"amount\" }, cast = { customer = \"varchar(11)\" } }",
        &route,
        "builtin = \"envelope\"\nconfig = { time_zone = \"+00:00\" }",
    ]
    .join("\n[[plugin]]\n");
    for statement in [
        "INSERT INTO orders VALUES (1, 7, 'eu west', 4, 10.00, 'Größe@b.c', 'n'), (2, 7, 'us', 0, 9.99, 'a@b.c', 'n'), (3, 8, 'us', 5, 12.50, NULL, 'n')",
        "UPDATE orders SET region = 'us', shard = 1 WHERE id = 1",
        "DELETE FROM orders WHERE id = 2",
    ] {
        database.exec(statement);
    }
    let running = connector.start();
    let (europe, america) = (format!("{prefix}_r_eu_west"), format!("{prefix}_r_us"));
    let told = kafka.read(&[&europe, &america], 5);
    running.terminate().assert_code(0);
    assert_eq!(
        kafka
            .partitions(&connector.topic("orders"))
            .map_or(0, |_| kafka.records(&connector.topic("orders"))),
        0
    );

    let seen: BTreeMap<u64, Vec<&Message>> = told.iter().fold(BTreeMap::new(), |mut seen, message| {
        seen.entry(message.sequence()).or_default().push(message);
        seen
    });
    let seen: Vec<_> = seen.into_values().collect();
    let place = |message: &Message| (message.topic.clone(), message.partition, key(message).to_owned());
    assert_eq!(place(seen[0][0]), (europe, 4, r#"{"customer":"7"}"#.to_owned()));
    assert_eq!(place(seen[1][0]), (america.clone(), 5, r#"{"customer":"8"}"#.to_owned()));
    // Both halves of the update go where the row is now.
    assert_eq!(seen[2].len(), 2);
    for half in &seen[2] {
        assert_eq!(place(half), (america.clone(), 1, r#"{"customer":"7"}"#.to_owned()));
    }
    assert_eq!(place(seen[3][0]), (america, 0, r#"{"customer":"7"}"#.to_owned()));

    let names: Vec<String> = seen[0][0].image("after").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["id", "customer", "region", "shard", "amount", "email"]);
    assert_eq!(seen[0][0].column("amount").as_deref(), Some("10.00"));
    let digest = database.value("SELECT SHA2(CONCAT('pepper', email), 256) FROM orders WHERE id = 1");
    for message in [seen[0][0], seen[2][0], seen[2][1]] {
        assert_eq!(message.column("email"), Some(format!("\"{digest}\"")));
    }
    assert_eq!(seen[1][0].column("email").as_deref(), Some("null"));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let origin = format!("{}.orders", database.name);
    for (messages, op) in seen.iter().zip(["insert", "insert", "update", "delete"]) {
        let headers = &messages[0].headers;
        assert!(headers.ends_with(&[header("op", op), header("origin", &origin)]), "{headers:?}");
    }
}

/// What both sides understand alike: texts under a binary collation, times in UTC.
const CONDITIONS: [&str; 30] = [
    "u > -1",
    "u = 18446744073709551615 OR u < 5",
    "u BETWEEN 9223372036854775807 AND 18446744073709551615",
    "NOT u > 5",
    "i IN (-1, 0, NULL)",
    "i NOT IN (-1, NULL)",
    "i <=> NULL OR i = 0",
    "NOT (i <=> 3)",
    "d = 0.1",
    "d > 0.1000000000000000000000000000005",
    "d < -12345678901234567890.12 OR d >= 99999999999999999999.99",
    "d NOT BETWEEN -0.1 AND 0.1",
    "f = 0.1 OR f = 0.5",
    "f > 0.1",
    "x = 0.1 OR x > 1e300",
    "x < 0 OR d > 5",
    "t = 'abc' OR t > 'm'",
    "t LIKE 'a_c' AND NOT t LIKE '%C'",
    "t LIKE '100|%' ESCAPE '|' OR t LIKE '%ö_e'",
    "t NOT LIKE '%b%' OR t IS NULL",
    "t IN ('abc', 'ABC', '')",
    "e = 'paid' OR e IN ('gone')",
    "s = 'a,c' OR s LIKE '%b%'",
    "day > '2024-02-28' AND day <= '2024-03-01'",
    "day = '0000-00-00' OR day IS NULL",
    "m >= '2024-02-29 23:59:59.123' OR m < '1970-01-01'",
    "at > '2024-02-29 12:00:00'",
    "span < '-00:00:01' OR span >= '100:00:00'",
    "b = x'00FF' OR b > 'a'",
    "(i > 0) IS UNKNOWN OR NOT (u < 5 AND t = 'abc')",
];

#[test]
fn a_condition_is_true_of_the_rows_for_which_it_is_true_in_mysql() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("conditions");
    for statement in [
        "SET sql_mode = '', time_zone = '+00:00'",
        "CREATE TABLE rows_of_all (id INT PRIMARY KEY, u BIGINT UNSIGNED, i TINYINT, d DECIMAL(40,20), f FLOAT, x DOUBLE, \
         t VARCHAR(20) COLLATE utf8mb4_0900_bin, e ENUM('new','paid','gone'), s SET('a','b','c'), day DATE, m DATETIME(3), at TIMESTAMP NULL, \
         span TIME(3), b VARBINARY(4))",
        "INSERT INTO rows_of_all VALUES \
         (1, 0, -1, 0.1, 0.1, 0.1, 'abc', 'new', 'a,c', '2024-02-29', '2024-02-29 23:59:59.123', '2024-02-29 12:00:01', '-00:00:01.5', x'00FF'), \
         (2, 18446744073709551615, 0, -0.1, 0.5, -5, 'ABC', 'paid', 'b', '2024-03-01', '1969-12-31 00:00:00', '2024-02-29 12:00:00', '100:00:00', 'b'), \
         (3, 9223372036854775807, 127, 99999999999999999999.99, -0.5, 1e301, 'größe', 'gone', '', '0000-00-00', NULL, NULL, '00:00:00', ''), \
         (4, 5, -128, -12345678901234567890.13, NULL, 0, '100%', 'paid', 'a,b,c', '2024-02-28', '2024-02-29 23:59:59.122', '1970-01-01 00:00:01', '-838:59:59', 'a'), \
         (5, 4, 3, 0.10000000000000000001, 3e38, 1e-300, '', '', 'c', NULL, '1970-01-01 00:00:00', '2038-01-19 03:14:07', NULL, NULL), \
         (6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    ] {
        database.exec(statement);
    }
    let tables: Vec<String> = (0..CONDITIONS.len()).map(|number| format!("c{number}")).collect();
    for table in &tables {
        database.exec(&format!("CREATE TABLE {table} LIKE rows_of_all"));
    }
    let filters = CONDITIONS.iter().zip(&tables).map(|(condition, table)| {
        // The last row says that the table is through.
        let condition = json!(format!("({condition}) OR id = 99"));
        format!("builtin = \"filter\"\nmemory = \"4MiB\"\ntables = \"{table}\"\nconfig = {{ where = {condition} }}")
    });
    let mut plugins: Vec<String> = filters.collect();
    plugins.push("builtin = \"flat-json\"".to_owned());
    let plugins: Vec<&str> = plugins.iter().map(String::as_str).collect();
    let connector = connector(&mut database, &kafka, &tables.join(","), &plugins);
    for table in &tables {
        database.exec(&format!("INSERT INTO {table} SELECT * FROM rows_of_all"));
        database.exec(&format!("INSERT INTO {table} (id) VALUES (99)"));
    }
    let running = connector.start();
    let topics: Vec<String> = tables.iter().map(|table| connector.topic(table)).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let is_last = |message: &&Message| key(message) == r#"{"id":99}"#;
    kafka.read_until(&topics, |read| read.iter().filter(is_last).count() == topics.len());
    running.terminate().assert_code(0);
    let told = kafka.read_to_ends(&topics);
    for (condition, topic) in CONDITIONS.iter().zip(&topics) {
        let mut kept: Vec<i64> = told
            .iter()
            .filter(|message| message.topic == **topic && !is_last(message))
            .map(|message| message.json()["id"].as_i64().unwrap())
            .collect();
        kept.sort_unstable();
        let rows = database.query(&format!("SELECT id FROM rows_of_all WHERE {condition} ORDER BY id"));
        let expected: Vec<i64> = rows.iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect();
        assert_eq!(kept, expected, "{condition}");
    }
}

#[test]
fn with_split_updates_readers_have_what_the_condition_selects() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("split");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, status VARCHAR(10), n INT)");
    let filter = "builtin = \"filter\"\nconfig = { where = \"status = 'open' AND n > 2\", updates = \"split\" }";
    let connector = connector(&mut database, &kafka, "t", &[filter, "builtin = \"flat-json\""]);
    database.exec("INSERT INTO t VALUES (1, 'open', 1), (2, 'open', 5), (3, 'closed', 5), (4, 'open', 3), (5, 'open', 9)");
    for change in [
        "UPDATE t SET n = n + 1",
        "UPDATE t SET n = n + 1 WHERE id < 3",
        "UPDATE t SET status = 'closed' WHERE id = 2",
        "UPDATE t SET status = 'open' WHERE id = 3",
        "UPDATE t SET id = 14 WHERE id = 4",
        "UPDATE t SET id = 15, status = 'closed' WHERE id = 5",
        "UPDATE t SET n = 0 WHERE id = 14",
        "UPDATE t SET n = 7 WHERE id = 14",
        "INSERT INTO t VALUES (99, 'open', 99)",
    ] {
        database.exec(change);
    }
    let running = connector.start();
    let topic = connector.topic("t");
    kafka.read_until(&[&topic], |read| read.iter().any(|message| key(message) == r#"{"id":99}"#));
    running.terminate().assert_code(0);
    let mut rows: BTreeMap<String, Value> = BTreeMap::new();
    // One key is in one partition, and so in order.
    for message in &kafka.read_to_end(&topic) {
        match message.value.as_str() {
            "" => rows.remove(key(message)),
            _ => rows.insert(key(message).to_owned(), message.json()),
        };
    }
    let selected = database.query("SELECT id, status, n FROM t WHERE status = 'open' AND n > 2");
    let number = |text: &Option<String>| text.as_ref().unwrap().parse::<i64>().unwrap();
    let expected: BTreeMap<String, Value> = selected
        .iter()
        .map(|row| {
            let id = number(&row[0]);
            (
                format!("{{\"id\":{id}}}"),
                json!({"id": id, "status": row[1], "n": number(&row[2])}),
            )
        })
        .collect();
    assert_eq!(rows, expected);
    assert_eq!(rows.len(), 4, "rows 1, 3, 14 and 99 pass at the end");
}

#[test]
fn a_row_for_a_topic_that_kafka_does_not_have_is_one_rows_fault() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("illegal");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, target VARCHAR(20))");
    let mut connector = connector(&mut database, &kafka, "t", &[]);
    let prefix = connector.prefix.clone();
    connector.plugin = format!(
        "builtin = \"route\"\non_error = \"dead_letter\"\nconfig = {{ topic = \"{prefix}_x_{{column:target}}\", illegal = \"refuse\" }}\n[[plugin]]\nbuiltin = \"flat-json\""
    );
    database.exec("INSERT INTO t VALUES (1, 'good'), (2, 'not good'), (3, NULL), (4, 'good')");
    let running = connector.start();
    let (good, own, letters) = (format!("{prefix}_x_good"), connector.topic("t"), format!("{prefix}_dead_letters"));
    let told = kafka.read(&[&good, &own, &letters], 4);
    running.terminate().assert_code(0);
    let ids = |topic: &str| {
        let messages = told.iter().filter(|message| message.topic == topic);
        let mut keys: Vec<_> = messages.map(key).collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!(ids(&good), [r#"{"id":1}"#, r#"{"id":4}"#]);
    assert_eq!(ids(&own), [r#"{"id":3}"#]);
    assert_eq!(ids(&letters), [r#"{"id":2}"#]);
    let letter = told.iter().find(|message| message.topic == letters).unwrap();
    assert!(
        letter.headers.contains(&("code".to_owned(), "bad-topic".to_owned())),
        "{:?}",
        letter.headers
    );
}

#[test]
fn a_row_for_a_partition_that_its_topic_does_not_have_is_one_rows_fault() {
    let kafka = Kafka::shared();
    for on_error in ["dead_letter", "stop"] {
        let mut database = Server::shared().database("beyond");
        database.exec("CREATE TABLE t (id INT PRIMARY KEY, shard INT)");
        let route = "builtin = \"route\"\nconfig = { partition_column = \"shard\" }";
        let mut connector = connector(&mut database, &kafka, "t", &[route, "builtin = \"flat-json\""]);
        connector
            .sink
            .push_str(&format!("\npartitions_with_key = 2\non_error = \"{on_error}\""));
        database.exec("INSERT INTO t VALUES (1, 0), (2, 1), (3, 2), (4, 99), (5, NULL)");
        let running = connector.start();
        let (own, letters) = (connector.topic("t"), connector.topic("dead_letters"));
        if on_error == "stop" {
            let ended = running.wait();
            ended.assert_code(1);
            let reason = ended.reason();
            assert!(
                reason.contains("for partition 2 of topic") && reason.contains("which has 2, from 0 on"),
                "{reason}"
            );
            continue;
        }
        let told = kafka.read(&[&own, &letters], 5);
        running.terminate().assert_code(0);
        let keys = |topic: &str| {
            let mut keys: Vec<_> = told.iter().filter(|message| message.topic == topic).map(key).collect();
            keys.sort_unstable();
            keys
        };
        assert_eq!(keys(&own), [r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":5}"#]);
        assert_eq!(keys(&letters), [r#"{"id":3}"#, r#"{"id":4}"#]);
        for letter in told.iter().filter(|message| message.topic == letters) {
            let has = |name: &str, value: &str| letter.headers.contains(&(name.to_owned(), value.to_owned()));
            assert!(has("stage", "sink") && has("code", "no_such_partition"), "{:?}", letter.headers);
        }
    }
}
