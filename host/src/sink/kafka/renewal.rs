//! A new client in the old one's place, between two transactions. librdkafka keeps a topic and each of its partitions for as long as the client
//! lives, and must: a producer's numbers in a partition go on from there. Of very many topics these handles take more than there is room for.

use std::time::Instant;

use anyhow::anyhow;

use super::native::Producer;
use super::transactions::Mode;
use super::{KafkaSink, LOOK, positions, settings};
use crate::fault::Fault;

/// What librdkafka takes for a topic, its entry in the cache of metadata included, and for each partition; one more has what waits for its
/// partition to be known.
const TOPIC_BYTES: usize = 2_100;
const PARTITION_BYTES: usize = 1_700;
/// Handles of so few topics are kept however little they may take: a new client costs some tenths of a second.
const FEW: usize = 64;
/// Share of `limits.tables` for handles.
const SHARE: usize = 2;

/// Bytes that handles may take, of these limits.
pub(super) fn most(limits: &crate::config::Limits) -> usize {
    limits.for_tables() / SHARE
}

/// Bytes that a topic with so many partitions takes, about.
pub(super) fn handle_bytes(partitions: i32) -> usize {
    let partitions = usize::try_from(partitions).unwrap_or(0);
    TOPIC_BYTES + PARTITION_BYTES * (partitions + 1)
}

impl KafkaSink {
    /// Begins anew with a client that has no handles, where those of this one take too much and nothing is open.
    ///
    /// # Errors
    /// As a start's; `Retry` where another process has had the connector meanwhile.
    pub(super) fn renew_when_full(&mut self) -> Result<(), Fault> {
        if self.handles <= self.most_handles || self.routes.len() <= FEW || self.producer.in_transaction() {
            return Ok(());
        }
        if self.mode == Mode::Transactional && self.stored.is_none() {
            return Ok(());
        }
        self.healthy()?;
        let (started, topics) = (Instant::now(), self.routes.len());
        self.drain()?;
        self.routes.clear();
        self.positions = None;
        self.handles = 0;
        self.producer = Producer::new(&self.client_config()).map_err(settings::refused)?;
        if self.mode == Mode::Transactional {
            self.mode = Mode::Fresh;
            self.take_over()?;
            self.still_ours()?;
        }
        self.positions_topic()?;
        tracing::debug!(topics, ms = started.elapsed().as_millis(), "a new client has no handles of topics");
        Ok(())
    }

    /// Waits until all that was written is acknowledged, and every commit durable.
    fn drain(&mut self) -> Result<(), Fault> {
        let waiting = Instant::now();
        while self.producer.is_waiting() || self.producer.lots().bytes() > 0 || !self.commits.settled() {
            self.serve(LOOK)?;
            self.still_wanted(waiting)?;
        }
        Ok(())
    }

    /// The transactional id was taken over again: from this process, or from one that took it over while this one stood still. What that one has
    /// committed is not to be sent again; what it has not is gone.
    fn still_ours(&mut self) -> Result<(), Fault> {
        if positions::newest(&self.config)? == self.stored {
            return Ok(());
        }
        let text = format!("another process has run the connector {:?} meanwhile", self.config.name);
        Err(Fault::retry(anyhow!(text).context("going on with a new client")))
    }
}
