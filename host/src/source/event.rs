//! One raw binlog event: header fields and body, nothing interpreted.

/// Bytes of an event's header, format version 4.
pub(super) const HEADER_LEN: usize = 19;

/// The event is not in the file; the server made it up for the connection.
const ARTIFICIAL: u16 = 0x20;

/// The writer allows readers that don't know the type to go on without it.
const IGNORABLE: u16 = 0x80;

/// Bytes of an event's body that are kept where a row image may have `row` of them (`limits.row`): an update has two, and what
/// stands before them is far smaller than the rest. A compressed transaction is one event, too.
pub(super) fn largest(row: usize) -> usize {
    row.saturating_mul(2).saturating_add(1 << 20)
}

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
    /// Bytes that are missing at the end of `body`: the event is larger than what one may take of memory.
    pub missing: u32,
}

impl Event {
    /// The fields of a header; the body stays empty.
    pub(super) fn from_header(header: &[u8; HEADER_LEN]) -> Self {
        let [t0, t1, t2, t3, code, i0, i1, i2, i3, s0, s1, s2, s3, p0, p1, p2, p3, f0, f1] = *header;
        Self {
            timestamp: u32::from_le_bytes([t0, t1, t2, t3]),
            code,
            server_id: u32::from_le_bytes([i0, i1, i2, i3]),
            size: u32::from_le_bytes([s0, s1, s2, s3]),
            end_pos: u32::from_le_bytes([p0, p1, p2, p3]),
            flags: u16::from_le_bytes([f0, f1]),
            ..Self::default()
        }
    }

    /// The header as it is on the wire; what a checksum begins with.
    pub(super) fn header(&self) -> [u8; HEADER_LEN] {
        let ([t0, t1, t2, t3], [i0, i1, i2, i3]) = (self.timestamp.to_le_bytes(), self.server_id.to_le_bytes());
        let ([s0, s1, s2, s3], [p0, p1, p2, p3]) = (self.size.to_le_bytes(), self.end_pos.to_le_bytes());
        let [f0, f1] = self.flags.to_le_bytes();
        [t0, t1, t2, t3, self.code, i0, i1, i2, i3, s0, s1, s2, s3, p0, p1, p2, p3, f0, f1]
    }

    /// A rotation that is not in the file: what follows is in `file` from `pos` on.
    pub(super) fn made_up_rotation(file: &str, pos: u64) -> Self {
        let mut body = pos.to_le_bytes().to_vec();
        body.extend_from_slice(file.as_bytes());
        let size = u32::try_from(body.len() + HEADER_LEN).unwrap_or(u32::MAX);
        Self {
            code: EventKind::ROTATE,
            size,
            flags: ARTIFICIAL,
            body,
            ..Self::default()
        }
    }

    /// The end of a file, which is not in the file.
    pub(super) fn made_up_end() -> Self {
        Self {
            code: EventKind::STOP,
            size: u32::try_from(HEADER_LEN).unwrap_or(u32::MAX),
            flags: ARTIFICIAL,
            ..Self::default()
        }
    }

    /// What it is.
    pub fn kind(&self) -> EventKind {
        EventKind::of(self.code)
    }

    /// Whether it is not in the file but was made up for the reader.
    pub fn is_made_up(&self) -> bool {
        self.end_pos == 0 || self.flags & ARTIFICIAL != 0
    }

    /// Whether the body is there to its end.
    pub fn is_whole(&self) -> bool {
        self.missing == 0
    }

    /// Whether the server allows readers that don't know it to go on.
    pub fn is_ignorable(&self) -> bool {
        self.flags & IGNORABLE != 0
    }
}

/// Types of events that are known by name. Format: MySQL's `binlog_event.h`, MariaDB's `log_event.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A statement, or BEGIN and COMMIT.
    Query,
    /// The server shut down.
    Stop,
    /// The next file.
    Rotate,
    /// INTVAR, RAND, USER_VAR: values that belong to the statement after them.
    StatementValue,
    /// A piece of LOAD DATA that was logged as a statement.
    LoadData,
    /// The first of each file: version, lengths, checksum.
    FormatDescription,
    /// Commit, with the engine's transaction id.
    Xid,
    /// Describes the table of the row events after it.
    TableMap,
    /// WRITE_ROWS.
    WriteRows {
        /// 1: MySQL 5.5; 2: with extra data.
        version: u8,
    },
    /// UPDATE_ROWS.
    UpdateRows {
        /// 1: MySQL 5.5; 2: with extra data.
        version: u8,
    },
    /// DELETE_ROWS.
    DeleteRows {
        /// 1: MySQL 5.5; 2: with extra data.
        version: u8,
    },
    /// The server lost events.
    Incident,
    /// The connection is alive.
    Heartbeat,
    /// IGNORABLE and ROWS_QUERY, MariaDB's ANNOTATE_ROWS and BINLOG_CHECKPOINT: nothing that changes rows.
    Comment,
    /// A transaction begins.
    Gtid,
    /// A transaction begins; it has no id.
    AnonymousGtid,
    /// A transaction begins; its id has a tag.
    GtidTagged,
    /// All GTIDs of the files before.
    PreviousGtids,
    /// TRANSACTION_CONTEXT and VIEW_CHANGE: group replication's own.
    GroupReplication,
    /// A transaction was prepared, its outcome comes later.
    XaPrepare,
    /// Updates of JSON columns as differences.
    PartialUpdateRows,
    /// A compressed transaction.
    TransactionPayload,
    /// MariaDB's: a transaction begins, or a statement that is one.
    DomainGtid,
    /// MariaDB's: all GTIDs of the files before.
    GtidList,
    /// MariaDB's: the rest of the file is encrypted.
    StartEncryption,
    /// MariaDB's: a compressed statement.
    CompressedQuery,
    /// MariaDB's WRITE_ROWS, compressed.
    CompressedWriteRows {
        /// As of `WriteRows`.
        version: u8,
    },
    /// MariaDB's UPDATE_ROWS, compressed.
    CompressedUpdateRows {
        /// As of `UpdateRows`.
        version: u8,
    },
    /// MariaDB's DELETE_ROWS, compressed.
    CompressedDeleteRows {
        /// As of `DeleteRows`.
        version: u8,
    },
    /// Anything else.
    Unknown(u8),
}

