//! MariaDB 10.11: what its binlog has in other forms than MySQL's arrives the same.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pipeline_tests::{Connector, Database, Kafka, Kind, Message, Server};

/// One server at a time: several that start at once take too long on a small machine.
static TURN: Mutex<()> = Mutex::new(());

/// A database on the server that all tests share.
fn shared(stem: &str) -> Database {
    Server::shared_of(Kind::Mariadb).database(stem)
}

/// A database on a server of its own, and the turn, which is to be kept as long.
fn database(stem: &str, options: &[&str]) -> (MutexGuard<'static, ()>, Database) {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    (turn, Server::start_of(Kind::Mariadb, options).database(stem))
}

/// Each option packs what it can, from the first byte on.
const COMPRESS: [&str; 2] = ["--log-bin-compress=ON", "--log-bin-compress-min-len=10"];

#[test]
fn a_row_of_mariadb_gives_the_documented_message() {
    let kafka = Kafka::shared();
    let mut database = shared("maria_doc");
    database.exec("CREATE TABLE books (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, title VARCHAR(100) NOT NULL, day DATE)");
    let connector = Connector::new(&mut database, &kafka, "books");
    database.exec("INSERT INTO books (title, day) VALUES ('Zoë', '2021-03-03')");
    let rowmill = connector.start();
    let message = kafka.read(&[&connector.topic("books")], 1).remove(0);
    rowmill.terminate().assert_code(0);
    let head = format!(
        concat!(
            r#"{{"schema":{{"dataColumn":[{{"name":"id","type":"LONG"}},{{"name":"title","type":"STRING"}},{{"name":"day","type":"DATE"}}],"#,
            r#""primaryKey":["id"],"source":{{"dbType":"MariaDB","dbName":"{}","tableName":"books"}}}},"payload":{{"before":null,"#,
            r#""after":{{"dataColumn":{{"id":1,"title":"Zoë","day":1614729600000}}}},"#
        ),
        database.name
    );
    assert!(message.value.starts_with(&head), "{} does not begin with {head}", message.value);
    assert_eq!(message.key.as_deref(), Some(r#"{"id":1}"#));
}

#[test]
fn types_that_only_mariadb_has_arrive_as_it_prints_them() {
    let kafka = Kafka::shared();
    let mut database = shared("maria_types");
    database.exec(
        "CREATE TABLE t (id INT PRIMARY KEY, u UUID, four INET4, six INET6, doc JSON, plain BINARY(16), \
         v VARCHAR(100) COMPRESSED, b BLOB COMPRESSED, x TEXT CHARACTER SET latin1 COMPRESSED, l LONGTEXT COMPRESSED)",
    );
    let connector = Connector::new(&mut database, &kafka, "t");
    database.exec(
        "INSERT INTO t VALUES \
         (1, '123e4567-e89b-12d3-a456-426655440000', '1.2.3.0', '::ffff:1.2.3.4', '{\"b\": 1, \"a\":[ ]}', 'ab', REPEAT('ab', 40), REPEAT('x', 300), 'é', 'hi'), \
         (2, '00000000-0000-0000-0000-000000000000', '0.0.0.0', '::', NULL, '', '', '', '', ''), \
         (3, '0190163d-8694-739b-aea5-966c26f8ad91', '255.255.255.255', '2001:db8::1:0:0', 'null', REPEAT('z', 16), REPEAT('€', 100), \
          NULL, REPEAT('é', 1000), REPEAT('ä', 70000)), \
         (4, 'ffffffff-ffff-ffff-ffff-ffffffffffff', NULL, 'ffff::', NULL, NULL, NULL, NULL, NULL, NULL), \
         (5, NULL, NULL, '1:0:0:2:0:0:0:3', NULL, NULL, 'a', 'b', 'c', 'd'), \
         (6, NULL, NULL, '::1.2.3.4', NULL, NULL, NULL, NULL, NULL, NULL), (7, NULL, NULL, '::2', NULL, NULL, NULL, NULL, NULL, NULL), \
         (8, NULL, NULL, '1:0:2:0:3:0:4:0', NULL, NULL, NULL, NULL, NULL, NULL)",
    );
    let rows = database.query("SELECT id, u, four, six, doc, TO_BASE64(plain), v, TO_BASE64(b), x, l FROM t ORDER BY id");
    let rowmill = connector.start();
    let mut messages = kafka.read(&[&connector.topic("t")], rows.len());
    rowmill.terminate().assert_code(0);
    messages.sort_by_key(|m| m.integer("id"));
    let names = ["id", "u", "four", "six", "doc", "plain", "v", "b", "x", "l"];
    for (message, row) in messages.iter().zip(&rows) {
        for (name, expected) in names.iter().zip(row).skip(1) {
            let expected = match expected {
                Some(text) if matches!(*name, "plain" | "b") => serde_json::Value::from(text.replace('\n', "")),
                Some(text) => serde_json::Value::from(text.clone()),
                None => serde_json::Value::Null,
            };
            let found = &message.json()["payload"]["after"]["dataColumn"][name];
            assert_eq!(*found, expected, "row {:?}, column {name}", row[0]);
        }
    }
}

#[test]
fn compressed_rows_and_statements_of_mariadb_arrive_whole() {
    let kafka = Kafka::shared();
    let (_turn, mut database) = database("maria_packed", &COMPRESS);
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, filler TEXT)");
    let connector = Connector::new(&mut database, &kafka, "t");
    database.exec("INSERT INTO t SELECT seq, REPEAT(seq, 300) FROM seq_1_to_50");
    database.exec("UPDATE t SET filler = REPEAT('y', id * 1000) WHERE id <= 3");
    database.exec("DELETE FROM t WHERE id = 4");
    database.exec("ALTER TABLE t ADD COLUMN added_behind_a_long_enough_statement_to_be_packed INT DEFAULT 7");
    database.exec("INSERT INTO t VALUES (51, REPEAT('z', 500), 8)");
    let kinds = database.query("SHOW BINLOG EVENTS");
    for kind in [
        "Write_rows_compressed_v1",
        "Update_rows_compressed_v1",
        "Delete_rows_compressed_v1",
        "Query_compressed",
    ] {
        assert!(kinds.iter().any(|row| row[2].as_deref() == Some(kind)), "no {kind} in {kinds:?}");
    }
    let rowmill = connector.start();
    let messages = kafka.read(&[&connector.topic("t")], 50 + 3 * 2 + 1 + 1);
    rowmill.terminate().assert_code(0);
    let of = |op: &str| messages.iter().filter(|m| m.op() == op).count();
    assert_eq!((of("INSERT"), of("UPDATE_AFTER"), of("UPDATE_BEFOR"), of("DELETE")), (51, 3, 3, 1));
    for message in messages.iter().filter(|m| m.op() == "UPDATE_AFTER") {
        let id = usize::try_from(message.integer("id")).unwrap();
        assert_eq!(message.json()["payload"]["after"]["dataColumn"]["filler"], "y".repeat(id * 1000));
    }
    let last = messages.iter().find(|m| m.op() == "INSERT" && m.integer("id") == 51).unwrap();
    assert_eq!(last.integer("added_behind_a_long_enough_statement_to_be_packed"), 8);
}

#[test]
fn a_killed_connector_goes_on_by_mariadbs_gtids_and_what_repeats_is_the_same_change() {
    let kafka = Kafka::shared();
    let (_turn, mut database) = database("maria_crash", &[]);
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, domain INT)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let mut expected = 0;
    for round in 0..4_u32 {
        let rowmill = connector.start();
        for _ in 0..25 {
            expected += 1;
            let domain = expected % 3;
            database.exec(&format!("SET SESSION gtid_domain_id = {domain}"));
            database.exec(&format!("INSERT INTO t VALUES ({expected}, {domain})"));
        }
        if round == 1 {
            database.exec("FLUSH BINARY LOGS");
        }
        kafka.read(&[&connector.topic("t")], usize::try_from(expected).unwrap());
        rowmill.kill();
    }
    let shown = connector.spawn(&["position", "show"]).wait();
    shown.assert_code(0);
    assert!(shown.output().contains("2-"), "no GTIDs of domain 2: {}", shown.output());
    let rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (0, 0)");
    kafka.read_until(&[&connector.topic("t")], |read| read.iter().any(|m| m.integer("id") == 0));
    rowmill.terminate().assert_code(0);
    let mut sequences = BTreeMap::new();
    for message in kafka.read_to_end(&connector.topic("t")) {
        let id = message.integer("id");
        let known = *sequences.entry(id).or_insert_with(|| message.sequence());
        assert_eq!(message.sequence(), known, "row {id} came again as another change");
    }
    assert!(sequences.keys().copied().eq(0..=i64::from(expected)), "{:?}", sequences.keys());
}

