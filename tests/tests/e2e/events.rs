//! Records that are no rows: DDL statements, transaction markers, heartbeats.

use pipeline_tests::{Connector, Ended, Kafka, Kind, Message, Server, unique};

fn ops(messages: &[Message]) -> Vec<String> {
    messages.iter().map(Message::op).collect()
}

fn text(message: &Message) -> String {
    message.json()["payload"]["ddl"]["text"].as_str().unwrap().to_owned()
}

fn event_time(message: &Message) -> i64 {
    message.json()["payload"]["timestamp"]["eventTime"].as_i64().unwrap()
}

fn assert_rising(messages: &[Message]) {
    let numbers: Vec<u64> = messages.iter().map(Message::sequence).collect();
    assert!(numbers.windows(2).all(|w| w[1] > w[0]), "sequence ids {numbers:?}");
}

fn a_forwarded_statement_stands_between_the_rows_before_and_after_it(server: Server) {
    let kafka = Kafka::shared();
    let product = if server.kind == Kind::Mariadb { "MariaDB" } else { "MySQL" };
    let mut database = server.database("forward");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, b BIT(3))");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.source = "ddl = \"forward\"".to_owned();
    // One partition, so that the order of rows and statements shows.
    kafka.create_topic(&connector.topic("t"), 1);
    let name = database.name.clone();
    let statements = [
        ("ALTER", "ALTER TABLE t ADD COLUMN v VARCHAR(10)"),
        ("CINDEX", "CREATE INDEX vi ON t (v)"),
        ("DINDEX", "DROP INDEX vi ON `t`"),
        ("TRUNCATE", "TRUNCATE t"),
        ("ALTER", "/* why */ ALTER TABLE t COMMENT 'a \"b\"'"),
        ("ERASE", "DROP TABLE IF EXISTS nobody_chose_it, t"),
        ("CREATE", "CREATE TABLE t (id INT PRIMARY KEY)"),
        ("RENAME", "RENAME TABLE t TO elsewhere"),
        ("RENAME", "RENAME TABLE elsewhere TO t"),
    ];
    database.exec("INSERT INTO t VALUES (0, 1)");
    let mut rowmill = None;
    for (at, (_, sql)) in statements.iter().enumerate() {
        if sql.starts_with("DROP TABLE") && !database.server.kind.names_columns() {
            rowmill = Some(connector.start());
            kafka.read(&[&connector.topic("t")], 6 + 5);
        }
        database.exec(sql);
        if !["DROP TABLE IF EXISTS nobody_chose_it, t", "RENAME TABLE t TO elsewhere"].contains(sql) {
            database.exec(&format!("INSERT INTO t (id) VALUES ({})", at + 1));
        }
    }
    database.exec("CREATE TABLE unchosen (id INT PRIMARY KEY)");
    let rowmill = rowmill.unwrap_or_else(|| connector.start());
    let messages = kafka.read(&[&connector.topic("t")], 1 + 9 + 7);
    rowmill.terminate().assert_code(0);
    assert_eq!(
        ops(&messages),
        [
            "INSERT", "ALTER", "INSERT", "CINDEX", "INSERT", "DINDEX", "INSERT", "TRUNCATE", "INSERT", "ALTER", "INSERT", "ERASE",
            "CREATE", "INSERT", "RENAME", "RENAME", "INSERT"
        ]
    );
    assert_rising(&messages);
    let alter = &messages[1];
    assert_eq!(text(alter), "ALTER TABLE t ADD COLUMN v VARCHAR(10)");
    assert!(
        alter.value.starts_with(&format!(
            r#"{{"schema":{{"dataColumn":[{{"name":"id","type":"LONG"}},{{"name":"b","type":"LONG"}}],"primaryKey":["id"],"source":{{"dbType":"{product}","dbName":"{name}","tableName":"t"}}}},"payload":{{"before":null,"after":null,"#
        )),
        "{}",
        alter.value
    );
    assert_eq!(text(&messages[9]), "/* why */ ALTER TABLE t COMMENT 'a \"b\"'");
    assert!(alter.key.is_none() && alter.partition == 0);
    assert_eq!(alter.timestamp, event_time(alter));
}

