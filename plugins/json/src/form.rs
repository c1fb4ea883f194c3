//! How a column is written, chosen once when its schema is opened.

use rowmill_sdk::json::Fragments;
use rowmill_sdk::{Field, Kind};

/// A column's form. Labels are JSON texts in the table's fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A whole number.
    Integer,
    /// `true` for an integer that is not 0.
    Truth,
    /// `true` or `false` of one bit, the number of several.
    Bit,
    /// The number of a bit or of several.
    BitNumber,
    /// Base64 of so many bytes of bits, the lowest first.
    BitBytes(u8),
    /// The fewest digits that read back as the same float.
    Float,
    /// The fewest digits that read back as the same double.
    Double,
    /// A float in the form of Java: `12.0`, `1.5E10`.
    JavaFloat,
    /// A double in the form of Java.
    JavaDouble,
    /// Every digit, as a number or quoted.
    Decimal {
        /// Quoted.
        quoted: bool,
    },
    /// Base64 of the unscaled value of a DECIMAL or an unsigned integer: two's complement, the highest byte first, no byte too many.
    Unscaled,
    /// The nearest double of a DECIMAL or an unsigned integer.
    Rounded,
    /// An unsigned integer, quoted.
    QuotedInteger,
    /// An unsigned integer that must be below 2^63.
    Signed,
    /// Milliseconds of a DATE in the zone.
    Date,
    /// Days of a DATE since 1970.
    Days,
    /// A DATE as MySQL prints it, followed by `suffix` (nothing, or `Z`).
    DateText {
        /// What stands behind it, or 0.
        suffix: u8,
    },
    /// Milliseconds of a DATETIME in the zone.
    Datetime,
    /// A DATETIME as MySQL prints it.
    DatetimeText {
        /// Fractional digits.
        fsp: u8,
    },
    /// Milliseconds of a TIMESTAMP, or of a DATETIME as if it were of UTC.
    Timestamp,
    /// A YEAR in four digits.
    Year,
    /// Microseconds of whatever is stored so.
    Microseconds,
    /// A TIMESTAMP or DATETIME as `2024-02-29T23:59:59Z`.
    Instant {
        /// Fractional digits.
        fsp: u8,
    },
    /// A TIMESTAMP as MySQL prints it in the zone.
    Local {
        /// Fractional digits.
        fsp: u8,
    },
    /// A TIME as MySQL prints it, followed by `suffix`.
    Time {
        /// Fractional digits.
        fsp: u8,
        /// What stands behind it, or 0.
        suffix: u8,
    },
    /// Milliseconds of a TIME that must be within a day.
    DayTime,
    /// A text.
    Text,
    /// A JSON document, as the value that it is.
    Document,
    /// A JSON document as a text, without spaces between its parts.
    Compact,
    /// Label `i` is fragment `first + i`, quoted; 0 is the empty error value.
    Label {
        /// Fragment of the error value.
        first: usize,
        /// Labels, the error value included.
        count: usize,
    },
    /// Label `i` is fragment `first + i`, without quotes; joined by commas.
    Labels {
        /// Fragment of the first.
        first: usize,
        /// Labels.
        count: usize,
    },
    /// The same as a list of texts.
    LabelList {
        /// Fragment of the first.
        first: usize,
        /// Labels.
        count: usize,
    },
    /// Bytes as a text.
    Bytes(Binary),
    /// A GEOMETRY as an object of `wkb` and `srid`.
    Geometry,
    /// A POINT as an object of `x`, `y`, `wkb` and `srid`.
    Point,
    /// A geometry as well-known text, without its SRID.
    WellKnownText,
    /// A VECTOR as a list of numbers.
    Vector,
}

/// How bytes become a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// Standard base64.
    Base64,
    /// Base64 by the alphabet for URLs, with padding.
    UrlSafe,
    /// Hexadecimal digits in lower case.
    Hex,
    /// A character for each byte: U+0000 to U+00FF.
    Latin1,
}

impl Form {
    /// Whether it writes dates, of which some may be odd.
    pub fn is_date(self) -> bool {
        matches!(
            self,
            Self::Date
                | Self::Days
                | Self::DateText { .. }
                | Self::Datetime
                | Self::DatetimeText { .. }
                | Self::Timestamp
                | Self::Microseconds
                | Self::Instant { .. }
                | Self::Local { .. }
        )
    }

    /// Whether it writes the labels of an ENUM or SET.
    pub(crate) fn has_labels(self) -> bool {
        matches!(self, Self::Label { .. } | Self::Labels { .. } | Self::LabelList { .. })
    }

    /// Whether a value is bare: a number or the like, without quotes of its own.
    pub(crate) fn is_bare(self) -> bool {
        matches!(
            self,
            Self::Integer
                | Self::Truth
                | Self::Bit
                | Self::BitNumber
                | Self::Float
                | Self::Double
                | Self::JavaFloat
                | Self::JavaDouble
                | Self::Year
                | Self::Decimal { quoted: false }
                | Self::Rounded
                | Self::Signed
                | Self::Date
                | Self::Days
                | Self::Datetime
                | Self::Timestamp
                | Self::Microseconds
                | Self::DayTime
        )
    }
}

/// Whether a column of bytes is a GEOMETRY or one of its kinds, in the names of both servers.
pub fn is_geometry(field: &Field) -> bool {
    let kinds = [
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geomcollection",
        "geometrycollection",
    ];
    field.kind == Kind::Binary && kinds.contains(&field.mysql_type.as_str())
}

/// The form of an ENUM as its label; the labels go into `fragments`.
pub fn labels(field: &Field, fragments: &mut Fragments) -> Form {
    let first = fragments.push(b"\"\"");
    for label in &field.labels {
        fragments.push(&rowmill_sdk::json::string(label));
    }
    Form::Label {
        first,
        count: field.labels.len() + 1,
    }
}

/// Puts the labels of a SET into `fragments`, without their quotes; the number of the first, and how many they are.
pub fn labels_within(field: &Field, fragments: &mut Fragments) -> (usize, usize) {
    let mut first = None;
    for label in &field.labels {
        let text = rowmill_sdk::json::string(label);
        let inner = text
            .strip_prefix(b"\"")
            .and_then(|text| text.strip_suffix(b"\""))
            .unwrap_or_default();
        let at = fragments.push(inner);
        first.get_or_insert(at);
    }
    (first.unwrap_or(0), field.labels.len())
}

/// A column in the form that needs nobody's option: numbers with every digit, dates and times as MySQL prints them, TIMESTAMP as
/// `2024-02-29T23:59:59Z`, bytes in base64.
pub fn plain_form(field: &Field, fragments: &mut Fragments) -> Form {
    let fsp = field.fsp;
    match field.kind {
        Kind::Int | Kind::Year => Form::Integer,
        Kind::Bit => Form::Bit,
        Kind::Float => Form::Float,
        Kind::Double => Form::Double,
        Kind::Decimal => Form::Decimal { quoted: false },
        Kind::Date => Form::DateText { suffix: 0 },
        Kind::Datetime => Form::DatetimeText { fsp },
        Kind::Timestamp => Form::Instant { fsp },
        Kind::Time => Form::Time { fsp, suffix: 0 },
        Kind::String | Kind::Json => Form::Text,
        Kind::Binary => Form::Bytes(Binary::Base64),
        Kind::Enum => labels(field, fragments),
        Kind::Set => {
            let (first, count) = labels_within(field, fragments);
            Form::Labels { first, count }
        }
    }
}
