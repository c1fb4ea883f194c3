//! Rows that the decoder, a plugin or the topic does not take: they stop the connector, go to the dead-letter topic or are left
//! out, and no other row is touched.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use pipeline_tests::{Connector, Database, Kafka, Message, Server, binary, environment, until};
use serde_json::Value;

/// A plugin of `tests/guests`, built as the host's own tests build it.
pub(crate) fn guest(name: &str) -> PathBuf {
    let target = binary().parent().and_then(Path::parent).unwrap().join("guests-test");
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--release",
        "--locked",
        "--target",
        "wasm32-wasip2",
        "-p",
        name,
        "--target-dir",
    ]);
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER"] {
        cargo.env_remove(name);
    }
    let guests = Path::new(&environment("CARGO_MANIFEST_DIR")).join("guests");
    let output = cargo.arg(&target).current_dir(guests).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join(format!("wasm32-wasip2/release/{name}.wasm"))
}

/// The transform that judges rows by their text.
pub(crate) fn judge() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| guest("judge"))
}

/// A connector of table `t (id, v)` whose transform judges `v`.
fn judged(stem: &str, on_error: &str) -> (Database, Connector) {
    let mut database = Server::shared().database(stem);
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
    let mut connector = Connector::new(&mut database, &Kafka::shared(), "t");
    plugins(&mut connector, on_error, "");
    (database, connector)
}

fn plugins(connector: &mut Connector, on_error: &str, pardon: &str) {
    connector.plugin = format!(
        "path = \"{}\"\nconfig = {{ pardon = [{pardon}] }}\non_error = \"{on_error}\"\n[[plugin]]\nbuiltin = \"envelope\"",
        judge().display()
    );
}

fn letters(connector: &Connector) -> Vec<Message> {
    Kafka::shared().read_to_end(&connector.topic("dead_letters"))
}

fn header<'a>(message: &'a Message, name: &str) -> &'a str {
    let found = message.headers.iter().find(|(known, _)| known == name);
    found.map_or_else(|| panic!("no header {name}: {:?}", message.headers), |(_, value)| value)
}

fn codes(connector: &Connector) -> Vec<(String, i64)> {
    let of = |message: &Message| (header(message, "code").to_owned(), message.json()["after"]["id"].as_i64().unwrap());
    letters(connector).iter().map(of).collect()
}

/// Ids of the table's records, by sequenceId.
fn ids(connector: &Connector) -> Vec<i64> {
    let mut messages = Kafka::shared().read_to_end(&connector.topic("t"));
    messages.sort_by_key(Message::sequence);
    messages.iter().map(|message| message.integer("id")).collect()
}

/// Waits until the row of this id has come.
fn wait_for(connector: &Connector, id: i64) {
    let key = format!("{{\"id\":{id}}}");
    Kafka::shared().read_until(&[&connector.topic("t")], |read| {
        read.iter().any(|message| message.key.as_deref() == Some(&key))
    });
}

const MIXED: &str =
    "INSERT INTO t VALUES (1, 'fine'), (2, 'refuse me'), (3, 'fine'), (4, 'trap me'), (5, 'fine'), (6, 'batch'), (7, 'fine')";

/// Holds what has become of the rows of `MIXED` against what has to; the letter of the one that the plugin refuses.
fn refused_of_mixed(connector: &Connector) -> Message {
    assert_eq!(ids(connector), [1, 3, 5, 7]);
    let mut found = codes(connector);
    found.sort();
    assert_eq!(
        found,
        [("not-wanted".to_owned(), 2), ("some-row".to_owned(), 6), ("trapped".to_owned(), 4)]
    );
    let mut all = letters(connector).into_iter();
    all.find(|message| header(message, "code") == "not-wanted").unwrap()
}

