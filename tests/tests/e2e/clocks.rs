//! Clocks that are set: the server's and the connector's own machine's. Order, heartbeats, commits and ownership go on as before.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use pipeline_tests::{Connector, Kafka, Message, Rowmill, Server, environment, until};

on_each_server!(a_clock_of_the_server_that_jumps_forth_and_back_changes_neither_order_nor_numbers);

const HOUR: i64 = 3600;

/// Rows of a table, without heartbeats.
fn rows(messages: Vec<Message>) -> Vec<Message> {
    messages.into_iter().filter(|message| message.op() != "MHEARTBEAT").collect()
}

fn a_clock_of_the_server_that_jumps_forth_and_back_changes_neither_order_nor_numbers(server: Server) {
    let kafka = Kafka::shared();
    let mut database = server.database("jumps");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY, at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)");
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.sink.push_str("\npartitions_with_key = 1");
    let topic = connector.topic("t");
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    let mut id = 0;
    // Seconds since 1970; 0 is the clock as it is.
    let now = database.value("SELECT UNIX_TIMESTAMP()").parse::<i64>().unwrap();
    for time in [
        0,
        now - 2 * HOUR,
        now + HOUR / 2,
        1_000_000_000,
        0,
        86_400,
        now + HOUR / 2,
        now - HOUR,
        0,
    ] {
        database.exec(&format!(
            "SET SESSION timestamp = {}",
            if time == 0 { "DEFAULT".to_owned() } else { time.to_string() }
        ));
        for _ in 0..2 {
            id += 1;
            database.exec(&format!("INSERT INTO t (id) VALUES ({id})"));
        }
        // One at a time, and several in a batch.
        if time == 0 {
            kafka.read(&[&topic], id);
        }
    }
    let messages = kafka.read(&[&topic], id);
    until("the metrics of all rows", || {
        (http.metrics().sum("rowmill_rows_total", &[]) == Some(f64::from(i32::try_from(id).unwrap()))).then_some(())
    });
    let metrics = http.metrics();
    rowmill.terminate().assert_code(0);
    let ids: Vec<i64> = messages.iter().map(|message| message.integer("id")).collect();
    assert_eq!(ids, (1..=i64::try_from(id).unwrap()).collect::<Vec<_>>());
    assert!(messages.windows(2).all(|two| two[0].sequence() < two[1].sequence()));
    for (name, least) in [("rowmill_freshness_seconds_sum", 0.0), ("rowmill_source_lag_seconds", 0.0)] {
        assert!(metrics.value(name, &[]) >= least, "{}", metrics.text());
    }
    // What a column says is the session's time, whatever the log's.
    let columns: Vec<String> = database
        .query("SELECT UNIX_TIMESTAMP(at) * 1000 FROM t ORDER BY id")
        .into_iter()
        .map(|row| row[0].clone().unwrap())
        .collect();
    let told: Vec<String> = messages.iter().map(|message| message.column("at").unwrap()).collect();
    assert_eq!(told, columns);
}

/// The wall clock of processes that have it preloaded.
struct WallClock {
    folder: tempfile::TempDir,
    file: File,
}

impl WallClock {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .open(folder.path().join("clock"))
            .unwrap();
        let clock = Self { folder, file };
        clock.set(0);
        let source = Path::new(&environment("CARGO_MANIFEST_DIR")).join("clock.c");
        let output = Command::new("gcc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(clock.path("clock.so"))
            .arg(source)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        clock
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// So many seconds beside what it is.
    fn set(&self, seconds: i64) {
        self.file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    fn variables(&self) -> Vec<(String, String)> {
        let variables = [("LD_PRELOAD", "clock.so"), ("ROWMILL_TEST_CLOCK", "clock")];
        variables.map(|(name, file)| (name.to_owned(), self.path(file))).to_vec()
    }
}

/// Processor time of a process.
fn processor_time(rowmill: &Rowmill) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", rowmill.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    // USER_HZ is 100 on every Linux that these tests run on.
    Duration::from_millis(ticks * 10)
}

#[test]
fn a_wall_clock_that_is_set_hours_forth_and_back_holds_up_neither_rows_nor_heartbeats_nor_ownership_nor_the_end() {
    let kafka = Kafka::shared();
    let mut database = Server::shared().database("wall");
    database.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    let clock = WallClock::new();
    let mut connector = Connector::new(&mut database, &kafka, "t");
    connector.sink.push_str("\npartitions_with_key = 1");
    connector.heartbeat_interval_ms = 250;
    let topic = connector.topic("t");
    // One that would take over, as on another machine, whose clock is right.
    let first_top = connector.top.clone();
    connector.variables = clock.variables();
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    let mut id = 0;
    let mut insert = |database: &mut pipeline_tests::Database| {
        id += 1;
        database.exec(&format!("INSERT INTO t VALUES ({id})"));
        kafka.read_until(&[&topic], |read| {
            read.last()
                .is_some_and(|_| read.iter().any(|m| m.op() != "MHEARTBEAT" && m.integer("id") == id))
        });
        id
    };
    insert(&mut database);
    connector.variables = Vec::new();
    connector.top = format!("{first_top}\ncache_dir = {:?}", connector.file("elsewhere"));
    let other = connector.start();
    other.wait_for_log("that it waits", |log| log.contains("waiting for the connector"));
    for hours in [3, 0, -3, 20, -1000, 0] {
        clock.set(hours * HOUR);
        insert(&mut database);
        let metrics = http.metrics();
        assert!(
            metrics.value("rowmill_last_event_age_seconds", &[]) < 80.0,
            "{hours}: {}",
            metrics.text()
        );
        assert!(metrics.value("rowmill_source_lag_seconds", &[]) >= 0.0);
    }
    // An hour back once more, and for longer than the group waits for a sign of life nothing comes but heartbeats.
    clock.set(-HOUR);
    let (quiet, used) = (Instant::now(), processor_time(&rowmill));
    while quiet.elapsed() < Duration::from_secs(9) {
        kafka.read_new(&topic, 1);
    }
    let used = processor_time(&rowmill) - used;
    assert!(used < quiet.elapsed() / 2, "{used:?} of processor time in {:?}", quiet.elapsed());
    let last = insert(&mut database);
    assert!(
        !other.log().contains("this process runs the connector"),
        "the group gave the connector away; the owner wrote:\n{}",
        rowmill.log()
    );
    clock.set(-2 * HOUR);
    let log = rowmill.terminate();
    log.assert_code(0);
    assert!(!log.output().contains("starting again"), "{}", log.output());
    other.terminate().assert_code(0);
    let messages = rows(kafka.read_to_end(&topic));
    let ids: Vec<i64> = messages.iter().map(|message| message.integer("id")).collect();
    assert_eq!(ids, (1..=last).collect::<Vec<_>>());
    assert!(messages.windows(2).all(|two| two[0].sequence() < two[1].sequence()));
}
