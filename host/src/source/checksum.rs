//! CRC32 of events, as MySQL computes it.

use super::event::{Event, EventKind};

/// The file is still open for writing: set and cleared in place, so never part of the checksum.
const IN_USE: u16 = 1;

/// Bytes of a checksum.
pub(super) const LEN: usize = 4;

impl Event {
    /// CRC32 over header and body.
    pub(super) fn crc(&self) -> u32 {
        let header = if self.code == EventKind::FORMAT_DESCRIPTION && self.flags & IN_USE != 0 {
            let flags = self.flags & !IN_USE;
            Self {
                body: Vec::new(),
                flags,
                ..*self
            }
            .header()
        } else {
            self.header()
        };
        let mut crc = crc32fast::Hasher::new();
        crc.update(&header);
        crc.update(&self.body);
        crc.finalize()
    }

    /// Cuts off the body's last four bytes where they are its checksum, and says whether they were.
    pub(super) fn cut_checksum(&mut self) -> bool {
        let Some((_, stored)) = self.body.split_last_chunk::<LEN>() else {
            return false;
        };
        let stored = *stored;
        self.body.truncate(self.body.len() - LEN);
        let right = self.crc() == u32::from_le_bytes(stored);
        if !right {
            self.body.extend_from_slice(&stored);
        }
        right
    }

    /// Of a format description whose body's checksum has been cut off: whether the file's events have checksums.
    /// `None` for an algorithm that isn't known.
    pub(super) fn announces_checksums(&self) -> Option<bool> {
        match self.body.last() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        }
    }
}
