//! Which process runs a connector. With Kafka a consumer group decides, whatever machines the processes are on; other sinks
//! write files of one machine, where a lock decides.

mod lease;

use std::time::Duration;

use anyhow::anyhow;

use self::lease::Lease;
use super::kafka;
use crate::config::{Config, SinkKind};
use crate::fault::Fault;

/// What a sink without groups waits in place of asking one.
const LOOK: Duration = Duration::from_millis(50);

/// A claim on a connector, given up when dropped.
pub struct Ownership {
    group: Option<kafka::KafkaOwnership>,
    /// Held for as long as the claim; dropped after the group is left.
    _lease: Option<Lease>,
}

impl Ownership {
    /// Asks for the connector; the answer comes through `owned`.
    ///
    /// # Errors
    /// `Retry` where no broker answers, `Stop` where it refuses, or where a process of this machine writes to the same file.
    pub fn claim(config: &Config) -> Result<Self, Fault> {
        let lease = Lease::take(config);
        let group = match config.sink.kind {
            SinkKind::Kafka => {
                let instance = lease.as_ref().and_then(Lease::instance);
                Some(kafka::KafkaOwnership::join(config, instance.as_deref())?)
            }
            SinkKind::Stdout | SinkKind::File(_) if lease.is_none() => return Err(running(config)),
            SinkKind::Stdout | SinkKind::File(_) => None,
        };
        Ok(Self { group, _lease: lease })
    }

    /// Whether this process owns the connector. Has to be called all the time, from one thread: a process that does not is
    /// taken for dead. Takes up to 50 ms.
    ///
    /// # Errors
    /// `Retry` once the connector has gone to another process, `Stop` where the broker refuses.
    pub fn owned(&self) -> Result<bool, Fault> {
        if let Some(group) = &self.group {
            return group.owned();
        }
        std::thread::sleep(LOOK);
        Ok(true)
    }
}

/// Held while the position of a connector that nobody runs is moved.
pub struct Standstill {
    _lease: Lease,
}

impl Standstill {
    /// Makes sure that no process runs the connector, as far as can be told: with Kafka on any machine.
    ///
    /// # Errors
    /// `Stop` where one does, or where the broker refuses to tell; `Retry` where no broker answers.
    pub fn of(config: &Config) -> Result<Self, Fault> {
        let lease = Lease::take(config).ok_or_else(|| running(config))?;
        if config.sink.kind == SinkKind::Kafka && kafka::is_running(config, lease.instance().as_deref())? {
            return Err(running(config));
        }
        Ok(Self { _lease: lease })
    }
}

fn running(config: &Config) -> Fault {
    Fault::stop(anyhow!("the connector {} runs already: stop it first", config.name))
}