on_each_server!(
    a_forwarded_statement_stands_between_the_rows_before_and_after_it,
    what_is_sent_again_carries_the_same_numbers_statements_and_markers_included,
    with_ddl_fail_the_connector_stops_before_each_statement_and_passes_the_one_that_is_named,
    markers_enclose_the_rows_of_each_transaction_in_every_topic_that_it_touched,
    heartbeats_reach_every_topic_while_nothing_or_other_tables_change,
    a_statement_of_a_session_in_another_character_set_is_what_it_says,
    a_ddl_record_a_marker_and_a_heartbeat_are_as_documented_byte_for_byte,
);

fn a_statement_of_a_session_in_another_character_set_is_what_it_says(server: Server) {
    let kafka = Kafka::shared();
    for (charset, stem, comment) in [
        ("latin1", "größe", "Straße €"),
        ("gbk", "中文", "中"),
        ("sjis", "表", "ソ"),
        ("utf8mb4", "größe", "😀"),
    ] {
        // The table's name needs reading, too, so that the statement is known to touch it.
        let name = unique(stem);
        let mut database = Server::shared_of(server.kind).database_named(&name);
        database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
        let mut connector = Connector::new(&mut database, &kafka, "t");
        connector.source = "ddl = \"forward\"".to_owned();
        let statement = format!("ALTER TABLE `{name}`.t COMMENT '{comment}'");
        // The session's own character set is what the text is logged in.
        let hex: String = statement.bytes().map(|byte| format!("{byte:02x}")).collect();
        database.exec(&format!("SET NAMES {charset}"));
        database.exec(&format!("SET @statement = CONVERT(_utf8mb4 x'{hex}' USING {charset})"));
        database.exec("PREPARE p FROM @statement");
        database.exec("EXECUTE p");
        let rowmill = connector.start();
        let messages = kafka.read(&[&connector.topic("t")], 1);
        rowmill.terminate().assert_code(0);
        assert_eq!(text(&messages[0]), statement);
    }
}

fn a_ddl_record_a_marker_and_a_heartbeat_are_as_documented_byte_for_byte(server: Server) {
    let kafka = Kafka::shared();
    let product = if server.kind == Kind::Mariadb { "MariaDB" } else { "MySQL" };
    let mut database = server.database("bytes");
    database.exec("CREATE TABLE t (id INT, d DATE, b BIT(1), PRIMARY KEY (id))");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.source = "ddl = \"forward\"\ntransaction_markers = true".to_owned();
    kafka.create_topic(&connector.topic("t"), 1);
    database.exec("INSERT INTO t VALUES (1, NULL, 1)");
    database.exec("ALTER TABLE t\n  COMMENT 'a \"b\" \\\\ ü'");
    let rowmill = connector.start();
    let mut messages = kafka.read(&[&connector.topic("t")], 4);
    rowmill.terminate().assert_code(0);
    connector.heartbeat_interval_ms = 50;
    let rowmill = connector.start();
    messages = kafka.read_until(&[&connector.topic("t")], |read| read.len() > messages.len());
    rowmill.terminate().assert_code(0);
    let number = |message: &Message, name: &str| message.json()["payload"]["timestamp"][name].as_i64().unwrap();
    let name = &database.name;
    let rest = |message: &Message| {
        r#"},"payload":{"before":null,"after":null,"sequenceId":"SEQUENCE","timestamp":{"eventTime":EVENT,"systemTime":SYSTEM,"checkpointTime":CHECKPOINT},"op":""#
        .replace("SEQUENCE", &message.sequence().to_string())
        .replace("EVENT", &number(message, "eventTime").to_string())
        .replace("SYSTEM", &number(message, "systemTime").to_string())
        .replace("CHECKPOINT", &number(message, "checkpointTime").to_string())
    };
    let marker = |message: &Message, op: &str| {
        format!(
            r#"{{"schema":{{"dataColumn":null,"primaryKey":null,"source":{{"dbType":"{product}","dbName":null,"tableName":null}}{}{op}","ddl":null}},"version":"0.0.1"}}"#,
            rest(message)
        )
    };
    assert_eq!(messages[0].value, marker(&messages[0], "TRANSACTION_BEGIN"));
    assert_eq!(messages[2].value, marker(&messages[2], "TRANSACTION_END"));
    let alter = format!(
        r#"{{"schema":{{"dataColumn":[{{"name":"id","type":"LONG"}},{{"name":"d","type":"DATE"}},{{"name":"b","type":"BOOLEAN"}}],"primaryKey":["id"],"source":{{"dbType":"{product}","dbName":"{name}","tableName":"t"}}{}ALTER","ddl":{{"text":"ALTER TABLE t\n  COMMENT 'a \"b\" \\\\ ü'","ddlMeta":null}}}},"version":"0.0.1"}}"#,
        rest(&messages[3])
    );
    assert_eq!(messages[3].value, alter);
    let beat = &messages[4];
    let expected = format!(
        r#"{{"schema":{{"dataColumn":null,"primaryKey":null,"source":null}},"payload":{{"before":null,"after":null,"sequenceId":null,"timestamp":{{"eventTime":{},"checkpointTime":{}}},"op":"MHEARTBEAT","ddl":null}},"version":"0.0.1"}}"#,
        number(beat, "eventTime"),
        number(beat, "checkpointTime")
    );
    assert_eq!(beat.value, expected);
    for message in messages.iter().filter(|m| m.op() != "INSERT") {
        assert!(message.key.is_none() && message.partition == 0 && message.headers.is_empty());
        assert_eq!(message.timestamp, number(message, "eventTime"));
    }
}

