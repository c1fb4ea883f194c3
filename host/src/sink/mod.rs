//! Records → Kafka (topics, partitions, acknowledgement); also file and stdout. rdkafka's types stop here.

mod base64;
mod finding;
mod kafka;
mod lines;
mod lines_sink;
mod mock;
mod names;
mod notes;
mod ownership;
mod reading;
mod replace_file;
mod tail;

pub use base64::{base64, from_base64};
pub use finding::{Finding, Level};
pub use kafka::Resend;
pub use lines_sink::{json_lines, position_file};
pub use mock::{Broker, Reader, Received};
pub use notes::{Note, Notes, leave_note};
pub use ownership::{Ownership, Standstill};
pub use reading::{Message, read_topic};
pub use replace_file::replace_file;
use replace_file::unwritten;
pub use tail::{From, Tail, tail};

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::batch::Records;
use crate::config::{Config, SinkKind};
use crate::fault::Fault;

/// A topic that records will go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Full name.
    pub name: String,
    /// `database.table`, for messages.
    pub table: String,
    /// Whether the table has a key: decides the number of partitions where the topic must be made.
    pub keyed: bool,
}

/// What is stored with the records once all before it are acknowledged: opaque to the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Rises by one a commit; comes back from `committed`.
    pub number: u64,
    /// The checkpoint as it is stored.
    pub checkpoint: Vec<u8>,
    /// Notes that are taken away with it.
    pub heeded: Vec<String>,
}

/// Why a record can never be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// `record_too_large`, `no_such_partition`.
    pub code: &'static str,
    /// In words.
    pub text: String,
}

/// Where records go.
///
/// Contract: `write` keeps order per key. A commit covers every record written before it; its checkpoint is durable only
/// with or after the acknowledgement of all of them. A Kafka implementation may put both in one transaction, which is why
/// the checkpoint goes through the sink. The notes that a commit takes away are gone with its checkpoint, or, without
/// transactions, after it.
pub trait Sink: Send {
    /// Makes the topics that are missing: checks all before any is made; if one can't be made, none is.
    ///
    /// # Errors
    /// `Stop` with the broker's reason, `Retry` where no broker answers.
    fn prepare(&mut self, topics: &[TopicSpec]) -> Result<(), Fault>;

    /// Records that can never be delivered, for their size or their partition, by index, each with the reason. What is not among them can
    /// be written.
    ///
    /// # Errors
    /// As `write`.
    fn misfits(&mut self, records: &Records) -> Result<Vec<(usize, Misfit)>, Fault> {
        let _ = records;
        Ok(Vec::new())
    }

    /// Takes records over, waiting while the sink's bounds are reached.
    ///
    /// # Errors
    /// `Retry`, `Stop`; `Reject` for a record that can never be delivered (see `misfits`).
    fn write(&mut self, records: Records) -> Result<(), Fault>;

    /// Asks for a commit of everything written so far. With transactions it is durable when the call returns.
    ///
    /// # Errors
    /// As `write`.
    fn commit(&mut self, commit: Commit) -> Result<(), Fault>;

    /// Serves acknowledgements for at most `wait`; the number of the newest durable commit.
    ///
    /// # Errors
    /// Whatever a delivery reported.
    fn committed(&mut self, wait: std::time::Duration) -> Result<u64, Fault>;

    /// Bytes of records that were taken over and are not acknowledged.
    fn in_flight(&self) -> usize {
        0
    }

    /// Waits until every commit is durable.
    ///
    /// # Errors
    /// As `committed`; `Retry` when `limit` passes.
    fn finish(&mut self, limit: std::time::Duration) -> Result<(), Fault>;
}

/// The topic of dead letters, where the configuration has any row go there.
pub fn dead_letter_topic(config: &Config) -> Option<TopicSpec> {
    config.has_dead_letters().then(|| TopicSpec {
        name: config.sink.dead_letter_topic.clone(),
        table: "(the dead letters)".to_owned(),
        keyed: false,
    })
}

/// The sink that the configuration names. Connects in `prepare`. Once `stop` is set, a call that waits for a broker gives up
/// with `Retry` after the configured shutdown timeout.
///
/// # Errors
/// `Stop` for settings that can't be used.
pub fn connect(config: &Config, stop: Arc<AtomicBool>) -> Result<Box<dyn Sink>, Fault> {
    Ok(match &config.sink.kind {
        SinkKind::Kafka => Box::new(kafka::KafkaSink::new(config, stop)?),
        SinkKind::Stdout | SinkKind::File(_) => Box::new(lines_sink::LinesSink::new(config)),
    })
}

/// Checks without changing anything: a broker that answers, topic names, topics that it would make for these tables.
pub fn check(config: &Config, topics: &[TopicSpec]) -> Vec<Finding> {
    match &config.sink.kind {
        SinkKind::Kafka => kafka::check(config, topics),
        SinkKind::Stdout | SinkKind::File(_) => lines_sink::check(config),
    }
}

/// Whether the client takes all of `sink.properties`; connects to nothing.
///
/// # Errors
/// `Stop` that names the property.
pub fn check_properties(config: &Config) -> Result<(), Fault> {
    match &config.sink.kind {
        SinkKind::Kafka => kafka::check_properties(config),
        SinkKind::Stdout | SinkKind::File(_) => Ok(()),
    }
}

/// The checkpoint in Kafka's topic of positions, as it was stored; `None` where there is none.
///
/// # Errors
/// `Retry` where no broker answers, `Stop` where it refuses.
pub fn load_position(config: &Config) -> Result<Option<Vec<u8>>, Fault> {
    kafka::load(config)
}

/// Stores a checkpoint in Kafka's topic of positions, which is made when missing; waits for the acknowledgement.
///
/// # Errors
/// As `load_position`.
pub fn save_position(config: &Config, checkpoint: Vec<u8>) -> Result<(), Fault> {
    kafka::save(config, checkpoint)
}
