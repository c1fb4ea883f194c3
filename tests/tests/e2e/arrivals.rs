//! Tables that come into being, change places or go while the connector runs.

use pipeline_tests::{Connector, Database, Kafka, Message, Server, until};

on_each_server!(
    a_topic_is_made_when_its_table_is_and_not_with_the_first_row,
    tables_made_like_or_from_others_are_delivered_from_their_first_row,
    a_table_that_a_copy_takes_the_place_of_goes_on_in_its_own_topic,
    a_table_that_is_dropped_made_anew_and_truncated_goes_on_in_its_topic,
    a_table_that_moves_in_from_another_database_is_delivered_from_then_on,
);

/// A connector that takes every table whose name begins with `t`.
fn connector(server: Server, stem: &str) -> (Kafka, Database, Connector) {
    let kafka = Kafka::shared();
    let mut database = server.database(stem);
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
    let mut connector = Connector::new(&mut database, &kafka, "");
    connector.source = "auto_add = \"t.*\"".to_owned();
    (kafka, database, connector)
}

/// Columns `id` and `v` of each message of a topic.
fn rows(kafka: &Kafka, topic: &str, count: usize) -> Vec<(i64, String)> {
    let row = |m: &Message| (m.integer("id"), m.column("v").unwrap_or_default());
    let mut rows: Vec<_> = kafka.read(&[topic], count).iter().map(row).collect();
    rows.sort();
    rows
}

fn expected(rows: &[(i64, &str)]) -> Vec<(i64, String)> {
    rows.iter().map(|(id, v)| (*id, (*v).to_owned())).collect()
}

fn a_topic_is_made_when_its_table_is_and_not_with_the_first_row(server: Server) {
    let (kafka, mut database, connector) = connector(server, "made");
    let rowmill = connector.start();
    rowmill.wait_for_log("the stream", |line| line.contains("streaming"));
    database.exec("CREATE TABLE t_keyed (id INT PRIMARY KEY)");
    database.exec("CREATE TABLE t_plain (id INT)");
    database.exec("CREATE TABLE other (id INT PRIMARY KEY)");
    database.exec("RENAME TABLE other TO t_renamed");
    database.exec("CREATE TABLE another (id INT PRIMARY KEY)");
    database.exec("ALTER TABLE another RENAME t_altered");
    for (table, partitions) in [("t_keyed", 6), ("t_plain", 1), ("t_renamed", 6), ("t_altered", 6)] {
        let found = until(&format!("the topic of {table}"), || kafka.partitions(&connector.topic(table)));
        assert_eq!(found, partitions, "{table}");
    }
    let log = rowmill.terminate().assert_code(0).output();
    assert_eq!(kafka.partitions(&connector.topic("other")), None);
    // What they had under a name that nobody chose was told to nobody.
    let warned = |table: &str| {
        log.lines()
            .any(|line| line.contains("rows that it had before are in no topic") && line.contains(&format!(".{table}\"")))
    };
    assert!(warned("t_renamed") && warned("t_altered"), "{log}");
    assert!(!warned("t_keyed") && !warned("t_plain"), "{log}");
}

fn tables_made_like_or_from_others_are_delivered_from_their_first_row(server: Server) {
    let (kafka, mut database, connector) = connector(server.permissive(), "like");
    let rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (1, 10), (2, 20)");
    database.exec("CREATE TABLE t_like LIKE t");
    database.exec("INSERT INTO t_like VALUES (3, 30)");
    database.exec("CREATE TABLE t_select (PRIMARY KEY (id)) SELECT id, v FROM t");
    database.exec("INSERT INTO t_select VALUES (4, 40)");
    database.exec("CREATE TABLE hidden (PRIMARY KEY (id)) SELECT id, v FROM t");
    database.exec("RENAME TABLE hidden TO t_renamed");
    database.exec("INSERT INTO t_renamed VALUES (5, 50)");
    assert_eq!(rows(&kafka, &connector.topic("t_like"), 1), expected(&[(3, "30")]));
    assert_eq!(
        rows(&kafka, &connector.topic("t_select"), 3),
        expected(&[(1, "10"), (2, "20"), (4, "40")])
    );
    assert_eq!(rows(&kafka, &connector.topic("t_renamed"), 1), expected(&[(5, "50")]));
    rowmill.terminate().assert_code(0);
}

