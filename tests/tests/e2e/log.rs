//! What stands in a log beside plain transactions of rows: savepoints, files that end, checksums that change, comments, statements
//! over several tables, and what the server itself does to rows.

pub(crate) mod own;

use pipeline_tests::{Connector, Database, Kafka, Kind, Message, Server};

/// Messages of some topics in the order of the log: operation, table, and the column `id`.
fn changes(kafka: &Kafka, connector: &Connector, tables: &[&str]) -> Vec<(String, String, i64)> {
    let mut all: Vec<(u64, bool, Message, &str)> = Vec::new();
    for table in tables {
        for message in kafka.read_to_end(&connector.topic(table)) {
            all.push((message.sequence(), message.op() == "UPDATE_AFTER", message, table));
        }
    }
    all.sort_by_key(|(sequence, after, ..)| (*sequence, *after));
    all.into_iter()
        .map(|(_, _, message, table)| (message.op(), table.to_owned(), message.integer("id")))
        .collect()
}

fn expected(changes: &[(&str, &str, i64)]) -> Vec<(String, String, i64)> {
    changes
        .iter()
        .map(|(op, table, id)| ((*op).to_owned(), (*table).to_owned(), *id))
        .collect()
}

/// The row that ends a test, in table `t`.
const LAST: i64 = 999;

fn wait_for_last(kafka: &Kafka, connector: &Connector, id: i64) {
    let key = format!("{{\"id\":{id}}}");
    kafka.read_until(&[&connector.topic("t")], |read| read.iter().any(|m| m.key.as_deref() == Some(&key)));
}

/// Reads everything up to the last row, and ends.
fn run_to_last(kafka: &Kafka, connector: &Connector, database: &mut Database) {
    database.exec(&format!("INSERT INTO t (id) VALUES ({LAST})"));
    let rowmill = connector.start();
    wait_for_last(kafka, connector, LAST);
    rowmill.terminate().assert_code(0);
}

fn what_a_savepoint_takes_back_does_not_arrive(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("savepoints");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    for sql in [
        "BEGIN",
        "INSERT INTO t VALUES (1)",
        "SAVEPOINT `a b`",
        "INSERT INTO t VALUES (2)",
        "SAVEPOINT c",
        "INSERT INTO t VALUES (3)",
        "ROLLBACK TO c",
        "INSERT INTO t VALUES (4)",
        "ROLLBACK WORK TO SAVEPOINT `a b`",
        "INSERT INTO t VALUES (5)",
        "RELEASE SAVEPOINT `a b`",
        "COMMIT",
        "BEGIN",
        "SAVEPOINT a",
        "INSERT INTO t VALUES (6)",
        "ROLLBACK",
        "BEGIN",
        "INSERT INTO t VALUES (7)",
        "SAVEPOINT a",
        "INSERT INTO t VALUES (8)",
        "ROLLBACK TO a",
        "COMMIT",
    ] {
        database.exec(sql);
    }
    run_to_last(&kafka, &connector, &mut database);
    let wanted = [("INSERT", "t", 1), ("INSERT", "t", 5), ("INSERT", "t", 7), ("INSERT", "t", LAST)];
    assert_eq!(changes(&kafka, &connector, &["t"]), expected(&wanted));
}

/// MariaDB, and MySQL 5.6 without GTIDs, log the rows of a transaction that they roll back where it made or dropped a temporary table.
fn what_the_log_itself_takes_back_does_not_arrive(server: Server) {
    let kafka = Kafka::shared();
    let kind = server.kind;
    let mut database = server.permissive().database("taken_back");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.source = "transaction_markers = true".to_owned();
    let (file, pos) = database.log_end();
    for sql in [
        "BEGIN",
        "INSERT INTO t (id) VALUES (1)",
        "CREATE TEMPORARY TABLE a (a INT)",
        "SAVEPOINT s",
        "INSERT INTO t (id) VALUES (2)",
        "ROLLBACK TO s",
        "ROLLBACK",
        "BEGIN",
        "INSERT INTO t VALUES (3, REPEAT('x', 60000))",
        "CREATE TEMPORARY TABLE b (a INT)",
        "SAVEPOINT s",
        "INSERT INTO t (id) VALUES (4)",
        "SAVEPOINT z",
        "UPDATE t SET v = 'changed' WHERE id = 3",
        "ROLLBACK TO s",
        "INSERT INTO t (id) VALUES (5)",
        "COMMIT",
        "BEGIN",
        "INSERT INTO t (id) VALUES (6)",
        "DROP TEMPORARY TABLE b",
        "ROLLBACK",
    ] {
        database.exec(sql);
    }
    let events = database.log_events(&file, pos);
    let taken_back = events
        .iter()
        .filter(|row| row[5].as_ref().is_some_and(|info| info.contains("ROLLBACK")));
    assert_eq!(taken_back.count() > 0, kind != Kind::Mysql, "{events:?}");
    run_to_last(&kafka, &connector, &mut database);
    let mut seen: Vec<(u64, String, Option<String>)> = kafka
        .read_to_end(&connector.topic("t"))
        .into_iter()
        .map(|m| (m.sequence(), m.op(), m.key))
        .collect();
    seen.sort();
    let seen: Vec<(&str, Option<&str>)> = seen.iter().map(|(_, op, key)| (op.as_str(), key.as_deref())).collect();
    let (begin, end) = (("TRANSACTION_BEGIN", None), ("TRANSACTION_END", None));
    let insert = |key| ("INSERT", Some(key));
    assert_eq!(
        seen,
        [
            begin,
            insert("{\"id\":3}"),
            insert("{\"id\":5}"),
            end,
            begin,
            insert("{\"id\":999}"),
            end
        ]
    );
}

