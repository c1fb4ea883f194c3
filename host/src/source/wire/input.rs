//! Bytes that have arrived and were not taken yet, in one piece of memory of a fixed size.

use std::io::Result;

/// As much is asked of the system at once; small enough to stay in the processor's second-level cache until it is taken.
const ROOM: usize = 1 << 18;

/// See above.
#[derive(Debug)]
pub(in crate::source) struct Input {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Input {
    /// Without bytes.
    pub(in crate::source) fn new() -> Self {
        Self {
            bytes: vec![0; ROOM].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// What has arrived.
    pub(in crate::source) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes the first `n` bytes away.
    pub(in crate::source) fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }

    /// Has `read` append bytes, and returns its answer. There is room unless nothing was taken since it was full.
    pub(in crate::source) fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> Result<usize>) -> Result<usize> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let read = read(self.bytes.get_mut(self.end..).unwrap_or_default())?;
        self.end = self.end.saturating_add(read).min(self.bytes.len());
        Ok(read)
    }
}
