//! Tables that change while they are copied: whoever replays the topic has the table.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use pipeline_tests::{Chance, Kafka, Kind, Message, Raises, Server, Session, seed, until};

use super::{copying, fill, wait_for_last_table};

on_each_server!(
    replaying_the_topic_of_a_moving_table_gives_the_table,
    a_moving_table_is_copied_through_crashes,
    rows_that_are_inserted_while_a_copy_is_killed_come_once,
    a_moving_table_is_copied_on_request,
    a_copy_on_request_of_a_moving_table_goes_on_after_crashes,
    more_changes_than_are_remembered_leave_the_copy_right,
    a_moving_table_without_a_key_is_copied_at_one_place_of_the_log,
    columns_that_are_added_meanwhile_are_in_the_rows_that_follow;
    newer: images_that_lack_columns_do_not_bring_old_rows_back,
);

/// Tables with keys of several kinds: name, columns, and what is in them beside `id` and `text`.
const KEYED: [(&str, &str, &str); 3] = [
    (
        "single",
        "id INT PRIMARY KEY, text VARCHAR(20), age INT NOT NULL DEFAULT 0",
        ", age",
    ),
    (
        "folded",
        "id INT, text VARCHAR(20), age INT NOT NULL, word VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, PRIMARY KEY (word)",
        ", age, CONCAT(IF(id % 2, 'Word', 'wORD'), id)",
    ),
    (
        "several",
        "id INT, text VARCHAR(20), age INT NOT NULL, part INT, PRIMARY KEY (part, id)",
        ", age, id % 3",
    ),
];

fn insert(table: &str, id: u64, age: u64, text: &str) -> String {
    let (.., rest) = KEYED.iter().find(|(name, ..)| *name == table).unwrap();
    format!("INSERT INTO {table} SELECT id, text{rest} FROM (SELECT {id} AS id, {age} AS age, '{text}' AS text) AS one")
}

/// Changes every other row at random until told to stop, from `first` on; each change of a row has a higher `age` than the ones before.
fn change(session: &mut Session, tables: &[&str], (first, rows, own): (u64, u64, u64), chance: &mut Chance, stop: &AtomicBool) -> u64 {
    let mut age = 0;
    while !stop.load(Ordering::Acquire) {
        age += 1;
        // Not faster than a debug build reads.
        std::thread::sleep(std::time::Duration::from_millis(4));
        let table = tables[chance.index(tables.len())];
        let id = first + chance.below((rows - first) / 2 + (rows - first) / 16) * 2 + own;
        match chance.below(4) {
            0 => session.exec(&format!("DELETE FROM {table} WHERE id = {id}")),
            1 => drop(session.try_exec(&insert(table, id, age, "new"))),
            2 => session.exec(&format!(
                "UPDATE {table} SET age = {age}, text = 'up {age}' WHERE id BETWEEN {id} AND {id} + 9 AND id % 2 = {own}"
            )),
            _ => session.exec(&format!("UPDATE {table} SET age = {age}, text = 's{age}' WHERE id = {id}")),
        }
    }
    age
}

/// Each record of a row is younger than the one before. Where images lack columns a row that is copied is not older than what was told
/// of it before; but it may be told ahead of changes, which then are told again.
/// A row that has not changed since may be told once more after a crash, and where its copy was asked for.
fn assert_never_back(messages: &[Message], whole: bool, repeats: bool) {
    let mut ages: BTreeMap<String, i64> = BTreeMap::new();
    assert!(messages[0].headers.iter().any(|(name, _)| name == "gtid"));
    for message in messages
        .iter()
        .filter(|message| matches!(message.op().as_str(), "INSERT" | "UPDATE_AFTER"))
    {
        let (key, age) = (message.key.clone().unwrap(), message.integer("age"));
        let before = ages.insert(key.clone(), age);
        let is_copied = message.headers.contains(&("gtid".to_owned(), String::new()));
        let is_right = |before| before < age || (repeats && before == age) || (!whole && (before == age || !is_copied));
        assert!(
            before.is_none_or(is_right),
            "{key} was {before:?}, then {age}; all of it: {:#?}",
            messages
                .iter()
                .filter(|other| other.key == message.key)
                .map(|other| &other.value)
                .collect::<Vec<_>>()
        );
    }
}

type Image = Vec<(String, String)>;

/// What a consumer has that takes each record at its word; columns that a record lacks stay what they were.
fn replay(messages: &[Message]) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut rows: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for message in messages {
        let key = message.key.clone().unwrap();
        match message.op().as_str() {
            "INSERT" => drop(rows.insert(key, message.image("after").into_iter().collect())),
            "UPDATE_AFTER" => rows.entry(key).or_default().extend(message.image("after")),
            "DELETE" => drop(rows.remove(&key)),
            "UPDATE_BEFOR" => {}
            op => panic!("{op}"),
        }
    }
    rows
}

