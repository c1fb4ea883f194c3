//! What a column holds, as the contract names it.

use crate::schema::Storage;

/// What a column holds: `rowmill.kind`. `docs/plugin-contract.md` has the table.
///
/// ```
/// use rowmill_sdk::{Kind, harness::{Opened, Rows}};
/// let opened = Opened::new(&Rows::sample())?;
/// let batch = opened.batch()?;
/// let is_date = |kind: Kind| matches!(kind, Kind::Date | Kind::Datetime | Kind::Timestamp);
/// let dates: Vec<&str> = batch.schema.columns.iter().filter(|column| is_date(column.kind)).map(|column| column.name.as_str()).collect();
/// assert_eq!(dates, ["day", "local", "instant"]);
/// assert_eq!((Kind::Datetime.name(), Kind::named("datetime"), Kind::named("money")), ("datetime", Some(Kind::Datetime), None));
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named as in the contract")]
pub enum Kind {
    #[default]
    Int,
    Year,
    Bit,
    Float,
    Double,
    Decimal,
    Date,
    Datetime,
    Timestamp,
    Time,
    String,
    Enum,
    Set,
    Json,
    Binary,
}

impl Kind {
    const ALL: [Self; 15] = [
        Self::Int,
        Self::Year,
        Self::Bit,
        Self::Float,
        Self::Double,
        Self::Decimal,
        Self::Date,
        Self::Datetime,
        Self::Timestamp,
        Self::Time,
        Self::String,
        Self::Enum,
        Self::Set,
        Self::Json,
        Self::Binary,
    ];

    /// What the contract calls it ([example](Self)).
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Year => "year",
            Self::Bit => "bit",
            Self::Float => "float",
            Self::Double => "double",
            Self::Decimal => "decimal",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Timestamp => "timestamp",
            Self::Time => "time",
            Self::String => "string",
            Self::Enum => "enum",
            Self::Set => "set",
            Self::Json => "json",
            Self::Binary => "binary",
        }
    }

    /// The kind that the contract calls `name` ([example](Self)).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether the contract stores it so.
    pub(crate) fn fits(self, storage: Storage) -> bool {
        use Storage::{Bits, Bytes, Decimal128, Decimal256, Float32, Float64, Int32, Int64, UInt16, UInt64};
        match self {
            Self::Int => !matches!(
                storage,
                Float32 | Float64 | Bits | Decimal128(_) | Decimal256(_) | Bytes | Storage::Other
            ),
            Self::Year | Self::Enum => storage == UInt16,
            Self::Bit => matches!(storage, Bits | UInt64),
            Self::Float => storage == Float32,
            Self::Double => storage == Float64,
            Self::Decimal => matches!(storage, Decimal128(_) | Decimal256(_)),
            Self::Date => storage == Int32,
            Self::Datetime | Self::Timestamp | Self::Time => storage == Int64,
            Self::Set => storage == UInt64,
            Self::String | Self::Json | Self::Binary => storage == Bytes,
        }
    }
}
