//! Runs a connector until a topic holds so many records, and says what that took. `tests/bench/pipeline` calls it:
//! `measure ROWMILL CONNECTOR.toml BROKERS TOPIC RECORDS LOG`.
//!
//! Rows a second count from the moment at which the first record is in the topic to that at which its last commit is, as the
//! broker's high watermarks tell, asked every few milliseconds; that all records are there, a `read_committed` reader counts
//! afterwards. CPU seconds are user and system time of the whole process
//! from its start, and the peak of its resident memory is the kernel's own (`VmHWM`); both are read from /proc when the last
//! record has arrived.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement fails by panicking"
)]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

const REQUEST: Duration = Duration::from_secs(10);
/// Commits are in the watermarks beside the records: when nothing more comes for so long, the last one has.
const STILL: Duration = Duration::from_millis(300);
/// Without a new record for so long, the run has failed.
const SILENCE: Duration = Duration::from_secs(120);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rowmill, config, brokers, topic, records, log] = &arguments[..] else {
        eprintln!("usage: measure ROWMILL CONNECTOR.toml BROKERS TOPIC RECORDS LOG");
        std::process::exit(2);
    };
    let records: i64 = records.parse().expect("RECORDS is a number");
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "measure")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .create()
        .unwrap();
    let started = Instant::now();
    let mut child = Command::new(rowmill)
        .args(["run", "-c", config])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(log).unwrap())
        .spawn()
        .unwrap_or_else(|e| panic!("starting {rowmill}: {e}"));
    let (first, last) = wait(&consumer, topic, records, &mut child);
    let id = child.id();
    let cpu = cpu_seconds(id);
    let resident = resident_mib(id);
    let status = Command::new("sh").arg("-c").arg(format!("kill -TERM {id}")).status().unwrap();
    assert!(status.success(), "sending SIGTERM");
    let status = child.wait().unwrap();
    assert!(status.success(), "rowmill ended with {status}; its log is {log}");
    assert_eq!(committed(&consumer, topic), records, "records in the topic after the end");
    let seconds = last.duration_since(first).as_secs_f64();
    let total = decimal(records);
    println!("records              {records}");
    println!(
        "rows/s               {:.0}   (first record to last: {seconds:.3} s)",
        total / seconds
    );
    println!("CPU-s/million rows   {:.2}   ({cpu:.2} s in all)", cpu / total * 1e6);
    println!("peak resident MiB    {resident:.0}");
    println!("start to first       {:.3} s", first.duration_since(started).as_secs_f64());
}

/// When the first record was there, and when all were.
fn wait(consumer: &BaseConsumer, topic: &str, records: i64, child: &mut Child) -> (Instant, Instant) {
    let (mut first, mut before, mut progress) = (None, 0, Instant::now());
    loop {
        let found = count(consumer, topic).unwrap_or(0);
        let now = Instant::now();
        if found > before {
            first = first.or(Some(now));
            (before, progress) = (found, now);
        }
        if found >= records && now.duration_since(progress) >= STILL {
            return (first.unwrap_or(now), progress);
        }
        assert!(
            child.try_wait().unwrap().is_none(),
            "rowmill ended after {found} records; its log says why"
        );
        assert!(
            now.duration_since(progress) < SILENCE,
            "no record came for {} s after {found}",
            SILENCE.as_secs()
        );
        std::thread::sleep(Duration::from_millis(4));
    }
}

/// Records in a topic; `None` where it is missing.
fn count(consumer: &BaseConsumer, topic: &str) -> Option<i64> {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST).ok()?;
    let found = metadata.topics().iter().find(|t| t.name() == topic && t.error().is_none())?;
    let marks = found.partitions().iter().map(|p| {
        consumer
            .fetch_watermarks(topic, p.id(), REQUEST)
            .map_or(0, |(low, high)| high - low)
    });
    Some(marks.sum())
}

/// Records that a `read_committed` reader sees.
fn committed(consumer: &BaseConsumer, topic: &str) -> i64 {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST).unwrap();
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|found| found.partitions()) {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let (mut records, mut ended) = (0, 0);
    while ended < list.count() {
        match consumer.poll(REQUEST) {
            Some(Ok(_)) => records += 1,
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => panic!("reading {topic}: {error}"),
            None => panic!("{topic} does not come to its end"),
        }
    }
    records
}

fn cpu_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // The name in parentheses may hold spaces; utime and stime are the 12th and 13th field behind it, in ticks of 10 ms.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|f| f.parse::<f64>().unwrap() / 100.0).sum()
}

fn resident_mib(id: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .expect("the kernel tells VmHWM");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn decimal(number: i64) -> f64 {
    number.to_string().parse().unwrap()
}
