//! What can be wrong with the bytes of one value. Where it stood (table, column, row) is added further up.

/// Why a value could not be decoded. The text never holds the value itself.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    /// Fewer bytes than the value needs.
    #[error("the value goes on past the end of the event")]
    Short,
    /// Rows that take no bytes could not be counted.
    #[error("a row image without any byte")]
    NoBytes,
    /// Text that its character set does not allow.
    #[error("bytes that are no text in {0}; mend the value or the column's character set at the source")]
    Charset(&'static str),
    /// A group of decimal digits out of range.
    #[error("a decimal group out of range")]
    Decimal,
    /// A part of a date or time out of range.
    #[error("{part} {value} in a {kind}")]
    Temporal {
        /// Such as `month`.
        part: &'static str,
        /// What it was.
        value: u64,
        /// Such as `DATE`.
        kind: &'static str,
    },
    /// An index past the labels.
    #[error("index {index} into an ENUM of {labels} labels")]
    Enum {
        /// What was stored.
        index: u16,
        /// How many there are.
        labels: u16,
    },
    /// Bits past the labels.
    #[error("the bits {0:#x} in a SET that has no labels for them")]
    Set(u64),
    /// More bits than the column is wide.
    #[error("a BIT value wider than its column")]
    Bit,
    /// More bytes than BINARY(n) holds.
    #[error("{0} bytes in a shorter BINARY column")]
    TooWide(usize),
    /// A value of a COMPRESSED column that can't be unpacked.
    #[error("a compressed value that is damaged")]
    Packed,
    /// A binary JSON document that contradicts itself.
    #[error("binary JSON in which {0}")]
    Json(&'static str),
    /// A difference of a JSON document that makes no sense, or none with this document.
    #[error("a JSON difference that {0}")]
    Difference(&'static str),
    /// A difference, and nothing that it can be applied to.
    #[error(
        "a JSON difference without the document before it, which binlog_row_image leaves out of the log; run SET GLOBAL \
         binlog_row_image=FULL or SET GLOBAL binlog_row_value_options='' on the server, then start after this transaction"
    )]
    NoDocument,
    /// Arrow's offsets are 32 bits wide.
    #[error("more than 2 GiB of text in one batch; lower batch.max_bytes")]
    TooMuchText,
}

impl Flaw {
    /// A short name for what is wrong with one row, whose end is known all the same; none where the log or the batch is at fault.
    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            Self::Charset(_) => Some("invalid_text"),
            Self::Decimal
            | Self::Temporal { .. }
            | Self::Enum { .. }
            | Self::Set(_)
            | Self::Bit
            | Self::TooWide(_)
            | Self::Packed
            | Self::Json(_) => Some("invalid_value"),
            Self::Short | Self::NoBytes | Self::Difference(_) | Self::NoDocument | Self::TooMuchText => None,
        }
    }
}