fn a_table_that_a_copy_takes_the_place_of_goes_on_in_its_own_topic(server: Server) {
    // As gh-ost and pt-online-schema-change alter a table.
    let (kafka, mut database, connector) = connector(server, "swap");
    let rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (1, 10)");
    database.exec("CREATE TABLE _t_new LIKE t");
    database.exec("ALTER TABLE _t_new MODIFY v VARCHAR(10)");
    database.exec("INSERT INTO _t_new SELECT * FROM t");
    database.exec("INSERT INTO t VALUES (2, 20)");
    database.exec("INSERT INTO _t_new VALUES (2, '20')");
    database.exec("RENAME TABLE t TO _t_old, _t_new TO t");
    database.exec("INSERT INTO t VALUES (3, 'new')");
    database.exec("INSERT INTO _t_old VALUES (4, 40)");
    if !database.server.kind.names_columns() {
        rows(&kafka, &connector.topic("t"), 3);
    }
    database.exec("DROP TABLE _t_old");
    database.exec("INSERT INTO t VALUES (5, 'more')");
    assert_eq!(
        rows(&kafka, &connector.topic("t"), 4),
        expected(&[(1, "10"), (2, "20"), (3, "\"new\""), (5, "\"more\"")])
    );
    rowmill.terminate().assert_code(0);
    assert_eq!(kafka.read_to_end(&connector.topic("t")).len(), 4, "the copy's own rows stay out");
}

fn a_table_that_is_dropped_made_anew_and_truncated_goes_on_in_its_topic(server: Server) {
    let (kafka, mut database, connector) = connector(server, "anew");
    let statements = [
        "INSERT INTO t VALUES (1, 10)",
        "DROP TABLE t",
        "CREATE TABLE t (v VARCHAR(5), id BIGINT PRIMARY KEY)",
        "INSERT INTO t VALUES ('x', 2)",
        "TRUNCATE t",
        "INSERT INTO t VALUES ('y', 2)",
        "DROP TABLE t",
        "CREATE TABLE t (id INT PRIMARY KEY, v INT)",
        "INSERT INTO t VALUES (3, 30)",
    ];
    let wanted = |times: i64| -> Vec<(i64, String)> {
        let once = expected(&[(1, "10"), (2, "\"x\""), (2, "\"y\""), (3, "30")]);
        let mut all: Vec<_> = (0..times).flat_map(|_| once.clone()).collect();
        all.sort();
        all
    };
    // While the connector is behind, where the log tells what the tables were; and while it runs.
    let is_told = database.server.kind.names_columns();
    let topic = connector.topic("t");
    let happen = |database: &mut Database, mut before: usize| {
        for sql in statements {
            database.exec(sql);
            before += usize::from(sql.starts_with("INSERT"));
            if !is_told && sql.starts_with("INSERT") {
                rows(&kafka, &topic, before);
            }
        }
    };
    let rowmill = if is_told {
        happen(&mut database, 0);
        connector.start()
    } else {
        let rowmill = connector.start();
        happen(&mut database, 0);
        rowmill
    };
    assert_eq!(rows(&kafka, &topic, 4), wanted(1));
    database.exec("TRUNCATE t");
    happen(&mut database, 4);
    assert_eq!(rows(&kafka, &topic, 8), wanted(2));
    rowmill.terminate().assert_code(0);
}

fn a_table_that_moves_in_from_another_database_is_delivered_from_then_on(server: Server) {
    let kind = server.kind;
    let (kafka, mut database, connector) = connector(server, "moved");
    let other = Server::shared_of(kind).database("elsewhere");
    let (here, there) = (database.name.clone(), other.name.clone());
    let rowmill = connector.start();
    database.exec(&format!("CREATE TABLE `{there}`.t_moved (id INT PRIMARY KEY, v INT)"));
    database.exec(&format!("INSERT INTO `{there}`.t_moved VALUES (1, 10)"));
    database.exec(&format!("RENAME TABLE `{there}`.t_moved TO t_moved"));
    let topic = connector.topic("t_moved");
    assert_eq!(until("the topic of t_moved", || kafka.partitions(&topic)), 6);
    database.exec("INSERT INTO t_moved VALUES (2, 20)");
    // Gone again, and back under its name, with rows that were changed elsewhere.
    database.exec(&format!("ALTER TABLE t_moved RENAME `{there}`.t_moved"));
    database.exec(&format!("INSERT INTO `{there}`.t_moved VALUES (3, 30)"));
    database.exec(&format!("RENAME TABLE `{there}`.t_moved TO `{here}`.t_moved, t TO `{there}`.t"));
    database.exec(&format!("INSERT INTO `{there}`.t VALUES (9, 90)"));
    database.exec("INSERT INTO t_moved VALUES (4, 40)");
    assert_eq!(rows(&kafka, &topic, 2), expected(&[(2, "20"), (4, "40")]));
    rowmill.terminate().assert_code(0);
    assert_eq!(kafka.read_to_end(&topic).len(), 2);
    assert!(
        kafka.read_to_end(&connector.topic("t")).is_empty(),
        "what happens elsewhere is nobody's"
    );
}
