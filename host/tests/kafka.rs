//! The Kafka sink, positions, tail and checks against a real broker: `ROWMILL_TEST_KAFKA` is its `host:port`. Topics are
//! new for each run.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rowmill::batch::Records;
use rowmill::checkpoint::{self, Checkpoint};
use rowmill::config::{self, Config, Surroundings, Transactions};
use rowmill::fault::Fault;
use rowmill::position::Position;
use rowmill::sink::{self, Commit, From, Level, Sink, Tail, TopicSpec};

const ROUNDS: usize = 5;
const LIMIT: Duration = Duration::from_secs(30);

fn broker() -> String {
    std::env::var("ROWMILL_TEST_KAFKA").expect("set ROWMILL_TEST_KAFKA to host:port of a Kafka broker for tests")
}

/// A name that no other test or run uses.
fn fresh(test: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("sink-{test}-{}-{}", std::process::id(), now.as_micros() % 1_000_000_000)
}

fn config(name: &str, brokers: &str) -> Config {
    let text = format!(
        "name = \"{name}\"
        [source]
        host = \"127.0.0.1\"
        user = \"u\"
        password = \"p\"
        database = \"shop\"
        tables = \"t\"
        [sink]
        brokers = \"{brokers}\"
        topic_prefix = \"{name}\"
        [[plugin]]
        builtin = \"envelope\""
    );
    let surroundings = Surroundings {
        folder: Path::new(""),
        variable: &|_| None,
    };
    let mut config = config::parse(&text, &surroundings).unwrap();
    config.shutdown_timeout = Duration::from_secs(1);
    config
}

fn spec(name: &str, keyed: bool) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        table: format!("shop.{name}"),
        keyed,
    }
}

/// Records of one topic, keyed `{"id":n}`, value `size` bytes, each with a header.
fn records(topic: &str, numbers: std::ops::Range<u64>, size: usize) -> Records {
    let mut records = Records {
        topic_names: vec![Arc::from(topic)],
        bounds: vec![0],
        header_bounds: vec![0],
        ..Records::default()
    };
    for n in numbers {
        records.topics.push(0);
        records.partitions.push(-1);
        records.timestamps.push(1_700_000_000_000 + n.cast_signed());
        records.flags.push(0);
        records.data.extend(format!("{{\"id\":{n}}}").bytes());
        records.bounds.push(u32::try_from(records.data.len()).unwrap());
        let digits = n.to_string();
        records.data.resize(records.data.len() + size.saturating_sub(digits.len()), b'0');
        records.data.extend(digits.bytes());
        records.bounds.push(u32::try_from(records.data.len()).unwrap());
        for part in ["op", "INSERT"] {
            records.header_data.extend(part.bytes());
            records.header_bounds.push(u32::try_from(records.header_data.len()).unwrap());
        }
        records.header_ends.push(u32::try_from(records.flags.len()).unwrap());
    }
    records
}

fn connect(config: &Config) -> Box<dyn Sink> {
    sink::connect(config, Arc::default()).unwrap()
}

fn checkpoint(sequence: u64) -> Checkpoint {
    Checkpoint {
        position: Position {
            gtid: None,
            file: "binlog.000001".into(),
            pos: sequence,
        },
        next_sequence: sequence,
        saved_at_ms: 0,
        skip_before_ms: None,
        prepared: Vec::new(),
        inside: None,
        log: None,
        copying: Vec::new(),
        plugins: Vec::new(),
    }
}

fn commit(number: u64) -> Commit {
    Commit {
        number,
        checkpoint: checkpoint(number).encode().unwrap(),
        heeded: Vec::new(),
    }
}