fn one_statement_over_several_tables_arrives_in_each_topic(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("several");
    for table in ["t", "u", "unchosen"] {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, v INT)"));
    }
    let connector = Connector::new(&mut database, &kafka, "t,u");
    for table in ["t", "u", "unchosen"] {
        database.exec(&format!("INSERT INTO {table} VALUES (1, 0), (2, 0)"));
    }
    database.exec("UPDATE t JOIN unchosen USING (id) JOIN u USING (id) SET t.v = 1, unchosen.v = 1, u.v = 1 WHERE id = 1");
    database.exec("DELETE t, u, unchosen FROM t JOIN u USING (id) JOIN unchosen USING (id) WHERE id = 2");
    run_to_last(&kafka, &connector, &mut database);
    let mut seen = changes(&kafka, &connector, &["t", "u"]);
    let last = seen.pop().unwrap();
    assert_eq!(last.2, LAST);
    let of = |table: &str| -> Vec<(String, i64)> { seen.iter().filter(|c| c.1 == table).map(|c| (c.0.clone(), c.2)).collect() };
    let wanted = [
        ("INSERT", 1),
        ("INSERT", 2),
        ("UPDATE_BEFOR", 1),
        ("UPDATE_AFTER", 1),
        ("DELETE", 2),
    ];
    for table in ["t", "u"] {
        assert_eq!(of(table), wanted.map(|(op, id)| (op.to_owned(), id)), "{table}");
    }
}

fn what_a_foreign_key_cascades_to_arrives_where_the_server_logs_it(server: Server) {
    let kafka = Kafka::shared();
    let kind = server.kind;
    let mut database = server.database("cascade");
    database.exec("CREATE TABLE parent (id INT PRIMARY KEY)");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE)");
    database
        .exec("CREATE TABLE s (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE SET NULL ON UPDATE CASCADE)");
    database.exec("INSERT INTO parent VALUES (1), (2)");
    database.exec("INSERT INTO t VALUES (10, 1), (20, 2)");
    database.exec("INSERT INTO s VALUES (30, 1), (40, 2)");
    let connector = Connector::new(&mut database, &kafka, "parent,t,s");
    database.exec("UPDATE parent SET id = 3 WHERE id = 1");
    database.exec("DELETE FROM parent WHERE id = 2");
    assert_eq!(
        database.value("SELECT GROUP_CONCAT(id, '=', COALESCE(p, 'null') ORDER BY id) FROM s"),
        "30=3,40=null"
    );
    run_to_last(&kafka, &connector, &mut database);
    let mut seen = changes(&kafka, &connector, &["parent", "t", "s"]);
    seen.sort();
    let own = [
        ("DELETE", "parent", 2),
        ("INSERT", "t", LAST),
        ("UPDATE_AFTER", "parent", 3),
        ("UPDATE_BEFOR", "parent", 1),
    ];
    let cascaded = [
        ("DELETE", "t", 20),
        ("UPDATE_AFTER", "s", 30),
        ("UPDATE_AFTER", "s", 40),
        ("UPDATE_AFTER", "t", 10),
        ("UPDATE_BEFOR", "s", 30),
        ("UPDATE_BEFOR", "s", 40),
        ("UPDATE_BEFOR", "t", 10),
    ];
    let mut wanted = expected(&own);
    // docs/servers.md says which servers do; of the others the check warns.
    let checked = connector.check();
    checked.assert_code(0);
    let warned = |table: &str| {
        checked
            .stdout
            .iter()
            .any(|line| line.contains("foreign key") && line.contains(&format!(".{table} ")))
    };
    if kind == Kind::Mysql {
        wanted.extend(expected(&cascaded));
    }
    for (table, changes_unseen) in [("parent", false), ("t", kind != Kind::Mysql), ("s", kind != Kind::Mysql)] {
        assert_eq!(warned(table), changes_unseen, "{table}: {}", checked.output());
    }
    wanted.sort();
    assert_eq!(seen, wanted);
}