#[test]
fn create_select_truncate_and_savepoints_of_mariadb_are_read() {
    let kafka = Kafka::shared();
    let mut database = shared("maria_ddl");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    database.exec("CREATE TABLE other AS SELECT 1 AS id");
    database.exec("TRUNCATE TABLE other");
    database.exec("BEGIN");
    database.exec("INSERT INTO t VALUES (1)");
    database.exec("SAVEPOINT s");
    database.exec("INSERT INTO t VALUES (2)");
    database.exec("ROLLBACK TO s");
    database.exec("INSERT INTO t VALUES (3)");
    database.exec("COMMIT");
    database.exec("DROP TABLE other");
    database.exec("INSERT INTO t VALUES (4)");
    let rowmill = connector.start();
    kafka.read_until(&[&connector.topic("t")], |read| read.iter().any(|m| m.integer("id") == 4));
    rowmill.terminate().assert_code(0);
    // Only now: its partitions are not read in the order of the changes.
    let messages = kafka.read_to_end(&connector.topic("t"));
    let mut ids: Vec<i64> = messages.iter().map(|m| m.integer("id")).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 3, 4]);
}

#[test]
fn the_check_names_mariadbs_privileges_and_finds_a_good_server_good() {
    let kafka = Kafka::shared();
    let mut database = shared("maria_check");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let good = connector.check();
    good.assert_code(0);
    database.exec(&format!("REVOKE BINLOG MONITOR ON *.* FROM '{}'@'%'", connector.user));
    let bad = connector.check();
    bad.assert_code(1);
    assert!(bad.output().contains("GRANT REPLICATION CLIENT"), "{}", bad.output());
}

