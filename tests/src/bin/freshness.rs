//! How long a change takes from its commit at the source until a `read_committed` reader has it. `tests/bench/freshness` calls it:
//! `freshness MYSQL KAFKA TABLE TOPIC ROWS_A_SECOND ROWS_A_TRANSACTION SECONDS`.
//!
//! It commits transactions at an even pace and reads the topic beside that. A row's time runs from just before COMMIT is sent, so that
//! the server's own part counts, to the moment at which its record is read. Rows of the first five seconds do not count. Both ends
//! have one clock: this process's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement fails by panicking"
)]

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use pipeline_tests::Session;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

const REQUEST: Duration = Duration::from_secs(10);
/// What does not count at the beginning.
const WARM_UP: Duration = Duration::from_secs(5);

/// A transaction's first row, and when its COMMIT was sent.
type Sent = (usize, Instant);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mysql, kafka, table, topic, rate, rows, seconds] = &arguments[..] else {
        eprintln!("usage: freshness MYSQL KAFKA TABLE TOPIC ROWS_A_SECOND ROWS_A_TRANSACTION SECONDS");
        std::process::exit(2);
    };
    let [rate, rows, seconds] = [rate, rows, seconds].map(|text| text.parse::<usize>().expect("a number"));
    let consumer = reader(kafka, topic);
    let transactions = rate * seconds / rows;
    let interval = Duration::from_secs(1).mul_f64(decimal(rows) / decimal(rate));
    let (sender, sent) = channel();
    let (host, port) = mysql.rsplit_once(':').expect("host:port");
    let mut session = Session::connect(host, port.parse().unwrap(), "root", "");
    let started = Instant::now();
    let writer = {
        let table = table.clone();
        std::thread::spawn(move || {
            for transaction in 0..transactions {
                let due = started + interval * u32::try_from(transaction).unwrap();
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let first = transaction * rows + 1;
                let values: Vec<String> = (first..first + rows).map(values).collect();
                session.exec("BEGIN");
                session.exec(&format!(
                    "INSERT INTO {table} (id, customer, sku, title, status, price, weight, created, updated, active, note) VALUES {}",
                    values.join(",")
                ));
                sender.send((first, Instant::now())).unwrap();
                session.exec("COMMIT");
            }
            started.elapsed()
        })
    };
    let mut times = read(&consumer, &sent, (transactions, rows), started);
    let took = writer.join().unwrap();
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    println!("rows/s written       {:.0}", decimal(transactions * rows) / took.as_secs_f64());
    println!("rows measured        {}", times.len());
    println!("ms p50 p90 p99 max   {:.1} {:.1} {:.1} {:.1}", at(50), at(90), at(99), at(100));
}

fn decimal(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("less than 4,294,967,296"))
}

fn values(id: usize) -> String {
    format!(
        "({id}, {}, 'ART-{:07}-M', 'Artikel Nr. {id} – Größe {}', {}, {}.{:02}, {}.5, '2025-01-01 10:20:30.123', '2025-06-01 10:20:30.654321', {}, \
         'Lieferung über Lager {}, Beleg {id}, bitte vor 18 Uhr')",
        id * 7919 % 4_294_967,
        id % 70_000,
        id % 60,
        1 + id % 4,
        id % 99_999,
        id % 100,
        id % 1000,
        id % 2,
        id % 17
    )
}

fn reader(kafka: &str, topic: &str) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("group.id", "freshness")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "10")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST).unwrap();
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|found| found.partitions()) {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    assert!(list.count() > 0, "the topic {topic} is missing");
    consumer.assign(&list).unwrap();
    consumer
}

/// Reads all rows: how long each that counts took.
fn read(consumer: &BaseConsumer, sent: &Receiver<Sent>, (transactions, rows): (usize, usize), started: Instant) -> Vec<Duration> {
    let mut commits: Vec<Option<Instant>> = vec![None; transactions];
    let (mut left, mut times) = (transactions * rows, Vec::new());
    while left > 0 {
        let message = consumer.poll(REQUEST * 3).expect("a record within 30 s").expect("a record");
        let now = Instant::now();
        let key = std::str::from_utf8(message.key().expect("a key")).unwrap();
        let id = key.strip_prefix("{\"id\":").and_then(|rest| rest.strip_suffix('}'));
        let id: usize = id.and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("the key {key}"));
        for (first, at) in sent.try_iter() {
            commits[(first - 1) / rows] = Some(at);
        }
        let committed = commits[(id - 1) / rows].expect("a row comes after its COMMIT was sent");
        if committed.duration_since(started) >= WARM_UP {
            times.push(now.duration_since(committed));
        }
        left -= 1;
    }
    times
}