fn texts(rows: BTreeMap<String, BTreeMap<String, String>>) -> BTreeMap<i64, Option<String>> {
    rows.into_values()
        .map(|row| {
            (
                row["id"].parse().unwrap(),
                row.get("text").and_then(|raw| serde_json::from_str(raw).unwrap()),
            )
        })
        .collect()
}

fn table(session: &mut Session, name: &str) -> BTreeMap<i64, Option<String>> {
    let rows = session.query(&format!("SELECT id, text FROM {name}"));
    rows.into_iter()
        .map(|row| (row[0].clone().unwrap().parse().unwrap(), row[1].clone()))
        .collect()
}

fn replaying_the_topic_of_a_moving_table_gives_the_table(server: Server) {
    moving(server, 4000, &Case::default());
}

fn a_moving_table_is_copied_through_crashes(server: Server) {
    moving(
        server,
        3000,
        &Case {
            kills: 2,
            ..Case::default()
        },
    );
}

fn a_moving_table_is_copied_on_request(server: Server) {
    moving(
        server,
        4000,
        &Case {
            requested: true,
            ..Case::default()
        },
    );
}

fn a_copy_on_request_of_a_moving_table_goes_on_after_crashes(server: Server) {
    moving(
        server,
        3000,
        &Case {
            requested: true,
            kills: 2,
            ..Case::default()
        },
    );
}

fn images_that_lack_columns_do_not_bring_old_rows_back(server: Server) {
    let whole = false;
    moving(
        server,
        6000,
        &Case {
            setting: "SET SESSION binlog_row_image = MINIMAL",
            whole,
            ..Case::default()
        },
    );
}

/// What a moving table goes through.
struct Case {
    /// Of the writers' sessions.
    setting: &'static str,
    /// Images are.
    whole: bool,
    /// Of the connector, while it copies.
    kills: u32,
    /// The copy is asked for while the connector streams; else it is that of a first start.
    requested: bool,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            setting: "SET SESSION autocommit = 1",
            whole: true,
            kills: 0,
            requested: false,
        }
    }
}

fn moving(server: Server, rows: u32, case: &Case) {
    let &Case {
        setting,
        whole,
        kills,
        requested,
    } = case;
    let kafka = Kafka::shared();
    let mut database = server.database("moving");
    for (name, columns, rest) in KEYED {
        database.exec(&format!("CREATE TABLE {name} ({columns})"));
        if name == "single" {
            fill(&mut database, name, rows);
        } else {
            database.exec(&format!("INSERT INTO {name} SELECT id, text{rest} FROM single"));
        }
    }
    let names = KEYED.map(|(name, ..)| name);
    let mut connector = copying(&mut database, &kafka, &names.join(","), if requested { "never" } else { "initial" });
    connector.plugin = "builtin = \"envelope\"\nconfig = { headers = true }".to_owned();
    // Small ones where the copy is to last.
    let chunk = match (whole, kills) {
        (false, _) => 3000,
        (true, 0) => 40,
        (true, _) => 4,
    };
    connector.source = format!("snapshot_chunk_rows = {chunk}");
    connector.sink.push_str("\npartitions_with_key = 1");
    let seed = seed(None);
    println!("seed {seed}");
    let stop = AtomicBool::new(false);
    // A few rows change very often, so that some do between their reading and their place in the topic.
    let first = if whole { 0 } else { u64::from(rows) - 60 };
    std::thread::scope(|scope| {
        let over = Raises(&stop);
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let mut session = database.session();
                session.exec(setting);
                let stop = &stop;
                scope.spawn(move || {
                    change(
                        &mut session,
                        &names,
                        (first, u64::from(rows), writer),
                        &mut Chance::of(seed + writer),
                        stop,
                    )
                })
            })
            .collect();
        let mut seen = 0;
        let mut is_asked = !requested;
        let mut start = || {
            let rowmill = connector.start();
            if !std::mem::replace(&mut is_asked, true) {
                rowmill.wait_for_log("the stream", |line| line.contains("streaming"));
                for name in names {
                    kafka.read(&[&connector.topic(name)], 20);
                }
                connector.spawn(&["snapshot", "--table", &names.join(",")]).wait().assert_code(0);
                rowmill.wait_for_log("the request", |line| line.contains("a copy was asked for"));
            }
            rowmill
        };
        for _ in 0..kills {
            let rowmill = start();
            let topics = names.map(|name| connector.topic(name));
            let count = || {
                topics
                    .iter()
                    .filter(|topic| kafka.partitions(topic).is_some())
                    .map(|topic| kafka.records(topic))
                    .sum::<i64>()
            };
            until("more records", || (count() > seen + 1000).then_some(()));
            rowmill.kill();
            seen = count();
        }
        let rowmill = start();
        wait_for_last_table(&rowmill);
        drop(over);
        let statements: u64 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        assert!(statements > 50, "only {statements} changes while copying");
        for name in names {
            database.exec(&insert(name, 100_000, 0, "last"));
            let messages = kafka.read_until(&[&connector.topic(name)], |messages| {
                messages
                    .last()
                    .is_some_and(|message| message.column("id").as_deref() == Some("100000"))
            });
            assert_never_back(&messages, whole, kills > 0 || requested);
            let found = texts(replay(&messages));
            let expected = table(&mut database.session(), name);
            for (id, text) in &expected {
                assert_eq!(found.get(id), Some(text), "row {id} of {name}, seed {seed}");
            }
            assert_eq!(found.len(), expected.len(), "{name}, seed {seed}");
        }
        rowmill.terminate().assert_code(0);
    });
}

