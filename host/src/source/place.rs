//! Where in which file the events are that pass by.

use super::event::Event;

/// The file, and the event that was read last.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// Binlog file, without a folder.
    pub(super) file: String,
    /// Offset of the event.
    pub(super) start: u64,
    /// Offset of the one after it.
    pub(super) end: u64,
}

impl Place {
    /// Moves to `event`. Headers hold the low 32 bits of an offset; in files past 4 GiB the rest is counted here.
    pub(super) fn pass(&mut self, event: &Event) {
        if event.is_made_up() {
            self.start = self.end;
            return;
        }
        let mut end = (self.end & !u64::from(u32::MAX)) | u64::from(event.end_pos);
        if end < self.end {
            end = end.saturating_add(1 << 32);
        }
        self.start = end.saturating_sub(u64::from(event.size));
        self.end = end;
    }

    /// Moves to another file.
    pub(super) fn rotate(&mut self, file: &str, pos: u64) {
        file.clone_into(&mut self.file);
        self.start = pos;
        self.end = pos;
    }

    /// The event's name and place, for error texts.
    pub(super) fn describe(&self, event: &Event) -> String {
        let kind = event.kind();
        let file = if self.file.is_empty() { "binlog" } else { &self.file };
        format!("{} event (type {}) at {file}:{}", kind.name(), event.code, self.start)
    }
}