#[test]
fn rows_that_a_plugin_refuses_or_breaks_on_go_to_the_dead_letters_and_the_others_keep_their_order() {
    let (mut database, connector) = judged("dead_plugin", "dead_letter");
    database.exec(MIXED);
    let rowmill = connector.start();
    wait_for(&connector, 7);
    let log = rowmill.wait_for_log("a line about a letter", |line| line.contains("dead-letter topic"));
    assert!(log.contains("t") && !log.contains("refuse me"), "{log}");
    rowmill.terminate().assert_code(0);
    let refused = &refused_of_mixed(&connector);
    assert_eq!(refused.key.as_deref(), Some("{\"id\":2}"));
    assert_eq!(refused.json()["after"]["v"], "refuse me");
    assert_eq!(
        (refused.json()["before"].clone(), refused.json()["op"].clone()),
        (Value::Null, "INSERT".into())
    );
    for (name, value) in [
        ("letter", "1"),
        ("connector", &connector.name),
        ("table", "t"),
        ("database", &database.name),
        ("op", "INSERT"),
        ("row", "1"),
        ("stage", "plugin"),
        ("plugin", "judge"),
        ("error", "judging a row"),
    ] {
        assert_eq!(header(refused, name), value, "{name}");
    }
    assert_eq!(header(refused, "plugin_sha256").len(), 64);
    assert!(header(refused, "gtid").contains(':') && header(refused, "position").contains(':'));
    assert!(!header(refused, "arrow").is_empty());
}

#[test]
fn several_instances_that_share_a_batch_keep_the_order_and_find_the_rows_at_fault() {
    let (mut database, mut connector) = judged("dead_shared", "dead_letter");
    connector.plugin = connector.plugin.replacen("config =", "instances = 4\nconfig =", 1) + "\ninstances = 3";
    connector.sink.push_str("\npartitions_with_key = 1");
    database.exec("INSERT INTO t VALUES (1, 'fine')");
    let rowmill = connector.start();
    Kafka::shared().read(&[&connector.topic("t")], 1);
    // One statement, so that its rows come in large batches.
    database.exec(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 900) \
         SELECT a.i * 899 + b.i, CASE a.i * 899 + b.i WHEN 5000 THEN 'refuse' WHEN 7100 THEN 'trap' ELSE 'fine' END FROM n a JOIN n b ON a.i < 13 ORDER BY 1",
    );
    database.exec("INSERT INTO t VALUES (100000, 'fine')");
    let messages = Kafka::shared().read_until(&[&connector.topic("t")], |messages| {
        messages.last().is_some_and(|message| message.integer("id") == 100_000)
    });
    rowmill.terminate().assert_code(0);
    let ids: Vec<i64> = messages.iter().map(|message| message.integer("id")).collect();
    let rows = (2..13_i64).flat_map(|a| (2..=900).map(move |b| a * 899 + b));
    let mut expected: Vec<i64> = rows.filter(|id| ![5000, 7100].contains(id)).chain([1, 100_000]).collect();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let mut found: Vec<_> = letters(&connector)
        .iter()
        .map(|letter| (header(letter, "code").to_owned(), letter.json()["after"]["id"].clone()))
        .collect();
    found.sort_by_key(|(code, _)| code.clone());
    assert_eq!(found, [("not-wanted".to_owned(), 5000.into()), ("trapped".to_owned(), 7100.into())]);
}

#[test]
fn a_row_on_which_a_plugin_takes_too_long_is_found_and_goes_to_the_dead_letters_alone() {
    let (mut database, connector) = judged("dead_slow", "dead_letter");
    database.exec("INSERT INTO t VALUES (1, 'fine'), (2, 'fine'), (3, 'spin'), (4, 'fine'), (5, 'fine')");
    let rowmill = connector.start();
    wait_for(&connector, 5);
    // It goes on as fast as before.
    database.exec("INSERT INTO t VALUES (6, 'fine')");
    wait_for(&connector, 6);
    rowmill.terminate().assert_code(0);
    assert_eq!(ids(&connector), [1, 2, 4, 5, 6]);
    assert_eq!(codes(&connector), [("timed_out".to_owned(), 3)]);
    let letter = &letters(&connector)[0];
    assert!(header(letter, "error").contains("call_timeout_ms = 1000"), "{:?}", letter.headers);
}