/// Beside rows that were there, others come at random places of the key, some where the copy has been, some where it comes to later.
fn rows_that_are_inserted_while_a_copy_is_killed_come_once(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("once");
    for table in ["t", "u"] {
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, text VARCHAR(20))"));
        fill(&mut database, table, 3000);
        database.exec(&format!("UPDATE {table} SET id = id * 10 ORDER BY id DESC"));
    }
    let mut connector = copying(&mut database, &kafka, "t,u", "initial");
    connector.source = "snapshot_chunk_rows = 10\nsnapshot_threads = 1".to_owned();
    let stop = AtomicBool::new(false);
    let mut expected: Vec<i64> = (1..=3000).map(|id| id * 10).collect();
    let seed = seed(None);
    std::thread::scope(|scope| {
        let over = Raises(&stop);
        let mut session = database.session();
        let flag = &stop;
        let writer = scope.spawn(move || {
            let (mut chance, mut inserted) = (Chance::of(seed), std::collections::BTreeSet::new());
            while !flag.load(Ordering::Acquire) {
                let id = i64::try_from(chance.below(31_000)).unwrap();
                if id % 10 == 0 || !inserted.insert(id) {
                    continue;
                }
                for table in ["t", "u"] {
                    session.exec(&format!("INSERT INTO {table} VALUES ({id}, 'new')"));
                }
                std::thread::sleep(std::time::Duration::from_millis(4));
            }
            inserted
        });
        for _ in 0..3 {
            connector.dies_at("Copied", 80);
        }
        let rowmill = connector.start();
        rowmill.wait_for_log("what was told", |line| line.contains("known again"));
        wait_for_last_table(&rowmill);
        drop(over);
        let inserted = writer.join().unwrap();
        assert!(inserted.len() > 100, "only {} rows while copying", inserted.len());
        expected.extend(inserted);
        rowmill.terminate().assert_code(0);
    });
    expected.push(100_000);
    expected.sort_unstable();
    let rowmill = connector.start();
    for table in ["t", "u"] {
        database.exec(&format!("INSERT INTO {table} VALUES (100000, 'last')"));
        kafka.read_until(&[&connector.topic(table)], |messages| {
            messages.last().is_some_and(|message| message.integer("id") == 100_000)
        });
    }
    rowmill.terminate().assert_code(0);
    for table in ["t", "u"] {
        let mut found = super::ids(&kafka.read_to_end(&connector.topic(table)));
        found.sort_unstable();
        let twice: Vec<i64> = found.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect();
        assert_eq!(twice, Vec::<i64>::new(), "rows of {table} that came twice");
        assert_eq!(found, expected, "{table}");
    }
}

fn more_changes_than_are_remembered_leave_the_copy_right(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("many");
    // Long keys, so that few of them are many.
    let pad = "k".repeat(250);
    database.exec(&format!(
        "CREATE TABLE t (id INT, text VARCHAR(20), pad VARCHAR(250) CHARACTER SET latin1 NOT NULL DEFAULT '{pad}', PRIMARY KEY (pad, id))"
    ));
    let rows = 10_000;
    fill(&mut database, "t", rows);
    let mut connector = copying(&mut database, &kafka, "t", "initial");
    connector.source = "snapshot_chunk_rows = 10".to_owned();
    connector.sink.push_str("\npartitions_with_key = 1");
    // The least that the parts of a connector are content with.
    connector.plugin.push_str("\nmemory = \"32MiB\"");
    connector.sections = "[limits]\nmemory = \"40MiB\"\nrow = \"1MiB\"".to_owned();
    let rowmill = connector.start();
    rowmill.wait_for_log("a copy", |line| line.contains("copying a table"));
    // So that it is not done before the statements are.
    rowmill.signal("STOP");
    for number in 0..2 {
        database.exec(&format!("UPDATE t SET text = 'up {number}' WHERE id % 4 <> {number} * 2 - 2"));
    }
    rowmill.signal("CONT");
    rowmill.wait_for_log("forgetting", |line| line.contains("forgetting which rows"));
    rowmill.wait_for_log("the end", |line| line.contains("a table is copied"));
    database.exec("INSERT INTO t (id, text) VALUES (100000, 'last')");
    let messages = kafka.read_until(&[&connector.topic("t")], |messages| {
        messages
            .last()
            .is_some_and(|message| message.column("id").as_deref() == Some("100000"))
    });
    rowmill.terminate().assert_code(0);
    let found = texts(replay(&messages));
    let expected = table(&mut database.session(), "t");
    assert!(found == expected);
    assert_eq!(found.len(), usize::try_from(rows).unwrap() + 1);
}