fn what_triggers_change_arrives(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("triggers");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    database.exec("CREATE TABLE u (id INT PRIMARY KEY)");
    database.exec("CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW INSERT INTO u VALUES (NEW.id + 1000)");
    database.exec("CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1); DELETE FROM u; END");
    let connector = Connector::new(&mut database, &kafka, "t,u");
    database.exec("CALL p()");
    run_to_last(&kafka, &connector, &mut database);
    let wanted = [
        ("INSERT", "t", 1),
        ("INSERT", "u", 1001),
        ("DELETE", "u", 1001),
        ("INSERT", "t", LAST),
        ("INSERT", "u", 1000 + LAST),
    ];
    let mut seen = changes(&kafka, &connector, &["t", "u"]);
    // Of one statement's tables the server decides whose rows it logs first.
    assert_eq!(seen.len(), wanted.len());
    seen.sort();
    let mut wanted = expected(&wanted);
    wanted.sort();
    assert_eq!(seen, wanted);
}

fn a_truncated_table_has_no_deletes_and_goes_on(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("truncate");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    database.exec("INSERT INTO t VALUES (1), (2)");
    database.exec("TRUNCATE TABLE t");
    database.exec("INSERT INTO t VALUES (1)");
    run_to_last(&kafka, &connector, &mut database);
    let wanted = [("INSERT", "t", 1), ("INSERT", "t", 2), ("INSERT", "t", 1), ("INSERT", "t", LAST)];
    assert_eq!(changes(&kafka, &connector, &["t"]), expected(&wanted));
}

fn the_statement_that_is_logged_beside_its_rows_changes_nothing(server: Server) {
    let kafka = Kafka::shared();
    let (variable, event) = match server.kind {
        Kind::Mariadb => ("binlog_annotate_row_events", "Annotate_rows"),
        _ => ("binlog_rows_query_log_events", "Rows_query"),
    };
    let mut database = server.database("comments");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let (file, pos) = database.log_end();
    for (id, on) in [(1, "OFF"), (2, "ON"), (3, "OFF")] {
        database.exec(&format!("SET SESSION {variable} = {on}"));
        database.exec("BEGIN");
        database.exec(&format!("INSERT INTO t VALUES ({id}, 'BEGIN; COMMIT; DROP TABLE t')"));
        database.exec(&format!("INSERT INTO t VALUES (1{id}, REPEAT('x', 70000))"));
        database.exec("COMMIT");
    }
    let events = database.log_events(&file, pos);
    assert!(events.iter().any(|row| row[2].as_deref() == Some(event)), "no {event} in the log");
    run_to_last(&kafka, &connector, &mut database);
    let ids: Vec<i64> = changes(&kafka, &connector, &["t"]).iter().map(|change| change.2).collect();
    assert_eq!(ids, [1, 11, 2, 12, 3, 13, LAST]);
}

