//! Transactions without end while faults happen, and the judgement by the tables: each row once, each version of a row once and
//! in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use pipeline_tests::{Chance, Connector, Database, Kafka, Message, Session, until};

/// Rows that are updated.
const COUNTERS: u64 = 20;

/// A thread that commits until it is told to stop. Where the server is away it waits for it.
pub(super) struct Load {
    over: Arc<AtomicBool>,
    committed: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// The names of the tables that `tables` makes.
pub(super) const TABLES: &str = "entries,counters";

/// Makes the tables of the load.
pub(super) fn tables(database: &mut Database) {
    database.exec("CREATE TABLE entries (id INT PRIMARY KEY AUTO_INCREMENT, filler VARCHAR(300) NOT NULL)");
    database.exec("CREATE TABLE counters (id INT PRIMARY KEY, version INT NOT NULL)");
    let rows: Vec<String> = (0..COUNTERS).map(|id| format!("({id}, 1)")).collect();
    database.exec(&format!("INSERT INTO counters VALUES {}", rows.join(",")));
}

impl Load {
    /// Begins at once; `pause` between two transactions.
    pub(super) fn start(database: &Database, pause: Duration) -> Self {
        let mut load = Self {
            over: Arc::default(),
            committed: Arc::default(),
            thread: None,
        };
        let (over, committed) = (Arc::clone(&load.over), Arc::clone(&load.committed));
        let (host, port, name) = (database.server.host.clone(), database.server.port, database.name.clone());
        let thread = std::thread::spawn(move || {
            let mut chance = Chance::of(1);
            while !over.load(Ordering::SeqCst) {
                let Ok(mut session) = Session::try_connect(&host, port, "root", "") else {
                    std::thread::sleep(Duration::from_millis(50));
                    continue;
                };
                if session.try_exec(&format!("USE `{name}`")).is_err() {
                    continue;
                }
                while !over.load(Ordering::SeqCst) && transaction(&mut session, &mut chance).is_ok() {
                    committed.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(pause);
                }
            }
        });
        load.thread = Some(thread);
        load
    }

    /// Waits until so many more transactions have been committed.
    pub(super) fn more(&self, count: u64) {
        let before = self.committed.load(Ordering::SeqCst);
        until("more transactions", || {
            (self.committed.load(Ordering::SeqCst) >= before + count).then_some(())
        });
    }

    /// Ends it.
    pub(super) fn stop(mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

fn transaction(session: &mut Session, chance: &mut Chance) -> Result<(), Box<dyn std::error::Error>> {
    session.try_exec("BEGIN")?;
    let rows: Vec<String> = (0..=chance.below(8))
        .map(|_| format!("(REPEAT('x', {}))", chance.below(300)))
        .collect();
    session.try_exec(&format!("INSERT INTO entries (filler) VALUES {}", rows.join(",")))?;
    session.try_exec(&format!(
        "UPDATE counters SET version = version + 1 WHERE id = {}",
        chance.below(COUNTERS)
    ))?;
    session.try_exec("COMMIT")?;
    Ok(())
}

/// Waits until the last row of the tables has arrived.
pub(super) fn wait_for_last(kafka: &Kafka, connector: &Connector, database: &mut Database) {
    // A row of its own comes after all others.
    database.exec("INSERT INTO entries (filler) VALUES ('the last')");
    let last: i64 = database.value("SELECT MAX(id) FROM entries").parse().unwrap();
    // Asked after each message, so that the last one is the only one to look at.
    kafka.read_until(&[&connector.topic("entries")], |read| {
        read.last().is_some_and(|message| message.integer("id") == last)
    });
}

/// Holds the topics, once the connector has ended, against the tables.
pub(super) fn judge(kafka: &Kafka, connector: &Connector, database: &mut Database) {
    let rows = |messages: &[Message]| -> Vec<i64> {
        let mut sorted: Vec<&Message> = messages.iter().collect();
        sorted.sort_by_key(|m| m.sequence());
        assert!(
            sorted.windows(2).all(|two| two[0].sequence() < two[1].sequence()),
            "a sequenceId comes twice"
        );
        sorted.iter().map(|m| m.integer("id")).collect()
    };
    let mut arrived = rows(&kafka.read_to_end(&connector.topic("entries")));
    arrived.sort_unstable();
    let table: Vec<i64> = database
        .query("SELECT id FROM entries ORDER BY id")
        .into_iter()
        .map(|row| row[0].as_ref().unwrap().parse().unwrap())
        .collect();
    let missing: Vec<&i64> = table.iter().filter(|id| arrived.binary_search(id).is_err()).collect();
    let twice: Vec<i64> = arrived.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect();
    assert!(
        missing.is_empty() && twice.is_empty(),
        "rows {missing:?} are missing, rows {twice:?} came twice"
    );
    assert_eq!(arrived, table, "more rows came than there are");
    let mut versions: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for message in kafka.read_to_end(&connector.topic("counters")) {
        if message.op() == "UPDATE_AFTER" {
            versions.entry(message.integer("id")).or_default().push(message.integer("version"));
        }
    }
    for row in database.query("SELECT id, version FROM counters") {
        let [id, last] = [0, 1].map(|at: usize| row[at].as_ref().unwrap().parse::<i64>().unwrap());
        let came = versions.remove(&id).unwrap_or_default();
        assert_eq!(
            came,
            (2..=last).collect::<Vec<_>>(),
            "versions of counter {id}, in the order in which they came"
        );
    }
    println!("{} rows held against the table", table.len());
}