fn a_moving_table_without_a_key_is_copied_at_one_place_of_the_log(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("plain");
    database.exec("CREATE TABLE plain (id INT, text VARCHAR(20))");
    database.exec("CREATE TABLE other (id INT PRIMARY KEY, text VARCHAR(20))");
    fill(&mut database, "plain", 3000);
    fill(&mut database, "other", 3000);
    let connector = copying(&mut database, &kafka, "plain,other", "initial");
    let stop = AtomicBool::new(false);
    // Without GTIDs of use it can only be copied in a moment without changes.
    let pause = if database.server.kind == Kind::Mysql56 { 3000 } else { 3 };
    std::thread::scope(|scope| {
        let over = Raises(&stop);
        let mut session = database.session();
        let flag = &stop;
        let writer = scope.spawn(move || {
            let mut next = 3001;
            while !flag.load(Ordering::Acquire) {
                session.exec(&format!("INSERT INTO plain VALUES ({next}, 'new')"));
                session.exec(&format!("DELETE FROM plain WHERE id = {}", next - 3000));
                session.exec(&format!("UPDATE other SET text = 'x{next}' WHERE id = {}", next % 3000));
                next += 1;
                std::thread::sleep(std::time::Duration::from_millis(pause));
            }
        });
        let rowmill = connector.start();
        wait_for_last_table(&rowmill);
        drop(over);
        writer.join().unwrap();
        database.exec("INSERT INTO plain VALUES (0, 'last')");
        let messages = kafka.read_until(&[&connector.topic("plain")], |messages| {
            messages.last().is_some_and(|message| message.column("id").as_deref() == Some("0"))
        });
        let mut rows: BTreeMap<Image, i64> = BTreeMap::new();
        for message in &messages {
            match message.op().as_str() {
                "INSERT" => *rows.entry(message.image("after")).or_default() += 1,
                "DELETE" => *rows.entry(message.image("before")).or_default() -= 1,
                op => panic!("{op}"),
            }
        }
        rows.retain(|_, count| *count != 0);
        let expected = database.query("SELECT id, text FROM plain");
        assert_eq!(rows.len(), expected.len());
        for row in expected {
            let image = vec![
                ("id".to_owned(), row[0].clone().unwrap()),
                ("text".to_owned(), format!("\"{}\"", row[1].clone().unwrap())),
            ];
            assert_eq!(rows.get(&image), Some(&1), "{image:?}");
        }
        rowmill.terminate().assert_code(0);
    });
}

fn columns_that_are_added_meanwhile_are_in_the_rows_that_follow(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("altered");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(20))");
    fill(&mut database, "t", 20_000);
    let mut connector = copying(&mut database, &kafka, "t", "initial");
    connector.source = "snapshot_chunk_rows = 20".to_owned();
    connector.sink.push_str("\npartitions_with_key = 1");
    let rowmill = connector.start();
    rowmill.wait_for_log("the copy", |line| line.contains("copying a table"));
    // So that it is not done before the statement is.
    rowmill.signal("STOP");
    database.exec("ALTER TABLE t ADD COLUMN more INT DEFAULT 7");
    rowmill.signal("CONT");
    wait_for_last_table(&rowmill);
    database.exec("INSERT INTO t VALUES (100000, 'last', 8)");
    let messages = kafka.read_until(&[&connector.topic("t")], |messages| {
        messages
            .last()
            .is_some_and(|message| message.column("id").as_deref() == Some("100000"))
    });
    rowmill.terminate().assert_code(0);
    let mut found: BTreeMap<i64, Option<String>> = BTreeMap::new();
    for message in &messages {
        found.insert(message.integer("id"), message.column("more"));
    }
    assert_eq!(found.len(), 20_001);
    let with = found.values().filter(|more| more.as_deref() == Some("7")).count();
    assert!(with > 1000, "{with} rows have the new column");
}
