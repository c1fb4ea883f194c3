//! A topic's messages up to its present end, one after the other.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use super::kafka::{self, Logs};
use crate::config::Config;
use crate::fault::Fault;

/// How long the broker may take to answer at first.
const REACH: Duration = Duration::from_secs(10);
/// How long the reading may stand still.
const STILL: Duration = Duration::from_secs(15);

/// A message as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Names and values of headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Hands over committed messages of a topic, from this offset of each partition on (none: the oldest), until `each` says no or
/// the end of all partitions is met. A topic that is missing has no messages.
///
/// # Errors
/// `Retry` where no broker answers, `Stop` where it refuses; whatever `each` returns.
pub fn read_topic(
    config: &Config,
    topic: &str,
    from: Option<i64>,
    each: &mut dyn FnMut(Message) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let tried = || format!("reading topic {topic:?} at {:?}", config.sink.brokers);
    let failed = |error: KafkaError| kafka::fault(error, tried());
    let client = kafka::reader(&config.sink.brokers, &config.sink.properties, true);
    let reader: BaseConsumer<Logs> = client.create_with_context(Logs).map_err(failed)?;
    // All topics are asked for: asking for one may make it.
    let metadata = reader.fetch_metadata(None, REACH).map_err(failed)?;
    let mut list = TopicPartitionList::new();
    let mut open = BTreeSet::new();
    for partition in metadata
        .topics()
        .iter()
        .filter(|found| found.name() == topic)
        .flat_map(rdkafka::metadata::MetadataTopic::partitions)
    {
        let (low, high) = reader.fetch_watermarks(topic, partition.id(), REACH).map_err(failed)?;
        let start = from.unwrap_or(low).max(low);
        if start < high {
            list.add_partition_offset(topic, partition.id(), Offset::Offset(start))
                .map_err(failed)?;
            open.insert(partition.id());
        }
    }
    reader.assign(&list).map_err(failed)?;
    let mut heard = Instant::now();
    while !open.is_empty() {
        match reader.poll(Duration::from_millis(100)) {
            None if heard.elapsed() < STILL => {}
            None => {
                return Err(Fault::retry(
                    anyhow::anyhow!("no answer for {} s", STILL.as_secs()).context(tried()),
                ));
            }
            Some(Ok(message)) => {
                heard = Instant::now();
                if !each(copied(&message))? {
                    return Ok(());
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                heard = Instant::now();
                open.remove(&partition);
            }
            Some(Err(error)) if kafka::passing(&error) && heard.elapsed() < STILL => {}
            Some(Err(error)) => return Err(failed(error)),
        }
    }
    Ok(())
}

fn copied(message: &BorrowedMessage<'_>) -> Message {
    let headers = message.headers().map(|headers| {
        let header = |header: rdkafka::message::Header<'_, &[u8]>| (header.key.to_owned(), header.value.unwrap_or_default().to_vec());
        headers.iter().map(header).collect()
    });
    Message {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}
