//! One raw binlog event: header fields and body, nothing interpreted.

/// One binlog event, checksum verified and cut off.
#[derive(Debug, Clone, Default)]
pub struct Event {
    /// Seconds since 1970, UTC, when the statement began.
    pub timestamp: u32,
    /// Type code as on the wire.
    pub code: u8,
    /// Server where it originated.
    pub server_id: u32,
    /// Bytes of the event in the file, header and checksum included.
    pub size: u32,
    /// Offset of the next event in the file (low 32 bits); 0 for made-up events.
    pub end_pos: u32,
    /// Header flags.
    pub flags: u16,
    /// What follows the header.
    pub body: Vec<u8>,
}

/// Types of events that are known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// stub: the source room's author fills this in.
    Unknown(u8),
}
