//! All brokers are away, or have no room, for longer than a delivery and a transaction may last; or they take little.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use pipeline_tests::{Cluster, Connector, Database, Http, Rowmill, Server, until};
use serde_json::Value;

use super::lasting;
use super::load::{Load, TABLES, judge, tables, wait_for_last};

/// Deliveries and transactions that end soon.
const SHORT: &str = "\"delivery.timeout.ms\" = \"3000\", \"transaction.timeout.ms\" = \"3000\"";

fn loaded(stem: &str, cluster: &Cluster, properties: &str) -> (Database, Connector) {
    let mut database = Server::shared().database(stem);
    tables(&mut database);
    let mut connector = Connector::new(&mut database, &cluster.kafka, TABLES);
    connector.sink += &format!("\ntransactions = \"on\"\nproperties = {{ {properties} }}");
    (database, connector)
}

/// Waits until the connector says that it tries again, for a reason with these words.
fn retries(http: &Http, connector: &Connector, words: &str) {
    let own = format!("/api/connectors/{}", connector.name);
    until(&format!("a retry for {words:?}"), || {
        let told: Value = http.json(&own);
        let text = told["last_fault"]["text"].as_str().unwrap_or_default().to_owned();
        (told["state"] == "retrying" && text.contains(words)).then_some(())
    });
}

/// How long a broker may take to end a transaction that it was asked to end.
const COMMIT: Duration = Duration::from_secs(2);

/// Has something happen to the only broker while the connector, which stands still meanwhile, asks it to commit nothing. A broker of Kafka 4.3 that is alone
/// and dies between its decision to commit and the markers of that may come back without them: it looks for the partitions' leaders before it
/// knows of any, takes the partitions for deleted (`Couldn't find leader endpoint`), and readers of what is committed wait for ever then, whoever wrote
/// it. What brokers do that are not alone, and die at any moment, `chaos` and `brokers` try.
fn between_commits(rowmill: &Rowmill, happen: impl FnOnce()) {
    rowmill.signal("STOP");
    std::thread::sleep(COMMIT);
    happen();
    rowmill.signal("CONT");
}

#[test]
fn brokers_that_are_away_longer_than_a_transaction_may_last_lose_and_repeat_nothing() {
    let cluster = Cluster::start(1, &[], &[]);
    let kafka = &cluster.kafka;
    // A long outage is one at the default settings.
    let is_long = std::env::var("ROWMILL_TEST_FAULT_S").is_ok();
    let (mut database, connector) = loaded("away", &cluster, if is_long { "" } else { SHORT });
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    let load = Load::start(&database, Duration::from_millis(if is_long { 40 } else { 10 }));
    kafka.read(&[&connector.topic("entries")], 50);
    between_commits(&rowmill, || cluster.kill(1));
    // More than a transaction holds waits in the log meanwhile.
    retries(&http, &connector, "connecting to the brokers");
    load.more(200);
    std::thread::sleep(lasting(Duration::from_secs(6)));
    retries(&http, &connector, &cluster.kafka.brokers);
    let peak = rowmill.peak_memory_mib();
    cluster.start_again(1);
    load.more(20);
    load.stop();
    wait_for_last(kafka, &connector, &mut database);
    rowmill.terminate().assert_code(0);
    judge(kafka, &connector, &mut database);
    assert!(peak < 250, "{peak} MiB were resident");
}

/// A disk of its own in memory; it ends with this.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None where this process may not mount one.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=48m", "rowmill-test"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.path().join("filler")).unwrap();
        while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a broker that a failed test left behind may still have files there.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn a_broker_whose_disk_is_full_gets_each_change_once_when_it_has_room_again() {
    let Some(disk) = SmallDisk::new() else {
        println!("skipped: this process may not mount a file system");
        return;
    };
    let folder = format!("log.dirs={}", disk.path().display());
    // As long as the broker runs it keeps files there.
    let cluster = Cluster::start(1, &[], &[&folder, "log.segment.bytes=1048576", "log.index.size.max.bytes=65536"]);
    let kafka = &cluster.kafka;
    let (mut database, connector) = loaded("full", &cluster, SHORT);
    let rowmill = connector.start_listening();
    let http = rowmill.http();
    let load = Load::start(&database, Duration::from_millis(10));
    kafka.read(&[&connector.topic("entries")], 50);
    between_commits(&rowmill, || disk.fill());
    // Without its only disk the broker ends itself.
    cluster.wait_for_end(1);
    retries(&http, &connector, "connecting to the brokers");
    disk.make_room();
    cluster.start_again(1);
    load.more(20);
    load.stop();
    wait_for_last(kafka, &connector, &mut database);
    rowmill.terminate().assert_code(0);
    judge(kafka, &connector, &mut database);
}

#[test]
fn a_broker_that_throttles_the_connector_gets_everything_in_order_without_a_restart() {
    /// Bytes a second.
    const RATE: usize = 120_000;
    let cluster = Cluster::start(1, &[], &[]);
    let kafka = &cluster.kafka;
    let quota = format!("producer_byte_rate={RATE}");
    cluster.admin(
        "kafka.admin.ConfigCommand",
        &["--alter", "--add-config", &quota, "--entity-type", "clients", "--entity-default"],
    );
    let (mut database, mut connector) = loaded("throttled", &cluster, "");
    connector.sink += "\ncompression = \"none\"";
    let rowmill = connector.start();
    let began = Instant::now();
    let load = Load::start(&database, Duration::from_millis(2));
    load.more(300);
    load.stop();
    wait_for_last(kafka, &connector, &mut database);
    let took = began.elapsed();
    let peak = rowmill.peak_memory_mib();
    let ended = rowmill.terminate();
    ended.assert_code(0);
    assert!(!ended.output().contains("starting again"), "{}", ended.output());
    judge(kafka, &connector, &mut database);
    let sent: usize = kafka
        .read_to_end(&connector.topic("entries"))
        .iter()
        .map(|message| message.value.len())
        .sum();
    // Kafka lets some of it pass at first.
    let least = Duration::from_millis(u64::try_from(sent * 1000 / RATE / 2).unwrap());
    assert!(took > least, "{sent} bytes within {took:?} were not throttled");
    assert!(peak < 250, "{peak} MiB were resident");
}
