//! Exactly once: records and the checkpoint behind them become visible together, in one Kafka transaction.
//!
//! A transaction opens with the first record after a commit. A commit sends the checkpoint into it, waits until the broker
//! has all of it, and commits. Nothing is mended in place: after any failure the next attempt makes a new producer, whose
//! `init_transactions` ends what this one left open.

use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode as Code;

use super::native::{Producer, Refusal, Trouble};
use super::topics::POSITIONS;
use super::{Commit, KafkaSink, notes, settings};
use crate::config::Transactions;
use crate::failpoint::{Point, reach};
use crate::fault::Fault;

/// How long one call waits before the stop signal is looked at.
const CALL: Duration = Duration::from_millis(500);
/// The broker writes a transaction's end into each partition after it has answered. Partitions of the next one are refused until it has, and
/// librdkafka asks again only 20 ms later: waiting a little is faster.
const AFTER_END: Duration = Duration::from_millis(4);
/// How long taking the transactional id over may take: the broker may first have to end what the last owner left open.
const TAKE_OVER: Duration = Duration::from_secs(30);

/// How far the sink is with transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// None: at least once.
    Plain,
    /// Wanted; the transactional id has not been taken over yet.
    Fresh,
    /// In use.
    Transactional,
}

impl KafkaSink {
    /// Takes the transactional id over where that has not happened; `auto` goes on without transactions where the broker has
    /// none or does not allow them.
    pub(super) fn take_over(&mut self) -> Result<(), Fault> {
        if self.mode != Mode::Fresh {
            return Ok(());
        }
        let waiting = Instant::now();
        loop {
            let Err(trouble) = self.producer.init_transactions(CALL) else {
                self.mode = Mode::Transactional;
                self.stall.is_over();
                return Ok(());
            };
            let served = self.producer.poll(Duration::ZERO);
            let Trouble { refusal, retriable } = trouble;
            if self.config.sink.transactions == Transactions::Auto && unavailable(refusal.code) {
                tracing::warn!(
                    reason = refusal.reason,
                    "the broker has no transactions for this connector: records are delivered at least once"
                );
                self.mode = Mode::Plain;
                self.producer = Producer::new(&self.client_config()).map_err(settings::refused)?;
                return Ok(());
            }
            if !retriable || waiting.elapsed() > TAKE_OVER {
                let refusal = if retriable { served.trouble.unwrap_or(refusal) } else { refusal };
                let id = settings::transactional_id(&self.config.name);
                return Err(self.fail(refusal, format!("taking over the transactional id {id:?}")));
            }
            self.look_what_keeps()?;
            self.still_wanted(waiting)?;
        }
    }

    /// Opens a transaction unless one is open or none is used.
    pub(super) fn begin(&mut self) -> Result<(), Fault> {
        if self.mode != Mode::Transactional || self.producer.in_transaction() {
            return Ok(());
        }
        if let Some(ended) = self.ended {
            std::thread::sleep(AFTER_END.saturating_sub(ended.elapsed()));
        }
        self.producer
            .begin_transaction()
            .map_err(|trouble| self.fail(trouble.refusal, "beginning a transaction".to_owned()))?;
        reach(Point::Begun);
        Ok(())
    }

    /// Commits everything written so far together with its checkpoint, and waits for that.
    pub(super) fn commit_transaction(&mut self, commit: Commit) -> Result<(), Fault> {
        self.begin()?;
        self.store(&commit)?;
        reach(Point::Stored);
        self.end_transaction()?;
        reach(Point::Committed);
        self.commits.committed(commit.number);
        self.stored = Some(commit.checkpoint);
        Ok(())
    }

    /// Commits the open transaction, and waits for that.
    pub(super) fn end_transaction(&mut self) -> Result<(), Fault> {
        let waiting = Instant::now();
        self.wait_for_reports()?;
        reach(Point::Flushed);
        loop {
            let Err(Trouble { refusal, retriable }) = self.producer.commit_transaction(CALL) else {
                self.ended = Some(Instant::now());
                self.stall.is_over();
                return Ok(());
            };
            if !retriable {
                return Err(self.fail(refusal, "committing a transaction".to_owned()));
            }
            self.look_what_keeps()?;
            self.still_wanted(waiting)?;
        }
    }

    /// Sends what is queued and waits until the broker has it.
    pub(super) fn wait_for_reports(&mut self) -> Result<(), Fault> {
        let waiting = Instant::now();
        while !self.producer.flush() {
            let served = self.producer.poll(Duration::ZERO);
            self.note(served)?;
            self.still_wanted(waiting)?;
        }
        // What a flush has waited for may have failed.
        let served = self.producer.poll(Duration::ZERO);
        self.note(served)
    }

    /// Sends a checkpoint, and behind it what takes notes away.
    pub(super) fn store(&mut self, commit: &Commit) -> Result<(), Fault> {
        let name = self.config.name.clone();
        self.put(&name, Some(&commit.checkpoint))?;
        for id in &commit.heeded {
            self.put(&notes::key(&name, id), None)?;
        }
        Ok(())
    }

    /// Sends a record to the topic of positions.
    pub(super) fn put(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), Fault> {
        let topic = self.positions_topic()?;
        self.send(
            |producer| producer.send_copy(topic, key.as_bytes(), value),
            || format!("storing {key:?} of {} bytes in topic {POSITIONS:?}", value.map_or(0, <[u8]>::len)),
        )
    }

    /// What is behind a refusal that only says that something happened before: a message is purged for what its transaction met.
    pub(super) fn cause(&mut self, refusal: Refusal) -> Refusal {
        let mut refusal = match refusal.code {
            Code::PurgeQueue | Code::PurgeInflight | Code::State => self.producer.transaction_error().unwrap_or(refusal),
            Code::Fatal => match self.producer.client().fatal_error() {
                Some((code, reason)) => Refusal { code, reason },
                None => refusal,
            },
            _ => refusal,
        };
        let id = settings::transactional_id(&self.config.name);
        if refusal.code == Code::TransactionalIdAuthorizationFailed && !refusal.reason.contains(&id) {
            refusal.reason = format!("transactional id {id:?}: {}", refusal.reason);
        }
        refusal
    }
}

/// Whether this connector can't have transactions there, now or later.
fn unavailable(code: Code) -> bool {
    matches!(
        code,
        Code::UnsupportedFeature | Code::UnsupportedVersion | Code::TransactionalIdAuthorizationFailed | Code::ClusterAuthorizationFailed
    )
}