#[test]
fn without_kafkas_transactions_letters_and_rows_come_at_least_once_also_across_a_kill() {
    let (mut database, mut connector) = judged("dead_off", "dead_letter");
    connector.sink.push_str("\ntransactions = \"off\"\npartitions_with_key = 1");
    database.exec(MIXED);
    let rowmill = connector.start();
    wait_for(&connector, 7);
    until("the letters", || (letters(&connector).len() >= 3).then_some(()));
    rowmill.terminate().assert_code(0);
    // Nothing died: each once.
    refused_of_mixed(&connector);
    database.exec("INSERT INTO t VALUES (8, 'fine'), (9, 'refuse me'), (10, 'fine')");
    // What was sent without the position that is behind it is read again.
    connector.dies_at("Sent", 1);
    let rowmill = connector.start();
    database.exec("INSERT INTO t VALUES (11, 'refuse me'), (12, 'fine')");
    wait_for(&connector, 12);
    until("the last letter", || {
        codes(&connector).iter().any(|(_, id)| *id == 11).then_some(())
    });
    rowmill.terminate().assert_code(0);
    let mut found = ids(&connector);
    found.dedup();
    assert_eq!(found, [1, 3, 5, 7, 8, 10, 12]);
    let mut found: Vec<i64> = codes(&connector).into_iter().map(|(_, id)| id).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, [2, 4, 6, 9, 11]);
}

#[test]
fn rows_that_a_plugin_refuses_are_left_out_or_stop_as_configured() {
    let (mut database, connector) = judged("skip_plugin", "skip");
    database.exec(MIXED);
    let rowmill = connector.start();
    wait_for(&connector, 7);
    let ended = rowmill.terminate();
    ended.assert_code(0);
    assert_eq!(ids(&connector), [1, 3, 5, 7]);
    assert!(ended.output().contains("skipped=3"), "{}", ended.output());
    assert_eq!(
        Kafka::shared().partitions(&connector.topic("dead_letters")),
        None,
        "no topic that nobody wants"
    );

    let (mut database, connector) = judged("stop_plugin", "stop");
    database.exec(MIXED);
    let ended = connector.start().wait();
    ended.assert_code(1);
    assert!(ended.reason().contains("plugin judge refused row 1"), "{}", ended.reason());
    assert_eq!(
        Kafka::shared().records(&connector.topic("t")),
        0,
        "nothing of a transaction that can't be delivered whole"
    );
}

#[test]
fn a_row_above_limits_row_is_a_letter_without_its_data_and_its_neighbours_arrive() {
    for (on_error, expected) in [("dead_letter", 1), ("skip", 0)] {
        let mut database = Server::shared().database("dead_row");
        database.exec("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)");
        let mut connector = Connector::new(&mut database, &Kafka::shared(), "t");
        connector.source = format!("on_error = \"{on_error}\"");
        connector.sections = "[limits]\nrow = \"100KiB\"".to_owned();
        for sql in [
            "BEGIN",
            "INSERT INTO t VALUES (1, 'fine')",
            "INSERT INTO t VALUES (2, REPEAT('x', 200000))",
            "INSERT INTO t VALUES (3, 'fine')",
            "COMMIT",
        ] {
            database.exec(sql);
        }
        let rowmill = connector.start();
        wait_for(&connector, 3);
        rowmill.terminate().assert_code(0);
        assert_eq!(ids(&connector), [1, 3]);
        let all = letters(&connector);
        assert_eq!(all.len(), expected);
        for letter in all {
            assert_eq!((header(&letter, "stage"), header(&letter, "code")), ("decoder", "row_too_large"));
            assert_eq!((header(&letter, "row"), header(&letter, "left_out")), ("1", "row"));
            assert!(letter.json()["bytes"].as_u64().unwrap() > 200_000 && letter.value.len() < 1000);
        }
    }
}

