//! What `rowmill tail` prints: a topic's messages as JSON lines, in the order in which they arrive.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::kafka::{self, Logs};
use super::lines::Line;
use crate::config::Secret;
use crate::fault::Fault;

/// How long the broker may take to answer at first.
const REACH: Duration = Duration::from_secs(8);
/// Between two looks at the stop signal.
const LOOK: Duration = Duration::from_millis(100);

/// Where a tail starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// At the oldest message. The default: whoever tails a topic mostly wants to see what arrived.
    Beginning,
    /// After the newest one.
    End,
    /// At this offset of each partition.
    Offset(i64),
    /// At the first message of this time (milliseconds since 1970) or later.
    Time(i64),
}

/// What to print.
#[derive(Debug, Clone)]
pub struct Tail {
    /// `bootstrap.servers`.
    pub brokers: String,
    /// librdkafka properties for the connection.
    pub properties: Vec<(String, Secret)>,
    /// Full name.
    pub topic: String,
    /// Only this partition.
    pub partition: Option<i32>,
    /// Where to start.
    pub from: From,
    /// How many messages; without it, until stopped.
    pub max: Option<u64>,
    /// Only messages with this key.
    pub key: Option<String>,
    /// Also messages of transactions that are open or were aborted.
    pub uncommitted: bool,
    /// Over several lines, values parsed.
    pub decode: bool,
}

/// Prints messages until `stop`, `max` or a closed output; the number printed.
///
/// # Errors
/// `Retry` where no broker answers, `Stop` for a topic or partition that does not exist and for an output that fails.
pub fn tail(what: &Tail, stop: &AtomicBool, out: &mut dyn Write) -> Result<u64, Fault> {
    let client = kafka::reader(&what.brokers, &what.properties, !what.uncommitted);
    let tried = || format!("reading topic {:?} at {:?}", what.topic, what.brokers);
    let failed = |error: KafkaError| kafka::fault(error, tried());
    let reader: BaseConsumer<Logs> = client.create_with_context(Logs).map_err(failed)?;
    reader.assign(&assignment(&reader, what)?).map_err(failed)?;
    let mut printed = 0;
    let mut quiet = Instant::now();
    while !stop.load(Ordering::Relaxed) && what.max.is_none_or(|max| printed < max) {
        let message = match reader.poll(LOOK) {
            None => None,
            Some(Ok(message)) => Some(message),
            Some(Err(error)) if kafka::passing(&error) => None,
            // The end of a partition, for now.
            Some(Err(KafkaError::PartitionEOF(_))) => None,
            Some(Err(error)) => return Err(failed(error)),
        };
        let wrote = match message {
            Some(message) if wanted(what, &message) => {
                printed += 1;
                writeln!(out, "{}", render(what, &message))
            }
            Some(_) => Ok(()),
            None => {
                // Readers at the other end see what is there, without a write a message.
                let due = quiet.elapsed() >= LOOK;
                quiet = Instant::now();
                if due { out.flush() } else { Ok(()) }
            }
        };
        if let Some(end) = closed(wrote) {
            return end.map(|()| printed);
        }
    }
    closed(out.flush()).unwrap_or(Ok(())).map(|()| printed)
}

/// A reader that went away (`| head`) ends the tail quietly; any other failed write is an error.
fn closed(wrote: std::io::Result<()>) -> Option<Result<(), Fault>> {
    match wrote {
        Ok(()) => None,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Some(Ok(())),
        Err(error) => Some(Err(Fault::stop(anyhow::Error::new(error).context("printing messages")))),
    }
}

fn wanted(what: &Tail, message: &BorrowedMessage<'_>) -> bool {
    what.key.as_ref().is_none_or(|key| message.key() == Some(key.as_bytes()))
}

fn render(what: &Tail, message: &BorrowedMessage<'_>) -> String {
    let headers: Vec<_> = message
        .headers()
        .map(|headers| headers.iter().map(|header| (header.key, header.value)).collect())
        .unwrap_or_default();
    let line = Line {
        topic: None,
        partition: message.partition(),
        offset: Some(message.offset()),
        timestamp: message.timestamp().to_millis(),
        key: message.key(),
        headers: &headers,
        value: message.payload(),
    };
    if what.decode { line.decoded() } else { line.compact() }
}

/// Partitions with the offset that each starts at.
fn assignment(reader: &BaseConsumer<Logs>, what: &Tail) -> Result<TopicPartitionList, Fault> {
    let tried = || format!("reading topic {:?} at {:?}", what.topic, what.brokers);
    let failed = |error: KafkaError| kafka::fault(error, tried());
    let missing = |text: String| Fault::stop(anyhow::Error::msg(text).context(tried()));
    let partitions = partitions(reader, what)?;
    if partitions.is_empty() {
        return Err(missing("there is no such topic".into()));
    }
    if let Some(partition) = what.partition
        && !partitions.contains(&partition)
    {
        return Err(missing(format!(
            "it has no partition {partition}, only {} partitions",
            partitions.len()
        )));
    }
    let offset = match what.from {
        From::Beginning => Offset::Beginning,
        From::End => Offset::End,
        From::Offset(offset) | From::Time(offset) => Offset::Offset(offset),
    };
    let mut list = TopicPartitionList::new();
    for partition in partitions.into_iter().filter(|p| what.partition.is_none_or(|only| only == *p)) {
        list.add_partition_offset(&what.topic, partition, offset).map_err(failed)?;
    }
    if matches!(what.from, From::Time(_)) {
        return reader.offsets_for_times(list, REACH).map_err(failed);
    }
    if let From::Offset(offset) = what.from {
        return clamped(reader, &what.topic, &list, offset).map_err(failed);
    }
    Ok(list)
}

/// The offset in each partition, moved into what the partition still has.
fn clamped(reader: &BaseConsumer<Logs>, topic: &str, list: &TopicPartitionList, offset: i64) -> Result<TopicPartitionList, KafkaError> {
    let mut moved = TopicPartitionList::new();
    for element in list.elements() {
        let (low, high) = reader.fetch_watermarks(topic, element.partition(), REACH)?;
        moved.add_partition_offset(topic, element.partition(), Offset::Offset(offset.clamp(low, high)))?;
    }
    Ok(moved)
}

/// The topic's partitions; none where there is no such topic. All topics are asked for: asking for one may make it.
fn partitions(reader: &BaseConsumer<Logs>, what: &Tail) -> Result<BTreeSet<i32>, Fault> {
    let metadata = reader
        .fetch_metadata(None, REACH)
        .map_err(|error| kafka::fault(error, format!("connecting to the brokers {:?}", what.brokers)))?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == what.topic);
    Ok(topic
        .map(|topic| topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect())
        .unwrap_or_default())
}
