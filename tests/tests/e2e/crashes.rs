//! Crashes, stops and lost connections: nothing is lost, order holds, and a repeated change is the same change.

mod steps;

use std::collections::{BTreeMap, BTreeSet};

use pipeline_tests::{Chance, Connector, Database, Kafka, Message, Server, Session, until};

on_each_server!(
    killed_twenty_times_in_the_middle_of_a_load_it_loses_and_repeats_nothing,
    after_sigterm_a_restart_repeats_nothing,
    a_connection_that_the_server_kills_is_made_again_without_loss,
);

const ROUNDS: usize = 20;
const TRANSACTIONS: u64 = 40;

/// A row's version, or its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Version(i64),
    Deleted,
}

/// What was committed: for each row of each table all its states, in order.
type History = BTreeMap<(String, i64), Vec<State>>;

/// Commits random transactions over two tables and notes what it did.
fn load(session: &mut Session, chance: &mut Chance, history: &mut History, next: &mut i64) {
    for _ in 0..TRANSACTIONS {
        session.exec("BEGIN");
        for _ in 0..=chance.below(4) {
            let table = if chance.below(2) == 0 { "left_one" } else { "right_one" };
            let alive: Vec<i64> = history
                .iter()
                .filter(|((t, _), states)| t == table && states.last() != Some(&State::Deleted))
                .map(|((_, id), _)| *id)
                .collect();
            let some = |chance: &mut Chance| alive[usize::try_from(chance.below(u64::try_from(alive.len()).unwrap())).unwrap()];
            match chance.below(10) {
                0 if !alive.is_empty() => {
                    let id = some(chance);
                    session.exec(&format!("DELETE FROM {table} WHERE id = {id}"));
                    history.get_mut(&(table.to_owned(), id)).unwrap().push(State::Deleted);
                }
                1..=4 if !alive.is_empty() => {
                    let id = some(chance);
                    session.exec(&format!("UPDATE {table} SET version = version + 1 WHERE id = {id}"));
                    let states = history.get_mut(&(table.to_owned(), id)).unwrap();
                    let version = i64::try_from(states.len()).unwrap() + 1;
                    states.push(State::Version(version));
                }
                _ => {
                    let count = i64::try_from(1 + chance.below(20)).unwrap();
                    let rows: Vec<String> = (*next..*next + count)
                        .map(|id| format!("({id}, 1, REPEAT('x', {}))", id % 200))
                        .collect();
                    session.exec(&format!("INSERT INTO {table} VALUES {}", rows.join(",")));
                    for id in *next..*next + count {
                        history.insert((table.to_owned(), id), vec![State::Version(1)]);
                    }
                    *next += count;
                }
            }
        }
        session.exec("COMMIT");
    }
}

fn tables(database: &mut Database) {
    for table in ["left_one", "right_one"] {
        database.exec(&format!(
            "CREATE TABLE {table} (id INT PRIMARY KEY, version INT NOT NULL, filler VARCHAR(200))"
        ));
    }
}

/// Halves before an update say nothing about a row's state.
fn state(message: &Message) -> Option<State> {
    match message.op().as_str() {
        "UPDATE_BEFOR" => None,
        "DELETE" => Some(State::Deleted),
        _ => Some(State::Version(message.integer("version"))),
    }
}

/// Holds what arrived against what was committed. `repeats`: whether a change may come more than once.
fn verify(kafka: &Kafka, connector: &Connector, history: &History, repeats: bool) {
    let mut seen: History = BTreeMap::new();
    let mut numbers: BTreeMap<(String, i64, State), u64> = BTreeMap::new();
    for table in ["left_one", "right_one"] {
        for message in kafka.read_to_end(&connector.topic(table)) {
            let Some(state) = state(&message) else { continue };
            let row = (table.to_owned(), message.integer("id"));
            let number = message.sequence();
            let known = numbers.entry((row.0.clone(), row.1, state)).or_insert(number);
            assert_eq!(*known, number, "a repeated change has the sequenceId it had: {}", message.value);
            let states = seen.entry(row).or_default();
            if !states.contains(&state) {
                states.push(state);
            } else {
                assert!(repeats, "came twice: {}", message.value);
            }
        }
    }
    let lost: Vec<_> = history
        .iter()
        .filter(|(row, states)| seen.get(*row).is_none_or(|s| states.iter().any(|state| !s.contains(state))))
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {} rows lack changes, the first {:?}",
        lost.len(),
        history.len(),
        lost.first()
    );
    for (row, states) in &seen {
        assert_eq!(
            history.get(row),
            Some(states),
            "first appearances of the states of {row:?} are not in the order of the binlog"
        );
    }
    let distinct: BTreeSet<u64> = numbers.values().copied().collect();
    assert_eq!(distinct.len(), numbers.len(), "two changes have one sequenceId");
}

