//! Topics: which exist, which must be made, and the rule that all are checked before any is made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::types::RDKafkaRespErr;

use super::failure::{Failure, hopeless};
use super::native::{NewTopic, Producer, Refusal};
use crate::config::{Sink, Topics};
use crate::fault::Fault;
use crate::sink::TopicSpec;

/// Topic of positions. One partition: a load reads one log to its end, and what was stored last is last.
pub(in crate::sink) const POSITIONS: &str = "rowmill_positions";
/// A connector stores a position up to 40 times a second, and a log's open segment is never compacted: small segments keep a
/// load quick.
const POSITIONS_SETTINGS: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    BROKERS_TIME,
    ("segment.bytes", "16777216"),
    ("min.cleanable.dirty.ratio", "0.1"),
];

/// One partition keeps letters in order; they stay until somebody has looked after them.
const LETTERS_SETTINGS: &[(&str, &str)] = &[
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    BROKERS_TIME,
];
/// What has no time of the source takes the broker's: it refuses one of a clock that is an hour ahead of its own.
const BROKERS_TIME: (&str, &str) = ("message.timestamp.type", "LogAppendTime");

/// How long a first connection may take. Within it a broker that starts beside us comes up.
const REACH: Duration = Duration::from_secs(6);
/// How long a refused or unresolvable connection is tried again before it is reported.
const REFUSED: Duration = Duration::from_secs(2);
/// What the brokers need to spread news has no event to wait for; it takes milliseconds.
const SPREAD: Duration = Duration::from_millis(20);
/// And for each partition more, as brokers make them one after the other.
const PARTITION: Duration = Duration::from_millis(10);
/// How long leaders may take to answer.
const LEADERS: Duration = Duration::from_secs(5);
/// Partitions in one request. Kafka's controllers take no request that makes more than 10,000 of their records, one for each topic and
/// partition and setting.
const AT_ONCE: usize = 2_000;
/// How long the broker may take to make topics, and to show them afterwards.
const MAKE: Duration = Duration::from_secs(30);

/// Partitions of every topic of the cluster, by name.
pub(super) type Existing = BTreeMap<String, i32>;

/// Asks the cluster for its topics, waiting for a first connection.
pub(super) fn existing(producer: &mut Producer, brokers: &str) -> Result<Existing, Fault> {
    metadata(producer, brokers).map(|metadata| partitions(&metadata))
}

/// Asks the cluster for its brokers and topics, waiting for a first connection.
pub(super) fn metadata(producer: &mut Producer, brokers: &str) -> Result<Metadata, Fault> {
    let started = Instant::now();
    let mut trouble: Option<Refusal> = None;
    loop {
        let refusal = match producer.client().fetch_metadata(None, Duration::from_millis(500)) {
            Ok(metadata) => return Ok(metadata),
            Err(error) => Refusal::from(error),
        };
        // "All brokers down" only counts them; what was said before says why.
        if let Some(served) = producer.poll(Duration::ZERO).trouble
            && (trouble.is_none() || served.code != RDKafkaErrorCode::AllBrokersDown)
        {
            trouble = Some(served);
        }
        let waited = started.elapsed();
        let over = trouble.as_ref().is_some_and(|t| hopeless(t.code) || waited >= REFUSED);
        if over || waited >= REACH {
            let tried = format!("connecting to the brokers {brokers:?} (sink.brokers)");
            return Err(Failure::new(trouble.unwrap_or(refusal), tried).into());
        }
    }
}

/// Names of all topics, also of those that can't be written at the moment.
pub(super) fn names(metadata: &Metadata) -> BTreeSet<&str> {
    let gone = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    let there = metadata.topics().iter().filter(|topic| topic.error() != Some(gone));
    there.map(MetadataTopic::name).collect()
}

/// The topics that can be written.
pub(super) fn partitions(metadata: &Metadata) -> Existing {
    let mut existing = Existing::new();
    for topic in metadata.topics() {
        // A topic that is just being made or deleted, or has no leader yet, does not count as there.
        let led = topic.partitions().iter().all(|partition| partition.leader() >= 0);
        if topic.error().is_none() && led && !topic.partitions().is_empty() {
            let count = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
            existing.insert(topic.name().to_owned(), count);
        }
    }
    existing
}

