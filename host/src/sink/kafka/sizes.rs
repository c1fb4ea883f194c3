//! How large records may be: the client has a bound, and each topic its own, which is found out before anything is sent there. A
//! record that the broker refuses takes the whole transaction with it, and all records of its batch.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::failure::Failure;
use super::native::{Producer, Refusal};
use super::{KafkaSink, settings};
use crate::fault::Fault;
use crate::sink::TopicSpec;

/// Topics in one request.
const CHUNK: usize = 500;
/// How long an answer may take.
const ASK: Duration = Duration::from_secs(20);
/// Bytes of a batch's own head.
const BATCH_OVERHEAD: usize = 61;

/// What is known of topics' sizes.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    /// `max.message.bytes` of each topic that was asked for; none where the broker does not tell.
    known: HashMap<String, Option<usize>>,
    /// The smallest of them.
    smallest: Option<usize>,
    /// `batch.size`, where topics want it smaller than it would be.
    pub(super) batch: Option<usize>,
}

impl KafkaSink {
    /// Before the first record: makes batches small enough for every topic that is there already.
    pub(super) fn fit_batches(&mut self, topics: &[TopicSpec]) -> Result<(), Fault> {
        let names = topics.iter().map(|topic| topic.name.as_str());
        let there: Vec<&str> = names.filter(|name| self.existing.contains_key(*name)).collect();
        self.learn_sizes(&there)?;
        let usual = settings::batch_bytes(&self.client_config());
        if let Some(smallest) = self.sizes.smallest.filter(|smallest| *smallest < usual) {
            self.sizes.batch = Some(smallest);
            self.producer = Producer::new(&self.client_config()).map_err(settings::refused)?;
            // The new client does not know of brokers that do not answer.
            super::topics::existing(&mut self.producer, &self.config.sink.brokers)?;
        }
        Ok(())
    }

    /// Asks for the sizes of topics that are new.
    ///
    /// # Errors
    /// `Retry` where nothing answers, and where batches have to be smaller than they are.
    pub(super) fn learn_sizes(&mut self, topics: &[&str]) -> Result<(), Fault> {
        let new: Vec<&str> = topics
            .iter()
            .filter(|topic| !self.sizes.known.contains_key(**topic))
            .copied()
            .collect();
        for some in new.chunks(CHUNK) {
            match self.producer.sizes(some, ASK) {
                Ok(sizes) => sizes.into_iter().for_each(|(topic, size)| self.sizes.note(topic, size)),
                Err(refusal) if is_passing(refusal.code) => {
                    return Err(Failure::new(refusal, format!("asking for max.message.bytes of {} topics", some.len())).into());
                }
                Err(refusal) => some
                    .iter()
                    .for_each(|topic| self.sizes.note((*topic).to_owned(), Err(refusal.clone()))),
            }
        }
        let batch = settings::batch_bytes(&self.client_config());
        let small = |topic: &&&str| self.sizes.known.get(**topic).copied().flatten().is_some_and(|size| size < batch);
        if let Some(topic) = new.iter().find(small).filter(|_| !self.routes.is_empty()) {
            if self.announced.iter().any(|spec| spec.name == **topic) {
                let text = format!("topic {topic:?} takes smaller batches than others (max.message.bytes): starting again with such");
                return Err(Fault::retry(anyhow::Error::msg(text)));
            }
            tracing::warn!(
                topic,
                "the topic takes smaller batches than are sent: set batch.size in sink.properties to its max.message.bytes"
            );
        }
        Ok(())
    }

    /// The largest record for a topic.
    pub(super) fn largest_record(&self, topic: &str) -> usize {
        let of_topic = self.sizes.known.get(topic).copied().flatten();
        of_topic.map_or(self.message_max, |size| self.message_max.min(size.saturating_sub(BATCH_OVERHEAD)))
    }

    /// A record of this size is too large for no topic.
    pub(super) fn fits_everywhere(&self, bytes: usize) -> bool {
        let smallest = self.sizes.smallest.map_or(usize::MAX, |size| size.saturating_sub(BATCH_OVERHEAD));
        bytes <= self.message_max.min(smallest)
    }

    /// The fault of a delivery: where the broker takes less than it took before, a new start finds the row at fault.
    pub(super) fn with_new_sizes(&mut self, fault: Fault, topic: &str) -> Fault {
        let Fault::Reject(error) = fault else { return fault };
        let before = self.sizes.known.get(topic).copied().flatten();
        let now = self.producer.sizes(&[topic], ASK).ok().and_then(|sizes| sizes.into_iter().next());
        match (before, now) {
            (Some(before), Some((_, Ok(now)))) if now < before => {
                Fault::Retry(error.context(format!("max.message.bytes of topic {topic:?} has become {now}, it was {before}")))
            }
            _ => Fault::Reject(error),
        }
    }
}

impl Sizes {
    fn note(&mut self, topic: String, size: Result<usize, Refusal>) {
        match size {
            Ok(size) => {
                self.smallest = Some(self.smallest.map_or(size, |smallest| smallest.min(size)));
                self.known.insert(topic, Some(size));
            }
            Err(refusal) => {
                // Without it a record that is too large is found out by the broker's refusal, which no other record survives.
                tracing::debug!(topic, reason = refusal.reason, "max.message.bytes of a topic can't be told");
                self.known.insert(topic, None);
            }
        }
    }
}

/// Whether the same question may be answered later.
fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::OperationTimedOut | Code::RequestTimedOut | Code::BrokerTransportFailure | Code::AllBrokersDown | Code::MessageTimedOut
    )
}