#[test]
fn tables_with_system_versioning_arrive_with_every_version_as_it_is_logged() {
    let kafka = Kafka::shared();
    let mut database = shared("maria_versions");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20)) WITH SYSTEM VERSIONING");
    let connector = Connector::new(&mut database, &kafka, "t");
    database.exec("INSERT INTO t VALUES (1, 'a')");
    database.exec("UPDATE t SET v = 'b'");
    database.exec("DELETE FROM t");
    let expected = database.query(
        "SELECT v, CAST(FLOOR(UNIX_TIMESTAMP(row_start) * 1000) AS CHAR), CAST(FLOOR(UNIX_TIMESTAMP(row_end) * 1000) AS CHAR) \
         FROM t FOR SYSTEM_TIME ALL ORDER BY v",
    );
    connector.check().assert_code(0);
    let rowmill = connector.start();
    let mut messages = kafka.read(&[&connector.topic("t")], 6);
    rowmill.terminate().assert_code(0);
    messages.sort_by_key(Message::sequence);
    let versions = messages.iter().filter(|m| m.op() != "UPDATE_BEFOR").map(|m| {
        let column = |name: &str| m.column(name).unwrap();
        (m.op(), column("v"), column("row_start"), column("row_end"))
    });
    let field = |row: usize, at: usize| expected[row][at].clone().unwrap();
    // An end that has not come is the last time that there is.
    let open = "2147483647999".to_owned();
    let of = |op: &str, v: &str, start: String, end: String| (op.to_owned(), format!("\"{v}\""), start, end);
    let wanted = [
        of("INSERT", "a", field(0, 1), open.clone()),
        of("UPDATE_AFTER", "b", field(1, 1), open),
        of("INSERT", "a", field(0, 1), field(0, 2)),
        of("UPDATE_AFTER", "b", field(1, 1), field(1, 2)),
    ];
    assert!(versions.eq(wanted), "{messages:#?}");
    assert_eq!(messages[0].json()["schema"]["primaryKey"], serde_json::json!(["id", "row_end"]));
}

#[test]
fn the_hashes_of_a_unique_key_over_long_texts_are_no_columns() {
    let kafka = Kafka::shared();
    let (_turn, mut database) = database("maria_hash", &[]);
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, a TEXT UNIQUE, b VARCHAR(3000) UNIQUE, n INT)");
    let connector = Connector::new(&mut database, &kafka, "t");
    database.exec("INSERT INTO t VALUES (1, 'x', 'y', 10), (2, NULL, 'z', 20)");
    database.exec("ALTER TABLE t ADD COLUMN last INT DEFAULT 5");
    database.exec("SET SESSION binlog_row_image = MINIMAL");
    database.exec("UPDATE t SET a = 'other', n = 11 WHERE id = 1");
    database.exec("SET SESSION binlog_row_image = FULL");
    database.exec("UPDATE t SET b = 'other' WHERE id = 1");
    let rowmill = connector.start();
    let mut messages = kafka.read(&[&connector.topic("t")], 6);
    rowmill.terminate().assert_code(0);
    messages.sort_by_key(|m| (m.sequence(), m.op() == "UPDATE_AFTER"));
    let found: Vec<String> = messages
        .iter()
        .map(|m| {
            let image = [m.image("before"), m.image("after")].concat();
            let members: Vec<String> = image.iter().map(|(name, raw)| format!("{name}={raw}")).collect();
            members.join(" ")
        })
        .collect();
    let expected = [
        r#"id=1 a="x" b="y" n=10"#,
        r#"id=2 a=null b="z" n=20"#,
        "id=1",
        r#"a="other" n=11"#,
        r#"id=1 a="other" b="y" n=11 last=5"#,
        r#"id=1 a="other" b="other" n=11 last=5"#,
    ];
    assert_eq!(found, expected);
    for (message, count) in messages.iter().zip([4, 4, 5, 5, 5, 5]) {
        let columns = message.json()["schema"]["dataColumn"].as_array().unwrap().len();
        assert_eq!(columns, count, "{}", message.value);
    }
}