fn what_is_sent_again_carries_the_same_numbers_statements_and_markers_included(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("again");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.source = "ddl = \"forward\"\ntransaction_markers = true".to_owned();
    connector.sink = "kind = \"stdout\"".to_owned();
    let first = connector.start();
    first.wait_for_log("the stream", |line| line.contains("streaming"));
    // The position before anything was delivered, to go back to.
    let position = std::fs::read_dir(connector.file("")).unwrap();
    let position = position
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("position"))
        .unwrap();
    let before = std::fs::read(&position).unwrap();
    database.exec("INSERT INTO t VALUES (1), (2)");
    database.exec("ALTER TABLE t ADD COLUMN v INT");
    database.exec("INSERT INTO t VALUES (3, 4)");
    first.wait_for_output(8);
    let numbers = |ended: &Ended| -> Vec<String> {
        let sequence = |line: &String| {
            let at = line.find("sequenceId").unwrap() + 13;
            line[at..].chars().filter(char::is_ascii_digit).take(19).collect()
        };
        ended.stdout.iter().map(sequence).collect()
    };
    let ended = first.terminate();
    let sent = numbers(&ended);
    std::fs::write(&position, before).unwrap();
    let second = connector.start();
    second.wait_for_output(8);
    assert_eq!(numbers(&second.terminate()), sent, "{}", ended.output());
    assert!(sent.windows(2).all(|w| w[1] > w[0]), "{sent:?}");
}

fn with_ddl_fail_the_connector_stops_before_each_statement_and_passes_the_one_that_is_named(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("fail");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.source = "ddl = \"fail\"".to_owned();
    database.exec("CREATE TABLE unchosen (id INT PRIMARY KEY)");
    database.exec("INSERT INTO t VALUES (1)");
    database.exec("ALTER TABLE t\n  ADD COLUMN v INT");
    database.exec("INSERT INTO t VALUES (2, 2)");
    database.exec("TRUNCATE TABLE t");
    database.exec("INSERT INTO t VALUES (3, 3)");
    let topic = connector.topic("t");
    let ids = || {
        let mut ids: Vec<i64> = kafka.read_to_end(&topic).iter().map(|m| m.integer("id")).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let past = |ended: &Ended| ended.reason().rsplit_once("--resume-past-ddl ").unwrap().1.to_owned();
    let first = connector.start().wait();
    first.assert_code(1);
    assert!(first.reason().contains("ALTER TABLE t ADD COLUMN v INT"), "{}", first.output());
    assert_eq!(ids(), [1]);
    let again = connector.start().wait();
    again.assert_code(1);
    assert_eq!(past(&again), past(&first), "it stops at the same statement without the request");
    assert_eq!(ids(), [1]);
    let second = connector.spawn(&["run", "--resume-past-ddl", &past(&first)]).wait();
    second.assert_code(1);
    assert!(
        second.reason().contains("TRUNCATE TABLE t"),
        "the request is for one statement: {}",
        second.output()
    );
    assert_eq!(ids(), [1, 2]);
    let third = connector.spawn(&["run", "--resume-past-ddl", &past(&second)]);
    kafka.read_until(&[&topic], |read| read.iter().any(|m| m.integer("id") == 3));
    third.terminate().assert_code(0);
    assert_eq!(ids(), [1, 2, 3]);
}

#[test]
fn a_request_to_pass_a_statement_is_refused_where_none_stops() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("no_request");
    let connector = Connector::new(&mut database, &kafka, "t");
    let ended = connector.spawn(&["run", "--resume-past-ddl", "binlog.000001:4"]).wait();
    ended.assert_code(2);
    assert!(ended.reason().contains("source.ddl"), "{}", ended.output());
}