#[test]
fn a_record_that_its_topic_does_not_take_is_known_before_it_is_sent() {
    let kafka = Kafka::shared();
    for (on_error, code) in [("dead_letter", 0), ("skip", 0), ("stop", 1)] {
        let mut database = Server::shared().database("dead_record");
        database.exec("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
        let mut connector = Connector::new(&mut database, &kafka, "t");
        connector.sink.push_str(&format!("\non_error = \"{on_error}\""));
        kafka.create_topic_with(&connector.topic("t"), 1, &[("max.message.bytes", "20000")]);
        // The neighbours are larger together than the topic takes at once.
        for id in 1..=20 {
            let size = if id == 10 { 30_000 } else { 10_000 };
            database.exec(&format!("INSERT INTO t VALUES ({id}, REPEAT('x', {size}))"));
        }
        database.exec("UPDATE t SET v = 'small' WHERE id = 10");
        let rowmill = connector.start();
        if code == 0 {
            wait_for(&connector, 20);
            until("the update's letter", || {
                let enough = on_error == "skip" || kafka.records(&connector.topic("dead_letters")) == 2;
                enough.then_some(())
            });
        }
        let ended = if code == 0 { rowmill.terminate() } else { rowmill.wait() };
        ended.assert_code(code);
        if code == 1 {
            assert!(ended.reason().contains("max.message.bytes of the topic"), "{}", ended.reason());
            continue;
        }
        // Of the update the half before is too large: the row stays whole.
        let expected: Vec<i64> = (1..=20).filter(|id| *id != 10).collect();
        assert_eq!(ids(&connector), expected);
        let all = letters(&connector);
        assert_eq!(all.len(), if on_error == "skip" { 0 } else { 2 });
        for (letter, op) in all.iter().zip(["INSERT", "UPDATE"]) {
            assert_eq!((header(letter, "stage"), header(letter, "code")), ("sink", "record_too_large"));
            assert_eq!((header(letter, "op"), letter.key.as_deref()), (op, Some("{\"id\":10}")));
        }
    }
}

#[test]
fn a_letter_is_made_smaller_until_its_topic_takes_it() {
    let kafka = Kafka::shared();
    let (mut database, connector) = judged("small_letter", "dead_letter");
    kafka.create_topic_with(&connector.topic("dead_letters"), 1, &[("max.message.bytes", "8000")]);
    database.exec("INSERT INTO t VALUES (1, CONCAT('refuse ', REPEAT('x', 4000))), (2, CONCAT('refuse ', REPEAT('y', 9000))), (3, 'fine')");
    let rowmill = connector.start();
    wait_for(&connector, 3);
    rowmill.terminate().assert_code(0);
    let all = letters(&connector);
    assert_eq!(all.len(), 2);
    assert_eq!(header(&all[0], "left_out"), "arrow");
    assert_eq!(all[0].json()["after"]["v"].as_str().unwrap().len(), 4007);
    assert_eq!(header(&all[1], "left_out"), "arrow,values");
    assert_eq!(
        (all[1].json()["after"]["id"].clone(), all[1].json()["cut"]["after.v"].clone()),
        (2.into(), 9007.into())
    );
}

#[test]
fn killed_around_dead_letters_it_loses_and_repeats_neither_rows_nor_letters() {
    let (mut database, connector) = judged("dead_kill", "dead_letter");
    let mut next = 0;
    for round in 0..8 {
        let rowmill = connector.start();
        for _ in 0..20 {
            let values: Vec<String> = (next..next + 10)
                .map(|id| format!("({id}, '{}')", if id % 5 == 2 { "refuse" } else { "fine" }))
                .collect();
            database.exec(&format!("INSERT INTO t VALUES {}", values.join(",")));
            next += 10;
        }
        let enough = i64::from(round + 1) * 20;
        until("some letters", || {
            (Kafka::shared().records(&connector.topic("dead_letters")) > enough).then_some(())
        });
        rowmill.kill();
    }
    database.exec(&format!("INSERT INTO t VALUES ({next}, 'the last')"));
    let rowmill = connector.start();
    wait_for(&connector, next);
    rowmill.terminate().assert_code(0);
    let (refused, fine): (Vec<i64>, Vec<i64>) = (0..=next).partition(|id| id % 5 == 2 && *id < next);
    assert_eq!(ids(&connector), fine);
    let found: Vec<i64> = codes(&connector).into_iter().map(|(_, id)| id).collect();
    assert_eq!(found, refused);
}

#[test]
fn letters_are_listed_shown_and_replayed_once_while_the_connector_runs() {
    let kafka = Kafka::shared();
    let (mut database, mut connector) = judged("replay", "dead_letter");
    database.exec("INSERT INTO t VALUES (1, 'refuse'), (2, 'trap'), (3, 'fine')");
    let rowmill = connector.start();
    wait_for(&connector, 3);

    let list = connector.spawn(&["deadletters", "list"]).wait();
    list.assert_code(0);
    let fields: Vec<Vec<&str>> = list.stdout.iter().map(|line| line.split('\t').collect()).collect();
    assert_eq!(fields.len(), 2, "{list:?}");
    let refused = fields.iter().find(|line| line[4] == "not-wanted").unwrap();
    assert_eq!((refused[2], refused[3]), (format!("{}.t", database.name).as_str(), "plugin"));
    let offset = refused[0].strip_prefix("0:").unwrap().to_owned();

    let show = connector.spawn(&["deadletters", "show", &offset]).wait();
    show.assert_code(0);
    let shown: Value = serde_json::from_str(&show.stdout.join("\n")).unwrap();
    assert_eq!(
        (shown["row"]["after"]["v"].clone(), shown["replayed"].clone()),
        ("refuse".into(), false.into())
    );
    connector.spawn(&["deadletters", "show", "12345"]).wait().assert_code(1);

    // Nothing has changed: both are refused again, and stay.
    let replay = connector.spawn(&["deadletters", "replay"]).wait();
    replay.assert_code(1);
    assert!(replay.reason().contains("2 of 2 letters could not be sent again"), "{replay:?}");

    plugins(&mut connector, "dead_letter", "\"refuse\"");
    let replay = connector.spawn(&["deadletters", "replay"]).wait();
    replay.assert_code(1);
    assert!(replay.stdout.iter().any(|line| line == &format!("0:{offset}\tsent")), "{replay:?}");
    // Only what is left is tried again.
    let replay = connector.spawn(&["deadletters", "replay"]).wait();
    assert!(replay.reason().contains("1 of 1 letters"), "{replay:?}");
    connector
        .spawn(&["deadletters", "replay", "--offset", &offset])
        .wait()
        .assert_code(0);

    let mut rowmill = rowmill;
    assert!(rowmill.is_running(), "a replay is nothing to the connector");
    rowmill.terminate().assert_code(0);
    let mut keys: Vec<_> = kafka
        .read_to_end(&connector.topic("t"))
        .into_iter()
        .filter_map(|message| message.key)
        .collect();
    keys.sort();
    assert_eq!(keys, ["{\"id\":1}", "{\"id\":3}"]);
    let list = connector.spawn(&["deadletters", "list"]).wait();
    let replayed = list.stdout.iter().filter(|line| line.ends_with("\treplayed"));
    assert_eq!((list.stdout.len(), replayed.count()), (2, 1), "{list:?}");
}

#[test]
fn a_text_that_can_not_be_decoded_is_a_letter_with_its_bytes() {
    let mut database = Server::shared().database("dead_text");
    // The server itself takes a lone surrogate for a character of ucs2.
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(10) CHARACTER SET ucs2)");
    let mut connector = Connector::new(&mut database, &Kafka::shared(), "t");
    connector.source = "on_error = \"dead_letter\"".to_owned();
    database.exec("INSERT INTO t VALUES (1, 'a'), (2, _ucs2 0xD8000041), (3, 'c')");
    let rowmill = connector.start();
    wait_for(&connector, 3);
    rowmill.terminate().assert_code(0);
    assert_eq!(ids(&connector), [1, 3]);
    let all = letters(&connector);
    assert_eq!(all.len(), 1);
    assert_eq!((header(&all[0], "stage"), header(&all[0], "code")), ("decoder", "invalid_text"));
    assert_eq!(all[0].key.as_deref(), Some("{\"id\":2}"));
    assert_eq!(all[0].json()["after"]["v"]["base64"], "2AAAQQ==");
    assert_eq!(all[0].json()["columns"][1]["name"], "v");
    assert!(!header(&all[0], "images").is_empty());
    let replay = connector.spawn(&["deadletters", "replay"]).wait();
    replay.assert_code(1);
    assert!(replay.output().contains("it could not be decoded"), "{replay:?}");
}

#[test]
fn a_row_that_a_plugin_refuses_while_its_table_is_copied_goes_to_the_dead_letters() {
    let (mut database, mut connector) = judged("dead_copy", "dead_letter");
    database.exec(MIXED);
    connector.start = "\"latest\"".to_owned();
    connector.snapshot = "only".to_owned();
    connector.start().wait().assert_code(0);
    let refused = &refused_of_mixed(&connector);
    assert_eq!(refused.json()["after"]["v"], "refuse me");
    for (name, value) in [("op", "INSERT"), ("stage", "plugin"), ("table", "t")] {
        assert_eq!(header(refused, name), value, "{name}");
    }
    // It is no change of the log.
    assert!(refused.headers.iter().all(|(name, _)| name != "gtid"), "{:?}", refused.headers);
    // What mends the plugin has the row sent like any other.
    plugins(&mut connector, "dead_letter", "\"refuse\"");
    connector.spawn(&["deadletters", "replay"]).wait();
    wait_for(&connector, 2);
}
