//! What is behind it when the brokers acknowledge nothing. librdkafka waits within `delivery.timeout.ms`, and of some troubles hears nothing:
//! a transaction that wants a topic that was deleted is asked for again and again, and a request to a broker whose machine is gone waits for
//! `socket.timeout.ms`. What all brokers together know is asked for here.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::metadata::{Metadata, MetadataBroker};

use super::failure::hopeless;
use super::native::Refusal;
use super::{KafkaSink, topics};
use crate::fault::Fault;

/// How long nothing may be acknowledged before it is asked why. A commit takes milliseconds, and the election of a leader seconds.
const QUIET: Duration = Duration::from_secs(2);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// How long nobody may answer before it starts again: an attempt that waits tells of itself, holds no memory, and finds brokers at other
/// addresses.
const NOBODY: Duration = Duration::from_secs(10);

/// Since when nothing is acknowledged, and what is known of it.
#[derive(Debug, Default)]
pub(super) struct Stall {
    since: Option<Instant>,
    looked: Option<Instant>,
    answered: Option<Instant>,
    /// Brokers that have been there.
    brokers: BTreeSet<i32>,
    /// One of them was gone at the last look.
    has_lost: bool,
    /// What the last look found.
    pub(super) found: Option<String>,
}

impl Stall {
    /// These brokers are there.
    pub(super) fn knows(&mut self, metadata: &Metadata) {
        self.brokers.extend(metadata.brokers().iter().map(MetadataBroker::id));
    }

    /// Something was acknowledged, or nothing is waited for.
    pub(super) fn is_over(&mut self) {
        if self.since.take().is_some() {
            (self.looked, self.answered, self.has_lost, self.found) = (None, None, false, None);
        }
    }

    /// Something is waited for; whether it is time to look.
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let due = self.looked.map_or(since, |looked| looked.max(since)) + QUIET <= now;
        if due {
            self.looked = Some(now);
        }
        due
    }

    /// Since nobody answers, or since it began.
    fn unanswered(&self) -> Duration {
        self.answered.or(self.since).map_or(Duration::ZERO, |at| at.elapsed())
    }
}

impl KafkaSink {
    /// While an answer is waited for: finds out, now and then, what keeps it.
    ///
    /// # Errors
    /// `Retry` where only a new start helps, `Stop` where a right is missing.
    pub(super) fn look_what_keeps(&mut self) -> Result<(), Fault> {
        if !self.stall.is_due() {
            return Ok(());
        }
        let is_first = self.stall.found.is_none();
        let metadata = match self.producer.client().fetch_metadata(None, ANSWER) {
            Ok(metadata) => metadata,
            Err(error) => return self.nobody_answers(error.into()),
        };
        self.stall.answered = Some(Instant::now());
        self.find_lost_topic(&metadata)?;
        self.find_lost_broker(&metadata)?;
        let found = unled(&metadata, |topic| self.routes.contains_key(topic));
        if is_first && let Some(found) = &found {
            tracing::info!(reason = found, "nothing is acknowledged");
        }
        self.stall.found = found;
        Ok(())
    }

    fn nobody_answers(&mut self, refusal: Refusal) -> Result<(), Fault> {
        let waited = self.stall.unanswered();
        self.stall.found = Some("no broker answers".to_owned());
        if waited < NOBODY && !hopeless(refusal.code) {
            return Ok(());
        }
        let tried = format!("asking the brokers {:?} why nothing is acknowledged", self.config.sink.brokers);
        Err(self.fail(refusal, tried))
    }

    fn find_lost_topic(&mut self, metadata: &Metadata) -> Result<(), Fault> {
        let existing = topics::names(metadata);
        let Some(lost) = self.routes.keys().find(|topic| !existing.contains(&***topic)).cloned() else {
            return Ok(());
        };
        // Among all topics, those that may not be seen are left out; asked for by its name, one tells the difference.
        let asked = self.producer.client().fetch_metadata(Some(&lost), ANSWER);
        let code = match asked.as_ref().map(|metadata| metadata.topics().first()) {
            Ok(Some(topic)) => topic.error().map(Code::from),
            // The next look asks again.
            _ => None,
        };
        match code {
            Some(code @ (Code::UnknownTopicOrPartition | Code::TopicAuthorizationFailed)) => {
                let reason = match code {
                    Code::UnknownTopicOrPartition => "the brokers don't have it".to_owned(),
                    code => code.to_string(),
                };
                Err(self.fail(Refusal { code, reason }, format!("writing to topic {lost:?}")))
            }
            _ => Ok(()),
        }
    }

    /// A broker that is gone without a word answers none of what it was asked for, and librdkafka waits for it. Those whose connection ended
    /// are asked elsewhere at once, long before the second look.
    fn find_lost_broker(&mut self, metadata: &Metadata) -> Result<(), Fault> {
        let there: BTreeSet<i32> = metadata.brokers().iter().map(MetadataBroker::id).collect();
        let lost = self.stall.brokers.difference(&there).next().copied();
        self.stall.brokers.extend(there);
        match lost {
            Some(broker) if self.stall.has_lost => {
                let reason = format!("broker {broker} is gone, and what was sent to it is not acknowledged");
                let code = Code::BrokerNotAvailable;
                Err(self.fail(Refusal { code, reason }, format!("writing to {:?}", self.config.sink.brokers)))
            }
            lost => {
                self.stall.has_lost = lost.is_some();
                Ok(())
            }
        }
    }
}

/// A partition of these topics that cannot be written now, and why.
fn unled(metadata: &Metadata, is_ours: impl Fn(&str) -> bool) -> Option<String> {
    let ours = metadata.topics().iter().filter(|topic| is_ours(topic.name()));
    let mut partitions = ours.flat_map(|topic| topic.partitions().iter().map(move |partition| (topic.name(), partition)));
    let (topic, partition) =
        partitions.find(|(_, partition)| partition.leader() < 0 || partition.isr().len() < partition.replicas().len())?;
    let (id, replicas, in_sync) = (partition.id(), partition.replicas().len(), partition.isr().len());
    Some(if partition.leader() < 0 {
        format!("partition {id} of topic {topic:?} has no leader")
    } else {
        format!("of the {replicas} replicas of partition {id} of topic {topic:?}, {in_sync} are in sync")
    })
}