/// What must be made for these topics, of which one may be `dead_letters`, and the positions.
pub(super) fn missing(existing: &Existing, topics: &[TopicSpec], settings: &Topics, dead_letters: &str) -> Vec<NewTopic> {
    let mut new: Vec<NewTopic> = Vec::new();
    for topic in topics {
        if existing.contains_key(&topic.name) || new.iter().any(|n| n.name == topic.name) {
            continue;
        }
        let is_letters = topic.name == dead_letters;
        new.push(NewTopic {
            name: topic.name.clone(),
            partitions: if is_letters {
                1
            } else if topic.keyed {
                settings.partitions_with_key
            } else {
                settings.partitions_without_key
            },
            replication: settings.replication,
            settings: if is_letters { LETTERS_SETTINGS } else { &[] },
        });
    }
    if !existing.contains_key(POSITIONS) {
        new.push(NewTopic {
            name: POSITIONS.to_owned(),
            partitions: 1,
            replication: settings.replication,
            settings: POSITIONS_SETTINGS,
        });
    }
    new
}

/// Whether the cluster would make all of these; nothing is made.
pub(super) fn check(producer: &mut Producer, new: &[NewTopic], sink: &Sink) -> Result<(), Fault> {
    ask(producer, new, sink, true)
}

/// Checks all, then makes all and waits until they are to be seen.
pub(super) fn make(producer: &mut Producer, new: &[NewTopic], sink: &Sink) -> Result<Existing, Fault> {
    ask(producer, new, sink, true)?;
    ask(producer, new, sink, false)?;
    let started = Instant::now();
    loop {
        let existing = existing(producer, &sink.brokers)?;
        let Some(unseen) = new.iter().find(|topic| !existing.contains_key(&topic.name)) else {
            await_leaders(producer, new, started)?;
            return Ok(existing);
        };
        check_seen(producer, &unseen.name)?;
        if started.elapsed() > longest(new) {
            return Err(unled(&unseen.name, longest(new)));
        }
        std::thread::sleep(SPREAD);
    }
}

/// Among all topics, those that may not be seen are left out, so that one that is there looks like one that is missing. Asked for by its name, a
/// broker tells the difference.
fn check_seen(producer: &Producer, topic: &str) -> Result<(), Fault> {
    let Ok(metadata) = producer.client().fetch_metadata(Some(topic), LEADERS) else {
        return Ok(());
    };
    let code = metadata.topics().first().and_then(MetadataTopic::error).map(RDKafkaErrorCode::from);
    match code {
        Some(code @ RDKafkaErrorCode::TopicAuthorizationFailed) => {
            let reason = code.to_string();
            Err(Failure::new(Refusal { code, reason }, format!("looking for topic {topic:?}")).into())
        }
        _ => Ok(()),
    }
}

/// How long so many topics may take until they are served.
fn longest(new: &[NewTopic]) -> Duration {
    let partitions: u32 = new.iter().filter_map(|topic| u32::try_from(topic.partitions).ok()).sum();
    MAKE + PARTITION * partitions
}

/// Waits until the leaders of new topics serve them. Metadata names a leader before that broker knows of it: it would refuse the first
/// batches and take a later one, and then call the first, sent again, a repetition of what it has.
fn await_leaders(producer: &mut Producer, new: &[NewTopic], started: Instant) -> Result<(), Fault> {
    let all = new
        .iter()
        .flat_map(|topic| (0..topic.partitions).map(|partition| (topic.name.clone(), partition)));
    let mut waiting: Vec<(String, i32)> = all.collect();
    while !waiting.is_empty() {
        let mut left = Vec::new();
        for some in waiting.chunks(AT_ONCE) {
            match producer.unserved(some, LEADERS) {
                Ok(unserved) => left.extend(unserved),
                Err(refusal) => left.extend(some.iter().map(|partition| (partition.clone(), refusal.clone()))),
            }
        }
        if let Some(((topic, partition), refusal)) = left.first() {
            tracing::debug!(
                topic,
                partition,
                reason = refusal.reason,
                others = left.len() - 1,
                "the leader does not serve it yet"
            );
            if started.elapsed() > longest(new) {
                return Err(unled(topic, longest(new)));
            }
            std::thread::sleep(SPREAD);
        }
        waiting = left.into_iter().map(|(partition, _)| partition).collect();
    }
    Ok(())
}

