//! XA transactions: their rows arrive at their XA COMMIT, once, whatever happens in between.

use std::collections::{BTreeMap, BTreeSet};

use pipeline_tests::{Chance, Connector, Database, Kafka, Kind, Message, Server, Session, until};

/// An id that the log of a server that tests share has only once.
fn xid(database: &Database, name: &str) -> String {
    format!("'{}','{name}',7", database.name)
}

/// Prepares `sql` as an XA transaction. The session is free for the next one.
pub(crate) fn prepare(session: &mut Session, xid: &str, sql: &[&str]) {
    session.exec(&format!("XA START {xid}"));
    for sql in sql {
        session.exec(sql);
    }
    session.exec(&format!("XA END {xid}"));
    session.exec(&format!("XA PREPARE {xid}"));
}

/// A session of its own for a transaction that stays prepared: MySQL gives it free, MariaDB when it ends.
fn prepare_and_leave(database: &Database, xid: &str, sql: &[&str]) {
    prepare(&mut database.session(), xid, sql);
}

/// Commits or rolls back what another session prepared; MariaDB lets it go only when that session has ended.
fn decide(database: &mut Database, how: &str, xid: &str) {
    until("the prepared transaction to be free", || {
        database.query("XA RECOVER");
        database.try_exec(&format!("XA {how} {xid}")).ok()
    });
}

fn ids(messages: &[Message]) -> Vec<i64> {
    messages.iter().map(|m| m.integer("id")).collect()
}

/// Messages of all partitions in the order of the binlog.
fn in_order(mut messages: Vec<Message>) -> Vec<Message> {
    messages.sort_by_key(|m| (m.sequence(), m.op() == "UPDATE_AFTER"));
    messages
}

fn wait_for(kafka: &Kafka, connector: &Connector, id: i64) {
    kafka.read_until(&[&connector.topic("t")], |read| {
        read.iter().any(|m| m.key.as_deref() == Some(&format!("{{\"id\":{id}}}")))
    });
}

#[test]
fn xa_rows_arrive_where_they_were_committed_with_the_gtid_and_time_of_the_commit() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("xa_order");
    for table in ["t", "other"] {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, v INT)"));
    }
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.source = "transaction_markers = true".to_owned();
    connector.plugin = "builtin = \"envelope\"\nconfig = { headers = true }".to_owned();
    kafka.create_topic(&connector.topic("t"), 1);
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| xid(&database, name));
    database.exec("INSERT INTO t VALUES (1, 0), (2, 0)");
    prepare_and_leave(&database, &a, &["INSERT INTO t VALUES (10, 1)", "UPDATE t SET v = 1 WHERE id = 1"]);
    prepare_and_leave(
        &database,
        &b,
        &["INSERT INTO other VALUES (1, 1)", "INSERT INTO t VALUES (20, 2), (21, 2)"],
    );
    prepare_and_leave(&database, &c, &["INSERT INTO t VALUES (30, 3)"]);
    prepare_and_leave(&database, &d, &["INSERT INTO other VALUES (40, 4)"]);
    database.exec("INSERT INTO t VALUES (3, 0)");
    decide(&mut database, "COMMIT", &b);
    let of_b = database.gtids();
    decide(&mut database, "ROLLBACK", &c);
    decide(&mut database, "COMMIT", &d);
    database.exec("DELETE FROM t WHERE id = 2");
    let now = "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000";
    let before_a: i64 = database.value(now).parse().unwrap();
    decide(&mut database, "COMMIT", &a);
    let one_phase = xid(&database, "one");
    database.exec(&format!("XA START {one_phase}"));
    database.exec("INSERT INTO t VALUES (50, 5)");
    database.exec(&format!("XA END {one_phase}"));
    database.exec(&format!("XA COMMIT {one_phase} ONE PHASE"));
    let packed = xid(&database, "packed");
    let rows: Vec<String> = (60..90).map(|id| format!("({id}, 6)")).collect();
    let mut session = database.session();
    session.exec("SET SESSION binlog_transaction_compression = ON");
    prepare(&mut session, &packed, &[&format!("INSERT INTO t VALUES {}", rows.join(","))]);
    session.exec("INSERT INTO t VALUES (91, 9)");
    session.exec(&format!("XA COMMIT {packed}"));
    session.exec("INSERT INTO t VALUES (92, 9)");
    let rowmill = connector.start();
    wait_for(&kafka, &connector, 92);
    rowmill.terminate().assert_code(0);
    let messages = kafka.read_to_end(&connector.topic("t"));
    let seen: Vec<(String, i64)> = messages
        .iter()
        .filter(|m| !m.op().starts_with("TRANSACTION"))
        .map(|m| (m.op(), m.integer("id")))
        .collect();
    let mut wanted: Vec<(&str, i64)> = vec![
        ("INSERT", 1),
        ("INSERT", 2),
        ("INSERT", 3),
        ("INSERT", 20),
        ("INSERT", 21),
        ("DELETE", 2),
        ("INSERT", 10),
        ("UPDATE_BEFOR", 1),
        ("UPDATE_AFTER", 1),
        ("INSERT", 50),
        ("INSERT", 91),
    ];
    wanted.extend((60..90).map(|id| ("INSERT", id)));
    wanted.push(("INSERT", 92));
    assert_eq!(seen, wanted.iter().map(|(op, id)| ((*op).to_owned(), *id)).collect::<Vec<_>>());
    let numbers: Vec<u64> = messages
        .iter()
        .filter(|m| m.op() != "UPDATE_AFTER")
        .map(Message::sequence)
        .collect();
    assert!(numbers.windows(2).all(|w| w[1] > w[0]), "{numbers:?}");
    // Begin, rows, end: each transaction by itself, the prepared ones nowhere else.
    let edges = messages.iter().filter(|m| m.op().starts_with("TRANSACTION")).count();
    assert_eq!(edges, 2 * 9);
    let twenty = messages.iter().find(|m| m.key.as_deref() == Some("{\"id\":20}")).unwrap();
    let gtid = twenty.headers.iter().find(|(name, _)| name == "gtid").unwrap().1.clone();
    let (server, number) = gtid.rsplit_once(':').unwrap();
    assert!(
        of_b.contains(server) && of_b.contains(&format!("-{number}")),
        "{gtid} is not the last of {of_b}"
    );
    let ten = messages.iter().find(|m| m.key.as_deref() == Some("{\"id\":10}")).unwrap();
    let event_time = ten.json()["payload"]["timestamp"]["eventTime"].as_i64().unwrap();
    assert!(event_time >= before_a, "{event_time} is before the commit at {before_a}");
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The branches of this database's transactions that the stored position names as undecided.
fn undecided(connector: &Connector, database: &Database) -> Vec<String> {
    let shown = connector.spawn(&["position", "show"]).wait();
    shown.assert_code(0);
    let start = format!("X'{}',X'", hex(&database.name));
    let found = shown.stdout.iter().filter_map(|line| line.split_once(&start));
    let mut branches: Vec<String> = found.map(|(_, rest)| rest.split('\'').next().unwrap().to_owned()).collect();
    branches.sort();
    branches
}