/// Checks that a topic's messages are transactions, each between its markers, and gives the operations of each.
fn transactions(messages: &[Message]) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut open = false;
    for message in messages {
        match message.op().as_str() {
            "TRANSACTION_BEGIN" => {
                assert!(!std::mem::replace(&mut open, true), "a transaction within another one");
                found.push(Vec::new());
            }
            "TRANSACTION_END" => assert!(std::mem::replace(&mut open, false), "an end without a begin"),
            op => {
                assert!(open, "a row outside of a transaction: {}", message.value);
                found.last_mut().unwrap().push(op.to_owned());
            }
        }
    }
    assert!(!open, "a transaction without an end");
    found
}

fn markers_enclose_the_rows_of_each_transaction_in_every_topic_that_it_touched(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("markers");
    for table in ["a", "b", "c", "unchosen"] {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY)"));
    }
    let mut connector = Connector::new(&mut database, &kafka, "a,b,c");
    connector.source = "transaction_markers = true".to_owned();
    // Several batches a transaction, and several transactions in what arrives at once.
    connector.sections = "[batch]\nmax_rows = 50".to_owned();
    for table in ["a", "b", "c"] {
        kafka.create_topic(&connector.topic(table), 1);
    }
    for id in 1..=20 {
        database.exec("BEGIN");
        database.exec(&format!("INSERT INTO a VALUES ({id})"));
        database.exec(&format!("INSERT INTO b VALUES ({id}), (1{id:03})"));
        database.exec("COMMIT");
        database.exec(&format!("INSERT INTO a VALUES (1{id:03})"));
        database.exec(&format!("INSERT INTO unchosen VALUES ({id})"));
    }
    let many: Vec<String> = (2000..2333).map(|id| format!("({id})")).collect();
    database.exec("BEGIN");
    database.exec(&format!("INSERT INTO a VALUES {}", many.join(",")));
    database.exec("INSERT INTO b VALUES (5000)");
    database.exec("DELETE FROM a WHERE id = 2000");
    database.exec("COMMIT");
    database.exec("INSERT INTO c VALUES (1)");
    let rowmill = connector.start();
    let counts = [("a", 20 * 2 * 3 + 334 + 2), ("b", 20 * 4 + 3), ("c", 3)];
    let [a, b, c] = counts.map(|(table, count)| kafka.read(&[&connector.topic(table)], count));
    rowmill.terminate().assert_code(0);
    for (messages, (table, count)) in [&a, &b, &c].into_iter().zip(counts) {
        assert_eq!(kafka.read_to_end(&connector.topic(table)).len(), count, "messages of {table}");
        assert_rising(messages);
    }
    let sizes = |messages: &[Message]| transactions(messages).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(&a), [vec![1; 40], vec![334]].concat());
    assert_eq!(sizes(&b), [vec![2; 20], vec![1]].concat());
    assert_eq!(sizes(&c), [1]);
    assert_eq!(
        a[0].sequence(),
        b[0].sequence(),
        "a begin has one number in all topics of its transaction"
    );
    assert_eq!(a[2].sequence(), b[3].sequence(), "and so has an end");
    assert!(c[0].value.contains(r#""before":null,"after":null"#), "{}", c[0].value);
}

fn heartbeats_reach_every_topic_while_nothing_or_other_tables_change(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("idle");
    for table in ["quiet", "silent", "unchosen"] {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY AUTO_INCREMENT)"));
    }
    let mut connector = Connector::new(&mut database, &kafka, "quiet,silent");
    connector.heartbeat_interval_ms = 100;
    let rowmill = connector.start();
    let topics = [connector.topic("quiet"), connector.topic("silent")];
    for topic in &topics {
        let beats = kafka.read(&[topic], 3);
        assert!(beats.iter().all(|m| m.op() == "MHEARTBEAT" && m.partition == 0 && m.key.is_none()));
        assert!(beats.windows(2).all(|w| event_time(&w[1]) > event_time(&w[0])), "{beats:?}");
        assert!(
            beats[0].value.starts_with(
                r#"{"schema":{"dataColumn":null,"primaryKey":null,"source":null},"payload":{"before":null,"after":null,"sequenceId":null,"#
            ),
            "{}",
            beats[0].value
        );
    }
    let wanted = event_time(kafka.read_to_end(&topics[0]).last().unwrap()) + 500;
    let mut newest = 0;
    while newest < wanted {
        database.exec("INSERT INTO unchosen VALUES ()");
        newest = kafka.read_to_end(&topics[0]).iter().map(event_time).max().unwrap();
    }
    rowmill.terminate().assert_code(0);
}

