//! Notes as records of the topic of positions. Their keys have a slash, which no connector's name has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::failure::Failure;
use super::positions::passing;
use super::topics::POSITIONS;
use super::{KafkaSink, Logs, settings};
use crate::config::Config;
use crate::fault::Fault;
use crate::sink::{Note, Sink as _};

/// Messages that one reading takes.
const MOST: usize = 1000;
/// How long finding the topic's end may take.
const REACH: Duration = Duration::from_secs(2);
/// How often the broker is asked for what is new.
const LOOK_MS: &str = "1000";
/// More than this it gives at once.
const MUCH: &str = "1000000";

/// The key of a note.
pub(super) fn key(connector: &str, id: &str) -> String {
    format!("{}{id}", start(connector))
}

fn start(connector: &str) -> String {
    format!("{connector}/note/")
}

/// Leaves a note, and waits until the broker has it. Without a transaction: it would fence the connector's own producer.
pub(in crate::sink) fn leave_note(config: &Config, id: &str, text: &[u8]) -> Result<(), Fault> {
    let mut sink = KafkaSink::plain(config)?;
    sink.prepare(&[])?;
    sink.put(&key(&config.name, id), Some(text))?;
    sink.wait_for_reports()
}

/// See `sink::Notes`.
pub(in crate::sink) struct KafkaNotes {
    reader: BaseConsumer<Logs>,
    start: String,
    brokers: String,
    /// The end of the topic when the reading began, until that is read: a note before it may have been taken away before it.
    end: Option<i64>,
    /// Not given yet.
    new: BTreeMap<String, Vec<u8>>,
    /// Given, and not taken away.
    given: BTreeSet<String>,
}

impl KafkaNotes {
    /// Reads the topic from its beginning, behind everything else that the process does, and then what is new.
    pub(in crate::sink) fn open(config: &Config) -> Result<Self, Fault> {
        let failed = |error: KafkaError| Fault::from(Failure::reading(error.into(), tried(&config.sink.brokers)));
        let mut client = settings::reader(&config.sink.brokers, &config.sink.properties, true);
        // All connectors' positions pass by: rarely asked for, and few held.
        client
            .set("fetch.wait.max.ms", LOOK_MS)
            .set("fetch.min.bytes", MUCH)
            .set("queued.max.messages.kbytes", "1024")
            .set("auto.offset.reset", "earliest");
        let reader: BaseConsumer<Logs> = client.create_with_context(Logs).map_err(failed)?;
        let (_, end) = reader.fetch_watermarks(POSITIONS, 0, REACH).map_err(failed)?;
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(POSITIONS, 0, Offset::Beginning).map_err(failed)?;
        reader.assign(&partitions).map_err(failed)?;
        Ok(Self {
            reader,
            start: start(&config.name),
            brokers: config.sink.brokers.clone(),
            end: Some(end),
            new: BTreeMap::new(),
            given: BTreeSet::new(),
        })
    }

    /// See `sink::Notes::read`.
    pub(in crate::sink) fn read(&mut self, wait: Duration) -> Result<Option<Vec<Note>>, Fault> {
        let mut wait = wait;
        for _ in 0..MOST {
            match self.reader.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    // Of a busy topic the end is never met.
                    self.end = self.end.filter(|end| message.offset() + 1 < *end);
                    let id = message.key().and_then(|key| key.strip_prefix(self.start.as_bytes()));
                    if let Some(id) = id.and_then(|id| std::str::from_utf8(id).ok()) {
                        match message.payload() {
                            Some(text) if !self.given.contains(id) => drop(self.new.insert(id.to_owned(), text.to_vec())),
                            Some(_) => {}
                            None => {
                                self.new.remove(id);
                                self.given.remove(id);
                            }
                        }
                    }
                }
                // All that is committed has been read.
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.end = None;
                    return Ok(Some(self.give()));
                }
                Some(Err(error)) if passing(&error) => break,
                Some(Err(error)) => return Err(Failure::reading(error.into(), tried(&self.brokers)).into()),
            }
            // What has arrived already.
            wait = Duration::ZERO;
        }
        Ok(self.end.is_none().then(|| self.give()))
    }

    fn give(&mut self) -> Vec<Note> {
        let new = std::mem::take(&mut self.new);
        self.given.extend(new.keys().cloned());
        new.into_iter().map(|(id, text)| Note { id, text }).collect()
    }
}

fn tried(brokers: &str) -> String {
    format!("reading notes from topic {POSITIONS:?} at {brokers:?}")
}
