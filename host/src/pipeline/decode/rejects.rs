//! Rows that could not be decoded, on their way past the plugins.

use super::{End, Job, Stage};
use crate::pipeline::letters::Letter;

impl Stage<'_> {
    /// Sends on what the batcher has left out.
    pub(super) fn send_rejected(&mut self) -> Result<(), End> {
        for undecoded in self.parts.batcher.take_rejected() {
            let letter = Letter::of_undecoded(undecoded, self.parts.on_error);
            let bytes = letter.bytes();
            if !self.output.push(Job::Letter(Box::new(letter)), bytes) {
                return Err(End::Left);
            }
        }
        Ok(())
    }
}
