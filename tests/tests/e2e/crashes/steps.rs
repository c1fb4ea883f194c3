//! The process dies at each step between reading and commit, and is started again: nothing is lost, nothing comes twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use pipeline_tests::{Chance, Connector, Database, Kafka, Raises, Server, Session};

use super::{History, State, load, tables, verify, wait_for_last};
use crate::snapshot::{fill, wait_for_last_table};

on_each_server!(at_each_step_between_reading_and_commit_it_can_die_without_a_trace);

/// The program's own list of its steps.
const LIST: &str = include_str!("../../../../host/src/failpoint/mod.rs");
/// Those that rows which are there already pass, while they are copied.
const OF_COPIES: [&str; 2] = ["Copied", "TableCopied"];
/// Those that a start comes to once.
const OF_STARTS: [&str; 3] = ["Owned", "TakenOver", "Loaded"];
/// Those of source transactions that are committed in parts.
const OF_PARTS: [&str; 1] = ["PartDecided"];
/// Rows of a source transaction that is larger than one part.
const LARGE: i64 = 20_000;
const EXISTING: u32 = 3_000;

/// Names of the steps, in the order in which a change meets them.
fn steps() -> Vec<&'static str> {
    let (_, list) = LIST.split_once("pub enum Point {").unwrap();
    let (list, _) = list.split_once("\n}").unwrap();
    let names = list.lines().filter_map(|line| line.trim().strip_suffix(','));
    let steps: Vec<&str> = names.collect();
    assert!(steps.len() >= 15, "{steps:?}");
    steps
}

/// Has the connector die while transactions are committed.
fn dies_under_load(connector: &Connector, step: (&str, u64), session: &mut Session, world: (&mut Chance, &mut History, &mut i64)) {
    let is_dead = AtomicBool::new(false);
    let (chance, history, next) = world;
    std::thread::scope(|scope| {
        let is_dead = &is_dead;
        let dead = Raises(is_dead);
        let loader = scope.spawn(move || {
            while !is_dead.load(Ordering::Acquire) {
                load(session, chance, history, next);
            }
        });
        connector.dies_at(step.0, step.1);
        drop(dead);
        loader.join().unwrap();
    });
}

fn at_each_step_between_reading_and_commit_it_can_die_without_a_trace(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("steps");
    tables(&mut database);
    database.exec("CREATE TABLE copied (id INT PRIMARY KEY, text VARCHAR(20))");
    fill(&mut database, "copied", EXISTING);
    let mut connector = Connector::new(&mut database, &kafka, "left_one,right_one,copied");
    connector.snapshot = "initial".to_owned();
    connector.source = "snapshot_chunk_rows = 100".to_owned();
    connector.sink += "\ntransactions = \"on\"\ntransaction_max_bytes = \"1MiB\"";
    let mut chance = Chance::new();
    let (mut history, mut next) = (History::new(), 0);

    for step in OF_COPIES {
        connector.dies_at(step, 1);
        connector.dies_at(step, 2);
    }
    let rowmill = connector.start();
    wait_for_last_table(&rowmill);
    rowmill.terminate().assert_code(0);

    let mut session = database.session();
    let streamed = steps()
        .into_iter()
        .filter(|step| ![&OF_COPIES[..], &OF_PARTS].concat().contains(step));
    for step in streamed {
        let world = (&mut chance, &mut history, &mut next);
        dies_under_load(&connector, (step, 1), &mut session, world);
        if !OF_STARTS.contains(&step) {
            let later = 2 + chance.below(20);
            dies_under_load(&connector, (step, later), &mut session, (&mut chance, &mut history, &mut next));
        }
    }
    for step in OF_PARTS {
        large(&mut database, &mut history);
        connector.dies_at(step, 1);
        connector.dies_at(step, 2);
    }
    let rowmill = connector.start();
    wait_for_last(&kafka, &connector, &mut database, &mut history);
    rowmill.terminate().assert_code(0);
    verify(&kafka, &connector, &history, false);

    let mut copies: BTreeMap<i64, usize> = BTreeMap::new();
    for message in kafka.read_to_end(&connector.topic("copied")) {
        *copies.entry(message.integer("id")).or_default() += 1;
    }
    let once: BTreeMap<i64, usize> = (1..=i64::from(EXISTING)).map(|id| (id, 1)).collect();
    assert_eq!(copies, once, "each row that was there comes once");
}

/// One transaction that takes several parts.
fn large(database: &mut Database, history: &mut History) {
    let first = 2_000_000;
    let rows: Vec<String> = (first..first + LARGE).map(|id| format!("({id}, 1, REPEAT('y', 190))")).collect();
    database.exec("BEGIN");
    for some in rows.chunks(2_000) {
        database.exec(&format!("INSERT INTO right_one VALUES {}", some.join(",")));
    }
    database.exec("COMMIT");
    for id in first..first + LARGE {
        history.insert(("right_one".to_owned(), id), vec![State::Version(1)]);
    }
}
