//! How a column is rendered, chosen once when its schema is opened.

use rowmill_sdk::json::Fragments;
use rowmill_sdk::{Error, Field, Kind};

use crate::options::{DatetimeForm, DecimalForm, Options, TinyInt1};

/// A column's rendering. Labels are JSON texts in the table's fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Integer,
    /// BOOLEAN of an integer.
    Truth,
    /// BOOLEAN of a bit, or the integer of several.
    Bit {
        single: bool,
    },
    Float,
    Double,
    Decimal {
        quoted: bool,
    },
    Date,
    Datetime,
    DatetimeText {
        fsp: u8,
    },
    Timestamp,
    Time {
        fsp: u8,
    },
    Text,
    /// Label `i` is fragment `first + i`, quoted; 0 is the empty error value.
    Label {
        first: usize,
        count: usize,
    },
    /// Label `i` is fragment `first + i`, without quotes.
    Labels {
        first: usize,
        count: usize,
    },
    Base64,
}

impl Form {
    /// The rendering of a column; its labels go into `fragments`.
    pub(crate) fn of(field: &Field, options: &Options, fragments: &mut Fragments) -> Self {
        let fsp = field.fsp;
        match field.kind {
            Kind::Int if options.tinyint1 == TinyInt1::Boolean && is_tinyint1(&field.mysql_type) => Self::Truth,
            Kind::Int | Kind::Year => Self::Integer,
            Kind::Bit => Self::Bit {
                single: field.length.unwrap_or(1) == 1,
            },
            Kind::Float => Self::Float,
            Kind::Double => Self::Double,
            Kind::Decimal => Self::Decimal {
                quoted: options.decimal == DecimalForm::String,
            },
            Kind::Date => Self::Date,
            Kind::Datetime if options.datetime == DatetimeForm::String => Self::DatetimeText { fsp },
            Kind::Datetime => Self::Datetime,
            Kind::Timestamp => Self::Timestamp,
            Kind::Time => Self::Time { fsp },
            Kind::String | Kind::Json => Self::Text,
            Kind::Binary => Self::Base64,
            Kind::Enum => {
                let first = fragments.push(b"\"\"");
                for label in &field.labels {
                    fragments.push(&rowmill_sdk::json::string(label));
                }
                Self::Label {
                    first,
                    count: field.labels.len() + 1,
                }
            }
            Kind::Set => {
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
                Self::Labels {
                    first: first.unwrap_or(0),
                    count: field.labels.len(),
                }
            }
        }
    }

    /// The rendering of a column that is only described, as in a DDL event.
    pub(crate) fn described(kind: Kind, mysql_type: &str, length: Option<u32>, options: &Options) -> Self {
        let mut field = Field::of_kind(kind);
        mysql_type.clone_into(&mut field.mysql_type);
        field.length = length;
        Self::of(&field, options, &mut Fragments::default())
    }

    /// What the envelope's `dataColumn` calls it.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Truth | Self::Bit { single: true } => "BOOLEAN",
            Self::Integer | Self::Bit { single: false } => "LONG",
            Self::Float | Self::Double | Self::Decimal { quoted: false } => "DOUBLE",
            Self::Date | Self::Datetime | Self::Timestamp => "DATE",
            Self::Decimal { quoted: true }
            | Self::DatetimeText { .. }
            | Self::Time { .. }
            | Self::Text
            | Self::Label { .. }
            | Self::Labels { .. } => "STRING",
            Self::Base64 => "BYTES",
        }
    }

    /// Whether it renders dates, of which some may be odd.
    pub(crate) fn is_date(self) -> bool {
        matches!(self, Self::Date | Self::Datetime | Self::DatetimeText { .. } | Self::Timestamp)
    }
}

/// Refuses a column of which nobody can tell whether it is a TINYINT(1), where that matters: `full` is `database.table.column`.
pub(crate) fn demand_width(width_unknown: Option<&str>, full: impl FnOnce() -> String, options: &Options) -> Result<(), Error> {
    match width_unknown {
        Some(reason) if options.tinyint1 == TinyInt1::Boolean => Err(Error::new(
            "unknown-width",
            format!(
                "whether column {} is a TINYINT(1) or another TINYINT can't be told, and `tinyint1 = \"boolean\"` needs it: {reason}; set \
                 `tinyint1 = \"long\"`, leave the table out, or take a new snapshot and start after that",
                full()
            ),
        )),
        _ => Ok(()),
    }
}

/// `tinyint(1)`, with or without what may follow it.
fn is_tinyint1(mysql_type: &str) -> bool {
    mysql_type
        .split(' ')
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("tinyint(1)"))
}
