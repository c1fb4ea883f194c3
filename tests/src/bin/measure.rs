//! Runs a connector until a topic holds so many records, and says what that took. `tests/bench/pipeline` calls it:
//! `measure ROWMILL CONNECTOR.toml BROKERS TOPIC RECORDS LOG`.
//!
//! Rows a second count from the moment at which the first record is in the topic to that at which its last commit is, as the
//! broker's high watermarks tell, asked every few milliseconds; that all records are there, a `read_committed` reader counts
//! afterwards. CPU seconds are user and system time of the whole process
//! from its start, those of its threads by their names, and the peak of its resident memory is the kernel's own (`VmHWM`); both are read from /proc when the last
//! record has arrived.
//!
//! With `ROWMILL_BENCH_KILLS` it is killed so often on the way, at even distances, and started again: CPU seconds are then those of all
//! processes up to their ends, the peak is the highest of them. The reader afterwards has to see RECORDS keys of the form `{"id":N}`, none of
//! them twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement fails by panicking"
)]

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

const REQUEST: Duration = Duration::from_secs(10);
/// Commits are in the watermarks beside the records: when nothing more comes for so long, the last one has.
const STILL: Duration = Duration::from_millis(300);
/// After a kill there is silence until the next process has read its way to where the former came.
const STILL_AFTER_KILLS: Duration = Duration::from_secs(20);
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
    let kills: i64 = std::env::var("ROWMILL_BENCH_KILLS").map_or(0, |text| text.parse().expect("a number of kills"));
    let start = |again: bool| {
        let mut file = std::fs::File::options();
        let file = file.create(true).append(again).write(true).truncate(!again).open(log).unwrap();
        Command::new(rowmill)
            .args(["run", "-c", config])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|e| panic!("starting {rowmill}: {e}"))
    };
    let started = Instant::now();
    let mut child = start(false);
    let (mut cpu, mut resident, mut begun) = (0.0, 0.0_f64, None);
    for kill in 1..=kills {
        let (first, _) = wait(&consumer, topic, records * kill / (kills + 1), Duration::ZERO, &mut child);
        begun.get_or_insert(first);
        cpu += cpu_seconds(child.id());
        resident = resident.max(resident_mib(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        child = start(true);
    }
    // Records of transactions that were never committed count among those that the watermarks tell.
    let still = if kills > 0 { STILL_AFTER_KILLS } else { STILL };
    let (first, last) = wait(&consumer, topic, records, still, &mut child);
    let first = begun.unwrap_or(first);
    let id = child.id();
    cpu += cpu_seconds(id);
    let resident = resident.max(resident_mib(id));
    let threads = cpu_of_threads(id);
    let status = Command::new("sh").arg("-c").arg(format!("kill -TERM {id}")).status().unwrap();
    assert!(status.success(), "sending SIGTERM");
    let status = child.wait().unwrap();
    assert!(status.success(), "rowmill ended with {status}; its log is {log}");
    committed(&consumer, topic, records);
    let seconds = last.duration_since(first).as_secs_f64();
    let total = decimal(records);
    println!("records              {records}");
    println!(
        "rows/s               {:.0}   (first record to last: {seconds:.3} s)",
        total / seconds
    );
    println!("CPU-s/million rows   {:.2}   ({cpu:.2} s in all)", cpu / total * 1e6);
    if kills == 0 {
        let threads: Vec<String> = threads
            .iter()
            .map(|(name, seconds)| format!("{name} {:.2}", seconds / total * 1e6))
            .collect();
        println!("  of which           {}", threads.join(", "));
    }
    println!("peak resident MiB    {resident:.0}");
    println!("start to first       {:.3} s", first.duration_since(started).as_secs_f64());
}

/// When the first record was there, and when all were.
fn wait(consumer: &BaseConsumer, topic: &str, records: i64, still: Duration, child: &mut Child) -> (Instant, Instant) {
    let (mut first, mut before, mut progress) = (None, 0, Instant::now());
    loop {
        let found = count(consumer, topic).unwrap_or(0);
        let now = Instant::now();
        if found > before {
            first = first.or(Some(now));
            (before, progress) = (found, now);
        }
        if found >= records && now.duration_since(progress) >= still {
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

/// Has a `read_committed` reader see each row once, and nothing else.
fn committed(consumer: &BaseConsumer, topic: &str, records: i64) {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST).unwrap();
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|found| found.partitions()) {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let mut seen = vec![false; usize::try_from(records).unwrap() + 1];
    let (mut twice, mut ended) = (0, 0);
    while ended < list.count() {
        match consumer.poll(REQUEST) {
            Some(Ok(message)) => {
                let key = std::str::from_utf8(message.key().expect("a key")).expect("UTF-8");
                let id = key.strip_prefix("{\"id\":").and_then(|rest| rest.strip_suffix('}'));
                let id: usize = id.and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("the key {key}"));
                // Numbers have gaps: the server hands them out in blocks.
                if id >= seen.len() {
                    seen.resize(id * 2, false);
                }
                twice += i64::from(std::mem::replace(&mut seen[id], true));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => panic!("reading {topic}: {error}"),
            None => panic!("{topic} does not come to its end"),
        }
    }
    let rows = i64::try_from(seen.iter().filter(|seen| **seen).count()).unwrap();
    assert_eq!((records - rows, twice), (0, 0), "rows that are missing, and records too many");
}

fn cpu_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // The name in parentheses may hold spaces; utime and stime are the 12th and 13th field behind it, in ticks of 10 ms.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|f| f.parse::<f64>().unwrap() / 100.0).sum()
}

/// Seconds that threads have run so far, those of one name together, the busiest first; the few that ran less than a hundredth of all are left out.
fn cpu_of_threads(id: u32) -> Vec<(String, f64)> {
    let mut names: BTreeMap<String, f64> = BTreeMap::new();
    for thread in std::fs::read_dir(format!("/proc/{id}/task")).unwrap().flatten() {
        let read = |name: &str| std::fs::read_to_string(thread.path().join(name));
        // A thread may end meanwhile.
        let (Ok(name), Ok(ran)) = (read("comm"), read("schedstat")) else {
            continue;
        };
        let nanoseconds: f64 = ran.split_whitespace().next().unwrap().parse().unwrap();
        // librdkafka has one for each broker, under names such as `rdk:broker1`.
        let name = name.trim().trim_end_matches(|last: char| last.is_ascii_digit() || last == '-');
        *names.entry(name.to_owned()).or_default() += nanoseconds / 1e9;
    }
    let all: f64 = names.values().sum();
    let mut busy: Vec<_> = names.into_iter().filter(|(_, seconds)| *seconds > all / 100.0).collect();
    busy.sort_by(|one, other| other.1.total_cmp(&one.1));
    busy
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