fn tail(topic: &str, max: u64, change: impl FnOnce(&mut Tail)) -> Vec<serde_json::Value> {
    let mut what = Tail {
        brokers: broker(),
        properties: vec![],
        topic: topic.to_owned(),
        partition: None,
        from: From::Beginning,
        max: Some(max),
        key: None,
        uncommitted: false,
        decode: false,
    };
    change(&mut what);
    let mut out = Vec::new();
    assert_eq!(sink::tail(&what, &AtomicBool::new(false), &mut out).unwrap(), max);
    String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn records_arrive_with_key_partition_timestamp_and_headers_in_order_per_key() {
    let name = fresh("arrive");
    let topic = format!("{name}_t");
    let mut sink = connect(&config(&name, &broker()));
    sink.prepare(&[spec(&topic, true)]).unwrap();
    sink.write(records(&topic, 0..500, 100)).unwrap();
    sink.write(records(&topic, 0..500, 120)).unwrap();
    sink.commit(commit(1)).unwrap();
    sink.finish(LIMIT).unwrap();
    assert_eq!(sink.committed(Duration::ZERO).unwrap(), 1);

    let lines = tail(&topic, 1000, |_| {});
    for n in 0..500 {
        let key = format!("{{\"id\":{n}}}");
        let of_key: Vec<_> = lines.iter().filter(|line| line["key"] == key.as_str()).collect();
        let lengths: Vec<_> = of_key.iter().map(|line| line["value"].as_str().unwrap().len()).collect();
        assert_eq!(lengths, [100, 120], "{key}");
        assert!(of_key.iter().all(|line| line["timestamp"] == 1_700_000_000_000_u64 + n));
        assert!(of_key.iter().all(|line| line["headers"] == serde_json::json!([["op", "INSERT"]])));
        assert!(of_key.iter().all(|line| line["partition"] == of_key[0]["partition"]));
    }
    // As the Java partitioner puts it: murmur2({"id":1000000}) % 6 is 5.
    sink.write(records(&topic, 1_000_000..1_000_001, 10)).unwrap();
    sink.commit(commit(2)).unwrap();
    sink.finish(LIMIT).unwrap();
    let line = tail(&topic, 1, |what| what.key = Some("{\"id\":1000000}".into()));
    assert_eq!(line[0]["partition"], 5);
}

#[test]
fn more_than_the_bound_is_written_while_acknowledgements_make_room() {
    let name = fresh("bound");
    let topic = format!("{name}_t");
    let mut config = config(&name, &broker());
    config.limits.memory = 6 << 20;
    let mut sink = connect(&config);
    sink.prepare(&[spec(&topic, true)]).unwrap();
    for lot in 0..20 {
        sink.write(records(&topic, lot * 1000..(lot + 1) * 1000, 1000)).unwrap();
        sink.commit(commit(lot + 1)).unwrap();
    }
    sink.finish(LIMIT).unwrap();
    assert_eq!(sink.committed(Duration::ZERO).unwrap(), 20);
    let mut keys: Vec<_> = tail(&topic, 20_000, |_| {}).iter().map(|line| line["key"].to_string()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 20_000);
}

#[test]
fn a_position_survives_and_the_last_one_wins() {
    let name = fresh("position");
    let config = config(&name, &broker());
    let mut store = checkpoint::open(&config);
    assert_eq!(store.load().unwrap(), None);
    store.save(&checkpoint(7)).unwrap();
    assert_eq!(store.load().unwrap(), Some(checkpoint(7)));

    let topic = format!("{name}_t");
    let mut sink = connect(&config);
    sink.prepare(&[spec(&topic, false)]).unwrap();
    for number in 1..=50 {
        sink.write(records(&topic, number..number + 1, 50)).unwrap();
        sink.commit(commit(number)).unwrap();
    }
    while sink.committed(LIMIT).unwrap() < 50 {}
    drop(sink);
    assert_eq!(store.load().unwrap(), Some(checkpoint(50)));
}

#[test]
fn records_are_seen_with_their_position_or_not_at_all_and_a_successor_fences() {
    let name = fresh("transactions");
    let topic = format!("{name}_t");
    let mut config = config(&name, &broker());
    config.sink.transactions = Transactions::On;
    let mut first = connect(&config);
    first.prepare(&[spec(&topic, false)]).unwrap();
    first.write(records(&topic, 0..10, 30)).unwrap();
    first.commit(commit(1)).unwrap();
    assert_eq!(first.committed(Duration::ZERO).unwrap(), 1);
    // Open when the next one takes over: as after a crash.
    first.write(records(&topic, 10..20, 30)).unwrap();
    let mut second = connect(&config);
    second.prepare(&[spec(&topic, false)]).unwrap();
    let fenced = first.commit(commit(2)).unwrap_err();
    assert!(
        matches!(&fenced, Fault::Retry(_)) && fenced.to_string().contains("another process writes as this connector"),
        "{fenced}"
    );
    assert_eq!(checkpoint::open(&config).load().unwrap(), Some(checkpoint(1)));
    second.write(records(&topic, 20..25, 30)).unwrap();
    second.commit(commit(2)).unwrap();
    // Ended by its producer's end, at once and not by the broker's time limit.
    second.write(records(&topic, 30..35, 30)).unwrap();
    drop(second);
    let mut third = connect(&config);
    third.prepare(&[spec(&topic, false)]).unwrap();
    third.write(records(&topic, 40..41, 30)).unwrap();
    third.commit(commit(3)).unwrap();
    let keys: Vec<String> = tail(&topic, 16, |_| {})
        .iter()
        .map(|line| line["key"].as_str().unwrap().to_owned())
        .collect();
    let wanted: Vec<String> = (0..10).chain(20..25).chain(40..41).map(|n| format!("{{\"id\":{n}}}")).collect();
    assert_eq!(keys, wanted);
    assert_eq!(checkpoint::open(&config).load().unwrap(), Some(checkpoint(3)));
}

#[test]
fn the_first_records_of_topics_that_were_made_a_moment_ago_all_arrive() {
    let name = fresh("new");
    let mut config = config(&name, &broker());
    config.sink.transactions = Transactions::Off;
    for round in 0..ROUNDS {
        let topics: Vec<String> = (0..10).map(|n| format!("{name}_{round}_{n}")).collect();
        let mut sink = connect(&config);
        let specs: Vec<TopicSpec> = topics.iter().map(|topic| spec(topic, false)).collect();
        sink.prepare(&specs).unwrap();
        // Each step is a batch of its own in flight.
        for step in 0..4 {
            for topic in &topics {
                sink.write(records(topic, step..step + 1, 10)).unwrap();
            }
            sink.committed(Duration::from_millis(6)).unwrap();
        }
        sink.commit(commit(1)).unwrap();
        sink.finish(LIMIT).unwrap();
        for topic in &topics {
            let offsets: Vec<u64> = tail(topic, 4, |_| {}).iter().map(|line| line["offset"].as_u64().unwrap()).collect();
            assert_eq!(offsets, [0, 1, 2, 3], "{topic}");
        }
    }
}

#[test]
fn a_sink_dropped_with_records_on_their_way_ends_cleanly() {
    let name = fresh("drop");
    let topic = format!("{name}_t");
    let mut sink = connect(&config(&name, &broker()));
    sink.prepare(&[spec(&topic, true)]).unwrap();
    for lot in 0..5 {
        sink.write(records(&topic, lot * 1000..(lot + 1) * 1000, 1000)).unwrap();
    }
    drop(sink);
}

#[test]
fn if_one_topic_can_not_be_made_none_is() {
    let name = fresh("none");
    let mut config = config(&name, &broker());
    let (good, other, alike) = (format!("{name}_good"), format!("{name}_other"), format!("{name}.good"));
    let refused = connect(&config)
        .prepare(&[spec(&good, true), spec(&format!("{name}_größe"), true)])
        .unwrap_err();
    assert!(
        matches!(&refused, Fault::Stop(_)) && refused.to_string().contains("größe"),
        "{refused}"
    );
    config.sink.topics.replication = 9;
    let refused = connect(&config).prepare(&[spec(&good, true)]).unwrap_err().to_string();
    assert!(refused.contains(&good) && refused.contains("replication"), "{refused}");
    config.sink.topics.replication = -1;
    let findings = sink::check(&config, &[spec(&good, true), spec(&other, true)]);
    assert!(
        findings.iter().any(|f| f.level == Level::Ok && f.text.contains("2 would be made")),
        "{findings:?}"
    );
    let findings = sink::check(&config, &[spec(&good, true), spec(&alike, true)]);
    assert!(
        findings.iter().any(|f| f.level == Level::Fail && f.text.contains(&alike)),
        "{findings:?}"
    );
    let topic = Tail {
        brokers: broker(),
        properties: vec![],
        topic: good,
        partition: None,
        from: From::End,
        max: Some(1),
        key: None,
        uncommitted: false,
        decode: false,
    };
    let missing = sink::tail(&topic, &AtomicBool::new(false), &mut Vec::new()).unwrap_err();
    assert!(missing.to_string().contains("no such topic"), "{missing}");
}

#[test]
fn a_record_that_is_too_large_is_rejected_by_topic_and_size_and_nothing_else_of_its_lot_is_sent() {
    let name = fresh("large");
    let topic = format!("{name}_t");
    let mut sink = connect(&config(&name, &broker()));
    sink.prepare(&[spec(&topic, true)]).unwrap();
    let refused = sink.write(records(&topic, 0..2, 1_100_000)).unwrap_err();
    assert!(matches!(&refused, Fault::Reject(_)), "{refused}");
    let text = refused.to_string();
    assert!(
        text.contains(&topic) && text.contains("1100") && text.contains("message.max.bytes"),
        "{text}"
    );
    sink.write(records(&topic, 9..10, 10)).unwrap();
    sink.commit(commit(1)).unwrap();
    sink.finish(LIMIT).unwrap();
    assert_eq!(tail(&topic, 1, |_| {})[0]["key"], "{\"id\":9}");
}

#[test]
fn a_dead_broker_is_a_retry_that_names_brokers_and_setting_within_seconds() {
    // Nothing listens on port 1.
    let config = config("dead", "127.0.0.1:1");
    let started = std::time::Instant::now();
    let fault = connect(&config).prepare(&[spec("t", true)]).unwrap_err();
    let text = fault.to_string();
    assert!(matches!(fault, Fault::Retry(_)), "{text}");
    assert!(
        text.contains("127.0.0.1:1") && text.contains("sink.brokers") && text.contains("refused"),
        "{text}"
    );
    let findings = sink::check(&config, &[spec("t", true)]);
    assert!(
        findings.iter().any(|f| f.level == Level::Fail && f.name == "brokers"),
        "{findings:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_mock_broker_takes_records_and_positions_and_gives_them_back() {
    let mut config = config("mock", "127.0.0.1:1");
    let topics = [spec("mock_t", true)];
    let broker = sink::Broker::start(&topics, &config.sink.topics).unwrap();
    config.sink.brokers = broker.brokers();
    config.sink.transactions = Transactions::Off;
    let mut sink = connect(&config);
    sink.prepare(&topics).unwrap();
    sink.write(records("mock_t", 0..100, 30)).unwrap();
    sink.commit(commit(1)).unwrap();
    sink.finish(LIMIT).unwrap();
    let mut reader = broker.reader(&["mock_t"]).unwrap();
    let mut numbers: Vec<u64> = (0..100)
        .map(|_| {
            let message = reader.next(LIMIT).unwrap().unwrap();
            String::from_utf8(message.value.unwrap()).unwrap().parse().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    assert_eq!(checkpoint::open(&config).load().unwrap(), Some(checkpoint(1)));
}
