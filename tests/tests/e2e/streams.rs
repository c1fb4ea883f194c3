//! Several tables, tables that come and change while the connector runs, tables without a key.

use pipeline_tests::{Connector, Kafka, Message, Server};

on_each_server!(
    an_altered_table_gives_messages_of_its_new_shape_from_the_next_row_on,
    interleaved_tables_each_arrive_whole_and_in_order,
    tables_that_nobody_chose_stay_out,
    a_table_without_a_key_keeps_its_order_in_partition_0,
    the_key_is_that_of_the_server_in_key_order_and_each_half_of_an_update_goes_by_its_own,
    a_table_made_while_running_is_delivered_from_its_first_row,
);

fn ids(messages: &[Message]) -> Vec<i64> {
    messages.iter().map(|m| m.integer("id")).collect()
}

/// Messages of all partitions in the order of the binlog.
fn in_order(mut messages: Vec<Message>) -> Vec<Message> {
    messages.sort_by_key(|m| (m.sequence(), m.op() == "UPDATE_AFTER"));
    messages
}

fn an_altered_table_gives_messages_of_its_new_shape_from_the_next_row_on(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("alter");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10))");
    let connector = Connector::new(&mut database, &kafka, "t");
    let rowmill = connector.start();
    let changes = [
        ("INSERT INTO t VALUES (1, 'x')", r#"{"id":1,"a":"x"}"#),
        ("ALTER TABLE t ADD COLUMN b INT DEFAULT 7 AFTER id", ""),
        ("INSERT INTO t VALUES (2, 5, 'y')", r#"{"id":2,"b":5,"a":"y"}"#),
        ("ALTER TABLE t CHANGE a c VARCHAR(10), MODIFY b BIGINT UNSIGNED", ""),
        (
            "INSERT INTO t VALUES (3, 18446744073709551615, 'z')",
            r#"{"id":3,"b":18446744073709551615,"c":"z"}"#,
        ),
        ("ALTER TABLE t DROP COLUMN b, MODIFY c DECIMAL(5,2)", "dropped"),
    ];
    // The last ALTER would have to turn text into a number; the row makes that possible.
    let is_told = database.server.kind.names_columns();
    let mut written = 0;
    for (sql, expected) in changes {
        // A log that does not tell what a column was is to be read while it still is that.
        if !is_told {
            kafka.read_until(&[&connector.topic("t")], |read| read.len() == written);
        }
        if expected == "dropped" {
            database.exec("UPDATE t SET c = '1.5' WHERE id > 0");
            written += 2 * 3;
            if !is_told {
                kafka.read(&[&connector.topic("t")], written);
            }
        }
        database.exec(sql);
        written += usize::from(sql.starts_with("INSERT"));
    }
    database.exec("INSERT INTO t VALUES (4, 2.25)");
    let messages = in_order(kafka.read(&[&connector.topic("t")], 3 + 2 * 3 + 1));
    rowmill.terminate().assert_code(0);
    let inserts: Vec<&Message> = messages.iter().filter(|m| m.op() == "INSERT").collect();
    let expected: Vec<&str> = changes
        .iter()
        .map(|(_, e)| *e)
        .filter(|e| e.starts_with('{'))
        .chain([r#"{"id":4,"c":2.25}"#])
        .collect();
    assert_eq!(inserts.len(), expected.len());
    for (message, row) in inserts.iter().zip(expected) {
        let part = format!(r#""after":{{"dataColumn":{row}}}"#);
        assert!(message.value.contains(&part), "{part} is not in {}", message.value);
    }
    assert!(
        inserts[0]
            .value
            .contains(r#""dataColumn":[{"name":"id","type":"LONG"},{"name":"a","type":"STRING"}]"#),
        "{}",
        inserts[0].value
    );
    assert!(
        inserts[3]
            .value
            .contains(r#""dataColumn":[{"name":"id","type":"LONG"},{"name":"c","type":"DOUBLE"}]"#),
        "{}",
        inserts[3].value
    );
}

fn interleaved_tables_each_arrive_whole_and_in_order(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("interleave");
    for table in ["a", "b", "c"] {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, v INT)"));
    }
    let connector = Connector::new(&mut database, &kafka, "a,b,c");
    for id in 0..200 {
        database.exec("BEGIN");
        for table in ["a", "b", "c"] {
            database.exec(&format!("INSERT INTO {table} VALUES ({id}, 0)"));
            database.exec(&format!("UPDATE {table} SET v = v + 1 WHERE id IN ({id}, {})", id - 1));
        }
        database.exec("COMMIT");
    }
    let rowmill = connector.start();
    // 200 inserts, 200 + 199 updates in two halves.
    let count = 200 + 2 * 399;
    let mut all = Vec::new();
    for table in ["a", "b", "c"] {
        let messages = in_order(kafka.read(&[&connector.topic(table)], count));
        let inserted: Vec<i64> = ids(&messages.iter().filter(|m| m.op() == "INSERT").cloned().collect::<Vec<_>>());
        assert_eq!(inserted, (0..200).collect::<Vec<i64>>(), "inserts of {table}");
        assert!(messages.iter().all(|m| m.value.contains(&format!("\"tableName\":\"{table}\""))));
        all.extend(messages);
    }
    rowmill.terminate().assert_code(0);
    for table in ["a", "b", "c"] {
        assert_eq!(kafka.read_to_end(&connector.topic(table)).len(), count, "messages of {table}");
    }
    let mut numbers: Vec<u64> = all.iter().filter(|m| m.op() != "UPDATE_BEFOR").map(Message::sequence).collect();
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|w| w[1] > w[0]), "each change has its own sequenceId");
    let halves = |op: &str| {
        all.iter()
            .filter(|m| m.op() == op)
            .map(|m| (m.sequence(), m.key.clone()))
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(
        halves("UPDATE_BEFOR"),
        halves("UPDATE_AFTER"),
        "both halves of an update share key and sequenceId"
    );
}

fn tables_that_nobody_chose_stay_out(server: Server) {
    let kafka = Kafka::shared();
    let other = server.again().database("unchosen_other");
    let mut database = server.database("unchosen");
    let mut elsewhere = other.session();
    elsewhere.exec("CREATE TABLE chosen (id INT PRIMARY KEY)");
    database.exec("CREATE TABLE chosen (id INT PRIMARY KEY)");
    // A code without a character, which no connector could deliver: it does not matter in a table that nobody chose.
    database.exec("CREATE TABLE secret (id INT PRIMARY KEY, t VARCHAR(10) CHARACTER SET gbk)");
    let connector = Connector::new(&mut database, &kafka, "chosen");
    for id in 0..50 {
        elsewhere.exec(&format!("INSERT INTO chosen VALUES ({})", 1000 + id));
        database.exec(&format!("INSERT INTO secret VALUES ({id}, CONVERT(x'A2A0' USING gbk))"));
        database.exec(&format!("INSERT INTO chosen VALUES ({id})"));
    }
    let rowmill = connector.start();
    kafka.read(&[&connector.topic("chosen")], 50);
    rowmill.terminate().assert_code(0);
    let mut found = ids(&kafka.read_to_end(&connector.topic("chosen")));
    found.sort_unstable();
    assert_eq!(found, (0..50).collect::<Vec<i64>>());
    assert_eq!(kafka.partitions(&connector.topic("secret")), None);
}

fn a_table_without_a_key_keeps_its_order_in_partition_0(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("keyless");
    database.exec("CREATE TABLE plain (id INT, v INT)");
    database.exec("CREATE TABLE wide (id INT, v INT)");
    let connector = Connector::new(&mut database, &kafka, "plain,wide");
    kafka.create_topic(&connector.topic("wide"), 3);
    for id in 0..100 {
        for table in ["plain", "wide"] {
            database.exec(&format!("INSERT INTO {table} VALUES ({id}, 1)"));
        }
    }
    database.exec("UPDATE plain SET v = 2 WHERE id = 7");
    database.exec("DELETE FROM plain WHERE id = 8");
    let rowmill = connector.start();
    let plain = kafka.read(&[&connector.topic("plain")], 103);
    let wide = kafka.read(&[&connector.topic("wide")], 100);
    rowmill.terminate().assert_code(0);
    assert_eq!(
        kafka.partitions(&connector.topic("plain")),
        Some(1),
        "a topic made for a table without a key has one partition"
    );
    assert_eq!(
        kafka.partitions(&connector.topic("wide")),
        Some(3),
        "an existing topic is taken as it is"
    );
    assert!(
        plain.iter().chain(&wide).all(|m| m.partition == 0 && m.key.is_none()),
        "partition 0 and no key"
    );
    assert_eq!(ids(&plain[..100]), (0..100).collect::<Vec<i64>>());
    assert_eq!(ids(&wide), (0..100).collect::<Vec<i64>>());
    let ops: Vec<String> = plain[100..].iter().map(Message::op).collect();
    assert_eq!(ops, ["UPDATE_BEFOR", "UPDATE_AFTER", "DELETE"]);
    assert!(plain[0].value.contains(r#""primaryKey":[]"#), "{}", plain[0].value);
}

fn the_key_is_that_of_the_server_in_key_order_and_each_half_of_an_update_goes_by_its_own(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("keys");
    database.exec("CREATE TABLE pair (a INT, b VARCHAR(10), id INT, PRIMARY KEY (b, a))");
    database.exec("CREATE TABLE uniq (id INT NOT NULL, v INT, UNIQUE KEY (id))");
    let connector = Connector::new(&mut database, &kafka, "pair,uniq");
    database.exec("INSERT INTO pair VALUES (1, 'x\"y', 10)");
    database.exec("UPDATE pair SET b = 'new', id = 11 WHERE a = 1");
    database.exec("SET SESSION binlog_row_image = 'MINIMAL'");
    database.exec("UPDATE pair SET id = 12 WHERE a = 1");
    database.exec("INSERT INTO uniq VALUES (5, 1)");
    let rowmill = connector.start();
    let pair = in_order(kafka.read(&[&connector.topic("pair")], 5));
    let uniq = kafka.read(&[&connector.topic("uniq")], 1);
    rowmill.terminate().assert_code(0);
    let keys: Vec<&str> = pair.iter().map(|m| m.key.as_deref().unwrap_or("none")).collect();
    let (old, new) = (r#"{"b":"x\"y","a":1}"#, r#"{"b":"new","a":1}"#);
    assert_eq!(keys, [old, old, new, new, new]);
    assert!(pair[0].value.contains(r#""primaryKey":["b","a"]"#), "{}", pair[0].value);
    assert_eq!(
        uniq[0].key.as_deref(),
        Some(r#"{"id":5}"#),
        "a UNIQUE key over NOT NULL columns stands in"
    );
}

fn a_table_made_while_running_is_delivered_from_its_first_row(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("auto_add");
    database.exec("CREATE TABLE first_one (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &kafka, "");
    connector.source = "auto_add = \"(first|second|third)_.*\"".to_owned();
    let rowmill = connector.start();
    database.exec("INSERT INTO first_one VALUES (1)");
    kafka.read(&[&connector.topic("first_one")], 1);
    database.exec("CREATE TABLE second_one (id INT PRIMARY KEY)");
    database.exec("INSERT INTO second_one VALUES (1), (2)");
    database.exec("CREATE TABLE not_third_one (id INT PRIMARY KEY)");
    database.exec("INSERT INTO not_third_one VALUES (1)");
    database.exec("CREATE TABLE hidden (id INT PRIMARY KEY)");
    database.exec("RENAME TABLE hidden TO third_one");
    database.exec("INSERT INTO third_one VALUES (1)");
    database.exec("INSERT INTO second_one VALUES (3)");
    kafka.read(&[&connector.topic("third_one")], 1);
    let mut second = ids(&kafka.read(&[&connector.topic("second_one")], 3));
    rowmill.terminate().assert_code(0);
    second.sort_unstable();
    assert_eq!(second, [1, 2, 3]);
    assert_eq!(kafka.partitions(&connector.topic("second_one")), Some(6));
    assert_eq!(
        kafka.partitions(&connector.topic("not_third_one")),
        None,
        "the expression is matched in full"
    );
}