/// On a server of its own: elsewhere the changes of other tests move the connector's position.
#[test]
fn heartbeats_are_committed_where_nothing_at_all_happens() {
    let kafka = Kafka::shared();
    let mut database = Server::start(&[]).database("still");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.heartbeat_interval_ms = 100;
    let rowmill = connector.start();
    let beats = kafka.read(&[&connector.topic("t")], 20);
    assert!(beats.windows(2).all(|two| event_time(&two[1]) > event_time(&two[0])), "{beats:?}");
    let ended = rowmill.terminate();
    ended.assert_code(0);
    assert!(!ended.output().contains("starting again"), "{}", ended.output());
}

#[test]
fn no_change_arrives_after_a_heartbeat_that_is_younger() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("proof");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.heartbeat_interval_ms = 20;
    connector.source = "transaction_markers = true".to_owned();
    kafka.create_topic(&connector.topic("t"), 1);
    let rowmill = connector.start();
    let sessions: Vec<_> = (0..3)
        .map(|_| {
            let (server, name) = (Server::shared(), database.name.clone());
            std::thread::spawn(move || {
                let mut session = server.session();
                for _ in 0..150 {
                    session.exec(&format!(
                        "BEGIN; INSERT INTO `{name}`.t VALUES (); INSERT INTO `{name}`.t VALUES (); COMMIT"
                    ));
                }
            })
        })
        .collect();
    for session in sessions {
        session.join().unwrap();
    }
    let messages = kafka.read_until(&[&connector.topic("t")], |read| {
        let is = |m: &Message, op: &str| m.value.contains(&format!("\"op\":\"{op}\""));
        read.last().is_some_and(|m| is(m, "MHEARTBEAT"))
            && read.iter().filter(|m| is(m, "INSERT")).count() >= 900
            && read.iter().filter(|m| is(m, "MHEARTBEAT")).count() >= 10
    });
    rowmill.terminate().assert_code(0);
    let (mut proved, mut open, mut between) = (0, false, 0);
    let mut rows_after_a_heartbeat = false;
    for message in &messages {
        match message.op().as_str() {
            "MHEARTBEAT" => {
                assert!(!open, "a heartbeat within a transaction");
                proved = proved.max(event_time(message));
                between += 1;
            }
            op => {
                rows_after_a_heartbeat |= between > 0;
                open = op != "TRANSACTION_END";
                assert!(event_time(message) >= proved, "{} after a heartbeat at {proved}", message.value);
            }
        }
    }
    assert!(rows_after_a_heartbeat, "heartbeats came among the rows");
}