/// Prepares transactions, ends the connector by SIGKILL, decides them, and starts it again.
fn decided_while_it_is_dead(mut database: Database, start: Option<&str>) {
    let kafka = Kafka::shared();
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    if let Some(start) = start {
        connector.start = start.to_owned();
    }
    let ids_of = ["commit", "rollback", "later", "never"].map(|name| xid(&database, name));
    let [commit, rollback, later, never] = &ids_of;
    let rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (1, 'before')");
    prepare_and_leave(&database, commit, &["INSERT INTO t VALUES (10, 'commit'), (11, 'commit')"]);
    prepare_and_leave(&database, rollback, &["INSERT INTO t VALUES (20, 'rollback')"]);
    prepare_and_leave(&database, later, &["INSERT INTO t VALUES (30, 'later')"]);
    prepare_and_leave(&database, never, &["INSERT INTO t VALUES (40, 'never')"]);
    database.exec("INSERT INTO t VALUES (2, 'between')");
    let mut all = ["commit", "rollback", "later", "never"].map(hex);
    all.sort();
    until("the four in the stored position", || {
        (undecided(&connector, &database) == all).then_some(())
    });
    rowmill.kill();
    decide(&mut database, "COMMIT", commit);
    decide(&mut database, "ROLLBACK", rollback);
    database.exec("FLUSH BINARY LOGS");
    database.exec("INSERT INTO t VALUES (3, 'after')");
    let rowmill = connector.start();
    wait_for(&kafka, &connector, 3);
    decide(&mut database, "COMMIT", later);
    wait_for(&kafka, &connector, 30);
    rowmill.terminate().assert_code(0);
    let messages = in_order(kafka.read_to_end(&connector.topic("t")));
    let mut seen = ids(&messages);
    // What was not committed before the kill may come again, with the number that it had.
    let numbers: BTreeSet<u64> = messages.iter().map(Message::sequence).collect();
    seen.dedup();
    assert_eq!(seen, [1, 2, 10, 11, 3, 30]);
    assert_eq!(numbers.len(), seen.len(), "a repeated change has the number it had");
    assert_eq!(undecided(&connector, &database), [hex("never")]);
    decide(&mut database, "ROLLBACK", never);
}

