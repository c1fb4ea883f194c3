//! Records → Kafka (topics, partitions, acknowledgement); also file and stdout. rdkafka's types stop here.

use crate::batch::Records;
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
}

/// Where records go.
///
/// Contract: `write` keeps order per key. A commit covers every record written before it; its checkpoint is durable only
/// with or after the acknowledgement of all of them. A Kafka implementation may put both in one transaction, which is why
/// the checkpoint goes through the sink.
pub trait Sink: Send {
    /// Makes the topics that are missing: checks all before any is made; if one can't be made, none is.
    ///
    /// # Errors
    /// `Stop` with the broker's reason, `Retry` where no broker answers.
    fn prepare(&mut self, topics: &[TopicSpec]) -> Result<(), Fault>;

    /// Takes records over, waiting while the sink's bounds are reached.
    ///
    /// # Errors
    /// `Retry`, `Stop`; `Reject` for a record that can never be delivered (too large).
    fn write(&mut self, records: Records) -> Result<(), Fault>;

    /// Asks for a commit of everything written so far; returns at once.
    ///
    /// # Errors
    /// As `write`.
    fn commit(&mut self, commit: Commit) -> Result<(), Fault>;

    /// Serves acknowledgements for at most `wait`; the number of the newest durable commit.
    ///
    /// # Errors
    /// Whatever a delivery reported.
    fn committed(&mut self, wait: std::time::Duration) -> Result<u64, Fault>;

    /// Waits until every commit is durable.
    ///
    /// # Errors
    /// As `committed`; `Retry` when `limit` passes.
    fn finish(&mut self, limit: std::time::Duration) -> Result<(), Fault>;
}