/// More than a packet of the protocol holds, which is 16 MiB: such an event comes in several.
fn a_row_larger_than_a_packet_arrives_whole(server: Server) {
    const MIB: usize = 1 << 20;
    let kafka = Kafka::shared();
    let mut database = server.database("large_row");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT, w LONGBLOB)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    // No broker takes such a message unasked.
    connector.sink = "kind = \"stdout\"".to_owned();
    connector.plugin = "builtin = \"envelope\"\nmemory = \"512MiB\"\ncall_timeout_ms = 60000".to_owned();
    connector.sections = "[limits]\nmemory = \"1GiB\"".to_owned();
    let (file, pos) = database.log_end();
    let mut sizes = vec![16 * MIB - 200];
    let insert = |database: &mut Database, id: usize, size: usize| {
        let odd = if size.is_multiple_of(2) { "" } else { "a" };
        database.exec(&format!(
            "INSERT INTO t VALUES ({id}, CONCAT(REPEAT('ab', {}), '{odd}'), NULL)",
            size / 2
        ));
    };
    insert(&mut database, 0, sizes[0]);
    // An event that fills a packet to its last byte (one is the protocol's own): an empty one follows.
    let events = database.log_events(&file, pos);
    let number = |text: &Option<String>| text.as_ref().unwrap().parse::<usize>().unwrap();
    let rows = events
        .iter()
        .find(|row| row[2].as_ref().unwrap().starts_with("Write_rows"))
        .unwrap();
    sizes.push(sizes[0] + 0xff_fffe - (number(&rows[4]) - number(&rows[1])));
    insert(&mut database, 1, sizes[1]);
    database.exec(&format!("UPDATE t SET v = 'small', w = REPEAT('x', {}) WHERE id = 0", 17 * MIB));
    database.exec(&format!("INSERT INTO t (id) VALUES ({LAST})"));
    let rowmill = connector.start();
    let lines = rowmill.wait_for_output(sizes.len() + 3);
    rowmill.terminate().assert_code(0);
    let text = |line: &str, column: &str| -> String {
        let (_, rest) = line
            .split_once(&format!("\\\"{column}\\\":"))
            .or_else(|| line.split_once(&format!("\"{column}\":")))
            .unwrap();
        rest.trim_start_matches(['\\', '"'])
            .split(['\\', '"', ',', '}'])
            .next()
            .unwrap()
            .to_owned()
    };
    for (line, size) in lines.iter().zip(&sizes) {
        let value = text(line, "v");
        let is_whole = value.len() == *size && value.as_bytes().chunks(2).all(|pair| pair == b"ab" || pair == b"a");
        assert!(is_whole, "{} bytes of {size}", value.len());
    }
    assert_eq!(text(&lines[sizes.len()], "v").len(), sizes[0], "the image before the update");
    assert_eq!(
        text(&lines[sizes.len() + 1], "w").len(),
        (17 * MIB).div_ceil(3) * 4,
        "the image after it, in base64"
    );
}

fn the_log_goes_on_in_its_next_file(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("rotate");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let rowmill = connector.start();
    for id in 1..=10 {
        database.exec(&format!("INSERT INTO t VALUES ({id})"));
        database.exec("FLUSH BINARY LOGS");
        if id == 5 {
            wait_for_last(&kafka, &connector, id);
        }
    }
    rowmill.terminate().assert_code(0);
    run_to_last(&kafka, &connector, &mut database);
    let ids: Vec<i64> = changes(&kafka, &connector, &["t"]).iter().map(|change| change.2).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, LAST]);
}

on_each_server!(
    what_a_savepoint_takes_back_does_not_arrive,
    what_the_log_itself_takes_back_does_not_arrive,
    one_statement_over_several_tables_arrives_in_each_topic,
    what_a_foreign_key_cascades_to_arrives_where_the_server_logs_it,
    what_triggers_change_arrives,
    a_truncated_table_has_no_deletes_and_goes_on,
    the_statement_that_is_logged_beside_its_rows_changes_nothing,
    a_row_larger_than_a_packet_arrives_whole,
    the_log_goes_on_in_its_next_file,
);

#[test]
fn tagged_gtids_are_followed_over_a_crash() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("tagged");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.plugin = "builtin = \"envelope\"\nconfig = { headers = true }".to_owned();
    let tag = database.name.to_lowercase();
    for round in [1, 100] {
        let rowmill = connector.start();
        for (id, next) in [
            (1, format!("AUTOMATIC:{tag}")),
            (2, "AUTOMATIC".to_owned()),
            (3, format!("AUTOMATIC:{tag}")),
        ] {
            database.exec(&format!("SET SESSION gtid_next = '{next}'"));
            database.exec(&format!("INSERT INTO t VALUES ({})", round + id));
        }
        database.exec("SET SESSION gtid_next = 'AUTOMATIC'");
        wait_for_last(&kafka, &connector, round + 3);
        rowmill.kill();
    }
    run_to_last(&kafka, &connector, &mut database);
    let messages = kafka.read_to_end(&connector.topic("t"));
    let tagged = |message: &Message| {
        message
            .headers
            .iter()
            .any(|(name, gtid)| name == "gtid" && gtid.contains(&format!(":{tag}:")))
    };
    let mut rows: Vec<(u64, i64, bool)> = messages.iter().map(|m| (m.sequence(), m.integer("id"), tagged(m))).collect();
    rows.sort_unstable();
    rows.dedup();
    let rows: Vec<(i64, bool)> = rows.into_iter().map(|(_, id, tagged)| (id, tagged)).collect();
    let once = |round: i64| [(round + 1, true), (round + 2, false), (round + 3, true)];
    assert_eq!(rows, [&once(1)[..], &once(100), &[(LAST, false)]].concat());
}