#[test]
fn prepared_transactions_survive_a_kill_where_positions_are_gtid_sets() {
    decided_while_it_is_dead(Server::shared().database("xa_gtid"), None);
}

#[test]
fn prepared_transactions_survive_a_kill_where_positions_are_offsets_of_files() {
    let mut database = Server::start(&["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]).database("xa_file");
    let (file, pos) = database.log_end();
    decided_while_it_is_dead(database, Some(&format!("{{ file = \"{file}\", pos = {pos} }}")));
}

#[test]
fn prepared_transactions_survive_a_kill_where_positions_are_mariadbs() {
    decided_while_it_is_dead(Server::start_of(Kind::Mariadb, &[]).database("xa_maria"), None);
}

/// Rows of one transaction, more than the share of the smallest memory has room for.
const LARGE: i64 = 3_000;

fn larger_than_memory(mut database: Database) {
    let kafka = Kafka::shared();
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.sections = "[limits]\nmemory = \"64MiB\"\nrow = \"1MiB\"".to_owned();
    connector.plugin = "builtin = \"envelope\"\nmemory = \"32MiB\"".to_owned();
    kafka.create_topic(&connector.topic("t"), 1);
    let filler: Vec<String> = (0..LARGE).map(|id| format!("({id}, REPEAT('{}', 1000))", id % 10)).collect();
    let filler: Vec<String> = filler
        .chunks(500)
        .map(|rows| format!("INSERT INTO t VALUES {}", rows.join(",")))
        .collect();
    let large = xid(&database, "large");
    prepare_and_leave(&database, &large, &filler.iter().map(String::as_str).collect::<Vec<_>>());
    database.exec(&format!("INSERT INTO t VALUES ({LARGE}, 'between')"));
    decide(&mut database, "COMMIT", &large);
    database.exec(&format!("INSERT INTO t VALUES ({}, 'after')", LARGE + 1));
    let rowmill = connector.start();
    rowmill.wait_for_log("the second reading", |line| line.contains("reading an xa transaction again"));
    wait_for(&kafka, &connector, LARGE + 1);
    rowmill.terminate().assert_code(0);
    let messages = kafka.read_to_end(&connector.topic("t"));
    let mut wanted = vec![LARGE];
    wanted.extend(0..LARGE);
    wanted.push(LARGE + 1);
    assert_eq!(ids(&messages), wanted);
    assert!(messages[1..=usize::try_from(LARGE).unwrap()].iter().all(|m| {
        let value = m.json()["payload"]["after"]["dataColumn"]["v"].clone();
        value == format!("{}", m.integer("id") % 10).repeat(1000)
    }));
}

#[test]
fn an_xa_transaction_larger_than_its_share_of_memory_is_read_again_from_mysql() {
    larger_than_memory(Server::shared().database("xa_large"));
}

#[test]
fn an_xa_transaction_larger_than_its_share_of_memory_is_read_again_from_mariadb() {
    larger_than_memory(Server::start_of(Kind::Mariadb, &[]).database("xa_maria_large"));
}

#[test]
fn a_transaction_prepared_before_the_start_is_found_and_one_that_is_gone_stops_or_is_left_out() {
    let kafka = Kafka::shared();
    let mut database = Server::start(&[]).database("xa_before");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let [kept, gone] = ["kept", "gone"].map(|name| xid(&database, name));
    prepare_and_leave(&database, &gone, &["INSERT INTO t VALUES (10)"]);
    database.exec("FLUSH BINARY LOGS");
    database.exec("FLUSH BINARY LOGS");
    let (file, _) = database.log_end();
    prepare_and_leave(&database, &kept, &["INSERT INTO t VALUES (20)"]);
    database.exec("INSERT INTO t VALUES (1)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    database.exec("FLUSH BINARY LOGS");
    decide(&mut database, "COMMIT", &kept);
    database.exec("INSERT INTO t VALUES (2)");
    database.exec(&format!("PURGE BINARY LOGS TO '{file}'"));
    decide(&mut database, "COMMIT", &gone);
    database.exec("INSERT INTO t VALUES (3)");
    let stopped = connector.start().wait();
    stopped.assert_code(1);
    let gone_id = hex("gone");
    for word in [gone_id.as_str(), "source.lost_xa", "new snapshot"] {
        assert!(stopped.reason().contains(word), "no {word} in {}", stopped.output());
    }
    let seen = |messages: Vec<Message>| ids(&in_order(messages));
    assert_eq!(seen(kafka.read_to_end(&connector.topic("t"))), [20, 2]);
    connector.source = "lost_xa = \"warn\"".to_owned();
    let rowmill = connector.start();
    rowmill.wait_for_log("the warning", |line| line.contains("WARN") && line.contains(&gone_id));
    wait_for(&kafka, &connector, 3);
    rowmill.terminate().assert_code(0);
    assert_eq!(seen(kafka.read_to_end(&connector.topic("t"))), [20, 2, 3]);
}

const ROUNDS: usize = 6;
const TRANSACTIONS: usize = 40;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Committed,
    RolledBack,
    Undecided,
}

/// Random XA transactions, each with rows of its own; some stay prepared for a later call.
fn load(database: &mut Database, chance: &mut Chance, fates: &mut BTreeMap<i64, Fate>, open: &mut Vec<(String, Vec<i64>)>) {
    for _ in 0..TRANSACTIONS {
        let first = i64::try_from(fates.len()).unwrap();
        let rows: Vec<i64> = (first..=first + i64::try_from(chance.below(4)).unwrap()).collect();
        let values: Vec<String> = rows.iter().map(|id| format!("({id})")).collect();
        let insert = format!("INSERT INTO t VALUES {}", values.join(","));
        let (id, fate) = (xid(database, &format!("r{first}")), chance.below(5));
        match fate {
            0 => {
                database.exec(&insert);
                fates.extend(rows.iter().map(|id| (*id, Fate::Committed)));
            }
            1 => {
                database.exec(&format!("XA START {id}"));
                database.exec(&insert);
                database.exec(&format!("XA END {id}"));
                database.exec(&format!("XA COMMIT {id} ONE PHASE"));
                fates.extend(rows.iter().map(|id| (*id, Fate::Committed)));
            }
            _ => {
                prepare_and_leave(database, &id, &[&insert]);
                fates.extend(rows.iter().map(|id| (*id, Fate::Undecided)));
                open.push((id, rows));
            }
        }
        while open.len() > 12 || (!open.is_empty() && chance.below(3) == 0) {
            let at = usize::try_from(chance.below(u64::try_from(open.len()).unwrap())).unwrap();
            let (id, rows) = open.swap_remove(at);
            let (how, fate) = if chance.below(3) == 0 {
                ("ROLLBACK", Fate::RolledBack)
            } else {
                ("COMMIT", Fate::Committed)
            };
            decide(database, how, &id);
            fates.extend(rows.iter().map(|id| (*id, fate)));
        }
    }
}

fn killed_among_xa_transactions(mut database: Database) {
    let kafka = Kafka::shared();
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let connector = Connector::new(&mut database, &kafka, "t");
    let mut chance = Chance::new();
    let (mut fates, mut open) = (BTreeMap::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = kafka.read_to_end(&connector.topic("t")).len();
        let rowmill = connector.start();
        let wait = usize::try_from(chance.below(30)).unwrap();
        std::thread::scope(|scope| {
            let (database, fates, open, chance) = (&mut database, &mut fates, &mut open, &mut chance);
            let loader = scope.spawn(move || load(database, chance, fates, open));
            kafka.read_until(&[&connector.topic("t")], |read| {
                read.len() > before + wait || (read.len() > before && loader.is_finished())
            });
            rowmill.kill();
            loader.join().unwrap();
        });
    }
    for (id, _) in &open {
        decide(&mut database, "ROLLBACK", id);
    }
    let rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (-1)");
    wait_for(&kafka, &connector, -1);
    rowmill.terminate().assert_code(0);
    let mut numbers: BTreeMap<i64, u64> = BTreeMap::new();
    for message in kafka.read_to_end(&connector.topic("t")) {
        let (id, number) = (message.integer("id"), message.sequence());
        let known = *numbers.entry(id).or_insert(number);
        assert_eq!(known, number, "row {id} came again as another change");
    }
    numbers.remove(&-1);
    let wanted: Vec<i64> = fates
        .iter()
        .filter(|(_, fate)| **fate == Fate::Committed)
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(numbers.keys().copied().collect::<Vec<_>>(), wanted);
    println!("{} rows, {} committed, {ROUNDS} kills", fates.len(), wanted.len());
}

#[test]
fn killed_among_xa_transactions_it_delivers_what_was_committed_and_nothing_else_on_mysql() {
    killed_among_xa_transactions(Server::shared().database("xa_kill"));
}

#[test]
fn killed_among_xa_transactions_it_delivers_what_was_committed_and_nothing_else_on_mariadb() {
    killed_among_xa_transactions(Server::start_of(Kind::Mariadb, &[]).database("xa_maria_kill"));
}
