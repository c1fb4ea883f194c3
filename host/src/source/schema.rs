//! Tables as the binlog describes them: one immutable value a version, shared by reference.

use super::charset::Charset;

/// Which family of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flavor {
    /// MySQL, Percona Server.
    Mysql,
    /// MariaDB.
    Mariadb,
}

/// What is known of the server that wrote the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Family.
    pub flavor: Flavor,
    /// `@@version`, or the format description event's.
    pub version: String,
    /// IANA name or offset such as `+08:00`; `UTC` where unknown (files).
    pub time_zone: String,
}

/// One version of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Differs between any two versions of any tables within the process.
    pub version: u32,
    /// Database.
    pub database: String,
    /// Table.
    pub name: String,
    /// In ordinal order.
    pub columns: Vec<Column>,
    /// Columns of 8 bytes that row images have behind these, though the table does not: hashes that MariaDB keeps for a UNIQUE key
    /// over more bytes than a key may have.
    pub hidden: usize,
    /// Ordinals of the key's columns in key order: primary key, else what the server logs as the row's key; empty without one.
    pub key: Vec<usize>,
}

impl Table {
    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        /// What the allocator takes for a text beside its bytes.
        const TEXT: usize = 16;
        let texts = |texts: &[String]| texts.iter().map(|text| size_of::<String>() + text.len() + TEXT).sum::<usize>();
        let column = |column: &Column| {
            let labels = match &column.kind {
                ColumnType::Enum { labels, .. } | ColumnType::Set { labels, .. } => texts(labels),
                _ => 0,
            };
            size_of::<Column>() + column.name.len() + column.type_text.len() + 2 * TEXT + labels
        };
        let columns: usize = self.columns.iter().map(column).sum();
        size_of::<Self>() + self.database.len() + self.name.len() + columns + self.key.len() * size_of::<usize>()
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Type as MySQL writes it, as far as it is known (no binlog tells the 1 of `tinyint(1)`).
    pub type_text: String,
    /// Why it is not known whether a TINYINT has a display width, and which; none where it is known, and for other types.
    pub width_unknown: Option<String>,
    /// How its values are stored in a row image.
    pub kind: ColumnType,
    /// Whether NULL is allowed.
    pub nullable: bool,
}

impl Column {
    /// Of its display width no log says anything, though it may matter.
    pub fn is_tinyint(&self) -> bool {
        matches!(self.kind, ColumnType::Int { bytes: 1, .. })
    }
}

/// How values are stored in a row image, with all that decoding needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnType {
    /// TINYINT (1 byte), SMALLINT 2, MEDIUMINT 3, INT 4, BIGINT 8; little-endian.
    Int {
        /// 1, 2, 3, 4 or 8.
        bytes: u8,
        /// UNSIGNED.
        unsigned: bool,
    },
    /// YEAR.
    Year,
    /// BIT(n).
    Bit {
        /// 1-64.
        bits: u8,
    },
    /// FLOAT.
    Float,
    /// DOUBLE.
    Double,
    /// DECIMAL(p,s).
    Decimal {
        /// 1-65.
        precision: u8,
        /// 0-30.
        scale: u8,
    },
    /// DATE, 3 bytes.
    Date,
    /// DATETIME2(f), from MySQL 5.6.
    Datetime {
        /// Fractional digits.
        fsp: u8,
    },
    /// TIMESTAMP2(f).
    Timestamp {
        /// Fractional digits.
        fsp: u8,
    },
    /// TIME2(f).
    Time {
        /// Fractional digits.
        fsp: u8,
    },
    /// TIMESTAMP, TIME, DATETIME in the form before MySQL 5.6, without fractional digits.
    Former(Former),
    /// CHAR, VARCHAR, TEXT.
    Text {
        /// Of the column.
        charset: Charset,
        /// Bytes of the length before the value: 1-4.
        length_bytes: u8,
    },
    /// BINARY(n): stored without trailing zero bytes, to be padded.
    FixedBinary {
        /// n, bytes.
        length: u16,
        /// Bytes of the length before the value.
        length_bytes: u8,
    },
    /// VARBINARY, BLOB, GEOMETRY, VECTOR.
    Binary {
        /// Bytes of the length before the value: 1-4.
        length_bytes: u8,
    },
    /// ENUM.
    Enum {
        /// In order, decoded to UTF-8.
        labels: Vec<String>,
        /// Bytes of the index: 1 or 2.
        bytes: u8,
    },
    /// SET.
    Set {
        /// In order, decoded to UTF-8.
        labels: Vec<String>,
        /// Bytes of the mask: 1-8.
        bytes: u8,
    },
    /// MariaDB's COMPRESSED columns: VARCHAR, TEXT, VARBINARY, BLOB.
    Packed {
        /// Of a text; none: bytes.
        charset: Option<Charset>,
        /// Bytes of the length before the packed value: 1-4.
        length_bytes: u8,
    },
    /// MariaDB's UUID, INET4, INET6: bytes in the log, text for people.
    Spelled {
        /// Which.
        spelling: Spelling,
        /// Bytes of the length before the value.
        length_bytes: u8,
    },
    /// JSON in MySQL's binary form.
    Json {
        /// Bytes of the length before the value.
        length_bytes: u8,
    },
    /// JSON as the text that the server prints: of rows that were read, not logged.
    JsonText,
    /// A type that is not decoded yet: a table that has one is refused by table, column and this text.
    Unsupported(String),
}

/// Which type before MySQL 5.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Former {
    /// TIMESTAMP: seconds since 1970, 4 bytes, little-endian like the others.
    Timestamp,
    /// TIME: digits `hhmmss` as a signed number of 3 bytes.
    Time,
    /// DATETIME: digits `YYYYMMDDhhmmss` as a number of 8 bytes.
    Datetime,
}

/// Which of MariaDB's types that are bytes in the log and text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// 16 bytes, in the order of the text.
    Uuid,
    /// 4 bytes.
    Inet4,
    /// 16 bytes.
    Inet6,
}

impl Spelling {
    /// Bytes of a value.
    pub fn bytes(self) -> usize {
        match self {
            Self::Uuid | Self::Inet6 => 16,
            Self::Inet4 => 4,
        }
    }
}
