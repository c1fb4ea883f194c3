//! Records that are sent beside a connector, in transactions of their own that hold no position.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::transactions::Mode;
use super::{KafkaSink, Sink};
use crate::batch::Records;
use crate::config::Config;
use crate::fault::Fault;
use crate::sink::{Misfit, TopicSpec};

/// Sends records beside a running connector. Whoever connects later takes over: what the former one has not committed is gone.
pub struct Resend(KafkaSink);

impl Resend {
    /// Connects, and makes these topics where they are missing.
    ///
    /// # Errors
    /// As `Sink::prepare`.
    pub fn connect(config: &Config, stop: Arc<AtomicBool>, topics: &[TopicSpec]) -> Result<Self, Fault> {
        let mut config = config.clone();
        // No connector's name has a dot, so that no connector's transactional id is this one.
        config.name.push_str(".replay");
        let mut sink = KafkaSink::new(&config, stop)?;
        sink.prepare(topics)?;
        Ok(Self(sink))
    }

    /// See `Sink::misfits`.
    ///
    /// # Errors
    /// As there.
    pub fn misfits(&mut self, records: &Records) -> Result<Vec<(usize, Misfit)>, Fault> {
        self.0.misfits(records)
    }

    /// See `Sink::write`.
    ///
    /// # Errors
    /// As there.
    pub fn write(&mut self, records: Records) -> Result<(), Fault> {
        self.0.write(records)
    }

    /// Commits what was written, and waits until it is durable.
    ///
    /// # Errors
    /// As `Sink::commit`.
    pub fn commit(&mut self) -> Result<(), Fault> {
        match self.0.mode {
            Mode::Transactional if self.0.producer.in_transaction() => self.0.end_transaction(),
            Mode::Transactional => Ok(()),
            Mode::Plain | Mode::Fresh => {
                let limit = self.0.config.shutdown_timeout;
                self.0.finish(limit)
            }
        }
    }
}