impl EventKind {
    /// Code of STOP.
    pub(super) const STOP: u8 = 3;
    /// Code of ROTATE.
    pub(super) const ROTATE: u8 = 4;
    /// Code of FORMAT_DESCRIPTION.
    pub(super) const FORMAT_DESCRIPTION: u8 = 15;

    /// The type with this code.
    pub fn of(code: u8) -> Self {
        match code {
            2 => Self::Query,
            3 => Self::Stop,
            4 => Self::Rotate,
            5 | 13 | 14 => Self::StatementValue,
            6 | 8..=12 | 17 | 18 => Self::LoadData,
            15 => Self::FormatDescription,
            16 => Self::Xid,
            19 => Self::TableMap,
            23 => Self::WriteRows { version: 1 },
            24 => Self::UpdateRows { version: 1 },
            25 => Self::DeleteRows { version: 1 },
            26 => Self::Incident,
            27 | 41 => Self::Heartbeat,
            28 | 29 => Self::Comment,
            30 => Self::WriteRows { version: 2 },
            31 => Self::UpdateRows { version: 2 },
            32 => Self::DeleteRows { version: 2 },
            33 => Self::Gtid,
            34 => Self::AnonymousGtid,
            35 => Self::PreviousGtids,
            36 | 37 => Self::GroupReplication,
            38 => Self::XaPrepare,
            39 => Self::PartialUpdateRows,
            40 => Self::TransactionPayload,
            42 => Self::GtidTagged,
            // ANNOTATE_ROWS tells the statement, BINLOG_CHECKPOINT what the server itself needs after a crash.
            160 | 161 => Self::Comment,
            162 => Self::DomainGtid,
            163 => Self::GtidList,
            164 => Self::StartEncryption,
            165 => Self::CompressedQuery,
            166 => Self::CompressedWriteRows { version: 1 },
            167 => Self::CompressedUpdateRows { version: 1 },
            168 => Self::CompressedDeleteRows { version: 1 },
            169 => Self::CompressedWriteRows { version: 2 },
            170 => Self::CompressedUpdateRows { version: 2 },
            171 => Self::CompressedDeleteRows { version: 2 },
            _ => Self::Unknown(code),
        }
    }

    /// The name that MySQL's documentation gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "QUERY",
            Self::Stop => "STOP",
            Self::Rotate => "ROTATE",
            Self::StatementValue => "INTVAR/RAND/USER_VAR",
            Self::LoadData => "LOAD DATA",
            Self::FormatDescription => "FORMAT_DESCRIPTION",
            Self::Xid => "XID",
            Self::TableMap => "TABLE_MAP",
            Self::WriteRows { .. } => "WRITE_ROWS",
            Self::UpdateRows { .. } => "UPDATE_ROWS",
            Self::DeleteRows { .. } => "DELETE_ROWS",
            Self::Incident => "INCIDENT",
            Self::Heartbeat => "HEARTBEAT",
            Self::Comment => "ROWS_QUERY",
            Self::Gtid => "GTID",
            Self::AnonymousGtid => "ANONYMOUS_GTID",
            Self::GtidTagged => "GTID_TAGGED",
            Self::PreviousGtids => "PREVIOUS_GTIDS",
            Self::GroupReplication => "VIEW_CHANGE",
            Self::XaPrepare => "XA_PREPARE",
            Self::PartialUpdateRows => "PARTIAL_UPDATE_ROWS",
            Self::TransactionPayload => "TRANSACTION_PAYLOAD",
            Self::DomainGtid => "MariaDB GTID",
            Self::GtidList => "GTID_LIST",
            Self::StartEncryption => "START_ENCRYPTION",
            Self::CompressedQuery => "QUERY_COMPRESSED",
            Self::CompressedWriteRows { .. } => "WRITE_ROWS_COMPRESSED",
            Self::CompressedUpdateRows { .. } => "UPDATE_ROWS_COMPRESSED",
            Self::CompressedDeleteRows { .. } => "DELETE_ROWS_COMPRESSED",
            Self::Unknown(_) => "unknown",
        }
    }
}