/// Whether the last change has arrived.
fn wait_for_last(kafka: &Kafka, connector: &Connector, database: &mut Database, history: &mut History) {
    // A row of its own behind all others: once it is there, so is all before it in its partition; a stop commits the rest.
    let id = 1_000_000 + i64::try_from(history.len()).unwrap();
    database.exec(&format!("INSERT INTO left_one VALUES ({id}, 1, 'the last')"));
    history.insert(("left_one".to_owned(), id), vec![State::Version(1)]);
    let key = format!("{{\"id\":{id}}}");
    kafka.read_until(&[&connector.topic("left_one")], |read| {
        read.last().is_some_and(|m| m.key.as_deref() == Some(&key))
    });
}

fn killed_twenty_times_in_the_middle_of_a_load_it_loses_and_repeats_nothing(server: Server) {
    let rounds = std::env::var("ROWMILL_TEST_KILLS").map_or(ROUNDS, |text| text.parse().unwrap());
    kill(server, rounds, "on");
}

#[test]
fn without_transactions_a_kill_repeats_changes_with_the_numbers_that_they_had_and_loses_nothing() {
    kill(Server::shared(), 6, "off");
}

fn kill(server: Server, rounds: usize, transactions: &str) {
    let kafka = Kafka::shared();
    let mut database = server.database("kill");
    tables(&mut database);
    let mut connector = Connector::new(&mut database, &kafka, "left_one,right_one");
    connector.sink += &format!("\ntransactions = \"{transactions}\"");
    let mut chance = Chance::new();
    let (mut history, mut next) = (History::new(), 0);
    let mut session = database.session();
    for round in 0..rounds {
        let before = kafka.read_to_end(&connector.topic("left_one")).len();
        let rowmill = connector.start();
        let mut loading = chance.fork();
        let wait = usize::try_from(chance.below(60)).unwrap();
        let pause = std::time::Duration::from_micros(chance.below(30_000));
        std::thread::scope(|scope| {
            let (session, history, next) = (&mut session, &mut history, &mut next);
            let loader = scope.spawn(move || load(session, &mut loading, history, next));
            // The moment is random in two ways: so many new messages, or in every fourth round so much time, after the start.
            if round % 4 == 3 {
                std::thread::sleep(pause * 50);
            } else {
                kafka.read_until(&[&connector.topic("left_one")], |read| {
                    read.len() > before + wait || (read.len() > before && loader.is_finished())
                });
                std::thread::sleep(pause);
            }
            rowmill.kill();
            loader.join().unwrap();
        });
    }
    let rowmill = connector.start();
    wait_for_last(&kafka, &connector, &mut database, &mut history);
    rowmill.terminate().assert_code(0);
    println!(
        "{} rows, {} changes, {rounds} kills",
        history.len(),
        history.values().map(Vec::len).sum::<usize>()
    );
    verify(&kafka, &connector, &history, transactions == "off");
}

fn after_sigterm_a_restart_repeats_nothing(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("sigterm");
    tables(&mut database);
    let connector = Connector::new(&mut database, &kafka, "left_one,right_one");
    let mut chance = Chance::new();
    let (mut history, mut next) = (History::new(), 0);
    let mut session = database.session();
    for _ in 0..3 {
        let rowmill = connector.start();
        let before = kafka.read_to_end(&connector.topic("left_one")).len();
        std::thread::scope(|scope| {
            let (session, history, next, chance) = (&mut session, &mut history, &mut next, &mut chance);
            let loader = scope.spawn(move || load(session, chance, history, next));
            kafka.read_until(&[&connector.topic("left_one")], |read| read.len() > before + 10);
            rowmill.terminate().assert_code(0);
            loader.join().unwrap();
        });
    }
    let rowmill = connector.start();
    wait_for_last(&kafka, &connector, &mut database, &mut history);
    rowmill.terminate().assert_code(0);
    verify(&kafka, &connector, &history, false);
}

fn a_connection_that_the_server_kills_is_made_again_without_loss(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("reconnect");
    tables(&mut database);
    let connector = Connector::new(&mut database, &kafka, "left_one,right_one");
    let mut chance = Chance::new();
    let (mut history, mut next) = (History::new(), 0);
    let mut session = database.session();
    let user = database.user.clone();
    let mut rowmill = connector.start();
    // The server lists a killed thread for a while.
    let mut killed = Vec::new();
    for _ in 0..3 {
        std::thread::scope(|scope| {
            let (session, history, next, chance) = (&mut session, &mut history, &mut next, &mut chance);
            let loader = scope.spawn(move || load(session, chance, history, next));
            let threads = format!("SELECT id FROM information_schema.processlist WHERE user = '{user}' AND command LIKE 'Binlog Dump%'");
            // One that only looks ahead may end by itself before it is killed.
            let id = until("the connector's dump thread", || {
                let mut ids = database.query(&threads).into_iter().filter_map(|row| row[0].clone());
                let id = ids.find(|id| !killed.contains(id))?;
                database.try_exec(&format!("KILL {id}")).ok().map(|()| id)
            });
            killed.push(id);
            loader.join().unwrap();
        });
    }
    wait_for_last(&kafka, &connector, &mut database, &mut history);
    assert!(rowmill.is_running(), "a lost connection is no reason to stop");
    rowmill.terminate().assert_code(0);
    verify(&kafka, &connector, &history, false);
}
