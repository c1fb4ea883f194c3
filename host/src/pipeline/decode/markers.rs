//! Transaction markers: where each transaction begins and ends in each topic that it touches. With them, batches end with
//! transactions, so that a marker stands between the rows of two.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ddl::flavor;
use super::{End, Stage};

/// The markers of the open transaction.
#[derive(Debug, Default)]
pub(super) struct Marked {
    /// Number of its begin, taken before that of its first row; the same in every topic.
    number: Option<u64>,
    /// Topics that its begin was sent to.
    topics: Vec<Arc<str>>,
}

impl Marked {
    /// Takes a number for the begin where there is none yet.
    pub(super) fn take(&mut self, next_sequence: &mut u64) {
        if self.number.is_none() {
            self.number = Some(*next_sequence);
            *next_sequence += 1;
        }
    }

    /// Goes on with a transaction whose begin has been sent to these topics.
    pub(super) fn resume(&mut self, number: Option<u64>, topics: &[String]) {
        self.number = number;
        self.topics = topics.iter().map(|topic| Arc::from(topic.as_str())).collect();
    }

    /// The number of the begin, and the topics that have it.
    pub(super) fn state(&self) -> (Option<u64>, Vec<String>) {
        (self.number, self.topics.iter().map(ToString::to_string).collect())
    }
}

impl Stage<'_> {
    /// See `Marked::take`; nothing without markers.
    pub(super) fn take_begin_number(&mut self) {
        if self.parts.policy.markers {
            self.marked.take(&mut self.parts.next_sequence);
        }
    }

    /// Sends the begin of the open transaction to a topic that has not had it: what goes there next is its first.
    pub(super) fn mark_begin(&mut self, topic: &Arc<str>) -> Result<(), End> {
        let Some(seq) = self.marked.number.filter(|_| !self.marked.topics.contains(topic)) else {
            return Ok(());
        };
        self.marked.topics.push(Arc::clone(topic));
        let ts = self.transaction.commit_time_ms.unwrap_or(self.transaction.checkpoint_time_ms);
        let event = self.marker("transaction_begin", seq, ts, 0);
        self.control(&event, std::slice::from_ref(topic))
    }

    /// Sends the rest of the transaction's rows, then its end to every topic that has its begin. `header_ms` is the time of
    /// the event that committed it.
    pub(super) fn mark_end(&mut self, xid: u64, header_ms: i64) -> Result<(), End> {
        if self.marked.number.is_none() {
            return Ok(());
        }
        self.close_batches()?;
        let topics = std::mem::take(&mut self.marked).topics;
        let seq = self.take_number();
        let ts = self.transaction.commit_time_ms.unwrap_or(header_ms);
        let event = self.marker("transaction_end", seq, ts, xid);
        self.control(&event, &topics)
    }

    fn marker(&self, kind: &str, seq: u64, ts: i64, xid: u64) -> Value {
        let server = &self.parts.policy.server;
        json!({
            "event": kind,
            "seq": seq,
            "ts": ts,
            "checkpoint_ts": self.transaction.checkpoint_time_ms,
            "gtid": Some(&self.transaction.gtid).filter(|gtid| !gtid.is_empty()),
            "xid": xid,
            "flavor": flavor(server),
            "server_version": server.version,
        })
    }
}
