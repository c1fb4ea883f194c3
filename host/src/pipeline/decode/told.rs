//! Commit points, and what is told of the stream's way to them.

use super::{End, Job, Stage, header_ms};
use crate::checkpoint::Checkpoint;
use crate::source::{Event, Transaction};

/// A place at which everything before it may be committed.
pub(in crate::pipeline) struct CommitPoint {
    /// What is stored with it.
    pub(in crate::pipeline) checkpoint: Checkpoint,
    /// Requests that are taken away with it.
    pub(in crate::pipeline) heeded: Vec<String>,
    /// A change of a row came since the last one.
    pub(in crate::pipeline) has_changes: bool,
}

impl CommitPoint {
    /// About what it takes while it waits. Without changes nothing else bounds how many may.
    pub(in crate::pipeline) fn bytes(&self) -> usize {
        let Checkpoint {
            prepared,
            copying,
            plugins,
            ..
        } = &self.checkpoint;
        let kept = plugins.iter().filter_map(|plugin| plugin.state.as_ref());
        let kept: usize = kept.map(|state| state.bytes.len()).sum();
        COMMIT_BYTES + prepared.len() * PREPARED_BYTES + copying.len() * COPYING_BYTES + kept
    }
}

/// A checkpoint with a GTID set of some servers.
const COMMIT_BYTES: usize = 1024;
/// An XA transaction in it.
const PREPARED_BYTES: usize = 256;
/// A table in it.
const COPYING_BYTES: usize = 128;

impl Stage<'_> {
    pub(super) fn send_commit(&mut self, checkpoint: Checkpoint) -> Result<(), End> {
        let point = CommitPoint {
            checkpoint,
            heeded: self.heeded(),
            has_changes: std::mem::take(&mut self.has_changes),
        };
        let bytes = point.bytes();
        if self.output.push(Job::Commit(Box::new(point)), bytes) {
            Ok(())
        } else {
            Err(End::Left)
        }
    }

    /// A row changed: where it is the first since the last commit point, that one begins with it.
    pub(super) fn note_change(&mut self) {
        if !std::mem::replace(&mut self.has_changes, true) {
            let Transaction {
                commit_time_ms,
                checkpoint_time_ms,
                ..
            } = self.transaction;
            self.parts.meter.begin_commit(commit_time_ms.unwrap_or(checkpoint_time_ms));
        }
    }

    pub(super) fn tell_file(&mut self) {
        let (file, _) = self.parts.interpreter.reached();
        if file != self.file {
            file.clone_into(&mut self.file);
            if let Some(monitor) = &self.parts.monitor {
                monitor.reads(file);
            }
        }
    }

    /// Where the stream is, as exactly as events' headers tell: to the second.
    pub(super) fn note_time(&self, events: &[Event]) {
        if let Some(event) = events.iter().find(|event| event.timestamp > 0).filter(|_| !self.in_transaction) {
            self.parts.meter.reading(Some(header_ms(event) + 999));
        }
    }
}