fn unled(topic: &str, waited: Duration) -> Fault {
    let reason = format!("it has no leader {} s after it was made", waited.as_secs());
    Fault::retry(anyhow::Error::msg(reason).context(format!("making topic {topic:?}")))
}

/// Topics in requests that a controller takes.
fn requests(mut new: &[NewTopic]) -> Vec<&[NewTopic]> {
    let mut requests = Vec::new();
    while !new.is_empty() {
        let mut records = 0;
        let cost = |topic: &NewTopic| {
            usize::try_from(topic.partitions)
                .unwrap_or(usize::MAX)
                .saturating_add(1 + topic.settings.len())
        };
        let fits = new.iter().take_while(|topic| {
            records = cost(topic).saturating_add(records);
            records <= AT_ONCE
        });
        // One that is larger alone is the broker's to refuse.
        let (some, rest) = new.split_at(fits.count().max(1));
        requests.push(some);
        new = rest;
    }
    requests
}

fn ask(producer: &mut Producer, new: &[NewTopic], sink: &Sink, only_check: bool) -> Result<(), Fault> {
    if new.is_empty() {
        return Ok(());
    }
    let what = if only_check { "checking" } else { "making" };
    let tried = format!("{what} {} missing topics at {:?}", new.len(), sink.brokers);
    let mut refused = Vec::new();
    for some in requests(new) {
        let some = producer.create_topics(some, only_check, MAKE);
        refused.extend(some.map_err(|refusal| Failure::new(refusal, tried.clone()))?);
    }
    // Somebody else made it in between: it is there, which is what counts.
    let refused: Vec<_> = refused
        .into_iter()
        .filter(|(_, r)| r.code != RDKafkaErrorCode::TopicAlreadyExists)
        .collect();
    let Some((name, first)) = refused.first() else { return Ok(()) };
    let others = match refused.len() - 1 {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let none = if only_check { ", so none is made" } else { "" };
    let wanted = new.iter().find(|topic| topic.name == *name);
    let shape = wanted.map_or(String::new(), |t| {
        format!(" with {} partitions and replication {}", t.partitions, t.replication)
    });
    let tried = format!("{what} topic {name:?}{shape}{others}{none}");
    Err(Failure::new(first.clone(), tried).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_topics_are_made_with_partitions_by_key() {
        let settings = Topics {
            prefix: "m".into(),
            pattern: "{prefix}_{table}".into(),
            partitions_with_key: 6,
            partitions_without_key: 1,
            replication: -1,
        };
        let spec = |name: &str, keyed| TopicSpec {
            name: name.into(),
            table: format!("d.{name}"),
            keyed,
        };
        let existing = Existing::from([("m_there".to_owned(), 3)]);
        let new = missing(
            &existing,
            &[
                spec("m_there", true),
                spec("m_key", true),
                spec("m_no_key", false),
                spec("m_dead", true),
            ],
            &settings,
            "m_dead",
        );
        let shapes: Vec<_> = new.iter().map(|t| (t.name.as_str(), t.partitions)).collect();
        assert_eq!(shapes, [("m_key", 6), ("m_no_key", 1), ("m_dead", 1), (POSITIONS, 1)]);
        let kept = new
            .iter()
            .filter(|t| t.settings.contains(&("retention.ms", "-1")))
            .map(|t| t.name.as_str());
        assert_eq!(kept.collect::<Vec<_>>(), ["m_dead"]);
    }

    #[test]
    fn very_many_topics_go_in_requests_that_a_controller_takes_each_once() {
        let topic = |name: String, partitions| NewTopic {
            name,
            partitions,
            replication: -1,
            settings: &[],
        };
        let mut new: Vec<NewTopic> = (0..10_000).map(|n| topic(format!("t{n}"), 6)).collect();
        new.insert(5_000, topic("wide".to_owned(), 9_000));
        let requests = requests(&new);
        let names: Vec<&str> = requests
            .iter()
            .flat_map(|some| some.iter().map(|topic| topic.name.as_str()))
            .collect();
        assert_eq!(names, new.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>());
        let records = |some: &[NewTopic]| some.iter().map(|topic| topic.partitions + 1).sum::<i32>();
        assert!(requests.iter().all(|some| some.len() == 1 || records(some) <= 2_000));
        assert!(requests.len() < 50, "{}", requests.len());
    }
}
