//! Checkpoints in Kafka, in the compacted topic of positions; the connector's name is the key.

use super::{Checkpoint, Checkpoints};
use crate::config::Config;
use crate::fault::Fault;
use crate::sink;

/// The checkpoint of one connector in Kafka.
pub struct TopicCheckpoints {
    config: Config,
}

impl TopicCheckpoints {
    /// Connects when it is asked for something.
    pub fn new(config: &Config) -> Self {
        Self { config: config.clone() }
    }
}

impl Checkpoints for TopicCheckpoints {
    fn load(&mut self) -> Result<Option<Checkpoint>, Fault> {
        let stored = sink::load_position(&self.config)?;
        stored.map(|stored| Checkpoint::decode(&stored)).transpose()
    }

    fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), Fault> {
        sink::save_position(&self.config, checkpoint.encode()?)
    }
}
